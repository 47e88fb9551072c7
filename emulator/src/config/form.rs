//! Reading the file by its JSON Schema, without stopping at the first mistake.
//!
//! The schema alone says what is allowed where. What it allows comes out as JSON, from which serde makes the structures
//! of [`super::file`]; what it does not allow is reported at its place and left out. So one reading of the file finds
//! everything that is wrong with its form:
//!
//! ```text
//! emulator.yaml:3:3: /vpcs/0/vpcid: unknown key; did you mean `vpc_id`?
//! emulator.yaml:3:3: /vpcs/0: the key `vpc_id` is missing
//! emulator.yaml:9:1: /projects: expected a list, found a text
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    sync::LazyLock,
};

use client_text::spelling::{self, quoted};
use serde::{
    Deserialize,
    de::{self, DeserializeOwned, Deserializer},
};
use serde_json::{Map, Number, Value};

use super::{
    file::ConfigFile,
    problems::{Place, Report},
    schema::SCHEMA,
    texts,
    yaml::{Content, Key, Node, NumberValue},
};

/// Reads the whole file. `None`: it is not a mapping.
pub(super) fn read(tree: &Node, report: &Report<'_>) -> Option<ConfigFile> {
    match &tree.content {
        // Without sections there is nothing to check, and to parse the schema would make every start without a file
        // longer.
        Content::Mapping(sections) if sections.is_empty() => Some(ConfigFile::default()),
        _ => read_part(tree, &ROOT, report),
    }
}

/// Reads a section on its own, as in a request to the control API. `None`: it is not of the section's kind.
pub(super) fn read_section<T: DeserializeOwned>(
    tree: &Node,
    section: &str,
    report: &Report<'_>,
) -> Option<T> {
    read_part(tree, ROOT.properties.get(section)?, report)
}

/// Reads one element of a section that is a list. `None`: it is not of the element's kind.
pub(super) fn read_element<T: DeserializeOwned>(
    tree: &Node,
    section: &str,
    report: &Report<'_>,
) -> Option<T> {
    read_part(tree, ROOT.properties.get(section)?.items.as_deref()?, report)
}

fn read_part<T: DeserializeOwned>(tree: &Node, schema: &'static Schema, report: &Report<'_>) -> Option<T> {
    let reader = Reader {
        definitions: &ROOT.definitions,
        report,
    };
    let place = Place::root();
    T::deserialize(reader.read(tree, schema, &place)?)
        .map_err(|error| report.problem(&place, format!("the schema allows what cannot be read: {error}")))
        .ok()
}

static ROOT: LazyLock<Schema> =
    LazyLock::new(|| serde_json::from_str(SCHEMA).expect("the committed schema is one; every test reads it"));

/// A schema with the keywords by which a file is read. Ours has others, for people and editors; a test knows them all.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    #[serde(default, rename = "$defs")]
    definitions: BTreeMap<String, Self>,
    #[serde(rename = "$ref")]
    reference: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "one_or_more")]
    kinds: Vec<Kind>,
    #[serde(default)]
    properties: BTreeMap<String, Self>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    additional_properties: Others,
    #[serde(default)]
    min_properties: usize,
    items: Option<Box<Self>>,
    #[serde(default)]
    min_items: usize,
    #[serde(default, rename = "enum")]
    words: Vec<String>,
    #[serde(default)]
    one_of: Vec<Word>,
    #[serde(default)]
    any_of: Vec<Self>,
    format: Option<String>,
    minimum: Option<Number>,
    maximum: Option<Number>,
    /// The message about a value of another kind, or about one with too few members or elements; editors show it, too
    error_message: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Array,
    Boolean,
    Integer,
    Number,
    Object,
    String,
}

/// `additionalProperties`: which keys a mapping may have besides its own
#[derive(Default)]
enum Others {
    /// Any key with any value; the value is taken as it is
    #[default]
    Any,
    /// No other key
    None,
    /// Any key with a value of this schema
    Each(Box<Schema>),
}

/// One of several words, with a description
#[derive(Deserialize)]
struct Word {
    #[serde(rename = "const")]
    word: String,
}

struct Reader<'a> {
    definitions: &'a BTreeMap<String, Schema>,
    report: &'a Report<'a>,
}

impl<'a> Reader<'a> {
    /// What the schema allows of a node
    fn read(&self, node: &Node, schema: &'a Schema, place: &Place) -> Option<Value> {
        let schema = self.resolve(schema);
        let Some(kind) = schema.kinds.first() else {
            let mut choices = schema.any_of.iter().map(|choice| self.resolve(choice));
            return match choices.find(|choice| choice.kinds.iter().any(|kind| kind.is_of(node))) {
                Some(choice) => self.read(node, choice, place),
                None if schema.any_of.is_empty() => self.word(node, schema, place).map(Value::from),
                None => self.report.refuse(place, expected(schema.expected(""), node)),
            };
        };
        match kind {
            Kind::Array => self.list(node, schema, place).map(Value::from),
            Kind::Boolean => match node.content {
                Content::Bool(value) => Some(value.into()),
                _ => self.report.refuse(place, expected("`true` or `false`", node)),
            },
            Kind::Integer => self.whole_number(node, schema, place).map(Value::from),
            Kind::Number => self.number(node, schema, place).map(Value::from),
            Kind::Object => self.mapping(node, schema, place).map(Value::from),
            Kind::String if !schema.words.is_empty() => self.word(node, schema, place).map(Value::from),
            Kind::String => self.text(node, schema, place).map(Value::from),
        }
    }

    fn resolve(&self, schema: &'a Schema) -> &'a Schema {
        let name = schema
            .reference
            .as_deref()
            .and_then(|reference| reference.strip_prefix("#/$defs/"));
        name.and_then(|name| self.definitions.get(name)).unwrap_or(schema)
    }

    fn list(&self, node: &Node, schema: &'a Schema, place: &Place) -> Option<Vec<Value>> {
        let Content::List(elements) = &node.content else {
            return self
                .report
                .refuse(place, expected(schema.expected("a list"), node));
        };
        if elements.len() < schema.min_items {
            self.too_few(schema, place);
        }
        let elements = elements.iter().enumerate().map(|(index, element)| {
            let items = schema.items.as_deref()?;
            self.read(element, items, &place.child(index))
        });
        // An element that is left out keeps its place, so that the others keep their index.
        Some(elements.map(Option::unwrap_or_default).collect())
    }

    fn mapping(&self, node: &Node, schema: &'a Schema, place: &Place) -> Option<Map<String, Value>> {
        let Content::Mapping(members) = &node.content else {
            // A number where a range is expected: `call: 1`.
            let is_range = schema
                .properties
                .keys()
                .filter(|key| *key != "every")
                .eq(["from", "to"]);
            let mut message = expected("a mapping", node);
            if let Content::Number(number) = &node.content
                && let NumberValue::Unsigned(number) = number.value
                && is_range
            {
                message += &format!(
                    ": a range has its ends, as in `{{from: {number}, to: {number}}}` for {number} alone"
                );
            }
            return self.report.refuse(place, message);
        };
        if members.len() < schema.min_properties {
            self.too_few(schema, place);
        }
        let mut read = Map::new();
        for (key, member, place) in self.entries(members, place) {
            let value = match (schema.properties.get(key), &schema.additional_properties) {
                (Some(property), _) => self.read(member, property, &place),
                // As in a list, a member that is left out keeps its place.
                (None, Others::Each(other)) => Some(self.read(member, other, &place).unwrap_or_default()),
                (None, Others::Any) => Some(self.json(member, &place)),
                (None, Others::None) => self.report.refuse(&place, unknown_key(key, schema)),
            };
            read.extend(value.map(|value| (key.to_owned(), value)));
        }
        for key in &schema.required {
            if !members.iter().any(|(Key { text, .. }, _)| text == key) {
                self.report.problem(place, format!("the key `{key}` is missing"));
            }
        }
        Some(read)
    }

    /// The members of a mapping without repeated keys; a repetition is reported as a mistake
    fn entries<'n>(&self, members: &'n [(Key, Node)], place: &Place) -> Vec<(&'n str, &'n Node, Place)> {
        let mut seen = BTreeSet::new();
        let mut first_of_each = Vec::with_capacity(members.len());
        for (Key { text: key, .. }, member) in members {
            let place = place.child(key);
            if seen.insert(key) {
                first_of_each.push((key.as_str(), member, place));
            } else {
                self.report
                    .problem(&place, format!("the key `{key}` is there twice"));
            }
        }
        first_of_each
    }

    /// One of the words that the schema lists
    fn word(&self, node: &Node, schema: &Schema, place: &Place) -> Option<String> {
        let Content::Text(word) = &node.content else {
            return self.report.refuse(place, expected("a text", node));
        };
        let described = schema.one_of.iter().map(|described| &*described.word);
        let words: Vec<&str> = schema.words.iter().map(String::as_str).chain(described).collect();
        if words.contains(&word.as_str()) {
            return Some(word.clone());
        }
        let message = format!("`{word}` is not one of {}", quoted(&words));
        self.report.refuse(place, message)
    }

    /// The node as a text; `version: 1` and `account_id: 012345678901` are texts too, as they are spelled
    fn text(&self, node: &Node, schema: &Schema, place: &Place) -> Option<String> {
        let text = match &node.content {
            Content::Text(text) => text,
            Content::Number(number) => &number.spelling,
            Content::Bool(true) => "true",
            Content::Bool(false) => "false",
            _ => return self.report.refuse(place, expected("a text", node)),
        };
        let format = schema.format.as_deref().unwrap_or_default();
        match texts::check(format, text) {
            Ok(()) => Some(text.to_owned()),
            Err(message) => self.report.refuse(place, message),
        }
    }

    fn whole_number(&self, node: &Node, schema: &Schema, place: &Place) -> Option<u64> {
        const EXPECTED: &str = "a whole number from 0 on";
        let Content::Number(number) = &node.content else {
            return self.report.refuse(place, expected(EXPECTED, node));
        };
        let number = match number.value {
            NumberValue::Unsigned(number) => number,
            NumberValue::Signed(number) => {
                return self.report.refuse(place, format!("{number} is not {EXPECTED}"));
            }
            NumberValue::Float(_) => return self.report.refuse(place, expected(EXPECTED, node)),
        };
        let least = schema.minimum.as_ref().and_then(Number::as_u64).unwrap_or(0);
        match schema.maximum.as_ref().and_then(Number::as_u64) {
            Some(most) => self.within(number, least, most, place),
            None if number < least => self
                .report
                .refuse(place, format!("{number} is less than {least}")),
            None => Some(number),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of more than 53 bits is out of every bound anyway"
    )]
    fn number(&self, node: &Node, schema: &Schema, place: &Place) -> Option<f64> {
        let Content::Number(number) = &node.content else {
            return self.report.refuse(place, expected("a number", node));
        };
        let number = match number.value {
            NumberValue::Unsigned(number) => number as f64,
            NumberValue::Signed(number) => number as f64,
            NumberValue::Float(number) => number,
        };
        let bound = |bound: &Option<Number>| bound.as_ref().and_then(Number::as_f64);
        let least = bound(&schema.minimum).unwrap_or(f64::MIN);
        let most = bound(&schema.maximum).unwrap_or(f64::MAX);
        self.within(number, least, most, place)
    }

    fn within<N: Copy + PartialOrd + Display>(
        &self,
        number: N,
        least: N,
        most: N,
        place: &Place,
    ) -> Option<N> {
        if (&least..=&most).contains(&&number) {
            return Some(number);
        }
        let message = format!("{number} is out of bounds ({least} to {most})");
        self.report.refuse(place, message)
    }

    /// The whole node as JSON
    fn json(&self, node: &Node, place: &Place) -> Value {
        match &node.content {
            Content::Null => Value::Null,
            Content::Bool(value) => (*value).into(),
            Content::Number(number) => number.value.into(),
            Content::Text(text) => text.as_str().into(),
            Content::List(elements) => {
                let elements = elements.iter().enumerate();
                elements
                    .map(|(index, element)| self.json(element, &place.child(index)))
                    .collect()
            }
            Content::Mapping(members) => {
                let entries = self.entries(members, place).into_iter();
                Value::from_iter(entries.map(|(key, member, place)| (key, self.json(member, &place))))
            }
        }
    }

    /// Reports that there are too few members or elements
    fn too_few(&self, schema: &Schema, place: &Place) {
        let message = schema.error_message.as_deref();
        self.report
            .problem(place, message.unwrap_or("there is too little in it"));
    }
}

impl Schema {
    /// What is expected in this place
    fn expected<'s>(&'s self, usual: &'s str) -> &'s str {
        let sentence = self.error_message.as_deref();
        sentence
            .and_then(|sentence| sentence.strip_prefix("expected "))
            .unwrap_or(usual)
    }
}

impl Kind {
    /// Whether the node is of this kind and of no other
    fn is_of(self, node: &Node) -> bool {
        match &node.content {
            Content::Null => false,
            Content::Bool(_) => self == Self::Boolean,
            Content::Number(_) => matches!(self, Self::Integer | Self::Number),
            Content::Text(_) => self == Self::String,
            Content::List(_) => self == Self::Array,
            Content::Mapping(_) => self == Self::Object,
        }
    }
}

/// The message that the node is of another kind
fn expected(what: &str, node: &Node) -> String {
    // The message does not quote the value: it may be a secret.
    let found = match &node.content {
        Content::Bool(true) => "`true`",
        Content::Bool(false) => "`false`",
        Content::Number(number) if matches!(number.value, NumberValue::Float(_)) => {
            "a number with a fraction"
        }
        _ => node.kind(),
    };
    format!("expected {what}, found {found}")
}

fn unknown_key(key: &str, schema: &Schema) -> String {
    let known: Vec<&str> = schema.properties.keys().map(String::as_str).collect();
    match spelling::meant(key, &known) {
        Some(known) => format!("unknown key; did you mean `{known}`?"),
        None => format!("unknown key; the keys here are {}", quoted(&known)),
    }
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Kind>, D::Error> {
    let kinds = match Value::deserialize(deserializer)? {
        Value::Array(kinds) => kinds,
        kind => vec![kind],
    };
    Vec::deserialize(Value::from(kinds)).map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for Others {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(false) => Ok(Self::None),
            schema => Deserialize::deserialize(schema)
                .map(Self::Each)
                .map_err(de::Error::custom),
        }
    }
}
