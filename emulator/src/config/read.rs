//! Reading the mirror from the tree without stopping at the first mistake.
//!
//! A mistake is taken down where it is, with its place, and [`Located`] stands in for what could not be read as
//! `Err(Reported)`, so that the next field is read. Unknown, repeated and missing keys are found by [`mapping!`], which
//! knows the fields of every mapping. So one reading of the file finds everything that is wrong with its form:
//!
//! ```text
//! emulator.yaml:3:3: /vpcs/0/vpcid: unknown key; the keys here are `vpc_id`, `region`, `cidr_block`
//! emulator.yaml:3:3: /vpcs/0: the key `vpc_id` is missing
//! emulator.yaml:9:1: /projects: expected a list, found a text
//! ```
//!
//! A derived `Deserialize` gives up at its first mistake, and can be made to go on only by a deserializer that serde
//! did not mean, and the machine code of that is several times as large.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use client_text::spelling::{self, quoted};
use serde::{
    Deserialize,
    de::{self, IntoDeserializer, value::StrDeserializer},
};
use serde_json::{Map, Value};

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
pub(super) fn read<T: FromNode>(tree: &Node, report: &Report<'_>) -> Located<T> {
    Located::read(&Reader {
        node: tree,
        place: Place::root(),
        report,
    })
}

/// What one node of the tree can be read as
pub(super) trait FromNode: Sized {
    /// The value, or what is wrong with the node itself; what is wrong further in, `reader` takes down.
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake>;
}

/// What a key of a mapping can be read as, whether it is there or not
pub(super) trait FromMember: Sized {
    /// The value of `key`
    fn from_member(members: &Members<'_>, key: &str) -> Self;
}

/// Declares a mapping of the file: its fields are its keys
macro_rules! mapping {
    (
        $(#[$about:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$about_field:meta])* $field_visibility:vis $field:ident: $type:ty,)+
        }
    ) => {
        #[derive(schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        $(#[$about])*
        $visibility struct $name {
            $($(#[$about_field])* $field_visibility $field: $type,)+
        }

        impl $crate::config::read::FromNode for $name {
            fn from_node(
                reader: &$crate::config::read::Reader<'_>,
            ) -> Result<Self, $crate::config::read::Mistake> {
                use $crate::config::read::FromMember;

                let members = reader.members(&[$(stringify!($field)),+])?;
                Ok(Self { $($field: FromMember::from_member(&members, stringify!($field)),)+ })
            }
        }
    };
}

/// Declares which method of [`Reader`] reads values of these types
macro_rules! read_as {
    ($($method:ident: $($type:ty),+;)+) => {
        $($(impl $crate::config::read::FromNode for $type {
            fn from_node(
                reader: &$crate::config::read::Reader<'_>,
            ) -> Result<Self, $crate::config::read::Mistake> {
                reader.$method()
            }
        })+)+
    };
}

pub(super) use {mapping, read_as};

impl<T: FromNode> Located<T> {
    fn read(reader: &Reader<'_>) -> Self {
        Self {
            place: reader.place.clone(),
            value: T::from_node(reader).map_err(|mistake| reader.report(mistake)),
        }
    }
}

impl<T: FromNode> FromMember for Option<Located<T>> {
    fn from_member(members: &Members<'_>, key: &str) -> Self {
        members.get(key).map(Located::read)
    }
}

impl<T: FromNode> FromMember for Located<T> {
    fn from_member(members: &Members<'_>, key: &str) -> Self {
        members.get(key).map_or_else(
            || Self {
                place: members.around.place.child(key),
                value: Err(members
                    .around
                    .report(Mistake(format!("the key `{key}` is missing")))),
            },
            Self::read,
        )
    }
}

impl<T: FromNode> FromNode for Vec<Located<T>> {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        let Content::List(elements) = &reader.node.content else {
            return Err(reader.expected("a list"));
        };
        let elements = reader.elements(elements);
        Ok(elements.map(|element| Located::read(&element)).collect())
    }
}

impl<T: FromNode> FromNode for BTreeMap<String, Located<T>> {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        let entries = reader.mapping()?.into_iter();
        Ok(BTreeMap::from_iter(
            entries.map(|(key, value)| (key.to_owned(), Located::read(&value))),
        ))
    }
}

impl FromNode for String {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        reader.text().map(str::to_owned)
    }
}

impl FromNode for bool {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        match reader.node.content {
            Content::Bool(value) => Ok(value),
            _ => Err(reader.expected("`true` or `false`")),
        }
    }
}

impl FromNode for u64 {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        const EXPECTED: &str = "a whole number from 0 on";
        match &reader.node.content {
            Content::Number(number) => match number.value {
                NumberValue::Unsigned(value) => Ok(value),
                NumberValue::Signed(value) => Err(Mistake(format!("{value} is not {EXPECTED}"))),
                NumberValue::Float(_) => Err(reader.expected(EXPECTED)),
            },
            _ => Err(reader.expected(EXPECTED)),
        }
    }
}

impl FromNode for u32 {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        let value = u64::from_node(reader)?;
        Self::try_from(value).map_err(|_| Mistake(format!("{value} is out of bounds (0 to {})", Self::MAX)))
    }
}

impl FromNode for f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of more than 53 bits is out of every bound anyway"
    )]
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        match &reader.node.content {
            Content::Number(number) => Ok(match number.value {
                NumberValue::Unsigned(value) => value as Self,
                NumberValue::Signed(value) => value as Self,
                NumberValue::Float(value) => value,
            }),
            _ => Err(reader.expected("a number")),
        }
    }
}

/// One node, its place, and where mistakes are taken down
pub(super) struct Reader<'a> {
    pub(super) node: &'a Node,
    pub(super) place: Place,
    report: &'a Report<'a>,
}

impl<'a> Reader<'a> {
    /// The text that the node is. `version: 1` and `account_id: 012345678901` are texts too, as they are spelled.
    pub(super) fn text(&self) -> Result<&'a str, Mistake> {
        match &self.node.content {
            Content::Text(text) => Ok(text),
            Content::Number(number) => Ok(&number.spelling),
            Content::Bool(value) => Ok(if *value { "true" } else { "false" }),
            _ => Err(self.expected("a text")),
        }
    }

    /// The variant of an enum that the node names
    pub(super) fn word<T: Deserialize<'a>>(&self) -> Result<T, Mistake> {
        let Content::Text(word) = &self.node.content else {
            return Err(self.expected("a text"));
        };
        let word: StrDeserializer<'a, Mistake> = word.as_str().into_deserializer();
        T::deserialize(word)
    }

    /// What the text that the node is is parsed as
    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, Mistake> {
        self.text()?.parse().map_err(Mistake::new)
    }

    /// The members of the mapping that the node is, of which `fields` are known
    pub(super) fn members(&self, fields: &'static [&'static str]) -> Result<Members<'_>, Mistake> {
        let mut known = self.mapping().map_err(|Mistake(message)| match (fields, &self.node.content) {
            // A number where a range is: `call: 1`.
            (["from", "to"], Content::Number(number)) => {
                let NumberValue::Unsigned(number) = number.value else {
                    return Mistake(message);
                };
                Mistake(format!("{message}: a range has its ends, as in `{{from: {number}, to: {number}}}` for {number} alone"))
            }
            _ => Mistake(message),
        })?;
        known.retain(|(key, value)| {
            let is_known = fields.contains(key);
            if !is_known {
                value.report(Mistake(unknown_key(key, fields)));
            }
            is_known
        });
        Ok(Members { known, around: self })
    }

    /// The node as JSON, all of it
    pub(super) fn json(&self) -> Value {
        match &self.node.content {
            Content::Null => Value::Null,
            Content::Bool(value) => (*value).into(),
            Content::Number(number) => match number.value {
                NumberValue::Unsigned(value) => value.into(),
                NumberValue::Signed(value) => value.into(),
                NumberValue::Float(value) => value.into(),
            },
            Content::Text(text) => text.as_str().into(),
            Content::List(elements) => self.elements(elements).map(|element| element.json()).collect(),
            Content::Mapping(members) => {
                let entries = self.entries(members).into_iter();
                Value::Object(Map::from_iter(
                    entries.map(|(key, value)| (key.to_owned(), value.json())),
                ))
            }
        }
    }

    /// That the node is something else
    pub(super) fn expected(&self, what: &str) -> Mistake {
        // Not the value itself: it may be a secret.
        let found = match &self.node.content {
            Content::Bool(true) => "`true`",
            Content::Bool(false) => "`false`",
            Content::Number(number) if matches!(number.value, NumberValue::Float(_)) => {
                "a number with a fraction"
            }
            _ => self.node.kind(),
        };
        Mistake(format!("expected {what}, found {found}"))
    }

    fn report(&self, mistake: Mistake) -> Reported {
        self.report.problem(&self.place, mistake.0)
    }

    fn child(&self, token: impl fmt::Display, node: &'a Node) -> Self {
        Self {
            node,
            place: self.place.child(token),
            report: self.report,
        }
    }

    fn elements(&self, elements: &'a [Node]) -> impl Iterator<Item = Self> {
        elements
            .iter()
            .enumerate()
            .map(|(index, node)| self.child(index, node))
    }

    /// What stands in the mapping that the node is
    fn mapping(&self) -> Result<Vec<(&'a str, Self)>, Mistake> {
        match &self.node.content {
            Content::Mapping(members) => Ok(self.entries(members)),
            _ => Err(self.expected("a mapping")),
        }
    }

    /// The members whose key was not there before; the others are mistakes.
    fn entries(&self, members: &'a [(Key, Node)]) -> Vec<(&'a str, Self)> {
        let mut seen = BTreeSet::new();
        let mut first_of_each = Vec::with_capacity(members.len());
        for (Key { text: key, .. }, node) in members {
            let entry = self.child(key, node);
            if seen.insert(key) {
                first_of_each.push((key.as_str(), entry));
            } else {
                entry.report(Mistake(format!("the key `{key}` is there twice")));
            }
        }
        first_of_each
    }
}

/// The members of a mapping, each key of which is known and there once
pub(super) struct Members<'a> {
    known: Vec<(&'a str, Reader<'a>)>,
    around: &'a Reader<'a>,
}

impl<'a> Members<'a> {
    fn get(&self, key: &str) -> Option<&Reader<'a>> {
        let (_, value) = self.known.iter().find(|(known, _)| *known == key)?;
        Some(value)
    }
}

/// What is wrong with a node, whose place the nearest [`Located`] knows
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Mistake(String);

impl Mistake {
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self(format!("`{variant}` is not one of {}", quoted(expected)))
    }
}

fn unknown_key(key: &str, fields: &[&str]) -> String {
    match spelling::meant(key, fields) {
        Some(field) => format!("unknown key; did you mean `{field}`?"),
        None => format!("unknown key; the keys here are {}", quoted(fields)),
    }
}
