//! The images of a dataset, and what a model that was trained with them answers for them.
//!
//! In a project with `answers_from_datasets`, the images of its datasets are read. Each is recognised by the SHA-256 of
//! its bytes, so DetectAnomalies with the same bytes is answered with the label of the manifest's line, and by a
//! segmentation model also with the line's mask. The mask keeps its pixels, with two changes as in the service: every
//! pixel that has the colour of no kind of anomaly becomes white background, and the areas are counted from the pixels.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use client_text::{hex, sha256_of_hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    api::Blob,
    canned::Color,
    image::{Image, ImageError},
    infallible::sha256,
    manifest::{Class, Entries, Entry},
    mask::{MASK_BYTES_MAX, Mask, PaintedMaskError},
};

/// The images of a dataset that were read, by `source-ref`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    from = "BTreeMap<Arc<str>, DatasetImage>",
    into = "BTreeMap<Arc<str>, DatasetImage>"
)]
pub struct DatasetImages {
    by_source_ref: BTreeMap<Arc<str>, DatasetImage>,
    bytes: usize,
}

/// An image of a dataset
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetImage {
    /// SHA-256 of its bytes
    pub sha256: Sha256,
    /// Its mask, if its line names one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Arc<ImageMask>>,
}

/// The mask of an image, as in an answer
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageMask {
    /// Where it was read from, `s3://…`
    pub source_ref: Arc<str>,
    /// The kinds of anomalies in the manifest's line
    pub anomalies: Vec<MaskedAnomaly>,
    /// A PNG of 8-bit RGB, white where no anomaly is
    pub png: Blob,
}

/// A kind of anomaly in a mask
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskedAnomaly {
    /// `class-name` of the manifest's line
    pub name: Box<str>,
    /// `hex-color` of the manifest's line
    pub color: Color,
    /// How many pixels have the colour
    pub pixels: u64,
}

/// SHA-256 of an image; in JSON 64 hexadecimal digits
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// What a model answers for the images that it was trained and tested with
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<LabeledImage>", into = "Vec<LabeledImage>")]
pub struct LabeledImages {
    by_sha256: HashMap<Sha256, LabeledImage>,
    bytes: usize,
}

/// An image with its label
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabeledImage {
    /// SHA-256 of its bytes
    pub sha256: Sha256,
    /// What it was labelled as
    pub label: Class,
    /// Its mask, if its line names one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Arc<ImageMask>>,
}

/// Why an image or its mask is not accepted; its `Display` is printed after the name of the object
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DatasetImageError {
    /// The service would not accept the image
    #[error("{0}")]
    Image(#[from] ImageError),
    /// The mask cannot be used
    #[error("{0}")]
    Mask(#[from] PaintedMaskError),
}

impl DatasetImages {
    /// The image of a line; `None` if it was not read or the line now names another mask
    pub fn of(&self, entry: &Entry) -> Option<&DatasetImage> {
        let image = self.by_source_ref.get(&entry.source_ref)?;
        let read = image.mask.as_ref().map(|mask| &mask.source_ref);
        let named = entry.mask.as_ref().map(|mask| &mask.source_ref);
        (read == named).then_some(image)
    }

    /// Adds the image of a line
    pub fn insert(&mut self, entry: &Entry, image: DatasetImage) {
        self.bytes += image_bytes(image.mask.as_deref());
        if let Some(before) = self.by_source_ref.insert(entry.source_ref.clone(), image) {
            self.bytes -= image_bytes(before.mask.as_deref());
        }
    }

    /// The images of both; of two for the same `source-ref` the second counts
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        let all = self.by_source_ref.iter().chain(&others.by_source_ref);
        Self::from(BTreeMap::from_iter(
            all.map(|(source_ref, image)| (source_ref.clone(), image.clone())),
        ))
    }

    /// Each image with its `source-ref`
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &DatasetImage)> {
        self.by_source_ref.iter()
    }

    /// Whether no image was read
    pub fn is_empty(&self) -> bool {
        self.by_source_ref.is_empty()
    }

    /// Bytes that they take, estimated
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl DatasetImage {
    /// Reads the image of a line, and its mask if the line names one
    ///
    /// # Errors
    /// When the service would not accept the image, or the mask cannot be used for it.
    pub fn read(entry: &Entry, image: &[u8], mask: Option<&[u8]>) -> Result<Self, DatasetImageError> {
        let Image { width, height, .. } = Image::inspect_any(image)?;
        let mask = match (&entry.mask, mask) {
            (Some(named), Some(png)) => {
                let colors: Vec<Color> = named.kinds.iter().map(|kind| kind.color).collect();
                let Mask {
                    png, anomaly_pixels, ..
                } = Mask::repaint(png, &colors, width, height)?;
                let kinds = named.kinds.iter().zip(anomaly_pixels);
                Some(Arc::new(ImageMask {
                    source_ref: named.source_ref.clone(),
                    anomalies: kinds
                        .map(|(kind, pixels)| MaskedAnomaly {
                            name: kind.name.clone(),
                            color: kind.color,
                            pixels,
                        })
                        .collect(),
                    png: Blob(png),
                }))
            }
            _ => None,
        };
        Ok(Self {
            sha256: Sha256(sha256(image)),
            mask,
        })
    }
}

impl ImageMask {
    /// Checks a mask that a person wrote: that the PNG has as many pixels of each colour as the mask says
    ///
    /// # Errors
    /// When it is not a usable PNG or has other numbers of pixels; the error says which.
    pub fn check(&self) -> Result<(), String> {
        let png = &self.png.0;
        if png.len() > MASK_BYTES_MAX {
            return Err(format!(
                "{} bytes of mask are more than {MASK_BYTES_MAX}",
                png.len()
            ));
        }
        let Image { width, height, .. } = Image::inspect_any(png).map_err(|error| error.to_string())?;
        let colors: Vec<Color> = self.anomalies.iter().map(|anomaly| anomaly.color).collect();
        let mask = Mask::repaint(png, &colors, width, height).map_err(|error| error.to_string())?;
        let said = self.anomalies.iter().map(|anomaly| anomaly.pixels);
        let mut differences = self.anomalies.iter().zip(said.zip(mask.anomaly_pixels));
        match differences.find(|(_, (said, found))| said != found) {
            None => Ok(()),
            Some((anomaly, (said, found))) => Err(format!(
                "the mask has {found} pixels of the colour {}, and `pixels` of `{}` says {said}",
                anomaly.color, anomaly.name
            )),
        }
    }
}

impl LabeledImages {
    /// The images that were read, with the labels of their lines
    ///
    /// Of two lines with the same image the first counts; lines of the training set come before those of the test set.
    pub fn of(training: &Entries, test: Option<&Entries>, images: &DatasetImages) -> Self {
        let entries = training.iter().chain(test.into_iter().flat_map(Entries::iter));
        let labeled = entries.filter_map(|entry| {
            let DatasetImage { sha256, mask } = images.of(entry)?.clone();
            let label = entry.class?;
            Some(LabeledImage { sha256, label, mask })
        });
        Self::from_iter(labeled)
    }

    /// The image with this SHA-256
    pub fn find(&self, sha256: [u8; 32]) -> Option<&LabeledImage> {
        self.by_sha256.get(&Sha256(sha256))
    }

    /// All images, in the order of their SHA-256
    pub fn sorted(&self) -> Vec<&LabeledImage> {
        let mut all: Vec<_> = self.by_sha256.values().collect();
        all.sort_unstable_by_key(|image| image.sha256);
        all
    }

    /// Whether there are no images
    pub fn is_empty(&self) -> bool {
        self.by_sha256.is_empty()
    }

    /// Bytes that they take, estimated
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl FromIterator<LabeledImage> for LabeledImages {
    fn from_iter<I: IntoIterator<Item = LabeledImage>>(images: I) -> Self {
        let mut all = Self::default();
        for image in images {
            let bytes = image_bytes(image.mask.as_deref());
            all.by_sha256.entry(image.sha256).or_insert_with(|| {
                all.bytes += bytes;
                image
            });
        }
        all
    }
}

impl From<Vec<LabeledImage>> for LabeledImages {
    fn from(images: Vec<LabeledImage>) -> Self {
        Self::from_iter(images)
    }
}

impl From<LabeledImages> for Vec<LabeledImage> {
    fn from(images: LabeledImages) -> Self {
        images.sorted().into_iter().cloned().collect()
    }
}

impl From<BTreeMap<Arc<str>, DatasetImage>> for DatasetImages {
    fn from(by_source_ref: BTreeMap<Arc<str>, DatasetImage>) -> Self {
        let bytes = by_source_ref
            .values()
            .map(|image| image_bytes(image.mask.as_deref()));
        Self {
            bytes: bytes.sum(),
            by_source_ref,
        }
    }
}

impl From<DatasetImages> for BTreeMap<Arc<str>, DatasetImage> {
    fn from(images: DatasetImages) -> Self {
        images.by_source_ref
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let sha256 = sha256_of_hex(&text);
        sha256
            .map(Self)
            .ok_or_else(|| de::Error::custom("expected a SHA-256, 64 hexadecimal digits"))
    }
}

fn image_bytes(mask: Option<&ImageMask>) -> usize {
    let of_mask = mask.map_or(0, |mask| mask.png.0.len() + mask.source_ref.len());
    of_mask + IMAGE_BYTES
}

/// The estimated bytes of an image's entry, without its mask
const IMAGE_BYTES: usize = 128;

#[cfg(test)]
mod tests;
