//! Rules that were put, in a document.

use aws_identifiers::{ModelVersion, ProjectName, Region};
use lookoutvision::store::document::Misfit;
use serde::{Deserialize, Serialize};

use crate::{
    runtime::rules::{KeptRule, KeptRules, ModelName, RuleChanges, RuleReader},
    settings::Settings,
};

/// The rules that were put for a model
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesDocument {
    project: ProjectName,
    version: ModelVersion,
    /// Absent: every Region
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
    /// Whether they stand in the place of the configuration's
    replaces_declared: bool,
    rules: Vec<KeptRule>,
}

pub(super) fn documents(rules: &RuleChanges) -> Vec<RulesDocument> {
    let documents = rules.iter().map(|(model, put)| {
        let KeptRules {
            replaces_declared,
            rules,
        } = KeptRules::of(put);
        RulesDocument {
            project: model.project.clone(),
            version: model.version.clone(),
            region: model.region.clone(),
            replaces_declared,
            rules,
        }
    });
    documents.collect()
}

/// The rules that documents describe, numbered on from the present ones
pub(super) fn read(
    documents: Vec<RulesDocument>,
    settings: &Settings,
    reader: &RuleReader,
    present: &RuleChanges,
) -> Result<RuleChanges, Misfit> {
    let mut rules = RuleChanges::default();
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("/rules/{index}");
        let model = ModelName {
            project: document.project,
            version: document.version,
            region: document.region,
        };
        if rules.get(&model).is_some() {
            return Err(Misfit::at(path, format!("there are rules for {model} already")));
        }
        let kept = KeptRules {
            replaces_declared: document.replaces_declared,
            rules: document.rules,
        };
        rules
            .take_in(model, kept, settings, reader, present)
            .map_err(|mistake| Misfit::at(format!("{path}{}", mistake.path), mistake.message))?;
    }
    let (count, most) = (rules.count(), settings.limits.put_rules_max);
    if count > most {
        let message = format!("{count} rules are more than limits.put_rules_max ({most})");
        return Err(Misfit::at("/rules", message));
    }
    rules.number_after(present);
    Ok(rules)
}
