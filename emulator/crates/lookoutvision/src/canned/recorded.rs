//! Recorded answers: a body that the service once sent, sent again byte for byte.
//!
//! A file is checked against the API model when the configuration is loaded, so that a mistake in it is an error with a
//! place and not a test that passes for the wrong reason: members have their types and stay in their ranges, there are
//! no others, and the mask is a PNG. Where the model leaves it open, the guide's answers decide: `Source`,
//! `IsAnomalous` and `Confidence` are always present, and `Anomalies` and `AnomalyMask` either both or not at all.

use std::{
    fmt,
    io::Cursor,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use client_text::json::{Object, pointer};
use serde::{Deserialize, Deserializer};

use crate::mask::MASK_BYTES_MAX;

/// A recorded answer
#[derive(Debug, Clone)]
pub struct RecordedAnswer {
    file: PathBuf,
    body: Bytes,
}

/// Why a file is not a recorded answer
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}`: {problem}{place}", file = .file.display(), place = Place(.position, .path))]
pub struct RecordedAnswerError {
    file: PathBuf,
    /// Line and column of the end of the mistake, as serde_json counts them: in an empty file the column is 0
    position: Option<(usize, usize)>,
    /// JSON pointer, empty for the document
    path: String,
    problem: String,
}

impl RecordedAnswer {
    /// Checks a file's bytes against the API model
    ///
    /// # Errors
    /// When the service could not have sent this answer.
    pub fn parse(file: &Path, bytes: impl Into<Bytes>) -> Result<Self, RecordedAnswerError> {
        let body = bytes.into();
        let error = |path: String, problem: String| RecordedAnswerError {
            file: file.to_owned(),
            position: None,
            path,
            problem,
        };
        let of_json = |path: String, found: &serde_json::Error| {
            let place = format!(" at line {} column {}", found.line(), found.column());
            let told = found.to_string();
            RecordedAnswerError {
                position: Some((found.line(), found.column())),
                ..error(path, told.strip_suffix(&place).unwrap_or(&told).to_owned())
            }
        };
        if body.len() > RECORDED_ANSWER_BYTES_MAX {
            let problem = format!("{} bytes are more than {RECORDED_ANSWER_BYTES_MAX}", body.len());
            return Err(error(String::new(), problem));
        }
        let mut json = serde_json::Deserializer::from_slice(&body);
        let Object(answer): Object<DetectAnomaliesResponse> = serde_path_to_error::deserialize(&mut json)
            .map_err(|found| of_json(pointer(found.path()), found.inner()))?;
        json.end().map_err(|found| of_json(String::new(), &found))?;
        let Object(result) = answer.result;
        if result.anomalies.is_some() != result.mask.is_some() {
            let problem = "a segmentation answer has both `Anomalies` and `AnomalyMask`, another has neither";
            return Err(error("/DetectAnomalyResult".to_owned(), problem.to_owned()));
        }
        Ok(Self {
            file: file.to_owned(),
            body,
        })
    }

    /// Where it was read from
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The body, byte for byte
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl RecordedAnswerError {
    /// Line and column of the end of the mistake, counted from 1; `None` if it is the file as a whole
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position.map(|(line, column)| (line.max(1), column.max(1)))
    }

    /// Where in the answer, as a JSON Pointer; empty for the document
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

// The types below only check the file; their values are never read.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectAnomaliesResponse {
    #[serde(rename = "DetectAnomalyResult")]
    result: Object<DetectAnomalyResult>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectAnomalyResult {
    #[serde(rename = "Source")]
    _source: Object<ImageSource>,
    #[serde(rename = "IsAnomalous")]
    _is_anomalous: bool,
    #[serde(rename = "Confidence")]
    _confidence: Fraction,
    #[serde(rename = "Anomalies", default, deserialize_with = "present")]
    anomalies: Option<Vec<Object<Anomaly>>>,
    #[serde(rename = "AnomalyMask", default, deserialize_with = "present")]
    mask: Option<AnomalyMask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageSource {
    #[serde(rename = "Type")]
    _type: ImageSourceType,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Anomaly {
    #[serde(rename = "Name")]
    _name: AnomalyName,
    #[serde(rename = "PixelAnomaly")]
    _pixel_anomaly: Object<PixelAnomaly>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PixelAnomaly {
    #[serde(rename = "TotalPercentageArea")]
    _total_percentage_area: Fraction,
    #[serde(rename = "Color")]
    _color: Color,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct ImageSourceType;

#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Fraction;

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct AnomalyName;

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Color;

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct AnomalyMask;

// An absent member is fine, `null` is not: the service leaves out what it does not have.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl TryFrom<String> for ImageSourceType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "direct" {
            Ok(Self)
        } else {
            Err(format!("`{text}` is not `direct`"))
        }
    }
}

impl TryFrom<f64> for Fraction {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&number) {
            Ok(Self)
        } else {
            Err(format!("`{number}` is not from 0 to 1"))
        }
    }
}

impl TryFrom<String> for AnomalyName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(Self)
        } else {
            Err(format!(
                "`{text}` is not an anomaly's name (1 to 256 of [a-zA-Z0-9])"
            ))
        }
    }
}

impl TryFrom<String> for Color {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // API model, `Color`: `\#[a-zA-Z0-9]{6}`, which is wider than a colour.
        let is_color = text
            .strip_prefix('#')
            .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_alphanumeric()));
        if is_color {
            Ok(Self)
        } else {
            Err(format!("`{text}` is not a colour (`#` and six of [a-zA-Z0-9])"))
        }
    }
}

impl TryFrom<String> for AnomalyMask {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let file = BASE64_STANDARD
            .decode(text)
            .map_err(|error| format!("not standard base64: {error}"))?;
        if file.len() > MASK_BYTES_MAX {
            return Err(format!(
                "{} bytes of mask are more than {MASK_BYTES_MAX}",
                file.len()
            ));
        }
        let not_a_png = |error| format!("the mask is not a PNG: {error}");
        let mut reader = png::Decoder::new(Cursor::new(file))
            .read_info()
            .map_err(not_a_png)?;
        while reader.next_row().map_err(not_a_png)?.is_some() {}
        reader.finish().map_err(not_a_png)?;
        Ok(Self)
    }
}

/// The place of a mistake, printed after its description
struct Place<'p>(&'p Option<(usize, usize)>, &'p str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.0 {
            write!(f, " at line {line} column {column}")?;
        }
        match self.1 {
            "" => Ok(()),
            path => write!(f, " at {path}"),
        }
    }
}

/// Bytes of a recorded answer: the largest mask as base64, and room for the rest
pub const RECORDED_ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests;
