//! Projects and their models.

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::{ProjectName, Region};
use lookoutvision::declared::DeclaredProject;
use lookoutvision::{
    canned::{CannedRule, When},
    declared::DeclaredModel,
    model::ModelStatus,
};

use super::{
    super::{
        file::{self, rules::Model},
        files::Files,
        problems::{Place, Report, Reported},
        read::{List, Located},
    },
    Unique, all, elements, rules,
    tags::{self, KeyCase},
};
use crate::identity::Principal;
use crate::network::VpcEndpoint;

type PlacedProject = (Option<Place>, DeclaredProject);

/// The projects that are declared, or `myProject`
pub(super) fn validate(
    written: Option<List<file::Project>>,
    files: &Files,
    report: &Report<'_>,
) -> Result<Vec<PlacedProject>, Reported> {
    let Some(written) = written else {
        return Ok(vec![(None, default_project())]);
    };
    let mut seen: BTreeMap<ProjectName, Vec<(Option<Region>, Place)>> = BTreeMap::new();
    let projects = written.value?.into_iter().map(|written| {
        let place = written.place;
        let written = written.value?;
        let region = written.region.map(|region| region.value).transpose();
        let name = written.name.value.and_then(|name| {
            let Ok(region) = &region else { return Ok(name) };
            let same = seen.entry(name.clone()).or_default();
            let first = same
                .iter()
                .find(|(other, _)| other.is_none() || region.is_none() || other == region);
            if let Some((_, first)) = first {
                let message = format!(
                    "duplicate project `{name}` in one Region; {}",
                    report.first_at(first)
                );
                return Err(report.problem(&written.name.place, message));
            }
            same.push((region.clone(), written.name.place.clone()));
            Ok(name)
        });
        let models = models(written.models, files, report);
        let detect_anomalies = rules::validate(written.detect_anomalies, files, report);
        let exists = written.exists.map_or(Ok(true), |exists| exists.value);
        let message = |written: Option<Located<String>>| {
            let text = written.map(|text| text.value).transpose()?;
            Ok(text.map(String::into_boxed_str))
        };
        let dataset_create_fails = message(written.dataset_create_fails);
        let training_fails = message(written.training_fails);
        let hosting_fails = message(written.hosting_fails);
        let models: Vec<DeclaredModel> = models?;
        if matches!(exists, Ok(false)) && !models.is_empty() {
            return Err(report.problem(&place, "a project that does not exist has no models"));
        }
        let project = DeclaredProject {
            name: name?,
            region: region?,
            models,
            detect_anomalies: detect_anomalies?,
            exists: exists?,
            dataset_create_fails: dataset_create_fails?,
            training_fails: training_fails?,
            hosting_fails: hosting_fails?,
        };
        Ok((Some(place), project))
    });
    all(projects)
}

fn models(
    written: Option<List<Model>>,
    files: &Files,
    report: &Report<'_>,
) -> Result<Vec<DeclaredModel>, Reported> {
    let mut versions = Unique::new("model version");
    let models = elements(written)?.into_iter().map(|written| {
        let written = written.value?;
        let version = written.version.value.and_then(|version| {
            versions.check(version.clone(), &written.version.place, report)?;
            Ok(version)
        });
        let status = written
            .status
            .map_or(Ok(ModelStatus::Hosted), |status| status.value);
        let tags = tags::validate(written.tags, MODEL_TAGS_MAX, KeyCase::Kept, report);
        let detect_anomalies = rules::validate(written.detect_anomalies, files, report);
        Ok(DeclaredModel {
            version: version?,
            status: status?,
            tags: tags?,
            detect_anomalies: detect_anomalies?,
        })
    });
    all(models)
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
        dataset_create_fails: None,
        training_fails: None,
        hosting_fails: None,
    }
}

/// Warns of rules that ask for a principal or an endpoint that is not there, and of rules behind one that always answers
pub(super) fn warn_of_rules_that_never_match(
    projects: &[PlacedProject],
    principals: &[Arc<Principal>],
    vpc_endpoints: &[VpcEndpoint],
    report: &Report<'_>,
) {
    let check = |rules: &[CannedRule], place: &Place| {
        let mut always = None;
        for (index, rule) in rules.iter().enumerate() {
            let place = place.child("detect_anomalies").child(index);
            if let Some(always) = always {
                let message = format!("never reached: the rule at index {always} answers every call");
                report.warning(&place, message);
            }
            let When {
                principal,
                vpc_endpoint_id,
                ..
            } = &rule.when;
            if let Some(arn) = principal
                && !principals.iter().any(|principal| principal.arn() == &**arn)
            {
                let message = format!("never matches: no principal `{arn}` is declared");
                report.warning(&place.child("when").child("principal"), message);
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
    };
    for (place, project) in projects {
        let Some(place) = place else { continue };
        check(&project.detect_anomalies, place);
        for (index, model) in project.models.iter().enumerate() {
            check(&model.detect_anomalies, &place.child("models").child(index));
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
        vpc_endpoint_id: None,
        call: None,
    } = when
    else {
        return false;
    };
    true
}

/// API model, `TagList`
const MODEL_TAGS_MAX: usize = 200;
