use proptest::prelude::*;

use super::*;
use crate::{
    canned::{REGIONS_MAX, Rectangle, SegmentationError},
    testing::{anomaly, color, decode_rgb},
};

const WHITE: [u8; 3] = [0xff; 3];
const GREEN: [u8; 3] = [0x23, 0xa4, 0x36];
const BLUE: [u8; 3] = [0x4d, 0xd8, 0xff];

/// Paints a mask, decodes it and counts its pixels again
#[track_caller]
fn paint(anomalies: &[Anomaly], width: u32, height: u32) -> (Mask, Vec<[u8; 3]>) {
    let mask = Mask::paint(anomalies, width, height);
    assert!(mask.png.len() <= MASK_BYTES_MAX, "{} bytes", mask.png.len());
    let (found_width, found_height, pixels) = decode_rgb(&mask.png);
    assert_eq!((found_width, found_height), (width, height));
    let count = |color| pixels.iter().filter(|pixel| **pixel == color).count() as u64;
    assert_eq!(mask.background_pixels, count(WHITE));
    let of_anomalies: Vec<_> = anomalies
        .iter()
        .map(|anomaly| count(anomaly.color.rgb()))
        .collect();
    assert_eq!(mask.anomaly_pixels, of_anomalies);
    let total = mask.background_pixels + mask.anomaly_pixels.iter().sum::<u64>();
    assert_eq!(
        total,
        u64::from(width) * u64::from(height),
        "every pixel is white or an anomaly's"
    );
    (mask, pixels)
}

#[test]
fn without_anomalies_every_pixel_is_white() {
    let (mask, _) = paint(&[], 65, 67);
    assert_eq!((mask.background_pixels, mask.anomaly_pixels), (65 * 67, vec![]));
}

#[test]
fn a_region_is_painted_where_it_is() {
    let (mask, pixels) = paint(&[anomaly("scratch", "#23A436", [0.1, 0.2, 0.3, 0.05])], 100, 200);
    assert_eq!(mask.anomaly_pixels, [30 * 10]);
    for (index, pixel) in pixels.iter().enumerate() {
        let (x, y) = (index % 100, index / 100);
        let inside = (10..40).contains(&x) && (40..50).contains(&y);
        assert_eq!(*pixel, if inside { GREEN } else { WHITE }, "{x}, {y}");
    }
}

#[test]
fn a_later_anomaly_is_painted_over_an_earlier_one() {
    let lower = anomaly("scratch", "#23A436", [0.0, 0.0, 0.5, 1.0]);
    let upper = anomaly("dent", "#4DD8FF", [0.25, 0.0, 0.5, 0.5]);
    let (mask, pixels) = paint(&[lower.clone(), upper.clone()], 64, 64);
    assert_eq!(mask.anomaly_pixels, [32 * 64 - 16 * 32, 32 * 32]);
    assert_eq!(pixels[20], BLUE);
    let (mask, pixels) = paint(&[upper, lower], 64, 64);
    assert_eq!(mask.anomaly_pixels, [16 * 32, 32 * 64]);
    assert_eq!(pixels[20], GREEN);
}

#[test]
fn regions_of_one_anomaly_count_once_where_they_overlap() {
    let mut cracked = anomaly("cracked", "#23A436", [0.0, 0.0, 0.5, 0.5]);
    cracked
        .regions
        .push(Rectangle::new(0.25, 0.25, 0.5, 0.5).unwrap());
    let (mask, _) = paint(&[cracked], 64, 64);
    assert_eq!(mask.anomaly_pixels, [32 * 32 + 32 * 32 - 16 * 16]);
}

#[test]
fn an_anomaly_can_be_covered_and_can_cover_everything() {
    let covered = anomaly("scratch", "#23A436", [0.4, 0.4, 0.1, 0.1]);
    let everything = anomaly("dent", "#4DD8FF", [0.0, 0.0, 1.0, 1.0]);
    let (mask, _) = paint(&[covered, everything], 101, 67);
    assert_eq!(
        (mask.background_pixels, mask.anomaly_pixels),
        (0, vec![0, 101 * 67])
    );
}

#[test]
fn the_largest_mask_is_small() {
    let anomalies = [anomaly("scratch", "#23A436", [0.1, 0.2, 0.3, 0.05])];
    let mask = Mask::paint(&anomalies, 4096, 4096);
    assert!(mask.png.len() < 300_000, "{} bytes", mask.png.len());
    assert_eq!(mask.anomaly_pixels, [(1638 - 410) * (1024 - 819)]);
}

#[test]
fn the_most_regions_in_the_worst_order_stay_within_the_model_s_size() {
    // Full-width stripes: each edge is a row that differs from the row above along its whole length.
    let across = stripes(REGIONS_MAX, |from, length| Rectangle::new(0.0, from, 1.0, length));
    let anomalies = [Anomaly {
        name: "a".parse().unwrap(),
        color: color("#123456"),
        regions: across,
    }];
    let fast = Mask::encode(&anomalies, 4096, 4096, png::Compression::Fast);
    assert!(
        fast.png.len() > MASK_BYTES_MAX,
        "this is what the second encoder is for"
    );
    let mask = Mask::paint(&anomalies, 4096, 4096);
    assert!(mask.png.len() <= MASK_BYTES_MAX, "{} bytes", mask.png.len());
    assert_eq!(mask.anomaly_pixels, fast.anomaly_pixels);
}

#[test]
fn a_grid_of_the_most_regions_stays_within_the_model_s_size() {
    let down = stripes(REGIONS_MAX / 2, |from, length| {
        Rectangle::new(from, 0.0, length, 1.0)
    });
    let across = stripes(REGIONS_MAX / 2, |from, length| {
        Rectangle::new(0.0, from, 1.0, length)
    });
    let anomalies = [
        Anomaly {
            name: "a".parse().unwrap(),
            color: color("#123456"),
            regions: down,
        },
        Anomaly {
            name: "b".parse().unwrap(),
            color: color("#FEDCBA"),
            regions: across,
        },
    ];
    let mask = Mask::paint(&anomalies, 4096, 4096);
    assert!(mask.png.len() <= MASK_BYTES_MAX, "{} bytes", mask.png.len());
}

/// `count` rectangles side by side, with gaps
fn stripes(
    count: usize,
    rectangle: impl Fn(f64, f64) -> Result<Rectangle, SegmentationError>,
) -> Vec<Rectangle> {
    let step = 1.0 / count as f64;
    (0..count)
        .map(|index| rectangle(index as f64 * step, 0.4 * step).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_mask_is_what_painting_pixel_by_pixel_gives(
        width in 64..130_u32,
        height in 64..130_u32,
        regions in proptest::collection::vec((0.0..0.9_f64, 0.0..0.9_f64, 0.001..0.1_f64, 0.001..0.1_f64), 1..9),
    ) {
        let colors = ["#000000", "#FF0000", "#00FF00", "#0000FF"];
        let anomalies: Vec<Anomaly> = colors
            .iter()
            .zip(regions.chunks(2))
            .map(|(text, regions)| Anomaly {
                name: "a".parse().unwrap(),
                color: color(text),
                regions: regions.iter().map(|(x, y, w, h)| Rectangle::new(*x, *y, *w, *h).unwrap()).collect(),
            })
            .collect();
        let mut expected = vec![WHITE; (width * height) as usize];
        for anomaly in &anomalies {
            for region in &anomaly.regions {
                for y in region.rows(height).0..region.rows(height).1 {
                    for x in region.columns(width).0..region.columns(width).1 {
                        expected[(y * width + x) as usize] = anomaly.color.rgb();
                    }
                }
            }
        }
        let (_, pixels) = paint(&anomalies, width, height);
        prop_assert_eq!(pixels, expected);
    }
}
