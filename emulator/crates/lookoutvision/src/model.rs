//! Models: their statuses, and how a request names one.
//!
//! A request names a model by project and version, and the version may be `latest`. Authorisation needs an ARN, which
//! has no `latest`, so the name is resolved first, by the state (`store::View`). The policies and the operation use the
//! same resolved [`ModelAddress`].

use std::{fmt, ops::Range, sync::Arc};

use serde::Deserialize;

use aws_identifiers::{AccountId, Region};

/// The statuses of the API model, `ModelStatus`; serde reads them by their names in that model
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ModelStatus {
    /// `TRAINING`
    Training,
    /// `TRAINED`
    Trained,
    /// `TRAINING_FAILED`
    TrainingFailed,
    /// `STARTING_HOSTING`
    StartingHosting,
    /// `HOSTED`, the only status in which a model answers
    Hosted,
    /// `HOSTING_FAILED`
    HostingFailed,
    /// `STOPPING_HOSTING`
    StoppingHosting,
    /// `SYSTEM_UPDATING`
    SystemUpdating,
    /// `DELETING`
    Deleting,
}

/// Which model a request is about: its names as requested, with the version resolved, and its ARN
///
/// The names are the request's. They may be malformed or name nothing: authorisation comes before both checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAddress {
    region: Region,
    arn: Arc<str>,
    /// Where the project's name and the version stand in the ARN. INVARIANT: each is a range of whole characters of it.
    project_name: Range<usize>,
    version: Range<usize>,
}

impl ModelAddress {
    /// A model whose version is already resolved
    pub fn new(account_id: &AccountId, region: &Region, project_name: &str, version: &str) -> Self {
        let arn = model_arn(account_id, region, project_name, version);
        let version_start = arn.len() - version.len();
        let project_end = version_start - "/".len();
        Self {
            region: region.clone(),
            project_name: project_end - project_name.len()..project_end,
            version: version_start..arn.len(),
            arn: arn.into(),
        }
    }

    /// The Region that the request was signed for
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The project's name as requested
    pub fn project_name(&self) -> &str {
        self.part(&self.project_name)
    }

    /// The version, with `latest` replaced by the version that it means
    pub fn version(&self) -> &str {
        self.part(&self.version)
    }

    /// `arn:aws:lookoutvision:REGION:ACCOUNT:model/PROJECT/VERSION`
    pub fn arn(&self) -> &str {
        &self.arn
    }

    fn part(&self, range: &Range<usize>) -> &str {
        self.arn.get(range.clone()).unwrap_or_default()
    }

    /// The ARN, to be shared
    pub(crate) fn shared_arn(&self) -> &Arc<str> {
        &self.arn
    }
}

/// Service Authorization Reference, Lookout for Vision: the ARN of a model
pub fn model_arn(account_id: &AccountId, region: &Region, project_name: &str, version: &str) -> String {
    let (partition, region, account_id) = (partition(region), region.as_str(), account_id.as_str());
    // Every request makes one, and `format!` would take twice as long.
    [
        "arn:",
        partition,
        ":lookoutvision:",
        region,
        ":",
        account_id,
        ":model/",
        project_name,
        "/",
        version,
    ]
    .concat()
}

/// Service Authorization Reference, Lookout for Vision: the ARN of a project
pub fn project_arn(account_id: &AccountId, region: &Region, project_name: &str) -> String {
    let partition = partition(region);
    format!("arn:{partition}:lookoutvision:{region}:{account_id}:project/{project_name}")
}

/// The partition that a Region belongs to
// The service was only ever offered in Regions of the partition `aws`; the other partitions follow AWS's Region names.
pub fn partition(region: &Region) -> &'static str {
    let region = region.as_str();
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

impl ModelStatus {
    /// All statuses, in the API model's order
    pub const ALL: [Self; 9] = [
        Self::Training,
        Self::Trained,
        Self::TrainingFailed,
        Self::StartingHosting,
        Self::Hosted,
        Self::HostingFailed,
        Self::StoppingHosting,
        Self::SystemUpdating,
        Self::Deleting,
    ];

    /// Its name in the API model
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "TRAINING",
            Self::Trained => "TRAINED",
            Self::TrainingFailed => "TRAINING_FAILED",
            Self::StartingHosting => "STARTING_HOSTING",
            Self::Hosted => "HOSTED",
            Self::HostingFailed => "HOSTING_FAILED",
            Self::StoppingHosting => "STOPPING_HOSTING",
            Self::SystemUpdating => "SYSTEM_UPDATING",
            Self::Deleting => "DELETING",
        }
    }
}

impl fmt::Display for ModelStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
