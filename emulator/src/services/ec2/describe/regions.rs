//! `DescribeRegions`

use client_text::Shown;

use crate::services::ec2::{Call, error::Ec2Error, filters::Filters};

/// The Regions that the service was in, and that of the call
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((names, filters), dry_run) = call.read(|reader| {
        // There are no Regions here that need an opt-in.
        reader.flag("AllRegions")?;
        Ok((reader.texts("RegionName"), Filters::read(reader, REGION_FILTERS)?))
    })?;
    let mut regions = lookoutvision::REGIONS.to_vec();
    if !regions.contains(&call.region().as_str()) {
        regions.push(call.region().as_str());
    }
    regions.sort_unstable();
    if let Some(unknown) = names.iter().find(|name| !regions.contains(name)) {
        // Guess: the sentence.
        return Err(Ec2Error::InvalidParameterValue(format!(
            "Invalid region provided: {}",
            Shown(unknown)
        )));
    }
    dry_run.stop()?;
    let endpoint = |region: &str| format!("ec2.{region}.amazonaws.com");
    let shown = regions
        .into_iter()
        .filter(|region| names.is_empty() || names.contains(region))
        .filter(|region| {
            filters.pass(|filter| {
                Some(match filter {
                    "endpoint" => endpoint(region),
                    "opt-in-status" => super::OPT_IN_STATUS.to_owned(),
                    "region-name" => (*region).to_owned(),
                    _ => return None,
                })
            })
        });
    Ok(call.answer(|xml| {
        xml.items("regionInfo", shown, |xml, region| {
            xml.text("regionName", region);
            xml.text("regionEndpoint", &endpoint(region));
            xml.text("optInStatus", super::OPT_IN_STATUS);
        });
    }))
}

/// The filters of the API model
const REGION_FILTERS: &[&str] = &["endpoint", "opt-in-status", "region-name"];
