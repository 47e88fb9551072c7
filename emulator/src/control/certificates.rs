//! The CA, in the forms that clients trust it by

use http::StatusCode;

use super::{Answer, ControlError, bytes_answer};
use crate::state::Shared;

pub(super) fn ca_pem(shared: &Shared) -> Answer {
    bytes_answer(PEM, shared.authority.ca_pem().to_owned())
}

pub(super) fn ca_bundle_pem(shared: &Shared) -> Answer {
    bytes_answer(PEM, shared.authority.ca_bundle_pem())
}

pub(super) fn truststore_p12(shared: &Shared) -> Answer {
    let store = shared.authority.truststore_p12().map_err(|error| {
        ControlError::new(StatusCode::INTERNAL_SERVER_ERROR, "Truststore", error.to_string())
    })?;
    bytes_answer("application/x-pkcs12", store)
}

const PEM: &str = "application/x-pem-file";
