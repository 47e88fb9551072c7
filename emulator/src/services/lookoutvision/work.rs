//! A change, from the operation to its answer, and the work that it leaves to the background.
//!
//! Some operations leave a task for S3: a manifest to be read, an evaluation to be written there. AWS answers such
//! calls at once and goes on (API reference, `DatasetSource` of CreateDataset: "The call to CreateDataset is
//! asynchronous and might take a while to complete"; CreateModel likewise). So does the emulator: the task begins with
//! the change, and its outcome is a second change, which Describe shows. A client that hangs up does not stop it.
//!
//! Tasks on folders that stand for buckets are waited for before the answer, for a moment at most. A client cannot
//! distinguish that from a very fast S3, and a test that looks once instead of polling finds the result.

use std::{sync::Arc, time::Duration};

use aws_identifiers::Region;
use bytes::Bytes;
use jiff::Timestamp;
use lookoutvision::{
    api::values::InputS3Object,
    dataset_images::{DatasetImages, LabeledImages},
    evaluation::Evaluation,
    manifest::Entries,
    operations::{Refused, datasets, models},
    request::ClientToken,
    store::{ChangeNumber, S3Task, project::DatasetType},
};
use tokio::{sync::oneshot, time::timeout};
use tracing::{error, info};

use super::dataset_images::ImageReader;
use crate::{
    runtime::{
        Snapshot, Space,
        service::{Committed, Operation},
    },
    s3::{self, ReadLimit},
};

/// Everything that a change needs
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) space: Arc<Space>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    pub(crate) token: Option<ClientToken>,
}

impl Work {
    /// Makes the change, and begins what it needs of S3
    ///
    /// # Errors
    /// When the operation refuses it; nothing is changed then.
    pub(crate) async fn run(self, operation: Operation) -> Result<Bytes, Refused> {
        let space = self.space.clone();
        let begun = space.run_blocking(move |_| self.begin(operation)).await?;
        if let Some(settled) = begun.settled {
            // Whatever becomes of the task, the call has done what it answers.
            let _ = timeout(FOLDERS_ARE_WAITED_FOR, settled).await;
        }
        Ok(begun.answer)
    }

    /// Commits the change and starts its task in one step, so that a client that hangs up cannot separate the two
    fn begin(self, operation: Operation) -> Result<Begun, Refused> {
        let Committed { answer, s3_task } = self.commit(operation)?;
        let settled = s3_task.and_then(|s3_task| {
            let is_in_a_folder = s3::is_at_hand(&self.snapshot.settings.s3, s3_task.bucket());
            let space = self.space.clone();
            let settled = space.s3_tasks.spawn(self.finish(s3_task));
            is_in_a_folder.then_some(settled)
        });
        Ok(Begun { answer, settled })
    }

    fn commit(&self, operation: Operation) -> Result<Committed, Refused> {
        self.space.service.commit(
            &self.snapshot.generation,
            &self.snapshot.declared,
            &self.region,
            self.now,
            self.token.as_ref(),
            operation,
        )
    }

    async fn finish(mut self, s3_task: S3Task) {
        // The second change was not asked for by a client.
        self.token = None;
        let outcome = {
            let _turn = self.space.s3_tasks.turn().await;
            self.run_s3_task(s3_task).await
        };
        let lost = outcome.lost();
        let work = self.clone();
        let committed = self.space.run_blocking(move |_| work.commit(outcome.operation()));
        if let Err(error) = committed.await {
            // INVARIANT: in the state file this is still unfinished, which counts as a failure after a restart. So it
            // counts as one from now on, and nobody has to restart an emulator because something is in progress for
            // ever.
            error!("what came of a task for S3 was lost: {error:?}");
            let service = &self.space.service;
            let Snapshot {
                generation, declared, ..
            } = &*self.snapshot;
            service.apply_in_memory(generation, declared, &self.region, self.now, lost.operation());
        }
    }

    async fn run_s3_task(&self, s3_task: S3Task) -> Outcome {
        match s3_task {
            S3Task::ReadManifest {
                project_name,
                dataset_type,
                begun_by,
                manifest,
                reads_images,
            } => Outcome::Dataset {
                project_name,
                dataset_type,
                begun_by,
                read: self.read(&manifest, reads_images).await,
            },
            S3Task::WriteEvaluation(evaluation) => {
                let learned = match self.learn(&evaluation).await {
                    Ok(learned) => self.write(&evaluation).await.map(|()| learned),
                    Err(reason) => Err(reason),
                };
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
                    learned,
                }
            }
        }
    }

    /// Reads a manifest, and its images where models answer by them
    async fn read(
        &self,
        manifest: &InputS3Object,
        reads_images: bool,
    ) -> Result<(Entries, DatasetImages), String> {
        let entries = self.read_manifest(manifest).await?;
        let images = match reads_images {
            true => self.read_images(&[&entries], &DatasetImages::default()).await?,
            false => DatasetImages::default(),
        };
        Ok((entries, images))
    }

    async fn read_images(&self, lists: &[&Entries], known: &DatasetImages) -> Result<DatasetImages, String> {
        let reader = ImageReader {
            settings: &self.snapshot.settings,
            limits_reached: &self.space.journal.limits_reached,
            region: &self.region,
        };
        reader.read(lists, known).await
    }

    /// What the model answers for the images of its datasets; images that came with UpdateDatasetEntries are read now
    async fn learn(&self, evaluation: &Evaluation) -> Result<LabeledImages, String> {
        let Some(known) = &evaluation.images else {
            return Ok(LabeledImages::default());
        };
        let test = evaluation.test.as_deref();
        let mut lists = vec![&*evaluation.training];
        lists.extend(test);
        let images = self.read_images(&lists, known).await?;
        Ok(LabeledImages::of(&evaluation.training, test, &images))
    }

    async fn read_manifest(&self, manifest: &InputS3Object) -> Result<Entries, String> {
        let settings = &self.snapshot.settings;
        let limits = settings.limits;
        let limit = ReadLimit {
            name: "manifest_bytes_max",
            bytes_max: limits.manifest_bytes_max,
        };
        let bytes = s3::read(&settings.s3, &self.region, manifest, limit, limits.s3_timeout);
        let bytes = bytes.await.map_err(|error| {
            self.space.journal.limits_reached.note(error.limit());
            error.to_string()
        });
        let entries = bytes.and_then(|bytes| {
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
        let settings = &self.snapshot.settings;
        // A program that trains need not be told that this emulator has nowhere to write to.
        if !s3::is_configured(&settings.s3) {
            return Ok(());
        }
        for (object, content) in evaluation.objects() {
            let written = s3::write(
                &settings.s3,
                &self.region,
                &object,
                content,
                settings.limits.s3_timeout,
            );
            written.await.map_err(|error| {
                self.space.journal.limits_reached.note(error.limit());
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

/// A change that was made
struct Begun {
    /// The body of the answer
    answer: Bytes,
    /// Ready when its task for S3 has ended; only for a task that is waited for
    settled: Option<oneshot::Receiver<()>>,
}

/// The outcome of a task for S3
enum Outcome {
    Dataset {
        project_name: String,
        dataset_type: DatasetType,
        begun_by: ChangeNumber,
        read: Result<(Entries, DatasetImages), String>,
    },
    Training {
        project_name: Arc<str>,
        version: String,
        begun_by: ChangeNumber,
        learned: Result<LabeledImages, String>,
    },
}

impl Outcome {
    /// The change that records the outcome
    fn operation(self) -> Operation {
        Box::new(move |change| {
            match self {
                Self::Dataset {
                    project_name,
                    dataset_type,
                    begun_by,
                    read,
                } => datasets::finish_creation(change, &project_name, dataset_type, begun_by, read),
                Self::Training {
                    project_name,
                    version,
                    begun_by,
                    learned,
                } => models::finish_training(change, &project_name, &version, begun_by, learned),
            }
            Ok(String::new())
        })
    }

    /// The outcome when it could not be persisted
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
                read: Err(LOST.to_owned()),
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
                learned: Err(LOST.to_owned()),
            },
        }
    }
}

const LOST: &str = "The emulator could not write its state file when this was done.";

/// How long the answer waits for folders; a task on a disk that hangs goes on in the background
const FOLDERS_ARE_WAITED_FOR: Duration = Duration::from_secs(1);
