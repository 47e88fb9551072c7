//! The responses of the API. Members that sample programs read without checking are not `Option`s here and thus always
//! present: every `StatusMessage`, every list, all four numbers of `ImageStats`.

use super::{
    Blob, EpochSeconds, Range, Shape, structures,
    values::{
        ANOMALY_MASK, DATASET_STATUS, INFERENCE_UNITS, INTEGER, MODEL_HOSTING_STATUS,
        MODEL_PACKAGING_JOB_STATUS, MODEL_STATUS, ModelPackagingConfiguration, OutputConfig, OutputS3Object,
        TAG_LIST, Tag, structure, text,
    },
};
use crate::constraints::StringShape;

const fn unbounded(name: &'static str, member: &'static Shape) -> Shape {
    Shape::List(
        Range {
            name,
            min: None,
            max: None,
        },
        member,
    )
}

structures! {
    CreateDatasetResponse {
        "DatasetMetadata" => dataset_metadata: DatasetMetadata, structure(&DatasetMetadata::STRUCTURE);
    }

    CreateModelResponse {
        "ModelMetadata" => model_metadata: ModelMetadata, structure(&ModelMetadata::STRUCTURE);
    }

    CreateProjectResponse {
        "ProjectMetadata" => project_metadata: ProjectMetadata, structure(&ProjectMetadata::STRUCTURE);
    }

    DeleteDatasetResponse {}

    DeleteModelResponse {
        "ModelArn" => model_arn: String, text(StringShape::MODEL_ARN);
    }

    DeleteProjectResponse {
        "ProjectArn" => project_arn: String, text(StringShape::PROJECT_ARN);
    }

    DescribeDatasetResponse {
        "DatasetDescription" => dataset_description: DatasetDescription, structure(&DatasetDescription::STRUCTURE);
    }

    DescribeModelResponse {
        "ModelDescription" => model_description: ModelDescription, structure(&ModelDescription::STRUCTURE);
    }

    DescribeModelPackagingJobResponse {
        "ModelPackagingDescription" => model_packaging_description: ModelPackagingDescription, structure(&ModelPackagingDescription::STRUCTURE);
    }

    DescribeProjectResponse {
        "ProjectDescription" => project_description: ProjectDescription, structure(&ProjectDescription::STRUCTURE);
    }

    ListDatasetEntriesResponse {
        "DatasetEntries" => dataset_entries: Vec<String>, unbounded("DatasetEntryList", &Shape::Text(StringShape::DATASET_ENTRY));
        "NextToken" => next_token: Option<String>, text(StringShape::PAGINATION_TOKEN);
    }

    ListModelPackagingJobsResponse {
        "ModelPackagingJobs" => model_packaging_jobs: Vec<ModelPackagingJobMetadata>, unbounded("ModelPackagingJobsList", &Shape::Structure(&ModelPackagingJobMetadata::STRUCTURE));
        "NextToken" => next_token: Option<String>, text(StringShape::PAGINATION_TOKEN);
    }

    ListModelsResponse {
        "Models" => models: Vec<ModelMetadata>, unbounded("ModelMetadataList", &Shape::Structure(&ModelMetadata::STRUCTURE));
        "NextToken" => next_token: Option<String>, text(StringShape::PAGINATION_TOKEN);
    }

    ListProjectsResponse {
        "Projects" => projects: Vec<ProjectMetadata>, unbounded("ProjectMetadataList", &Shape::Structure(&ProjectMetadata::STRUCTURE));
        "NextToken" => next_token: Option<String>, text(StringShape::PAGINATION_TOKEN);
    }

    ListTagsForResourceResponse {
        "Tags" => tags: Vec<Tag>, TAG_LIST;
    }

    StartModelResponse {
        "Status" => status: String, MODEL_HOSTING_STATUS;
    }

    StartModelPackagingJobResponse {
        "JobName" => job_name: String, text(StringShape::MODEL_PACKAGING_JOB_NAME);
    }

    StopModelResponse {
        "Status" => status: String, MODEL_HOSTING_STATUS;
    }

    TagResourceResponse {}

    UntagResourceResponse {}

    UpdateDatasetEntriesResponse {
        "Status" => status: String, DATASET_STATUS;
    }

    DatasetMetadata {
        "DatasetType" => dataset_type: String, text(StringShape::DATASET_TYPE);
        "CreationTimestamp" => creation_timestamp: EpochSeconds, Shape::Timestamp;
        "Status" => status: String, DATASET_STATUS;
        "StatusMessage" => status_message: String, text(StringShape::DATASET_STATUS_MESSAGE);
    }

    DatasetDescription {
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME);
        "DatasetType" => dataset_type: String, text(StringShape::DATASET_TYPE);
        "CreationTimestamp" => creation_timestamp: EpochSeconds, Shape::Timestamp;
        "LastUpdatedTimestamp" => last_updated_timestamp: EpochSeconds, Shape::Timestamp;
        "Status" => status: String, DATASET_STATUS;
        "StatusMessage" => status_message: String, text(StringShape::DATASET_STATUS_MESSAGE);
        "ImageStats" => image_stats: DatasetImageStats, structure(&DatasetImageStats::STRUCTURE);
    }

    #[derive(Copy, Default)]
    DatasetImageStats {
        "Total" => total: i64, INTEGER;
        "Labeled" => labeled: i64, INTEGER;
        "Normal" => normal: i64, INTEGER;
        "Anomaly" => anomaly: i64, INTEGER;
    }

    ModelMetadata {
        "CreationTimestamp" => creation_timestamp: EpochSeconds, Shape::Timestamp;
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION);
        "ModelArn" => model_arn: String, text(StringShape::MODEL_ARN);
        "Description" => description: Option<String>, text(StringShape::MODEL_DESCRIPTION_MESSAGE);
        "Status" => status: String, MODEL_STATUS;
        "StatusMessage" => status_message: String, text(StringShape::MODEL_STATUS_MESSAGE);
        "Performance" => performance: Option<ModelPerformance>, structure(&ModelPerformance::STRUCTURE);
    }

    ModelDescription {
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION);
        "ModelArn" => model_arn: String, text(StringShape::MODEL_ARN);
        "CreationTimestamp" => creation_timestamp: EpochSeconds, Shape::Timestamp;
        "Description" => description: Option<String>, text(StringShape::MODEL_DESCRIPTION_MESSAGE);
        "Status" => status: String, MODEL_STATUS;
        "StatusMessage" => status_message: String, text(StringShape::MODEL_STATUS_MESSAGE);
        "Performance" => performance: Option<ModelPerformance>, structure(&ModelPerformance::STRUCTURE);
        "OutputConfig" => output_config: OutputConfig, structure(&OutputConfig::STRUCTURE);
        "EvaluationManifest" => evaluation_manifest: Option<OutputS3Object>, structure(&OutputS3Object::STRUCTURE);
        "EvaluationResult" => evaluation_result: Option<OutputS3Object>, structure(&OutputS3Object::STRUCTURE);
        "EvaluationEndTimestamp" => evaluation_end_timestamp: Option<EpochSeconds>, Shape::Timestamp;
        "KmsKeyId" => kms_key_id: Option<String>, text(StringShape::KMS_KEY_ID);
        "MinInferenceUnits" => min_inference_units: Option<i64>, INFERENCE_UNITS;
        "MaxInferenceUnits" => max_inference_units: Option<i64>, INFERENCE_UNITS;
    }

    #[derive(Copy)]
    ModelPerformance {
        "F1Score" => f1_score: f64, Shape::Float;
        "Recall" => recall: f64, Shape::Float;
        "Precision" => precision: f64, Shape::Float;
    }

    ModelPackagingJobMetadata {
        "JobName" => job_name: String, text(StringShape::MODEL_PACKAGING_JOB_NAME);
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME);
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION);
        "ModelPackagingJobDescription" => model_packaging_job_description: Option<String>, text(StringShape::MODEL_PACKAGING_JOB_DESCRIPTION);
        "ModelPackagingMethod" => model_packaging_method: String, text(StringShape::MODEL_PACKAGING_METHOD);
        "Status" => status: String, MODEL_PACKAGING_JOB_STATUS;
        "StatusMessage" => status_message: String, text(StringShape::MODEL_PACKAGING_STATUS_MESSAGE);
        "CreationTimestamp" => creation_timestamp: EpochSeconds, Shape::Timestamp;
        "LastUpdatedTimestamp" => last_updated_timestamp: EpochSeconds, Shape::Timestamp;
    }

    ModelPackagingDescription {
        "JobName" => job_name: String, text(StringShape::MODEL_PACKAGING_JOB_NAME);
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME);
        "ModelVersion" => model_version: String, text(StringShape::MODEL_VERSION);
        "ModelPackagingConfiguration" => model_packaging_configuration: ModelPackagingConfiguration, structure(&ModelPackagingConfiguration::STRUCTURE);
        "ModelPackagingJobDescription" => model_packaging_job_description: Option<String>, text(StringShape::MODEL_PACKAGING_JOB_DESCRIPTION);
        "ModelPackagingMethod" => model_packaging_method: String, text(StringShape::MODEL_PACKAGING_METHOD);
        "ModelPackagingOutputDetails" => model_packaging_output_details: Option<ModelPackagingOutputDetails>, structure(&ModelPackagingOutputDetails::STRUCTURE);
        "Status" => status: String, MODEL_PACKAGING_JOB_STATUS;
        "StatusMessage" => status_message: String, text(StringShape::MODEL_PACKAGING_STATUS_MESSAGE);
        "CreationTimestamp" => creation_timestamp: EpochSeconds, Shape::Timestamp;
        "LastUpdatedTimestamp" => last_updated_timestamp: EpochSeconds, Shape::Timestamp;
    }

    ModelPackagingOutputDetails {
        "Greengrass" => greengrass: Option<GreengrassOutputDetails>, structure(&GreengrassOutputDetails::STRUCTURE);
    }

    GreengrassOutputDetails {
        "ComponentVersionArn" => component_version_arn: String, text(StringShape::COMPONENT_VERSION_ARN);
        "ComponentName" => component_name: String, text(StringShape::COMPONENT_NAME);
        "ComponentVersion" => component_version: String, text(StringShape::COMPONENT_VERSION);
    }

    ProjectMetadata {
        "ProjectArn" => project_arn: String, text(StringShape::PROJECT_ARN);
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME);
        "CreationTimestamp" => creation_timestamp: EpochSeconds, Shape::Timestamp;
    }

    ProjectDescription {
        "ProjectArn" => project_arn: String, text(StringShape::PROJECT_ARN);
        "ProjectName" => project_name: String, text(StringShape::PROJECT_NAME);
        "CreationTimestamp" => creation_timestamp: EpochSeconds, Shape::Timestamp;
        "Datasets" => datasets: Vec<DatasetMetadata>, unbounded("DatasetMetadataList", &Shape::Structure(&DatasetMetadata::STRUCTURE));
    }

    DetectAnomaliesResponse {
        "DetectAnomalyResult" => detect_anomaly_result: DetectAnomalyResult, structure(&DetectAnomalyResult::STRUCTURE);
    }

    DetectAnomalyResult {
        "Source" => source: ImageSource, structure(&ImageSource::STRUCTURE);
        "IsAnomalous" => is_anomalous: bool, Shape::Boolean;
        "Confidence" => confidence: f64, Shape::Float;
        "Anomalies" => anomalies: Option<Vec<Anomaly>>, unbounded("AnomalyList", &structure(&Anomaly::STRUCTURE));
        "AnomalyMask" => anomaly_mask: Option<Blob>, ANOMALY_MASK;
    }

    ImageSource {
        "Type" => r#type: String, text(StringShape::IMAGE_SOURCE_TYPE);
    }

    Anomaly {
        "Name" => name: String, text(StringShape::ANOMALY_NAME);
        "PixelAnomaly" => pixel_anomaly: PixelAnomaly, structure(&PixelAnomaly::STRUCTURE);
    }

    PixelAnomaly {
        "TotalPercentageArea" => total_percentage_area: f64, Shape::Float;
        "Color" => color: String, text(StringShape::COLOR);
    }
}
