//! A change from the operation to its answer, with whatever has to be done in between.
//!
//! Some operations leave an errand: a manifest to be read from S3, an evaluation to be written there. It is run inside of
//! the call, so that the next Describe shows how it ended, and in a task of its own, so that a client that hangs up does
//! not leave it half done.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tracing::{error, info};

use crate::{
    identifiers::Region,
    lookoutvision::{
        error::ServiceError,
        evaluation::Evaluation,
        manifest::Entries,
        operations::{Refused, datasets, models},
        store::{Change, Errand},
    },
    s3,
    service::{ClientToken, Committed},
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
    /// Makes the change and runs its errand
    ///
    /// # Errors
    /// When the operation refuses it; nothing is changed then.
    pub(crate) async fn run<R>(
        self,
        operation: impl FnOnce(&mut Change<'_>) -> Result<R, Refused> + Send + 'static,
    ) -> Result<Bytes, Refused>
    where
        R: Serialize + 'static,
    {
        if self.shared.service.is_lasting() {
            let whole = tokio::spawn(async move {
                let work = self.clone();
                // The disk is waited for where waiting is in nobody's way.
                let committed = tokio::task::spawn_blocking(move || work.commit(operation));
                let committed = committed.await.map_err(|_| internal())??;
                Ok(self.answer(committed).await)
            });
            return whole.await.map_err(|_| internal())?;
        }
        let committed = self.commit(operation)?;
        if committed.errand.is_none() {
            return Ok(committed.answer);
        }
        Ok(tokio::spawn(self.answer(committed))
            .await
            .map_err(|_| internal())?)
    }

    /// The answer, once its errand was run
    async fn answer(self, committed: Committed) -> Bytes {
        if let Some(errand) = committed.errand {
            self.finish(errand).await;
        }
        committed.answer
    }

    fn commit<R: Serialize>(
        &self,
        operation: impl FnOnce(&mut Change<'_>) -> Result<R, Refused>,
    ) -> Result<Committed, Refused> {
        self.shared.service.commit(
            &self.snapshot,
            &self.region,
            self.now,
            self.token.as_ref(),
            operation,
        )
    }

    async fn finish(mut self, errand: Errand) {
        // The second change is none that a client asked for.
        self.token = None;
        let outcome = match errand {
            Errand::ReadManifest {
                project_name,
                dataset_type,
                created,
                manifest,
            } => {
                let limits = self.snapshot.config.limits;
                let s3 = &self.snapshot.config.s3;
                let read = s3::read(
                    s3,
                    &self.region,
                    &manifest,
                    limits.manifest_bytes_max,
                    limits.s3_timeout,
                );
                let entries = read.await.map_err(|error| error.to_string()).and_then(|bytes| {
                    Entries::default()
                        .with(&bytes, limits.dataset_entries_max)
                        .map_err(|error| error.to_string())
                });
                let entries = entries.map_err(|reason| {
                    info!(
                        "the manifest s3://{}/{} was not taken: {reason}",
                        manifest.bucket, manifest.key
                    );
                    // Guess: the text.
                    format!(
                        "The manifest s3://{}/{} could not be used: {reason}",
                        manifest.bucket, manifest.key
                    )
                });
                self.commit(move |change| {
                    datasets::finish_creation(change, &project_name, dataset_type, created, entries);
                    Ok(())
                })
            }
            Errand::WriteEvaluation(evaluation) => {
                let written = self.write(&evaluation).await;
                self.commit(move |change| {
                    models::finish_training(change, &evaluation.project_name, &evaluation.version, written);
                    Ok(())
                })
            }
        };
        if let Err(error) = outcome {
            // A state file that could not be written; the status stays the first one.
            error!("what came of an errand was lost: {error:?}");
        }
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

fn internal() -> ServiceError {
    ServiceError::InternalServerException {
        message: "The request could not be finished.".into(),
        retry_after_seconds: None,
    }
}
