//! `DescribePrefixLists`

use super::{
    managed_prefix_lists::{PrefixList, check_ids, lists},
    write_next_token,
};
use crate::services::ec2::{
    Call,
    error::Ec2Error,
    filters::{Filters, Page},
};

/// The lists of services with gateway endpoints, with their blocks (cilium/cilium#45806); Terraform asks for one of each
/// endpoint's service, and this one has none
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("PrefixListId"),
            Filters::read(reader, &["prefix-list-id", "prefix-list-name"])?,
            Page::read(reader)?,
        ))
    })?;
    let lists = lists(call);
    check_ids(&ids, &lists)?;
    dry_run.stop()?;
    let shown = lists
        .into_iter()
        .filter(|list| ids.is_empty() || ids.contains(&list.id.as_str()))
        .filter(|list| {
            filters.pass(|filter| {
                let value = match filter {
                    "prefix-list-id" => &list.id,
                    _ => &list.name,
                };
                vec![value.clone()]
            })
        });
    let (shown, next) = page.of(shown.collect());
    Ok(call.answer(|xml| {
        xml.items("prefixListSet", shown, |xml, list: PrefixList| {
            xml.texts("cidrSet", [list.cidr_block]);
            xml.text("prefixListId", &list.id);
            xml.text("prefixListName", &list.name);
        });
        write_next_token(xml, next);
    }))
}
