//! Statements as a document: with Sids made of the projects' names, and everything sorted.

use std::collections::{BTreeMap, BTreeSet};

use iam_policy::PolicyType;
use serde::Serialize;

use super::cover::{FactPrincipal, Rectangle, Source};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<PrincipalElement>,
    action: OneOrMore,
    resource: OneOrMore,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'static str, BTreeMap<&'static str, OneOrMore>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PrincipalElement {
    Everyone(&'static str),
    Entries {
        #[serde(rename = "AWS")]
        aws: OneOrMore,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl FromIterator<String> for OneOrMore {
    fn from_iter<I: IntoIterator<Item = String>>(texts: I) -> Self {
        let mut texts: Vec<String> = texts.into_iter().collect();
        match texts.len() {
            1 => Self::One(texts.remove(0)),
            _ => Self::More(texts),
        }
    }
}

/// The document, once for a person and once without white space
pub(super) fn write(statements: &[Rectangle], policy_type: PolicyType) -> [String; 2] {
    let mut taken = BTreeSet::new();
    let mut statement: Vec<Statement> = statements
        .iter()
        .map(|rectangle| Statement::of(rectangle, policy_type, &mut taken))
        .collect();
    statement.sort_by(|one, other| one.sid.cmp(&other.sid));
    let document = Document {
        version: "2012-10-17",
        statement,
    };
    let pretty = serde_json::to_string_pretty(&document).expect("a document has string keys");
    let compact = serde_json::to_string(&document).expect("a document has string keys");
    [pretty + "\n", compact]
}

impl Statement {
    fn of(rectangle: &Rectangle, policy_type: PolicyType, taken: &mut BTreeSet<String>) -> Self {
        let mut condition: BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>> = BTreeMap::new();
        let mut require = |operator, key, value| {
            condition
                .entry(operator)
                .or_default()
                .entry(key)
                .or_default()
                .push(value);
        };
        for source in &rectangle.sources {
            match source {
                Source::Anywhere => {}
                Source::Is(key, value) => require("StringEquals", *key, value.clone()),
                Source::Absent(key) => require("Null", *key, "true".to_owned()),
            }
        }
        let mut entries = Vec::new();
        for principal in &rectangle.principals {
            match principal {
                FactPrincipal::Everyone => {}
                FactPrincipal::Entry(entry) => entries.push(entry.clone()),
                FactPrincipal::Alone(arn) => {
                    entries.push(arn.clone());
                    require("ArnEquals", "aws:PrincipalArn", arn.clone());
                }
            }
        }
        let principal = match entries.is_empty() {
            true => PrincipalElement::Everyone("*"),
            false => PrincipalElement::Entries {
                aws: entries.into_iter().collect(),
            },
        };
        let condition = condition.into_iter().map(|(operator, keys)| {
            let keys = keys
                .into_iter()
                .map(|(key, values)| (key, values.into_iter().collect()));
            (operator, keys.collect())
        });
        Self {
            sid: sid(&rectangle.resources, taken),
            effect: "Allow",
            principal: policy_type.has_principal().then_some(principal),
            action: rectangle.actions.iter().cloned().collect(),
            resource: rectangle.resources.iter().cloned().collect(),
            condition: condition.collect(),
        }
    }
}

/// A Sid made of the names of projects: letters and digits (IAM User Guide, *Sid*), used by no other statement
fn sid(resources: &BTreeSet<String>, taken: &mut BTreeSet<String>) -> String {
    let projects: BTreeSet<String> = resources.iter().map(|resource| project(resource)).collect();
    let mut names = projects.iter().map(|project| camel_case(project));
    let first = names
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "Others".to_owned());
    let name = match names.len() {
        0 => first,
        1 => format!("{first}And{}", names.next().unwrap_or_default()),
        others => format!("{first}And{others}Others"),
    };
    let mut sid = name.clone();
    let mut number = 1;
    while !taken.insert(sid.clone()) {
        number += 1;
        sid = format!("{name}{number}");
    }
    sid
}

/// The project that a pattern of `Resource` is about
fn project(resource: &str) -> String {
    if resource == "*" {
        return "everything".to_owned();
    }
    let resource = super::super::last_part(resource);
    resource.split('/').nth(1).unwrap_or(resource).to_owned()
}

/// `my-project` → `MyProject`
fn camel_case(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    words
        .filter_map(|word| {
            let (first, rest) = word.split_at_checked(1)?;
            Some(first.to_ascii_uppercase() + rest)
        })
        .collect()
}
