//! A policy in a document, word for word.

use std::borrow::Cow;

use client_text::escape_indented_json;
use iam_policy::{PolicyDocument, PolicyError};
use lookoutvision::store::document::Misfit;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

/// A policy: the document itself, or a text that holds it
///
/// EC2 tells the text of a policy as it was written, and its SHA-256 is that of the text. It stands in the document as
/// JSON where that keeps every character of it, and otherwise as a text.
pub(super) struct PolicyText(Box<str>);

impl PolicyText {
    pub(super) fn of(document: &PolicyDocument) -> Self {
        Self(document.text().into())
    }

    /// Reads the policy with one of its readers
    pub(super) fn read(
        &self,
        path: &str,
        reader: impl FnOnce(&str) -> Result<PolicyDocument, PolicyError>,
    ) -> Result<PolicyDocument, Misfit> {
        reader(&self.0).map_err(|error| Misfit::at(format!("{path}{}", error.path()), error.to_string()))
    }
}

impl Serialize for PolicyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: &str = &self.0;
        match serde_json::from_str::<&RawValue>(text) {
            Ok(json) if json.get() == text && escape_indented_json(text.to_owned()) == *text => {
                json.serialize(serializer)
            }
            _ => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for PolicyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let text = match json.get() {
            text if text.starts_with('"') => {
                Cow::Owned(serde_json::from_str::<String>(text).map_err(de::Error::custom)?)
            }
            text => Cow::Borrowed(text),
        };
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_comes_back_word_for_word() {
        for (text, is_text) in [
            ("{\n \"Statement\" : []}", false),
            ("{}\n", true),
            ("{\"Sid\": \"\u{202e}\"}", true),
            ("no JSON", true),
        ] {
            let written = serde_json::to_string_pretty(&[PolicyText(text.into())]).unwrap();
            assert_eq!(
                written.contains('\\') || written.contains("no JSON"),
                is_text,
                "{written}"
            );
            let written = escape_indented_json(written);
            let [PolicyText(read)] = serde_json::from_str(&written).unwrap();
            assert_eq!(&*read, text);
        }
    }
}
