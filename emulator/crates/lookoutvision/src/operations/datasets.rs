//! Datasets and their entries.

use std::sync::Arc;

use jiff::Timestamp;

use super::{project, scope};
use crate::{
    api::{
        EpochSeconds,
        requests::{
            CreateDatasetRequest, DeleteDatasetRequest, DescribeDatasetRequest, ListDatasetEntriesRequest,
            UpdateDatasetEntriesRequest,
        },
        responses::{
            CreateDatasetResponse, DatasetDescription, DatasetMetadata, DeleteDatasetResponse,
            DescribeDatasetResponse, ListDatasetEntriesResponse, UpdateDatasetEntriesResponse,
        },
    },
    dataset_images::DatasetImages,
    error::{ResourceType, ServiceError},
    manifest::{Class, Entries, Entry},
    pagination::{Page, page},
    store::{
        Change, ChangeNumber, S3Task, View,
        dataset::{Creation, Dataset, DatasetStatus, Phase},
        project::{DatasetType, Project},
    },
};

/// `CreateDataset`
pub fn create(
    change: &mut Change<'_>,
    input: &CreateDatasetRequest,
) -> Result<CreateDatasetResponse, ServiceError> {
    let (now, timing) = (change.view.now, change.view.timing());
    let dataset_type = DatasetType::of(&input.dataset_type);
    let project = project(change.project(&input.project_name), &input.project_name)?.clone();
    // awslabs' SDK deletes a dataset and creates it again at once, so a dataset that is being deleted is no obstacle.
    let in_the_way = project
        .dataset(dataset_type, now)
        .is_some_and(|dataset| dataset.status(now).0 != DatasetStatus::DeleteInProgress);
    if in_the_way {
        return Err(ServiceError::conflict(
            format!(
                "The project {} already has a {} dataset.",
                input.project_name, input.dataset_type
            ),
            &input.dataset_type,
            ResourceType::Dataset,
        ));
    }
    let manifest = input
        .dataset_source
        .as_ref()
        .and_then(|source| source.ground_truth_manifest.as_ref())
        .and_then(|manifest| manifest.s3_object.clone());
    let declaration = change.view.declaration(&input.project_name);
    let fails = declaration.and_then(|declared| declared.dataset_create_fails.clone());
    let started = change.started(timing.dataset_create);
    let dataset = match (fails, manifest) {
        (Some(message), _) => Dataset::creating(started, Creation::Fails(message.into())),
        // Developer Guide, *Creating a dataset (SDK)*: an empty dataset is ready at once.
        (None, None) => Dataset::empty(now),
        (None, Some(manifest)) => {
            change.s3_task = Some(S3Task::ReadManifest {
                project_name: input.project_name.clone(),
                dataset_type,
                begun_by: change.number,
                manifest,
                reads_images: declaration.is_some_and(|declared| declared.answers_from_datasets),
            });
            Dataset::creating(started, Creation::Unfinished(change.number))
        }
    };
    // The answer has the first status, even if the next one is due at once.
    let is_empty =
        change.s3_task.is_none() && matches!(dataset.phase, Phase::Creating(_, Creation::Succeeds));
    let (status, message) = if is_empty {
        dataset.status(now)
    } else {
        (DatasetStatus::CreateInProgress, "The dataset is being created.")
    };
    let dataset_metadata = DatasetMetadata {
        dataset_type: input.dataset_type.clone(),
        creation_timestamp: EpochSeconds(now),
        status: status.as_str().to_owned(),
        status_message: message.to_owned(),
    };
    let mut project = Project::clone(&project);
    project.set_dataset(dataset_type, Some(dataset));
    change.put(project);
    Ok(CreateDatasetResponse { dataset_metadata })
}

/// Takes the outcome of reading the manifest of a dataset that is being created, and its images if they are read
pub fn finish_creation(
    change: &mut Change<'_>,
    project_name: &str,
    dataset_type: DatasetType,
    begun_by: ChangeNumber,
    outcome: Result<(Entries, DatasetImages), String>,
) {
    let Some(project) = change.project(project_name) else {
        return;
    };
    // Not `dataset()`, which leaves out deleted datasets: this one is still being created.
    let dataset = match dataset_type {
        DatasetType::Train => &project.train,
        DatasetType::Test => &project.test,
    };
    let Some(dataset) = dataset else {
        return;
    };
    let Phase::Creating(started, Creation::Unfinished(number)) = dataset.phase else {
        return;
    };
    if number != begun_by {
        return;
    }
    let room = change.bytes_left();
    let outcome = outcome.and_then(|(entries, images)| {
        let fits = entries.bytes() + images.bytes() <= room;
        fits.then_some((entries, images))
            .ok_or_else(|| no_room(change.view.limits().datasets_bytes_max))
    });
    let mut dataset = (**dataset).clone();
    match outcome {
        Ok((entries, images)) => {
            dataset.phase = Phase::Creating(started, Creation::Succeeds);
            dataset.entries = Arc::new(entries);
            dataset.images = Arc::new(images);
        }
        Err(message) => dataset.phase = Phase::Creating(started, Creation::Fails(message)),
    }
    let mut project = (**project).clone();
    project.set_dataset(dataset_type, Some(dataset));
    change.put(project);
}

/// `DescribeDataset`
pub fn describe(
    view: &View<'_>,
    input: &DescribeDatasetRequest,
) -> Result<DescribeDatasetResponse, ServiceError> {
    let dataset = find(view, &input.project_name, &input.dataset_type)?;
    let (status, message) = dataset.status(view.now);
    Ok(DescribeDatasetResponse {
        dataset_description: DatasetDescription {
            project_name: input.project_name.clone(),
            dataset_type: input.dataset_type.clone(),
            creation_timestamp: EpochSeconds(dataset.created),
            last_updated_timestamp: EpochSeconds(dataset.last_updated(view.now)),
            status: status.as_str().to_owned(),
            status_message: message.to_owned(),
            image_stats: dataset.image_stats(view.now),
        },
    })
}

/// `DeleteDataset`
pub fn delete(
    change: &mut Change<'_>,
    input: &DeleteDatasetRequest,
) -> Result<DeleteDatasetResponse, ServiceError> {
    let project = project(change.project(&input.project_name), &input.project_name)?;
    let dataset = find(&change.view, &input.project_name, &input.dataset_type)?;
    refuse_in_progress(dataset, &input.project_name, &input.dataset_type, change.view.now)?;
    let mut dataset = (**dataset).clone();
    dataset.entries = dataset.entries(change.view.now).clone();
    dataset.entries_before = Arc::default();
    dataset.phase = Phase::Deleting(change.started(change.view.timing().dataset_delete));
    let mut project = (**project).clone();
    project.set_dataset(DatasetType::of(&input.dataset_type), Some(dataset));
    change.put(project);
    Ok(DeleteDatasetResponse {})
}

/// `UpdateDatasetEntries`
pub fn update_entries(
    change: &mut Change<'_>,
    input: &UpdateDatasetEntriesRequest,
) -> Result<UpdateDatasetEntriesResponse, ServiceError> {
    let (now, timing) = (change.view.now, change.view.timing());
    let project = project(change.project(&input.project_name), &input.project_name)?;
    let dataset = find(&change.view, &input.project_name, &input.dataset_type)?;
    refuse_in_progress(dataset, &input.project_name, &input.dataset_type, now)?;
    if dataset.status(now).0 == DatasetStatus::CreateFailed {
        return Err(ServiceError::conflict(
            format!(
                "The {} dataset of project {} could not be created.",
                input.dataset_type, input.project_name
            ),
            &input.dataset_type,
            ResourceType::Dataset,
        ));
    }
    let before = dataset.entries(now).clone();
    let limits = change.view.limits();
    let after = before
        .with(&input.changes.0, limits.dataset_entries_max)
        .map_err(|error| error.to_string())
        .and_then(|after| {
            let more = after.bytes().saturating_sub(before.bytes());
            let fits = more <= change.bytes_left();
            fits.then_some(after)
                .ok_or_else(|| no_room(limits.datasets_bytes_max))
        });
    let mut dataset = (**dataset).clone();
    let update = change.started(timing.dataset_update);
    // Guess: one line that does not load rolls the whole update back.
    match after {
        Ok(after) => {
            dataset.phase = Phase::Updating(update);
            dataset.entries = Arc::new(after);
            dataset.entries_before = if update.is_over(now) {
                Arc::default()
            } else {
                before
            };
        }
        Err(message) => {
            dataset.phase = Phase::RollingBack {
                update,
                rollback: update.then(timing.dataset_rollback),
                message,
            };
            dataset.entries = before;
            dataset.entries_before = Arc::default();
        }
    }
    let mut project = (**project).clone();
    project.set_dataset(DatasetType::of(&input.dataset_type), Some(dataset));
    change.put(project);
    Ok(UpdateDatasetEntriesResponse {
        status: DatasetStatus::UpdateInProgress.as_str().to_owned(),
    })
}

/// `ListDatasetEntries`
pub fn list_entries(
    view: &View<'_>,
    input: &ListDatasetEntriesRequest,
) -> Result<ListDatasetEntriesResponse, ServiceError> {
    let dataset = find(view, &input.project_name, &input.dataset_type)?;
    let class = match input.anomaly_class.as_deref() {
        Some("normal") => Some(Class::Normal),
        Some(_) => Some(Class::Anomaly),
        None => None,
    };
    // Guess: both ends are excluded, and a line without a readable date is in no range of dates.
    let is_in_time = |entry: &Entry| {
        let is_before = |EpochSeconds(end): EpochSeconds| entry.created.is_some_and(|created| created < end);
        let is_after =
            |EpochSeconds(start): EpochSeconds| entry.created.is_some_and(|created| created > start);
        input.before_creation_date.is_none_or(is_before) && input.after_creation_date.is_none_or(is_after)
    };
    let matches = |entry: &Entry| {
        input
            .labeled
            .is_none_or(|labeled| labeled == entry.class.is_some())
            && class.is_none_or(|class| entry.class == Some(class))
            && is_in_time(entry)
            && input
                .source_ref_contains
                .as_ref()
                .is_none_or(|part| entry.source_ref.contains(part.as_str()))
    };
    let entries = dataset.entries(view.now);
    let items = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| matches(entry))
        .map(|(index, entry)| (format!("{index:08}"), entry.line.to_string()));
    let filters = serde_json::json!([
        input.labeled,
        input.anomaly_class,
        input.before_creation_date,
        input.after_creation_date,
        input.source_ref_contains,
        // A dataset that was created again is another list.
        dataset.created,
    ]);
    let parts = [&*input.project_name, &input.dataset_type, &filters.to_string()];
    let scope = scope("ListDatasetEntries", view, &parts);
    let Page { items, next_token } = page(&scope, input.next_token.as_deref(), input.max_results, items)?;
    Ok(ListDatasetEntriesResponse {
        dataset_entries: items,
        next_token,
    })
}

/// A dataset as DescribeProject lists it
pub fn metadata(dataset_type: DatasetType, dataset: &Dataset, now: Timestamp) -> DatasetMetadata {
    let (status, message) = dataset.status(now);
    DatasetMetadata {
        dataset_type: dataset_type.as_str().to_owned(),
        creation_timestamp: EpochSeconds(dataset.created),
        status: status.as_str().to_owned(),
        status_message: message.to_owned(),
    }
}

fn find<'s>(
    view: &View<'s>,
    project_name: &str,
    dataset_type: &str,
) -> Result<&'s Arc<Dataset>, ServiceError> {
    let project = project(view.project(project_name), project_name)?;
    project
        .dataset(DatasetType::of(dataset_type), view.now)
        .ok_or_else(|| {
            ServiceError::not_found(
                format!("The {dataset_type} dataset of project {project_name} could not be found."),
                dataset_type,
                ResourceType::Dataset,
            )
        })
}

fn refuse_in_progress(
    dataset: &Dataset,
    project_name: &str,
    dataset_type: &str,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let status = dataset.status(now).0;
    if status.is_in_progress() {
        return Err(ServiceError::conflict(
            format!(
                "The {dataset_type} dataset of project {project_name} is in use. Its status is {}.",
                status.as_str()
            ),
            dataset_type,
            ResourceType::Dataset,
        ));
    }
    Ok(())
}

/// The message for a dataset that does not fit beside the others
pub(super) fn no_room(datasets_bytes_max: usize) -> String {
    format!("the datasets would have more than {datasets_bytes_max} bytes (limits.datasets_bytes_max)")
}
