//! Caller + Invocation + entry point → Permit.
//!
//! An invocation says what the policies are asked about it ([`AuthorizationRequest`]): pairs of an action and a
//! resource, each of which must be allowed. A [`Permit`] is made here and nowhere else, and running an operation takes
//! one, so a forgotten check does not compile. Beside it comes an [`Authorization`]: the facts that the decision was
//! made of. The journal keeps it, and the decision is explained from it only when somebody reads the entry.

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::Region;
use iam_policy::{Arn, Decision, Evaluation, Explanation, LayerDecision, PolicyDocument, Resource};
use serde_json::{Map, Value};

use crate::{
    identity::{Caller, Principal},
    network::entry_point::EntryPoint,
    request::ReceivedRequest,
    settings::Settings,
};

mod asked;
mod changes;
mod context;
mod coverage;
mod denial;
mod notes;
mod question;
mod request;
mod supposed;

use self::{asked::Asked, context::Facts};
pub(crate) use self::{
    changes::{Changes, PolicyChanges},
    coverage::Coverage,
    denial::Denial,
    notes::ORGANIZATION_KEYS,
    question::Question,
    request::{Authorizable, AuthorizationRequest, Pair, RequestTags},
    supposed::{SupposedCall, Verdict},
};

/// Permission to run one operation once: running it consumes the permit
#[derive(Debug)]
pub(crate) struct Permit<I> {
    invocation: I,
    authorization: Arc<Authorization>,
}

/// What was permitted
#[derive(Debug)]
pub(crate) struct Permitted<I> {
    /// The invocation to perform
    pub(crate) request: I,
    /// Who asked for it
    pub(crate) principal: Arc<Principal>,
    /// The entry point that the request came through
    pub(crate) entry_point: EntryPoint,
}

/// A decision with the facts that it is based on
#[derive(Debug)]
pub(crate) struct Authorization {
    asked: Asked,
    evaluation: Evaluation,
    /// The index of the pair that decided; `evaluation` is the evaluation of this pair
    decisive: usize,
    kept: Kept,
}

/// How much is kept of the facts that a decision is based on
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// All of it
    Whole,
    /// Only as much as there is room for: too little to work out the decision again
    Abridged,
}

/// Decides whether a caller may do what it asks for, and counts the decision in `coverage` if there is one
///
/// # Errors
/// When the policies do not allow every pair of the invocation.
pub(crate) fn authorize<I: Authorizable>(
    settings: &Arc<Settings>,
    received: &ReceivedRequest,
    caller: Caller,
    entry_point: EntryPoint,
    invocation: I,
    coverage: Option<&Coverage>,
) -> (Arc<Authorization>, Result<Permit<I>, Denial>) {
    let request = invocation.authorization_request();
    let asked = Asked {
        settings: settings.clone(),
        facts: Facts::of(received),
        request,
        caller,
        entry_point,
    };
    let (decisive, evaluation) = asked.decide(Changes::default(), coverage);
    let is_allowed = evaluation.decision.is_allowed();
    let authorization = Arc::new(Authorization {
        asked,
        evaluation,
        decisive,
        kept: Kept::Whole,
    });
    let verdict = if is_allowed {
        Ok(Permit {
            invocation,
            authorization: authorization.clone(),
        })
    } else {
        Err(Denial(authorization.clone()))
    };
    (authorization, verdict)
}

impl<I> Permit<I> {
    /// What may be done, by whom, and over which entry point; the permit is used up
    pub(crate) fn redeem(self) -> Permitted<I> {
        let asked = &self.authorization.asked;
        Permitted {
            principal: asked.caller.principal.clone(),
            entry_point: asked.entry_point.clone(),
            request: self.invocation,
        }
    }
}

impl Authorization {
    /// The verdict
    pub(crate) fn decision(&self) -> Decision {
        self.evaluation.decision
    }

    /// The action of the pair that decided: `lookoutvision:…`, and for the services around it `ec2:…` and `sts:…`
    pub(crate) fn action(&self) -> String {
        self.pair().action().to_string()
    }

    /// The resource of that pair: `*` or an ARN
    pub(crate) fn resource(&self) -> String {
        self.pair().resource().to_string()
    }

    /// The ARN of that resource; `None` if the resource is `*`
    pub(crate) fn arn(&self) -> Option<&Arn> {
        self.pair().resource().arn()
    }

    /// The Region that was called
    pub(crate) fn region(&self) -> &Region {
        self.asked.request.region()
    }

    /// The tags that the resources had when this was decided
    pub(crate) fn resource_tags(&self) -> impl Iterator<Item = &Arc<BTreeMap<String, String>>> {
        self.asked.request.pairs().filter_map(Pair::resource_tags)
    }

    /// Whether all facts that the decision is based on are kept
    pub(crate) fn is_whole(&self) -> bool {
        self.kept == Kept::Whole
    }

    /// Whether one of the pairs has this resource: an ARN, or `*`
    pub(crate) fn is_about(&self, resource: &str) -> bool {
        self.asked.request.pairs().any(|pair| match pair.resource() {
            Resource::Any => resource == "*",
            Resource::Arn(arn) => arn.as_str() == resource,
        })
    }

    /// The resource of each pair: an ARN, or `*`
    pub(crate) fn resources(&self) -> impl Iterator<Item = String> {
        self.asked.request.pairs().map(|pair| pair.resource().to_string())
    }

    /// Each pair that was asked about, with its decision; an abridged authorization has only the pair that decided
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Pair, Decision)> {
        let pairs = self.asked.request.pairs();
        pairs.map(|pair| match self.kept {
            Kept::Whole => (pair, self.asked.evaluate(pair, Changes::default()).decision),
            Kept::Abridged => (pair, self.evaluation.decision),
        })
    }

    /// What each layer of policies says about a pair by itself; empty for an abridged authorization
    pub(crate) fn layers(&self, pair: &Pair) -> Vec<LayerDecision> {
        match self.kept {
            Kept::Whole => self.asked.layers(pair, Changes::default()),
            Kept::Abridged => Vec::new(),
        }
    }

    /// What the policies would say about the same call with these changes; `None` for an abridged authorization
    pub(crate) fn decide<'a>(&'a self, changes: Changes<'a>) -> Option<Verdict<'a>> {
        (self.kept == Kept::Whole).then(|| Verdict::of(&self.asked, changes))
    }

    /// The decision and the statement that made it, if one did
    pub(crate) fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    /// For each statement what matched and what did not, and which one decided
    pub(crate) fn explain(&self) -> Explanation {
        if self.kept == Kept::Abridged {
            let note = "the condition keys of this request were too long for limits.journal_entry_bytes_max and are \
                        not kept whole, so nothing can be said of single statements";
            return Explanation::without_statements(&self.evaluation, self.pair().action(), note);
        }
        self.asked.explain(self.pair(), Changes::default())
    }

    /// Every document that was asked, with its place among those of its type
    pub(crate) fn documents(&self) -> Vec<(usize, PolicyDocument)> {
        self.asked
            .with_policies(self.pair(), Changes::default(), |policies| {
                let documents = policies.documents();
                documents
                    .map(|(place, document)| (place, document.clone()))
                    .collect()
            })
    }

    /// The condition keys as evaluated
    pub(crate) fn context_json(&self) -> Map<String, Value> {
        self.asked.context_json(self.pair(), Changes::default())
    }

    /// The same decision with only the pair that decided, and with each text cut to at most `bytes_max` bytes
    pub(crate) fn abridged(&self, bytes_max: usize) -> Self {
        let Asked {
            settings,
            caller,
            entry_point,
            request,
            facts,
        } = &self.asked;
        Self {
            asked: Asked {
                settings: settings.clone(),
                caller: caller.clone(),
                entry_point: entry_point.clone(),
                request: request.abridged(self.decisive, bytes_max),
                facts: facts.abridged(bytes_max),
            },
            evaluation: self.evaluation.clone(),
            decisive: 0,
            kept: Kept::Abridged,
        }
    }

    /// What the journal counts for this, in bytes: an estimate
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.asked.facts.bytes() + self.asked.request.bytes()
    }

    fn pair(&self) -> &Pair {
        self.asked.request.pair(self.decisive)
    }
}
