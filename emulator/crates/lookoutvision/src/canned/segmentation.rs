//! Segmentation answers: kinds of anomalies, their colours and where they are.

use std::{
    collections::BTreeSet,
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// A segmentation model's answer, its mask painted for the uploaded image
///
/// A rule answers images of the same size with the same bytes, so the last answer is kept with its size.
#[derive(Debug)]
pub struct Segmentation {
    verdict: Verdict,
    anomalies: Vec<Anomaly>,
    last_answer: Mutex<Option<LastAnswer>>,
}

/// One kind of anomaly of a segmentation answer
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// `Name`
    pub name: AnomalyName,
    /// `Color`
    pub color: Color,
    /// Where it is, as fractions of the image
    pub regions: Vec<Rectangle>,
}

/// The name of a kind of anomaly (API model, `AnomalyName`: 1 to 256 of `[a-zA-Z0-9]`)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnomalyName(Box<str>);

/// A colour of a mask; in JSON `#` and six hexadecimal digits
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color([u8; 3]);

/// A rectangle in fractions of width and height, inside the image
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Why a segmentation answer is refused when the configuration is loaded
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SegmentationError {
    /// The name breaks the API model's pattern
    #[error("`{0}` is not an anomaly's name (1 to 256 of [a-zA-Z0-9])")]
    Name(String),
    /// The service reserves this name
    #[error("`background` is the name of what is not anomalous; the service adds it by itself")]
    BackgroundName,
    /// The text is not a colour
    #[error("`{0}` is not a colour (`#` and six hexadecimal digits, like `#23A436`)")]
    Color(String),
    /// White is the background
    #[error("`{0}` has the colour `#FFFFFF`, which is the background's")]
    BackgroundColor(AnomalyName),
    /// Two kinds of anomalies have the same name
    #[error("`{0}` appears twice among the anomalies; one entry can have several regions")]
    NameTwice(AnomalyName),
    /// Two kinds of anomalies have the same colour, so the mask could not distinguish them
    #[error("`{0}` is the colour of two anomalies")]
    ColorTwice(Color),
    /// The anomaly has no regions
    #[error("`{0}` has no regions; leave it out if it is not in the image")]
    NoRegions(AnomalyName),
    /// The rectangle is empty, upside down or not inside the image
    #[error(
        "a region of x {0}, y {1}, width {2} and height {3} is not inside the image (fractions from 0 to 1)"
    )]
    Rectangle(f64, f64, f64, f64),
    /// More regions than fit into a mask of the largest size
    #[error("{0} regions are more than {REGIONS_MAX}")]
    TooManyRegions(usize),
}

/// The most regions of one answer. With this many, the mask stays below the API model's 5,242,880 bytes whatever they
/// look like: at most 512 rows differ from the row above them, each in at most 512 runs of pixels.
pub const REGIONS_MAX: usize = 256;

#[derive(Debug)]
struct LastAnswer {
    width: u32,
    height: u32,
    body: Bytes,
}

impl Segmentation {
    /// An answer that can be painted for every image
    ///
    /// # Errors
    /// When two anomalies share a name or a colour, when one is named or coloured like the background or has no
    /// regions, or when there are too many regions.
    pub fn new(verdict: Verdict, anomalies: Vec<Anomaly>) -> Result<Self, SegmentationError> {
        let mut names = BTreeSet::new();
        let mut colors = BTreeSet::new();
        for anomaly in &anomalies {
            if anomaly.color == Color::BACKGROUND {
                return Err(SegmentationError::BackgroundColor(anomaly.name.clone()));
            }
            if !names.insert(&anomaly.name) {
                return Err(SegmentationError::NameTwice(anomaly.name.clone()));
            }
            if !colors.insert(anomaly.color) {
                return Err(SegmentationError::ColorTwice(anomaly.color));
            }
            if anomaly.regions.is_empty() {
                return Err(SegmentationError::NoRegions(anomaly.name.clone()));
            }
        }
        let regions = anomalies.iter().map(|anomaly| anomaly.regions.len()).sum();
        if regions > REGIONS_MAX {
            return Err(SegmentationError::TooManyRegions(regions));
        }
        Ok(Self {
            verdict,
            anomalies,
            last_answer: Mutex::new(None),
        })
    }

    /// The result for the image as a whole
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The same anomalies with another verdict
    #[must_use]
    pub fn with_verdict(&self, verdict: Verdict) -> Self {
        Self {
            verdict,
            ..self.clone()
        }
    }

    /// The kinds of anomalies, in the order in which they are painted
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// The answer for an image of this size: the last one if it was for the same size, otherwise a new one
    pub fn answer_for(&self, width: u32, height: u32, paint: impl FnOnce(&Self) -> Bytes) -> Bytes {
        // A poisoned lock only means that another request panicked; the answer kept here is still complete.
        let last = || self.last_answer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last()
            .as_ref()
            .filter(|last| (last.width, last.height) == (width, height))
        {
            return last.body.clone();
        }
        // Not under the lock: painting the same mask twice costs less than waiting.
        let body = paint(self);
        *last() = Some(LastAnswer {
            width,
            height,
            body: body.clone(),
        });
        body
    }
}

impl Clone for Segmentation {
    fn clone(&self) -> Self {
        Self {
            verdict: self.verdict,
            anomalies: self.anomalies.clone(),
            last_answer: Mutex::new(None),
        }
    }
}

impl AnomalyName {
    /// The name as it is written
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AnomalyName {
    type Err = SegmentationError;

    fn from_str(text: &str) -> Result<Self, SegmentationError> {
        if !(1..=256).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Err(SegmentationError::Name(text.to_owned()))
        } else if text == BACKGROUND_NAME {
            Err(SegmentationError::BackgroundName)
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl fmt::Display for AnomalyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Color {
    /// White: every pixel that belongs to no anomaly
    pub const BACKGROUND: Self = Self([0xff; 3]);

    /// Red, green and blue
    pub fn rgb(self) -> [u8; 3] {
        self.0
    }
}

impl FromStr for Color {
    type Err = SegmentationError;

    fn from_str(text: &str) -> Result<Self, SegmentationError> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        digits
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .map(|number| {
                let [_, red, green, blue] = number.to_be_bytes();
                Self([red, green, blue])
            })
            .ok_or_else(|| SegmentationError::Color(text.to_owned()))
    }
}

impl TryFrom<String> for Color {
    type Error = SegmentationError;

    fn try_from(text: String) -> Result<Self, SegmentationError> {
        text.parse()
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

// The service's answers write colours in upper case, whatever the manifest had.
impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02X}{green:02X}{blue:02X}")
    }
}

impl Rectangle {
    /// A rectangle inside the image
    ///
    /// # Errors
    /// When it is empty or extends beyond the image.
    pub fn new(x: f64, y: f64, width: f64, height: f64) -> Result<Self, SegmentationError> {
        // Fractions that should meet the edge may exceed it by a rounding error, as 0.7 + 0.3 can.
        let inside =
            |start: f64, length: f64| start >= 0.0 && length > 0.0 && start + length <= 1.0 + f64::EPSILON;
        if inside(x, width) && inside(y, height) {
            Ok(Self { x, y, width, height })
        } else {
            Err(SegmentationError::Rectangle(x, y, width, height))
        }
    }

    /// The columns that it covers in an image of this width in pixels, as first and one past the last
    pub fn columns(&self, image_width: u32) -> (u32, u32) {
        pixels(self.x, self.width, image_width)
    }

    /// The rows that it covers in an image of this height in pixels, as first and one past the last
    pub fn rows(&self, image_height: u32) -> (u32, u32) {
        pixels(self.y, self.height, image_height)
    }
}

/// Rounds both edges to the nearest line between two pixels, so that rectangles that touch still touch. A rectangle
/// that would vanish keeps one pixel.
fn pixels(start: f64, length: f64, total: u32) -> (u32, u32) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a fraction of a 32-bit number, clamped just below"
    )]
    let line = |fraction: f64| (fraction * f64::from(total)).round() as u32;
    let from = line(start).min(total.saturating_sub(1));
    let to = line(start + length).clamp(from + 1, total.max(1));
    (from, to)
}

/// The name of what is not anomalous
pub const BACKGROUND_NAME: &str = "background";

#[cfg(test)]
mod tests;
