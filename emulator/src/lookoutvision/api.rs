//! The API, described once: every structure of the model with its members, where each travels, and what it may be.
//!
//! A structure is written down in [`requests`] or [`responses`] as
//!
//! ```text
//! StartModelRequest {
//!     "ProjectName" => project_name: String, PROJECT_NAME, label "projectName";
//!     "MinInferenceUnits" => min_inference_units: i64, INFERENCE_UNITS;
//!     "MaxInferenceUnits" => max_inference_units: Option<i64>, INFERENCE_UNITS;
//! }
//! ```
//!
//! and three things come of the one text: a struct that serde reads and writes, a [`Structure`] that [`read`] checks a
//! request against before serde sees it, and the table that the tests walk. A member whose type is no `Option` is
//! required in a request and always there in a response. A test holds all of it against the API model of AWS.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::lookoutvision::constraints::StringShape;

pub(crate) mod read;
pub(crate) mod requests;
pub(crate) mod responses;
pub(crate) mod values;

/// A structure of the API model
#[derive(Debug)]
pub(crate) struct Structure {
    /// Its name in the API model
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold it against the API model")
    )]
    pub(crate) name: &'static str,
    pub(crate) members: &'static [Member],
}

/// A member of a structure
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name in the API model and in JSON
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) place: Place,
}

/// Where a member of a request travels
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the JSON document
    Body,
    /// In a segment of the path
    Label(&'static str),
    /// In the query
    Query(&'static str),
    /// In a header field
    Header(&'static str),
    /// It is the body, byte for byte
    Payload,
}

/// What a member is made of
#[derive(Debug)]
pub(crate) enum Shape {
    Text(StringShape),
    Enum(Enumeration),
    Integer(Range),
    Float,
    Boolean,
    Timestamp,
    /// Bytes, in base64 in JSON
    Blob(Range),
    /// `Stream`: bytes as they are, of any number
    Stream,
    List(Range, &'static Shape),
    Structure(&'static Structure),
}

/// A shape whose values are bounded
#[derive(Debug)]
pub(crate) struct Range {
    /// Its name in the API model
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold it against the API model")
    )]
    pub(crate) name: &'static str,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

/// A shape that lists its values
#[derive(Debug)]
pub(crate) struct Enumeration {
    /// Its name in the API model
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold it against the API model")
    )]
    pub(crate) name: &'static str,
    pub(crate) values: &'static [&'static str],
}

/// A struct that was made of a description
pub(crate) trait Described {
    const STRUCTURE: Structure;
}

/// Whether a member of this type has to be there
pub(crate) trait Presence {
    const REQUIRED: bool = true;

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
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub(crate) struct $name {
            $(
                #[serde(rename = $member, skip_serializing_if = "crate::lookoutvision::api::Presence::is_absent")]
                pub(crate) $field: $type,
            )*
        }

        impl crate::lookoutvision::api::Presence for $name {}

        impl crate::lookoutvision::api::Described for $name {
            const STRUCTURE: crate::lookoutvision::api::Structure = crate::lookoutvision::api::Structure {
                name: stringify!($name),
                members: &[$(crate::lookoutvision::api::Member {
                    name: $member,
                    shape: $shape,
                    required: <$type as crate::lookoutvision::api::Presence>::REQUIRED,
                    place: structures!(@place $($place $place_name)?),
                }),*],
            };
        }
    )+};
    (@place) => { crate::lookoutvision::api::Place::Body };
    (@place label $name:literal) => { crate::lookoutvision::api::Place::Label($name) };
    (@place query $name:literal) => { crate::lookoutvision::api::Place::Query($name) };
    (@place header $name:literal) => { crate::lookoutvision::api::Place::Header($name) };
}
use structures;

/// A moment as the API writes it: seconds since 1970 as a number with up to three decimals, `1607277318.389`
/// (Developer Guide, *Getting started with the SDK*; trailing zeros are dropped)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EpochSeconds(pub(crate) Timestamp);

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

// Requests have moments in their queries only, as ISO 8601; `read` passes them on as they came.
impl<'de> Deserialize<'de> for EpochSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// Bytes, which are base64 in JSON
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

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
    /// Tags as the state keeps them; of two with one key the later counts
    pub(crate) fn map(tags: &[Self]) -> BTreeMap<String, String> {
        BTreeMap::from_iter(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())))
    }
}

#[cfg(test)]
mod tests;
