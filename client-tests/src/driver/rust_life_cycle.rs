//! The life of a project through the AWS SDK for Rust, written as a program for the real service is: create, poll, use,
//! delete. The emulator's configuration is `life-cycle/emulator.yaml`. If `LOOKOUTVISION_EMULATOR_CONTROL_URL` is set,
//! everything takes ten minutes, and the program advances the emulator's clock.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_lookoutvision::Client;
use aws_sdk_lookoutvision::error::SdkError;
use aws_sdk_lookoutvision::primitives::{Blob, ByteStream, DateTime};
use aws_sdk_lookoutvision::types::{
    DatasetGroundTruthManifest, DatasetSource, DatasetStatus, DetectAnomalyResult, GreengrassConfiguration,
    InputS3Object, ModelHostingStatus, ModelPackagingConfiguration, ModelPackagingJobStatus, ModelStatus,
    OutputConfig, S3Location, Tag, TargetDevice,
};

use super::rust_sdk::http_client;
use crate::control::Control;

type Failure = Box<dyn std::error::Error>;

/// Goes through the life once; a step with an unexpected result is an error
///
/// # Errors
/// With the first step that has an unexpected result.
pub async fn live(image: Vec<u8>) -> Result<(), Failure> {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .load()
        .await;
    let client = Client::new(&config);
    let pace = Pace::of_environment();
    let project = "line-7";

    client.create_project().project_name(project).send().await?;
    let taken = client.create_project().project_name(project).send().await;
    same(
        true,
        taken.is_err_and(|error| error.into_service_error().is_conflict_exception()),
    )?;
    let missing = client.describe_project().project_name("nobody").send().await;
    let missing = missing.map_err(SdkError::into_service_error);
    same(
        true,
        missing.is_err_and(|error| error.is_resource_not_found_exception()),
    )?;
    let too_many = client.create_project().project_name("one-too-many").send().await;
    let too_many = too_many.map_err(SdkError::into_service_error);
    same(
        true,
        too_many.is_err_and(|error| error.is_service_quota_exceeded_exception()),
    )?;
    let neither = client
        .describe_dataset()
        .project_name(project)
        .dataset_type("neither")
        .send()
        .await;
    let neither = neither.map_err(SdkError::into_service_error);
    same(true, neither.is_err_and(|error| error.is_validation_exception()))?;
    let forbidden = client.describe_project().project_name("forbidden").send().await;
    let forbidden = forbidden.map_err(SdkError::into_service_error);
    same(
        true,
        forbidden.is_err_and(|error| error.is_access_denied_exception()),
    )?;

    for dataset_type in ["train", "test"] {
        let object = InputS3Object::builder()
            .bucket("images")
            .key(format!("{dataset_type}.manifest"))
            .build();
        let manifest = DatasetGroundTruthManifest::builder().s3_object(object).build();
        let source = DatasetSource::builder().ground_truth_manifest(manifest).build();
        let created = client
            .create_dataset()
            .project_name(project)
            .dataset_type(dataset_type)
            .dataset_source(source)
            .send()
            .await?;
        let status = created.dataset_metadata().and_then(|metadata| metadata.status());
        same(Some(&DatasetStatus::CreateInProgress), status)?;
        pace.poll(
            DatasetStatus::CreateInProgress,
            DatasetStatus::CreateComplete,
            async || {
                let dataset = client
                    .describe_dataset()
                    .project_name(project)
                    .dataset_type(dataset_type);
                let described = dataset.send().await?;
                let description = described.dataset_description().ok_or("no description")?;
                Ok(description.status().ok_or("no status")?.clone())
            },
        )
        .await?;
    }
    let lines: Vec<String> = (0..30)
        .map(|number| format!(r#"{{"source-ref":"s3://images/{number}.jpg"}}"#))
        .collect();
    client
        .update_dataset_entries()
        .project_name(project)
        .dataset_type("train")
        .changes(Blob::new(lines.join("\n")))
        .send()
        .await?;
    pace.poll(
        DatasetStatus::UpdateInProgress,
        DatasetStatus::UpdateComplete,
        async || {
            let dataset = client
                .describe_dataset()
                .project_name(project)
                .dataset_type("train");
            let described = dataset.send().await?;
            let description = described.dataset_description().ok_or("no description")?;
            Ok(description.status().ok_or("no status")?.clone())
        },
    )
    .await?;
    let entries = client
        .list_dataset_entries()
        .project_name(project)
        .dataset_type("train");
    let pages = entries
        .into_paginator()
        .page_size(7)
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await?;
    same(32, pages.len())?;
    let dated = client
        .list_dataset_entries()
        .project_name(project)
        .dataset_type("train")
        .before_creation_date(DateTime::from_secs_f64(1_700_000_000.678))
        .send()
        .await?;
    same(0, dated.dataset_entries().len())?;

    let status_of = async |version: &str| {
        let model = client
            .describe_model()
            .project_name(project)
            .model_version(version);
        let described = model.send().await?;
        let description = described.model_description().ok_or("no description")?;
        Ok(description.status().ok_or("no status")?.clone())
    };
    for version in ["1", "2", "3"] {
        let location = S3Location::builder().bucket("results").prefix("k_fold_").build();
        let created = client
            .create_model()
            .project_name(project)
            .output_config(OutputConfig::builder().s3_location(location).build())
            .tags(Tag::builder().key("line").value("7").build())
            .send()
            .await?;
        let metadata = created.model_metadata().ok_or("no metadata")?;
        same(
            (Some(version), Some(&ModelStatus::Training)),
            (metadata.model_version(), metadata.status()),
        )?;
        pace.poll(ModelStatus::Training, ModelStatus::Trained, async || {
            status_of(version).await
        })
        .await?;
    }
    let models = client
        .list_models()
        .project_name(project)
        .into_paginator()
        .page_size(2)
        .items()
        .send();
    let models = models.collect::<Result<Vec<_>, _>>().await?;
    let versions: Vec<_> = models.iter().filter_map(|model| model.model_version()).collect();
    same(vec!["3", "2", "1"], versions.clone())?;
    let arn = models[0].model_arn().ok_or("no ARN")?;
    client
        .tag_resource()
        .resource_arn(arn)
        .tags(Tag::builder().key("shift").value("night").build())
        .send()
        .await?;
    client
        .untag_resource()
        .resource_arn(arn)
        .tag_keys("line")
        .tag_keys("absent")
        .send()
        .await?;
    let tags = client.list_tags_for_resource().resource_arn(arn).send().await?;
    same(
        vec![Tag::builder().key("shift").value("night").build()],
        tags.tags().to_vec(),
    )?;

    let started = client
        .start_model()
        .project_name(project)
        .model_version("3")
        .min_inference_units(1)
        .send()
        .await?;
    same(Some(&ModelHostingStatus::StartingHosting), started.status())?;
    pace.poll(ModelStatus::StartingHosting, ModelStatus::Hosted, async || {
        status_of("latest").await
    })
    .await?;
    let detected = client
        .detect_anomalies()
        .project_name(project)
        .model_version("latest")
        .content_type("image/png")
        .body(ByteStream::from(image.clone()))
        .send()
        .await?;
    same(
        Some(true),
        detected
            .detect_anomaly_result()
            .and_then(DetectAnomalyResult::is_anomalous),
    )?;
    for (version, is_throttling) in [("1", false), ("2", true)] {
        let refused = client
            .detect_anomalies()
            .project_name("declared")
            .model_version(version)
            .content_type("image/png")
            .body(ByteStream::from(image.clone()))
            .send()
            .await;
        let refused = refused.err().ok_or("it was not refused")?.into_service_error();
        same(
            (is_throttling, !is_throttling),
            (
                refused.is_throttling_exception(),
                refused.is_internal_server_exception(),
            ),
        )?;
    }

    for version in ["1.0.0", "1.0.1", "1.0.2"] {
        let greengrass = GreengrassConfiguration::builder()
            .target_device(TargetDevice::JetsonXavier)
            .component_name("line-7")
            .component_version(version)
            .s3_output_location(S3Location::builder().bucket("results").build())
            .build();
        let configuration = ModelPackagingConfiguration::builder()
            .greengrass(greengrass)
            .build();
        let job = client
            .start_model_packaging_job()
            .project_name(project)
            .model_version("latest")
            .configuration(configuration)
            .send()
            .await?;
        let name = job.job_name().ok_or("no name")?;
        pace.poll(
            ModelPackagingJobStatus::Running,
            ModelPackagingJobStatus::Succeeded,
            async || {
                let job = client
                    .describe_model_packaging_job()
                    .project_name(project)
                    .job_name(name);
                let described = job.send().await?;
                let description = described.model_packaging_description().ok_or("no description")?;
                Ok(description.status().ok_or("no status")?.clone())
            },
        )
        .await?;
    }
    let jobs = client
        .list_model_packaging_jobs()
        .project_name(project)
        .into_paginator()
        .page_size(2);
    same(3, jobs.items().send().collect::<Result<Vec<_>, _>>().await?.len())?;

    let stopped = client
        .stop_model()
        .project_name(project)
        .model_version("3")
        .send()
        .await?;
    same(Some(&ModelHostingStatus::StoppingHosting), stopped.status())?;
    pace.poll(ModelStatus::StoppingHosting, ModelStatus::Trained, async || {
        status_of("3").await
    })
    .await?;
    for version in versions {
        client
            .delete_model()
            .project_name(project)
            .model_version(version)
            .send()
            .await?;
    }
    for dataset_type in ["train", "test"] {
        client
            .delete_dataset()
            .project_name(project)
            .dataset_type(dataset_type)
            .send()
            .await?;
    }
    client.delete_project().project_name(project).send().await?;
    let projects = client
        .list_projects()
        .into_paginator()
        .page_size(1)
        .items()
        .send();
    let projects = projects.collect::<Result<Vec<_>, _>>().await?;
    same(
        vec![Some("declared")],
        projects.iter().map(|project| project.project_name()).collect(),
    )
}

/// How long things take
enum Pace {
    /// The next call sees the result
    AtOnce,
    /// Ten minutes of the clock that this control API advances
    ByTheClock(Control),
}

impl Pace {
    fn of_environment() -> Self {
        match std::env::var(CONTROL_URL) {
            Ok(url) => Self::ByTheClock(Control::new(&url)),
            Err(_) => Self::AtOnce,
        }
    }

    async fn poll<S: PartialEq + std::fmt::Debug>(
        &self,
        running: S,
        done: S,
        status: impl AsyncFn() -> Result<S, Failure>,
    ) -> Result<(), Failure> {
        for looked in 0..100 {
            let found = status().await?;
            let is_running = found == running;
            if !is_running {
                same(&done, &found)?;
            }
            match self {
                Self::AtOnce if is_running => tokio::time::sleep(Duration::from_millis(50)).await,
                Self::ByTheClock(control) if is_running => control.advance_clock(600).await?,
                Self::AtOnce => return Ok(()),
                // It must be seen running once.
                Self::ByTheClock(_) => return same(1, looked),
            }
        }
        Err(format!("{running:?} for ever").into())
    }
}

/// The variable that names the control API
const CONTROL_URL: &str = "LOOKOUTVISION_EMULATOR_CONTROL_URL";

#[expect(
    clippy::needless_pass_by_value,
    reason = "what is compared is made in the call"
)]
fn same<T: PartialEq + std::fmt::Debug>(expected: T, found: T) -> Result<(), Failure> {
    if expected == found {
        return Ok(());
    }
    Err(format!("expected {expected:?}, found {found:?}").into())
}
