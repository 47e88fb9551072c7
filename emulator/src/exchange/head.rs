//! What the head of a request says it is about, before anybody knows whether that is true: for the journal and for faults.

use lookoutvision::routes::Route;

use super::{Exchange, authenticate};
use crate::{
    journal::OpenEntry,
    network::{
        addressed_host::AddressedHost,
        entry_point::{EntryPoint, HostEntryPoint, Scope},
        host_name::{EmulatedHost, EmulatedService},
    },
    request::ReceivedRequest,
};

/// Which service is asked: the one that the host names, or where it names none, the one that the scope does
pub(super) fn service(received: &ReceivedRequest, claimed: Option<&str>) -> EmulatedService {
    match &received.host.emulated {
        EmulatedHost::Regional(host) => host.service,
        EmulatedHost::Vpce(host) => host.service,
        EmulatedHost::NotPlayed => EmulatedService::LookoutVision,
        EmulatedHost::Other => claimed
            .and_then(EmulatedService::from_signing_name)
            .unwrap_or(EmulatedService::LookoutVision),
    }
}

/// The service that the server name of a handshake belongs to, if it belongs to one
pub(super) fn service_of_server_name(name: Option<&str>) -> Option<EmulatedService> {
    match AddressedHost::new(name?).emulated {
        EmulatedHost::Regional(host) => Some(host.service),
        EmulatedHost::Vpce(host) => Some(host.service),
        EmulatedHost::NotPlayed | EmulatedHost::Other => None,
    }
}

/// The operation of Lookout for Vision that method and path name; the actions of other services stand in the body
pub(super) fn route(exchange: &Exchange<'_>) -> Option<Route> {
    if exchange.service != EmulatedService::LookoutVision {
        return None;
    }
    let received = exchange.received;
    let path = received.target.split('?').next().unwrap_or_default();
    Route::resolve(received.method.as_str(), path).ok()
}

/// The entry point that the host and the credential scope lead to
pub(super) fn entry_point(exchange: &Exchange<'_>) -> Option<EntryPoint> {
    let arrival = exchange.received.arrival();
    match exchange.snapshot.endpoints.by_host(arrival).ok()? {
        HostEntryPoint::Known(entry_point, _) => Some(entry_point),
        HostEntryPoint::ByScope => by_scope(exchange),
    }
}

fn by_scope(exchange: &Exchange<'_>) -> Option<EntryPoint> {
    let region = authenticate::claimed_region(exchange.received)?;
    let scope = Scope {
        service: exchange.service,
        region: &region,
    };
    let arrival = exchange.received.arrival();
    exchange.snapshot.endpoints.by_scope(scope, arrival).ok()
}

/// Says in the journal which operation a request without a result was for, so that it can be found by it; nothing is
/// decided by this
pub(super) fn note_operation(entry: &mut OpenEntry<'_>, exchange: &Exchange<'_>) {
    if entry.operation.is_some() {
        return;
    }
    if exchange.service == EmulatedService::LookoutVision {
        entry.operation = route(exchange).map(|route| route.operation().name().into());
    } else if exchange.received.method != http::Method::POST {
        // The action stands in the target, if there is one.
        let _ = exchange.parameters(&[], entry);
    }
}

/// The same for the entry point, where the host names none
pub(super) fn note_entry_point(entry: &mut OpenEntry<'_>, exchange: &Exchange<'_>) {
    let by_host = exchange.snapshot.endpoints.by_host(exchange.received.arrival());
    if entry.entry_point.is_none() && matches!(by_host, Ok(HostEntryPoint::ByScope)) {
        entry.entry_point = by_scope(exchange);
    }
}
