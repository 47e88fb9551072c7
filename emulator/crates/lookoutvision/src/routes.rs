//! From method and raw path to the operation and its labels.
//!
//! `DELETE /2020-11-20/tags/arn%3Aaws%3A…%2F1` is `UntagResource` of `arn:aws:…/1`. The path is cut at its slashes
//! first and each segment is decoded after that, exactly once, so an encoded slash stays inside its label and `%252F`
//! becomes the three characters `%2F`.
//!
//! Nothing is tidied up: an empty segment (`//`, a slash at the end), `.` and `..` name no operation. The signature
//! covers a tidied path, but no client sends an untidy one, and a resource that can be spelled in one way only is
//! easier to protect. The same goes for an escape that is not two hexadecimal digits and for bytes that are not UTF-8.
//! Encoded dots are ordinary characters of a label, which the label's pattern then refuses.
// Guess: how the service treats untidy paths is not known.

use std::borrow::Cow;

use crate::{
    model::{ModelAddress, project_arn},
    operation::Operation,
    store::View,
};

/// An operation with the labels of its path, decoded and otherwise as they came
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "variants and fields are the operations and labels of the API reference"
)]
pub enum Route {
    CreateDataset {
        project_name: String,
    },
    CreateModel {
        project_name: String,
    },
    CreateProject,
    DeleteDataset {
        project_name: String,
        dataset_type: String,
    },
    DeleteModel {
        project_name: String,
        model_version: String,
    },
    DeleteProject {
        project_name: String,
    },
    DescribeDataset {
        project_name: String,
        dataset_type: String,
    },
    DescribeModel {
        project_name: String,
        model_version: String,
    },
    DescribeModelPackagingJob {
        project_name: String,
        job_name: String,
    },
    DescribeProject {
        project_name: String,
    },
    DetectAnomalies {
        project_name: String,
        model_version: String,
    },
    ListDatasetEntries {
        project_name: String,
        dataset_type: String,
    },
    ListModelPackagingJobs {
        project_name: String,
    },
    ListModels {
        project_name: String,
    },
    ListProjects,
    ListTagsForResource {
        resource_arn: String,
    },
    StartModel {
        project_name: String,
        model_version: String,
    },
    StartModelPackagingJob {
        project_name: String,
    },
    StopModel {
        project_name: String,
        model_version: String,
    },
    TagResource {
        resource_arn: String,
    },
    UntagResource {
        resource_arn: String,
    },
    UpdateDatasetEntries {
        project_name: String,
        dataset_type: String,
    },
}

/// The method and the path belong to no operation; a known path with another method is the same mistake
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no operation has this method and path")]
pub struct UnknownOperation;

/// The resource that the policies are asked about
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizedResource {
    /// `*`
    Everything,
    /// This ARN
    Arn(String),
    /// This model, `latest` and the next version resolved
    Model(ModelAddress),
    /// The project that the body's `ProjectName` names; see [`project_arn`]
    ProjectInBody,
    /// The model of this project that the body's `ModelVersion` names
    ModelInBody {
        /// The project in the path
        project_name: String,
    },
}

impl Route {
    /// The operation that a request asks for
    ///
    /// `raw_path` is the request target before the `?`, as it was received.
    ///
    /// # Errors
    /// When no operation has this method and path.
    pub fn resolve(method: &str, raw_path: &str) -> Result<Self, UnknownOperation> {
        let mut decoded: [Cow<'_, str>; SEGMENTS_MAX] = Default::default();
        let mut count = 0;
        for segment in raw_path.strip_prefix('/').ok_or(UnknownOperation)?.split('/') {
            *decoded.get_mut(count).ok_or(UnknownOperation)? = decode_segment(segment)?;
            count += 1;
        }
        let segments: [&str; SEGMENTS_MAX] = std::array::from_fn(|index| &*decoded[index]);
        let ["2020-11-20", path @ ..] = &segments[..count] else {
            return Err(UnknownOperation);
        };
        Self::from_segments(method, path).ok_or(UnknownOperation)
    }

    #[rustfmt::skip]
    fn from_segments(method: &str, path: &[&str]) -> Option<Self> {
        let project_name = || path[1].to_owned();
        let model_version = || path[3].to_owned();
        let dataset_type = || path[3].to_owned();
        let resource_arn = || path[1].to_owned();
        Some(match (method, path) {
            ("GET", ["projects"]) => Self::ListProjects,
            ("POST", ["projects"]) => Self::CreateProject,
            ("GET", ["projects", _]) => Self::DescribeProject { project_name: project_name() },
            ("DELETE", ["projects", _]) => Self::DeleteProject { project_name: project_name() },

            ("POST", ["projects", _, "datasets"]) => Self::CreateDataset { project_name: project_name() },
            ("GET", ["projects", _, "datasets", _]) => Self::DescribeDataset { project_name: project_name(), dataset_type: dataset_type() },
            ("DELETE", ["projects", _, "datasets", _]) => Self::DeleteDataset { project_name: project_name(), dataset_type: dataset_type() },
            ("GET", ["projects", _, "datasets", _, "entries"]) => Self::ListDatasetEntries { project_name: project_name(), dataset_type: dataset_type() },
            ("PATCH", ["projects", _, "datasets", _, "entries"]) => Self::UpdateDatasetEntries { project_name: project_name(), dataset_type: dataset_type() },

            ("GET", ["projects", _, "models"]) => Self::ListModels { project_name: project_name() },
            ("POST", ["projects", _, "models"]) => Self::CreateModel { project_name: project_name() },
            ("GET", ["projects", _, "models", _]) => Self::DescribeModel { project_name: project_name(), model_version: model_version() },
            ("DELETE", ["projects", _, "models", _]) => Self::DeleteModel { project_name: project_name(), model_version: model_version() },
            ("POST", ["projects", _, "models", _, "detect"]) => Self::DetectAnomalies { project_name: project_name(), model_version: model_version() },
            ("POST", ["projects", _, "models", _, "start"]) => Self::StartModel { project_name: project_name(), model_version: model_version() },
            ("POST", ["projects", _, "models", _, "stop"]) => Self::StopModel { project_name: project_name(), model_version: model_version() },

            ("GET", ["projects", _, "modelpackagingjobs"]) => Self::ListModelPackagingJobs { project_name: project_name() },
            ("POST", ["projects", _, "modelpackagingjobs"]) => Self::StartModelPackagingJob { project_name: project_name() },
            ("GET", ["projects", _, "modelpackagingjobs", job_name]) => Self::DescribeModelPackagingJob { project_name: project_name(), job_name: (*job_name).to_owned() },

            ("GET", ["tags", _]) => Self::ListTagsForResource { resource_arn: resource_arn() },
            ("POST", ["tags", _]) => Self::TagResource { resource_arn: resource_arn() },
            ("DELETE", ["tags", _]) => Self::UntagResource { resource_arn: resource_arn() },
            _ => return None,
        })
    }

    /// The operation alone
    pub fn operation(&self) -> Operation {
        match self {
            Self::CreateDataset { .. } => Operation::CreateDataset,
            Self::CreateModel { .. } => Operation::CreateModel,
            Self::CreateProject => Operation::CreateProject,
            Self::DeleteDataset { .. } => Operation::DeleteDataset,
            Self::DeleteModel { .. } => Operation::DeleteModel,
            Self::DeleteProject { .. } => Operation::DeleteProject,
            Self::DescribeDataset { .. } => Operation::DescribeDataset,
            Self::DescribeModel { .. } => Operation::DescribeModel,
            Self::DescribeModelPackagingJob { .. } => Operation::DescribeModelPackagingJob,
            Self::DescribeProject { .. } => Operation::DescribeProject,
            Self::DetectAnomalies { .. } => Operation::DetectAnomalies,
            Self::ListDatasetEntries { .. } => Operation::ListDatasetEntries,
            Self::ListModelPackagingJobs { .. } => Operation::ListModelPackagingJobs,
            Self::ListModels { .. } => Operation::ListModels,
            Self::ListProjects => Operation::ListProjects,
            Self::ListTagsForResource { .. } => Operation::ListTagsForResource,
            Self::StartModel { .. } => Operation::StartModel,
            Self::StartModelPackagingJob { .. } => Operation::StartModelPackagingJob,
            Self::StopModel { .. } => Operation::StopModel,
            Self::TagResource { .. } => Operation::TagResource,
            Self::UntagResource { .. } => Operation::UntagResource,
            Self::UpdateDatasetEntries { .. } => Operation::UpdateDatasetEntries,
        }
    }

    /// A label of the path, by its name in the path's template
    pub fn label(&self, name: &str) -> Option<&str> {
        match (self, name) {
            (
                Self::CreateDataset { project_name }
                | Self::CreateModel { project_name }
                | Self::DeleteDataset { project_name, .. }
                | Self::DeleteModel { project_name, .. }
                | Self::DeleteProject { project_name }
                | Self::DescribeDataset { project_name, .. }
                | Self::DescribeModel { project_name, .. }
                | Self::DescribeModelPackagingJob { project_name, .. }
                | Self::DescribeProject { project_name }
                | Self::DetectAnomalies { project_name, .. }
                | Self::ListDatasetEntries { project_name, .. }
                | Self::ListModelPackagingJobs { project_name }
                | Self::ListModels { project_name }
                | Self::StartModel { project_name, .. }
                | Self::StartModelPackagingJob { project_name }
                | Self::StopModel { project_name, .. }
                | Self::UpdateDatasetEntries { project_name, .. },
                "projectName",
            ) => Some(project_name),
            (
                Self::DeleteDataset { dataset_type, .. }
                | Self::DescribeDataset { dataset_type, .. }
                | Self::ListDatasetEntries { dataset_type, .. }
                | Self::UpdateDatasetEntries { dataset_type, .. },
                "datasetType",
            ) => Some(dataset_type),
            (
                Self::DeleteModel { model_version, .. }
                | Self::DescribeModel { model_version, .. }
                | Self::DetectAnomalies { model_version, .. }
                | Self::StartModel { model_version, .. }
                | Self::StopModel { model_version, .. },
                "modelVersion",
            ) => Some(model_version),
            (Self::DescribeModelPackagingJob { job_name, .. }, "jobName") => Some(job_name),
            (
                Self::ListTagsForResource { resource_arn }
                | Self::TagResource { resource_arn }
                | Self::UntagResource { resource_arn },
                "resourceArn",
            ) => Some(resource_arn),
            _ => None,
        }
    }

    /// What the policies are asked about, `latest` and the next version resolved
    pub fn authorized_resource(&self, view: &View<'_>) -> AuthorizedResource {
        let (account_id, region) = (view.account_id(), view.region);
        match self {
            Self::CreateProject => AuthorizedResource::ProjectInBody,
            Self::DeleteProject { project_name } | Self::DescribeProject { project_name } => {
                AuthorizedResource::Arn(project_arn(account_id, region, project_name))
            }
            Self::CreateModel { project_name } => {
                let version = view.next_version(project_name).to_string();
                AuthorizedResource::Model(ModelAddress::new(account_id, region, project_name, &version))
            }
            Self::DeleteModel {
                project_name,
                model_version,
            }
            | Self::DescribeModel {
                project_name,
                model_version,
            }
            | Self::DetectAnomalies {
                project_name,
                model_version,
            }
            | Self::StartModel {
                project_name,
                model_version,
            }
            | Self::StopModel {
                project_name,
                model_version,
            } => {
                let version = view.resolve_version(project_name, model_version);
                AuthorizedResource::Model(ModelAddress::new(account_id, region, project_name, version))
            }
            Self::StartModelPackagingJob { project_name } => AuthorizedResource::ModelInBody {
                project_name: project_name.clone(),
            },
            Self::ListTagsForResource { resource_arn }
            | Self::TagResource { resource_arn }
            | Self::UntagResource { resource_arn } => AuthorizedResource::Arn(resource_arn.clone()),
            Self::CreateDataset { .. }
            | Self::DeleteDataset { .. }
            | Self::DescribeDataset { .. }
            | Self::DescribeModelPackagingJob { .. }
            | Self::ListDatasetEntries { .. }
            | Self::ListModelPackagingJobs { .. }
            | Self::ListModels { .. }
            | Self::ListProjects
            | Self::UpdateDatasetEntries { .. } => AuthorizedResource::Everything,
        }
    }
}

fn decode_segment(segment: &str) -> Result<Cow<'_, str>, UnknownOperation> {
    if matches!(segment, "" | "." | "..") {
        return Err(UnknownOperation);
    }
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = digit().zip(digit()).ok_or(UnknownOperation)?;
            decoded.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits make a byte"));
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| UnknownOperation)
}

/// Of the longest path, `/2020-11-20/projects/{projectName}/models/{modelVersion}/detect`
const SEGMENTS_MAX: usize = 6;

#[cfg(test)]
mod tests;
