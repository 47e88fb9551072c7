//! What the values of the global condition keys look like (IAM User Guide, *AWS global condition context
//! keys*), so that a finding about a value that a key never has can show what the key has instead.

mod flaws;
mod forms;

use super::form::{Case, Class, Form};
use crate::arn::{ARN_PARTS, split};
use crate::condition::arn_like::ArnPattern;
use crate::condition::operator::{Family, Operator};
use crate::loader::PARTITIONS;
use crate::pattern::{Pattern, TemplateToken, Token};
use crate::principal::is_account_id;
use forms::{
    account, date, joined, organization, partition, principal_arns, regions, resource_ids, user_ids,
};

/// What is known about the values of a condition key.
#[derive(Debug)]
pub(super) struct Domain {
    kind: Kind,
    forms: Forms,
    /// Explains why the key never has a value; takes the value as it was written.
    explain: fn(&str) -> String,
}

/// The kind of the values, which decides which operators can read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A text that is not a number, a date, an address, a Boolean or an ARN.
    Text,
    /// A name, which may happen to be a number or an address, but never an ARN.
    Name,
    /// Twelve digits.
    Account,
    Arn,
    Bool,
    Date,
    Seconds,
    Address,
}

/// The forms of the values; each value has one of them.
#[derive(Debug)]
enum Forms {
    Texts(Vec<Form>),
    Arns(Vec<[Form; ARN_PARTS]>),
}

/// A value of a condition, as its operator compares it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'v> {
    Text(&'v Pattern, Case),
    Arn(&'v ArnPattern),
}

impl Domain {
    /// What is known about a key; `None` if nothing is.
    pub(super) fn of(key: &str) -> Option<Self> {
        let texts = |kind, forms, explain| Self {
            kind,
            forms: Forms::Texts(forms),
            explain,
        };
        Some(match key.to_ascii_lowercase().as_str() {
            "aws:principalarn" => Self {
                kind: Kind::Arn,
                forms: Forms::Arns(principal_arns()),
                explain: flaws::not_a_principal_arn,
            },
            "aws:principaltype" => {
                let forms = PRINCIPAL_TYPES.map(Form::text).to_vec();
                texts(Kind::Text, forms, flaws::not_a_principal_type)
            }
            "aws:principalaccount" => {
                let forms = vec![account(), Form::text("anonymous")];
                texts(Kind::Account, forms, flaws::not_an_account)
            }
            "aws:resourceaccount" | "aws:sourceaccount" | "aws:vpceaccount" => {
                texts(Kind::Account, vec![account()], flaws::not_an_account)
            }
            "aws:principalorgid" | "aws:resourceorgid" | "aws:sourceorgid" | "aws:vpceorgid" => {
                texts(Kind::Text, vec![organization()], flaws::not_an_organization)
            }
            "aws:requestedregion" => texts(Kind::Text, regions(), flaws::not_a_region),
            "aws:sourcevpc" => texts(Kind::Text, resource_ids("vpc-"), flaws::not_a_vpc),
            "aws:sourcevpce" => texts(Kind::Text, resource_ids("vpce-"), flaws::not_a_vpc_endpoint),
            "aws:sourceip" | "aws:vpcsourceip" => texts(
                Kind::Address,
                vec![Form::some(Class::Address)],
                flaws::not_an_address,
            ),
            "aws:securetransport"
            | "aws:viaawsservice"
            | "aws:principalisawsservice"
            | "aws:multifactorauthpresent" => {
                let forms = vec![Form::text("true"), Form::text("false")];
                texts(Kind::Bool, forms, flaws::not_a_truth_value)
            }
            "aws:currenttime" | "aws:tokenissuetime" => texts(Kind::Date, vec![date()], flaws::not_a_date),
            "aws:epochtime" => texts(Kind::Seconds, vec![Form::some(Class::Digit)], flaws::not_seconds),
            "aws:userid" => texts(Kind::Name, user_ids(), flaws::not_a_user_id),
            "aws:username" => texts(Kind::Name, vec![Form::some(Class::Name)], flaws::not_a_user_name),
            _ => return None,
        })
    }

    /// Why an operator matches none of the key's values, whatever it compares them with; `None` if it may.
    pub(super) fn misread_by(&self, operator: Operator) -> Option<String> {
        use Family::{Arn, Bool, Date, IpAddress, Numeric};

        let family = operator.family;
        let (is_misread, what, instead) = match self.kind {
            Kind::Text => (
                matches!(family, Arn | Bool | Numeric(_) | Date(_) | IpAddress),
                "a text",
                "a String operator",
            ),
            Kind::Name => (family == Arn, "a name", "a String operator"),
            Kind::Account => (
                matches!(family, Arn | Bool | IpAddress),
                "an account id",
                "a String operator",
            ),
            Kind::Arn => (
                matches!(family, Bool | Numeric(_) | Date(_) | IpAddress),
                "an ARN",
                "an Arn operator",
            ),
            Kind::Bool => (
                matches!(family, Arn | Numeric(_) | Date(_) | IpAddress),
                "`true` or `false`",
                "`Bool`",
            ),
            Kind::Date => (
                matches!(family, Arn | Bool | Numeric(_) | IpAddress),
                "a date, such as `2026-01-31T00:00:00Z`",
                "a Date operator",
            ),
            Kind::Seconds => (
                matches!(family, Arn | Bool | IpAddress),
                "seconds since the epoch, such as `1780272000`",
                "a Numeric operator",
            ),
            Kind::Address => (
                matches!(family, Arn | Bool | Numeric(_) | Date(_)),
                "an address",
                "`IpAddress`",
            ),
        };
        is_misread.then(|| format!("the key holds {what}, which the operator cannot read; use {instead}"))
    }

    /// Why the key never has a value that this one matches; `None` if it may.
    pub(super) fn flaw(&self, value: Value<'_>, written: &str) -> Option<String> {
        let is_possible = match (&self.forms, value) {
            (Forms::Texts(forms), Value::Text(pattern, case)) => {
                let tokens = pattern.tokens();
                forms.iter().any(|form| form.overlaps(&tokens, case))
            }
            (Forms::Arns(forms), Value::Text(pattern, case)) => {
                let tokens = pattern.tokens();
                forms.iter().any(|form| joined(form).overlaps(&tokens, case))
                    && split(written).is_none_or(|[_, partition, ..]| may_be_partition(partition))
            }
            (Forms::Arns(forms), Value::Arn(pattern)) => match pattern.parts() {
                Some(parts) => forms.iter().any(|form| {
                    let overlaps = |(form, part): (&Form, &Pattern)| {
                        form.overlaps(&part.tokens(), Case::Counts) && may_be_partition_of(form, part)
                    };
                    form.iter().zip(parts).all(overlaps)
                }),
                None => true,
            },
            // The operator cannot read such values; that is reported for the operator.
            (Forms::Texts(_), Value::Arn(_)) => true,
        };
        (!is_possible).then(|| (self.explain)(written))
    }
}

/// Why no resource of a service has such a partition, Region and account; `None` if one may. The parts are those
/// of a pattern for the service's ARNs, all of which have a Region and an account.
pub(super) fn arn_flaw(parts: &[Pattern; ARN_PARTS]) -> Option<String> {
    let [_, partition, _, region, account_id, _] = parts;
    let is_region = |part: &Pattern| {
        let tokens = part.tokens();
        regions().iter().any(|form| form.overlaps(&tokens, Case::Counts))
    };
    // An empty Region is reported by the check of resource types, whose ARNs all have a Region.
    if !region.as_str().is_empty() && !is_region(region) {
        return Some(format!(
            "in its Region part {}",
            flaws::not_a_region(region.as_str())
        ));
    }
    if account_id.as_str().is_empty() {
        return Some("its account part is empty, where an account id of twelve digits would be".to_owned());
    }
    if !account().overlaps(&account_id.tokens(), Case::Counts) {
        return Some(format!(
            "in its account part {}",
            flaws::not_an_account(account_id.as_str())
        ));
    }
    if let (Some(partition), Some(own)) = (literal(partition), literal(region).and_then(partition_of))
        && partition != own
    {
        return Some(format!(
            "the Region `{}` lies in the partition `{own}`, not in `{partition}`",
            region.as_str()
        ));
    }
    None
}

/// What is certainly wrong with the Region or the account of another service's ARN, whose resources may have
/// neither: digits that are not an account id, and an Availability Zone.
pub(super) fn foreign_arn_flaw(parts: &[Pattern; ARN_PARTS]) -> Option<String> {
    let [_, _, _, region, account_id, _] = parts;
    if let Some(flaw) = literal(region).and_then(flaws::an_availability_zone) {
        return Some(format!("in its Region part {flaw}"));
    }
    let account_id = literal(account_id).filter(|account_id| !account_id.is_empty())?;
    let is_number = account_id
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    (is_number && !is_account_id(account_id))
        .then(|| format!("in its account part {}", flaws::not_an_account(account_id)))
}

/// The partition that a Region lies in (AWS General Reference, *Amazon Resource Names*); `None` for the
/// isolated and sovereign ones.
fn partition_of(region: &str) -> Option<&'static str> {
    let is_region = regions()
        .iter()
        .any(|form| form.overlaps(&Pattern::literal(region).tokens(), Case::Counts));
    let starts = |prefix| region.starts_with(prefix);
    match region {
        _ if !is_region || starts("us-iso") || starts("eu-iso") || starts("eusc-") => None,
        _ if starts("cn-") => Some("aws-cn"),
        _ if starts("us-gov-") => Some("aws-us-gov"),
        _ => Some("aws"),
    }
}

/// The text of a pattern; `None` if it has wildcards or variables.
fn literal(pattern: &Pattern) -> Option<&str> {
    match pattern.tokens().as_slice() {
        [TemplateToken::Fixed(Token::Text(_))] => Some(pattern.as_str()),
        _ => None,
    }
}

/// Whether a partition as written may be one of AWS's; one with wildcards or variables always may.
fn may_be_partition(text: &str) -> bool {
    text.contains(['*', '?', '$']) || PARTITIONS.contains(&text)
}

fn may_be_partition_of(form: &Form, part: &Pattern) -> bool {
    *form != partition() || may_be_partition(part.as_str())
}

/// IAM User Guide, *AWS global condition context keys*, `aws:PrincipalType`.
const PRINCIPAL_TYPES: [&str; 5] = ["Account", "User", "FederatedUser", "AssumedRole", "Anonymous"];
