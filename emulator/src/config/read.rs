//! Reading the mirror from the tree without stopping at the first mistake.
//!
//! A derived `Deserialize` gives up at the first thing it does not like. [`Located`] is where it gets up again: it takes
//! the mistake down with its place, stands in as `Err(Reported)`, and the next field is read. Unknown, repeated and
//! missing keys are found by the deserializer itself, which serde tells the fields of every mapping. So one reading
//! of the file finds everything that is wrong with its form:
//!
//! ```text
//! emulator.yaml:3:3: /vpcs/0/vpcid: unknown key; the keys here are `vpc_id`, `region`, `cidr_block`
//! emulator.yaml:3:3: /vpcs/0: the key `vpc_id` is missing
//! emulator.yaml:9:1: /projects: expected a list, found a text
//! ```

use std::{borrow::Cow, collections::BTreeSet, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
        Visitor,
    },
    forward_to_deserialize_any,
};

use super::{
    problems::{Place, Report, Reported},
    yaml::{Content, Key, Node, NumberValue},
};

/// A value of the file with its place, or the proof that it was reported
#[derive(Debug)]
pub(super) struct Located<T> {
    pub(super) place: Place,
    pub(super) value: Result<T, Reported>,
}

/// A list whose elements recover one by one
pub(super) type List<T> = Located<Vec<Located<T>>>;

/// Reads `T` from a whole file
pub(super) fn read<'de, T: Deserialize<'de>>(tree: &'de Node, report: &Report<'_>) -> Located<T> {
    let root = NodeReader {
        node: Some(tree),
        place: Place::root(),
        report,
    };
    Located::deserialize(root).expect("a located value is read whatever the node is")
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LocatedVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
            type Value = Located<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Located<T>, A::Error> {
                let pointer: String = parts
                    .next_element()?
                    .ok_or_else(|| A::Error::custom("no place"))?;
                let value = match parts.next_element::<T>() {
                    Ok(Some(value)) => Ok(value),
                    // `LocatedParts` has taken it down.
                    Ok(None) | Err(_) => Err(Reported::by_the_reader()),
                };
                Ok(Located {
                    place: Place::root().descend(&pointer),
                    value,
                })
            }
        }

        deserializer.deserialize_newtype_struct(LOCATED, LocatedVisitor(PhantomData))
    }
}

/// Deserializes one node; `None` is a key that a mapping does not have
struct NodeReader<'de, 'r, 't> {
    node: Option<&'de Node>,
    place: Place,
    report: &'r Report<'t>,
}

impl<'de> NodeReader<'de, '_, '_> {
    /// The node, or that it is missing
    fn present(&self) -> Result<&'de Node, ReadError> {
        self.node.ok_or_else(|| ReadError("missing".to_owned()))
    }

    fn mapping<'v>(&self, members: &'v [(Key, Node)]) -> Vec<&'v (Key, Node)> {
        let mut seen = BTreeSet::new();
        let mut first_of_each = Vec::with_capacity(members.len());
        for member in members {
            if seen.insert(&member.0.text) {
                first_of_each.push(member);
            } else {
                let place = self.place.child(&member.0.text);
                self.report
                    .problem(&place, format!("the key `{}` is there twice", member.0.text));
            }
        }
        first_of_each
    }
}

impl<'de> Deserializer<'de> for NodeReader<'de, '_, '_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.present()?.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Number(number) => match number.value {
                NumberValue::Unsigned(value) => visitor.visit_u64(value),
                NumberValue::Signed(value) => visitor.visit_i64(value),
                NumberValue::Float(value) => visitor.visit_f64(value),
            },
            Content::Text(text) => visitor.visit_borrowed_str(text),
            Content::List(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
                place: self.place,
                report: self.report,
            }),
            Content::Mapping(members) => {
                let members = self.mapping(members);
                visitor.visit_map(Members {
                    members: members
                        .into_iter()
                        .map(|(key, node)| (Cow::Borrowed(&*key.text), Some(node)))
                        .collect(),
                    next: 0,
                    place: self.place,
                    report: self.report,
                })
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let node = self.present()?;
        let Content::Mapping(members) = &node.content else {
            // Not left to serde, which would also take a list of the fields in their order.
            return Err(ReadError(format!("expected a mapping, found {}", node.kind())));
        };
        let mut known = Vec::with_capacity(fields.len());
        for (key, node) in self.mapping(members) {
            if fields.contains(&key.text.as_str()) {
                known.push((Cow::Borrowed(&*key.text), Some(node)));
            } else {
                self.report
                    .problem(&self.place.child(&key.text), unknown_key(&key.text, fields));
            }
        }
        // Keys that are not there are read too: an optional one is `None`, a required one is taken down as missing.
        for field in fields {
            if !known.iter().any(|(key, _)| key == field) {
                known.push((Cow::Borrowed(*field), None));
            }
        }
        visitor.visit_map(Members {
            members: known,
            next: 0,
            place: self.place,
            report: self.report,
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name == LOCATED {
            visitor.visit_seq(LocatedParts {
                reader: Some(self),
                place_is_told: false,
            })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.node.is_some() {
            visitor.visit_some(self)
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        // Who asks for a text gets what is written: `version: 1`, `account_id: 012345678901`.
        match &self.present()?.content {
            Content::Number(number) => visitor.visit_borrowed_str(&number.spelling),
            Content::Bool(value) => visitor.visit_borrowed_str(if *value { "true" } else { "false" }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.present()?.content {
            Content::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => Err(ReadError(format!(
                "expected a text, found {}",
                self.present()?.kind()
            ))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// The two parts of a [`Located`]: its place, then its value
struct LocatedParts<'de, 'r, 't> {
    reader: Option<NodeReader<'de, 'r, 't>>,
    place_is_told: bool,
}

impl<'de> SeqAccess<'de> for LocatedParts<'de, '_, '_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        if !self.place_is_told {
            self.place_is_told = true;
            let place = self.reader.as_ref().map_or("", |reader| reader.place.pointer());
            return seed.deserialize(place.into_deserializer()).map(Some);
        }
        let Some(reader) = self.reader.take() else {
            return Ok(None);
        };
        let (place, report) = (reader.place.clone(), reader.report);
        if reader.node.is_none() {
            let (around, key) = place.split_last();
            report.problem(&around, format!("the key `{key}` is missing"));
            return Ok(None);
        }
        seed.deserialize(reader).map(Some).inspect_err(|error| {
            report.problem(&place, &*error.0);
        })
    }
}

struct Items<'de, 'r, 't> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
    place: Place,
    report: &'r Report<'t>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_, '_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some((index, node)) = self.items.next() else {
            return Ok(None);
        };
        let reader = NodeReader {
            node: Some(node),
            place: self.place.child(index),
            report: self.report,
        };
        seed.deserialize(reader).map(Some)
    }
}

struct Members<'de, 'r, 't> {
    members: Vec<(Cow<'de, str>, Option<&'de Node>)>,
    next: usize,
    place: Place,
    report: &'r Report<'t>,
}

impl<'de> MapAccess<'de> for Members<'de, '_, '_> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some((key, _)) = self.members.get(self.next) else {
            return Ok(None);
        };
        seed.deserialize(key.as_ref().into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let (key, node) = self
            .members
            .get(self.next)
            .expect("serde asks for a value after its key");
        let reader = NodeReader {
            node: *node,
            place: self.place.child(key),
            report: self.report,
        };
        self.next += 1;
        seed.deserialize(reader)
    }
}

/// A mistake whose place the nearest [`Located`] knows
#[derive(Debug)]
struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(true) => "`true`",
            Unexpected::Bool(false) => "`false`",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
            Unexpected::Float(_) => "a number with a fraction",
            Unexpected::Unit | Unexpected::Option => "nothing (leave the key out for its default)",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a mapping",
            // Not the text itself: it may be a secret.
            _ => "a text",
        };
        Self(format!(
            "expected {}, found {found}",
            in_our_words(&expected.to_string())
        ))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unsigned(value) => {
                Self(format!("{value} is not {}", in_our_words(&expected.to_string())))
            }
            Unexpected::Signed(value) => {
                Self(format!("{value} is not {}", in_our_words(&expected.to_string())))
            }
            _ => Self::invalid_type(found, expected),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self(format!("`{variant}` is not one of {}", quoted(expected)))
    }
}

/// serde's and Rust's names of things, as a reader of the file would call them
fn in_our_words(expected: &str) -> &str {
    match expected {
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "a boolean" => "`true` or `false`",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "f32" | "f64" => "a number",
        _ if expected.starts_with("struct ") => "a mapping",
        _ => expected,
    }
}

fn unknown_key(key: &str, fields: &[&str]) -> String {
    // Half a key is meant for the whole one, as `clock_skew` for `clock_skew_seconds`.
    let begun = fields
        .iter()
        .find(|field| key.len() >= 4 && field.starts_with(key));
    let nearest = begun.map(|field| (0, field)).or_else(|| nearest(key, fields));
    match nearest {
        Some((_, field)) => format!("unknown key; did you mean `{field}`?"),
        None => format!("unknown key; the keys here are {}", quoted(fields)),
    }
}

fn nearest<'a>(key: &str, fields: &'a [&'a str]) -> Option<(usize, &'a &'a str)> {
    fields
        .iter()
        .map(|field| (edits(key, field), field))
        .filter(|(edits, field)| *edits <= field.len() / 3)
        .min()
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How many letters must be added, taken away or changed (Levenshtein)
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(64).collect(), to.chars().collect());
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

/// The name by which [`Located`] asks [`NodeReader`] for place and value
const LOCATED: &str = "lookoutvision-emulator located value";
