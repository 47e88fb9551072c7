//! The CA, in the forms that clients trust it by

use std::sync::Arc;

use axum::extract::State;

use super::answer::{Answer, bytes_answer};
use crate::runtime::Shared;

/// The CA's certificate alone
#[utoipa::path(
    get, path = "/ca.pem", tag = "trust",
    responses((status = 200, body = String, content_type = "application/x-pem-file"))
)]
pub(super) async fn ca_pem(State(shared): State<Arc<Shared>>) -> Answer {
    bytes_answer(PEM, shared.authority.ca_pem().to_owned())
}

/// The system's roots and the CA's certificate
#[utoipa::path(
    get, path = "/ca-bundle.pem", tag = "trust",
    responses((status = 200, body = String, content_type = "application/x-pem-file"))
)]
pub(super) async fn ca_bundle_pem(State(shared): State<Arc<Shared>>) -> Answer {
    bytes_answer(PEM, shared.authority.ca_bundle_pem())
}

/// The CA's certificate as a truststore for Java: PKCS#12 with the password `changeit`
#[utoipa::path(
    get, path = "/truststore.p12", tag = "trust",
    responses((status = 200, body = Vec<u8>, content_type = "application/x-pkcs12"))
)]
pub(super) async fn truststore_p12(State(shared): State<Arc<Shared>>) -> Answer {
    bytes_answer("application/x-pkcs12", shared.authority.truststore_p12())
}

const PEM: &str = "application/x-pem-file";
