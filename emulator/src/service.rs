//! The service's state at work: who reads it, who changes it, and in which order.
//!
//! Readers take the state as it is and never wait. Changes go one after the other: the client token is looked up, the
//! operation works on its [`Change`], what it changed is made lasting, then it is there for all to see, and then the
//! caller has its answer. So whoever has an answer finds what it says, after a `kill -9` too.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tracing::debug;

use crate::{
    identifiers::Region,
    lookoutvision::{
        error::{ResourceType, ServiceError},
        operations::Refused,
        store::{
            Change, Errand, Overlay, State,
            idempotency::{FirstCall, TokenKey, Tokens},
        },
    },
    state::Snapshot,
};

/// The service's state
pub(crate) struct Service {
    state: ArcSwap<State>,
    writer: Mutex<Tokens>,
    started_at: Timestamp,
}

/// A client token with everything that it was sent with
#[derive(Debug, Clone)]
pub(crate) struct ClientToken {
    pub(crate) key: TokenKey,
    pub(crate) fingerprint: [u8; 32],
    /// The project that the call is about, for the refusal
    pub(crate) project_name: String,
}

/// What came of a change
#[derive(Debug)]
pub(crate) struct Committed {
    /// The body of the answer
    pub(crate) answer: Bytes,
    /// What is left to do before it is sent
    pub(crate) errand: Option<Errand>,
}

impl Service {
    /// A state that is as the configuration declares it
    pub(crate) fn new(started_at: Timestamp) -> Self {
        Self {
            state: ArcSwap::default(),
            writer: Mutex::default(),
            started_at,
        }
    }

    /// When the declared projects came to be
    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The state as it is now
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// The state as it is now, for a moment
    pub(crate) fn peek(&self) -> arc_swap::Guard<Arc<State>> {
        self.state.load()
    }

    /// Makes a change, unless its token says that it was made before
    ///
    /// # Errors
    /// When the operation refuses it; nothing is changed then.
    pub(crate) fn commit<R: Serialize>(
        &self,
        snapshot: &Snapshot,
        region: &Region,
        now: Timestamp,
        token: Option<&ClientToken>,
        operation: impl FnOnce(&mut Change<'_>) -> Result<R, Refused>,
    ) -> Result<Committed, Refused> {
        let mut tokens = self.writer();
        if let Some(token) = token
            && let Some(first) = tokens.find(&token.key, now)
        {
            debug!(token = %token.key.0, "a call with a client token that was used before: nothing is done");
            return token.repeat(first).map_err(Refused::Service);
        }
        let state = self.state();
        let view = state.view(&snapshot.config, &snapshot.declared, region, now);
        let mut change = Change::new(&state, view);
        let answer = operation(&mut change)?;
        let answer = serde_json::to_string(&answer).expect("structs of texts and finite numbers are JSON");
        let Change { projects, errand, .. } = change;
        let first_call = token.map(|token| {
            let call = FirstCall {
                fingerprint: token.fingerprint,
                answer: answer.clone(),
                at: now,
            };
            (token.key.clone(), call)
        });
        self.publish(&state, snapshot, region, projects);
        if let Some((key, call)) = first_call {
            tokens.remember(key, call, snapshot.config.limits.client_tokens_max);
        }
        Ok(Committed {
            answer: answer.into(),
            errand,
        })
    }

    /// Back to the configuration
    pub(crate) fn reset(&self) {
        let mut tokens = self.writer();
        *tokens = Tokens::default();
        self.state.store(Arc::default());
    }

    fn publish(&self, state: &State, snapshot: &Snapshot, region: &Region, projects: Overlay) {
        let mut next = state.clone();
        for (name, project) in projects {
            next.insert(&snapshot.config.account_id, region, name, project);
        }
        self.state.store(Arc::new(next));
    }

    // A poisoned lock only means that an operation panicked; it had changed nothing yet.
    fn writer(&self) -> MutexGuard<'_, Tokens> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientToken {
    /// The answer of the first call with this token
    // Guess: the kind of the error. The API reference only says that there is one.
    fn repeat(&self, first: &FirstCall) -> Result<Committed, ServiceError> {
        if first.fingerprint != self.fingerprint {
            return Err(ServiceError::conflict(
                "The client token was used before with other parameters.",
                &self.project_name,
                ResourceType::Project,
            ));
        }
        Ok(Committed {
            answer: first.answer.clone().into(),
            errand: None,
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("started_at", &self.started_at)
            .finish_non_exhaustive()
    }
}
