//! `DescribePrefixLists`

use super::{
    Listing,
    managed_prefix_lists::{PrefixList, lists_by_id, missing},
};
use crate::services::ec2::{Call, error::Ec2Error};

/// The lists of services with gateway endpoints, with their blocks (cilium/cilium#45806). Terraform asks for the list
/// of each endpoint's service, and this service has none.
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let listing = Listing::read(call, "PrefixListId", &["prefix-list-id", "prefix-list-name"])?;
    let values_of = |list: &PrefixList, filter: &str| {
        let value = match filter {
            "prefix-list-id" => &list.id,
            _ => &list.name,
        };
        [value.clone()]
    };
    let lists = lists_by_id(call);
    listing.answer(call, "prefixListSet", lists, missing, values_of, |xml, list| {
        xml.texts("cidrSet", [list.cidr_block]);
        xml.text("prefixListId", &list.id);
        xml.text("prefixListName", &list.name);
    })
}
