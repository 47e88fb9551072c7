//! Where everything is in a document: each statement, each pattern, each condition and its values, with JSON path, line
//! and column.
//!
//! Checked statements do not carry their places, because evaluation does not need them. A report about a document reads
//! its text a second time. An outline is in the order of the checked statement, so the two can be walked in step.

use serde::Serialize;

use crate::document::PolicyDocument;
use crate::json::{self, Member, Node, Value};

/// A place in a document's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// JSON pointer (RFC 6901), for example `/Statement/0/Action/1`.
    pub path: String,
    /// The line, from one.
    pub line: usize,
    /// The column, in characters from one.
    pub column: usize,
}

/// A statement and everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementOutline {
    /// Where the statement begins.
    pub place: Place,
    /// The entries of `Principal` or `NotPrincipal`.
    pub principal: Vec<Entry>,
    /// The patterns of `Action` or `NotAction`.
    pub action: Vec<Entry>,
    /// The patterns of `Resource` or `NotResource`.
    pub resource: Vec<Entry>,
    /// Each operator with each of its keys.
    pub conditions: Vec<ConditionOutline>,
}

/// A pattern or a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// As it is written; numbers with their digits.
    pub value: String,
}

/// An operator with one of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionOutline {
    /// Where the key stands.
    pub place: Place,
    /// The operator as the policy names it.
    pub operator: String,
    /// The key as the policy names it.
    pub key: String,
    /// Its values.
    pub values: Vec<Entry>,
}

impl PolicyDocument {
    /// Where everything is in the document, statement by statement.
    ///
    /// ```
    /// use iam_policy::{PolicyDocument, PolicyType};
    ///
    /// let document = PolicyDocument::parse(
    ///     "{\"Statement\": [\n  {\"Effect\": \"Allow\", \"Principal\": \"*\",\n   \"Action\": [\"s3:GetObject\", \"s3:Put*\"], \"Resource\": \"*\"}]}",
    ///     PolicyType::VpcEndpoint,
    /// )?;
    /// let outline = document.outline();
    /// let put = &outline[0].action[1];
    /// assert_eq!((put.value.as_str(), put.place.path.as_str()), ("s3:Put*", "/Statement/0/Action/1"));
    /// assert_eq!((put.place.line, put.place.column), (3, 31));
    /// # Ok::<(), iam_policy::PolicyError>(())
    /// ```
    pub fn outline(&self) -> Vec<StatementOutline> {
        let text = self.text();
        let Ok(root) = json::read(text) else {
            // INVARIANT: a document that was loaded is JSON.
            return Vec::new();
        };
        let places = Places::of(text);
        let Some(statement) = member(&root, "Statement") else {
            return Vec::new();
        };
        match &statement.value.value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| places.statement(item, &format!("/Statement/{index}")))
                .collect(),
            _ => vec![places.statement(&statement.value, "/Statement")],
        }
    }
}

/// Turns offsets into lines and columns, in any order.
struct Places<'t> {
    text: &'t str,
    /// The offset of each line's first byte.
    lines: Vec<usize>,
}

impl<'t> Places<'t> {
    fn of(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            text,
            lines: std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect(),
        }
    }

    fn at(&self, offset: usize, path: String) -> Place {
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = line.checked_sub(1).and_then(|index| self.lines.get(index));
        let before = begin.and_then(|begin| self.text.get(*begin..offset));
        Place {
            path,
            line,
            column: before.map_or(0, |text| text.chars().count()) + 1,
        }
    }

    fn statement(&self, node: &Node<'_>, path: &str) -> StatementOutline {
        let either = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| Some((name, member(node, name)?)));
            found.map(|(name, member)| (&member.value, format!("{path}/{name}")))
        };
        let entries = |names| {
            let found = either(names);
            found.map_or_else(Vec::new, |(node, path)| self.entries(node, &path))
        };
        StatementOutline {
            place: self.at(node.offset, path.to_owned()),
            principal: match either(["Principal", "NotPrincipal"]) {
                Some((node, path)) => match &node.value {
                    Value::Object(kinds) => kinds
                        .iter()
                        .flat_map(|kind| self.entries(&kind.value, &below(&path, &kind.key)))
                        .collect(),
                    _ => self.entries(node, &path),
                },
                None => Vec::new(),
            },
            action: entries(["Action", "NotAction"]),
            resource: entries(["Resource", "NotResource"]),
            conditions: match member(node, "Condition") {
                Some(Member {
                    value:
                        Node {
                            value: Value::Object(operators),
                            ..
                        },
                    ..
                }) => operators
                    .iter()
                    .flat_map(|operator| self.conditions(operator, &format!("{path}/Condition")))
                    .collect(),
                _ => Vec::new(),
            },
        }
    }

    fn conditions(&self, operator: &Member<'_>, path: &str) -> Vec<ConditionOutline> {
        let Value::Object(keys) = &operator.value.value else {
            return Vec::new();
        };
        let path = below(path, &operator.key);
        keys.iter()
            .map(|key| {
                let path = below(&path, &key.key);
                ConditionOutline {
                    values: self.entries(&key.value, &path),
                    place: self.at(key.key_offset, path),
                    operator: operator.key.clone(),
                    key: key.key.clone(),
                }
            })
            .collect()
    }

    /// A single value, or each value of a list.
    fn entries(&self, node: &Node<'_>, path: &str) -> Vec<Entry> {
        match &node.value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.entry(item, format!("{path}/{index}")))
                .collect(),
            _ => vec![self.entry(node, path.to_owned())],
        }
    }

    fn entry(&self, node: &Node<'_>, path: String) -> Entry {
        Entry {
            place: self.at(node.offset, path),
            value: match &node.value {
                Value::String(text) => text.clone(),
                Value::Number(digits) => (*digits).to_owned(),
                Value::Bool(value) => value.to_string(),
                // INVARIANT: in a loaded document, no pattern or value is one of these.
                Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
            },
        }
    }
}

fn member<'n, 't>(node: &'n Node<'t>, name: &str) -> Option<&'n Member<'t>> {
    match &node.value {
        Value::Object(members) => members.iter().find(|member| member.key == name),
        _ => None,
    }
}

fn below(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ActionPattern;
    use crate::document::PolicyType;
    use crate::principal::PrincipalPattern;
    use crate::resource::ResourcePattern;
    use crate::statement::{PrincipalClause, ResourceClause};

    /// The outline of each statement has the same parts as the checked statement, in the same order.
    #[track_caller]
    fn in_step(document: &PolicyDocument) {
        let outline = document.outline();
        assert_eq!(outline.len(), document.statements().len());
        let values =
            |entries: &[Entry]| -> Vec<String> { entries.iter().map(|entry| entry.value.clone()).collect() };
        for (outline, statement) in outline.iter().zip(document.statements()) {
            let principals = statement.principal.iter().flat_map(PrincipalClause::entries);
            let principals: Vec<_> = principals.map(PrincipalPattern::as_str).collect();
            assert_eq!(values(&outline.principal), principals);
            let actions = statement.action.entries();
            let actions: Vec<_> = actions.iter().map(ActionPattern::as_str).collect();
            assert_eq!(values(&outline.action), actions);
            let resources = statement.resource.iter().flat_map(ResourceClause::entries);
            let resources: Vec<_> = resources.map(ResourcePattern::as_str).collect();
            assert_eq!(values(&outline.resource), resources);
            assert_eq!(outline.conditions.len(), statement.conditions.len());
            for (outline, condition) in outline.conditions.iter().zip(&statement.conditions) {
                assert_eq!(outline.operator, condition.operator.to_string());
                assert_eq!(outline.key, condition.key.as_str());
                let texts: Vec<_> = condition.texts.iter().map(ToString::to_string).collect();
                assert_eq!(values(&outline.values), texts);
            }
        }
    }

    #[test]
    fn every_documented_policy_is_outlined_in_the_order_of_its_statements() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/documented-cases.jsonl"
        );
        let cases = std::fs::read_to_string(folder).unwrap();
        let mut documents = 0;
        for case in cases.lines() {
            let case: serde_json::Value = serde_json::from_str(case).unwrap();
            for (name, policy_type) in [
                ("vpcEndpoint", PolicyType::VpcEndpoint),
                ("identity", PolicyType::Identity),
                ("scp", PolicyType::ServiceControl),
            ] {
                let policies = &case["policies"][name];
                let one = std::slice::from_ref(policies);
                for policy in policies.as_array().map_or(one, Vec::as_slice) {
                    if let Ok(document) = PolicyDocument::parse_stored(&policy.to_string(), policy_type) {
                        in_step(&document);
                        documents += 1;
                    }
                }
            }
        }
        assert!(documents > 250, "{documents}");
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "{\"Version\": \"2012-10-17\",\n \"Statement\": {\"Effect\": \"Deny\", \"NotPrincipal\": {\"Service\": \"x.amazonaws.com\", \"AWS\": [\"*\"]},\n\
                    \t\"NotAction\": \"größe:x\", \"Condition\": {\"NumericLessThan\": {\"aws:MultiFactorAuthAge\": 1.50},\n\
                    \"StringEquals\": {\"aws:PrincipalTag/a~b\": [\"x\", true]}},\n\"Resource\": \"*\"}}"
            .replace("größe", "s3");
        let document = PolicyDocument::parse_stored(&text, PolicyType::VpcEndpoint).unwrap();
        in_step(&document);
        let [statement] = &document.outline()[..] else {
            panic!()
        };
        let at = |place: &Place| (place.path.clone(), place.line, place.column);
        assert_eq!(at(&statement.place), ("/Statement".to_owned(), 2, 15));
        assert_eq!(
            at(&statement.principal[1].place),
            ("/Statement/NotPrincipal/AWS/0".to_owned(), 2, 89)
        );
        assert_eq!(
            at(&statement.action[0].place),
            ("/Statement/NotAction".to_owned(), 3, 15)
        );
        let tag = &statement.conditions[1];
        let path = "/Statement/Condition/StringEquals/aws:PrincipalTag~1a~0b";
        assert_eq!(at(&tag.place), (path.to_owned(), 4, 18));
        assert_eq!(at(&tag.values[1].place), (format!("{path}/1"), 4, 48));
        assert_eq!(statement.conditions[0].values[0].value, "1.50");
    }
}
