//! From method and raw path to the operation and its labels.
//!
//! `DELETE /2020-11-20/tags/arn%3Aaws%3A…%2F1` is `UntagResource` of `arn:aws:…/1`. The path is split at its slashes
//! first, and then each segment is decoded exactly once, so an encoded slash stays inside its label and `%252F` becomes
//! the three characters `%2F`.
//!
//! Nothing is normalised: a path with an empty segment (`//`, a slash at the end), `.` or `..` names no operation. The
//! signature covers a normalised path, but no client sends any other, and a resource that can be spelled in only one
//! way is easier to protect. The same applies to an escape that is not two hexadecimal digits and to bytes that are not
//! UTF-8. Encoded dots are ordinary characters of a label, which the label's pattern then refuses.
// Guess: how the service treats paths that are not normalised is not known.

use std::{borrow::Cow, sync::LazyLock};

use client_text::pieces;
use smallvec::SmallVec;

use crate::operation::Operation;

/// An operation with the labels of its path, decoded but otherwise as received
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    operation: Operation,
    /// By name, in the order of the path
    labels: SmallVec<[(&'static str, Box<str>); 2]>,
}

/// The method and the path belong to no operation; a known path with another method is the same error
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no operation has this method and path")]
pub struct UnknownOperation;

/// An operation's path, split at its slashes
#[derive(Debug)]
struct Template {
    operation: Operation,
    method: &'static str,
    segments: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
}

impl Route {
    /// Finds the operation of a request
    ///
    /// `raw_path` is the request target before the `?`, as it was received.
    ///
    /// # Errors
    /// When no operation has this method and path.
    pub fn resolve(method: &str, raw_path: &str) -> Result<Self, UnknownOperation> {
        let path = raw_path.strip_prefix('/').ok_or(UnknownOperation)?;
        let mut room: [Cow<'_, str>; SEGMENTS_MAX] = Default::default();
        let mut places = room.iter_mut();
        for segment in pieces(path, b'/') {
            *places.next().ok_or(UnknownOperation)? = decode_segment(segment)?;
        }
        let empty = places.len();
        let decoded = room.get(..SEGMENTS_MAX - empty).unwrap_or_default();
        let template = TEMPLATES
            .iter()
            .find(|template| template.method == method && template.fits(decoded));
        let template = template.ok_or(UnknownOperation)?;
        let labels = template.segments.iter().zip(room);
        Ok(Self {
            operation: template.operation,
            labels: labels
                .filter_map(|(segment, text)| match segment {
                    Segment::Label(name) => Some((*name, text.into())),
                    Segment::Literal(_) => None,
                })
                .collect(),
        })
    }

    /// The operation alone
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// A label of the path, by its name in the path's template
    pub fn label(&self, name: &str) -> Option<&str> {
        let (_, text) = self.labels.iter().find(|(label, _)| *label == name)?;
        Some(text)
    }

    /// The labels of the path by name, in its order
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.labels.iter().map(|(name, text)| (*name, &**text))
    }
}

impl Template {
    fn of(operation: Operation) -> Self {
        let segments = operation.path_template().split('/').skip(1);
        Self {
            operation,
            method: operation.method(),
            segments: segments
                .map(|text| {
                    let label = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
                    label.map_or(Segment::Literal(text), Segment::Label)
                })
                .collect(),
        }
    }

    fn fits(&self, segments: &[Cow<'_, str>]) -> bool {
        self.segments.len() == segments.len()
            && self
                .segments
                .iter()
                .zip(segments)
                .all(|(wanted, found)| match wanted {
                    Segment::Literal(text) => text == found,
                    Segment::Label(_) => true,
                })
    }
}

fn decode_segment(segment: &str) -> Result<Cow<'_, str>, UnknownOperation> {
    if matches!(segment, "" | "." | "..") {
        return Err(UnknownOperation);
    }
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || {
                let digit = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(digit).ok()
            };
            let (high, low) = digit().zip(digit()).ok_or(UnknownOperation)?;
            decoded.push(high << 4 | low);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| UnknownOperation)
}

/// The paths of all operations
static TEMPLATES: LazyLock<Vec<Template>> =
    LazyLock::new(|| Operation::ALL.into_iter().map(Template::of).collect());

/// Segments of the longest path, `/2020-11-20/projects/{projectName}/models/{modelVersion}/detect`
const SEGMENTS_MAX: usize = 6;

#[cfg(test)]
mod tests;
