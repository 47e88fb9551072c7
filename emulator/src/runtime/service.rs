//! The service's state at work: who reads it, who changes it, and in which order.
//!
//! Readers take the state as it is and never wait. Changes go one after the other: the client token is looked up, the
//! operation works on its [`Change`], what it changed is persisted, then it is there for all to see, and then the caller
//! has its answer. So whoever has an answer finds what it says, after a `kill -9` too.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_identifiers::Region;
use bytes::Bytes;
use counters::{Distribution, Histogram};
use jiff::Timestamp;
use lookoutvision::{
    error::{ResourceType, ServiceError},
    operations::Refused,
    request::ClientToken,
    store::{
        Change, ChangeNumber, Declared, Overlay, S3Task, State, View,
        idempotency::{FirstCall, TokenKey, Tokens},
        project::Project,
    },
};
use tracing::{error, info};

use crate::{
    runtime::{generation::Generation, records::ServiceChange},
    settings::Limits,
    storage::{RecordChange, Records, Storage, StorageError},
};

/// What changes the service's state
pub(crate) struct Service {
    writer: Mutex<Writer>,
    storage: Arc<dyn Storage>,
    started_at: Timestamp,
}

/// What only changes look at
#[derive(Default)]
struct Writer {
    tokens: Tokens,
    /// How many changes there were
    changes: u64,
    /// Tokens that are not remembered any more but still in the storage
    forgotten: Vec<TokenKey>,
}

/// What is done to the state; its output is the body of the answer
pub(crate) type Operation = Box<dyn FnOnce(&mut Change<'_>) -> Result<String, Refused> + Send>;

/// What came of a change
#[derive(Debug)]
pub(crate) struct Committed {
    /// The body of the answer
    pub(crate) answer: Bytes,
    /// What is left to do before it is sent
    pub(crate) s3_task: Option<S3Task>,
}

impl Service {
    /// The service and its state, which is as the configuration declares it except for what the storage has kept
    ///
    /// # Errors
    /// When a record cannot be read.
    pub(crate) fn restore(
        started_at: Timestamp,
        storage: Arc<dyn Storage>,
        records: &mut Records,
        limits: &Limits,
    ) -> Result<(Self, State), StorageError> {
        let (state, tokens, forgotten) = records.take_service(limits.client_tokens_max)?;
        let service = Self {
            writer: Mutex::new(Writer {
                tokens,
                forgotten,
                changes: 0,
            }),
            storage,
            started_at,
        };
        Ok((service, state))
    }

    /// Whether a change waits for a disk
    pub(crate) fn waits_for_disk(&self) -> bool {
        self.storage.waits_for_disk()
    }

    /// Why no change can be made at present
    pub(crate) fn storage_failure(&self) -> Option<String> {
        self.storage.failure()
    }

    /// How long changes took to be on the disk; empty where there is none
    pub(crate) fn commit_durations(&self) -> Distribution {
        let durations = self.storage.commit_durations();
        durations.map_or_else(Distribution::default, Histogram::snapshot)
    }

    /// Commits an empty change, to see whether changes can be made again
    pub(crate) fn try_storage(&self) {
        // Whoever asks looks at the failure.
        let _ = self.storage.commit(&Vec::new);
    }

    /// When the declared projects came to be
    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Makes a change, unless its token says that it was made before
    ///
    /// # Errors
    /// When the token was used before with other parameters, when the operation refuses the change, or when it cannot
    /// be persisted; nothing is changed then.
    pub(crate) fn commit(
        &self,
        generation: &Generation,
        declared: &Declared,
        region: &Region,
        now: Timestamp,
        token: Option<&ClientToken>,
        operation: Operation,
    ) -> Result<Committed, Refused> {
        let mut writer = self.writer();
        // The tokens and the records are those of the generation that is there now.
        let is_replaced = generation.is_replaced();
        let token = token.filter(|_| !is_replaced);
        if let Some(token) = token
            && let Some(first) = writer.tokens.find(&token.key, now)
        {
            info!(token = %token.key.0, "a call with a client token that was used before: nothing is done");
            return repeat(token, first).map_err(Refused::Service);
        }
        let state = generation.state();
        let view = state.view(declared, region, now);
        let mut change = Change::new(&state, view, writer.next_change());
        let answer = operation(&mut change)?;
        let Change {
            projects, s3_task, ..
        } = change;
        if is_replaced {
            publish(generation, &state, declared, region, projects);
            return Ok(Committed {
                answer: answer.into(),
                s3_task,
            });
        }
        let first_call = token.map(|token| {
            let call = FirstCall {
                fingerprint: token.fingerprint,
                answer: answer.clone(),
                at: now,
            };
            (token.key.clone(), call)
        });
        self.persist(&ServiceChange {
            account_id: &declared.declarations().account_id,
            region,
            before: &before(&view, &projects),
            projects: &projects,
            declared,
            token: first_call.as_ref(),
            forgotten: &writer.forgotten,
        })?;
        writer.forgotten.clear();
        publish(generation, &state, declared, region, projects);
        if let Some((key, call)) = first_call {
            let tokens_max = declared.declarations().limits.client_tokens_max;
            writer.forgotten = writer.tokens.remember(key, call, tokens_max);
        }
        Ok(Committed {
            answer: answer.into(),
            s3_task,
        })
    }

    /// Applies a change without persisting it, because the state file could not take it
    ///
    /// Only for a change that a restart would come to by itself.
    pub(crate) fn apply_in_memory(
        &self,
        generation: &Generation,
        declared: &Declared,
        region: &Region,
        now: Timestamp,
        operation: Operation,
    ) {
        let mut writer = self.writer();
        let state = generation.state();
        let view = state.view(declared, region, now);
        let mut change = Change::new(&state, view, writer.next_change());
        if operation(&mut change).is_ok() {
            let Change { projects, .. } = change;
            publish(generation, &state, declared, region, projects);
        }
        drop(writer);
    }

    /// Lets go of the state file: nothing is changed from now on, and another emulator can have it
    pub(crate) fn close(&self) {
        self.storage.close();
    }

    /// The state and the client tokens, as they are between two changes
    pub(crate) fn state_and_tokens<T>(
        &self,
        generation: &Generation,
        read: impl FnOnce(&State, &Tokens) -> T,
    ) -> T {
        let writer = self.writer();
        read(&generation.state(), &writer.tokens)
    }

    /// Ends a generation: `records` are all that the storage has from then on, `tokens` all that are remembered, and
    /// `publish` shows what takes its place
    ///
    /// The caller holds the lock of its scenarios.
    ///
    /// # Errors
    /// When the state file cannot be written; nothing is changed then.
    pub(crate) fn replace(
        &self,
        generation: &Generation,
        tokens: Tokens,
        records: &dyn Fn() -> Vec<RecordChange>,
        publish: impl FnOnce(),
    ) -> Result<(), StorageError> {
        let mut writer = self.writer();
        self.storage.replace(records)?;
        writer.tokens = tokens;
        writer.forgotten.clear();
        generation.give_way();
        publish();
        Ok(())
    }

    fn persist(&self, change: &ServiceChange<'_>) -> Result<(), ServiceError> {
        self.persist_records(&|| change.records())
    }

    /// Persists records of what stands beside the service's state
    ///
    /// # Errors
    /// When the state file cannot be written; what they say must not be seen then.
    pub(crate) fn commit_records(&self, records: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError> {
        self.storage.commit(records)
    }

    /// Persists records that a call of the service makes beside its state
    ///
    /// # Errors
    /// When the state file cannot be written; what they say must not be seen then.
    pub(crate) fn persist_records(
        &self,
        records: &dyn Fn() -> Vec<RecordChange>,
    ) -> Result<(), ServiceError> {
        self.commit_records(records).map_err(|error| {
            error!("a change was not made, because the state file cannot be written: {error}");
            ServiceError::InternalServerException {
                message: format!("The state could not be written: {error}").into(),
                retry_after_seconds: None,
                limit: None,
            }
        })
    }

    // A poisoned lock only means that an operation panicked; it had changed nothing yet.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn next_change(&mut self) -> ChangeNumber {
        self.changes += 1;
        ChangeNumber(self.changes)
    }
}

fn publish(generation: &Generation, state: &State, declared: &Declared, region: &Region, projects: Overlay) {
    let mut next = state.clone();
    let account_id = &declared.declarations().account_id;
    for (name, project) in projects {
        // That a project was deleted is remembered only where its declaration would bring it back.
        if project.is_none() && !declared.has(region, &name) {
            next.forget(account_id, region, &name);
        } else {
            next.insert(account_id, region, name, project);
        }
    }
    generation.state.store(Arc::new(next));
}

/// The projects of a change as they were before it
fn before(view: &View<'_>, projects: &Overlay) -> BTreeMap<Arc<str>, Arc<Project>> {
    let names = projects.keys();
    BTreeMap::from_iter(names.filter_map(|name| Some((name.clone(), view.project(name)?.clone()))))
}

/// The answer of the first call with this token
// Guess: the kind of the error. The API reference only says that there is one.
fn repeat(token: &ClientToken, first: &FirstCall) -> Result<Committed, ServiceError> {
    if first.fingerprint != token.fingerprint {
        return Err(ServiceError::conflict(
            "The client token was used before with other parameters.",
            &token.project_name,
            ResourceType::Project,
        ));
    }
    Ok(Committed {
        answer: first.answer.clone().into(),
        s3_task: None,
    })
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("started_at", &self.started_at)
            .finish_non_exhaustive()
    }
}
