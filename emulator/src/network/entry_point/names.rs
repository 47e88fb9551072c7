//! Whether the names that one request carries lead to one entry point.
//!
//! The Host decides the entry point, because the signature covers it. But a client says a name before that, in the
//! handshake (SNI), and can say one more in the request target (RFC 9112, section 3.2.2; RFC 9113, section 8.3.1) or in a
//! second Host. If two of them lead to different entry points, no policy is the right one to ask, and the request is
//! misdirected (RFC 9110, section 15.5.20):
//!
//! - two own names of endpoints lead to one entry point if they name one endpoint in one Region, whatever suffix and zone;
//! - two names of services, if they name one service in one Region;
//! - an endpoint's own name and the service's, if private DNS leads from the latter to that endpoint;
//! - the service's name and one that names nothing (`localhost`), if both lead to the same entry point of the same Region;
//! - an endpoint's own name and one that names nothing, never: whoever names an endpoint does not mean whichever one
//!   `localhost` leads to;
//! - two that name nothing, always.

use std::net::IpAddr;

use super::{Arrival, EndpointTable, EntryPointError, Led, Scope, error::shown};
use crate::network::{
    addressed_host::{AddressedHost, NameSource},
    host_name::{EmulatedHost, EmulatedService, RegionalHost},
};

impl EndpointTable {
    /// Checks that every further name of a request leads where its Host does
    ///
    /// Without a scope, names whose Region only a scope tells pass; they have to be checked again with one.
    ///
    /// # Errors
    /// With the first name that leads elsewhere.
    pub(crate) fn check_names(
        &self,
        arrival: Arrival<'_>,
        other_names: &[(NameSource, AddressedHost)],
        scope: Option<Scope<'_>>,
    ) -> Result<(), EntryPointError> {
        let Arrival { host, local } = arrival;
        let elsewhere = other_names
            .iter()
            .find(|(_, other)| !self.lead_to_one(&other.emulated, &host.emulated, scope, local));
        match elsewhere {
            None => Ok(()),
            Some((place, other)) => Err(EntryPointError::TwoEntryPoints {
                place: *place,
                other: shown(&other.text),
                host: shown(&host.text),
            }),
        }
    }

    fn lead_to_one(
        &self,
        one: &EmulatedHost,
        other: &EmulatedHost,
        scope: Option<Scope<'_>>,
        local: IpAddr,
    ) -> bool {
        use EmulatedHost::{NotPlayed, Other, Regional, Vpce};
        match (one, other) {
            (Vpce(one), Vpce(other)) => {
                (&one.endpoint_id, one.service, &one.region)
                    == (&other.endpoint_id, other.service, &other.region)
            }
            (Regional(one), Regional(other)) => (one.service, &one.region) == (other.service, &other.region),
            (Vpce(own), Regional(name)) | (Regional(name), Vpce(own)) => {
                (own.service, &own.region) == (name.service, &name.region)
                    && self
                        .by_private_dns(&name.region, local)
                        .is_some_and(|placed| *placed.id() == own.endpoint_id)
            }
            (Regional(name), Other) | (Other, Regional(name)) => {
                scope.is_none_or(|scope| self.scope_leads_to(name, scope, local))
            }
            (Vpce(_), Other) | (Other, Vpce(_)) => false,
            (Other, Other) | (NotPlayed, NotPlayed) => true,
            (NotPlayed, _) | (_, NotPlayed) => false,
        }
    }

    /// Whether a name that names nothing leads, with this scope, where a service's own name does
    fn scope_leads_to(&self, name: &RegionalHost, scope: Scope<'_>, local: IpAddr) -> bool {
        if (scope.service, scope.region) != (name.service, &name.region) {
            return false;
        }
        match name.service {
            EmulatedService::LookoutVision => {
                let by_name = self.by_private_dns(scope.region, local);
                match self.by_endpoint_url(scope.region, local) {
                    Led::To(placed) => by_name.is_some_and(|by_name| by_name.id() == placed.id()),
                    // Both are the public endpoint.
                    Led::Nowhere => by_name.is_none(),
                    Led::Several(_) => false,
                }
            }
            EmulatedService::Ec2 | EmulatedService::Sts => true,
        }
    }
}
