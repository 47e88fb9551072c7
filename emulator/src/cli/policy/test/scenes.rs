//! What test files are about: configurations, each read once, and what is around policies that have none.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_identifiers::{AccountId, Region};
use iam_policy::PolicyDocument;
use jiff::Timestamp;

use super::written::{TestFile, Tested};
use crate::{
    authorization::{Coverage, PolicyChanges},
    config::{Config, Overrides, Problems},
    control::client_environment::{client_region, region_of_resources},
    runtime::Snapshot,
    workbench::{EntryPointName, Scene},
};

/// The configurations of one run
pub(super) struct Configurations {
    now: Timestamp,
    nodes_max: Option<usize>,
    read: BTreeMap<PathBuf, Arc<Scene>>,
    /// The files that they name, themselves included
    pub(super) files: Vec<PathBuf>,
}

/// What the tests of one file are about
pub(super) enum Tests {
    /// A configuration
    Configured(Arc<Scene>),
    /// Policies alone
    Policies(Box<Alone>),
}

/// Policies without a configuration
pub(super) struct Alone {
    pub(super) policies: PolicyChanges,
    now: Timestamp,
    /// The endpoints that the tests name
    vpc_endpoint_ids: Vec<String>,
    default_region: Region,
    /// By account: what is called belongs to one
    scenes: BTreeMap<String, Arc<Scene>>,
}

impl Configurations {
    pub(super) fn new(now: Timestamp, nodes_max: Option<usize>) -> Self {
        Self {
            now,
            nodes_max,
            read: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    /// A configuration as the server would put it in force
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub(super) fn read(&mut self, path: &Path) -> Result<Arc<Scene>, Problems> {
        if let Some(scene) = self.read.get(path) {
            return Ok(scene.clone());
        }
        let overrides = Overrides {
            config: Some(path.to_path_buf()),
            config_nodes_max: self.nodes_max,
            ..Overrides::default()
        };
        self.files.push(path.to_path_buf());
        let config = Config::load(&overrides)?;
        self.files
            .extend(config.files.iter().map(|file| file.path().to_path_buf()));
        let scene = Arc::new(Scene::declared(config.settings, self.now, region));
        self.read.insert(path.to_path_buf(), scene.clone());
        Ok(scene)
    }

    /// What the tests of a file are about; `None`: it says nothing, and no configuration is given for it
    ///
    /// # Errors
    /// With everything that is wrong with its configuration.
    pub(super) fn of(&mut self, file: &TestFile, option: Option<&Path>) -> Result<Option<Tests>, Problems> {
        Ok(match (&file.tested, option) {
            (Some(Tested::Policies(policies)), _) => {
                Some(Tests::Policies(Box::new(Alone::new(policies, file, self.now))))
            }
            // An option goes before the file.
            (_, Some(path)) => Some(Tests::Configured(self.read(path)?)),
            (Some(Tested::Config(path, _)), None) => Some(Tests::Configured(self.read(path)?)),
            (None, None) => None,
        })
    }
}

impl Tests {
    /// Shows every document, so that one that no test asks is in the report of coverage too
    pub(super) fn show(&self, coverage: &Coverage) {
        match self {
            Self::Configured(scene) => scene.show_all(coverage),
            Self::Policies(alone) => {
                for document in alone.policies.documents() {
                    coverage.show(document, None);
                }
            }
        }
    }
}

impl Alone {
    fn new(policies: &PolicyChanges, file: &TestFile, now: Timestamp) -> Self {
        let mut vpc_endpoint_ids: Vec<String> = Vec::new();
        for name in file.tests.iter().flat_map(|test| &test.given.entry_points.values) {
            if let EntryPointName::VpcEndpoint(id) = name
                && !vpc_endpoint_ids.iter().any(|known| known == id.as_str())
            {
                vpc_endpoint_ids.push(id.to_string());
            }
        }
        let region = policies.vpc_endpoint.as_ref().and_then(named_region);
        Self {
            policies: policies.clone(),
            now,
            vpc_endpoint_ids,
            default_region: region.unwrap_or_else(default_region),
            scenes: BTreeMap::new(),
        }
    }

    /// The endpoints, in every Region, of an account that has nothing else
    pub(super) fn scene(&mut self, account: &AccountId) -> Arc<Scene> {
        let scene = self.scenes.entry(account.to_string()).or_insert_with(|| {
            let mut yaml = format!("account_id: '{account}'\npublic_endpoint: allow\nprojects: []\n");
            if !self.vpc_endpoint_ids.is_empty() {
                yaml.push_str("vpcs: [{vpc_id: vpc-00000000000000000}]\nvpc_endpoints:\n");
            }
            for id in &self.vpc_endpoint_ids {
                // Which of them answers for the service's own name decides nothing here.
                let endpoint = format!(
                    "vpc_endpoint_id: {id}, vpc_id: vpc-00000000000000000, private_dns_enabled: false"
                );
                writeln!(yaml, "  - {{{endpoint}}}").expect("a text takes everything");
            }
            let config = Config::embedded(Some(&yaml), None);
            let config = config
                .unwrap_or_else(|problems| panic!("a configuration of checked names is valid: {problems}"));
            let region = self.default_region.clone();
            Arc::new(Scene::declared(config.settings, self.now, |_| region).with_any_caller())
        });
        scene.clone()
    }
}

/// The Region that is meant where a test names none: as `exec` and `env` have it
fn region(snapshot: &Snapshot) -> Region {
    client_region(snapshot)
        .parse()
        .unwrap_or_else(|_| default_region())
}

fn named_region(document: &PolicyDocument) -> Option<Region> {
    region_of_resources(document)?.parse().ok()
}

fn default_region() -> Region {
    crate::control::client_environment::DEFAULT_REGION
        .parse()
        .expect("the default Region is one")
}
