//! Masks: which pixel belongs to which anomaly, as a PNG and as a count.
//!
//! A mask is an 8-bit RGB PNG of exactly the image's size (the guide's example header and its Python sample, which
//! blends image and mask, allow nothing else). Every pixel is white or has the colour of one anomaly, without
//! antialiasing, so that colours map back to anomalies; where two anomalies overlap, the later one is visible. Areas
//! are counted from the visible pixels, and an anomaly without any visible pixel is not in the answer at all.
//!
//! Masks are made of rectangles, so most rows equal the row above them. One row is painted for each band between two
//! edges and given to the encoder once for each row of the band. A 4096 x 4096 mask takes milliseconds, and never more
//! memory than a row and the compressed file.

mod repainted;

use std::{collections::BTreeSet, io::Write as _};

pub use self::repainted::PaintedMaskError;
use crate::canned::{Anomaly, Color};

/// A painted mask
#[derive(Debug)]
pub struct Mask {
    /// The file
    pub png: Vec<u8>,
    /// Pixels of the background
    pub background_pixels: u64,
    /// Pixels of each anomaly, in the anomalies' order
    pub anomaly_pixels: Vec<u64>,
}

impl Mask {
    /// Paints the anomalies on an image of this size
    ///
    /// # Panics
    /// When the image has no pixels.
    pub fn paint(anomalies: &[Anomaly], width: u32, height: u32) -> Self {
        let mask = Self::encode(anomalies, width, height, png::Compression::Fast);
        // The fast encoder compresses only runs of zeros, so a mask with hundreds of rows that differ along their whole
        // length can become too large. A real compressor makes it small.
        if mask.png.len() <= MASK_BYTES_MAX {
            mask
        } else {
            Self::encode(anomalies, width, height, png::Compression::Balanced)
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "a mask is an image of known size that is written to memory"
    )]
    fn encode(anomalies: &[Anomaly], width: u32, height: u32, compression: png::Compression) -> Self {
        let mut png = Vec::new();
        let mut pixels = vec![0; 1 + anomalies.len()];
        {
            let mut encoder = png::Encoder::new(&mut png, width, height);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            encoder.set_compression(compression);
            // Each row is stored as its difference from the row above, which is nearly always zeros.
            encoder.set_filter(png::Filter::Up);
            let mut writer = encoder.write_header().expect(WRITING_TO_MEMORY);
            let mut rows = writer.stream_writer().expect(WRITING_TO_MEMORY);
            for_each_band(anomalies, width, height, |owners, repeat| {
                let row: Vec<u8> = owners
                    .iter()
                    .flat_map(|owner| color_of(*owner, anomalies).rgb())
                    .collect();
                for _ in 0..repeat {
                    rows.write_all(&row).expect(WRITING_TO_MEMORY);
                }
                for owner in owners {
                    if let Some(pixels) = pixels.get_mut(*owner) {
                        *pixels += u64::from(repeat);
                    }
                }
            });
            rows.finish().expect(WRITING_TO_MEMORY);
            writer.finish().expect(WRITING_TO_MEMORY);
        }
        let anomaly_pixels = pixels.split_off(1);
        Self {
            png,
            background_pixels: pixels.first().copied().unwrap_or_default(),
            anomaly_pixels,
        }
    }
}

/// Calls `paint` for each band of equal rows, from top to bottom, with the owner of each pixel in a row and the height
/// of the band. Owner 0 is the background, owner `n + 1` is anomaly `n`.
fn for_each_band(anomalies: &[Anomaly], width: u32, height: u32, mut paint: impl FnMut(&[usize], u32)) {
    let regions: Vec<_> = (1..)
        .zip(anomalies)
        .flat_map(|(owner, anomaly)| anomaly.regions.iter().map(move |region| (owner, region)))
        .map(|(owner, region)| (owner, region.columns(width), region.rows(height)))
        .collect();
    let edges = regions
        .iter()
        .flat_map(|(_, _, (top, bottom))| [*top, *bottom])
        .chain([0, height]);
    let edges = BTreeSet::from_iter(edges);
    let mut owners = vec![BACKGROUND; width as usize];
    for (top, bottom) in edges.iter().zip(edges.iter().skip(1)) {
        owners.fill(BACKGROUND);
        for (owner, (left, right), rows) in &regions {
            if (rows.0..rows.1).contains(top) {
                let owned = owners.get_mut(*left as usize..*right as usize);
                owned.unwrap_or_default().fill(*owner);
            }
        }
        paint(&owners, bottom - top);
    }
}

fn color_of(owner: usize, anomalies: &[Anomaly]) -> Color {
    owner
        .checked_sub(1)
        .and_then(|index| anomalies.get(index))
        .map_or(Color::BACKGROUND, |anomaly| anomaly.color)
}

/// API model, `AnomalyMask`: the most bytes of a mask
pub const MASK_BYTES_MAX: usize = 5_242_880;

/// The owner of every pixel that belongs to no anomaly
const BACKGROUND: usize = 0;

const WRITING_TO_MEMORY: &str = "a mask is an image of known size that is written to memory";

#[cfg(test)]
mod tests;
