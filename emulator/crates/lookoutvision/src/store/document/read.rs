//! From a document to the state that it describes, if the state is within the limits.

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::{ProjectName, Region};
use client_text::json::escape_pointer;
use serde_json::{Value, json};

use super::{
    DatasetDocument, Documents, KindDocument, Misfit, ModelDocument, PackagingJobDocument, ProjectDocument,
    phases::check_started,
};
use crate::{
    api::{
        requests::{CreateModelRequest, StartModelPackagingJobRequest, StartModelRequest},
        strict,
    },
    constraints::{is_component_version, is_reserved_tag_key},
    dataset_images::{DatasetImage, ImageMask},
    declared::Limits,
    manifest::{Entries, ManifestError, object_of_uri},
    store::{
        Declared, State,
        dataset::Dataset,
        model::{InferenceUnits, Model, ModelKind, VERSION_NUMBER_MAX},
        packaging::PackagingJob,
        project::{DatasetType, Project},
    },
};

/// Projects that are being built, with the path of each in the document
type Projects = BTreeMap<(Region, ProjectName), (Option<Project>, String)>;

impl Documents {
    /// The state that they describe
    ///
    /// # Errors
    /// With the first mistake, or the first limit of the configuration that is exceeded.
    pub fn into_state(self, declared: &Declared) -> Result<State, Misfit> {
        let limits = &declared.declarations().limits;
        let mut projects = self.read_projects(limits)?;
        let bytes = read_datasets(self.datasets, &mut projects, limits)?;
        read_models(self.models, &mut projects, bytes, limits)?;
        let mut state = State::default();
        let account_id = &declared.declarations().account_id;
        for ((region, name), (project, path)) in projects {
            let project = project
                .map(|project| with_next_version(project, &path))
                .transpose()?;
            // A deletion is kept only if the declaration would bring the project back.
            if project.is_some() || declared.has(&region, name.as_str()) {
                state.insert(account_id, &region, name.as_str().into(), project.map(Arc::new));
            }
        }
        Ok(state)
    }

    fn read_projects(&self, limits: &Limits) -> Result<Projects, Misfit> {
        let mut projects = Projects::new();
        for (index, document) in self.projects.iter().enumerate() {
            let path = format!("/projects/{index}");
            let key = (document.region.clone(), document.name.clone());
            if let Some((_, first)) = projects.get(&key) {
                let message = format!(
                    "the project `{}` of {} stands at {first} already",
                    document.name, document.region
                );
                return Err(Misfit::at(format!("{path}/name"), message));
            }
            let project = read_project(document, &path, limits)?;
            projects.insert(key, (project, path));
        }
        let there = projects.values().filter(|(project, _)| project.is_some()).count();
        if there > limits.projects_max {
            return Err(over(
                "/projects",
                there,
                "limits.projects_max",
                limits.projects_max,
            ));
        }
        Ok(projects)
    }
}

fn read_project(document: &ProjectDocument, path: &str, limits: &Limits) -> Result<Option<Project>, Misfit> {
    let ProjectDocument {
        region: _,
        name,
        deleted,
        created,
        next_version,
        packaging_jobs,
    } = document;
    if *deleted {
        if created.is_some() || next_version.is_some() || !packaging_jobs.is_empty() {
            let message = "a project that was deleted has nothing beside `region` and `name`";
            return Err(Misfit::at(path, message));
        }
        return Ok(None);
    }
    let created = created.ok_or_else(|| Misfit::at(path, "missing field `created`"))?;
    Misfit::check_date(format!("{path}/created"), created)?;
    let mut project = Project::new(name.as_str(), created);
    // 0 is not a version; it means the one after the highest until that is known.
    project.next_version = next_version.unwrap_or(0);
    if next_version.is_some_and(|next| !(1..=VERSION_NUMBER_MAX).contains(&next)) {
        let message = format!("versions are numbered from 1 to {VERSION_NUMBER_MAX}");
        return Err(Misfit::at(format!("{path}/next_version"), message));
    }
    let jobs = packaging_jobs.len();
    let path = format!("{path}/packaging_jobs");
    if jobs > limits.packaging_jobs_max {
        return Err(over(
            &path,
            jobs,
            "limits.packaging_jobs_max",
            limits.packaging_jobs_max,
        ));
    }
    for (index, document) in packaging_jobs.iter().enumerate() {
        let path = format!("{path}/{index}");
        let job = read_packaging_job(document, &path)?;
        let name: Arc<str> = job.name.as_str().into();
        if project.packaging_jobs.insert(name, Arc::new(job)).is_some() {
            let message = format!("there are two packaging jobs `{}`", document.name);
            return Err(Misfit::at(format!("{path}/name"), message));
        }
    }
    Ok(Some(project))
}

fn read_packaging_job(document: &PackagingJobDocument, path: &str) -> Result<PackagingJob, Misfit> {
    let check = |member: &str, name: &str, value: &Value| {
        strict::refuse_unfit_member::<StartModelPackagingJobRequest>(name, value)
            .map_err(|unfit| Misfit::within(&format!("{path}/{member}"), unfit))
    };
    check("name", "JobName", &json!(document.name))?;
    if let Some(description) = &document.description {
        check("description", "Description", &json!(description))?;
    }
    let configuration = strict::structure(&document.configuration)
        .map_err(|unfit| Misfit::within(&format!("{path}/configuration"), unfit))?;
    if !is_component_version(&document.component_version) {
        let message = "expected the version of a component, such as `1.0.0`";
        return Err(Misfit::at(format!("{path}/component_version"), message));
    }
    check_started(&format!("{path}/waiting"), document.waiting)?;
    check_started(&format!("{path}/running"), document.running)?;
    Ok(PackagingJob {
        name: document.name.clone(),
        model_version: document.model_version.to_string(),
        description: document.description.clone(),
        configuration,
        component_version: document.component_version.clone(),
        waiting: document.waiting,
        running: document.running,
    })
}

/// Returns the bytes that they take
fn read_datasets(
    documents: Vec<DatasetDocument>,
    projects: &mut Projects,
    limits: &Limits,
) -> Result<usize, Misfit> {
    let mut bytes = 0;
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("/datasets/{index}");
        let DatasetDocument {
            region,
            project,
            dataset_type,
            created,
            phase,
            entries,
            entries_before,
            images,
        } = document;
        let project = find(projects, &region, &project, &path)?;
        let is_taken = match dataset_type {
            DatasetType::Train => project.train.is_some(),
            DatasetType::Test => project.test.is_some(),
        };
        if is_taken {
            let message = format!(
                "the project `{}` of {region} has a {} dataset already",
                project.name,
                dataset_type.as_str()
            );
            return Err(Misfit::at(format!("{path}/type"), message));
        }
        Misfit::check_date(format!("{path}/created"), created)?;
        phase.check_dates(&format!("{path}/phase"))?;
        let entries = read_entries(&entries, &format!("{path}/entries"), limits)?;
        let entries_before = read_entries(&entries_before, &format!("{path}/entries_before"), limits)?;
        check_images(&images, &format!("{path}/images"))?;
        let dataset = Dataset {
            created,
            phase: phase.into(),
            entries: Arc::new(entries),
            entries_before: Arc::new(entries_before),
            images: Arc::new(images.into()),
        };
        bytes += dataset.bytes();
        refuse_over_bytes(bytes, limits, "dataset", &format!("{path}/entries"))?;
        project.set_dataset(dataset_type, Some(dataset));
    }
    Ok(bytes)
}

/// `what` names what the bytes were just added for
fn refuse_over_bytes(bytes: usize, limits: &Limits, what: &str, path: &str) -> Result<(), Misfit> {
    let most = limits.datasets_bytes_max;
    if bytes <= most {
        return Ok(());
    }
    let message = format!(
        "with this {what} there are {bytes} bytes of manifest lines and of what was read of images, more than \
         limits.datasets_bytes_max ({most})"
    );
    Err(Misfit::at(path, message))
}

fn check_images(images: &BTreeMap<Arc<str>, DatasetImage>, path: &str) -> Result<(), Misfit> {
    for (source_ref, image) in images {
        let path = format!("{path}/{}", escape_pointer(source_ref));
        check_object(source_ref, &path)?;
        check_mask(image.mask.as_deref(), &path)?;
    }
    Ok(())
}

fn check_mask(mask: Option<&ImageMask>, path: &str) -> Result<(), Misfit> {
    let Some(mask) = mask else {
        return Ok(());
    };
    check_object(&mask.source_ref, &format!("{path}/mask/source_ref"))?;
    mask.check()
        .map_err(|message| Misfit::at(format!("{path}/mask/png"), message))
}

fn check_object(uri: &str, path: &str) -> Result<(), Misfit> {
    match object_of_uri(uri) {
        Some(_) => Ok(()),
        None => Err(Misfit::at(path, format!("`{uri}` is not `s3://BUCKET/KEY`"))),
    }
}

fn read_entries(lines: &[String], path: &str, limits: &Limits) -> Result<Entries, Misfit> {
    if lines.is_empty() {
        return Ok(Entries::default());
    }
    let broken = lines
        .iter()
        .position(|line| line.trim().is_empty() || line.contains('\n'));
    if let Some(index) = broken {
        return Err(Misfit::at(
            format!("{path}/{index}"),
            "expected one line of a manifest",
        ));
    }
    let text = lines.join("\n");
    Entries::default()
        .with(text.as_bytes(), limits.dataset_entries_max)
        .map_err(|error| match &error {
            ManifestError::Line { line, reason } => {
                Misfit::at(format!("{path}/{}", line.saturating_sub(1)), reason)
            }
            _ => Misfit::at(path, error.to_string()),
        })
}

fn read_models(
    documents: Vec<ModelDocument>,
    projects: &mut Projects,
    mut bytes: usize,
    limits: &Limits,
) -> Result<(), Misfit> {
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("/models/{index}");
        let region = document.region.clone();
        let project = find(projects, &region, &document.project, &path)?;
        if project.models.len() == limits.models_max {
            let (name, most) = (&project.name, limits.models_max);
            let message = format!(
                "the project `{name}` of {region} would have more than limits.models_max ({most}) models"
            );
            return Err(Misfit::at(path, message));
        }
        let model = read_model(document, &path, limits)?;
        bytes += model.learned.bytes();
        refuse_over_bytes(bytes, limits, "model", &format!("{path}/learned"))?;
        let version = model.version.clone();
        if project.models.insert(version.clone(), Arc::new(model)).is_some() {
            let message = format!(
                "the project `{}` of {region} has a model `{version}` already",
                project.name
            );
            return Err(Misfit::at(format!("{path}/version"), message));
        }
    }
    Ok(())
}

fn read_model(document: ModelDocument, path: &str, limits: &Limits) -> Result<Model, Misfit> {
    let check = |member: &str, name: &str, value: &Value| {
        strict::refuse_unfit_member::<CreateModelRequest>(name, value)
            .map_err(|unfit| Misfit::within(&format!("{path}/{member}"), unfit))
    };
    Misfit::check_date(format!("{path}/created"), document.created)?;
    if let Some(evaluated) = document.evaluated {
        Misfit::check_date(format!("{path}/evaluated"), evaluated)?;
    }
    document.phase.check_dates(&format!("{path}/phase"))?;
    if let Some(units) = document.inference_units {
        check_units(units, &format!("{path}/inference_units"))?;
    }
    if let Some(description) = &document.description {
        check("description", "Description", &json!(description))?;
    }
    if let Some(kms_key_id) = &document.kms_key_id {
        check("kms_key_id", "KmsKeyId", &json!(kms_key_id))?;
    }
    let tags = document.tags.iter();
    let tags: Vec<Value> = tags
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    check("tags", "Tags", &json!(tags))?;
    if let Some(key) = document.tags.keys().find(|key| is_reserved_tag_key(key)) {
        let path = format!("{path}/tags/{}", escape_pointer(key));
        return Err(Misfit::at(
            path,
            "tag keys that begin with `aws:` are reserved for AWS",
        ));
    }
    if tags.len() > limits.tags_max {
        let path = format!("{path}/tags");
        return Err(over(&path, tags.len(), "limits.tags_max", limits.tags_max));
    }
    let output_config = document.output_config.as_ref().map(strict::structure);
    let output_config = output_config
        .transpose()
        .map_err(|unfit| Misfit::within(&format!("{path}/output_config"), unfit))?;
    for (index, image) in document.learned.iter().enumerate() {
        check_mask(image.mask.as_deref(), &format!("{path}/learned/{index}"))?;
    }
    Ok(Model {
        version: document.version.as_str().into(),
        created: document.created,
        description: document.description,
        output_config,
        kms_key_id: document.kms_key_id,
        tags: Arc::new(document.tags),
        kind: match document.kind {
            KindDocument::Declared => ModelKind::Declared,
            KindDocument::Classification => ModelKind::Classification,
            KindDocument::Segmentation => ModelKind::Segmentation,
        },
        phase: document.phase.into(),
        evaluated: document.evaluated,
        units: document.inference_units,
        learned: Arc::new(document.learned.into()),
    })
}

/// Checks inference units as StartModel does
fn check_units(units: InferenceUnits, path: &str) -> Result<(), Misfit> {
    let of_start = |member: &str, name: &str, units: i64| {
        strict::refuse_unfit_member::<StartModelRequest>(name, &json!(units))
            .map_err(|unfit| Misfit::within(&format!("{path}/{member}"), unfit))
    };
    of_start("min", "MinInferenceUnits", units.min)?;
    let Some(max) = units.max else {
        return Ok(());
    };
    of_start("max", "MaxInferenceUnits", max)?;
    if max < units.min {
        return Err(Misfit::at(format!("{path}/max"), "expected `min` or more"));
    }
    Ok(())
}

fn find<'p>(
    projects: &'p mut Projects,
    region: &Region,
    name: &ProjectName,
    path: &str,
) -> Result<&'p mut Project, Misfit> {
    let found = projects.get_mut(&(region.clone(), name.clone()));
    found.and_then(|(project, _)| project.as_mut()).ok_or_else(|| {
        let message = format!("`projects` has no project `{name}` of {region}");
        Misfit::at(format!("{path}/project"), message)
    })
}

/// Sets the number of the next model, which must be higher than all others
fn with_next_version(mut project: Project, path: &str) -> Result<Project, Misfit> {
    let highest = project.models.values().filter_map(|model| model.number()).max();
    let highest = highest.unwrap_or(0);
    if project.next_version == 0 {
        project.next_version = highest + 1;
    }
    if project.next_version <= highest {
        let message = format!(
            "the project has a model {highest}, so that its next one is {} at least",
            highest + 1
        );
        return Err(Misfit::at(format!("{path}/next_version"), message));
    }
    Ok(project)
}

fn over(path: &str, number: usize, limit: &str, most: usize) -> Misfit {
    Misfit::at(path, format!("{number} are more than {limit} ({most})"))
}
