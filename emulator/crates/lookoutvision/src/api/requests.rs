//! The requests of the API.

use super::{
    Blob, Described, EpochSeconds, Member, Place, Shape, Structure,
    read::InCamelCase,
    structures,
    values::{
        DATASET_CHANGES, DatasetSource, INFERENCE_UNITS, ModelPackagingConfiguration, OutputConfig,
        PAGE_SIZE, TAG_KEY_LIST, TAG_LIST, Tag, structure, text,
    },
};
use crate::{
    constraints::{StringShape, Violations},
    error::ServiceError,
};

structures! {
    CreateDatasetRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "DatasetType" => dataset_type: String, text(StringShape::DATASET_TYPE);
        "DatasetSource" => dataset_source: Option<DatasetSource>, structure(&DatasetSource::STRUCTURE);
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
    }

    CreateModelRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "Description" => description: Option<String>, text(StringShape::MODEL_DESCRIPTION_MESSAGE);
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
        "OutputConfig" => output_config: OutputConfig, structure(&OutputConfig::STRUCTURE);
        "KmsKeyId" => kms_key_id: Option<String>, text(StringShape::KMS_KEY_ID);
        "Tags" => tags: Option<Vec<Tag>>, TAG_LIST;
    }

    CreateProjectRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME);
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
    }

    DeleteDatasetRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "DatasetType" => dataset_type: String, text(StringShape::DATASET_TYPE), label "datasetType";
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
    }

    DeleteModelRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION_NO_LATEST), label "modelVersion";
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
    }

    DeleteProjectRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
    }

    DescribeDatasetRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "DatasetType" => dataset_type: String, text(StringShape::DATASET_TYPE), label "datasetType";
    }

    DescribeModelRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION), label "modelVersion";
    }

    DescribeModelPackagingJobRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "JobName" => job_name: String, text(StringShape::MODEL_PACKAGING_JOB_NAME), label "jobName";
    }

    DescribeProjectRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
    }

    ListDatasetEntriesRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "DatasetType" => dataset_type: String, text(StringShape::DATASET_TYPE), label "datasetType";
        "Labeled" => labeled: Option<bool>, Shape::Boolean, query "labeled";
        "AnomalyClass" => anomaly_class: Option<String>, text(StringShape::ANOMALY_CLASS_FILTER), query "anomalyClass";
        "BeforeCreationDate" => before_creation_date: Option<EpochSeconds>, Shape::Timestamp, query "createdBefore";
        "AfterCreationDate" => after_creation_date: Option<EpochSeconds>, Shape::Timestamp, query "createdAfter";
        "NextToken" => next_token: Option<String>, text(StringShape::PAGINATION_TOKEN), query "nextToken";
        "MaxResults" => max_results: Option<i64>, PAGE_SIZE, query "maxResults";
        "SourceRefContains" => source_ref_contains: Option<String>, text(StringShape::QUERY_STRING), query "sourceRefContains";
    }

    ListModelPackagingJobsRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "NextToken" => next_token: Option<String>, text(StringShape::PAGINATION_TOKEN), query "nextToken";
        "MaxResults" => max_results: Option<i64>, PAGE_SIZE, query "maxResults";
    }

    ListModelsRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "NextToken" => next_token: Option<String>, text(StringShape::PAGINATION_TOKEN), query "nextToken";
        "MaxResults" => max_results: Option<i64>, PAGE_SIZE, query "maxResults";
    }

    ListProjectsRequest {
        "NextToken" => next_token: Option<String>, text(StringShape::PAGINATION_TOKEN), query "nextToken";
        "MaxResults" => max_results: Option<i64>, PAGE_SIZE, query "maxResults";
    }

    ListTagsForResourceRequest {
        "ResourceArn" => resource_arn: String, text(StringShape::TAG_ARN), label "resourceArn";
    }

    StartModelRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION), label "modelVersion";
        "MinInferenceUnits" => min_inference_units: i64, INFERENCE_UNITS;
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
        "MaxInferenceUnits" => max_inference_units: Option<i64>, INFERENCE_UNITS;
    }

    StartModelPackagingJobRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION);
        "JobName" => job_name: Option<String>, text(StringShape::MODEL_PACKAGING_JOB_NAME);
        "Configuration" => configuration: ModelPackagingConfiguration, structure(&ModelPackagingConfiguration::STRUCTURE);
        "Description" => description: Option<String>, text(StringShape::MODEL_PACKAGING_JOB_DESCRIPTION);
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
    }

    StopModelRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION), label "modelVersion";
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
    }

    TagResourceRequest {
        "ResourceArn" => resource_arn: String, text(StringShape::TAG_ARN), label "resourceArn";
        "Tags" => tags: Vec<Tag>, TAG_LIST;
    }

    UntagResourceRequest {
        "ResourceArn" => resource_arn: String, text(StringShape::TAG_ARN), label "resourceArn";
        "TagKeys" => tag_keys: Vec<String>, TAG_KEY_LIST, query "tagKeys";
    }

    UpdateDatasetEntriesRequest {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME), label "projectName";
        "DatasetType" => dataset_type: String, text(StringShape::DATASET_TYPE), label "datasetType";
        "Changes" => changes: Blob, DATASET_CHANGES;
        "ClientToken" => client_token: Option<String>, text(StringShape::CLIENT_TOKEN), header "X-Amzn-Client-Token";
    }
}

/// The request of DetectAnomalies, the only one whose body is not a JSON document
///
/// It borrows everything: an image is the largest input, and it is never copied.
#[derive(Debug, Clone, Copy)]
pub struct DetectAnomaliesRequest<'r> {
    /// As in the path
    pub project_name: Option<&'r str>,
    /// As in the path; `latest` is not resolved
    pub model_version: Option<&'r str>,
    /// The image
    pub body: &'r [u8],
    /// The Content-Type header, if there is one
    pub content_type: Option<&'r str>,
}

impl Described for DetectAnomaliesRequest<'_> {
    const STRUCTURE: Structure = Structure {
        name: "DetectAnomaliesRequest",
        members: &[
            Self::PROJECT_NAME,
            Self::MODEL_VERSION,
            Self::BODY,
            Self::CONTENT_TYPE,
        ],
    };
}

impl<'r> DetectAnomaliesRequest<'r> {
    const PROJECT_NAME: Member = Member {
        name: "ProjectName",
        shape: text(StringShape::PROJECT_NAME),
        required: true,
        place: Place::Label("projectName"),
    };
    const MODEL_VERSION: Member = Member {
        name: "ModelVersion",
        shape: text(StringShape::MODEL_VERSION),
        required: true,
        place: Place::Label("modelVersion"),
    };
    const BODY: Member = Member {
        name: "Body",
        shape: Shape::Stream,
        required: true,
        place: Place::Payload,
    };
    const CONTENT_TYPE: Member = Member {
        name: "ContentType",
        shape: text(StringShape::CONTENT_TYPE),
        required: true,
        place: Place::Header("Content-Type"),
    };

    /// Checks the constraints of the members; those named in `lenient` may break theirs
    ///
    /// # Errors
    /// `ValidationException` with all broken constraints.
    pub fn check(&self, lenient: &[&str]) -> Result<(), ServiceError> {
        let mut violations = Violations::default();
        for member in Self::STRUCTURE.members {
            let value = match member.place {
                Place::Payload => continue,
                _ => self.text(member.name),
            };
            if let Shape::Text(shape) = &member.shape
                && !lenient.contains(&member.name)
            {
                violations.check(&InCamelCase(member.name), value, shape);
            }
        }
        if violations.is_empty() {
            Ok(())
        } else {
            Err(ServiceError::validation(violations.to_string()))
        }
    }

    fn text(&self, member: &str) -> Option<&'r str> {
        match member {
            "ProjectName" => self.project_name,
            "ModelVersion" => self.model_version,
            "ContentType" => self.content_type,
            _ => None,
        }
    }
}
