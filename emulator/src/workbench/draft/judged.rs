//! How a draft decides the calls that it was made of, and calls that nobody made.

use std::collections::BTreeSet;

use iam_policy::PolicyDocument;
use lookoutvision::operation::Operation;
use serde::Serialize;
use utoipa::ToSchema;

use super::{AttachedTo, DraftOptions, changes, not_whole};
use crate::{
    authorization::{Changes, PolicyChanges},
    workbench::{RecordedCall, SOURCE_IP, Scene, words::count},
};

/// What was denied and would be allowed
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub(crate) struct OpenedCall {
    /// The ARN that called
    pub(super) principal: String,
    pub(super) action: String,
    pub(super) resource: String,
}

/// How a draft decides recorded calls
#[derive(Default)]
pub(super) struct Counts {
    pub(super) recorded_allowed: u64,
    pub(super) allows: u64,
    pub(super) recorded_denied: u64,
    pub(super) denies: u64,
    pub(super) opens: BTreeSet<OpenedCall>,
    pub(super) undecidable: u64,
}

impl Counts {
    pub(super) fn count(&mut self, calls: &[&RecordedCall], changes: &PolicyChanges) {
        for call in calls {
            let is_allowed = call.decide(changes, |verdict| verdict.evaluation().decision.is_allowed());
            let Some(is_allowed) = is_allowed else {
                self.undecidable += 1;
                continue;
            };
            if call.decision().is_allowed() {
                self.recorded_allowed += 1;
                self.allows += u64::from(is_allowed);
            } else {
                self.recorded_denied += 1;
                self.denies += u64::from(!is_allowed);
                if is_allowed {
                    self.opens.insert(OpenedCall {
                        principal: call.principal().arn().to_owned(),
                        action: call.action(),
                        resource: call.resource(),
                    });
                }
            }
        }
    }

    pub(super) fn summary(&self, also_allows: u64, left_out: u64) -> String {
        let of = |number: u64, all: u64| match number == all {
            true => format!("all {all}"),
            false => format!("{number} of {all}"),
        };
        let left_out = match left_out {
            0 => String::new(),
            _ => format!(
                "; leaves out {} that no policy can name",
                count(left_out, "allowed call")
            ),
        };
        format!(
            "allows {} recorded calls that were allowed, denies {} that were denied; also allows {} outside of them among \
             the principals, models and operations of the configuration{left_out}{}",
            of(self.allows, self.recorded_allowed),
            of(self.denies, self.recorded_denied),
            count(also_allows, "call"),
            not_whole(self.undecidable),
        )
    }
}

/// How many calls that nobody made a draft allows, among all callers and resources of a scene
pub(super) fn also_allows(
    options: &DraftOptions,
    allowed: &[&RecordedCall],
    document: &PolicyDocument,
    scene: &Scene,
) -> u64 {
    let recorded: BTreeSet<(&str, String, String)> = allowed
        .iter()
        .flat_map(|call| {
            let by = &*call.principal().policy_arn;
            let pairs = call.pairs().into_iter();
            pairs.map(move |pair| (by, pair.action().to_string(), pair.resource().to_string()))
        })
        .collect();
    let mut entry_points = scene.entry_points();
    entry_points.retain(|(entry_point, _)| !scene.refuses(entry_point));
    if let AttachedTo::VpcEndpoint(id) = &options.attached_to {
        entry_points.retain(|(entry_point, _)| entry_point.vpc_endpoint_id() == Some(id));
    }
    let changes = changes(document);
    let changes = Changes {
        context: &[],
        policies: Some(&changes),
    };
    let mut also = BTreeSet::new();
    for (_, caller) in scene.callers() {
        if !options.is_by(&caller.principal) {
            continue;
        }
        for (entry_point, region) in &entry_points {
            for operation in Operation::ALL {
                let subjects = scene.subjects(operation, region, None, false).unwrap_or_default();
                for subject in subjects {
                    let (caller, entry_point) = (caller.clone(), entry_point.clone());
                    let call = scene.call(
                        caller.clone(),
                        entry_point,
                        region,
                        operation,
                        &subject,
                        SOURCE_IP,
                    );
                    let verdict = call.decide(changes);
                    let by = caller.principal.policy_arn.to_string();
                    let what = (verdict.action(), verdict.resource());
                    let is_recorded = recorded.contains(&(by.as_str(), what.0.clone(), what.1.clone()));
                    if verdict.evaluation().decision.is_allowed() && !is_recorded {
                        also.insert((by, what));
                    }
                }
            }
        }
    }
    also.len() as u64
}
