//! `DescribeManagedPrefixLists` and `GetManagedPrefixListEntries`

use super::{Listing, malformed, write_next_token};
use crate::services::ec2::{Call, error::Ec2Error, filters::Page, network};

/// A list of the blocks of a service
pub(super) struct PrefixList {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) cidr_block: &'static str,
}

/// AWS's own lists for gateway endpoints; a service with interface endpoints only has none
// turbot/steampipe-plugin-aws#813 shows their owner and ARN. Guess: that there are just these two. Their blocks are those
// of RFC 5737, which nobody has: AWS's own change.
pub(super) fn lists(call: &Call<'_>) -> [PrefixList; 2] {
    let region = call.region();
    [("s3", "198.51.100.0/24"), ("dynamodb", "203.0.113.0/24")].map(|(service, cidr_block)| {
        let name = format!("com.amazonaws.{region}.{service}");
        PrefixList {
            id: network::resource_id("pl-", &[&name]),
            name,
            cidr_block,
        }
    })
}

/// The lists with their ids
pub(super) fn lists_by_id(call: &Call<'_>) -> Vec<(String, PrefixList)> {
    let lists = lists(call).into_iter();
    lists.map(|list| (list.id.clone(), list)).collect()
}

/// The error for an id that no list has
pub(super) fn missing(id: &str) -> Ec2Error {
    if network::is_resource_id("pl-", id) {
        Ec2Error::PrefixListNotFound(id.to_owned())
    } else {
        malformed("InvalidPrefixListId.Malformed", id)
    }
}

/// The lists
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let listing = Listing::read(call, "PrefixListId", LIST_FILTERS)?;
    let region = call.region();
    let values_of = |list: &PrefixList, filter: &str| {
        Some(match filter {
            "owner-id" => OWNER.to_owned(),
            "prefix-list-id" => list.id.clone(),
            "prefix-list-name" => list.name.clone(),
            _ => return None,
        })
    };
    let lists = lists_by_id(call);
    listing.answer(
        call,
        "prefixListSet",
        lists,
        missing,
        values_of,
        |xml, PrefixList { id, name, .. }| {
            xml.text("prefixListId", &id);
            xml.text("addressFamily", "IPv4");
            xml.text("state", "create-complete");
            xml.text(
                "prefixListArn",
                &format!("arn:aws:ec2:{region}:aws:prefix-list/{id}"),
            );
            xml.text("prefixListName", &name);
            xml.element("tagSet", |_| {});
            xml.text("ownerId", OWNER);
        },
    )
}

/// The blocks of one list
pub(in crate::services::ec2) fn entries(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((id, page), dry_run) = call.read(|reader| {
        // AWS's own lists have no versions to choose from.
        reader.text("TargetVersion");
        Ok((reader.required("PrefixListId")?, Page::read(reader)?))
    })?;
    let blocks: Vec<_> = lists(call).into_iter().filter(|list| list.id == id).collect();
    if blocks.is_empty() {
        return Err(missing(id));
    }
    dry_run.stop()?;
    let blocks = blocks.into_iter().map(|list| list.cidr_block);
    let (blocks, next) = page.of(blocks.collect());
    Ok(call.answer(|xml| {
        xml.items("entrySet", blocks, |xml, cidr_block| xml.text("cidr", cidr_block));
        write_next_token(xml, next);
    }))
}

const OWNER: &str = "AWS";

/// The filters of the API model
const LIST_FILTERS: &[&str] = &[
    "owner-id",
    "prefix-list-id",
    "prefix-list-name",
    "tag:*",
    "tag-key",
];
