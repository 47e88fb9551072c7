//! The CA, in the forms that clients trust it by

use super::{Answer, bytes_answer};
use crate::state::Shared;

pub(super) fn ca_pem(shared: &Shared) -> Answer {
    bytes_answer(PEM, shared.authority.ca_pem().to_owned())
}

pub(super) fn ca_bundle_pem(shared: &Shared) -> Answer {
    bytes_answer(PEM, shared.authority.ca_bundle_pem())
}

pub(super) fn truststore_p12(shared: &Shared) -> Answer {
    bytes_answer("application/x-pkcs12", shared.authority.truststore_p12())
}

const PEM: &str = "application/x-pem-file";
