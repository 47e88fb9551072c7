//! Reads JSON that people write: a struct must be an object, and a mistake names its place.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_path_to_error::Segment;

use crate::spelling;

/// A struct that must be written as a JSON object; serde alone would also accept an array of its fields
pub struct Object<T>(pub T);

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, members: M) -> Result<Object<T>, M::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

/// A path as a JSON Pointer (RFC 6901)
pub fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            // A variant with data is an object with one member.
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&escape_pointer(key));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

/// A member's name, escaped as one reference token of a JSON Pointer (RFC 6901)
pub fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// serde's error message; where a member or a variant is unknown, with the name that was probably meant
///
/// ```
/// use client_text::json::with_meant_member;
///
/// assert_eq!(
///     with_meant_member("unknown field `tims`, expected one of `name`, `match`, `times`".to_owned()),
///     "unknown field `tims`, expected one of `name`, `match`, `times`; did you mean `times`?"
/// );
/// ```
pub fn with_meant_member(message: String) -> String {
    let unknown = ["unknown field `", "unknown variant `"];
    let Some(rest) = unknown.iter().find_map(|unknown| message.strip_prefix(unknown)) else {
        return message;
    };
    // Names stand in backticks, so every second piece is a name.
    let mut pieces = rest.split('`').step_by(2);
    let written = pieces.next().unwrap_or_default();
    let names: Vec<&str> = pieces.collect();
    let Some(meant) = spelling::meant(written, &names) else {
        return message;
    };
    match message.split_once(" at line ") {
        Some((what, place)) => format!("{what}; did you mean `{meant}`? (at line {place})"),
        None => format!("{message}; did you mean `{meant}`?"),
    }
}
