//! `DeleteVpcEndpoints`

use aws_identifiers::VpcEndpointId;

use super::{Call, describe::endpoint_id, error::Ec2Error};
use crate::journal::events::ChangeKind;
use crate::services::query::parameters::ParameterFault;

/// Deletes endpoints, declared ones too; their names lead nowhere from the next request on
pub(super) fn delete(call: &Call<'_>) -> Result<String, Ec2Error> {
    let (ids, dry_run) = call.read(|reader| {
        let ids = reader.texts("VpcEndpointId");
        if ids.is_empty() {
            return Err(ParameterFault::Missing("VpcEndpointId".to_owned()).into());
        }
        ids.into_iter().map(endpoint_id).collect::<Result<Vec<_>, _>>()
    })?;
    let region = call.region();
    let unsuccessful: Vec<VpcEndpointId> =
        call.space
            .change_endpoints(ChangeKind::Endpoint, |changes, now| {
                dry_run.stop()?;
                let mut unsuccessful = Vec::new();
                for id in ids {
                    let placed = now.endpoints.get(&id);
                    if placed.is_some_and(|placed| placed.stands_in(region)) {
                        changes.of(&id).deleted_at = Some(call.now);
                    } else {
                        unsuccessful.push(id);
                    }
                }
                Ok::<_, Ec2Error>(unsuccessful)
            })?;
    Ok(call.answer(|xml| {
        xml.items("unsuccessful", unsuccessful, |xml, id| {
            xml.element("error", |xml| {
                // The code that hashicorp/terraform-provider-aws expects of this action and of no other (`errors.go`,
                // errCodeInvalidVPCEndpointNotFound). Guess: the sentence.
                xml.text("code", "InvalidVpcEndpoint.NotFound");
                xml.text("message", &format!("The Vpc Endpoint Id '{id}' does not exist"));
            });
            xml.text("resourceId", id.as_str());
        });
    }))
}
