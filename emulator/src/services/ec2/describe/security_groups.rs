//! `DescribeSecurityGroups`

use aws_identifiers::SecurityGroupId;

use super::{malformed, write_next_token};
use crate::services::{
    ec2::{
        Call,
        error::Ec2Error,
        filters::{Filters, Page},
        network,
    },
    query::xml::Xml,
};

/// The default security group of each network, with the rules that AWS makes it with (Amazon VPC User Guide, *Default
/// security groups*)
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, names, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("GroupId"),
            reader.texts("GroupName"),
            Filters::read(reader, GROUP_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let groups: Vec<_> = call
        .vpcs()
        .into_iter()
        .map(|vpc| (vpc, network::default_group(vpc)))
        .collect();
    for id in &ids {
        let id: SecurityGroupId = id
            .parse()
            .map_err(|_| malformed("InvalidGroupId.Malformed", id))?;
        if !groups.iter().any(|(_, group)| *group == id) {
            return Err(Ec2Error::SecurityGroupNotFound(id.to_string()));
        }
    }
    if let Some(unknown) = names.iter().find(|name| **name != NAME) {
        return Err(Ec2Error::SecurityGroupNotFound((*unknown).to_owned()));
    }
    dry_run.stop()?;
    let owner = call.invocation.snapshot.settings.account_id.as_str();
    let shown = groups
        .into_iter()
        .filter(|(_, group)| ids.is_empty() || ids.contains(&group.as_str()))
        .filter(|(vpc, group)| {
            filters.pass(|filter| {
                let value = match filter {
                    "description" => DESCRIPTION,
                    "group-id" => group.as_str(),
                    "group-name" => NAME,
                    "owner-id" => owner,
                    "vpc-id" => vpc.vpc_id.as_str(),
                    // Groups that are made up have no tags.
                    _ => return Vec::new(),
                };
                vec![value.to_owned()]
            })
        });
    let (shown, next) = page.of(shown.collect());
    Ok(call.answer(|xml| {
        xml.items("securityGroupInfo", shown, |xml, (vpc, group)| {
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
        });
        write_next_token(xml, next);
    }))
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
