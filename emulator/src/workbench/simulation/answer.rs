//! The answer to a question: a decision, or why there is none.

use std::io::{self, Write};

use iam_policy::{DecidedBy, Decision, Evaluation, NearMiss, StatementExplanation};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Explain,
    written::{Mistake, ReadPolicies, Refusal, WrittenQuestion},
};

#[derive(Serialize)]
pub(crate) struct Answer<'a> {
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome<'a> {
    Decided(Decided),
    Failed { error: Failure<'a> },
}

#[derive(Serialize)]
struct Decided {
    decision: Decision,
    decided_by: Option<DecidedBy>,
    /// The access-denied text that AWS would send
    message: Option<String>,
    #[serde(flatten)]
    explained: Option<Explained>,
}

#[derive(Serialize)]
struct Explained {
    statements: Vec<StatementExplanation>,
    near_miss: Option<NearMiss>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: &'static str,
    message: &'a str,
    /// JSON Pointer: into the policy, or into the line
    path: &'a str,
    /// JSON Pointer of the policy in the line
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

impl<'a> Answer<'a> {
    /// The decision on a question
    pub(crate) fn of(line: &WrittenQuestion<'a>, policies: &ReadPolicies, explained: Explain) -> Self {
        let question = line.question(policies);
        let (evaluation, explained) = match explained {
            Explain::No => (question.evaluate(), None),
            Explain::Yes => {
                let explanation = question.explain();
                let explained = Explained {
                    statements: explanation.statements,
                    near_miss: explanation.near_miss,
                    notes: explanation.notes,
                };
                (explanation.evaluation, Some(explained))
            }
        };
        let request = question.request;
        let message = evaluation.denial_message(request.principal, request.action, request.resource);
        let Evaluation {
            decision, decided_by, ..
        } = evaluation;
        Self {
            id: line.id,
            outcome: Outcome::Decided(Decided {
                decision,
                decided_by,
                message,
                explained,
            }),
        }
    }

    /// The answer when a policy of the line cannot be evaluated
    pub(crate) fn refusal(id: Option<&'a RawValue>, refusal: &'a Refusal) -> Self {
        Self::failed(
            id,
            Failure {
                code: "InvalidPolicyDocument",
                message: refusal.error.message(),
                path: refusal.error.path(),
                policy: Some(&refusal.policy),
                line: None,
                column: None,
            },
        )
    }

    /// The answer to a line that is not a question
    pub(crate) fn mistake(id: Option<&'a RawValue>, line: u64, mistake: &'a Mistake) -> Self {
        Self::failed(
            id,
            Failure {
                code: "InvalidInput",
                message: &mistake.message,
                path: &mistake.path,
                policy: None,
                line: Some(line),
                column: mistake.column,
            },
        )
    }

    fn failed(id: Option<&'a RawValue>, error: Failure<'a>) -> Self {
        Self {
            id,
            outcome: Outcome::Failed { error },
        }
    }

    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}
