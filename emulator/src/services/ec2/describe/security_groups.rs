//! `DescribeSecurityGroups`

use aws_identifiers::SecurityGroupId;

use super::{Listing, malformed_or};
use crate::{
    network::Vpc,
    services::{
        ec2::{Call, error::Ec2Error, network},
        query::xml::Xml,
    },
};

/// The default security group of each network, with the rules that AWS creates it with (Amazon VPC User Guide, *Default
/// security groups*)
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let (listing, names) =
        Listing::read_with(call, "GroupId", GROUP_FILTERS, |reader| reader.texts("GroupName"))?;
    let groups: Vec<_> = call
        .vpcs()
        .into_iter()
        .map(|vpc| {
            let group = network::default_group(vpc);
            (group.to_string(), (vpc, group))
        })
        .collect();
    let missing = |id: &str| {
        malformed_or("InvalidGroupId.Malformed", id, |id: SecurityGroupId| {
            Ec2Error::SecurityGroupNotFound(id.to_string())
        })
    };
    listing.check(&groups, missing)?;
    if let Some(unknown) = names.iter().find(|name| **name != NAME) {
        return Err(Ec2Error::SecurityGroupNotFound((*unknown).to_owned()));
    }
    let owner = call.invocation.snapshot.settings.account_id.as_str();
    let values_of = |(vpc, group): &(&Vpc, SecurityGroupId), filter: &str| {
        let value = match filter {
            "description" => DESCRIPTION,
            "group-id" => group.as_str(),
            "group-name" => NAME,
            "owner-id" => owner,
            "vpc-id" => vpc.vpc_id.as_str(),
            // Groups that are made up have no tags.
            _ => return None,
        };
        Some(value.to_owned())
    };
    listing.answer(
        call,
        "securityGroupInfo",
        groups,
        missing,
        values_of,
        |xml, (vpc, group)| {
            xml.text("ownerId", owner);
            xml.text("groupName", NAME);
            xml.text("groupDescription", DESCRIPTION);
            xml.text("groupId", group.as_str());
            xml.text("vpcId", vpc.vpc_id.as_str());
            xml.text(
                "securityGroupArn",
                &format!("arn:aws:ec2:{}:{owner}:security-group/{group}", call.region()),
            );
            write_rule(xml, "ipPermissions", |xml| {
                xml.items("groups", [&group], |xml, group| {
                    xml.text("userId", owner);
                    xml.text("groupId", group.as_str());
                });
                xml.element("ipRanges", |_| {});
            });
            write_rule(xml, "ipPermissionsEgress", |xml| {
                xml.element("groups", |_| {});
                xml.items("ipRanges", ["0.0.0.0/0"], |xml, block| xml.text("cidrIp", block));
            });
            xml.element("tagSet", |_| {});
        },
    )
}

/// One rule for every protocol, which has no ports
fn write_rule(xml: &mut Xml, list: &str, sources: impl Fn(&mut Xml)) {
    xml.items(list, [()], |xml, ()| {
        xml.text("ipProtocol", "-1");
        sources(xml);
        xml.element("ipv6Ranges", |_| {});
        xml.element("prefixListIds", |_| {});
    });
}

const NAME: &str = "default";
// Guess: the sentence, as the console shows it.
const DESCRIPTION: &str = "default VPC security group";

/// The filters that the API model documents for what there is here
const GROUP_FILTERS: &[&str] = &[
    "description",
    "egress.*",
    "group-id",
    "group-name",
    "ip-permission.*",
    "owner-id",
    "tag:*",
    "tag-key",
    "vpc-id",
];
