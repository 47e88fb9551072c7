//! The text of a configuration file as a tree in which every node knows its place.
//!
//! YAML is parsed once, completely, before anything is asked of it. The tree keeps what the file says and where:
//! repeated keys, the spelling of a number, line and column of every key and value. So the file can be read by its
//! schema ([`super::form`]) without stopping at the first mistake, and a check that spans two sections can still name
//! the line of a mistake that it finds much later.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{
    DefaultMessageFormatter, DuplicateKeyPolicy, Location, MessageFormatter, NonFiniteFloatPolicy, Spanned,
};

/// A place in a file, counted from 1
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// One node and where it stands
///
/// No `Debug`: a node may be a secret access key.
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) content: Content,
}

/// What a node is
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

/// A number, with the spelling it has in the file (`012345678901` is also an account id)
pub(crate) struct Number {
    pub(crate) value: NumberValue,
    pub(crate) spelling: String,
}

#[derive(Clone, Copy)]
pub(crate) enum NumberValue {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl From<NumberValue> for serde_json::Value {
    fn from(number: NumberValue) -> Self {
        match number {
            NumberValue::Unsigned(value) => value.into(),
            NumberValue::Signed(value) => value.into(),
            NumberValue::Float(value) => value.into(),
        }
    }
}

/// A key of a mapping
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) position: Position,
}

/// The file is not YAML
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) position: Option<Position>,
    pub(crate) message: String,
}

impl Node {
    /// The tree of an empty file
    pub(crate) fn empty() -> Self {
        Self {
            position: Position::START,
            content: Content::Mapping(Vec::new()),
        }
    }

    /// The position of the node at `pointer` (a JSON Pointer, RFC 6901), or of the nearest node around it that exists.
    /// For a member of a mapping it is the position of its key.
    pub(crate) fn position_at(&self, pointer: &str) -> Position {
        let found = self.walk(pointer).map_while(|found| found);
        found.last().map_or(self.position, |(position, _)| position)
    }

    /// Whether there is a node at `pointer`
    pub(crate) fn has(&self, pointer: &str) -> bool {
        self.walk(pointer).all(|found| found.is_some())
    }

    /// The node at `pointer`, as JSON; `null`: there is none
    pub(crate) fn json_at(&self, pointer: &str) -> serde_json::Value {
        match self.walk(pointer).last() {
            Some(Some((_, node))) => node.to_json(),
            Some(None) => serde_json::Value::Null,
            None => self.to_json(),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        match &self.content {
            Content::Null => serde_json::Value::Null,
            Content::Bool(value) => (*value).into(),
            Content::Number(number) => number.value.into(),
            Content::Text(text) => text.as_str().into(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Mapping(members) => {
                let members = members.iter();
                members
                    .map(|(key, member)| (key.text.as_str(), member.to_json()))
                    .collect()
            }
        }
    }

    /// The node that each token of `pointer` leads to
    fn walk<'n>(&'n self, pointer: &str) -> impl Iterator<Item = Option<(Position, &'n Self)>> {
        let mut node = Some(self);
        pointer.split('/').skip(1).map(move |token| {
            let found = node.and_then(|node| node.child(&token.replace("~1", "/").replace("~0", "~")));
            node = found.map(|(_, child)| child);
            found
        })
    }

    fn child(&self, token: &str) -> Option<(Position, &Self)> {
        match &self.content {
            // Of repeated keys, the last one is reported.
            Content::Mapping(members) => {
                let mut members = members.iter().rev();
                let (key, value) = members.find(|(key, _)| key.text == token)?;
                Some((key.position, value))
            }
            Content::List(items) => {
                let item = items.get(token.parse::<usize>().ok()?)?;
                Some((item.position, item))
            }
            _ => None,
        }
    }

    /// The keys of a mapping, each once
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        match &self.content {
            Content::Mapping(members) => BTreeSet::from_iter(members.iter().map(|(key, _)| key.text.clone())),
            _ => BTreeSet::new(),
        }
    }

    /// What this node is, in the words of the messages
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing (leave the key out for its default)",
            Content::Bool(_) => "`true` or `false`",
            Content::Number(_) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }
}

/// Reads one YAML document (JSON is one too). A file without content is an empty mapping.
pub(crate) fn parse(text: &str, nodes_max: usize) -> Result<Node, SyntaxError> {
    let options = serde_saphyr::options! {
        // Repeated keys are let through, so that they are reported together with everything else.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `no` and `on` stay texts, as in YAML 1.2.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // A snippet would print the lines around a mistake, and a secret access key may be one of them.
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: nodes_max,
            max_events: nodes_max,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: nodes_max },
    };
    if text.trim().is_empty() {
        return Ok(Node::empty());
    }
    let raw: Spanned<RawContent> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| SyntaxError::new(&error, nodes_max))?;
    let mut node = raw.into_node(text);
    if matches!(node.content, Content::Null) {
        // Comments only, or a bare `---`.
        node.content = Content::Mapping(Vec::new());
    }
    Ok(node)
}

/// Whether a text is a YAML document with keys and values, or a list of such
pub(crate) fn is_yaml_mapping(text: &str) -> bool {
    let has_keys = |content: &Content| matches!(content, Content::Mapping(members) if !members.is_empty());
    match parse(text, NODES_MAX).map(|node| node.content) {
        Ok(Content::List(items)) => items.iter().any(|item| has_keys(&item.content)),
        Ok(content) => has_keys(&content),
        Err(_) => false,
    }
}

/// A file rewritten in flow style on one line: the same nodes in another spelling
///
/// # Errors
/// When it is not YAML.
#[cfg(any(fuzzing, test))]
pub(crate) fn flow_style(text: &str) -> Result<String, String> {
    fn write(node: &Node, out: &mut String) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match &node.content {
            Content::Null => out.push_str("null"),
            Content::Bool(value) => out.push_str(&value.to_string()),
            Content::Number(number) => out.push_str(&number.spelling),
            Content::Text(text) => out.push_str(&quoted(text)),
            Content::List(items) => {
                out.push('[');
                for item in items {
                    write(item, out);
                    out.push_str(", ");
                }
                out.push(']');
            }
            Content::Mapping(members) => {
                out.push('{');
                for (key, value) in members {
                    out.push_str(&quoted(&key.text));
                    out.push_str(": ");
                    write(value, out);
                    out.push_str(", ");
                }
                out.push('}');
            }
        }
    }
    let tree = parse(text, NODES_MAX).map_err(|error| error.message)?;
    let mut written = String::new();
    write(&tree, &mut written);
    Ok(written)
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    fn of(location: Location) -> Self {
        let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        Self {
            line: number(location.line()),
            column: number(location.column()),
        }
    }
}

impl SyntaxError {
    fn new(error: &serde_saphyr::Error, nodes_max: usize) -> Self {
        let error = error.without_snippet();
        let position = error
            .location()
            .filter(|at| *at != Location::UNKNOWN)
            .map(Position::of);
        Self {
            position,
            message: message(error, nodes_max),
        }
    }
}

fn message(error: &serde_saphyr::Error, nodes_max: usize) -> String {
    match error {
        serde_saphyr::Error::AliasError { error, .. } => message(error.without_snippet(), nodes_max),
        serde_saphyr::Error::MultipleDocuments { .. } => {
            "a second YAML document begins here; one file holds one configuration".to_owned()
        }
        serde_saphyr::Error::Budget { .. } | serde_saphyr::Error::AliasReplayLimitExceeded { .. } => {
            format!(
                "the file is nested deeper than {DEPTH_MAX} levels, or has more than config_nodes_max ({nodes_max}) keys and values, \
                 aliases expanded; `--config-nodes-max` (LOOKOUTVISION_EMULATOR_CONFIG_NODES_MAX) sets how many it may have"
            )
        }
        // Only keys are asked for by their type.
        serde_saphyr::Error::NullIntoString { .. } | serde_saphyr::Error::Unexpected { .. } => {
            "a key must be a text".to_owned()
        }
        _ => {
            // The message without the place, which is reported separately. It may quote the file, whose control
            // characters must not reach a terminal.
            DefaultMessageFormatter
                .format_message(error)
                .replace(char::is_control, "\u{fffd}")
        }
    }
}

/// A node as serde hands it over, before the spelling of numbers is looked up in the text
enum RawContent {
    Null,
    Bool(bool),
    Number(NumberValue),
    Text(String),
    List(Vec<Spanned<RawContent>>),
    Mapping(Vec<(Spanned<RawKey>, Spanned<RawContent>)>),
}

struct RawKey(String);

trait IntoNode {
    fn into_node(self, text: &str) -> Node;
}

impl IntoNode for Spanned<RawContent> {
    fn into_node(self, text: &str) -> Node {
        let content = match self.value {
            RawContent::Null => Content::Null,
            RawContent::Bool(value) => Content::Bool(value),
            RawContent::Number(value) => Content::Number(Number {
                value,
                spelling: spelling(value, self.defined, text),
            }),
            RawContent::Text(value) => Content::Text(value),
            RawContent::List(items) => {
                Content::List(items.into_iter().map(|item| item.into_node(text)).collect())
            }
            RawContent::Mapping(members) => Content::Mapping(
                members
                    .into_iter()
                    .map(|(key, value)| {
                        let position = Position::of(key.referenced);
                        (
                            Key {
                                text: key.value.0,
                                position,
                            },
                            value.into_node(text),
                        )
                    })
                    .collect(),
            ),
        };
        Node {
            position: Position::of(self.referenced),
            content,
        }
    }
}

fn spelling(value: NumberValue, defined: Location, text: &str) -> String {
    let spelled = defined
        .span()
        .byte_offset()
        .zip(defined.span().byte_len())
        .and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            text.get(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
    match (spelled.map(str::trim), value) {
        (Some(spelled), _) if !spelled.is_empty() => spelled.to_owned(),
        (_, NumberValue::Unsigned(value)) => value.to_string(),
        (_, NumberValue::Signed(value)) => value.to_string(),
        (_, NumberValue::Float(value)) => value.to_string(),
    }
}

impl<'de> Deserialize<'de> for RawContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawContentVisitor)
    }
}

struct RawContentVisitor;

impl<'de> Visitor<'de> for RawContentVisitor {
    type Value = RawContent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a list or a mapping")
    }

    fn visit_unit<E: de::Error>(self) -> Result<RawContent, E> {
        Ok(RawContent::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<RawContent, E> {
        Ok(RawContent::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawContent, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<RawContent, E> {
        Ok(RawContent::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<RawContent, E> {
        Ok(RawContent::Number(NumberValue::Unsigned(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<RawContent, E> {
        Ok(RawContent::Number(match u64::try_from(value) {
            Ok(value) => NumberValue::Unsigned(value),
            Err(_) => NumberValue::Signed(value),
        }))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<RawContent, E> {
        Ok(RawContent::Number(NumberValue::Float(value)))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number beyond 64 bits is out of every bound anyway"
    )]
    fn visit_u128<E: de::Error>(self, value: u128) -> Result<RawContent, E> {
        Ok(RawContent::Number(NumberValue::Float(value as f64)))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number beyond 64 bits is out of every bound anyway"
    )]
    fn visit_i128<E: de::Error>(self, value: i128) -> Result<RawContent, E> {
        Ok(RawContent::Number(NumberValue::Float(value as f64)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<RawContent, E> {
        Ok(RawContent::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<RawContent, E> {
        Ok(RawContent::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawContent, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawContent::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawContent, A::Error> {
        let mut members = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            members.push(entry);
        }
        Ok(RawContent::Mapping(members))
    }
}

impl<'de> Deserialize<'de> for RawKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// No configuration is nested deeper; a file that is must be a mistake or an attack
const DEPTH_MAX: usize = 24;

/// The most nodes of one file, aliases expanded
pub(crate) const NODES_MAX: usize = 100_000;
