//! Both documents side by side: what they decide, given which of their statements apply.

use std::fmt;
use std::mem::discriminant;

use super::clauses::{Clauses, entries_of};
use super::keys::Candidates;
use super::sets::Bits;
use super::{Change, Difference, ExampleRequest, Side, Undecided};
use crate::condition::Condition;
use crate::context::{eq_folded, folded};
use crate::decision::Decision;
use crate::document::{PolicyDocument, PolicyType};
use crate::evaluate::{Policies, evaluate};
use crate::principal::PrincipalPattern;
use crate::resource::ResourcePattern;
use crate::statement::{Effect, Statement};

/// Both documents, the statements of the old one before those of the new.
pub(super) struct Comparison<'d> {
    old: &'d PolicyDocument,
    new: &'d PolicyDocument,
    pub(super) statements: Vec<&'d Statement>,
    /// The statements that both have.
    shared: Bits,
}

/// What a document decides about a request, and by which of its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Saying {
    Denies(usize),
    IsSilent,
    Allows(Option<usize>),
}

impl<'d> Comparison<'d> {
    pub(super) fn of(old: &'d PolicyDocument, new: &'d PolicyDocument) -> Self {
        // The version decides what `${` means.
        let written = |document: &PolicyDocument| -> Vec<String> {
            let statements = document.statements().iter();
            statements
                .map(|statement| format!("{:?} {}", document.version(), all_but_its_name(statement)))
                .collect()
        };
        let (in_old, in_new) = (written(old), written(new));
        let all: Vec<&String> = in_old.iter().chain(&in_new).collect();
        Self {
            old,
            new,
            statements: old.statements().iter().chain(new.statements()).collect(),
            shared: Bits::of(all.len(), |index| {
                all.get(index)
                    .is_some_and(|statement| in_old.contains(statement) && in_new.contains(statement))
            }),
        }
    }

    /// Whether both documents have the same statements, in whatever order.
    pub(super) fn is_of_equals(&self) -> bool {
        (0..self.statements.len()).all(|index| self.shared.has(index))
    }

    pub(super) fn policy_type(&self) -> PolicyType {
        self.old.policy_type()
    }

    /// Whether a document of this type is one of several, of which one has to allow.
    fn stands_beside_others(&self) -> bool {
        matches!(
            self.policy_type(),
            PolicyType::Identity | PolicyType::Session | PolicyType::ServiceControl
        )
    }

    /// A set of statements, as small as possible, with the same outcome as this one in both documents; `None` if the
    /// documents do not differ, whichever of the other statements no longer apply.
    ///
    /// `kept` are the statements that certainly apply if they are in the set. If one of them denies, it decides its
    /// document; if one allows, only the denying statements still matter.
    pub(super) fn settled(&self, set: &Bits, kept: &Bits) -> Option<Bits> {
        let old = self.old.statements().len();
        let sides = [(0, old), (old, self.statements.len())];
        let effect = |index: usize| self.statements.get(index).map(|statement| statement.effect);
        let deciding = sides.map(|(first, end)| {
            let of = |wanted: Effect, is_wanted: fn(&Bits, usize) -> bool| {
                let mut statements = set.iter().filter(|index| (first..end).contains(index));
                statements.find(|index| {
                    kept.has(*index) && effect(*index) == Some(wanted) && is_wanted(&self.shared, *index)
                })
            };
            let denies = of(Effect::Deny, |_, _| true);
            // If possible, one that both documents have: then they may turn out to agree.
            let allows = of(Effect::Allow, Bits::has).or_else(|| of(Effect::Allow, |_, _| true));
            (denies, allows)
        });
        if let [(Some(_), _), (Some(_), _)] = deciding {
            return None;
        }
        let left = Bits::of(self.statements.len(), |index| {
            let [of_old, of_new] = deciding;
            set.has(index)
                && match if index < old { of_old } else { of_new } {
                    (Some(denies), _) => index == denies,
                    (None, Some(allows)) => index == allows || effect(index) == Some(Effect::Deny),
                    (None, None) => true,
                }
        });
        let differs = left.iter().any(|index| !self.shared.has(index));
        differs.then_some(left)
    }

    /// What both documents decide if these statements apply.
    pub(super) fn sayings(&self, applying: &Bits) -> (Saying, Saying) {
        let old = self.old.statements().len();
        (
            self.saying(applying, 0, old),
            self.saying(applying, old, self.statements.len()),
        )
    }

    fn saying(&self, applying: &Bits, first: usize, end: usize) -> Saying {
        let applying = || {
            let of_document = applying.iter().filter(move |index| (first..end).contains(index));
            of_document.filter_map(|index| Some((index - first, self.statements.get(index)?.effect)))
        };
        if let Some((statement, _)) = applying().find(|(_, effect)| *effect == Effect::Deny) {
            return Saying::Denies(statement);
        }
        match applying().next() {
            Some((statement, _)) => Saying::Allows(Some(statement)),
            // AWS Organizations User Guide, *Resource control policies*: full access is always attached.
            None if self.policy_type() == PolicyType::ResourceControl => Saying::Allows(None),
            None => Saying::IsSilent,
        }
    }

    /// What a difference means for access; `None` if there is none.
    pub(super) fn change(&self, before: Saying, after: Saying) -> Option<Change> {
        let rank = |saying: Saying| match saying {
            Saying::Denies(_) => 0,
            Saying::IsSilent => 1,
            Saying::Allows(_) => 2,
        };
        let (before, after) = (rank(before), rank(after));
        let counts = self.stands_beside_others() || before == 2 || after == 2;
        match before.cmp(&after) {
            std::cmp::Ordering::Equal => None,
            _ if !counts => Some(Change::OtherDenial),
            std::cmp::Ordering::Less => Some(Change::NewAccess),
            std::cmp::Ordering::Greater => Some(Change::LostAccess),
        }
    }

    /// The difference that a request shows; `None` if a document decides the request otherwise than expected.
    pub(super) fn confirmed(
        &self,
        (before, after): (Saying, Saying),
        example: ExampleRequest,
    ) -> Option<Difference> {
        let change = self.change(before, after)?;
        let decided = |document: &PolicyDocument, saying: Saying| {
            let evaluation = evaluate(&Attached::alone(document).policies(), &example.request());
            let is = match evaluation.decision {
                Decision::Allowed => matches!(saying, Saying::Allows(_)),
                Decision::ImplicitDeny => matches!(saying, Saying::IsSilent),
                Decision::ExplicitDeny => matches!(saying, Saying::Denies(_)),
            };
            is.then_some(evaluation)
        };
        let before = decided(self.old, before)?;
        let after = decided(self.new, after)?;
        let without = self.deciding_absences(&example, (before.decision, after.decision));
        Some(Difference {
            change,
            before,
            after,
            example,
            without,
        })
    }

    /// The keys that a request does not have, and of which some value would change a document's decision.
    fn deciding_absences(&self, example: &ExampleRequest, decided: (Decision, Decision)) -> Vec<String> {
        let decision = |document: &PolicyDocument, request: &ExampleRequest| {
            evaluate(&Attached::alone(document).policies(), &request.request()).decision
        };
        let conditions = || self.statements.iter().flat_map(|statement| &statement.conditions);
        let mut asked: Vec<&str> = Vec::new();
        for condition in conditions() {
            let key = condition.key.as_str();
            if example.context.values(key).is_empty() && !asked.iter().any(|known| eq_folded(known, key)) {
                asked.push(key);
            }
        }
        asked.retain(|key| {
            let of_key: Vec<&Condition> = conditions()
                .filter(|condition| eq_folded(condition.key.as_str(), key))
                .collect();
            let candidates = Candidates::of(key, &of_key, &example.context);
            candidates.present.into_iter().any(|values| {
                let mut with_key = example.clone();
                with_key.context.insert_all((*key).to_owned(), values);
                (decision(self.old, &with_key), decision(self.new, &with_key)) != decided
            })
        });
        asked.into_iter().map(str::to_owned).collect()
    }

    /// The accounts that the documents name, and those of AWS's examples: example requests use these.
    pub(super) fn accounts(&self) -> Vec<String> {
        let mut accounts: Vec<String> = Vec::new();
        let mut add = |account: &str| {
            if crate::principal::is_account_id(account) && !accounts.iter().any(|known| known == account) {
                accounts.push(account.to_owned());
            }
        };
        for statement in &self.statements {
            let entries = statement
                .principal
                .iter()
                .flat_map(super::super::statement::PrincipalClause::entries);
            for identity in entries.filter_map(PrincipalPattern::identity) {
                add(identity.account());
            }
            for parts in entries_of(statement).iter().filter_map(ResourcePattern::parts) {
                let [_, _, _, _, account, _] = parts;
                add(account.as_str());
            }
        }
        EXAMPLE_ACCOUNTS.iter().for_each(|account| add(account));
        accounts
    }

    /// Everything that is undecided in the statements of `applying`, with its place.
    pub(super) fn undecided(
        &self,
        clauses: &Clauses<'_>,
        about: &Bits,
        may_be_new_access: bool,
    ) -> Vec<Undecided> {
        let outlines = [self.old.outline(), self.new.outline()];
        let [old, new] = &outlines;
        let outline = |statement: usize| match statement.checked_sub(old.len()) {
            None => old.get(statement).map(|outline| (Side::Old, outline)),
            Some(statement) => new.get(statement).map(|outline| (Side::New, outline)),
        };
        let mut undecided = Vec::new();
        for open in &clauses.open {
            for (statement, condition) in open.places.iter().filter(|(statement, _)| about.has(*statement)) {
                let Some((side, outline)) = outline(*statement) else {
                    continue;
                };
                let place = outline
                    .conditions
                    .get(*condition)
                    .map(|condition| condition.place.clone());
                undecided.push(Undecided {
                    clause: place.map(|place| (side, place)),
                    reason: format!("`{}` is not solved: {}", open.condition.operator, open.why),
                    may_be_new_access,
                });
            }
        }
        for statement in about.iter() {
            let Some((side, outline)) = outline(statement) else {
                continue;
            };
            let entries = self
                .statements
                .get(statement)
                .map_or(&[][..], |statement| entries_of(statement));
            for (entry, outline) in entries.iter().zip(&outline.resource) {
                if entry.has_variables() {
                    undecided.push(Undecided {
                        clause: Some((side, outline.place.clone())),
                        reason: "the resource is not solved: it has variables".to_owned(),
                        may_be_new_access,
                    });
                }
            }
        }
        undecided
    }
}

/// A statement without its `Sid` and with sorted lists: neither the `Sid` nor the order changes a decision.
fn all_but_its_name(statement: &Statement) -> String {
    let Statement {
        sid: _,
        effect,
        principal,
        action,
        resource,
        conditions,
    } = statement;
    let principal = principal
        .as_ref()
        .map(|clause| (discriminant(clause), sorted(clause.entries())));
    let action = (discriminant(action), sorted(action.entries()));
    let resource = resource
        .as_ref()
        .map(|clause| (discriminant(clause), sorted(clause.entries())));
    let conditions: Vec<_> = conditions
        .iter()
        .map(|condition| {
            let key: String = folded(condition.key.as_str()).collect();
            (condition.operator, key, sorted(&condition.texts))
        })
        .collect();
    format!(
        "{effect:?} {principal:?} {action:?} {resource:?} {:?}",
        sorted(&conditions)
    )
}

/// The entries of a list in an order that depends on the entries alone.
fn sorted<T: fmt::Debug>(entries: &[T]) -> Vec<String> {
    let mut entries: Vec<String> = entries.iter().map(|entry| format!("{entry:?}")).collect();
    entries.sort_unstable();
    entries
}

/// A document as the only one attached.
struct Attached<'d> {
    document: &'d PolicyDocument,
    levels: [Vec<PolicyDocument>; 1],
}

impl<'d> Attached<'d> {
    fn alone(document: &'d PolicyDocument) -> Self {
        Self {
            document,
            levels: [vec![document.clone()]],
        }
    }

    fn policies(&self) -> Policies<'_> {
        let nothing = Policies::default();
        let document = self.document;
        let list = std::slice::from_ref(document);
        match document.policy_type() {
            PolicyType::VpcEndpoint => Policies {
                vpc_endpoint: Some(document),
                ..nothing
            },
            PolicyType::Identity => Policies {
                identity: Some(list),
                ..nothing
            },
            PolicyType::PermissionsBoundary => Policies {
                permissions_boundary: list,
                ..nothing
            },
            PolicyType::Session => Policies {
                session: list,
                ..nothing
            },
            PolicyType::ServiceControl => Policies {
                service_control: &self.levels,
                ..nothing
            },
            PolicyType::ResourceControl => Policies {
                resource_control: &self.levels,
                ..nothing
            },
            PolicyType::RoleTrust => Policies {
                role_trust: Some(document),
                ..nothing
            },
        }
    }
}

/// Accounts from AWS's documentation.
const EXAMPLE_ACCOUNTS: [&str; 2] = ["123456789012", "111122223333"];
