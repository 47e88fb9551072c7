//! The shapes that requests and responses share.

use super::{Described, Enumeration, Range, Shape, structures};
use crate::constraints::StringShape;

macro_rules! ranges {
    ($($constant:ident: $kind:ident $name:literal, $min:expr, $max:expr;)+) => {
        $(#[doc = concat!("`", $name, "`")]
        pub const $constant: Shape = Shape::$kind(Range { name: $name, min: $min, max: $max });)+
    };
}

macro_rules! enumerations {
    ($($constant:ident: $name:literal $values:expr;)+) => {
        $(#[doc = concat!("`", $name, "`")]
        pub const $constant: Shape = Shape::Enum(Enumeration { name: $name, values: &$values });)+
    };
}

macro_rules! lists {
    ($($constant:ident: $name:literal, $min:expr, $max:expr, $member:expr;)+) => {
        $(#[doc = concat!("`", $name, "`")]
        pub const $constant: Shape =
            Shape::List(Range { name: $name, min: $min, max: $max }, &$member);)+
    };
}

ranges! {
    INTEGER: Integer "Integer", None, None;
    INFERENCE_UNITS: Integer "InferenceUnits", Some(1), None;
    PAGE_SIZE: Integer "PageSize", Some(1), Some(100);
    ANOMALY_MASK: Blob "AnomalyMask", Some(1), Some(5_242_880);
    DATASET_CHANGES: Blob "DatasetChanges", Some(1), Some(10_485_760);
}

enumerations! {
    TARGET_DEVICE: "TargetDevice" ["jetson_xavier"];
    TARGET_PLATFORM_OS: "TargetPlatformOs" ["LINUX"];
    TARGET_PLATFORM_ARCH: "TargetPlatformArch" ["ARM64", "X86_64"];
    TARGET_PLATFORM_ACCELERATOR: "TargetPlatformAccelerator" ["NVIDIA"];
    MODEL_STATUS: "ModelStatus" [
        "TRAINING", "TRAINED", "TRAINING_FAILED", "STARTING_HOSTING", "HOSTED", "HOSTING_FAILED", "STOPPING_HOSTING",
        "SYSTEM_UPDATING", "DELETING",
    ];
    MODEL_HOSTING_STATUS: "ModelHostingStatus" [
        "STARTING_HOSTING", "HOSTED", "HOSTING_FAILED", "STOPPING_HOSTING", "SYSTEM_UPDATING",
    ];
    DATASET_STATUS: "DatasetStatus" [
        "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_FAILED", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE",
        "UPDATE_FAILED_ROLLBACK_IN_PROGRESS", "UPDATE_FAILED_ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE", "DELETE_FAILED",
    ];
    MODEL_PACKAGING_JOB_STATUS: "ModelPackagingJobStatus" ["CREATED", "RUNNING", "SUCCEEDED", "FAILED"];
}

lists! {
    TAG_LIST: "TagList", Some(0), Some(200), Shape::Structure(&Tag::STRUCTURE);
    TAG_KEY_LIST: "TagKeyList", Some(0), Some(200), Shape::Text(StringShape::TAG_KEY);
}

/// A text of the API model
pub const fn text(shape: StringShape) -> Shape {
    Shape::Text(shape)
}

/// A structure of the API model
pub const fn structure(structure: &'static super::Structure) -> Shape {
    Shape::Structure(structure)
}

structures! {
    Tag {
        "Key" => key: String, text(StringShape::TAG_KEY);
        "Value" => value: String, text(StringShape::TAG_VALUE);
    }

    OutputConfig {
        "S3Location" => s3_location: S3Location, structure(&S3Location::STRUCTURE);
    }

    #[derive(Eq, PartialOrd, Ord)]
    S3Location {
        "Bucket" => bucket: String, text(StringShape::S3_BUCKET_NAME);
        "Prefix" => prefix: Option<String>, text(StringShape::S3_KEY_PREFIX);
    }

    OutputS3Object {
        "Bucket" => bucket: String, text(StringShape::S3_BUCKET_NAME);
        "Key" => key: String, text(StringShape::S3_OBJECT_KEY);
    }

    DatasetSource {
        "GroundTruthManifest" => ground_truth_manifest: Option<DatasetGroundTruthManifest>, structure(&DatasetGroundTruthManifest::STRUCTURE);
    }

    DatasetGroundTruthManifest {
        "S3Object" => s3_object: Option<InputS3Object>, structure(&InputS3Object::STRUCTURE);
    }

    InputS3Object {
        "Bucket" => bucket: String, text(StringShape::S3_BUCKET_NAME);
        "Key" => key: String, text(StringShape::S3_OBJECT_KEY);
        "VersionId" => version_id: Option<String>, text(StringShape::S3_OBJECT_VERSION);
    }

    ModelPackagingConfiguration {
        "Greengrass" => greengrass: GreengrassConfiguration, structure(&GreengrassConfiguration::STRUCTURE);
    }

    GreengrassConfiguration {
        "CompilerOptions" => compiler_options: Option<String>, text(StringShape::COMPILER_OPTIONS);
        "TargetDevice" => target_device: Option<String>, TARGET_DEVICE;
        "TargetPlatform" => target_platform: Option<TargetPlatform>, structure(&TargetPlatform::STRUCTURE);
        "S3OutputLocation" => s3_output_location: S3Location, structure(&S3Location::STRUCTURE);
        "ComponentName" => component_name: String, text(StringShape::COMPONENT_NAME);
        "ComponentVersion" => component_version: Option<String>, text(StringShape::COMPONENT_VERSION);
        "ComponentDescription" => component_description: Option<String>, text(StringShape::COMPONENT_DESCRIPTION);
        "Tags" => tags: Option<Vec<Tag>>, TAG_LIST;
    }

    TargetPlatform {
        "Os" => os: String, TARGET_PLATFORM_OS;
        "Arch" => arch: String, TARGET_PLATFORM_ARCH;
        "Accelerator" => accelerator: Option<String>, TARGET_PLATFORM_ACCELERATOR;
    }
}
