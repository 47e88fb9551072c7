//! Models: training, hosting, stopping and deleting.

use std::{collections::BTreeMap, sync::Arc};

use super::{Refused, datasets, over_limit, project, scope, tags};
use crate::{
    api::{
        EpochSeconds,
        requests::{
            CreateModelRequest, DeleteModelRequest, DescribeModelRequest, ListModelsRequest,
            StartModelRequest, StopModelRequest,
        },
        responses::{
            CreateModelResponse, DeleteModelResponse, DescribeModelResponse, ListModelsResponse,
            ModelDescription, ModelMetadata, StartModelResponse, StopModelResponse,
        },
        values::{OutputConfig, S3Location, Tag},
    },
    dataset_images::{DatasetImages, LabeledImages},
    declared::MinimumImages,
    error::{ResourceType, ServiceError},
    evaluation::{Evaluation, PERFORMANCE, manifest_object, result_object},
    manifest::Entries,
    model::{ModelStatus, model_arn},
    pagination::{Page, page},
    store::{
        Change, ChangeNumber, S3Task, View,
        dataset::DatasetStatus,
        model::{InferenceUnits, Model, ModelKind, Phase, Training},
        project::{DatasetType, Project},
    },
};

/// `CreateModel`; `version` is the one that the caller was authorised on
pub fn create(
    change: &mut Change<'_>,
    version: &str,
    input: &CreateModelRequest,
) -> Result<CreateModelResponse, Refused> {
    let (view, now) = (change.view, change.view.now);
    let (name, limits) = (&input.project_name, change.view.limits());
    let project = project(change.project(name), name)?.clone();
    let training = complete_dataset(&project, DatasetType::Train, &view)?.ok_or_else(|| {
        ServiceError::conflict(
            format!("The project {name} has no training dataset."),
            name,
            ResourceType::Project,
        )
    })?;
    let test = complete_dataset(&project, DatasetType::Test, &view)?;
    if project.next_version.to_string() != version {
        return Err(Refused::Stale);
    }
    if project.models_at(now).count() >= limits.models_max {
        let error = over_limit(
            "limits.models_max",
            limits.models_max,
            name,
            ResourceType::Project,
        );
        return Err(error.into());
    }
    if view.trainings() >= limits.concurrent_trainings_max {
        let most = limits.concurrent_trainings_max;
        let error = over_limit("limits.concurrent_trainings_max", most, name, ResourceType::Model);
        return Err(error.into());
    }
    let given = input.tags.as_deref().unwrap_or_default();
    tags::refuse_reserved(given)?;
    let tags = Tag::map(given);
    tags::refuse_too_many(tags.len(), limits.tags_max, version)?;
    let declaration = view.declaration(name);
    let fails = declaration.and_then(|declared| declared.training_fails.as_deref().map(str::to_owned));
    let fails = fails.or_else(|| {
        let enforced = view.minimum_images() == MinimumImages::Enforce;
        enforced
            .then(|| too_few_images(&training, test.as_deref()))
            .flatten()
    });
    let started = change.started(view.timing().training);
    let arn = model_arn(view.account_id(), view.region, name, version);
    let outcome = match fails {
        Some(message) => Training::Fails(message),
        None => {
            change.s3_task = Some(S3Task::WriteEvaluation(Box::new(Evaluation {
                project_name: project.name.clone(),
                version: version.to_owned(),
                begun_by: change.number,
                model_arn: arn.clone(),
                end: started.end(),
                training: training.clone(),
                test,
                images: declaration
                    .is_some_and(|declared| declared.answers_from_datasets)
                    .then(|| images(&project)),
                output: input.output_config.s3_location.clone(),
            })));
            Training::Unfinished(change.number)
        }
    };
    let model = Model {
        version: version.into(),
        created: now,
        description: input.description.clone(),
        output_config: Some(input.output_config.clone()),
        kms_key_id: input.kms_key_id.clone(),
        tags: Arc::new(tags),
        kind: if training.have_masks() {
            ModelKind::Segmentation
        } else {
            ModelKind::Classification
        },
        phase: Phase::Training(started, outcome),
        evaluated: None,
        units: None,
        learned: Arc::default(),
    };
    let model_metadata = ModelMetadata {
        status: ModelStatus::Training.to_string(),
        status_message: "The model is being trained.".to_owned(),
        performance: None,
        ..metadata(&view, name, &model)
    };
    let mut project = (*project).clone();
    project.next_version += 1;
    project.models.insert(model.version.clone(), Arc::new(model));
    change.put(project);
    Ok(CreateModelResponse { model_metadata })
}

/// Takes the outcome of writing the evaluation of a training and of reading images that no dataset had read
pub fn finish_training(
    change: &mut Change<'_>,
    project_name: &str,
    version: &str,
    begun_by: ChangeNumber,
    outcome: Result<LabeledImages, String>,
) {
    let Some(project) = change.project(project_name) else {
        return;
    };
    let Some(model) = project.models.get(version) else {
        return;
    };
    let Phase::Training(started, Training::Unfinished(number)) = model.phase else {
        return;
    };
    if number != begun_by {
        return;
    }
    let room = change.bytes_left();
    let outcome = outcome.and_then(|learned| {
        let fits = learned.bytes() <= room;
        fits.then_some(learned)
            .ok_or_else(|| datasets::no_room(change.view.limits().datasets_bytes_max))
    });
    let mut model = (**model).clone();
    let outcome = match outcome {
        Ok(learned) => {
            model.learned = Arc::new(learned);
            Training::Succeeds
        }
        Err(message) => Training::Fails(message),
    };
    model.phase = Phase::Training(started, outcome);
    replace(change, project_name, model);
}

/// `DescribeModel`
pub fn describe(
    view: &View<'_>,
    version: &str,
    input: &DescribeModelRequest,
) -> Result<DescribeModelResponse, ServiceError> {
    let name = &input.project_name;
    let model = find(view, name, version)?;
    let ModelMetadata {
        creation_timestamp,
        model_version,
        model_arn,
        description,
        status,
        status_message,
        performance,
    } = metadata(view, name, model);
    let output_config = model
        .output_config
        .clone()
        .unwrap_or_else(|| declared_output(view));
    let evaluated = model.evaluated(view.now);
    let location = &output_config.s3_location;
    Ok(DescribeModelResponse {
        model_description: ModelDescription {
            creation_timestamp,
            model_version,
            model_arn,
            description,
            status,
            status_message,
            performance,
            evaluation_manifest: evaluated.map(|_| manifest_object(location, name, version)),
            evaluation_result: evaluated.map(|_| result_object(location, name, version)),
            evaluation_end_timestamp: evaluated.map(EpochSeconds),
            output_config,
            kms_key_id: model.kms_key_id.clone(),
            min_inference_units: model.units.map(|units| units.min),
            max_inference_units: model.units.and_then(|units| units.max),
        },
    })
}

/// `ListModels`
pub fn list(view: &View<'_>, input: &ListModelsRequest) -> Result<ListModelsResponse, ServiceError> {
    let name = &input.project_name;
    let project = project(view.project(name), name)?;
    // The newest first, as in saved output: a client takes the first one as the current one. Declared names come last.
    let models = project.models_at(view.now).map(|model| match model.number() {
        Some(number) => (format!("0{:010}", NUMBER_MAX - number), model),
        None => (format!("1{}", model.version), model),
    });
    let items = BTreeMap::from_iter(models)
        .into_iter()
        .map(|(key, model)| (key, metadata(view, name, model)));
    let scope = scope("ListModels", view, &[name]);
    let Page { items, next_token } = page(&scope, input.next_token.as_deref(), input.max_results, items)?;
    Ok(ListModelsResponse {
        models: items,
        next_token,
    })
}

/// `StartModel`
pub fn start(
    change: &mut Change<'_>,
    version: &str,
    input: &StartModelRequest,
) -> Result<StartModelResponse, ServiceError> {
    let name = &input.project_name;
    if input
        .max_inference_units
        .is_some_and(|max| max < input.min_inference_units)
    {
        // Guess: the text, and that this is refused.
        return Err(ServiceError::validation(
            "MaxInferenceUnits must be greater than or equal to MinInferenceUnits.",
        ));
    }
    let declaration = change.view.declaration(name);
    let fails = declaration.and_then(|declared| declared.hosting_fails.as_deref().map(str::to_owned));
    let starting = Phase::Starting(change.started(change.view.timing().hosting_start), fails);
    // Guess: a model whose hosting failed may be started again.
    let from = [ModelStatus::Trained, ModelStatus::HostingFailed];
    let units = InferenceUnits {
        min: input.min_inference_units,
        max: input.max_inference_units,
    };
    enter(change, (name, version), "started", &from, |model| Model {
        phase: starting,
        units: Some(units),
        ..model
    })?;
    Ok(StartModelResponse {
        status: ModelStatus::StartingHosting.to_string(),
    })
}

/// `StopModel`
pub fn stop(
    change: &mut Change<'_>,
    version: &str,
    input: &StopModelRequest,
) -> Result<StopModelResponse, ServiceError> {
    let stopping = Phase::Stopping(change.started(change.view.timing().hosting_stop));
    let model = (&*input.project_name, version);
    enter(change, model, "stopped", &[ModelStatus::Hosted], |model| Model {
        phase: stopping,
        ..model
    })?;
    Ok(StopModelResponse {
        status: ModelStatus::StoppingHosting.to_string(),
    })
}

/// `DeleteModel`
pub fn delete(
    change: &mut Change<'_>,
    version: &str,
    input: &DeleteModelRequest,
) -> Result<DeleteModelResponse, ServiceError> {
    let name = &input.project_name;
    let deleting = Phase::Deleting(change.started(change.view.timing().model_delete));
    // Developer Guide, *Deleting a model*: not while it is running or being trained.
    let at_rest = [
        ModelStatus::Trained,
        ModelStatus::TrainingFailed,
        ModelStatus::HostingFailed,
    ];
    enter(change, (name, version), "deleted", &at_rest, |model| Model {
        phase: deleting,
        ..model
    })?;
    Ok(DeleteModelResponse {
        model_arn: model_arn(change.view.account_id(), change.view.region, name, version),
    })
}

/// Puts a model into its next phase, if its status is one of `from`
///
/// `done` is a participle for the refusal, such as `started`.
fn enter(
    change: &mut Change<'_>,
    (name, version): (&str, &str),
    done: &str,
    from: &[ModelStatus],
    next: impl FnOnce(Model) -> Model,
) -> Result<(), ServiceError> {
    let now = change.view.now;
    let model = find(&change.view, name, version)?;
    let status = model.status(now).0;
    if !from.contains(&status) {
        // Guess: no public source has this text.
        return Err(ServiceError::conflict(
            format!(
                "The model version {version} of project {name} cannot be {done}. Its status is {status}."
            ),
            version,
            ResourceType::Model,
        ));
    }
    // The next phase no longer shows when the model was evaluated.
    let settled = Model {
        evaluated: model.evaluated(now),
        ..Model::clone(model)
    };
    replace(change, name, next(settled));
    Ok(())
}

/// The model that a request names
pub fn find<'s>(view: &View<'s>, name: &str, version: &str) -> Result<&'s Arc<Model>, ServiceError> {
    project(view.project(name), name)?;
    view.model(name, version)
        .ok_or_else(|| ServiceError::model_not_found(name, version))
}

/// Replaces the model of the same version
pub(super) fn replace(change: &mut Change<'_>, project_name: &str, model: Model) {
    if let Some(project) = change.project(project_name) {
        let mut project = Project::clone(project);
        project.models.insert(model.version.clone(), Arc::new(model));
        change.put(project);
    }
}

fn metadata(view: &View<'_>, name: &str, model: &Model) -> ModelMetadata {
    let (status, message) = model.status(view.now);
    ModelMetadata {
        creation_timestamp: EpochSeconds(model.created),
        model_version: model.version.to_string(),
        model_arn: model_arn(view.account_id(), view.region, name, &model.version),
        description: model.description.clone(),
        status: status.to_string(),
        status_message: message.to_owned(),
        performance: model.evaluated(view.now).map(|_| PERFORMANCE),
    }
}

/// The images of both datasets that were read
fn images(project: &Project) -> Arc<DatasetImages> {
    match (&project.train, &project.test) {
        (Some(train), Some(test)) => Arc::new(test.images.with(&train.images)),
        (Some(dataset), None) | (None, Some(dataset)) => dataset.images.clone(),
        (None, None) => Arc::default(),
    }
}

/// The entries of a dataset; `None` if there is no dataset, an error if it is not ready
fn complete_dataset(
    project: &Project,
    dataset_type: DatasetType,
    view: &View<'_>,
) -> Result<Option<Arc<Entries>>, ServiceError> {
    let Some(dataset) = project.dataset(dataset_type, view.now) else {
        return Ok(None);
    };
    let status = dataset.status(view.now).0;
    if status == DatasetStatus::DeleteInProgress {
        return Ok(None);
    }
    if status.is_in_progress() || status == DatasetStatus::CreateFailed {
        return Err(ServiceError::conflict(
            format!(
                "The {} dataset of project {} is not ready. Its status is {}.",
                dataset_type.as_str(),
                project.name,
                status.as_str()
            ),
            dataset_type.as_str(),
            ResourceType::Dataset,
        ));
    }
    Ok(Some(dataset.entries(view.now).clone()))
}

/// Developer Guide, *Limits*: the fewest images that the service trains with, without the counts by anomaly label
// Guess: whether CreateModel refuses or the training fails.
fn too_few_images(training: &Entries, test: Option<&Entries>) -> Option<String> {
    let mut missing = Vec::new();
    let mut ask = |entries: &Entries, of: &str, normal: i64, anomaly: i64| {
        let stats = entries.stats();
        for (kind, found, least) in [
            ("normal", stats.normal, normal),
            ("anomaly", stats.anomaly, anomaly),
        ] {
            if found < least {
                missing.push(format!("{of} has {found} {kind} images and needs {least}"));
            }
        }
    };
    match test {
        None => ask(training, "the dataset", 20, 10),
        Some(test) => {
            ask(training, "the training dataset", 10, 0);
            ask(test, "the test dataset", 10, 10);
        }
    }
    (!missing.is_empty()).then(|| format!("Too few labelled images: {}.", missing.join("; ")))
}

/// The `OutputConfig` of a declared model, which was never trained
///
/// DescribeModel always has one. It names the bucket that the console would have created. It has a prefix, because
/// programs read the prefix without checking that it is present (AWS's sample `find_running_models.py` and others).
fn declared_output(view: &View<'_>) -> OutputConfig {
    OutputConfig {
        s3_location: S3Location {
            bucket: format!("lookoutvision-{}-declared", view.region),
            prefix: Some("declared/".to_owned()),
        },
    }
}

/// The highest version: a version has at most ten digits
const NUMBER_MAX: u64 = 9_999_999_999;
