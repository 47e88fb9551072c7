//! The scenes that are asked without a server: configurations, each read once, and surroundings for policies that have
//! none.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_identifiers::{AccountId, Region};
use iam_policy::PolicyDocument;
use jiff::Timestamp;

use crate::{
    authorization::PolicyChanges,
    cli::{ConfigOption, control_command::Failure},
    config::{Config, Overrides, Problems},
    control::client_environment::{default_region, region_of_clients, region_of_resources},
    workbench::Scene,
};

/// The configurations of one run
pub(super) struct Configurations {
    now: Timestamp,
    nodes_max: Option<usize>,
    read: BTreeMap<PathBuf, Arc<Scene>>,
    /// The files that they name, themselves included
    pub(super) files: Vec<PathBuf>,
}

/// Policies without a configuration
pub(super) struct Alone {
    pub(super) policies: PolicyChanges,
    now: Timestamp,
    /// The endpoints that calls come over
    vpc_endpoint_ids: Vec<String>,
    default_region: Region,
    /// By account, because whatever is called belongs to one
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
        let scene = Arc::new(Scene::declared(config.settings, self.now, region_of_clients));
        self.read.insert(path.to_path_buf(), scene.clone());
        Ok(scene)
    }
}

impl Alone {
    /// These policies, asked about calls over these endpoints
    pub(super) fn new(policies: PolicyChanges, vpc_endpoint_ids: Vec<String>, now: Timestamp) -> Self {
        let region = policies.vpc_endpoint.as_ref().and_then(named_region);
        Self {
            policies,
            now,
            vpc_endpoint_ids,
            default_region: region.unwrap_or_else(default_region),
            scenes: BTreeMap::new(),
        }
    }

    /// A scene for an account that has these endpoints, in every Region, and nothing else
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

/// What a configuration declares: that of the option, or the one of the working directory
///
/// # Errors
/// With everything that is wrong with it.
pub(super) fn configured(option: &ConfigOption) -> Result<Scene, Failure> {
    let overrides = Overrides {
        config: option.config.clone(),
        config_nodes_max: option.config_nodes_max,
        ..Overrides::default()
    };
    let config = Config::load(&overrides).map_err(|problems| Failure::Mistake(problems.to_string()))?;
    Ok(Scene::declared(
        config.settings,
        Timestamp::now(),
        region_of_clients,
    ))
}

fn named_region(document: &PolicyDocument) -> Option<Region> {
    region_of_resources(document)?.parse().ok()
}
