//! Rules for resource control policies only. The findings are IAM Access Analyzer's, in its words (IAM User
//! Guide, *IAM policy validation check reference*, `RCP syntax error …`). AWS Organizations User Guide, *RCP
//! syntax*, has the same rules and one more: only `RCPFullAWSAccess` allows.

use super::{Path, Report, member};
use crate::action::ActionPattern;
use crate::finding::FindingCode;
use crate::json::{Node, Value};
use crate::principal::{Covers, PrincipalPattern};
use crate::resource::ResourcePattern;
use crate::statement::{ActionClause, Effect, PrincipalClause, ResourceClause, Statement};

/// Checks the statements of a resource control policy; those that could not be read are `None`.
pub(super) fn check(node: &Node<'_>, path: &Path<'_>, statements: &[Option<Statement>], report: &mut Report) {
    let is_alone = statements.len() == 1;
    match &node.value {
        Value::Array(items) => {
            for (index, (item, statement)) in items.iter().zip(statements).enumerate() {
                check_statement(item, &path.index(index), statement.as_ref(), is_alone, report);
            }
        }
        _ => {
            for statement in statements {
                check_statement(node, path, statement.as_ref(), is_alone, report);
            }
        }
    }
}

fn check_statement(
    node: &Node<'_>,
    path: &Path<'_>,
    statement: Option<&Statement>,
    is_alone: bool,
    report: &mut Report,
) {
    let (Some(statement), Value::Object(members)) = (statement, &node.value) else {
        return;
    };
    let mut add = |element: &str, code: FindingCode, message: &str| {
        let offset = member(members, element).map_or(node.offset, |value| value.offset);
        report.add(code, &path.key(element), offset, message);
    };
    // Guess: `{"AWS": "*"}` means `"*"`, as everywhere else (IAM User Guide, *Principal*).
    match &statement.principal {
        Some(PrincipalClause::Principal(entries)) if is_everyone(entries) => {}
        Some(PrincipalClause::NotPrincipal(_)) => {
            add("NotPrincipal", FindingCode::RcpSyntaxErrorPrincipal, PRINCIPAL);
        }
        _ => add("Principal", FindingCode::RcpSyntaxErrorPrincipal, PRINCIPAL),
    }
    let actions = match &statement.action {
        ActionClause::Action(actions) => actions,
        ActionClause::NotAction(_) => {
            add("NotAction", FindingCode::RcpSyntaxErrorNotAction, NOT_ACTION);
            return;
        }
    };
    if statement.effect == Effect::Allow {
        let is_full_access = is_alone && matches!(actions.as_slice(), [only] if only.as_str() == "*");
        if !allows_in_general(statement) {
            add("Effect", FindingCode::RcpSyntaxErrorAllow, ALLOW);
        } else if !is_full_access {
            add("Effect", FindingCode::RcpSyntaxErrorAllow, ALLOW_OF_ONES_OWN);
        }
        return;
    }
    if let Some(node) = member(members, "Action") {
        check_actions(node, &path.key("Action"), actions, report);
    }
}

/// Checks that each action names its service.
fn check_actions(node: &Node<'_>, path: &Path<'_>, actions: &[ActionPattern], report: &mut Report) {
    for (index, action) in actions.iter().enumerate() {
        let service = action
            .as_str()
            .split_once(':')
            .map_or("*", |(service, _)| service);
        if !service.contains(['*', '?']) {
            continue;
        }
        let message = format!(
            "RCPs only support specifying select service prefixes in the `Action` element; `{}` names no service",
            action.as_str()
        );
        match &node.value {
            Value::Array(items) => {
                let offset = items.get(index).map_or(node.offset, |item| item.offset);
                report.add(
                    FindingCode::RcpSyntaxErrorAction,
                    &path.index(index),
                    offset,
                    message,
                );
            }
            _ => report.add(FindingCode::RcpSyntaxErrorAction, path, node.offset, message),
        }
    }
}

fn is_everyone(entries: &[PrincipalPattern]) -> bool {
    matches!(entries, [only] if matches!(only.covers(), Covers::Everyone))
}

/// Whether the statement is about every resource and has no condition.
fn allows_in_general(statement: &Statement) -> bool {
    let every = |entries: &[ResourcePattern]| matches!(entries, [only] if only.is_every());
    statement.conditions.is_empty()
        && matches!(&statement.resource, Some(ResourceClause::Resource(entries)) if every(entries))
}

const PRINCIPAL: &str = "the `Principal` element contents are not valid: RCPs only support specifying all principals (`*`) \
     in the `Principal` element, and the `NotPrincipal` element is not supported for RCPs";

const ALLOW: &str = "RCPs only support specifying all principals (`*`) in the `Principal` element, all resources (`*`) in \
     the `Resource` element, and no `Condition` element with an effect of `Allow`";

/// AWS Organizations User Guide, *RCP syntax*, `Effect` element.
const ALLOW_OF_ONES_OWN: &str = "the effect of `Allow` is only supported for the `RCPFullAWSAccess` policy, one statement \
     that allows `*`, which is always attached; write `Deny`";

const NOT_ACTION: &str = "RCPs do not support the `NotAction` element; update to use the `Action` element";
