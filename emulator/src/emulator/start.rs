//! What an emulator opens and binds before it serves. Everything that prevents the start is collected, so that all of
//! it is reported.

use std::{net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use lookoutvision::store::State;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::{debug, info, warn};

use super::{ImportedState, StartError};
use crate::{
    config::{Config, Problem, Problems, faults::read_list, put_rules},
    runtime::{
        Space,
        acknowledged::AcknowledgedChanges,
        faults::{FaultMistake, FaultReader, without_certificate},
        rules::{RuleMistake, RuleReader},
        service::Service,
        state_document::{LeftOut, NotPut},
    },
    server,
    storage::{Memory, StateFile, Storage, StorageError},
    tls::{CaNotice, CertificateAuthority, CertsError, Origin},
};

pub(super) fn open_authority(config: &Config, problems: &mut Problems) -> Option<Arc<CertificateAuthority>> {
    let opened =
        config
            .served_names()
            .map_err(CertsError::from)
            .and_then(|names| match &config.process.certs {
                Some(folder) => {
                    let (authority, notice) =
                        CertificateAuthority::open_or_create(folder, names, Timestamp::now())?;
                    tell(&notice, config.process.certs_are_temporary);
                    Ok(authority)
                }
                None => CertificateAuthority::in_memory(names),
            });
    match opened {
        Ok(authority) => {
            if let Some(folder) = &config.process.public_certs
                && let Err(error) = authority.publish(folder)
            {
                problems.push(Problem::of_process(format!("public_certs: {error}")));
                return None;
            }
            Some(Arc::new(authority))
        }
        Err(error) => {
            problems.push(Problem::of_process(error.to_string()));
            None
        }
    }
}

/// The state of the service, and the acknowledged changes beside it
pub(super) fn open_state(
    config: &Config,
    reader: &RuleReader,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<((Service, State), AcknowledgedChanges)> {
    let open = || {
        let storage: Arc<dyn Storage> = match &config.process.state {
            Some(path) => Arc::new(StateFile::open(path)?),
            None => Arc::new(Memory),
        };
        let mut records = storage.load()?;
        let service = Service::restore(now, storage.clone(), &mut records, &config.settings.limits)?;
        Ok::<_, StorageError>((
            service,
            AcknowledgedChanges::restore(storage, &mut records, &config.settings, reader, now)?,
        ))
    };
    open()
        .inspect_err(|error| problems.push(Problem::of_process(format!("state: {error}"))))
        .ok()
}

/// A function that reads rules as those of the configuration file are read, with the same paths in them
pub(super) fn rule_reader(config: &Config) -> Box<RuleReader> {
    let config_file = config.file.clone();
    let mistakes = |problems: Vec<Problem>| {
        let mistakes = problems.into_iter().map(|problem| RuleMistake {
            path: problem.path,
            message: problem.message,
        });
        mistakes.collect()
    };
    Box::new(move |written, settings| {
        let read = put_rules::read(written, config_file.as_deref(), settings).map_err(mistakes)?;
        Ok((read.rules, mistakes(read.warnings)))
    })
}

/// A function that reads a fault of a state, and refuses one for which there is no certificate
pub(super) fn fault_reader(authority: &Arc<CertificateAuthority>) -> Box<FaultReader> {
    let authority = authority.clone();
    Box::new(move |definition| {
        let refused = |problem: Option<Problem>| match problem {
            None => FaultMistake::at("", "it is refused"),
            Some(problem) => {
                let within = problem.path.strip_prefix("/0").unwrap_or(&problem.path);
                FaultMistake::at(within, problem.message.as_str())
            }
        };
        let text = json!([definition]).to_string();
        let read = read_list(&text).map_err(|problems| refused(problems.into_iter().next()))?;
        let fault = read.into_iter().next().ok_or_else(|| refused(None))?;
        match without_certificate([&fault], &authority) {
            Some(message) => Err(FaultMistake::at("/fault/tls", message)),
            None => Ok(fault),
        }
    })
}

/// Puts a state in force before anybody can ask for it
pub(super) fn import(space: &Space, imported: ImportedState) -> Result<(), StartError> {
    let ImportedState { file, document } = imported;
    match space.put_state(document) {
        Ok(left_out) => {
            for LeftOut { path, reason } in left_out {
                warn!("{}: {path}: left out: {reason}", file.display());
            }
            Ok(())
        }
        Err(NotPut::Misfit(misfit)) => {
            let problem = Problem {
                path: misfit.path,
                ..Problem::in_file(file, misfit.message)
            };
            Err(StartError(problem.into()))
        }
        Err(error @ NotPut::NotWritten(_)) => {
            Err(StartError(Problem::of_process(format!("import: {error}")).into()))
        }
    }
}

/// Logs what has become of the authority. Clients have to trust a new authority, so whoever started the emulator must
/// see it. One that is made for a single command is new each time, and the command's environment already trusts it.
fn tell(notice: &CaNotice, is_temporary: bool) {
    // A log entry is one line.
    for line in notice.to_string().lines() {
        match notice.origin {
            _ if notice.needs_attention() => warn!("{line}"),
            Origin::Made if is_temporary => debug!("{line}"),
            Origin::Opened if notice.remarks.is_empty() => debug!("{line}"),
            _ => info!("{line}"),
        }
    }
}

pub(super) async fn bind(
    option: &'static str,
    address: SocketAddr,
    problems: &mut Problems,
) -> Option<(TcpListener, SocketAddr)> {
    let bound = match TcpListener::bind(address).await {
        Ok(listener) => listener.local_addr().map(|address| (listener, address)),
        Err(error) => Err(error),
    };
    match bound {
        Ok(bound) => Some(bound),
        Err(error) => {
            let message = server::cannot_listen::message(address, &error);
            problems.push(Problem::of_process(format!("{option}: {message}")));
            None
        }
    }
}
