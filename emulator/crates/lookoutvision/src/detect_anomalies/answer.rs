//! The body of an answer, as the service writes it: compact JSON, with its members in the guide's order, 32-bit floats
//! widened to 64 bits (so `0.9996868` is written as `0.9996867775917053`), and without members that have no value.

use bytes::Bytes;

use crate::{
    api::{
        Blob,
        responses::{Anomaly, DetectAnomaliesResponse, DetectAnomalyResult, ImageSource, PixelAnomaly},
    },
    canned::{BACKGROUND_NAME, Color, Segmentation, Verdict},
    dataset_images::ImageMask,
    infallible::json,
    mask::Mask,
};

/// A classification model's answer
pub(super) fn classification(verdict: Verdict) -> Bytes {
    body(verdict, None, None)
}

/// A segmentation model's answer for an image of this size
pub(super) fn segmentation(segmentation: &Segmentation, width: u32, height: u32) -> Bytes {
    let mask = Mask::paint(segmentation.anomalies(), width, height);
    let painted = segmentation.anomalies().iter().zip(mask.anomaly_pixels);
    let areas = painted.map(|(anomaly, pixels)| (anomaly.name.as_str(), anomaly.color, pixels));
    let anomalies = anomalies(areas, width, height);
    body(segmentation.verdict(), Some(anomalies), Some(Blob(mask.png)))
}

/// A segmentation model's answer with the mask of a dataset
pub(super) fn masked(verdict: Verdict, mask: &ImageMask, width: u32, height: u32) -> Bytes {
    let areas = mask.anomalies.iter();
    let areas = areas.map(|anomaly| (&*anomaly.name, anomaly.color, anomaly.pixels));
    body(
        verdict,
        Some(anomalies(areas, width, height)),
        Some(mask.png.clone()),
    )
}

/// The background and the anomalies that can be seen, with the share of the image's pixels that each has
fn anomalies<'a>(
    areas: impl Iterator<Item = (&'a str, Color, u64)> + Clone,
    width: u32,
    height: u32,
) -> Vec<Anomaly> {
    let total = u64::from(width) * u64::from(height);
    let entry = |(name, color, pixels): (&str, Color, u64)| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "at most 4096 x 4096 pixels; the service computes with 32 bits"
        )]
        let area = (pixels as f64 / total as f64) as f32;
        let pixel_anomaly = PixelAnomaly {
            total_percentage_area: area.into(),
            color: color.to_string(),
        };
        Anomaly {
            name: name.to_owned(),
            pixel_anomaly,
        }
    };
    let taken: u64 = areas.clone().map(|(_, _, pixels)| pixels).sum();
    let background = (BACKGROUND_NAME, Color::BACKGROUND, total.saturating_sub(taken));
    let seen = areas.filter(|(_, _, pixels)| *pixels > 0);
    std::iter::once(background).chain(seen).map(entry).collect()
}

fn body(verdict: Verdict, anomalies: Option<Vec<Anomaly>>, anomaly_mask: Option<Blob>) -> Bytes {
    let response = DetectAnomaliesResponse {
        detect_anomaly_result: DetectAnomalyResult {
            source: ImageSource {
                r#type: "direct".to_owned(),
            },
            is_anomalous: verdict.is_anomalous,
            confidence: verdict.confidence.get().into(),
            anomalies,
            anomaly_mask,
        },
    };
    json(&response).into()
}
