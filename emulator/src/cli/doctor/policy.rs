//! The Region that clients sign for, compared with the declared endpoints. The emulator itself reports names in
//! policies that name nothing.

use super::{surroundings::Surroundings, variables::CURE_BY_ENV};
use crate::control::diagnosis::Finding;

/// Whether there is an endpoint in the Region of each kind of client, and whether that is the Region that the policy
/// names
pub(super) fn region(surroundings: &Surroundings) -> Vec<Finding> {
    let Ok(answers) = &surroundings.control else {
        return Vec::new();
    };
    let variables = &surroundings.variables;
    let of_profile = surroundings.shared_config.value("region");
    let meant = answers.environment.get("AWS_REGION").map(String::as_str);
    let served: Vec<&str> = answers
        .endpoints
        .iter()
        .filter_map(|endpoint| endpoint.region.as_deref())
        .collect();
    let is_everywhere = answers.endpoints.iter().any(|endpoint| endpoint.region.is_none());
    // An endpoint that stands in every Region may have a policy about one of them.
    let of_policy =
        meant.filter(|region| is_everywhere && answers.first_policy.contains(&format!(":{region}:")));
    let mut findings: Vec<Finding> = Vec::new();
    for (variable, clients) in [
        ("AWS_REGION", "the SDKs but boto3"),
        ("AWS_DEFAULT_REGION", "boto3 and the AWS CLI v1"),
    ] {
        let finding = match variables.get(variable).or(of_profile) {
            None => Finding::warning(
                "region",
                format!("`{variable}` is not set, which {clients} take their Region from"),
            )
            .cure(match meant {
                Some(region) => format!("export {variable}={region}"),
                None => CURE_BY_ENV.to_owned(),
            }),
            Some(region) if !is_everywhere && !served.contains(&region) => Finding::problem(
                "region",
                format!(
                    "{clients} call {region} (`{variable}`), where there is no VPC endpoint; there are {}",
                    match answers.endpoints.is_empty() {
                        true => "none at all".to_owned(),
                        false => listed(answers),
                    }
                ),
            )
            .cure(match meant {
                Some(region) => format!("export {variable}={region}, or declare an endpoint there"),
                None => "declare an endpoint there".to_owned(),
            }),
            Some(region) if of_policy.is_some_and(|of_policy| of_policy != region) => Finding::warning(
                "region",
                format!(
                    "{clients} call {region} (`{variable}`), and the attached policy is about {}",
                    of_policy.unwrap_or_default()
                ),
            )
            .cure(format!("export {variable}={}", of_policy.unwrap_or_default())),
            // The emulator itself reports which of several endpoints calls come through, if any.
            Some(region) if served_in(answers, region) > 1 => continue,
            Some(region) => Finding::ok(
                "region",
                format!("{clients} call {region}, where there is a VPC endpoint"),
            ),
        };
        findings.push(finding);
    }
    findings
}

/// How many endpoints stand in a Region
fn served_in(answers: &super::surroundings::ControlAnswers, region: &str) -> usize {
    let stand_there = answers
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.region.as_deref().is_none_or(|own| own == region));
    stand_there.count()
}

fn listed(answers: &super::surroundings::ControlAnswers) -> String {
    let endpoints: Vec<String> = answers
        .endpoints
        .iter()
        .map(|endpoint| {
            format!(
                "{} in {}",
                endpoint.id,
                endpoint.region.as_deref().unwrap_or("every Region")
            )
        })
        .collect();
    endpoints.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::doctor::surroundings::tests::surroundings, control::diagnosis::Status};

    #[test]
    fn a_region_without_an_endpoint_is_told_for_the_clients_that_read_it() {
        let statuses = |variables: &[(&str, &str)]| {
            let found = region(&surroundings(variables));
            found.iter().map(|finding| finding.status).collect::<Vec<_>>()
        };
        let (good, other) = ("us-east-1", "eu-west-1");
        let both = |one: &'static str, two: &'static str| [("AWS_REGION", one), ("AWS_DEFAULT_REGION", two)];
        assert_eq!(statuses(&both(good, good)), [Status::Ok, Status::Ok]);
        assert_eq!(statuses(&both(good, other)), [Status::Ok, Status::Problem]);
        assert_eq!(statuses(&both(other, good)), [Status::Problem, Status::Ok]);
        assert_eq!(statuses(&[("AWS_REGION", good)]), [Status::Ok, Status::Warning]);

        // Endpoints in every Region, and a policy that is about one of them.
        let mut around = surroundings(&both(good, other));
        let answers = around.control.as_mut().expect("it answers");
        answers.endpoints[0].region = None;
        assert_eq!(region(&around)[1].status, Status::Ok);
        let answers = around.control.as_mut().expect("it answers");
        answers.first_policy = r#"{"Resource":"arn:aws:lookoutvision:us-east-1:123456789012:*"}"#.to_owned();
        let found = region(&around);
        assert_eq!(found[1].status, Status::Warning, "{found:?}");
        assert!(found[1].message.contains("is about us-east-1"), "{found:?}");
    }
}
