//! A report as a person reads it.

use std::fmt::Write as _;

use client_text::escape;
use iam_policy::{Change, Evaluation, ExampleRequest};

use super::{NamedPolicy, PolicyDiff};

impl PolicyDiff<'_> {
    /// The report for people: a paragraph for each difference, then what is undecided, then a summary
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| writeln!(text, "{}", escape(&line)).expect("a text takes everything");
        for difference in &self.diff.differences {
            let example = &difference.example;
            line(format!(
                "{}: {} on {} by {}",
                difference.change, example.action, example.resource, example.principal
            ));
            line(format!("  before: {}", decided(&difference.before, self.old)));
            line(format!("  after:  {}", decided(&difference.after, self.new)));
            let with = with(example);
            if !with.is_empty() {
                line(format!("  with:   {with}"));
            }
            if !difference.without.is_empty() {
                line(format!("  without {}", difference.without.join(", ")));
            }
        }
        for undecided in &self.diff.undecided {
            line(match &undecided.clause {
                Some((side, place)) => format!(
                    "undecided: {}:{}:{}: {} at {}",
                    self.file(*side),
                    place.line,
                    place.column,
                    self.reason(undecided),
                    place.path
                ),
                None => format!("undecided: {}", self.reason(undecided)),
            });
        }
        line(self.summary());
        text
    }

    /// `1 new access, no lost access`
    fn summary(&self) -> String {
        let of = |change: Change| {
            let differences = self.diff.differences.iter();
            differences
                .filter(|difference| difference.change == change)
                .count()
        };
        let new_access = match (of(Change::NewAccess), self.has_new_access()) {
            (0, None) => "new access is undecided".to_owned(),
            (0, _) => "no new access".to_owned(),
            (number, _) => format!("{number} new access"),
        };
        let lost_access = match of(Change::LostAccess) {
            0 if self.is_undecided() => "lost access is undecided".to_owned(),
            0 => "no lost access".to_owned(),
            number => format!("{number} lost access"),
        };
        match of(Change::OtherDenial) {
            0 => format!("{new_access}, {lost_access}"),
            number => format!("{new_access}, {lost_access}, {number} denied otherwise"),
        }
    }
}

/// ``allowed by statement 1 (`Wider`) at new.json:7:5``
fn decided(evaluation: &Evaluation, policy: &NamedPolicy) -> String {
    let Some(by) = &evaluation.decided_by else {
        return evaluation.decision.to_string();
    };
    let sid = by.sid.as_ref().map(|sid| format!(" (`{}`)", sid.as_str()));
    let outline = policy.document.outline();
    let place = outline.get(by.statement).map(|statement| {
        let place = &statement.place;
        format!(" at {}:{}:{}", policy.file, place.line, place.column)
    });
    format!(
        "{} by statement {}{}{}",
        evaluation.decision,
        by.statement,
        sid.unwrap_or_default(),
        place.unwrap_or_default()
    )
}

/// The condition keys that nothing else determines, and the account that the resource is taken to belong to
fn with(example: &ExampleRequest) -> String {
    let keys = example.context.iter();
    let keys = keys.filter(|(key, _)| !FOLLOWING_KEYS.contains(key));
    let keys = keys.map(|(key, values)| match values {
        [value] => format!("{key}={value}"),
        several => format!("{key}=[{}]", several.join(", ")),
    });
    let account = example.resource_account.iter();
    let account = account.map(|account| format!("the resource owned by {account}"));
    keys.chain(account).collect::<Vec<_>>().join(", ")
}

/// Keys whose values are determined by the caller and the resource
const FOLLOWING_KEYS: [&str; 6] = [
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:username",
    "aws:ResourceAccount",
    "aws:RequestedRegion",
];
