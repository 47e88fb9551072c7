//! ReceivedRequest + access keys + now → Caller.
//!
//! In steps, because the key is looked up and the body arrives between them: [`read`] and [`claim`] check everything
//! that the head alone can fail, and [`Claim::verify`] compares the signature when the body's hash is known.

use std::{borrow::Cow, sync::Arc};

use aws_identifiers::Region;
use jiff::Timestamp;
use sigv4_verify::{
    ActiveKey, Expectation, ExpectedRegion, RequestHead, RequestTarget, ScopeFault, SignatureError,
    SignedRequest, UnsignedPayloads, Warning,
};

use crate::{
    clock::Clock,
    identity::{AccessKey, Caller, Principal},
    network::host_name::EmulatedService,
    request::ReceivedRequest,
    settings::Strictness,
};

/// A request that says whom it comes from, its signature not yet compared
pub(crate) struct Claim<'a> {
    signed: SignedRequest<'a>,
    key: ActiveKey<'a>,
    caller: Caller,
    region: Region,
    strictness: Strictness,
}

/// Reads what a request says of its signature: rules 1 to 13 of `sigv4-verify`
///
/// `region` is the one that the host names; `None` takes any that the scope names. `service` is the one that the host
/// names, or that the scope does where the host names none. The request's date is good by any of the
/// clock's times.
///
/// # Errors
/// The first rule that is broken. A date that is good by no clock is reported by the emulator's.
pub(crate) fn read<'a>(
    request: &'a ReceivedRequest,
    strictness: &Strictness,
    service: EmulatedService,
    region: Option<&Region>,
    clock: &Clock,
) -> Result<SignedRequest<'a>, SignatureError> {
    let expected = Expectation {
        region: region.map_or(ExpectedRegion::Any, |region| {
            ExpectedRegion::Exactly(region.as_str())
        }),
        clock_skew_max: strictness.clock_skew,
        unsigned_amz_headers: strictness.unsigned_amz_headers,
        ..Expectation::for_service(service.signing_name())
    };
    let now: Timestamp = request.received_at;
    let by = |time| SignedRequest::parse(request_head(request)?, &expected, time);
    match by(now) {
        Err(error) if is_about_date(&error) => {
            let others = clock.further_times_of_signatures().into_iter().map(by);
            let mut good = others.filter(|parsed| !parsed.as_ref().is_err_and(is_about_date));
            good.next().unwrap_or(Err(error))
        }
        parsed => parsed,
    }
}

/// Checks the key that a request is signed with, and whom it belongs to: rules 14 and 15 of `sigv4-verify`
///
/// `found` is what is there under the access key id; `region` is the one that the host names.
///
/// # Errors
/// The first rule that is broken.
pub(crate) fn claim<'a>(
    signed: SignedRequest<'a>,
    found: Option<(&'a Arc<Principal>, &'a AccessKey)>,
    region: Option<&Region>,
    strictness: Strictness,
    now: Timestamp,
) -> Result<Claim<'a>, SignatureError> {
    let key = signed.check_key(found.map(|(_, key)| &key.key), now)?;
    let (principal, access_key) = found.expect("a key that was checked was found");
    let caller = Caller {
        principal: principal.clone(),
        credentials: access_key.credentials,
    };
    let region = match region {
        // Rule 13 has checked that the scope names the same one.
        Some(region) => region.clone(),
        // The host names none, and then rule 13 looked at the Region's shape only.
        None => signed.scope().region().parse().map_err(|_| {
            let found = signed.scope().region().to_owned();
            SignatureError::WrongCredentialScope(vec![ScopeFault::Region { found }])
        })?,
    };
    Ok(Claim {
        signed,
        key,
        caller,
        region,
        strictness,
    })
}

fn request_head(request: &ReceivedRequest) -> Result<RequestHead<'_>, SignatureError> {
    let target = RequestTarget::parse(request.target.as_bytes())?;
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    Ok(RequestHead::new(request.method.as_str(), target, headers))
}

/// Whether rule 10 or 11 is broken
fn is_about_date(error: &SignatureError) -> bool {
    matches!(
        error,
        SignatureError::Expired { .. } | SignatureError::NotYetCurrent { .. }
    )
}

/// The Region that a request says it was signed for, whether or not anything else about it is right: for the journal
pub(crate) fn claimed_region(request: &ReceivedRequest) -> Option<Region> {
    claimed_credential(request)?.split('/').nth(2)?.parse().ok()
}

/// The access key id that a request says it was signed with
pub(crate) fn claimed_access_key_id(request: &ReceivedRequest) -> Option<String> {
    Some(claimed_credential(request)?.split('/').next()?.to_owned())
}

/// The signing name of the service that a request says it was signed for
///
/// This only says whom the request is for; [`read`] checks that it is signed for that service.
pub(crate) fn claimed_service_name(request: &ReceivedRequest) -> Option<String> {
    Some(claimed_credential(request)?.split('/').nth(3)?.to_owned())
}

/// `keyid/date/region/service/term`, as far as it is there
fn claimed_credential(request: &ReceivedRequest) -> Option<Cow<'_, str>> {
    if let Some(authorization) = request.header(&http::header::AUTHORIZATION) {
        let mut parameters = authorization.split([',', ' ']);
        let credential = parameters.find_map(|parameter| parameter.strip_prefix("Credential="))?;
        return Some(Cow::Borrowed(credential));
    }
    let (_, query) = request.target.split_once('?')?;
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let (_, credential) = parameters.find(|(name, _)| name == "X-Amz-Credential")?;
    Some(credential)
}

impl Claim<'_> {
    /// The Region of the credential scope
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// Compares the signature: rule 16
    ///
    /// # Errors
    /// When it is not the one that the caller's secret gives this request and this body.
    pub(crate) fn verify(self, body_sha256: &[u8; 32]) -> Result<(Caller, Option<Warning>), SignatureError> {
        let unsigned = UnsignedPayloads {
            declared: self.strictness.declared_unsigned_payload,
            undeclared: self.strictness.undeclared_unsigned_payload,
        };
        let verified = self.signed.verify(&self.key, body_sha256, unsigned)?;
        Ok((self.caller, verified.warning()))
    }
}
