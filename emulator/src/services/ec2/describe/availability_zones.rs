//! `DescribeAvailabilityZones`

use client_text::Shown;

use crate::services::ec2::{Call, error::Ec2Error, filters::Filters, network};

/// The zones for which subnets are made up
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((names, ids, filters), dry_run) = call.read(|reader| {
        // There are no zones here that need an opt-in.
        reader.flag("AllAvailabilityZones")?;
        Ok((
            reader.texts("ZoneName"),
            reader.texts("ZoneId"),
            Filters::read(reader, ZONE_FILTERS)?,
        ))
    })?;
    let region = call.region().as_str();
    let zones = network::zones(call.region());
    let unknown = names
        .iter()
        .find(|name| !zones.iter().any(|(zone, _)| zone == *name))
        .or_else(|| ids.iter().find(|id| !zones.iter().any(|(_, zone)| zone == *id)));
    if let Some(unknown) = unknown {
        // hashicorp/terraform-provider-aws quotes EC2 so.
        return Err(Ec2Error::InvalidParameterValue(format!(
            "Invalid availability zone: [{}]",
            Shown(unknown)
        )));
    }
    dry_run.stop()?;
    // EC2 API reference, `AvailabilityZone`, GroupName: `us-east-1-zg-1`.
    let group = format!("{region}-zg-1");
    let shown = zones
        .into_iter()
        .filter(|(name, id)| {
            (names.is_empty() || names.contains(&name.as_str()))
                && (ids.is_empty() || ids.contains(&id.as_str()))
        })
        .filter(|(name, id)| {
            filters.pass(|filter| {
                Some(match filter {
                    "group-name" => group.clone(),
                    "opt-in-status" => super::OPT_IN_STATUS.to_owned(),
                    "region-name" => region.to_owned(),
                    "state" => "available".to_owned(),
                    "zone-id" => id.clone(),
                    "zone-name" => name.clone(),
                    "zone-type" => "availability-zone".to_owned(),
                    _ => return None,
                })
            })
        });
    Ok(call.answer(|xml| {
        xml.items("availabilityZoneInfo", shown, |xml, (name, id)| {
            xml.text("optInStatus", super::OPT_IN_STATUS);
            xml.element("messageSet", |_| {});
            xml.text("regionName", region);
            xml.text("zoneName", &name);
            xml.text("zoneId", &id);
            xml.text("groupName", &group);
            xml.text("networkBorderGroup", region);
            xml.text("zoneType", "availability-zone");
            xml.text("zoneState", "available");
        });
    }))
}

/// The filters that the API model documents for what there is here
const ZONE_FILTERS: &[&str] = &[
    "group-name",
    "message",
    "opt-in-status",
    "parent-zone-id",
    "parent-zone-name",
    "region-name",
    "state",
    "zone-id",
    "zone-name",
    "zone-type",
];
