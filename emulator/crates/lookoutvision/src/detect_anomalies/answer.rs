//! The body of an answer, as the service writes it: compact JSON, its members in the guide's order, floats of 32 bits
//! widened to 64 (so `0.9996868` reads `0.9996867775917053`), and no member that has no value.

use bytes::Bytes;

use crate::{
    api::{
        Blob,
        responses::{Anomaly, DetectAnomaliesResponse, DetectAnomalyResult, ImageSource, PixelAnomaly},
    },
    canned::{BACKGROUND_NAME, Color, Segmentation, Verdict},
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
    let total = f64::from(width) * f64::from(height);
    let entry = |name: &str, pixels: u64, color: Color| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "at most 4096 x 4096 pixels; the service computes with 32 bits"
        )]
        let area = (pixels as f64 / total) as f32;
        let pixel_anomaly = PixelAnomaly {
            total_percentage_area: area.into(),
            color: color.to_string(),
        };
        Anomaly {
            name: name.to_owned(),
            pixel_anomaly,
        }
    };
    let mut anomalies = vec![entry(BACKGROUND_NAME, mask.background_pixels, Color::BACKGROUND)];
    anomalies.extend(
        segmentation
            .anomalies()
            .iter()
            .zip(mask.anomaly_pixels)
            .filter(|(_, pixels)| *pixels > 0)
            .map(|(anomaly, pixels)| entry(anomaly.name.as_str(), pixels, anomaly.color)),
    );
    body(segmentation.verdict(), Some(anomalies), Some(Blob(mask.png)))
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
