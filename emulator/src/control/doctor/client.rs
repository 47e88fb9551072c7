//! What the emulator would say to one client's calls: its access key, and the entry point that its calls come through.

use std::net::IpAddr;

use aws_identifiers::Region;
use jiff::Timestamp;

use crate::{
    control::{ControlError, diagnosis::Finding},
    network::{
        addressed_host::AddressedHost,
        entry_point::{Arrival, EntryPoint, EntryPointError, HostEntryPoint, Scope},
        host_name::EmulatedService,
    },
    runtime::Snapshot,
};

/// A client whose calls are asked about
#[derive(Debug, Default)]
pub(super) struct DoctorClient {
    access_key_id: Option<String>,
    /// As it would stand in the `Host` of its calls
    host: Option<String>,
    /// Where that name leads: an address of the emulator
    address: Option<IpAddr>,
    regions: Vec<Region>,
}

impl DoctorClient {
    /// Reads the parameters of `GET /doctor`
    ///
    /// # Errors
    /// When there is no such parameter, or its value is not of its kind.
    pub(super) fn parse(query: &str) -> Result<Self, ControlError> {
        let mut client = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let invalid = |kind: &str| {
                let message = format!("`{name}`: `{value}` is not {kind}");
                ControlError::bad_request("InvalidParameter", message)
            };
            match &*name {
                "access_key_id" => client.access_key_id = Some(value.into_owned()),
                "host" => client.host = Some(value.into_owned()),
                "address" => client.address = Some(value.parse().map_err(|_| invalid("an address"))?),
                "region" => client
                    .regions
                    .push(value.parse().map_err(|_| invalid("a Region"))?),
                _ => {
                    return Err(ControlError::bad_request(
                        "InvalidParameter",
                        format!(
                            "`{name}` is not a parameter of `/doctor`; there are `access_key_id`, `host`, `address` and `region`"
                        ),
                    ));
                }
            }
        }
        Ok(client)
    }

    /// What there is to say about its calls, as far as the client is known
    pub(super) fn findings(&self, snapshot: &Snapshot, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(id) = &self.access_key_id {
            findings.push(access_key(snapshot, id, now));
        }
        if let (Some(host), Some(address)) = (&self.host, self.address) {
            let regions = self.regions.iter();
            findings.extend(regions.map(|region| entry_point(snapshot, host, address, region)));
        }
        findings
    }
}

/// Whether an access key is known and has not run out
fn access_key(snapshot: &Snapshot, id: &str, now: Timestamp) -> Finding {
    let Some((principal, key)) = snapshot.access_key(id) else {
        return Finding::problem(
            "access_key",
            format!("the emulator does not know the access key `{id}`: every call that it signs is refused"),
        )
        .cure(
            "sign with a key of `principals` in the configuration, which `lookoutvision-emulator env` prints, or name this one \
             there; a role session ends with `POST /reset`, and without `state:` with the emulator",
        );
    };
    match key.key.expires_at() {
        Some(expires_at) if expires_at <= now => Finding::problem(
            "access_key",
            format!(
                "the access key `{id}` of {} expired at {expires_at}, and the emulator's clock says {now}: every call that it \
                 signs is refused",
                principal.arn()
            ),
        )
        .cure("take a new session (`AssumeRole`), or another key of the configuration; or see whether the clock is set"),
        _ => Finding::ok(
            "access_key",
            format!("the access key `{id}` is that of {}", principal.arn()),
        ),
    }
}

/// Which entry point calls that are signed for a Region come through
fn entry_point(snapshot: &Snapshot, host: &str, address: IpAddr, region: &Region) -> Finding {
    let addressed = AddressedHost::new(host);
    let arrival = Arrival {
        host: &addressed,
        local: address,
    };
    let endpoints = &snapshot.endpoints;
    let found = endpoints.by_host(arrival).and_then(|found| match found {
        HostEntryPoint::Known(entry_point, _) => Ok(entry_point),
        HostEntryPoint::ByScope => {
            let service = EmulatedService::LookoutVision;
            endpoints.by_scope(Scope { service, region }, arrival)
        }
    });
    match found {
        Ok(EntryPoint::VpcEndpoint(placed)) => Finding::ok(
            "entry_point",
            format!("calls of `{host}` in {region} come through {}", placed.id()),
        ),
        Ok(EntryPoint::Public) => Finding::ok(
            "entry_point",
            format!(
                "calls of `{host}` in {region} come through the public endpoint, where no endpoint policy applies"
            ),
        ),
        Err(error) => refused(host, region, &error),
    }
}

fn refused(host: &str, region: &Region, error: &EntryPointError) -> Finding {
    let finding = Finding::problem(
        "entry_point",
        format!("every call of `{host}` in {region} is answered 421: {error}"),
    );
    finding.cure(match error {
        EntryPointError::SeveralVpcEndpoints(_) => {
            "name the endpoint that is meant in `AWS_ENDPOINT_URL_LOOKOUTVISION`, by its own name; or give each VPC a \
             `cidr_block`, so that the address decides"
        }
        _ => "set `AWS_REGION` and `AWS_DEFAULT_REGION` to a Region that has an endpoint, or declare one in `vpc_endpoints`",
    })
}
