//! The 22 operations of the API, one row each: name, method, path, status of success, resource, request, and the
//! function that performs it. The router, the policies' vocabulary and the dispatch all use this one table.
//!
//! A worked example: `CreateModel` is `POST /2020-11-20/projects/{projectName}/models`, answers 202, and is authorised
//! on the ARN of a model that does not exist yet; see [`AuthorizedOn::NextModel`].

use std::fmt;

use crate::{
    api::{
        Described, Structure,
        read::Parts,
        requests::{
            CreateDatasetRequest, CreateModelRequest, CreateProjectRequest, DeleteDatasetRequest,
            DeleteModelRequest, DeleteProjectRequest, DescribeDatasetRequest,
            DescribeModelPackagingJobRequest, DescribeModelRequest, DescribeProjectRequest,
            DetectAnomaliesRequest, ListDatasetEntriesRequest, ListModelPackagingJobsRequest,
            ListModelsRequest, ListProjectsRequest, ListTagsForResourceRequest,
            StartModelPackagingJobRequest, StartModelRequest, StopModelRequest, TagResourceRequest,
            UntagResourceRequest, UpdateDatasetEntriesRequest,
        },
        strict,
    },
    error::ServiceError,
    operations::{datasets, models, packaging, projects, tags},
    work::{Work, changes, detects, reads},
};

/// Which resource an operation is authorised on (Service Authorization Reference, Lookout for Vision)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizedOn {
    /// `*`: datasets and packaging jobs have no ARN, and lists have no single resource
    Everything,
    /// The project in the path
    ProjectInPath,
    /// The project that the body's `ProjectName` names
    ProjectInBody,
    /// The model in the path
    ModelInPath,
    /// The model that is about to be created in the project in the path
    NextModel,
    /// The project in the path and the model that the body's `ModelVersion` names
    ModelInBody,
    /// The ARN in the path, whatever it names
    ArnInPath,
}

/// What the table says about an operation, apart from its request and the function that performs it
struct Row {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    success_status: u16,
    authorized_on: AuthorizedOn,
}

macro_rules! operations {
    ($(
        $name:ident: $method:ident $path:literal => $success_status:literal, $authorized_on:ident,
            $kind:ident $request:ty, $perform:expr;
    )+) => {
        /// An operation of Amazon Lookout for Vision
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the variants are the names of the API reference")]
        pub enum Operation {
            $($name,)+
        }

        impl Operation {
            /// Every operation, by name
            pub const ALL: [Self; [$(stringify!($name)),+].len()] = [$(Self::$name),+];

            fn row(self) -> &'static Row {
                match self {
                    $(Self::$name => &Row {
                        name: stringify!($name),
                        method: stringify!($method),
                        path: $path,
                        success_status: $success_status,
                        authorized_on: AuthorizedOn::$authorized_on,
                    },)+
                }
            }

            /// The members of its request
            pub(crate) fn request(self) -> &'static Structure {
                match self {
                    $(Self::$name => &<$request as Described>::STRUCTURE,)+
                }
            }

            /// Reads its request and returns the work to be done; the members named in `lenient` may break their
            /// constraints
            ///
            /// # Errors
            /// When the request does not have the form of its structure or breaks constraints.
            pub(crate) fn work(self, parts: Parts<'_>, lenient: &[&str]) -> Result<Work, ServiceError> {
                match self {
                    $(Self::$name => $kind::<$request, _>(parts, lenient, $perform),)+
                }
            }
        }
    };
}

operations! {
    CreateDataset: POST "/2020-11-20/projects/{projectName}/datasets" => 202, Everything,
        changes CreateDatasetRequest, |change, input, _| Ok(datasets::create(change, input)?);
    CreateModel: POST "/2020-11-20/projects/{projectName}/models" => 202, NextModel,
        changes CreateModelRequest, |change, input, named| models::create(change, named.version, input);
    CreateProject: POST "/2020-11-20/projects" => 200, ProjectInBody,
        changes CreateProjectRequest, |change, input, _| Ok(projects::create(change, input)?);
    DeleteDataset: DELETE "/2020-11-20/projects/{projectName}/datasets/{datasetType}" => 202, Everything,
        changes DeleteDatasetRequest, |change, input, _| Ok(datasets::delete(change, input)?);
    DeleteModel: DELETE "/2020-11-20/projects/{projectName}/models/{modelVersion}" => 202, ModelInPath,
        changes DeleteModelRequest, |change, input, named| Ok(models::delete(change, named.version, input)?);
    DeleteProject: DELETE "/2020-11-20/projects/{projectName}" => 200, ProjectInPath,
        changes DeleteProjectRequest, |change, input, _| Ok(projects::delete(change, input)?);
    DescribeDataset: GET "/2020-11-20/projects/{projectName}/datasets/{datasetType}" => 200, Everything,
        reads DescribeDatasetRequest, |view, input, _| datasets::describe(view, input);
    DescribeModel: GET "/2020-11-20/projects/{projectName}/models/{modelVersion}" => 200, ModelInPath,
        reads DescribeModelRequest, |view, input, named| models::describe(view, named.version, input);
    DescribeModelPackagingJob: GET "/2020-11-20/projects/{projectName}/modelpackagingjobs/{jobName}" => 200, Everything,
        reads DescribeModelPackagingJobRequest, |view, input, _| packaging::describe(view, input);
    DescribeProject: GET "/2020-11-20/projects/{projectName}" => 200, ProjectInPath,
        reads DescribeProjectRequest, |view, input, _| projects::describe(view, input);
    DetectAnomalies: POST "/2020-11-20/projects/{projectName}/models/{modelVersion}/detect" => 200, ModelInPath,
        detects DetectAnomaliesRequest<'_>, ();
    ListDatasetEntries: GET "/2020-11-20/projects/{projectName}/datasets/{datasetType}/entries" => 200, Everything,
        reads ListDatasetEntriesRequest, |view, input, _| datasets::list_entries(view, input);
    ListModelPackagingJobs: GET "/2020-11-20/projects/{projectName}/modelpackagingjobs" => 200, Everything,
        reads ListModelPackagingJobsRequest, |view, input, _| packaging::list(view, input);
    ListModels: GET "/2020-11-20/projects/{projectName}/models" => 200, Everything,
        reads ListModelsRequest, |view, input, _| models::list(view, input);
    ListProjects: GET "/2020-11-20/projects" => 200, Everything,
        reads ListProjectsRequest, |view, input, _| projects::list(view, input);
    ListTagsForResource: GET "/2020-11-20/tags/{resourceArn}" => 200, ArnInPath,
        reads ListTagsForResourceRequest, |view, input, _| tags::list(view, input);
    StartModel: POST "/2020-11-20/projects/{projectName}/models/{modelVersion}/start" => 202, ModelInPath,
        changes StartModelRequest, |change, input, named| Ok(models::start(change, named.version, input)?);
    StartModelPackagingJob: POST "/2020-11-20/projects/{projectName}/modelpackagingjobs" => 200, ModelInBody,
        changes StartModelPackagingJobRequest, |change, input, named| {
            Ok(packaging::start(change, named.version, named.fresh_name, input)?)
        };
    StopModel: POST "/2020-11-20/projects/{projectName}/models/{modelVersion}/stop" => 202, ModelInPath,
        changes StopModelRequest, |change, input, named| Ok(models::stop(change, named.version, input)?);
    TagResource: POST "/2020-11-20/tags/{resourceArn}" => 200, ArnInPath,
        changes TagResourceRequest, |change, input, _| Ok(tags::tag(change, input)?);
    UntagResource: DELETE "/2020-11-20/tags/{resourceArn}" => 200, ArnInPath,
        changes UntagResourceRequest, |change, input, _| Ok(tags::untag(change, input)?);
    UpdateDatasetEntries: PATCH "/2020-11-20/projects/{projectName}/datasets/{datasetType}/entries" => 202, Everything,
        changes UpdateDatasetEntriesRequest, |change, input, _| Ok(datasets::update_entries(change, input)?);
}

impl Operation {
    /// Its name, as in `lookoutvision:DetectAnomalies`
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Its HTTP method
    pub fn method(self) -> &'static str {
        self.row().method
    }

    /// Its path, with the names of its labels in braces
    pub fn path_template(self) -> &'static str {
        self.row().path
    }

    /// The status of its success
    pub fn success_status(self) -> u16 {
        self.row().success_status
    }

    /// The resource it is authorised on
    pub fn authorized_on(self) -> AuthorizedOn {
        self.row().authorized_on
    }

    /// Checks whether a text can be a client token of this operation
    ///
    /// # Errors
    /// With the reason, when the token is malformed or the operation takes none.
    pub fn check_client_token(self, token: &str) -> Result<(), String> {
        let structure = self.request();
        if !structure.members.iter().any(|member| member.name == CLIENT_TOKEN) {
            return Err(format!("{self} takes no client token"));
        }
        strict::refuse_unfit_member_of(structure, CLIENT_TOKEN, &token.into()).map_err(|unfit| unfit.message)
    }
}

const CLIENT_TOKEN: &str = "ClientToken";

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
