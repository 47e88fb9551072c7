//! Turns a mask from a dataset into one for answers: the colours that the manifest names, and white elsewhere.

use std::{collections::HashMap, io::Cursor};

use super::{BACKGROUND, MASK_BYTES_MAX, Mask, WRITING_TO_MEMORY};
use crate::canned::Color;

/// Why a file cannot be the mask of an image
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PaintedMaskError {
    /// It has another format or is broken
    #[error("the mask is not a PNG: {0}")]
    NotAPng(String),
    /// Its size is not that of the image
    #[error("the mask is {found_width} x {found_height} pixels, and the image {width} x {height}")]
    OtherSize {
        /// Width of the mask, in pixels
        found_width: u32,
        /// Height of the mask, in pixels
        found_height: u32,
        /// Width of the image, in pixels
        width: u32,
        /// Height of the image, in pixels
        height: u32,
    },
    /// An anomaly has the colour of the background
    #[error("a kind of anomaly has the colour {background}, which is the background's in answers", background = Color::BACKGROUND)]
    BackgroundColor,
    /// The repainted mask has more bytes than an answer may have
    #[error("the mask has {0} bytes as an answer has it, more than {MASK_BYTES_MAX}")]
    TooManyBytes(usize),
}

impl Mask {
    /// Repaints a mask: pixels with none of these colours become background; if a colour occurs twice, the first one
    /// counts
    ///
    /// # Errors
    /// When it is not a PNG of this size, when one of the colours is the background's, or when the mask is too large
    /// for an answer.
    pub fn repaint(
        painted: &[u8],
        colors: &[Color],
        width: u32,
        height: u32,
    ) -> Result<Self, PaintedMaskError> {
        if colors.contains(&Color::BACKGROUND) {
            return Err(PaintedMaskError::BackgroundColor);
        }
        let not_a_png = |error: png::DecodingError| PaintedMaskError::NotAPng(error.to_string());
        let mut decoder = png::Decoder::new(Cursor::new(painted));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(not_a_png)?;
        let (found_width, found_height) = reader.info().size();
        if (found_width, found_height) != (width, height) {
            return Err(PaintedMaskError::OtherSize {
                found_width,
                found_height,
                width,
                height,
            });
        }
        let bytes = reader.output_buffer_size();
        let bytes = bytes.ok_or_else(|| PaintedMaskError::NotAPng("it is too large".to_owned()))?;
        let mut samples = vec![0; bytes];
        let frame = reader.next_frame(&mut samples).map_err(not_a_png)?;

        let mut owners: HashMap<[u8; 3], usize> = HashMap::new();
        for (owner, color) in (1..).zip(colors) {
            owners.entry(color.rgb()).or_insert(owner);
        }
        let mut pixels = vec![0_u64; 1 + colors.len()];
        let mut rgb = Vec::with_capacity(samples.len());
        for pixel in samples.chunks_exact(frame.color_type.samples()) {
            let color = seen(pixel);
            let owner = color.and_then(|color| owners.get(&color)).copied();
            let owner = owner.unwrap_or(BACKGROUND);
            let painted = owner.checked_sub(1).and_then(|index| colors.get(index));
            rgb.extend(painted.copied().unwrap_or(Color::BACKGROUND).rgb());
            if let Some(pixels) = pixels.get_mut(owner) {
                *pixels += 1;
            }
        }
        let png = encode(&rgb, width, height);
        if png.len() > MASK_BYTES_MAX {
            return Err(PaintedMaskError::TooManyBytes(png.len()));
        }
        let anomaly_pixels = pixels.split_off(1);
        Ok(Self {
            png,
            background_pixels: pixels.first().copied().unwrap_or_default(),
            anomaly_pixels,
        })
    }
}

/// The colour of a pixel of 8-bit samples; `None` if it is fully transparent
fn seen(pixel: &[u8]) -> Option<[u8; 3]> {
    match *pixel {
        [_, 0] | [_, _, _, 0] => None,
        [gray] | [gray, _] => Some([gray; 3]),
        [red, green, blue] | [red, green, blue, _] => Some([red, green, blue]),
        _ => None,
    }
}

#[expect(
    clippy::expect_used,
    reason = "a mask is an image of known size that is written to memory"
)]
fn encode(rgb: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    // Each row is stored as its difference from the row above, which is nearly always zeros.
    encoder.set_filter(png::Filter::Up);
    let mut writer = encoder.write_header().expect(WRITING_TO_MEMORY);
    writer.write_image_data(rgb).expect(WRITING_TO_MEMORY);
    writer.finish().expect(WRITING_TO_MEMORY);
    png
}
