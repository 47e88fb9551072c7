//! From a request's path, query, header and body to one of the structs of [`requests`](super::requests).
//!
//! 1. The members are gathered from their places into one JSON object. A body that is not a JSON object, or a member
//!    with another JSON type than the model's, is a `SerializationException`: the framework cannot build the input.
//! 2. Every constraint of every member is checked, and one `ValidationException` names all that are broken.
//! 3. serde makes the struct, which can no longer fail.
//!
//! An operation without members in the body does not read the body: some clients send `{}` there and some nothing.

use std::fmt::{self, Write as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use client_text::Shown;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Described, Member, Place, Range, Shape, Structure};
use crate::{constraints::Violations, error::ServiceError, routes::Route};

/// A request whose members are still in their places
#[derive(Clone, Copy)]
pub struct Parts<'r> {
    /// The operation, with the labels of its path
    pub route: &'r Route,
    /// The query, as it came
    pub query: &'r str,
    /// The value of a header field
    pub header: &'r dyn Fn(&str) -> Option<&'r str>,
    /// The members of the document in the body, if the operation has one
    pub document: Option<&'r Result<Map<String, Value>, ServiceError>>,
    /// The body, byte for byte
    pub body: &'r Bytes,
    /// SHA-256 of the body, if it is already computed
    pub body_sha256: Option<[u8; 32]>,
}

/// Reads a request; the members named in `lenient` may break their constraints
///
/// # Errors
/// `SerializationException` when it does not have the form of the structure, `ValidationException` when it breaks
/// constraints.
pub fn read<T: Described + DeserializeOwned>(parts: Parts<'_>, lenient: &[&str]) -> Result<T, ServiceError> {
    let members = checked_members(&T::STRUCTURE, &parts, lenient)?;
    // All that could fail here is the wrong type of a lenient member, which `gather` has refused.
    serde_json::from_value(Value::Object(members))
        .map_err(|error| ServiceError::serialization(error.to_string()))
}

// Separate from the reader, which is compiled for every request type.
fn checked_members(
    structure: &Structure,
    parts: &Parts<'_>,
    lenient: &[&str],
) -> Result<Map<String, Value>, ServiceError> {
    let members = gather(structure, parts)?;
    let mut violations = Violations::default();
    for member in structure.members {
        if !lenient.contains(&member.name) {
            check_member(member, &members, "", &mut violations);
        }
    }
    if violations.is_empty() {
        Ok(members)
    } else {
        Err(ServiceError::validation(violations.to_string()))
    }
}

fn gather(structure: &Structure, parts: &Parts<'_>) -> Result<Map<String, Value>, ServiceError> {
    let nothing = Map::new();
    let document = match parts.document {
        Some(document) => document.as_ref().map_err(Clone::clone)?,
        None => &nothing,
    };
    let mut members = Map::new();
    for member in structure.members {
        let value = match member.place {
            Place::Body => match document.get(member.name) {
                None | Some(Value::Null) => None,
                Some(value) => {
                    check_type(value, &member.shape)?;
                    Some(without_nulls(value.clone()))
                }
            },
            Place::Label(name) => parts.route.label(name).map(Value::from),
            Place::Header(name) => (parts.header)(name).map(Value::from),
            Place::Query(name) => from_query(name, &member.shape, parts.query)?,
            // The operation that has a payload keeps it as bytes; there is no JSON for it.
            Place::Payload => None,
        };
        if let Some(value) = value {
            members.insert(member.name.to_owned(), value);
        }
    }
    Ok(members)
}

/// The members of a body that is a document
///
/// # Errors
/// `SerializationException` when it is not a JSON object, or when it has more than `values_max` values: parsed values
/// take twenty times as much memory as their bytes.
pub(crate) fn document(body: &[u8], values_max: usize) -> Result<Map<String, Value>, ServiceError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    if values_at_most(body) > values_max {
        return Err(ServiceError::SerializationException {
            message: format!("the request body has more than body_values_max ({values_max}) values").into(),
            limit: Some("limits.body_values_max"),
        });
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(ServiceError::serialization(
            "Start of structure or map expected where not found",
        )),
        Err(error) => Err(ServiceError::serialization(format!(
            "could not parse the request body into JSON: {error}"
        ))),
    }
}

/// An upper bound on the number of values in a JSON text: empty lists and objects count twice
///
/// Each value comes after a comma or is the first in its list or object. Text that is not JSON is counted as well; the
/// parser refuses it later.
fn values_at_most(json: &[u8]) -> usize {
    let (mut values, mut is_text, mut is_escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => values += 1,
            _ => {}
        }
    }
    values
}

fn from_query(name: &str, shape: &Shape, query: &str) -> Result<Option<Value>, ServiceError> {
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value);
    if let Shape::List(..) = shape {
        let values: Vec<Value> = values.map(|value| Value::from(&*value)).collect();
        // A list in the query without any element counts as absent.
        return Ok((!values.is_empty()).then_some(Value::Array(values)));
    }
    let Some(text) = values.next() else {
        return Ok(None);
    };
    let wrong = |kind: &str| {
        ServiceError::serialization(format!(
            "`{}` at `{name}` can not be converted to {kind}",
            Shown(&text)
        ))
    };
    let value = match shape {
        Shape::Integer(_) => Value::from(text.parse::<i32>().map_err(|_| wrong("an Integer"))?),
        Shape::Boolean => Value::from(text.parse::<bool>().map_err(|_| wrong("a Boolean"))?),
        Shape::Timestamp => {
            text.parse::<Timestamp>().map_err(|_| wrong("a Timestamp"))?;
            Value::from(&*text)
        }
        _ => Value::from(&*text),
    };
    Ok(Some(value))
}

/// Checks the JSON type of a value. The texts are those of Coral's JSON parser, seen in replies of other services.
// Guess: that this service used them.
pub(super) fn check_type(value: &Value, shape: &Shape) -> Result<(), ServiceError> {
    let found = match value {
        Value::Null => return Ok(()),
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "Start of list",
        Value::Object(_) => "Start of structure or map",
    };
    let is_start = value.is_array() || value.is_object();
    let wrong = |kind: &str| {
        let message = if is_start {
            format!("{found} found where not expected.")
        } else {
            format!("{found} can not be converted to {kind}")
        };
        Err(ServiceError::serialization(message))
    };
    match (shape, value) {
        (Shape::Text(_) | Shape::Enum(_), Value::String(_)) | (Shape::Boolean, Value::Bool(_)) => Ok(()),
        (Shape::Text(_) | Shape::Enum(_), _) => wrong("a String"),
        (Shape::Boolean, _) => wrong("a Boolean"),
        (Shape::Integer(_), Value::Number(number)) if number.as_i64().is_some_and(is_java_integer) => Ok(()),
        (Shape::Integer(_), _) => wrong("an Integer"),
        (Shape::Float, Value::Number(_)) => Ok(()),
        (Shape::Float, _) => wrong("a Float"),
        // No request has a timestamp in its body.
        (Shape::Timestamp, _) => wrong("a Timestamp"),
        (Shape::Blob(_), Value::String(text)) if BASE64_STANDARD.decode(text).is_ok() => Ok(()),
        (Shape::Blob(_), Value::String(_)) => Err(ServiceError::serialization("the blob is not in base64")),
        (Shape::Blob(_) | Shape::Stream, _) => wrong("a Blob"),
        (Shape::List(_, element), Value::Array(values)) => {
            values.iter().try_for_each(|value| check_type(value, element))
        }
        (Shape::List(..), _) => wrong("a List"),
        (Shape::Structure(structure), Value::Object(members)) => {
            structure.members.iter().try_for_each(|member| {
                members
                    .get(member.name)
                    .map_or(Ok(()), |value| check_type(value, &member.shape))
            })
        }
        (Shape::Structure(_), _) => wrong("a structure"),
    }
}

// The framework's integers have 32 bits.
fn is_java_integer(number: i64) -> bool {
    i32::try_from(number).is_ok()
}

/// Removes members that are `null`: they count as absent.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(Map::from_iter(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value))),
        )),
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn check_member(member: &Member, members: &Map<String, Value>, around: &str, violations: &mut Violations) {
    let path = format!("{around}{}", InCamelCase(member.name));
    match members.get(member.name) {
        Some(value) => check(value, &member.shape, &path, violations),
        None if member.required => violations.missing(&path),
        None => {}
    }
}

pub(super) fn check(value: &Value, shape: &Shape, path: &str, violations: &mut Violations) {
    match (shape, value) {
        (Shape::Text(shape), Value::String(text)) => violations.check(&path, Some(text), shape),
        (Shape::Enum(shape), Value::String(text)) if !shape.values.contains(&text.as_str()) => {
            let values = shape.values.join(", ");
            violations.broken(&path, text, format_args!("satisfy enum value set: [{values}]"));
        }
        (Shape::Integer(range), Value::Number(number)) => {
            let number = number.as_i64().unwrap_or_default();
            check_range(number, number, range, "value", path, violations);
        }
        (Shape::Blob(range), Value::String(text)) => {
            let bytes = BASE64_STANDARD.decode(text).map_or(0, |bytes| bytes.len());
            // As the framework prints a buffer in a reply.
            let shown = format!("java.nio.HeapByteBuffer[pos=0 lim={bytes} cap={bytes}]");
            check_range(as_i64(bytes), shown, range, "length", path, violations);
        }
        (Shape::List(range, element), Value::Array(values)) => {
            check_range(
                as_i64(values.len()),
                JavaText(value),
                range,
                "length",
                path,
                violations,
            );
            for (index, value) in values.iter().enumerate() {
                let path = format!("{path}.{}.member", index + 1);
                match value {
                    Value::Null => violations.missing(&path),
                    value => check(value, element, &path, violations),
                }
            }
        }
        (Shape::Structure(structure), Value::Object(members)) => {
            for member in structure.members {
                check_member(member, members, &format!("{path}."), violations);
            }
        }
        _ => {}
    }
}

fn check_range(
    size: i64,
    value: impl fmt::Display,
    range: &Range,
    what: &str,
    path: &str,
    violations: &mut Violations,
) {
    if let Some(min) = range.min.filter(|min| size < *min) {
        violations.broken(
            &path,
            &value,
            format_args!("have {what} greater than or equal to {min}"),
        );
    }
    if let Some(max) = range.max.filter(|max| size > *max) {
        violations.broken(
            &path,
            &value,
            format_args!("have {what} less than or equal to {max}"),
        );
    }
}

fn as_i64(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// `ProjectName` is `projectName` in the framework's messages.
pub(super) struct InCamelCase<'n>(pub(super) &'n str);

impl fmt::Display for InCamelCase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        if let Some(first) = characters.next() {
            f.write_char(first.to_ascii_lowercase())?;
        }
        f.write_str(characters.as_str())
    }
}

/// Lists and structures as Java prints them, `[Tag(key=line, value=a)]`, but without the name `Tag`
struct JavaText<'v>(&'v Value);

impl fmt::Display for JavaText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Array(values) => {
                f.write_char('[')?;
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    Self(value).fmt(f)?;
                }
                f.write_char(']')
            }
            Value::Object(members) => {
                f.write_char('(')?;
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{}=", InCamelCase(name))?;
                    Self(value).fmt(f)?;
                }
                f.write_char(')')
            }
            Value::String(value) => f.write_str(value),
            other => other.fmt(f),
        }
    }
}
