//! `DescribeManagedPrefixLists`

use super::{malformed, write_next_token};
use crate::services::ec2::{
    Call,
    error::Ec2Error,
    filters::{Filters, Page},
    network,
};

/// AWS's own lists for gateway endpoints; a service with interface endpoints only has none
// turbot/steampipe-plugin-aws#813 shows their owner and ARN. Guess: that there are just these two.
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("PrefixListId"),
            Filters::read(reader, LIST_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let region = call.region();
    let lists: Vec<(String, String)> = ["s3", "dynamodb"]
        .map(|service| {
            let name = format!("com.amazonaws.{region}.{service}");
            (network::resource_id("pl-", &[&name]), name)
        })
        .into();
    for id in &ids {
        if !network::is_resource_id("pl-", id) {
            return Err(malformed("InvalidPrefixListId.Malformed", id));
        }
        if !lists.iter().any(|(list, _)| list == id) {
            return Err(Ec2Error::PrefixListNotFound((*id).to_owned()));
        }
    }
    dry_run.stop()?;
    let shown = lists
        .into_iter()
        .filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()))
        .filter(|(id, name)| {
            filters.pass(|filter| {
                let value = match filter {
                    "owner-id" => OWNER,
                    "prefix-list-id" => id,
                    "prefix-list-name" => name,
                    _ => return Vec::new(),
                };
                vec![value.to_owned()]
            })
        });
    let (shown, next) = page.of(shown.collect());
    Ok(call.answer(|xml| {
        xml.items("prefixListSet", shown, |xml, (id, name)| {
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

const OWNER: &str = "AWS";

/// The filters of the API model
const LIST_FILTERS: &[&str] = &[
    "owner-id",
    "prefix-list-id",
    "prefix-list-name",
    "tag:*",
    "tag-key",
];
