//! Evaluation by size of policy, the rest of the crate, and Cedar in the same run for comparison.

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request as CedarRequest};
use divan::{Bencher, black_box};
use iam_policy::{Policies, PolicyDocument, Request, evaluate, explain};
use iam_policy_bench::{
    ONE_STATEMENT, context, endpoint_policy, largest, request, statements_with_conditions,
};

fn main() {
    divan::main();
}

fn bench_evaluate(bencher: Bencher<'_, '_>, document: &PolicyDocument) {
    let owned = request();
    let policies = Policies {
        vpc_endpoint: Some(document),
        ..Policies::default()
    };
    let request = Request {
        principal: &owned.principal,
        action: &owned.action,
        resource: &owned.resource,
        resource_account: None,
        context: &owned.context,
    };
    assert!(evaluate(&policies, &request).decision.is_allowed());
    bencher.bench(|| evaluate(black_box(&policies), black_box(&request)));
}

#[divan::bench]
fn default_policy(bencher: Bencher<'_, '_>) {
    bench_evaluate(bencher, &PolicyDocument::full_access());
}

#[divan::bench]
fn one_statement(bencher: Bencher<'_, '_>) {
    bench_evaluate(bencher, &endpoint_policy(ONE_STATEMENT));
}

#[divan::bench]
fn fifty_statements_with_conditions(bencher: Bencher<'_, '_>) {
    let text = statements_with_conditions(50);
    bench_evaluate(bencher, &endpoint_policy(&text));
}

#[divan::bench]
fn largest_policy(bencher: Bencher<'_, '_>) {
    bench_evaluate(bencher, &endpoint_policy(&largest()));
}

#[divan::bench(args = [1, 2, 4, 8, 16, 32])]
fn growth(bencher: Bencher<'_, '_>, statements: usize) {
    bench_evaluate(bencher, &endpoint_policy(&statements_with_conditions(statements)));
}

/// A pattern that makes a backtracking matcher try everything: every place fits until the `b` at its end.
#[divan::bench(args = [8, 16, 32, 64])]
fn hostile_pattern(bencher: Bencher<'_, '_>, stars: usize) {
    let pattern = "*a?a".repeat(stars) + "*b*";
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{{"StringLike":{{"test:v":"{pattern}"}}}}}},
            {{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}]}}"#
    );
    let document = endpoint_policy(&text);
    let mut owned = request();
    owned.context.insert("test:v", "a".repeat(1_000));
    let policies = Policies {
        vpc_endpoint: Some(&document),
        ..Policies::default()
    };
    let request = Request {
        principal: &owned.principal,
        action: &owned.action,
        resource: &owned.resource,
        resource_account: None,
        context: &owned.context,
    };
    bencher.bench(|| evaluate(black_box(&policies), black_box(&request)));
}

#[divan::bench]
fn explain_fifty_statements(bencher: Bencher<'_, '_>) {
    let document = endpoint_policy(&statements_with_conditions(50));
    let owned = request();
    let policies = Policies {
        vpc_endpoint: Some(&document),
        ..Policies::default()
    };
    let request = Request {
        principal: &owned.principal,
        action: &owned.action,
        resource: &owned.resource,
        resource_account: None,
        context: &owned.context,
    };
    bencher.bench(|| explain(black_box(&policies), black_box(&request)));
}

#[divan::bench]
fn build_context_of_20_keys() -> iam_policy::RequestContext<'static> {
    context()
}

#[divan::bench]
fn parse_largest_policy(bencher: Bencher<'_, '_>) {
    let text = largest();
    bencher.bench(|| endpoint_policy(black_box(&text)));
}

/// Cedar on comparable policies: the request and entities are built beforehand, as above.
mod cedar {
    use super::*;

    fn bench(bencher: Bencher<'_, '_>, policies: &str) {
        let policies: PolicySet = policies.parse().expect("the policies parse");
        let uid = |text: &str| text.parse::<EntityUid>().expect("it is an entity");
        let context = context();
        let pairs = context.iter().map(|(key, values)| {
            let value = cedar_policy::RestrictedExpression::new_string(values[0].to_string());
            (key.replace([':', '/'], "_"), value)
        });
        let ip = cedar_policy::RestrictedExpression::new_ip("10.1.2.3");
        let pairs = pairs.chain([("ip".to_owned(), ip)]);
        let request = CedarRequest::new(
            uid(r#"User::"alice""#),
            uid(r#"Action::"DetectAnomalies""#),
            uid(r#"Model::"myProject/myModel""#),
            Context::from_pairs(pairs).expect("the keys are distinct"),
            None,
        )
        .expect("there is no schema to disagree with");
        let (authorizer, entities) = (Authorizer::new(), Entities::empty());
        let decision = authorizer
            .is_authorized(&request, &policies, &entities)
            .decision();
        assert_eq!(decision, cedar_policy::Decision::Allow);
        bencher.bench(|| authorizer.is_authorized(black_box(&request), black_box(&policies), &entities));
    }

    #[divan::bench]
    fn default_policy(bencher: Bencher<'_, '_>) {
        bench(bencher, "permit(principal, action, resource);");
    }

    #[divan::bench]
    fn one_statement(bencher: Bencher<'_, '_>) {
        let policy = r#"permit(principal, action == Action::"DetectAnomalies", resource == Model::"myProject/myModel");"#;
        bench(bencher, policy);
    }

    #[divan::bench]
    fn fifty_statements_with_conditions(bencher: Bencher<'_, '_>) {
        let policy = |index: usize| {
            let team = if index == 49 {
                "vision".to_owned()
            } else {
                format!("team{index}")
            };
            format!(
                r#"permit(principal, action in [Action::"DetectAnomalies", Action::"ListModels"], resource)
                when {{ context.aws_SourceVpce == "vpce-0a1b2c3d4e5f67890"
                    && context.ip.isInRange(ip("10.0.0.0/8"))
                    && context.aws_PrincipalTag_team like "{team}" }};"#
            )
        };
        bench(bencher, &(0..50).map(policy).collect::<String>());
    }
}
