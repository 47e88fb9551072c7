//! From a state to its document.

use aws_identifiers::{AccountId, ModelVersion, ProjectName, Region};
use serde::Serialize;
use serde_json::Value;

use super::{DatasetDocument, Documents, KindDocument, ModelDocument, PackagingJobDocument, ProjectDocument};
use crate::{
    manifest::Entries,
    store::{
        State,
        dataset::Dataset,
        model::{Model, ModelKind},
        packaging::PackagingJob,
        project::{DatasetType, Project},
    },
};

pub(super) fn documents(state: &State, account_id: &AccountId) -> Documents {
    let mut regions: Vec<&Region> = state.regions.keys().collect();
    regions.sort();
    let mut documents = Documents::default();
    for region in regions {
        for (name, project) in state.overlay(account_id, region).into_iter().flatten() {
            // A name comes from a request or a configuration, where it was checked.
            let Ok(name) = name.parse::<ProjectName>() else {
                continue;
            };
            documents.add(region, &name, project.as_deref());
        }
    }
    documents
}

impl Documents {
    fn add(&mut self, region: &Region, name: &ProjectName, project: Option<&Project>) {
        self.projects.push(ProjectDocument {
            region: region.clone(),
            name: name.clone(),
            deleted: project.is_none(),
            created: project.map(|project| project.created),
            next_version: project.map(|project| project.next_version),
            packaging_jobs: project.map_or_else(Vec::new, |project| {
                project
                    .packaging_jobs
                    .values()
                    .filter_map(|job| packaging_job(job))
                    .collect()
            }),
        });
        let Some(project) = project else {
            return;
        };
        for (dataset_type, dataset) in [
            (DatasetType::Train, &project.train),
            (DatasetType::Test, &project.test),
        ] {
            let dataset = dataset.iter();
            self.datasets
                .extend(dataset.map(|dataset| dataset_document(region, name, dataset_type, dataset)));
        }
        let models = project.models.values();
        self.models
            .extend(models.filter_map(|model| model_document(region, name, model)));
    }
}

fn packaging_job(job: &PackagingJob) -> Option<PackagingJobDocument> {
    Some(PackagingJobDocument {
        name: job.name.clone(),
        model_version: version(&job.model_version)?,
        description: job.description.clone(),
        configuration: json(&job.configuration),
        component_version: job.component_version.clone(),
        waiting: job.waiting,
        running: job.running,
    })
}

fn dataset_document(
    region: &Region,
    project: &ProjectName,
    dataset_type: DatasetType,
    dataset: &Dataset,
) -> DatasetDocument {
    let lines = |entries: &Entries| entries.iter().map(|entry| entry.line.to_string()).collect();
    DatasetDocument {
        region: region.clone(),
        project: project.clone(),
        dataset_type,
        created: dataset.created,
        phase: (&dataset.phase).into(),
        entries: lines(&dataset.entries),
        entries_before: lines(&dataset.entries_before),
        images: (*dataset.images).clone().into(),
    }
}

fn model_document(region: &Region, project: &ProjectName, model: &Model) -> Option<ModelDocument> {
    Some(ModelDocument {
        region: region.clone(),
        project: project.clone(),
        version: version(&model.version)?,
        created: model.created,
        description: model.description.clone(),
        output_config: model.output_config.as_ref().map(json),
        kms_key_id: model.kms_key_id.clone(),
        tags: (*model.tags).clone(),
        kind: match model.kind {
            ModelKind::Declared => KindDocument::Declared,
            ModelKind::Classification => KindDocument::Classification,
            ModelKind::Segmentation => KindDocument::Segmentation,
        },
        phase: (&model.phase).into(),
        evaluated: model.evaluated,
        inference_units: model.units,
        learned: (*model.learned).clone().into(),
    })
}

/// A version as a document has it; like names of projects, it was checked when it came
fn version(version: &str) -> Option<ModelVersion> {
    version.parse().ok()
}

/// A structure as JSON; structures of texts and numbers can always be written as JSON
fn json(structure: &impl Serialize) -> Value {
    serde_json::to_value(structure).unwrap_or_default()
}
