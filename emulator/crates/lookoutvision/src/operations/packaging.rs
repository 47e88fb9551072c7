//! Model packaging jobs.

use std::{collections::BTreeMap, sync::Arc};

use super::{models, over_limit, project, scope};
use crate::{
    api::{
        EpochSeconds,
        requests::{
            DescribeModelPackagingJobRequest, ListModelPackagingJobsRequest, StartModelPackagingJobRequest,
        },
        responses::{
            DescribeModelPackagingJobResponse, GreengrassOutputDetails, ListModelPackagingJobsResponse,
            ModelPackagingDescription, ModelPackagingJobMetadata, ModelPackagingOutputDetails,
            StartModelPackagingJobResponse,
        },
        values::GreengrassConfiguration,
    },
    error::{ResourceType, ServiceError},
    model::{ModelStatus, partition},
    pagination::{Page, key_by_time, page},
    store::{
        Change, View,
        packaging::{PackagingJob, PackagingStatus},
    },
};

/// `StartModelPackagingJob`; `version` is the one in the body, resolved, and `fresh_name` is the job's name if the
/// request has none
pub fn start(
    change: &mut Change<'_>,
    version: &str,
    fresh_name: &str,
    input: &StartModelPackagingJobRequest,
) -> Result<StartModelPackagingJobResponse, ServiceError> {
    let (name, now) = (&input.project_name, change.view.now);
    let greengrass = &input.configuration.greengrass;
    check_target(greengrass)?;
    let model = models::find(&change.view, name, version)?;
    let status = model.status(now).0;
    // Developer Guide, *Packaging your model*: the model must have been trained successfully.
    if matches!(
        status,
        ModelStatus::Training | ModelStatus::TrainingFailed | ModelStatus::Deleting
    ) {
        return Err(ServiceError::conflict(
            format!(
                "The model version {version} of project {name} cannot be packaged. Its status is {status}."
            ),
            version,
            ResourceType::Model,
        ));
    }
    let project = project(change.project(name), name)?;
    let job_name = input.job_name.clone().unwrap_or_else(|| fresh_name.to_owned());
    if project.packaging_jobs.contains_key(job_name.as_str()) {
        return Err(ServiceError::conflict(
            format!("The model packaging job {job_name} already exists."),
            &job_name,
            ResourceType::ModelPackageJob,
        ));
    }
    // Guide: the version of the model, unless the request names another. A declared name cannot be a component version.
    let component_version = greengrass.component_version.clone().unwrap_or_else(|| {
        let number = model.number().filter(|number| *number <= 999_999);
        format!("{}.0.0", number.unwrap_or(1))
    });
    let is_taken = change.view.projects().iter().any(|project| {
        project.packaging_jobs.values().any(|job| {
            job.configuration.greengrass.component_name == greengrass.component_name
                && job.component_version == component_version
        })
    });
    if is_taken {
        let component = &greengrass.component_name;
        return Err(ServiceError::conflict(
            format!("The component {component} already has a version {component_version}."),
            &job_name,
            ResourceType::ModelPackageJob,
        ));
    }
    let jobs_max = change.view.limits().packaging_jobs_max;
    if project.packaging_jobs.len() >= jobs_max {
        let id = &job_name;
        return Err(over_limit(
            "limits.packaging_jobs_max",
            jobs_max,
            id,
            ResourceType::ModelPackageJob,
        ));
    }
    let timing = change.view.timing();
    let waiting = change.started(timing.packaging_start);
    let job = PackagingJob {
        name: job_name.clone(),
        model_version: version.to_owned(),
        description: input.description.clone(),
        configuration: input.configuration.clone(),
        component_version,
        waiting,
        running: waiting.then(timing.packaging_run),
    };
    let mut project = (**project).clone();
    project
        .packaging_jobs
        .insert(job_name.as_str().into(), Arc::new(job));
    change.put(project);
    Ok(StartModelPackagingJobResponse { job_name })
}

/// `DescribeModelPackagingJob`
pub fn describe(
    view: &View<'_>,
    input: &DescribeModelPackagingJobRequest,
) -> Result<DescribeModelPackagingJobResponse, ServiceError> {
    let project = project(view.project(&input.project_name), &input.project_name)?;
    let job = project
        .packaging_jobs
        .get(input.job_name.as_str())
        .ok_or_else(|| {
            ServiceError::not_found(
                format!("The model packaging job {} could not be found.", input.job_name),
                &input.job_name,
                ResourceType::ModelPackageJob,
            )
        })?;
    let metadata = metadata(view, &project.name, job);
    let greengrass = &job.configuration.greengrass;
    let output = (job.status(view.now).0 == PackagingStatus::Succeeded).then(|| GreengrassOutputDetails {
        // API model, `ComponentVersionArn`: the account is the word `aws`.
        component_version_arn: format!(
            "arn:{}:greengrass:{}:aws:components:{}",
            partition(view.region),
            view.region,
            greengrass.component_name
        ),
        component_name: greengrass.component_name.clone(),
        component_version: job.component_version.clone(),
    });
    Ok(DescribeModelPackagingJobResponse {
        model_packaging_description: ModelPackagingDescription {
            job_name: metadata.job_name,
            project_name: metadata.project_name,
            model_version: metadata.model_version,
            model_packaging_configuration: job.configuration.clone(),
            model_packaging_job_description: metadata.model_packaging_job_description,
            model_packaging_method: metadata.model_packaging_method,
            model_packaging_output_details: output.map(|greengrass| ModelPackagingOutputDetails {
                greengrass: Some(greengrass),
            }),
            status: metadata.status,
            status_message: metadata.status_message,
            creation_timestamp: metadata.creation_timestamp,
            last_updated_timestamp: metadata.last_updated_timestamp,
        },
    })
}

/// `ListModelPackagingJobs`
pub fn list(
    view: &View<'_>,
    input: &ListModelPackagingJobsRequest,
) -> Result<ListModelPackagingJobsResponse, ServiceError> {
    let project = project(view.project(&input.project_name), &input.project_name)?;
    // Guess: the order is that of creation.
    let jobs = project.packaging_jobs.values();
    let items = BTreeMap::from_iter(jobs.map(|job| (key_by_time(job.waiting.at, &job.name), job)))
        .into_iter()
        .map(|(key, job)| (key, metadata(view, &project.name, job)));
    let scope = scope("ListModelPackagingJobs", view, &[&input.project_name]);
    let Page { items, next_token } = page(&scope, input.next_token.as_deref(), input.max_results, items)?;
    Ok(ListModelPackagingJobsResponse {
        model_packaging_jobs: items,
        next_token,
    })
}

fn metadata(view: &View<'_>, project_name: &str, job: &PackagingJob) -> ModelPackagingJobMetadata {
    let (status, message) = job.status(view.now);
    ModelPackagingJobMetadata {
        job_name: job.name.clone(),
        project_name: project_name.to_owned(),
        model_version: job.model_version.clone(),
        model_packaging_job_description: job.description.clone(),
        // Guess: the guide has no example, and the pattern allows no spaces.
        model_packaging_method: "Greengrass".to_owned(),
        status: status.as_str().to_owned(),
        status_message: message.to_owned(),
        creation_timestamp: EpochSeconds(job.waiting.at),
        last_updated_timestamp: EpochSeconds(job.last_updated(view.now)),
    }
}

/// API reference, `GreengrassConfiguration`: either a device or a platform, and the options that the platform requires
// Guess: the texts.
fn check_target(greengrass: &GreengrassConfiguration) -> Result<(), ServiceError> {
    let platform = match (&greengrass.target_device, &greengrass.target_platform) {
        (Some(_), None) => {
            return match greengrass.compiler_options {
                None => Ok(()),
                Some(_) => Err(ServiceError::validation(
                    "CompilerOptions can be given with TargetPlatform only.",
                )),
            };
        }
        (None, Some(platform)) => platform,
        (Some(_), Some(_)) | (None, None) => {
            return Err(ServiceError::validation(
                "Exactly one of TargetDevice and TargetPlatform must be given.",
            ));
        }
    };
    let options = greengrass.compiler_options.as_deref().map(|text| {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(text.as_bytes())
            .map_err(|_| ServiceError::validation("CompilerOptions is not a JSON object."))
    });
    let options = options.transpose()?.unwrap_or_default();
    if platform.accelerator.is_some() {
        for needed in ["gpu-code", "trt-ver", "cuda-ver"] {
            if !options.contains_key(needed) {
                return Err(ServiceError::validation(format!(
                    "CompilerOptions must have {needed} for the accelerator NVIDIA."
                )));
            }
        }
    }
    Ok(())
}
