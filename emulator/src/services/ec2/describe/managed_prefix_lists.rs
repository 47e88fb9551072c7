//! `DescribeManagedPrefixLists` and `GetManagedPrefixListEntries`

use super::{malformed, write_next_token};
use crate::services::ec2::{
    Call,
    error::Ec2Error,
    filters::{Filters, Page},
    network,
};

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

/// Checks ids that a call names
///
/// # Errors
/// The first that is none, or that no list has.
pub(super) fn check_ids(ids: &[&str], lists: &[PrefixList]) -> Result<(), Ec2Error> {
    for id in ids {
        if !network::is_resource_id("pl-", id) {
            return Err(malformed("InvalidPrefixListId.Malformed", id));
        }
        if !lists.iter().any(|list| list.id == *id) {
            return Err(Ec2Error::PrefixListNotFound((*id).to_owned()));
        }
    }
    Ok(())
}

/// The lists
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("PrefixListId"),
            Filters::read(reader, LIST_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let region = call.region();
    let lists = lists(call);
    check_ids(&ids, &lists)?;
    dry_run.stop()?;
    let shown = lists
        .into_iter()
        .filter(|list| ids.is_empty() || ids.contains(&list.id.as_str()))
        .filter(|list| {
            filters.pass(|filter| {
                let value = match filter {
                    "owner-id" => OWNER,
                    "prefix-list-id" => &list.id,
                    "prefix-list-name" => &list.name,
                    _ => return Vec::new(),
                };
                vec![value.to_owned()]
            })
        });
    let (shown, next) = page.of(shown.collect());
    Ok(call.answer(|xml| {
        xml.items("prefixListSet", shown, |xml, PrefixList { id, name, .. }| {
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
        });
        write_next_token(xml, next);
    }))
}

/// The blocks of one list
pub(in crate::services::ec2) fn entries(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((id, page), dry_run) = call.read(|reader| {
        // AWS's own lists have no versions to choose from.
        reader.text("TargetVersion");
        Ok((reader.required("PrefixListId")?, Page::read(reader)?))
    })?;
    let lists = lists(call);
    check_ids(&[id], &lists)?;
    dry_run.stop()?;
    let blocks = lists.into_iter().filter(|list| list.id == id);
    let (blocks, next) = page.of(blocks.map(|list| list.cidr_block).collect());
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
