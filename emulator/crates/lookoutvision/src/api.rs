//! The API, described once: every structure of the API model with its members, where each member travels, and which
//! values it may have.
//!
//! A structure is described in [`requests`] or [`responses`] as
//!
//! ```text
//! StartModelRequest {
//!     "ProjectName" => project_name: String, PROJECT_NAME, label "projectName";
//!     "MinInferenceUnits" => min_inference_units: i64, INFERENCE_UNITS;
//!     "MaxInferenceUnits" => max_inference_units: Option<i64>, INFERENCE_UNITS;
//! }
//! ```
//!
//! and three things are made from this one description: a struct that serde reads and writes, a [`Structure`] that
//! [`read`] checks a request against before serde sees it, and the table that the tests walk. A member whose type is
//! not an `Option` is required in a request and always present in a response. A test compares all of it with AWS's API
//! model.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::constraints::StringShape;

pub mod read;
pub mod requests;
pub mod responses;
pub mod strict;
pub mod values;

/// A structure of the API model
#[derive(Debug)]
pub struct Structure {
    /// Its name in the API model
    pub name: &'static str,
    /// Its members, in the API model's order
    pub members: &'static [Member],
}

/// A member of a structure
#[derive(Debug)]
pub struct Member {
    /// Its name in the API model and in JSON
    pub name: &'static str,
    /// The shape of its values
    pub shape: Shape,
    /// Whether the API model requires it
    pub required: bool,
    /// Where it travels
    pub place: Place,
}

/// Where a member of a request travels
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the JSON document
    Body,
    /// In a segment of the path
    Label(&'static str),
    /// In the query
    Query(&'static str),
    /// In a header field
    Header(&'static str),
    /// As the body, byte for byte
    Payload,
}

/// The shape of a member's values
#[derive(Debug)]
pub enum Shape {
    /// A text
    Text(StringShape),
    /// One of the texts in a list
    Enum(Enumeration),
    /// A whole number
    Integer(Range),
    /// A number with 32 bits
    Float,
    /// `true` or `false`
    Boolean,
    /// A moment
    Timestamp,
    /// Bytes, in base64 in JSON
    Blob(Range),
    /// `Stream`: any number of bytes, as they are
    Stream,
    /// A list, with a range for the number of its members
    List(Range, &'static Shape),
    /// Another structure
    Structure(&'static Structure),
}

/// A shape whose values are bounded
#[derive(Debug)]
pub struct Range {
    /// Its name in the API model
    pub name: &'static str,
    /// The least, if there is one
    pub min: Option<i64>,
    /// The most, if there is one
    pub max: Option<i64>,
}

/// A shape that lists its values
#[derive(Debug)]
pub struct Enumeration {
    /// Its name in the API model
    pub name: &'static str,
    /// Its values, in the API model's order
    pub values: &'static [&'static str],
}

/// A struct that was made from a description
pub trait Described {
    /// The description
    const STRUCTURE: Structure;
}

/// Whether a member of this type has to be present
pub trait Presence {
    /// Whether the API model requires it
    const REQUIRED: bool = true;

    /// Whether the member is left out of the document
    fn is_absent(&self) -> bool {
        false
    }
}

impl Presence for String {}
impl Presence for bool {}
impl Presence for i64 {}
impl Presence for f64 {}
impl Presence for EpochSeconds {}
impl Presence for Blob {}
impl<T> Presence for Vec<T> {}

impl<T> Presence for Option<T> {
    const REQUIRED: bool = false;

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

macro_rules! structures {
    ($(
        $(#[$doc:meta])*
        $name:ident { $(
            $member:literal => $field:ident: $type:ty, $shape:expr $(, $place:ident $place_name:literal)?;
        )* }
    )+) => {$(
        $(#[$doc])*
        #[expect(missing_docs, reason = "the fields are the members of the API reference")]
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $(
                #[serde(rename = $member, skip_serializing_if = "crate::api::Presence::is_absent")]
                pub $field: $type,
            )*
        }

        impl crate::api::Presence for $name {}

        impl crate::api::Described for $name {
            const STRUCTURE: crate::api::Structure = crate::api::Structure {
                name: stringify!($name),
                members: &[$(crate::api::Member {
                    name: $member,
                    shape: $shape,
                    required: <$type as crate::api::Presence>::REQUIRED,
                    place: structures!(@place $($place $place_name)?),
                }),*],
            };
        }
    )+};
    (@place) => { crate::api::Place::Body };
    (@place label $name:literal) => { crate::api::Place::Label($name) };
    (@place query $name:literal) => { crate::api::Place::Query($name) };
    (@place header $name:literal) => { crate::api::Place::Header($name) };
}
use structures;

/// A moment as the API writes it: seconds since 1970 as a number with up to three decimals, `1607277318.389`
/// (Developer Guide, *Getting started with the SDK*; trailing zeros are dropped)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochSeconds(pub Timestamp);

impl Serialize for EpochSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = self.0.as_millisecond();
        if milliseconds % 1000 == 0 {
            serializer.serialize_i64(milliseconds / 1000)
        } else {
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of the years to 9999 are exact"
            )]
            serializer.serialize_f64(milliseconds as f64 / 1000.0)
        }
    }
}

// In requests, moments are in the query only, in ISO 8601; `read` passes them on as they came.
impl<'de> Deserialize<'de> for EpochSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// Bytes, which are base64 in JSON
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(de::Error::custom)
    }
}

impl values::Tag {
    /// Tags as the state keeps them; of two with the same key the later one counts
    pub fn map(tags: &[Self]) -> BTreeMap<String, String> {
        BTreeMap::from_iter(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())))
    }
}

#[cfg(test)]
mod tests;
