//! Compares coverage with an independent count: for each unit, a document with that clause alone is evaluated.

use iam_policy::{
    ConditionCoverage, Decision, DocumentCounts, DocumentCoverage, ElementCoverage, Policies, PolicyDocument,
    PolicyType, StatementCoverage, evaluate,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::properties::{OwnedRequest, any_statement, endpoint_policy, request};

/// Whether a statement with these members, and with others that match everything, allows the request
fn holds(members: &Map<String, Value>, request: &OwnedRequest) -> bool {
    let mut statement = members.clone();
    statement.insert("Effect".to_owned(), json!("Allow"));
    for (name, not) in [
        ("Principal", "NotPrincipal"),
        ("Action", "NotAction"),
        ("Resource", "NotResource"),
    ] {
        if !statement.contains_key(name) && !statement.contains_key(not) {
            statement.insert(name.to_owned(), json!("*"));
        }
    }
    let text = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let document = PolicyDocument::parse_stored(&text, PolicyType::VpcEndpoint).unwrap();
    let policies = Policies {
        vpc_endpoint: Some(&document),
        ..Policies::default()
    };
    evaluate(&policies, &request.as_request()).decision == Decision::Allowed
}

fn only(name: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value)])
}

/// A single value, or each value of a list
fn each(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    }
}

/// A condition that is true exactly when this value matches one of the request's values
fn comparison(operator: &str, key: &str, value: &Value) -> Value {
    let base = operator
        .trim_start_matches("ForAllValues:")
        .trim_start_matches("ForAnyValue:")
        .trim_end_matches("IfExists");
    let positive = match base {
        "NotIpAddress" => "IpAddress".to_owned(),
        base => base.replace("Not", ""),
    };
    let operator = match base {
        "Null" => base.to_owned(),
        _ => format!("ForAnyValue:{positive}"),
    };
    json!({operator: {key: [value]}})
}

/// Its elements, its conditions, and whether it matched
type Reference = (Vec<bool>, Vec<Option<bool>>, bool);

/// What one statement counts for a request: its elements, its conditions (`None` where they are not reached), and
/// itself
fn reference(statement: &Value, request: &OwnedRequest) -> Reference {
    let mut elements = Vec::new();
    let mut before = Map::new();
    for (name, not) in [
        ("Principal", "NotPrincipal"),
        ("Action", "NotAction"),
        ("Resource", "NotResource"),
    ] {
        let (found, value) = match statement.get(name) {
            Some(value) => (name, value),
            None => (not, &statement[not]),
        };
        before.insert(found.to_owned(), value.clone());
        match value {
            Value::Object(kinds) => {
                for (kind, entries) in kinds {
                    let entries = each(entries).into_iter();
                    elements.extend(entries.map(|entry| holds(&only(name, json!({kind: entry})), request)));
                }
            }
            entries => elements.extend(
                each(entries)
                    .into_iter()
                    .map(|entry| holds(&only(name, entry), request)),
            ),
        }
    }
    let (mut conditions, mut so_far) = (Vec::new(), Map::new());
    let mut reached = holds(&before, request);
    for (operator, keys) in statement["Condition"].as_object().unwrap() {
        for (key, values) in keys.as_object().unwrap() {
            for value in each(values) {
                let condition = comparison(operator, key, &value);
                elements.push(holds(&only("Condition", condition), request));
            }
            so_far.insert(operator.clone(), json!({key: values}));
            let alone = holds(&only("Condition", json!({operator: {key: values}})), request);
            conditions.push(reached.then_some(alone));
            reached = reached && alone;
        }
    }
    before.insert("Condition".to_owned(), Value::Object(so_far));
    let matched = holds(&before, request);
    assert_eq!(matched, reached, "{statement}");
    (elements, conditions, matched)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn counts_are_those_of_each_clause_evaluated_alone(
        statements in vec(any_statement(), 1..4),
        requests in vec(request(), 1..8),
    ) {
        let mut counts = DocumentCounts::new(endpoint_policy(&statements));
        for request in &requests {
            counts.count(&request.as_request());
        }
        let DocumentCoverage { requests: counted, statements: covered, totals } = counts.coverage();
        prop_assert_eq!(counted, requests.len() as u64);
        prop_assert_eq!(covered.len(), statements.len());
        for (statement, covered) in statements.iter().zip(&covered) {
            let references: Vec<_> = requests.iter().map(|request| reference(statement, request)).collect();
            let StatementCoverage { matched, evaluated, elements, conditions, .. } = covered;
            let count = |of: &dyn Fn(&Reference) -> bool| {
                references.iter().filter(|reference| of(reference)).count() as u64
            };
            prop_assert_eq!(*evaluated, counted);
            prop_assert_eq!(*matched, count(&|(_, _, matched)| *matched), "{}", statement);
            prop_assert_eq!(elements.len(), references[0].0.len());
            for (index, ElementCoverage { matched, place, .. }) in elements.iter().enumerate() {
                prop_assert_eq!(*matched, count(&|(elements, _, _)| elements[index]), "{} of {}", place.path, statement);
            }
            prop_assert_eq!(conditions.len(), references[0].1.len());
            for (index, ConditionCoverage { was_true, was_false, .. }) in conditions.iter().enumerate() {
                prop_assert_eq!(*was_true, count(&|(_, conditions, _)| conditions[index] == Some(true)), "{}", statement);
                prop_assert_eq!(*was_false, count(&|(_, conditions, _)| conditions[index] == Some(false)), "{}", statement);
            }
        }
        let elements = covered.iter().flat_map(|statement| &statement.elements);
        prop_assert_eq!(totals.elements.of, elements.clone().count() as u64);
        prop_assert_eq!(totals.elements.covered, elements.filter(|element| element.matched > 0).count() as u64);
        prop_assert_eq!(totals.statements.of, covered.len() as u64);
    }
}

#[test]
fn a_condition_is_covered_when_it_was_true_and_false() {
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Team", "Effect": "Allow", "Principal": "*", "Action": "vision:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": ["vision", "audit"]}, "Bool": {"aws:SecureTransport": "true"}},
    }]});
    let document = PolicyDocument::parse(&policy.to_string(), PolicyType::VpcEndpoint).unwrap();
    let mut counts = DocumentCounts::new(document);
    let mut ask = |team: &str, tls: &str| {
        let mut request = OwnedRequest::simple();
        request.context.insert("aws:PrincipalTag/team", team.to_owned());
        request.context.insert("aws:SecureTransport", tls.to_owned());
        counts.count(&request.as_request());
    };
    ask("vision", "true");
    ask("vision", "true");
    ask("sales", "false");
    counts.count_decided(0);
    let coverage = counts.coverage();
    let [statement] = &coverage.statements[..] else {
        panic!()
    };
    assert_eq!(
        (statement.matched, statement.decided, statement.evaluated),
        (2, 1, 3)
    );
    let outcomes: Vec<_> = statement
        .conditions
        .iter()
        .map(|c| (c.was_true, c.was_false))
        .collect();
    // The second is not evaluated where the first is false.
    assert_eq!(outcomes, [(2, 1), (2, 0)]);
    let totals = coverage.totals;
    assert_eq!((totals.conditions.covered, totals.conditions.of), (1, 2));
    // `audit` never matched.
    assert_eq!((totals.elements.covered, totals.elements.of), (5, 6));
    assert_eq!(totals.all().percent(), 77);
    // Here the keys of an object are sorted by name.
    let tag = &statement.conditions[1].place;
    assert_eq!(
        tag.path,
        "/Statement/0/Condition/StringEquals/aws:PrincipalTag~1team"
    );
}
