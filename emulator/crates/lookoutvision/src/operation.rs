//! The 22 operations of the API, as its model describes them, and what each is authorised on.
//!
//! A worked example: `CreateModel` is `POST /2020-11-20/projects/{projectName}/models`, answers 202, and is authorised
//! on the ARN of a model that does not exist yet; see [`AuthorizedOn::NextModel`].

use std::fmt;

/// An operation of Amazon Lookout for Vision
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are the names of the API reference")]
pub enum Operation {
    CreateDataset,
    CreateModel,
    CreateProject,
    DeleteDataset,
    DeleteModel,
    DeleteProject,
    DescribeDataset,
    DescribeModel,
    DescribeModelPackagingJob,
    DescribeProject,
    DetectAnomalies,
    ListDatasetEntries,
    ListModelPackagingJobs,
    ListModels,
    ListProjects,
    ListTagsForResource,
    StartModel,
    StartModelPackagingJob,
    StopModel,
    TagResource,
    UntagResource,
    UpdateDatasetEntries,
}

/// Which resource the policies are asked about (Service Authorization Reference, Lookout for Vision)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizedOn {
    /// `*`: datasets and packaging jobs have no ARN, lists have no single resource
    Everything,
    /// The project in the path
    ProjectInPath,
    /// The project that the body's `ProjectName` names
    ProjectInBody,
    /// The model in the path
    ModelInPath,
    /// The model that is about to be made, of the project in the path
    NextModel,
    /// The project in the path and the model that the body's `ModelVersion` names
    ModelInBody,
    /// The ARN in the path, whatever it names
    ArnInPath,
}

impl Operation {
    /// Every operation, by name
    pub const ALL: [Self; 22] = [
        Self::CreateDataset,
        Self::CreateModel,
        Self::CreateProject,
        Self::DeleteDataset,
        Self::DeleteModel,
        Self::DeleteProject,
        Self::DescribeDataset,
        Self::DescribeModel,
        Self::DescribeModelPackagingJob,
        Self::DescribeProject,
        Self::DetectAnomalies,
        Self::ListDatasetEntries,
        Self::ListModelPackagingJobs,
        Self::ListModels,
        Self::ListProjects,
        Self::ListTagsForResource,
        Self::StartModel,
        Self::StartModelPackagingJob,
        Self::StopModel,
        Self::TagResource,
        Self::UntagResource,
        Self::UpdateDatasetEntries,
    ];

    /// Its name, as in `lookoutvision:DetectAnomalies`
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Its HTTP method
    pub fn method(self) -> &'static str {
        self.row().1
    }

    /// Its path with the names of its labels in braces
    pub fn path_template(self) -> &'static str {
        self.row().2
    }

    /// The status of its success
    pub fn success_status(self) -> u16 {
        self.row().3
    }

    /// What the policies are asked about
    pub fn authorized_on(self) -> AuthorizedOn {
        self.row().4
    }

    #[rustfmt::skip]
    fn row(self) -> Row {
        use AuthorizedOn::{ArnInPath, Everything, ModelInBody, ModelInPath, NextModel, ProjectInBody, ProjectInPath};
        match self {
            Self::CreateDataset => ("CreateDataset", "POST", "/2020-11-20/projects/{projectName}/datasets", 202, Everything),
            Self::CreateModel => ("CreateModel", "POST", "/2020-11-20/projects/{projectName}/models", 202, NextModel),
            Self::CreateProject => ("CreateProject", "POST", "/2020-11-20/projects", 200, ProjectInBody),
            Self::DeleteDataset => ("DeleteDataset", "DELETE", "/2020-11-20/projects/{projectName}/datasets/{datasetType}", 202, Everything),
            Self::DeleteModel => ("DeleteModel", "DELETE", "/2020-11-20/projects/{projectName}/models/{modelVersion}", 202, ModelInPath),
            Self::DeleteProject => ("DeleteProject", "DELETE", "/2020-11-20/projects/{projectName}", 200, ProjectInPath),
            Self::DescribeDataset => ("DescribeDataset", "GET", "/2020-11-20/projects/{projectName}/datasets/{datasetType}", 200, Everything),
            Self::DescribeModel => ("DescribeModel", "GET", "/2020-11-20/projects/{projectName}/models/{modelVersion}", 200, ModelInPath),
            Self::DescribeModelPackagingJob => ("DescribeModelPackagingJob", "GET", "/2020-11-20/projects/{projectName}/modelpackagingjobs/{jobName}", 200, Everything),
            Self::DescribeProject => ("DescribeProject", "GET", "/2020-11-20/projects/{projectName}", 200, ProjectInPath),
            Self::DetectAnomalies => ("DetectAnomalies", "POST", "/2020-11-20/projects/{projectName}/models/{modelVersion}/detect", 200, ModelInPath),
            Self::ListDatasetEntries => ("ListDatasetEntries", "GET", "/2020-11-20/projects/{projectName}/datasets/{datasetType}/entries", 200, Everything),
            Self::ListModelPackagingJobs => ("ListModelPackagingJobs", "GET", "/2020-11-20/projects/{projectName}/modelpackagingjobs", 200, Everything),
            Self::ListModels => ("ListModels", "GET", "/2020-11-20/projects/{projectName}/models", 200, Everything),
            Self::ListProjects => ("ListProjects", "GET", "/2020-11-20/projects", 200, Everything),
            Self::ListTagsForResource => ("ListTagsForResource", "GET", "/2020-11-20/tags/{resourceArn}", 200, ArnInPath),
            Self::StartModel => ("StartModel", "POST", "/2020-11-20/projects/{projectName}/models/{modelVersion}/start", 202, ModelInPath),
            Self::StartModelPackagingJob => ("StartModelPackagingJob", "POST", "/2020-11-20/projects/{projectName}/modelpackagingjobs", 200, ModelInBody),
            Self::StopModel => ("StopModel", "POST", "/2020-11-20/projects/{projectName}/models/{modelVersion}/stop", 202, ModelInPath),
            Self::TagResource => ("TagResource", "POST", "/2020-11-20/tags/{resourceArn}", 200, ArnInPath),
            Self::UntagResource => ("UntagResource", "DELETE", "/2020-11-20/tags/{resourceArn}", 200, ArnInPath),
            Self::UpdateDatasetEntries => ("UpdateDatasetEntries", "PATCH", "/2020-11-20/projects/{projectName}/datasets/{datasetType}/entries", 202, Everything),
        }
    }
}

/// Name, method, path template, status of success, resource
type Row = (&'static str, &'static str, &'static str, u16, AuthorizedOn);

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
