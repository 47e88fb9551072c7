//! Faults of the control API in a state: what each is, and how far it is.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Configured, FaultInForce, FaultSet, FaultView, FaultsUnchanged, Progress};
use crate::settings::faults::{Fault, FaultSource};

/// A fault of the control API in a state: what it is, and how far it is
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptFault {
    /// As `POST /faults` takes it
    pub(crate) definition: Value,
    /// Calls that matched; the next call is drawn for by the number that follows
    #[serde(default)]
    pub(crate) matched: u64,
    /// Calls that met it
    #[serde(default)]
    pub(crate) struck: u64,
    /// Seconds until it ends by itself; absent: its `ttl_seconds`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_left: Option<u64>,
}

/// Reads a fault as those of the configuration are read
pub(crate) type FaultReader = dyn Fn(&Value) -> Result<Fault, FaultMistake> + Send + Sync;

/// What is wrong with a fault that was kept
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FaultMistake {
    /// JSON Pointer
    pub(crate) path: String,
    pub(crate) message: String,
}

impl FaultMistake {
    pub(crate) fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl FaultSet {
    /// The faults of the control API, as a state has them
    pub(crate) fn kept(&self) -> Vec<KeptFault> {
        let kept = self.control.iter().map(|fault| {
            let FaultView {
                matched,
                struck,
                seconds_left,
                definition,
                ..
            } = fault.view();
            KeptFault {
                definition,
                matched,
                struck,
                seconds_left,
            }
        });
        kept.collect()
    }

    /// The names of the configuration's faults that the control API has taken away, as a state has them
    pub(crate) fn names_away(&self) -> Vec<Arc<str>> {
        let away = self.configured.iter().filter(|configured| configured.is_away);
        away.map(|configured| configured.fault.fault.name.clone())
            .collect()
    }

    /// The same, with exactly those faults of the configuration away that are named here; a name that the configuration
    /// does not have changes nothing
    #[must_use]
    pub(crate) fn with_away(&self, names: &[Arc<str>]) -> Self {
        let configured = self.configured.iter().map(|configured| Configured {
            fault: configured.fault.clone(),
            is_away: names.contains(&configured.fault.fault.name),
        });
        Self {
            control: self.control.clone(),
            configured: configured.collect(),
        }
    }

    /// The same with these in the place of those of the control API, each as far as it was
    ///
    /// # Errors
    /// With the path, from the list on, of the first that is not a fault, whose name another one has, or that cannot be
    /// as far as it is said to be; and when there would be more than `faults_max`.
    pub(crate) fn with_kept(
        &self,
        kept: Vec<KeptFault>,
        faults_max: usize,
        reader: &FaultReader,
    ) -> Result<Self, FaultMistake> {
        let mut control: Vec<Arc<FaultInForce>> = Vec::with_capacity(kept.len());
        let configured = self.configured.iter().filter(|configured| !configured.is_away);
        let found = configured.clone().count() + kept.len();
        if found > faults_max {
            let error = FaultsUnchanged::TooMany { faults_max, found };
            return Err(FaultMistake::at("", error.to_string()));
        }
        for (index, kept) in kept.into_iter().enumerate() {
            let path = format!("/{index}");
            let fault = reader(&kept.definition).map_err(|mistake| {
                FaultMistake::at(format!("{path}/definition{}", mistake.path), mistake.message)
            })?;
            let configured = configured.clone().map(|configured| &configured.fault);
            if control
                .iter()
                .chain(configured)
                .any(|other| other.fault.name == fault.name)
            {
                let error = FaultsUnchanged::Exists(fault.name);
                return Err(FaultMistake::at(
                    format!("{path}/definition/name"),
                    error.to_string(),
                ));
            }
            let begun = FaultInForce::go_on(fault, &kept);
            control.push(
                begun.map_err(|(member, message)| FaultMistake::at(format!("{path}/{member}"), message))?,
            );
        }
        Ok(Self {
            control,
            configured: self.configured.clone(),
        })
    }
}

impl FaultInForce {
    /// Goes on where a fault was in a state
    fn go_on(fault: Fault, kept: &KeptFault) -> Result<Arc<Self>, (&'static str, String)> {
        let KeptFault {
            matched,
            struck,
            seconds_left,
            ..
        } = *kept;
        if struck > matched {
            let message = format!("{struck} calls cannot have met it of {matched} that matched");
            return Err(("struck", message));
        }
        if let Some(times) = fault.times
            && struck > times
        {
            return Err(("struck", format!("its `times` are {times}")));
        }
        let left = match (seconds_left.map(Duration::from_secs), fault.ttl) {
            (Some(_), None) => {
                let message = "it has no `ttl_seconds`, so that it does not end by itself";
                return Err(("seconds_left", message.to_owned()));
            }
            (Some(left), Some(ttl)) if left > ttl => {
                let message = format!("its `ttl_seconds` are {}", ttl.as_secs());
                return Err(("seconds_left", message));
            }
            (left, ttl) => left.or(ttl),
        };
        Ok(Arc::new(Self {
            ends: left.map(|left| Instant::now() + left),
            fault: Arc::new(fault),
            source: FaultSource::Control,
            taken_away: CancellationToken::new(),
            progress: Mutex::new(Progress { matched, struck }),
        }))
    }
}
