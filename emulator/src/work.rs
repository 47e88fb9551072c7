//! A change from the operation to its answer, with whatever has to be done in between.
//!
//! Some operations leave a task for S3: a manifest to be read from S3, an evaluation to be written there. It is run inside of
//! the call, so that the next Describe shows how it ended, and in a task of its own, so that a client that hangs up does
//! not leave it half done.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tracing::{error, info};

use crate::{
    identifiers::Region,
    lookoutvision::{
        api::values::InputS3Object,
        error::ServiceError,
        evaluation::Evaluation,
        manifest::Entries,
        operations::{Refused, datasets, models},
        store::{ChangeNumber, S3Task, project::DatasetType},
    },
    s3,
    service::{ClientToken, Committed, Operation},
    state::{Shared, Snapshot},
};

/// Everything that a change is made with
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) shared: Arc<Shared>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    pub(crate) token: Option<ClientToken>,
}

impl Work {
    /// Makes the change and runs its task for S3
    ///
    /// # Errors
    /// When the operation refuses it; nothing is changed then.
    pub(crate) async fn run(self, operation: Operation) -> Result<Bytes, Refused> {
        if self.shared.service.waits_for_disk() {
            let whole = tokio::spawn(async move {
                let committed = self.commit_aside(operation).await?;
                Ok(self.answer(committed).await)
            });
            return whole.await.map_err(|_| internal())?;
        }
        let committed = self.commit(operation)?;
        if committed.s3_task.is_none() {
            return Ok(committed.answer);
        }
        Ok(tokio::spawn(self.answer(committed))
            .await
            .map_err(|_| internal())?)
    }

    /// The answer, once its task was run
    async fn answer(self, committed: Committed) -> Bytes {
        if let Some(s3_task) = committed.s3_task {
            self.finish(s3_task).await;
        }
        committed.answer
    }

    fn commit(&self, operation: Operation) -> Result<Committed, Refused> {
        self.shared.service.commit(
            &self.snapshot,
            &self.region,
            self.now,
            self.token.as_ref(),
            operation,
        )
    }

    /// The same where waiting for the disk is in nobody's way
    async fn commit_aside(&self, operation: Operation) -> Result<Committed, Refused> {
        if !self.shared.service.waits_for_disk() {
            return self.commit(operation);
        }
        let work = self.clone();
        let committed = tokio::task::spawn_blocking(move || work.commit(operation));
        committed.await.map_err(|_| internal())?
    }

    async fn finish(mut self, s3_task: S3Task) {
        // The second change is none that a client asked for.
        self.token = None;
        let outcome = self.run_s3_task(s3_task).await;
        let lost = outcome.lost();
        if let Err(error) = self.commit_aside(outcome.operation()).await {
            // INVARIANT: to the state file this is still unfinished, which is a failure after a restart. So it is one
            // from now on, and nobody has to restart an emulator because something is for ever in progress.
            error!("what came of a task for S3 was lost: {error:?}");
            let service = &self.shared.service;
            service.apply_in_memory(&self.snapshot, &self.region, self.now, lost.operation());
        }
    }

    async fn run_s3_task(&self, s3_task: S3Task) -> Outcome {
        match s3_task {
            S3Task::ReadManifest {
                project_name,
                dataset_type,
                begun_by,
                manifest,
            } => Outcome::Dataset {
                project_name,
                dataset_type,
                begun_by,
                entries: self.read(&manifest).await,
            },
            S3Task::WriteEvaluation(evaluation) => {
                let written = self.write(&evaluation).await;
                let Evaluation {
                    project_name,
                    version,
                    begun_by,
                    ..
                } = *evaluation;
                Outcome::Training {
                    project_name,
                    version,
                    begun_by,
                    written,
                }
            }
        }
    }

    async fn read(&self, manifest: &InputS3Object) -> Result<Entries, String> {
        let config = &self.snapshot.config;
        let limits = config.limits;
        let bytes = s3::read(
            &config.s3,
            &self.region,
            manifest,
            limits.manifest_bytes_max,
            limits.s3_timeout,
        );
        let entries = bytes.await.map_err(|error| error.to_string()).and_then(|bytes| {
            Entries::default()
                .with(&bytes, limits.dataset_entries_max)
                .map_err(|error| error.to_string())
        });
        entries.map_err(|reason| {
            let InputS3Object { bucket, key, .. } = manifest;
            info!("the manifest s3://{bucket}/{key} was not taken: {reason}");
            // Guess: the text.
            format!("The manifest s3://{bucket}/{key} could not be used: {reason}")
        })
    }

    async fn write(&self, evaluation: &Evaluation) -> Result<(), String> {
        let config = &self.snapshot.config;
        // Programs that train need not know that this emulator was given nowhere to write to.
        if !s3::is_configured(&config.s3) {
            return Ok(());
        }
        for (object, content) in evaluation.objects() {
            let written = s3::write(
                &config.s3,
                &self.region,
                &object,
                content,
                config.limits.s3_timeout,
            );
            written.await.map_err(|error| {
                info!(
                    "the evaluation was not written to s3://{}/{}: {error}",
                    object.bucket, object.key
                );
                // Guess: the text.
                format!(
                    "The evaluation could not be written to s3://{}/{}: {error}",
                    object.bucket, object.key
                )
            })?;
        }
        Ok(())
    }
}

/// What came of a task for S3
enum Outcome {
    Dataset {
        project_name: String,
        dataset_type: DatasetType,
        begun_by: ChangeNumber,
        entries: Result<Entries, String>,
    },
    Training {
        project_name: Arc<str>,
        version: String,
        begun_by: ChangeNumber,
        written: Result<(), String>,
    },
}

impl Outcome {
    /// The change that takes it in
    fn operation(self) -> Operation {
        Box::new(move |change| {
            match self {
                Self::Dataset {
                    project_name,
                    dataset_type,
                    begun_by,
                    entries,
                } => datasets::finish_creation(change, &project_name, dataset_type, begun_by, entries),
                Self::Training {
                    project_name,
                    version,
                    begun_by,
                    written,
                } => models::finish_training(change, &project_name, &version, begun_by, written),
            }
            Ok(String::new())
        })
    }

    /// What is left of it when it cannot be written down
    fn lost(&self) -> Self {
        match self {
            Self::Dataset {
                project_name,
                dataset_type,
                begun_by,
                ..
            } => Self::Dataset {
                project_name: project_name.clone(),
                dataset_type: *dataset_type,
                begun_by: *begun_by,
                entries: Err(LOST.to_owned()),
            },
            Self::Training {
                project_name,
                version,
                begun_by,
                ..
            } => Self::Training {
                project_name: project_name.clone(),
                version: version.clone(),
                begun_by: *begun_by,
                written: Err(LOST.to_owned()),
            },
        }
    }
}

const LOST: &str = "The emulator could not write its state file when this was done.";

fn internal() -> ServiceError {
    ServiceError::InternalServerException {
        message: "The request could not be finished.".into(),
        retry_after_seconds: None,
    }
}
