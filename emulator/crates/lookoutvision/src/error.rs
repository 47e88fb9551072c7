//! The errors that the service answers with.
//!
//! They are the errors of the API model, with every member that the model gives them. One table in the shell writes
//! status, error type and body. No public source has the texts for missing and unready resources, so those here are
//! guesses, all in this file.

use std::borrow::Cow;

use crate::{
    canned::{CannedError, DetectAnomaliesError},
    image::ImageError,
    model::ModelStatus,
    operation::Operation,
};

/// An error of the API model
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}", message = self.message())]
pub enum ServiceError {
    /// 403: not authorised
    AccessDeniedException {
        /// `Message`
        message: Cow<'static, str>,
    },
    /// 409: the state of the resource does not allow this
    ConflictException {
        /// `Message`
        message: Cow<'static, str>,
        /// `ResourceId`
        resource_id: String,
        /// `ResourceType`
        resource_type: ResourceType,
    },
    /// 500: the service's own fault
    InternalServerException {
        /// `Message`
        message: Cow<'static, str>,
        /// The `Retry-After` header
        retry_after_seconds: Option<u32>,
        /// The limit of the emulator that was reached, such as `limits.scenarios_max`
        limit: Option<&'static str>,
    },
    /// 404: no such resource
    ResourceNotFoundException {
        /// `Message`
        message: Cow<'static, str>,
        /// `ResourceId`
        resource_id: String,
        /// `ResourceType`
        resource_type: ResourceType,
    },
    /// 402: more than the account may have
    ServiceQuotaExceededException {
        /// `Message`
        message: Cow<'static, str>,
        /// `ResourceId`
        resource_id: Option<String>,
        /// `ResourceType`
        resource_type: Option<ResourceType>,
        /// `QuotaCode`
        quota_code: String,
        /// `ServiceCode`
        service_code: String,
        /// The limit of the emulator that was reached, such as `limits.models_max`; `None` if a rule asks for the
        /// error
        limit: Option<&'static str>,
    },
    /// 429: too many requests
    ThrottlingException {
        /// `Message`
        message: Cow<'static, str>,
        /// `QuotaCode`
        quota_code: Option<String>,
        /// `ServiceCode`
        service_code: Option<String>,
        /// The `Retry-After` header
        retry_after_seconds: Option<u32>,
    },
    /// 400: the framework cannot build the operation's input from the request; not in the API model
    SerializationException {
        /// `Message`
        message: Cow<'static, str>,
        /// The limit of the emulator that was reached, such as `limits.body_values_max`
        limit: Option<&'static str>,
    },
    /// 400: the request breaks a constraint or another rule
    ValidationException {
        /// `Message`
        message: Cow<'static, str>,
    },
}

/// The errors that the API model lists, by name
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the names of the API reference")]
pub enum ModelledError {
    AccessDeniedException,
    ConflictException,
    InternalServerException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    ThrottlingException,
    ValidationException,
}

/// API model, `ResourceType`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceType {
    /// `PROJECT`
    Project,
    /// `DATASET`
    Dataset,
    /// `MODEL`
    Model,
    /// `TRIAL`
    Trial,
    /// `MODEL_PACKAGE_JOB`
    ModelPackageJob,
}

impl ResourceType {
    /// All resource types, in the API model's order
    pub const ALL: [Self; 5] = [
        Self::Project,
        Self::Dataset,
        Self::Model,
        Self::Trial,
        Self::ModelPackageJob,
    ];

    /// Its name in the API model
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "PROJECT",
            Self::Dataset => "DATASET",
            Self::Model => "MODEL",
            Self::Trial => "TRIAL",
            Self::ModelPackageJob => "MODEL_PACKAGE_JOB",
        }
    }
}

impl ModelledError {
    /// All of these errors
    pub const ALL: [Self; 7] = [
        Self::AccessDeniedException,
        Self::ConflictException,
        Self::InternalServerException,
        Self::ResourceNotFoundException,
        Self::ServiceQuotaExceededException,
        Self::ThrottlingException,
        Self::ValidationException,
    ];

    /// Its name in the API model
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDeniedException => "AccessDeniedException",
            Self::ConflictException => "ConflictException",
            Self::InternalServerException => "InternalServerException",
            Self::ResourceNotFoundException => "ResourceNotFoundException",
            Self::ServiceQuotaExceededException => "ServiceQuotaExceededException",
            Self::ThrottlingException => "ThrottlingException",
            Self::ValidationException => "ValidationException",
        }
    }

    /// Whether its answer can carry `Retry-After`
    pub fn has_retry_after(self) -> bool {
        matches!(self, Self::InternalServerException | Self::ThrottlingException)
    }

    /// Whether the API model lists the error for an operation
    pub fn is_of(self, operation: Operation) -> bool {
        use Operation as O;
        match self {
            Self::ServiceQuotaExceededException => matches!(
                operation,
                O::CreateDataset
                    | O::CreateModel
                    | O::CreateProject
                    | O::StartModel
                    | O::StartModelPackagingJob
                    | O::TagResource
            ),
            Self::ConflictException => !matches!(
                operation,
                O::DescribeModelPackagingJob | O::ListModelPackagingJobs
            ),
            _ => true,
        }
    }

    /// The message if none is given
    // Guess: no answer of the service with these errors is public; other services use messages like these.
    pub fn usual_message(self) -> &'static str {
        match self {
            Self::AccessDeniedException => "Access denied",
            Self::ConflictException => "The resource is not in a state that allows this operation",
            Self::InternalServerException => "Internal server error",
            Self::ResourceNotFoundException => "The resource could not be found",
            Self::ServiceQuotaExceededException => "The quota of this account is exceeded",
            Self::ThrottlingException => "Rate exceeded",
            Self::ValidationException => "Invalid request",
        }
    }
}

impl ServiceError {
    /// An error about a resource that is injected, not caused by the service's state
    pub fn made_up(
        error: ModelledError,
        message: impl Into<Cow<'static, str>>,
        retry_after_seconds: Option<u32>,
        resource_id: &str,
        resource_type: ResourceType,
    ) -> Self {
        let message = message.into();
        match error {
            ModelledError::AccessDeniedException => Self::AccessDeniedException { message },
            ModelledError::ConflictException => Self::conflict(message, resource_id, resource_type),
            ModelledError::InternalServerException => Self::InternalServerException {
                message,
                retry_after_seconds,
                limit: None,
            },
            ModelledError::ResourceNotFoundException => Self::not_found(message, resource_id, resource_type),
            ModelledError::ServiceQuotaExceededException => Self::ServiceQuotaExceededException {
                message,
                resource_id: Some(resource_id.to_owned()),
                resource_type: Some(resource_type),
                quota_code: QUOTA_CODE.to_owned(),
                service_code: "lookoutvision".to_owned(),
                limit: None,
            },
            ModelledError::ThrottlingException => Self::ThrottlingException {
                message,
                quota_code: None,
                service_code: None,
                retry_after_seconds,
            },
            ModelledError::ValidationException => Self::validation(message),
        }
    }

    /// `Message`
    pub fn message(&self) -> &str {
        match self {
            Self::AccessDeniedException { message }
            | Self::ConflictException { message, .. }
            | Self::InternalServerException { message, .. }
            | Self::ResourceNotFoundException { message, .. }
            | Self::ServiceQuotaExceededException { message, .. }
            | Self::ThrottlingException { message, .. }
            | Self::SerializationException { message, .. }
            | Self::ValidationException { message } => message,
        }
    }

    /// The limit of the emulator that was reached, by its key under `limits:`
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Self::ServiceQuotaExceededException { limit, .. }
            | Self::InternalServerException { limit, .. }
            | Self::SerializationException { limit, .. } => limit.as_ref()?.strip_prefix("limits."),
            _ => None,
        }
    }

    /// A body that cannot be read
    // Guess: the name of the error is known from services of the same framework; its text in REST-JSON is not.
    pub fn serialization(message: impl Into<Cow<'static, str>>) -> Self {
        Self::SerializationException {
            message: message.into(),
            limit: None,
        }
    }

    /// A value that the service does not accept
    pub fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::ValidationException {
            message: message.into(),
        }
    }

    /// A resource whose state does not allow the request
    pub fn conflict(
        message: impl Into<Cow<'static, str>>,
        resource_id: &str,
        resource_type: ResourceType,
    ) -> Self {
        Self::ConflictException {
            message: message.into(),
            resource_id: resource_id.to_owned(),
            resource_type,
        }
    }

    /// A resource that does not exist
    pub fn not_found(
        message: impl Into<Cow<'static, str>>,
        resource_id: &str,
        resource_type: ResourceType,
    ) -> Self {
        Self::ResourceNotFoundException {
            message: message.into(),
            resource_id: resource_id.to_owned(),
            resource_type,
        }
    }

    /// More than a limit allows, such as `limits.models_max`
    pub fn quota(
        limit: &'static str,
        message: impl Into<Cow<'static, str>>,
        resource_id: &str,
        resource_type: ResourceType,
    ) -> Self {
        Self::ServiceQuotaExceededException {
            message: message.into(),
            resource_id: Some(resource_id.to_owned()),
            resource_type: Some(resource_type),
            quota_code: QUOTA_CODE.to_owned(),
            service_code: "lookoutvision".to_owned(),
            limit: Some(limit),
        }
    }

    /// No project of this name
    // Guess: no public source has this text. That the id is the name asked for is a guess as well.
    pub fn project_not_found(project_name: &str) -> Self {
        Self::ResourceNotFoundException {
            message: format!("The project {project_name} could not be found.").into(),
            resource_id: project_name.to_owned(),
            resource_type: ResourceType::Project,
        }
    }

    /// No model of this version
    // Guess: no public source has this text. That the id is the version asked for is a guess as well.
    pub fn model_not_found(project_name: &str, version: &str) -> Self {
        Self::ResourceNotFoundException {
            message: format!("The model version {version} of project {project_name} could not be found.")
                .into(),
            resource_id: version.to_owned(),
            resource_type: ResourceType::Model,
        }
    }

    /// A model that cannot answer because it is not HOSTED
    // Guess: the guide only says that the model must be started; of the errors that the API model lists for
    // DetectAnomalies this is the only one that fits.
    pub fn model_not_hosted(project_name: &str, version: &str, status: ModelStatus) -> Self {
        Self::ConflictException {
            message: format!(
                "The model version {version} of project {project_name} is not hosted. Its status is {status}."
            )
            .into(),
            resource_id: version.to_owned(),
            resource_type: ResourceType::Model,
        }
    }

    /// An image of a type other than JPEG and PNG
    // A reply of the service, seen in a client's issue (aws/aws-sdk-js 3631).
    pub fn content_type_not_taken() -> Self {
        Self::ValidationException {
            message: "content-type must be one of the following. image/jpeg, image/png".into(),
        }
    }

    /// An image that is not what its type says, or of a size that the service does not accept
    // Guess: no public source has these texts; that the error is ValidationException is a guess as well.
    pub fn image_not_taken(error: &ImageError) -> Self {
        Self::ValidationException {
            message: error.to_string().into(),
        }
    }

    /// The error that a rule answers with, about this model
    pub fn canned(error: &CannedError, version: &str) -> Self {
        let message = Cow::Owned(error.message().to_owned());
        let retry_after_seconds = error.retry_after_seconds();
        let resource_id = version.to_owned();
        let resource_type = ResourceType::Model;
        match error.code() {
            DetectAnomaliesError::AccessDeniedException => Self::AccessDeniedException { message },
            DetectAnomaliesError::ValidationException => Self::ValidationException { message },
            DetectAnomaliesError::ConflictException => Self::ConflictException {
                message,
                resource_id,
                resource_type,
            },
            DetectAnomaliesError::ResourceNotFoundException => Self::ResourceNotFoundException {
                message,
                resource_id,
                resource_type,
            },
            DetectAnomaliesError::InternalServerException => Self::InternalServerException {
                message,
                retry_after_seconds,
                limit: None,
            },
            DetectAnomaliesError::ThrottlingException => Self::ThrottlingException {
                message,
                quota_code: None,
                service_code: None,
                retry_after_seconds,
            },
        }
    }
}

// Guess: no public source has the codes of this service's quotas.
const QUOTA_CODE: &str = "L-00000000";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::api_model;

    #[test]
    fn the_errors_of_each_operation_are_those_of_the_api_model() {
        let model = api_model();
        for operation in Operation::ALL {
            let listed = &model["operations"][operation.name()]["errors"];
            let listed = listed.as_array().expect("every operation has errors");
            for error in ModelledError::ALL {
                let is_listed = listed.iter().any(|name| name == error.name());
                assert_eq!(error.is_of(operation), is_listed, "{operation} {}", error.name());
                let header = &model["shapes"][error.name()]["members"]["RetryAfterSeconds"];
                assert_eq!(error.has_retry_after(), header.is_object(), "{}", error.name());
            }
            assert!(listed.len() <= ModelledError::ALL.len(), "{listed:?}");
        }
    }

    #[test]
    fn the_resource_types_are_those_of_the_api_model() {
        let names = ResourceType::ALL.map(ResourceType::as_str);
        assert_eq!(api_model()["shapes"]["ResourceType"]["enum"], json!(names));
    }
}
