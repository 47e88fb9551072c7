//! Projects and models that a test declares.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Rule;

/// A project with its models, which are there from the start
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    models: Vec<Model>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detect_anomalies: Vec<Rule>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    answers_from_datasets: bool,
}

/// A model, HOSTED unless it has another status
///
/// The first of its rules that matches answers DetectAnomalies; if none does, the answer is a normal result.
#[derive(Debug, Clone, Serialize)]
pub struct Model {
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detect_anomalies: Vec<Rule>,
}

impl Project {
    /// A project without models, in every Region
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            region: None,
            models: Vec::new(),
            detect_anomalies: Vec::new(),
            answers_from_datasets: false,
        }
    }

    /// Its trained models answer the images of their datasets as the manifest labels them, where no rule answers
    #[must_use]
    pub fn answers_from_datasets(mut self) -> Self {
        self.answers_from_datasets = true;
        self
    }

    /// The one Region that it lies in
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// One of its models
    #[must_use]
    pub fn model(mut self, model: Model) -> Self {
        self.models.push(model);
        self
    }

    /// The next rule of its models that have none of their own, those that the test trains among them
    #[must_use]
    pub fn rule(mut self, rule: impl Into<Rule>) -> Self {
        self.detect_anomalies.push(rule.into());
        self
    }
}

impl Model {
    /// A HOSTED model; its version may be any name, although AWS numbers versions
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            status: None,
            tags: BTreeMap::new(),
            detect_anomalies: Vec::new(),
        }
    }

    /// Its status, such as `TRAINED` or `TRAINING_FAILED`
    #[must_use]
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.status = Some(status.into());
        self
    }

    /// A tag, which policies see as `aws:ResourceTag/KEY`
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Its next rule
    #[must_use]
    pub fn rule(mut self, rule: impl Into<Rule>) -> Self {
        self.detect_anomalies.push(rule.into());
        self
    }
}
