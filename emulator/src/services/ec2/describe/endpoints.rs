//! `DescribeVpcEndpoints`

use super::{endpoint_id, write_next_token};
use crate::services::ec2::{
    Call,
    error::Ec2Error,
    filters::{Filters, Page},
    view::ENDPOINT_FILTERS,
};

/// Endpoints with everything around them
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("VpcEndpointId"),
            Filters::read(reader, ENDPOINT_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let ids = ids.into_iter().map(endpoint_id).collect::<Result<Vec<_>, _>>()?;
    let shown = call.endpoints();
    if let Some(id) = ids
        .iter()
        .find(|id| !shown.iter().any(|(placed, _)| placed.id() == *id))
    {
        return Err(Ec2Error::VpcEndpointNotFound(id.clone()));
    }
    dry_run.stop()?;
    let shown: Vec<_> = shown
        .iter()
        .filter(|(placed, _)| ids.is_empty() || ids.contains(placed.id()))
        .map(|(placed, state)| call.view(placed, *state))
        .filter(|view| filters.pass(|name| view.values_of(name)))
        .collect();
    let (shown, next) = page.of(shown);
    Ok(call.answer(|xml| {
        xml.items("vpcEndpointSet", shown, |xml, view| view.write(xml));
        write_next_token(xml, next);
    }))
}
