//! A test file as it is written: what it tests, and the tests.
//!
//! ```yaml
//! config: ../emulator.yaml
//! defaults: {principal: arn:aws:iam::123456789012:user/alice}
//! tests:
//!   - name: the line may ask its own model
//!     operation: DetectAnomalies
//!     resource: model/myProject/1
//!     expect: allowed
//! ```

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use aws_identifiers::{Region, VpcEndpointId};

use super::{
    expectation::Expectation,
    is_standard_input,
    policies::{PolicyReader, read_file, read_text},
    tree::{Members, Mistakes, Place, Spot},
};
use crate::{
    authorization::PolicyChanges,
    config::{Problem, yaml},
    workbench::{CallerName, EntryPointName, OperationName, SubjectName},
};

/// A test file
pub(super) struct TestFile {
    /// `None`: it says nothing about that
    pub(super) tested: Option<Tested>,
    pub(super) tests: Vec<WrittenTest>,
    /// Every policy file that it names
    pub(super) policy_files: Vec<PathBuf>,
}

/// Whose policies are tested
pub(super) enum Tested {
    /// Those of a configuration; the file, and where it is named
    Config(PathBuf, Spot),
    /// Those that the test file names
    Policies(PolicyChanges),
}

/// A test; each list in it multiplies the cases
pub(super) struct WrittenTest {
    pub(super) spot: Spot,
    pub(super) name: String,
    pub(super) operations: Values<OperationName>,
    pub(super) given: Given,
    pub(super) expectation: Expectation,
    /// Whether nothing is wrong with it
    is_whole: bool,
}

/// What a test says about a call, or the defaults say for it
#[derive(Clone)]
pub(super) struct Given {
    pub(super) resources: Values<SubjectName>,
    pub(super) principals: Values<CallerName>,
    pub(super) entry_points: Values<EntryPointName>,
    pub(super) regions: Values<Region>,
    pub(super) source_ips: Values<IpAddr>,
    /// Condition keys on top of those that the server would set; without a value the key is absent
    pub(super) context: Vec<(String, Vec<String>)>,
}

/// The values of one key, and its place; without values the key is absent
#[derive(Clone)]
pub(super) struct Values<T> {
    pub(super) spot: Option<Spot>,
    pub(super) values: Vec<T>,
}

impl TestFile {
    /// Reads a file, or standard input for `-`, and records what is wrong with it. Tests that have a mistake are left
    /// out. `None`: nothing is left.
    ///
    /// # Errors
    /// When the file cannot be read, or is not YAML.
    pub(super) fn read(
        path: &Path,
        nodes_max: usize,
        mistakes: &mut Mistakes,
    ) -> Result<Option<Self>, Problem> {
        let text = match is_standard_input(path) {
            true => read_text("-", Ok(io::stdin().lock())),
            false => read_file(path),
        };
        let text = text.map_err(Problem::of_process)?;
        let tree = yaml::parse(&text, nodes_max)
            .map_err(|error| Problem::in_file(path, error.message).at(error.position))?;
        Ok(Self::of(&Place::root(&tree), mistakes))
    }

    fn of(root: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let members = root.members(&FILE_KEYS, mistakes)?;
        let path = mistakes.file().to_path_buf();
        let mut policies = PolicyReader::beside(&path);
        let tested = match (members.get("config"), members.get("policies")) {
            (Some(_), Some(place)) => {
                mistakes.at(
                    place.spot(),
                    "`config` and `policies` cannot both be tested; leave one of them out",
                );
                None
            }
            (Some(place), None) => place.text(mistakes).map(|config| {
                let folder = path.parent().unwrap_or(Path::new(""));
                Tested::Config(folder.join(config), place.spot().clone())
            }),
            (None, Some(place)) => policies.read(place, mistakes).map(Tested::Policies),
            (None, None) => None,
        };
        let before_defaults = mistakes.count();
        let defaults = match members.get("defaults") {
            Some(place) => match place.members(&GIVEN_KEYS, mistakes) {
                Some(members) => Given::read(&members, &Given::nothing(), mistakes),
                None => Given::nothing(),
            },
            None => Given::nothing(),
        };
        let defaults_are_whole = mistakes.count() == before_defaults;
        let policy_files = policies.files;
        let Some(place) = members.get("tests") else {
            mistakes.at(root.spot(), "the key `tests` is missing");
            return None;
        };
        let elements = place.list(mistakes)?;
        if elements.is_empty() {
            mistakes.at(place.spot(), "there is no test");
        }
        let mut tests: Vec<WrittenTest> = elements
            .iter()
            .filter_map(|element| WrittenTest::read(element, &defaults, mistakes))
            .collect();
        check_names(&tests, mistakes);
        // The rest of a test with a mistake would ask something that its author does not mean.
        tests.retain(|test| test.is_whole && defaults_are_whole);
        Some(Self {
            tested,
            tests,
            policy_files,
        })
    }
}

/// Refuses two tests of one name, which a report could not tell apart
fn check_names(tests: &[WrittenTest], mistakes: &mut Mistakes) {
    let mut first = BTreeMap::new();
    for test in tests {
        if let Some(other) = first.insert(&test.name, &test.spot) {
            let message = format!(
                "a test of this name is there already, at line {}; names tell tests apart in reports",
                other.position.line
            );
            mistakes.at(&test.spot, message);
        }
    }
}

impl WrittenTest {
    fn read(place: &Place<'_>, defaults: &Given, mistakes: &mut Mistakes) -> Option<Self> {
        let before = mistakes.count();
        let members = place.members(&TEST_KEYS, mistakes)?;
        let spot = place.spot().clone();
        let name = match members.get("name") {
            Some(place) => place.text(mistakes).map(str::to_owned),
            None => {
                mistakes.at(&spot, "the key `name` is missing");
                None
            }
        };
        let operations = match (members.get("operation"), members.get("action")) {
            (Some(place), None) | (None, Some(place)) => Some(Values::read(place, mistakes)),
            (Some(_), Some(place)) => {
                mistakes.at(
                    place.spot(),
                    "`operation` and `action` are the same; leave one of them out",
                );
                None
            }
            (None, None) => {
                mistakes.at(&spot, "the key `operation` is missing");
                None
            }
        };
        let given = Given::read(&members, defaults, mistakes);
        let expectation = match members.get("expect") {
            Some(place) => Expectation::read(place, mistakes),
            None => {
                mistakes.at(&spot, "the key `expect` is missing");
                None
            }
        };
        Some(Self {
            spot,
            name: name?,
            operations: operations?,
            given,
            expectation: expectation?,
            is_whole: mistakes.count() == before,
        })
    }
}

impl Given {
    fn nothing() -> Self {
        Self {
            resources: Values::none(),
            principals: Values::none(),
            entry_points: Values::none(),
            regions: Values::none(),
            source_ips: Values::none(),
            context: Vec::new(),
        }
    }

    /// The members of the test, and the defaults for those that it lacks
    fn read(members: &Members<'_>, defaults: &Self, mistakes: &mut Mistakes) -> Self {
        let entry_points = match members.get("vpc_endpoint_id") {
            Some(place) => Values {
                spot: Some(place.spot().clone()),
                values: place
                    .one_or_more()
                    .iter()
                    .filter_map(|place| {
                        if place.is_null() {
                            return Some(EntryPointName::Public);
                        }
                        place
                            .parsed::<VpcEndpointId>(mistakes)
                            .map(EntryPointName::VpcEndpoint)
                    })
                    .collect(),
            },
            None => defaults.entry_points.clone(),
        };
        Self {
            resources: Values::of(members, "resource", &defaults.resources, mistakes),
            principals: Values::of(members, "principal", &defaults.principals, mistakes),
            entry_points,
            regions: Values::of(members, "region", &defaults.regions, mistakes),
            source_ips: Values::of(members, "source_ip", &defaults.source_ips, mistakes),
            context: context(members, &defaults.context, mistakes),
        }
    }
}

/// The keys of a test on top of those of the defaults
fn context(
    members: &Members<'_>,
    defaults: &[(String, Vec<String>)],
    mistakes: &mut Mistakes,
) -> Vec<(String, Vec<String>)> {
    let Some(place) = members.get("context") else {
        return defaults.to_vec();
    };
    let mut context: Vec<(String, Vec<String>)> = Vec::new();
    for (key, place) in place.entries(mistakes).unwrap_or_default() {
        // IAM User Guide, *Condition*: keys are not case-sensitive.
        if context
            .iter()
            .any(|(other, _)| other.to_lowercase() == key.to_lowercase())
        {
            mistakes.at(place.spot(), format!("the condition key `{key}` is there twice"));
        }
        if !key.contains(':') {
            mistakes.at(
                place.spot(),
                format!("`{key}` is no condition key: those have a prefix, like `aws:PrincipalTag/team`"),
            );
        }
        let values = match place.is_null() {
            true => Vec::new(),
            false => {
                let values = place.one_or_more();
                let values = values.iter().filter_map(|value| value.text(mistakes));
                values.map(str::to_owned).collect()
            }
        };
        context.push((key.to_owned(), values));
    }
    for (key, values) in defaults {
        if !context
            .iter()
            .any(|(own, _)| own.to_lowercase() == key.to_lowercase())
        {
            context.push((key.clone(), values.clone()));
        }
    }
    context
}

impl<T> Values<T> {
    fn none() -> Self {
        Self {
            spot: None,
            values: Vec::new(),
        }
    }

    /// Each value, or once `None` if there is none
    pub(super) fn each(&self) -> Vec<Option<&T>> {
        match self.values.as_slice() {
            [] => vec![None],
            values => values.iter().map(Some).collect(),
        }
    }
}

impl<T: std::str::FromStr<Err: std::fmt::Display>> Values<T> {
    fn read(place: &Place<'_>, mistakes: &mut Mistakes) -> Self {
        let elements = place.one_or_more();
        if elements.is_empty() {
            mistakes.at(place.spot(), "the list is empty, so nothing would be tested");
        }
        Self {
            spot: Some(place.spot().clone()),
            values: elements
                .iter()
                .filter_map(|element| element.parsed(mistakes))
                .collect(),
        }
    }

    fn of(members: &Members<'_>, key: &str, defaults: &Self, mistakes: &mut Mistakes) -> Self
    where
        T: Clone,
    {
        match members.get(key) {
            Some(place) => Self::read(place, mistakes),
            None => defaults.clone(),
        }
    }
}

pub(super) const FILE_KEYS: [&str; 4] = ["config", "policies", "defaults", "tests"];
pub(super) const GIVEN_KEYS: [&str; 6] = [
    "resource",
    "principal",
    "vpc_endpoint_id",
    "region",
    "source_ip",
    "context",
];
pub(super) const TEST_KEYS: [&str; 10] = [
    "name",
    "operation",
    "action",
    "resource",
    "principal",
    "vpc_endpoint_id",
    "region",
    "source_ip",
    "context",
    "expect",
];
