//! What a training writes to its output bucket: the evaluation result and the evaluation manifest.
//!
//! Keys and members are those of Developer Guide, *Performance metrics*. The prefix is joined as it is, without a
//! slash: awslabs' Python SDK relies on that (`k_fold_EvaluationResult-…` for the prefix `k_fold_`). The numbers are
//! those of a model that made no mistake.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::{
    api::{
        responses::ModelPerformance,
        values::{OutputS3Object, S3Location},
    },
    dataset_images::DatasetImages,
    manifest::{Class, Entries, Entry},
    store::ChangeNumber,
};

/// The performance of a model that makes no mistakes
pub const PERFORMANCE: ModelPerformance = ModelPerformance {
    f1_score: 1.0,
    recall: 1.0,
    precision: 1.0,
};

/// A training whose results are to be written
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The model's project
    pub project_name: Arc<str>,
    /// The model's version
    pub version: String,
    /// The change that began the training
    pub begun_by: ChangeNumber,
    /// The model's ARN
    pub model_arn: String,
    /// When the training ends
    pub end: Timestamp,
    /// The training set
    pub training: Arc<Entries>,
    /// The test set; `None` if the service splits the training set itself
    pub test: Option<Arc<Entries>>,
    /// Their images that were read so far; `None` if the model answers by rules alone
    pub images: Option<Arc<DatasetImages>>,
    /// Where CreateModel asked for the results to be written
    pub output: S3Location,
}

/// The object of the evaluation result
pub fn result_object(location: &S3Location, project_name: &str, version: &str) -> OutputS3Object {
    object(location, "EvaluationResult", project_name, version)
}

/// The object of the evaluation manifest
pub fn manifest_object(location: &S3Location, project_name: &str, version: &str) -> OutputS3Object {
    object(location, "EvaluationManifest", project_name, version)
}

fn object(location: &S3Location, what: &str, project_name: &str, version: &str) -> OutputS3Object {
    let prefix = location.prefix.as_deref().unwrap_or_default();
    OutputS3Object {
        bucket: location.bucket.clone(),
        key: format!("{prefix}{what}-{project_name}-{version}.json"),
    }
}

impl Evaluation {
    /// The objects to be written, with their contents
    pub fn objects(&self) -> [(OutputS3Object, Vec<u8>); 2] {
        let Self {
            output,
            project_name,
            version,
            ..
        } = self;
        [
            (
                manifest_object(output, project_name, version),
                self.manifest().into_bytes(),
            ),
            (
                result_object(output, project_name, version),
                self.result().to_string().into_bytes(),
            ),
        ]
    }

    /// The labelled images that the model was tested with: those of the test dataset, or every fifth one if there is
    /// only one dataset
    // Guess: which images, and how many, a project with one dataset holds back for its test.
    fn tested(&self) -> impl Iterator<Item = &Entry> {
        let (entries, step) = match &self.test {
            Some(test) => (test, 1),
            None => (&self.training, 5),
        };
        labeled(entries).step_by(step)
    }

    fn result(&self) -> Value {
        let test = self.tested().count();
        let labeled = labeled(&self.training).count();
        let training = match &self.test {
            Some(_) => labeled,
            None => labeled - test,
        };
        let mut metrics = json!({
            "ROCAUC": 1.0, "AveragePrecision": 1.0, "Precision": 1.0, "Recall": 1.0, "F1Score": 1.0,
        });
        if self.training.have_masks() {
            let names: BTreeSet<&str> = self.tested().flat_map(mask_names).collect();
            let of_names = names
                .into_iter()
                .map(|name| json!({"Precision": 1.0, "Recall": 1.0, "F1Score": 1.0, "AIOU": 1.0, "ClassName": name}))
                .collect();
            if let Value::Object(metrics) = &mut metrics {
                metrics.insert("PixelAnomalyClassMetrics".to_owned(), of_names);
            }
        }
        json!({
            "Version": 1,
            "EvaluationDetails": {
                "ModelArn": self.model_arn,
                "EvaluationEndTimestamp": date(self.end),
                "NumberOfTrainingImages": training,
                "NumberOfTestingImages": test,
            },
            "AggregatedEvaluationResults": {"Metrics": metrics},
        })
    }

    fn manifest(&self) -> String {
        let mut text = String::new();
        for entry in self.tested() {
            text.push_str(&self.manifest_line(entry).to_string());
            text.push('\n');
        }
        text
    }

    /// The ground truth and the model's result for the image
    fn manifest_line(&self, entry: &Entry) -> Value {
        let mut line: Map<String, Value> = serde_json::from_slice(entry.line.as_bytes()).unwrap_or_default();
        let is_anomaly = entry.class == Some(Class::Anomaly);
        let label = entry.label.as_deref().unwrap_or("anomaly-label");
        // Developer Guide, *Classifying images*: the service's own manifests have 1 for an anomaly and 0 for a normal image.
        line.insert(label.to_owned(), json!(i32::from(is_anomaly)));
        line.insert(
            "source-ref-metadata".to_owned(),
            json!({"creation-date": date(self.end)}),
        );
        line.insert(format!("{label}-detected"), json!(i32::from(is_anomaly)));
        line.insert(
            format!("{label}-detected-metadata"),
            json!({
                "class-name": if is_anomaly { "anomaly" } else { "normal" },
                "confidence": 1.0,
                "type": "groundtruth/image-classification",
                "human-annotated": "no",
                // Developer Guide, *Evaluation manifest*
                "job-name": "training-job/anomaly-detection",
                "creation-date": date(self.end),
                "model-arn": self.model_arn,
                "project-name": &*self.project_name,
                "model-version": self.version,
            }),
        );
        Value::Object(line)
    }
}

fn labeled(entries: &Entries) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.class.is_some())
}

fn mask_names(entry: &Entry) -> impl Iterator<Item = &str> {
    let kinds = entry.mask.iter().flat_map(|mask| &mask.kinds);
    kinds.map(|kind| &*kind.name)
}

/// A date as Ground Truth writes it: UTC, without a zone
fn date(moment: Timestamp) -> String {
    let date = TimeZone::UTC.to_datetime(moment);
    format!("{date:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(manifest: &str) -> Evaluation {
        Evaluation {
            project_name: "p".into(),
            version: "1".to_owned(),
            begun_by: ChangeNumber(1),
            model_arn: "arn:aws:lookoutvision:us-east-1:123456789012:model/p/1".to_owned(),
            end: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            training: Arc::new(Entries::default().with(manifest.as_bytes(), 100).unwrap()),
            test: None,
            images: None,
            output: S3Location {
                bucket: "out".to_owned(),
                prefix: Some("k_fold_".to_owned()),
            },
        }
    }

    #[test]
    fn the_prefix_is_joined_as_it_is() {
        let line = r#"{"source-ref":"s3://b/1","l":7,"l-metadata":{"type":"groundtruth/image-classification","human-annotated":"yes","class-name":"anomaly"}}"#;
        let [(manifest, manifest_text), (result, result_text)] = evaluation(line).objects();
        assert_eq!(manifest.key, "k_fold_EvaluationManifest-p-1.json");
        assert_eq!(result.key, "k_fold_EvaluationResult-p-1.json");
        let result: Value = serde_json::from_slice(&result_text).unwrap();
        assert_eq!(
            result["EvaluationDetails"]["EvaluationEndTimestamp"],
            "2026-01-02T03:04:05.678"
        );
        assert!(
            result["AggregatedEvaluationResults"]["Metrics"]
                .get("PixelAnomalyClassMetrics")
                .is_none()
        );
        let line: Value = serde_json::from_slice(&manifest_text).unwrap();
        assert_eq!((&line["l"], &line["l-detected"]), (&json!(1), &json!(1)));
        assert_eq!(line["l-detected-metadata"]["model-version"], "1");
        assert_eq!(line["source-ref"], "s3://b/1");
    }

    #[test]
    fn a_dataset_without_a_test_dataset_is_split_and_each_test_image_has_its_line() {
        let line = |number: usize| {
            format!(
                r#"{{"source-ref":"s3://b/{number}","l":1,"l-metadata":{{"type":"groundtruth/image-classification","human-annotated":"yes","class-name":"normal"}}}}"#
            )
        };
        let lines: Vec<String> = (0..40).map(line).collect();
        let [(_, manifest), (_, result)] = evaluation(&lines.join("\n")).objects();
        let result: Value = serde_json::from_slice(&result).unwrap();
        let details = &result["EvaluationDetails"];
        assert_eq!(
            (
                &details["NumberOfTrainingImages"],
                &details["NumberOfTestingImages"]
            ),
            (&json!(32), &json!(8))
        );
        let manifest = String::from_utf8(manifest).unwrap();
        assert_eq!(manifest.lines().count(), 8);
        let first: Value = serde_json::from_str(manifest.lines().next().unwrap()).unwrap();
        assert_eq!(
            first["l-detected-metadata"]["job-name"],
            "training-job/anomaly-detection"
        );
        // What the service writes can be loaded as a manifest.
        let again = Entries::default().with(manifest.as_bytes(), 100).unwrap();
        assert_eq!((again.stats().labeled, again.stats().normal), (8, 8));
    }
}
