//! The mask of a segmentation result: it must have the size of the image and one colour for each anomaly type, and the
//! areas must agree with its pixels.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::nearly_equal;
use crate::corpus::Segment;
use crate::outcome::Anomaly;

/// Everything about the mask and the areas that is not as expected
pub(super) fn complaints(
    expected: &[Segment],
    anomalies: &[Anomaly],
    mask_base64: &str,
    image: &Path,
) -> Vec<String> {
    let mask = match STANDARD
        .decode(mask_base64)
        .map_err(|error| error.to_string())
        .and_then(|png| decode(&png))
    {
        Ok(mask) => mask,
        Err(error) => return vec![format!("the mask is not a PNG: {error}")],
    };
    let mut complaints = Vec::new();
    match fs::read(image)
        .map_err(|error| error.to_string())
        .and_then(|png| decode(&png))
    {
        Ok(image) if image.size != mask.size => {
            complaints.push(format!(
                "the mask is {:?} pixels, the image {:?}",
                mask.size, image.size
            ));
        }
        Ok(_) => {}
        Err(error) => complaints.push(format!("`{}`: {error}", image.display())),
    }

    let expected_pixels: BTreeMap<_, _> = expected
        .iter()
        .map(|segment| (segment.color.clone(), segment.pixels))
        .collect();
    if expected_pixels != mask.pixels_by_color {
        complaints.push(format!(
            "pixels by colour: expected {expected_pixels:?}, found {:?}",
            mask.pixels_by_color
        ));
    }
    let expected_names: Vec<_> = expected
        .iter()
        .map(|segment| (&segment.name, &segment.color))
        .collect();
    let names: Vec<_> = anomalies
        .iter()
        .map(|anomaly| (&anomaly.name, &anomaly.color))
        .collect();
    if expected_names != names {
        complaints.push(format!("anomalies: expected {expected_names:?}, found {names:?}"));
    }
    let all = f64::from(mask.size.0) * f64::from(mask.size.1);
    for anomaly in anomalies {
        let counted = mask
            .pixels_by_color
            .get(&anomaly.color)
            .copied()
            .unwrap_or_default();
        // A mask has at most 4096 x 4096 pixels, far below the numbers that an f64 cannot hold exactly.
        let counted = counted as f64 / all;
        if !nearly_equal(counted, anomaly.total_percentage_area) {
            complaints.push(format!(
                "TotalPercentageArea of `{}` is {}, its pixels are {counted} of the mask",
                anomaly.name, anomaly.total_percentage_area
            ));
        }
    }
    complaints
}

struct Picture {
    size: (u32, u32),
    pixels_by_color: BTreeMap<String, u64>,
}

fn decode(png: &[u8]) -> Result<Picture, String> {
    let mut decoder = png::Decoder::new(Cursor::new(png));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let frame = reader
        .next_frame(&mut pixels)
        .map_err(|error| error.to_string())?;
    let samples = frame.color_type.samples();
    let mut pixels_by_color = BTreeMap::new();
    for pixel in pixels[..frame.buffer_size()].chunks_exact(samples) {
        let color = match pixel {
            [gray] | [gray, _] => format!("#{gray:02X}{gray:02X}{gray:02X}"),
            [red, green, blue, ..] => format!("#{red:02X}{green:02X}{blue:02X}"),
            [] => return Err("a pixel without samples".to_owned()),
        };
        *pixels_by_color.entry(color).or_default() += 1;
    }
    Ok(Picture {
        size: (frame.width, frame.height),
        pixels_by_color,
    })
}

#[cfg(test)]
mod tests {
    use super::{Anomaly, Path, STANDARD, Segment, complaints};
    use base64::Engine as _;

    /// A mask of the image's 320 x 240 pixels whose first row is green
    fn mask(width: u32) -> String {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, width, 240);
        encoder.set_color(png::ColorType::Rgb);
        let pixels: Vec<u8> = (0..width * 240)
            .flat_map(|at| if at < width { [0x23, 0xA4, 0x36] } else { [0xFF; 3] })
            .collect();
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&pixels))
            .expect("a picture in memory can be encoded");
        STANDARD.encode(png)
    }

    #[track_caller]
    fn check(mask: &str, scratch_area: f64, expected: &[&str]) {
        let segment = |name: &str, color: &str, pixels| Segment {
            name: name.into(),
            color: color.into(),
            pixels,
        };
        let segments = [
            segment("background", "#FFFFFF", 320 * 239),
            segment("scratch", "#23A436", 320),
        ];
        let anomaly = |name: &str, color: &str, total_percentage_area| Anomaly {
            name: name.into(),
            color: color.into(),
            total_percentage_area,
        };
        let anomalies = [
            anomaly("background", "#FFFFFF", 239.0 / 240.0),
            anomaly("scratch", "#23A436", scratch_area),
        ];
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/images/anomaly-2.png");
        let complaints = complaints(&segments, &anomalies, mask, &image);
        assert_eq!(complaints.len(), expected.len(), "{complaints:?}");
        for (complaint, expected) in complaints.iter().zip(expected) {
            assert!(
                complaint.contains(expected),
                "`{complaint}` says nothing of `{expected}`"
            );
        }
    }

    #[test]
    fn a_mask_that_fits_is_not_complained_of() {
        check(&mask(320), 1.0 / 240.0, &[]);
    }

    #[test]
    fn an_area_that_the_pixels_do_not_have_is_found() {
        check(&mask(320), 0.01, &["TotalPercentageArea of `scratch`"]);
    }

    #[test]
    fn a_mask_of_another_size_is_found() {
        check(
            &mask(160),
            1.0 / 240.0,
            &["the mask is (160, 240) pixels", "pixels by colour"],
        );
    }

    #[test]
    fn what_is_no_picture_is_found() {
        check("AAAA", 1.0 / 240.0, &["not a PNG"]);
    }
}
