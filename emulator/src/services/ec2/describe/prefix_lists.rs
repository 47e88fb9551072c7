//! `DescribePrefixLists`

use super::{malformed, write_next_token};
use crate::services::ec2::{
    Call,
    error::Ec2Error,
    filters::{Filters, Page},
};

/// None, as interface endpoints have none; Terraform asks for each endpoint
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let (page, dry_run) = call.read(|reader| {
        Filters::read(reader, &["prefix-list-id", "prefix-list-name"])?;
        if let Some(id) = reader.texts("PrefixListId").first() {
            return Err(malformed("InvalidPrefixListId", id));
        }
        Page::read(reader)
    })?;
    dry_run.stop()?;
    let (nothing, next) = page.of(Vec::<&str>::new());
    Ok(call.answer(|xml| {
        xml.texts("prefixListSet", nothing);
        write_next_token(xml, next);
    }))
}
