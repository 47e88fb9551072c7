//! What the tests of this module share: fixtures, small images, small projects.

use std::sync::Arc;

use aws_identifiers::{AccountId, Region};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    canned::{Anomaly, CannedRule, Color, Rectangle, Segmentation, Then, Verdict},
    declared::{Declarations, DeclaredModel, DeclaredProject, Limits, MinimumImages, Timing},
    model::ModelStatus,
    operations::Refused,
    store::{Change, ChangeNumber, Declared, S3Task, State, View},
};

/// The API model
pub(super) fn api_model() -> Value {
    serde_json::from_str(include_str!("../../../tests/fixtures/lookoutvision-api.json")).unwrap()
}

pub(super) const NORMAL_JPEG: &[u8] = include_bytes!("../../../tests/fixtures/images/normal-1.jpg");
pub(super) const GRAY_JPEG: &[u8] = include_bytes!("../../../tests/fixtures/images/anomaly-gray-640x480.jpg");
pub(super) const NORMAL_PNG: &[u8] = include_bytes!("../../../tests/fixtures/images/normal-2.png");
pub(super) const MASK_PNG: &[u8] = include_bytes!("../../../tests/fixtures/images/mask-anomaly-1.png");
pub(super) const SMALLEST_PNG: &[u8] = include_bytes!("../../../tests/fixtures/images/min-64x64.png");
pub(super) const TOO_SMALL_PNG: &[u8] = include_bytes!("../../../tests/fixtures/images/too-small-63x64.png");
pub(super) const BMP: &[u8] = include_bytes!("../../../tests/fixtures/images/not-supported.bmp");

/// A PNG of this size with an intact structure but without pixels
pub(super) fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    png_of_chunks(&[(b"IHDR", &header), (b"IDAT", b"pixels"), (b"IEND", b"")])
}

/// A PNG of these chunks, with correct checksums
pub(super) fn png_of_chunks(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        let checked = [*name as &[u8], data].concat();
        png.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        png.extend(&checked);
        png.extend(crc32fast::hash(&checked).to_be_bytes());
    }
    png
}

/// Pixels of a PNG of 8-bit RGB: width, height, three bytes each
pub(super) fn decode_rgb(png: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(
        (info.color_type, info.bit_depth),
        (png::ColorType::Rgb, png::BitDepth::Eight)
    );
    let pixels = bytes[..info.buffer_size()].as_chunks::<3>().0.to_vec();
    (info.width, info.height, pixels)
}

pub(super) fn account() -> AccountId {
    "123456789012".parse().unwrap()
}

pub(super) fn region() -> Region {
    "us-west-2".parse().unwrap()
}

/// The default limits of a configuration
pub(super) fn limits() -> Limits {
    Limits {
        projects_max: 1_000,
        models_max: 1_000,
        packaging_jobs_max: 1_000,
        tags_max: 50,
        concurrent_trainings_max: 2,
        dataset_entries_max: 20_000,
        datasets_bytes_max: 268_435_456,
        client_tokens_max: 10_000,
        body_values_max: 10_000,
        scenarios_max: 4,
    }
}

pub(super) fn project(name: &str, models: Vec<DeclaredModel>) -> DeclaredProject {
    DeclaredProject {
        name: name.parse().unwrap(),
        region: None,
        models,
        detect_anomalies: Vec::new(),
        exists: true,
        answers_from_datasets: false,
        dataset_create_fails: None,
        training_fails: None,
        hosting_fails: None,
    }
}

/// A configuration without projects and with changed limits
pub(super) fn declared_with_limits(change: impl FnOnce(&mut Limits)) -> Declared {
    let mut limits = limits();
    change(&mut limits);
    let declarations = Declarations {
        account_id: account(),
        projects: Vec::new(),
        timing: Timing::default(),
        minimum_images: MinimumImages::Ignore,
        limits,
        seed: 0,
    };
    Declared::new(Arc::new(declarations), Timestamp::UNIX_EPOCH)
}

/// A configuration and the state of its projects, in one Region at one moment
pub(super) struct World {
    pub(super) declared: Declared,
    pub(super) state: State,
    pub(super) region: Region,
    pub(super) now: Timestamp,
    /// How many changes there were
    changes: u64,
}

impl World {
    /// These projects and nothing else
    pub(super) fn of(projects: Vec<DeclaredProject>) -> Self {
        let declarations = Declarations {
            account_id: account(),
            projects,
            timing: Timing::default(),
            minimum_images: MinimumImages::Ignore,
            limits: limits(),
            seed: 0,
        };
        let now = "2026-01-02T03:04:05.678Z".parse().unwrap();
        Self {
            declared: Declared::new(Arc::new(declarations), now),
            state: State::default(),
            region: region(),
            now,
            changes: 0,
        }
    }

    /// Makes a change and returns its task for S3
    pub(super) fn change<R>(
        &mut self,
        operation: impl FnOnce(&mut Change<'_>) -> Result<R, Refused>,
    ) -> Result<Option<S3Task>, Refused> {
        self.changes += 1;
        let mut change = Change::new(&self.state, self.view(), ChangeNumber(self.changes));
        operation(&mut change)?;
        let Change {
            projects, s3_task, ..
        } = change;
        let account_id = self.declared.declarations().account_id.clone();
        for (name, project) in projects {
            self.state.insert(&account_id, &self.region, name, project);
        }
        Ok(s3_task)
    }

    pub(super) fn view(&self) -> View<'_> {
        self.state.view(&self.declared, &self.region, self.now)
    }
}

pub(super) fn model(version: &str, status: ModelStatus, rules: Vec<CannedRule>) -> DeclaredModel {
    DeclaredModel {
        version: version.parse().unwrap(),
        status,
        tags: Default::default(),
        detect_anomalies: rules,
    }
}

/// A rule for every call
pub(super) fn always(then: Then) -> CannedRule {
    CannedRule::new(then)
}

pub(super) fn verdict(is_anomalous: bool, confidence: f64) -> Verdict {
    Verdict {
        is_anomalous,
        confidence: confidence.try_into().unwrap(),
    }
}

/// An anomaly with one region: x, y, width, height
pub(super) fn anomaly(name: &str, color: &str, [x, y, width, height]: [f64; 4]) -> Anomaly {
    Anomaly {
        name: name.parse().unwrap(),
        color: color.parse().unwrap(),
        regions: vec![Rectangle::new(x, y, width, height).unwrap()],
    }
}

pub(super) fn color(text: &str) -> Color {
    text.parse().unwrap()
}

pub(super) fn segmentation(verdict: Verdict, anomalies: Vec<Anomaly>) -> Then {
    Then::Segmentation(Segmentation::new(verdict, anomalies).unwrap())
}
