//! Rules that are put while the emulator runs: which there are for which model, how they are changed and kept.
//!
//! Rules are kept as they were written, and read again at a start, by the same reader as the configuration's own. Like
//! endpoints and sessions they are persisted before they are seen, stand in the snapshot, and end with `POST /reset`.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use aws_identifiers::{ModelVersion, ProjectName, Region};
use lookoutvision::canned::{CannedRule, PutRule, PutRules, RuleRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::Settings;

mod changes;

pub(crate) use self::changes::{NotChanged, Shown};

/// The rules that were put, by model
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleChanges {
    by_model: BTreeMap<ModelName, PutRules>,
    last_id: u64,
}

/// Which model rules are for; written `us-west-2/project/version` or, for every Region, `*/project/version`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModelName {
    pub(crate) project: ProjectName,
    pub(crate) version: ModelVersion,
    /// `None`: every Region without rules of its own
    pub(crate) region: Option<Region>,
}

/// Reads a list of rules under a configuration
pub(crate) type RuleReader = dyn Fn(&Value, &Settings) -> Result<ReadRules, Vec<RuleMistake>> + Send + Sync;

/// Rules, and warnings about them
pub(crate) type ReadRules = (Vec<CannedRule>, Vec<RuleMistake>);

/// What is wrong, or odd, about a list of rules
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct RuleMistake {
    /// JSON Pointer, from the list on
    #[schema(example = "/0/then/confidence")]
    pub(crate) path: String,
    /// What it is
    pub(crate) message: String,
}

/// The rules of one model in the state file and in a state
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptRules {
    /// Whether they stand in the place of the configuration's
    pub(crate) replaces_declared: bool,
    pub(crate) rules: Vec<KeptRule>,
}

/// One rule in the state file and in a state
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptRule {
    /// `r-1`
    pub(crate) id: RuleId,
    /// As it was written
    pub(crate) rule: Value,
}

/// The number of a rule that was put, written `r-1`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleId(pub(crate) u64);

impl RuleChanges {
    /// The rules that were put for a model in one Region: those for this Region, or else those for every Region
    pub(crate) fn of(&self, region: &Region, project: &str, version: &str) -> Option<&PutRules> {
        // Most emulators never have any.
        if self.by_model.is_empty() {
            return None;
        }
        let (project, version) = (project.parse().ok()?, version.parse().ok()?);
        let mut name = ModelName {
            project,
            version,
            region: Some(region.clone()),
        };
        self.by_model.get(&name).or_else(|| {
            name.region = None;
            self.by_model.get(&name)
        })
    }

    /// The rules that were put under exactly this name
    pub(crate) fn get(&self, model: &ModelName) -> Option<&PutRules> {
        self.by_model.get(model)
    }

    /// All of them
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ModelName, &PutRules)> {
        self.by_model.iter()
    }

    /// How many rules there are
    pub(crate) fn count(&self) -> usize {
        self.by_model.values().map(|put| put.rules.len()).sum()
    }

    /// Puts rules in the place of all others of a model, including those of the configuration
    pub(crate) fn put(&mut self, model: ModelName, rules: Vec<CannedRule>) {
        let rules = rules.into_iter().map(|rule| self.numbered(rule)).collect();
        let put = PutRules {
            rules,
            replaces_declared: true,
        };
        self.by_model.insert(model, put);
    }

    /// Puts one rule in front of all others of a model
    pub(crate) fn put_in_front(&mut self, model: ModelName, rule: CannedRule) -> RuleId {
        let rule = self.numbered(rule);
        let id = RuleId(rule.id);
        self.by_model.entry(model).or_default().rules.insert(0, rule);
        id
    }

    /// Takes one rule away; `None`: there is none of this id
    pub(crate) fn remove(&mut self, model: &ModelName, id: RuleId) -> Option<()> {
        let put = self.by_model.get_mut(model)?;
        let index = put.rules.iter().position(|rule| rule.id == id.0)?;
        put.rules.remove(index);
        if put.rules.is_empty() && !put.replaces_declared {
            self.by_model.remove(model);
        }
        Some(())
    }

    /// Goes back to the rules of the configuration
    pub(crate) fn restore(&mut self, model: &ModelName) {
        self.by_model.remove(model);
    }

    /// Takes in rules that were kept; the path of a mistake begins at them
    ///
    /// A rule that is there already, in `present`, stays as it is: it was read when it was put, and the file of its answer
    /// may be gone since.
    ///
    /// # Errors
    /// With what is wrong with them now, and where.
    pub(crate) fn take_in(
        &mut self,
        model: ModelName,
        kept: KeptRules,
        settings: &Settings,
        reader: &RuleReader,
        present: &Self,
    ) -> Result<(), RuleMistake> {
        let present = present.get(&model);
        let mut rules = Vec::with_capacity(kept.rules.len());
        for (index, KeptRule { id, rule }) in kept.rules.into_iter().enumerate() {
            let path = format!("/rules/{index}");
            if self.has(id) || rules.iter().any(|rule: &PutRule| rule.id == id.0) {
                let message = format!("there are two rules `{id}`");
                return Err(RuleMistake {
                    path: format!("{path}/id"),
                    message,
                });
            }
            self.last_id = self.last_id.max(id.0);
            let mut same = present.into_iter().flat_map(|present| &present.rules);
            if let Some(same) = same.find(|other| other.id == id.0 && *other.rule.written == rule) {
                rules.push(PutRule {
                    id: id.0,
                    rule: same.rule.clone(),
                });
                continue;
            }
            let read =
                reader(&Value::from(vec![rule]), settings).map_err(|mistakes| mistakes.into_iter().next());
            let (read, _) = read.map_err(|mistake| {
                let mistake = mistake.unwrap_or_else(|| RuleMistake {
                    path: String::new(),
                    message: "it cannot be read".to_owned(),
                });
                let within = mistake.path.strip_prefix("/0").unwrap_or(&mistake.path);
                RuleMistake {
                    path: format!("{path}/rule{within}"),
                    message: mistake.message,
                }
            })?;
            rules.extend(read.into_iter().map(|rule| PutRule {
                id: id.0,
                rule: Arc::new(rule),
            }));
        }
        let put = PutRules {
            rules,
            replaces_declared: kept.replaces_declared,
        };
        self.by_model.insert(model, put);
        Ok(())
    }

    /// Numbers later rules after those of `others`
    pub(crate) fn number_after(&mut self, others: &Self) {
        self.last_id = self.last_id.max(others.last_id);
    }

    fn has(&self, id: RuleId) -> bool {
        let mut rules = self.by_model.values().flat_map(|put| &put.rules);
        rules.any(|rule| rule.id == id.0)
    }

    fn numbered(&mut self, rule: CannedRule) -> PutRule {
        self.last_id += 1;
        PutRule {
            id: self.last_id,
            rule: Arc::new(rule),
        }
    }
}

impl KeptRules {
    /// What is kept of them
    pub(crate) fn of(put: &PutRules) -> Self {
        let rules = put.rules.iter().map(|put| KeptRule {
            id: RuleId(put.id),
            rule: (*put.rule.written).clone(),
        });
        Self {
            replaces_declared: put.replaces_declared,
            rules: rules.collect(),
        }
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RuleRef::Put(self.0).fmt(f)
    }
}

/// The highest number that is read; numbers of rules that are put later are higher
const RULE_NUMBER_MAX: u64 = 9_999_999_999;

impl FromStr for RuleId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("r-").and_then(|number| number.parse().ok());
        let id = number
            .map(Self)
            .filter(|id| id.0 <= RULE_NUMBER_MAX && id.to_string() == text);
        id.ok_or_else(|| format!("`{text}` is not the id of a rule, such as `r-1`"))
    }
}

impl Serialize for RuleId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.region.as_ref().map_or("*", Region::as_str);
        write!(f, "{region}/{}/{}", self.project, self.version)
    }
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let [region, project, version] = parts[..] else {
            return Err(format!("`{text}` is not a Region, a project and a version"));
        };
        let invalid = |error: aws_identifiers::IdentifierError| error.to_string();
        Ok(Self {
            region: match region {
                "*" => None,
                region => Some(region.parse().map_err(invalid)?),
            },
            project: project.parse().map_err(invalid)?,
            version: version.parse().map_err(invalid)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_are_read_as_they_are_written() {
        for text in ["*/p/1", "us-west-2/my-project/myModel"] {
            assert_eq!(text.parse::<ModelName>().unwrap().to_string(), text);
        }
        for text in ["p/1", "*/p/1/2", "nowhere/p/1", "*//1"] {
            assert!(text.parse::<ModelName>().is_err(), "{text}");
        }
        assert_eq!("r-12".parse(), Ok(RuleId(12)));
        for text in [
            "r-",
            "r-01",
            "r-+1",
            "12",
            "R-1",
            "r-10000000000",
            "r-18446744073709551615",
        ] {
            assert!(text.parse::<RuleId>().is_err(), "{text}");
        }
    }
}
