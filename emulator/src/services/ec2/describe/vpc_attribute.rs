//! `DescribeVpcAttribute`

use aws_identifiers::VpcId;

use crate::services::ec2::{Call, describe::malformed, error::Ec2Error};

/// One attribute of a network
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((vpc_id, attribute), dry_run) = call.read(|reader| {
        let attribute = reader.required("Attribute")?;
        let vpc_id = reader.required("VpcId")?;
        let known = ATTRIBUTES.iter().find(|(name, _)| *name == attribute);
        let known = known.ok_or_else(|| {
            // Guess: the sentence, after that of other parameters.
            Ec2Error::InvalidParameterValue(format!(
                "Value ({attribute}) for parameter attribute is invalid. Unknown VPC attribute."
            ))
        })?;
        let vpc_id: VpcId = vpc_id
            .parse()
            .map_err(|_| malformed("InvalidVpcId.Malformed", vpc_id))?;
        Ok((vpc_id, known))
    })?;
    if !call.vpcs().iter().any(|vpc| vpc.vpc_id == vpc_id) {
        return Err(Ec2Error::VpcIDNotFound(vpc_id));
    }
    dry_run.stop()?;
    let (name, value) = attribute;
    Ok(call.answer(|xml| {
        xml.text("vpcId", vpc_id.as_str());
        xml.element(name, |xml| xml.flag("value", *value));
    }))
}

/// The attributes (API model, `VpcAttributeName`) with their values
///
/// Both DNS attributes are on, because private DNS names need both (EC2 API reference, `CreateVpcEndpoint`,
/// PrivateDnsEnabled) and networks here have them.
const ATTRIBUTES: [(&str, bool); 3] = [
    ("enableDnsSupport", true),
    ("enableDnsHostnames", true),
    ("enableNetworkAddressUsageMetrics", false),
];
