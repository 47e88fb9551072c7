//! Errors that faults inject: which codes there are, which operations have them, and how they go over the wire.
//!
//! Each has the status and form that the service itself would answer with; a fault gives the code, and perhaps the
//! message.

use http::{HeaderValue, StatusCode};
use lookoutvision::{
    error::{ModelledError, ResourceType, ServiceError},
    operation::Operation,
};
use uuid::Uuid;

use super::{
    ec2::{self, Ec2Action},
    lookoutvision::refusal::{COMMON_ERRORS, front_end},
    refusal::{BodyForm, OwnError, WireRefusal},
    sts,
};
use crate::{
    network::host_name::EmulatedService,
    runtime::faults::MetFault,
    settings::faults::{Effect, InjectedError},
};

/// An error that a fault injects into a call, and what the call is about
#[derive(Debug)]
pub(crate) struct Injected {
    pub(crate) met: MetFault,
    pub(crate) project: Option<Box<str>>,
    pub(crate) model_version: Option<Box<str>>,
}

/// Every code that a fault can inject
pub(crate) fn codes() -> Vec<&'static str> {
    let modelled = ModelledError::ALL.into_iter().map(ModelledError::name);
    let common = COMMON_ERRORS.into_iter().map(|(code, ..)| code);
    let of_query = ec2::refusal::injected_codes().chain(sts::refusal::injected_codes());
    let mut codes = Vec::new();
    for code in modelled.chain(common).chain(of_query) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

/// The operations of each service that have an error of this code
pub(crate) fn operations_with(code: &str) -> Vec<(EmulatedService, Vec<&'static str>)> {
    let modelled = modelled(code);
    let is_common = COMMON_ERRORS.iter().any(|(common, ..)| *common == code);
    let of_lookoutvision = Operation::ALL.into_iter();
    let of_lookoutvision = of_lookoutvision
        .filter(|operation| is_common || modelled.is_some_and(|error| error.is_of(*operation)))
        .map(Operation::name);
    let of_ec2 = Ec2Action::ALL.into_iter().map(Ec2Action::name);
    let of_ec2 = of_ec2.filter(|_| ec2::refusal::injected_codes().any(|found| found == code));
    let of_sts = sts::ACTION_NAMES.into_iter();
    let of_sts = of_sts.filter(|_| sts::refusal::injected_codes().any(|found| found == code));
    let mut operations = vec![
        (
            EmulatedService::LookoutVision,
            of_lookoutvision.collect::<Vec<_>>(),
        ),
        (EmulatedService::Ec2, of_ec2.collect()),
        (EmulatedService::Sts, of_sts.collect()),
    ];
    operations.retain(|(_, operations)| !operations.is_empty());
    operations
}

/// Whether the answer with this code can have `Retry-After`
pub(crate) fn has_retry_after(code: &str) -> bool {
    modelled(code).is_some_and(ModelledError::has_retry_after)
}

fn modelled(code: &str) -> Option<ModelledError> {
    ModelledError::ALL.into_iter().find(|error| error.name() == code)
}

impl Injected {
    /// The error as the service would send it
    pub(super) fn to_wire(&self, service: EmulatedService, request_id: Uuid) -> WireRefusal {
        let wire = match self.met.effect() {
            Effect::Error(error) => match service {
                EmulatedService::LookoutVision => self.of_lookoutvision(error, request_id),
                EmulatedService::Ec2 => ec2::refusal::injected(error, request_id),
                EmulatedService::Sts => sts::refusal::injected(error, request_id),
            },
            Effect::Answer {
                status,
                body,
                retry_after_seconds,
            } => Some(WireRefusal {
                status: *status,
                error_type: None,
                message: format!("answered by the fault `{}`", self.met.name()),
                client_message: None,
                body: body.clone().into_string(),
                form: BodyForm::of(service),
                retry_after: retry_after_seconds.map(HeaderValue::from),
            }),
            Effect::Nothing | Effect::Connection(_) | Effect::Tls(_) => None,
        };
        wire.unwrap_or_else(|| {
            front_end(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalFailure",
                "the fault has no answer: this is a defect of the emulator, please report it",
            )
        })
    }

    fn of_lookoutvision(&self, error: &InjectedError, request_id: Uuid) -> Option<WireRefusal> {
        let InjectedError {
            code,
            message,
            retry_after_seconds,
            ..
        } = error;
        if let Some(modelled) = modelled(code) {
            // Guess: which of the names in a call is the resource, for an error that nothing has caused.
            let (resource_id, resource_type) = match (&self.model_version, &self.project) {
                (Some(version), _) => (&**version, ResourceType::Model),
                (None, project) => (project.as_deref().unwrap_or_default(), ResourceType::Project),
            };
            let message = message.as_deref().unwrap_or(modelled.usual_message()).to_owned();
            let error = ServiceError::made_up(
                modelled,
                message,
                *retry_after_seconds,
                resource_id,
                resource_type,
            );
            return Some(error.to_wire(request_id));
        }
        let (code, status, usual) = COMMON_ERRORS.into_iter().find(|(common, ..)| common == code)?;
        Some(front_end(status, code, message.as_deref().unwrap_or(usual)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_belongs_to_some_operation() {
        for code in codes() {
            assert!(!operations_with(code).is_empty(), "{code}");
        }
        assert!(operations_with("Nonsense").is_empty());
    }

    #[test]
    fn throttling_is_known_to_every_service() {
        let services: Vec<_> = operations_with("ThrottlingException")
            .into_iter()
            .map(|(service, operations)| (service.signing_name(), operations.len()))
            .collect();
        assert_eq!(services, [("lookoutvision", 22), ("ec2", 19), ("sts", 2)]);
    }
}
