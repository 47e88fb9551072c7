//! Projects and their models.

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::{ProjectName, Region};
use client_text::fits;
use lookoutvision::{
    canned::{CannedRule, When},
    declared::{DeclaredModel, DeclaredProject},
    model::ModelStatus,
};

use super::{
    super::{
        file::{self, List, rules::Model},
        files::Files,
        problems::{Place, Report},
    },
    Unique, each, rules,
    tags::{self, KeyCase},
};
use crate::{identity::Principal, network::VpcEndpoint};

/// The declared projects, or `myProject`
pub(super) fn validate(
    written: Option<List<file::Project>>,
    place: &Place,
    files: &Files,
    report: &Report<'_>,
) -> Option<Vec<DeclaredProject>> {
    let Some(written) = written else {
        return Some(vec![default_project()]);
    };
    let mut names = NamesByRegion::default();
    each(written, place, report, |place, written| {
        let region = written.region.map(|region| region.0);
        let name = written.name.map(|name| name.0);
        if let Some(name) = &name
            && report.is_sound(&place.child("region"))
        {
            names.check(name, region.as_ref(), place.child("name"), report);
        }
        let models = models(written.models, &place.child("models"), files, report);
        let rules_place = place.child("detect_anomalies");
        let detect_anomalies = rules::validate(written.detect_anomalies, &rules_place, files, report);
        let (models, exists) = (models?, written.exists.unwrap_or(true));
        if !exists && !models.is_empty() {
            return report.refuse(place, "a project that does not exist has no models");
        }
        Some(DeclaredProject {
            name: name?,
            region,
            models,
            detect_anomalies: detect_anomalies?,
            exists,
            answers_from_datasets: written.answers_from_datasets.unwrap_or(false),
            dataset_create_fails: written.dataset_create_fails.map(String::into_boxed_str),
            training_fails: written.training_fails.map(String::into_boxed_str),
            hosting_fails: written.hosting_fails.map(String::into_boxed_str),
        })
    })
}

/// Finds projects of one name in one Region
#[derive(Default)]
struct NamesByRegion(BTreeMap<ProjectName, Vec<(Option<Region>, Place)>>);

impl NamesByRegion {
    fn check(&mut self, name: &ProjectName, region: Option<&Region>, place: Place, report: &Report<'_>) {
        let same = self.0.entry(name.clone()).or_default();
        let first = same
            .iter()
            .find(|(other, _)| other.is_none() || region.is_none() || other.as_ref() == region);
        if let Some((_, first)) = first {
            let first = report.first_at(first);
            report.problem(
                &place,
                format!("duplicate project `{name}` in one Region; {first}"),
            );
        } else {
            same.push((region.cloned(), place));
        }
    }
}

fn models(
    written: Option<List<Model>>,
    place: &Place,
    files: &Files,
    report: &Report<'_>,
) -> Option<Vec<DeclaredModel>> {
    let mut versions = Unique::new("model version");
    each(written.unwrap_or_default(), place, report, |place, written| {
        let version = written.version.map(|version| version.0);
        if let Some(version) = &version {
            versions.check(version.clone(), place.child("version"), report);
        }
        let tags = tags::validate(
            written.tags,
            &place.child("tags"),
            MODEL_TAGS_MAX,
            KeyCase::Kept,
            report,
        );
        let rules_place = place.child("detect_anomalies");
        let detect_anomalies = rules::validate(written.detect_anomalies, &rules_place, files, report);
        Some(DeclaredModel {
            version: version?,
            status: written.status.map_or(ModelStatus::Hosted, |status| status.0),
            tags: tags?,
            detect_anomalies: detect_anomalies?,
        })
    })
}

fn default_project() -> DeclaredProject {
    let model = |version: &str| DeclaredModel {
        version: version.parse().expect("the default versions are well-formed"),
        status: ModelStatus::Hosted,
        tags: BTreeMap::new(),
        detect_anomalies: Vec::new(),
    };
    DeclaredProject {
        name: "myProject"
            .parse()
            .expect("the default project's name is well-formed"),
        region: None,
        models: vec![model("1"), model("myModel")],
        detect_anomalies: Vec::new(),
        exists: true,
        answers_from_datasets: false,
        dataset_create_fails: None,
        training_fails: None,
        hosting_fails: None,
    }
}

/// Warns of rules that ask for an unknown principal or endpoint, and of rules after one that always answers
pub(super) fn warn_of_rules_that_never_match(
    projects: &[DeclaredProject],
    place: &Place,
    principals: &[Arc<Principal>],
    vpc_endpoints: &[VpcEndpoint],
    report: &Report<'_>,
) {
    let check = |rules: &[CannedRule], place: &Place| {
        let list = place.child("detect_anomalies");
        warn_of_list(rules, &list, principals, vpc_endpoints, report);
    };
    for (index, project) in projects.iter().enumerate() {
        let place = place.child(index);
        check(&project.detect_anomalies, &place);
        for (index, model) in project.models.iter().enumerate() {
            check(&model.detect_anomalies, &place.child("models").child(index));
        }
    }
}

/// Refuses rules that set more scenarios than there may be, because no call could be answered by them
pub(super) fn refuse_too_many_scenarios(
    projects: &[DeclaredProject],
    place: &Place,
    scenarios_max: usize,
    report: &Report<'_>,
) {
    let check = |rules: &[CannedRule], place: &Place| {
        let list = place.child("detect_anomalies");
        refuse_too_many_scenarios_of_list(rules, &list, scenarios_max, report);
    };
    for (index, project) in projects.iter().enumerate() {
        let place = place.child(index);
        check(&project.detect_anomalies, &place);
        for (index, model) in project.models.iter().enumerate() {
            check(&model.detect_anomalies, &place.child("models").child(index));
        }
    }
}

/// The same check for one list of rules
pub(in crate::config) fn refuse_too_many_scenarios_of_list(
    rules: &[CannedRule],
    list: &Place,
    scenarios_max: usize,
    report: &Report<'_>,
) {
    for (index, rule) in rules.iter().enumerate() {
        let count = rule.set_scenario.len();
        if count > scenarios_max {
            let place = list.child(index).child("then").child("set_scenario");
            let message = format!("{count} scenarios are more than scenarios_max ({scenarios_max})");
            report.problem(&place, message);
        }
    }
}

/// Warns of rules of one list that never match
pub(in crate::config) fn warn_of_list(
    rules: &[CannedRule],
    list: &Place,
    principals: &[Arc<Principal>],
    vpc_endpoints: &[VpcEndpoint],
    report: &Report<'_>,
) {
    let mut always = None;
    for (index, rule) in rules.iter().enumerate() {
        let place = list.child(index);
        if let Some(always) = always {
            let message = format!("never reached: the rule at index {always} answers every call");
            report.warning(&place, message);
        }
        let When {
            principal,
            access_key_id,
            vpc_endpoint_id,
            ..
        } = &rule.when;
        // Sessions of roles come and go, so they are not looked for.
        if let Some(arn) = principal
            && !(arn.contains('*') && arn.contains("assumed-role"))
            && !principals.iter().any(|principal| fits(arn, principal.arn()))
        {
            let message = format!("never matches: no principal `{arn}` is declared");
            report.warning(&place.child("when").child("principal"), message);
        }
        let has_key = |id: &str| {
            let mut keys = principals.iter().flat_map(|principal| &principal.access_keys);
            keys.any(|key| key.access_key_id.as_str() == id)
        };
        // Access key ids of sessions begin with `ASIA` (IAM User Guide, *IAM identifiers*).
        if let Some(id) = access_key_id
            && !id.starts_with("ASIA")
            && !has_key(id)
        {
            let message = format!("never matches: no principal has the access key `{id}`");
            report.warning(&place.child("when").child("access_key_id"), message);
        }
        if let Some(id) = vpc_endpoint_id
            && !vpc_endpoints
                .iter()
                .any(|endpoint| endpoint.vpc_endpoint_id == *id)
        {
            let message = format!("never matches: no VPC endpoint `{id}` is declared");
            report.warning(&place.child("when").child("vpc_endpoint_id"), message);
        }
        if always.is_none() && asks_nothing(&rule.when) {
            always = Some(index);
        }
    }
}

fn asks_nothing(when: &When) -> bool {
    let When {
        image_sha256: None,
        content_type: None,
        image_bytes: None,
        width: None,
        height: None,
        principal: None,
        access_key_id: None,
        vpc_endpoint_id: None,
        call: None,
        scenario,
    } = when
    else {
        return false;
    };
    scenario.is_empty()
}

/// API model, `TagList`
const MODEL_TAGS_MAX: usize = 200;
