//! Manifests: JSON Lines, one object for each image, keyed by `source-ref`.
//!
//! ```json
//! {"source-ref":"s3://bucket/1.jpg","auto-label":11,"auto-label-metadata":{"class-name":"anomaly","human-annotated":"yes","type":"groundtruth/image-classification"}}
//! ```
//!
//! is an anomaly, whatever the name of the label and whatever its number: real manifests have both numbers for both
//! classes, and AWS's own tools also write the number as a text. A class name other than `normal` and `anomaly` leaves
//! the image unlabelled. Beside its label, a line may have attributes of other jobs and results of the service itself
//! (`…-detected`): they are kept as they are and not read. A segmentation line also names a mask (`…-ref`,
//! `…-ref-metadata`) with its colours; AWS's own sample has no background among them and a date in no standard format,
//! and still loads. If a manifest does not load, the error names the line and the reason.
//!
//! Sources: Developer Guide, *Defining JSON Lines for image classification* and *… for image segmentation*; the sample
//! manifests of AWS's getting-started repository.

use std::{collections::HashMap, sync::Arc};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{api::responses::DatasetImageStats, canned::Color};

/// The images of a dataset, in the order in which they were added
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entries {
    lines: Vec<Entry>,
    by_source_ref: HashMap<Arc<str>, usize>,
    bytes: usize,
}

/// One line of a manifest
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// As it was written
    pub line: Arc<str>,
    /// The image, `s3://…`
    pub source_ref: Arc<str>,
    /// The label; `None` if the image is unlabelled
    pub class: Option<Class>,
    /// The label's `creation-date`, if there is one that can be read
    pub created: Option<Timestamp>,
    /// The name of the label attribute, such as `anomaly-label`
    pub label: Option<Box<str>>,
    /// The mask, if there is one
    pub mask: Option<Arc<EntryMask>>,
}

/// The mask that a line names
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryMask {
    /// The mask, `s3://…`
    pub source_ref: Arc<str>,
    /// The kinds of anomalies that it has colours for
    pub kinds: Vec<MaskKind>,
}

/// A kind of anomaly in a mask
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskKind {
    /// `class-name`
    pub name: Box<str>,
    /// `hex-color`
    pub color: Color,
}

/// What an image was labelled as
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Without an anomaly
    Normal,
    /// With an anomaly
    Anomaly,
}

/// Why a manifest does not load
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A line has bytes that are not UTF-8
    #[error("the manifest is not UTF-8 text (line {line})")]
    NotText {
        /// The number of the line
        line: usize,
    },
    /// There are no lines
    #[error("the manifest has no lines")]
    Empty,
    /// A line does not load
    #[error("line {line}: {reason}")]
    Line {
        /// The number of the line
        line: usize,
        /// What is wrong with it
        reason: String,
    },
    /// There are more images than a dataset may have
    #[error("the dataset would have more than {entries_max} images (limits.dataset_entries_max)")]
    TooMany {
        /// The most images that a dataset may have
        entries_max: usize,
    },
}

impl Entries {
    /// The entries with these lines applied: a new image is added, the line of a known image is replaced as a whole
    ///
    /// # Errors
    /// With the first line that does not load, or when there would be more than `entries_max` images.
    pub fn with(&self, text: &[u8], entries_max: usize) -> Result<Self, ManifestError> {
        let text = std::str::from_utf8(text).map_err(|error| ManifestError::NotText {
            line: 1 + text
                .iter()
                .take(error.valid_up_to())
                .filter(|byte| **byte == b'\n')
                .count(),
        })?;
        let mut entries = self.clone();
        let mut is_empty = true;
        for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            let text = line.trim();
            if text.is_empty() {
                continue;
            }
            is_empty = false;
            let line = index + 1;
            let entry = Entry::parse(text).map_err(|reason| ManifestError::Line { line, reason })?;
            if let Some(first) = entries.lines.first()
                && bucket(&first.source_ref) != bucket(&entry.source_ref)
            {
                let reason = format!(
                    "`{}` is not in the bucket of the dataset's other images, `{}`",
                    entry.source_ref,
                    bucket(&first.source_ref)
                );
                return Err(ManifestError::Line { line, reason });
            }
            entries.insert(entry);
            if entries.lines.len() > entries_max {
                return Err(ManifestError::TooMany { entries_max });
            }
        }
        if is_empty {
            return Err(ManifestError::Empty);
        }
        Ok(entries)
    }

    /// Entries that were stored as lines
    pub fn stored(lines: &str) -> Self {
        let mut entries = Self::default();
        for line in lines.lines() {
            // Lines were parsed before they were stored.
            if let Ok(entry) = Entry::parse(line) {
                entries.insert(entry);
            }
        }
        entries
    }

    /// The lines, to be stored
    pub fn to_lines(&self) -> String {
        let mut text = String::with_capacity(self.bytes);
        for entry in &self.lines {
            text.push_str(&entry.line);
            text.push('\n');
        }
        text
    }

    /// The images, in their order
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.lines.iter()
    }

    /// How many there are of each kind
    pub fn stats(&self) -> DatasetImageStats {
        let count = |class| {
            self.lines
                .iter()
                .filter(|entry| entry.class == Some(class))
                .count()
        };
        let [normal, anomaly, total] = [count(Class::Normal), count(Class::Anomaly), self.lines.len()]
            .map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        DatasetImageStats {
            total,
            labeled: normal + anomaly,
            normal,
            anomaly,
        }
    }

    /// Whether any line has a mask, so that a model trained on them has masks in its answers
    pub fn have_masks(&self) -> bool {
        self.lines.iter().any(|entry| entry.mask.is_some())
    }

    /// Bytes of the lines
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn insert(&mut self, entry: Entry) {
        self.bytes += entry.line.len() + 1;
        let known = self.by_source_ref.get(&entry.source_ref);
        match known.and_then(|index| self.lines.get_mut(*index)) {
            Some(line) => {
                self.bytes -= line.line.len() + 1;
                *line = entry;
            }
            None => {
                self.by_source_ref
                    .insert(entry.source_ref.clone(), self.lines.len());
                self.lines.push(entry);
            }
        }
    }
}

impl Entry {
    fn parse(line: &str) -> Result<Self, String> {
        // API model, `DatasetEntry`: a longer line could not be listed.
        let characters = line.chars().count();
        if characters > LINE_CHARACTERS_MAX {
            return Err(format!(
                "{characters} characters are more than {LINE_CHARACTERS_MAX}"
            ));
        }
        let value: Value =
            serde_json::from_slice(line.as_bytes()).map_err(|error| format!("not JSON: {error}"))?;
        let Value::Object(members) = value else {
            return Err("not a JSON object".to_owned());
        };
        let source_ref = members
            .get("source-ref")
            .ok_or("the key `source-ref` is missing")?;
        let source_ref = source_ref.as_str().ok_or("`source-ref` is not a text")?;
        if !is_object_uri(source_ref) {
            return Err(format!("`source-ref` is not `s3://BUCKET/KEY`: `{source_ref}`"));
        }
        let mut entry = Self {
            line: line.into(),
            source_ref: source_ref.into(),
            class: None,
            created: None,
            label: None,
            mask: None,
        };
        for (name, metadata) in &members {
            let Some(attribute) = name.strip_suffix("-metadata") else {
                continue;
            };
            let Some(metadata) = metadata.as_object() else {
                continue;
            };
            if attribute.ends_with(DETECTED) || attribute.ends_with(DETECTED_MASK) {
                continue;
            }
            let Some(kind) = Kind::of(metadata, name)? else {
                continue;
            };
            let value = members
                .get(attribute)
                .ok_or_else(|| format!("`{name}` is there without `{attribute}`"))?;
            match kind {
                Kind::Label => entry.read_label(attribute, value, name, metadata)?,
                Kind::Mask => entry.read_mask(attribute, value, name, metadata)?,
            }
        }
        if entry.mask.is_some() && entry.label.is_none() {
            return Err("there is a mask and no label".to_owned());
        }
        Ok(entry)
    }

    fn read_label(
        &mut self,
        attribute: &str,
        label: &Value,
        name: &str,
        metadata: &Map<String, Value>,
    ) -> Result<(), String> {
        if label.is_object() || label.is_array() {
            return Err(format!("`{attribute}` is neither a number nor a text"));
        }
        human_annotated(metadata, name)?;
        let class = metadata
            .get("class-name")
            .ok_or_else(|| format!("`class-name` of `{name}` is missing"))?;
        // Guess: if chained jobs left several labels, the first one by name counts.
        if self.label.is_some() {
            return Ok(());
        }
        // Guess: a value that is not a text, such as a list, is another class.
        self.class = match class.as_str() {
            Some("normal") => Some(Class::Normal),
            Some("anomaly") => Some(Class::Anomaly),
            _ => None,
        };
        self.created = metadata
            .get("creation-date")
            .and_then(Value::as_str)
            .and_then(parse_date);
        self.label = Some(attribute.into());
        Ok(())
    }

    fn read_mask(
        &mut self,
        attribute: &str,
        mask: &Value,
        name: &str,
        metadata: &Map<String, Value>,
    ) -> Result<(), String> {
        if !attribute.ends_with("-ref") {
            return Err(format!(
                "`{attribute}` is a mask and its name does not end in -ref"
            ));
        }
        let source_ref = mask.as_str().filter(|uri| is_object_uri(uri));
        let source_ref = source_ref.ok_or_else(|| format!("`{attribute}` is not `s3://BUCKET/KEY`"))?;
        human_annotated(metadata, name)?;
        let colors = metadata.get("internal-color-map").and_then(Value::as_object);
        let colors = colors.ok_or_else(|| format!("`internal-color-map` of `{name}` is not an object"))?;
        let mut kinds = Vec::with_capacity(colors.len());
        for (key, color) in colors {
            let at = format!("internal-color-map/{key}");
            let color = color
                .as_object()
                .ok_or_else(|| format!("`{at}` is not an object"))?;
            let hex = text_of(color, "hex-color", &at)?;
            let Ok(parsed) = hex.parse() else {
                return Err(format!("`hex-color` of `{at}` is not a colour: `{hex}`"));
            };
            let class_name = text_of(color, "class-name", &at)?;
            if !class_name.eq_ignore_ascii_case("background") {
                kinds.push(MaskKind {
                    name: class_name.into(),
                    color: parsed,
                });
            }
        }
        self.mask = Some(Arc::new(EntryMask {
            source_ref: source_ref.into(),
            kinds,
        }));
        Ok(())
    }
}

/// What an attribute is, by its metadata
enum Kind {
    Label,
    Mask,
}

impl Kind {
    /// Whether metadata is that of a label or of a mask
    ///
    /// Metadata of the image itself (`source-ref-metadata`), of a job that failed (`failure-reason`) and of another
    /// kind of job, as Ground Truth chains them, is neither, whatever else it says.
    ///
    /// # Errors
    /// When the metadata has members that only a label or a mask has, but no `type` that says which of them it is.
    // Guess: that the service does not read metadata that is neither; its own evaluation manifest has such members.
    fn of(metadata: &Map<String, Value>, name: &str) -> Result<Option<Self>, String> {
        match metadata.get("type").and_then(Value::as_str) {
            Some("groundtruth/image-classification") => Ok(Some(Self::Label)),
            Some("groundtruth/semantic-segmentation") => Ok(Some(Self::Mask)),
            Some(_) => Ok(None),
            None if ["class-name", "internal-color-map"]
                .iter()
                .any(|member| metadata.contains_key(*member)) =>
            {
                text_of(metadata, "type", name).map(|_| None)
            }
            None => Ok(None),
        }
    }
}

fn text_of<'m>(members: &'m Map<String, Value>, key: &str, of: &str) -> Result<&'m str, String> {
    match members.get(key) {
        None => Err(format!("`{key}` of `{of}` is missing")),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("`{key}` of `{of}` is not a text")),
    }
}

fn human_annotated(metadata: &Map<String, Value>, of: &str) -> Result<(), String> {
    match text_of(metadata, "human-annotated", of)? {
        "yes" | "no" => Ok(()),
        other => Err(format!(
            "`human-annotated` of `{of}` is neither yes nor no: `{other}`"
        )),
    }
}

fn is_object_uri(text: &str) -> bool {
    object_of_uri(text).is_some()
}

/// The bucket and the key of `s3://BUCKET/KEY`
pub fn object_of_uri(uri: &str) -> Option<(&str, &str)> {
    let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then_some((bucket, key))
}

fn bucket(source_ref: &str) -> &str {
    let rest = source_ref.strip_prefix("s3://").unwrap_or(source_ref);
    rest.split('/').next().unwrap_or(rest)
}

/// Reads a date with `Z` or an offset, or without either, as Ground Truth writes it, in UTC
fn parse_date(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let date = text.parse::<DateTime>().ok()?;
        Some(date.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
    })
}

/// The end of the names of attributes that the service's evaluation manifest adds (Developer Guide, *Evaluation
/// manifest*)
const DETECTED: &str = "-detected";
/// The same for masks
const DETECTED_MASK: &str = "-detected-ref";
/// API model, `DatasetEntry`
const LINE_CHARACTERS_MAX: usize = 8192;

#[cfg(test)]
mod tests;
