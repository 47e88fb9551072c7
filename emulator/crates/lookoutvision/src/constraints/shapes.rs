//! The string shapes of the API model, each with a function that matches its pattern.

use super::{Pattern, StringShape};

macro_rules! string_shapes {
    ($($constant:ident: $name:literal, $min:expr, $max:expr $(, $text:literal => $matches:expr)?;)+) => {
        impl StringShape {
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $constant: Self = Self {
                    name: $name,
                    characters_min: $min,
                    characters_max: $max,
                    pattern: string_shapes!(@pattern $($text => $matches)?),
                };
            )+

            /// All shapes
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$constant),+];
        }
    };
    (@pattern) => { None };
    (@pattern $text:literal => $matches:expr) => { Some(Pattern { text: $text, matches: $matches }) };
}

string_shapes! {
    ANOMALY_CLASS_FILTER: "AnomalyClassFilter", 1, 10, "(normal|anomaly)" => |text| matches!(text, "normal" | "anomaly");
    ANOMALY_NAME: "AnomalyName", 1, 256, "[a-zA-Z0-9]*" => |text| any_of(text, "");
    CLIENT_TOKEN: "ClientToken", 1, 64, "^[a-zA-Z0-9-]+$" => |text| some_of(text, "-");
    COLOR: "Color", 7, 7, r"\#[a-zA-Z0-9]{6}" => is_color;
    COMPILER_OPTIONS: "CompilerOptions", 3, 1024, ".*" => is_one_line;
    COMPONENT_DESCRIPTION: "ComponentDescription", 1, 256, "[a-zA-Z0-9-_. ()':,;?]+" => |text| some_of(text, "-_. ()':,;?");
    COMPONENT_NAME: "ComponentName", 1, 128, "[a-zA-Z0-9-_.]+" => |text| some_of(text, "-_.");
    COMPONENT_VERSION: "ComponentVersion", 1, 64, r"^([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})$" => is_component_version;
    COMPONENT_VERSION_ARN: "ComponentVersionArn", 0, usize::MAX, "arn:[^:]*:greengrass:[^:]*:aws:components:[^:]+" => is_component_version_arn;
    CONTENT_TYPE: "ContentType", 1, 255, ".*" => is_one_line;
    DATASET_ENTRY: "DatasetEntry", 2, 8192, r"^\{.*\}$" => |text| text.len() >= 2 && text.starts_with('{') && text.ends_with('}') && is_one_line(text);
    DATASET_STATUS_MESSAGE: "DatasetStatusMessage", 0, usize::MAX;
    DATASET_TYPE: "DatasetType", 1, 10, "train|test" => |text| matches!(text, "train" | "test");
    IMAGE_SOURCE_TYPE: "ImageSourceType", 0, usize::MAX, "direct" => |text| text == "direct";
    KMS_KEY_ID: "KmsKeyId", 1, 2048, "^[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,2048}$" => is_kms_key_id;
    MODEL_ARN: "ModelArn", 0, usize::MAX;
    MODEL_DESCRIPTION_MESSAGE: "ModelDescriptionMessage", 1, 500, r"[0-9A-Za-z\.\-_]*" => |text| any_of(text, ".-_");
    MODEL_PACKAGING_JOB_DESCRIPTION: "ModelPackagingJobDescription", 1, 256, "[a-zA-Z0-9-_. ()':,;?]+" => |text| some_of(text, "-_. ()':,;?");
    MODEL_PACKAGING_JOB_NAME: "ModelPackagingJobName", 1, 64, "[a-zA-Z0-9-]+" => |text| some_of(text, "-");
    MODEL_PACKAGING_METHOD: "ModelPackagingMethod", 1, 32, "^[a-zA-Z0-9]+" => |text| some_of(text, "");
    MODEL_PACKAGING_STATUS_MESSAGE: "ModelPackagingStatusMessage", 0, usize::MAX;
    MODEL_STATUS_MESSAGE: "ModelStatusMessage", 0, usize::MAX;
    MODEL_VERSION: "ModelVersion", 1, 10, "([1-9][0-9]*|latest)" => |text| is_version_number(text) || text == "latest";
    MODEL_VERSION_NO_LATEST: "ModelVersionNoLatest", 1, 10, "([1-9][0-9]*)" => is_version_number;
    PAGINATION_TOKEN: "PaginationToken", 0, 2048, r"^[a-zA-Z0-9\/\+\=]{0,2048}$" => |text| text.len() <= 2048 && any_of(text, "/+=");
    PROJECT_ARN: "ProjectArn", 0, usize::MAX;
    PROJECT_NAME: "ProjectName", 1, 255, r"[a-zA-Z0-9][a-zA-Z0-9_\-]*" => |text| some_of(text, "_-") && begins_alphanumeric(text);
    QUERY_STRING: "QueryString", 1, 2048, r".*\S.*" => is_query;
    S3_BUCKET_NAME: "S3BucketName", 3, 63, r"[0-9A-Za-z\.\-_]*" => |text| any_of(text, ".-_");
    S3_KEY_PREFIX: "S3KeyPrefix", 0, 1024, "^([a-zA-Z0-9!_.*'()-][/a-zA-Z0-9!_.*'()-]*)?$" => is_object_key;
    S3_OBJECT_KEY: "S3ObjectKey", 1, 1024, "^([a-zA-Z0-9!_.*'()-][/a-zA-Z0-9!_.*'()-]*)?$" => is_object_key;
    S3_OBJECT_VERSION: "S3ObjectVersion", 1, 1024, ".*" => is_one_line;
    TAG_ARN: "TagArn", 1, 1011;
    TAG_KEY: "TagKey", 1, 128, r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$" => is_tag_text;
    TAG_VALUE: "TagValue", 0, 256, r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$" => is_tag_text;
}

/// Whether the text has only ASCII letters, ASCII digits and the characters in `others`
fn any_of(text: &str, others: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Like [`any_of`], but with at least one character
fn some_of(text: &str, others: &str) -> bool {
    !text.is_empty() && any_of(text, others)
}

fn begins_alphanumeric(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_version_number(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && any_of(digits, ""))
}

pub(crate) fn is_component_version(text: &str) -> bool {
    let mut numbers = text.split('.');
    text.split('.').count() == 3
        && numbers
            .all(|number| (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_component_version_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(7, ':').collect();
    let ["arn", _, "greengrass", _, "aws", "components", name] = parts[..] else {
        return false;
    };
    !name.is_empty() && !name.contains(':')
}

fn is_kms_key_id(text: &str) -> bool {
    // One character and up to 2,048 more.
    (1..=2049).contains(&text.len()) && begins_alphanumeric(text) && any_of(text, ":_/+=,@.-")
}

fn is_object_key(text: &str) -> bool {
    !text.starts_with('/') && any_of(text, "/!_.*'()-")
}

/// The pattern of the keys and values of tags
///
/// `\p{Z}` is the white space that is not a control character. `is_alphabetic` also accepts the combining vowel signs
/// of some scripts, which `\p{L}` alone does not: a text with them is accepted rather than refused by mistake.
pub fn is_tag_text(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c))
}

/// AWS General Reference, *Tagging your AWS resources*: keys that begin with `aws:`, in any case, are AWS's own
pub fn is_reserved_tag_key(key: &str) -> bool {
    key.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

// What `.` does not match in a Java pattern (java.util.regex.Pattern, *Line terminators*).
const LINE_TERMINATORS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

fn is_one_line(text: &str) -> bool {
    !text.contains(LINE_TERMINATORS)
}

// `\S` matches a line terminator that is not in `\s`, but only once.
fn is_query(text: &str) -> bool {
    let mut terminators = text.chars().filter(|c| LINE_TERMINATORS.contains(c));
    match (terminators.next(), terminators.next()) {
        (None, _) => text.chars().any(|c| !is_java_space(c)),
        (Some(only), None) => !is_java_space(only),
        _ => false,
    }
}

// `\s` of a Java pattern (java.util.regex.Pattern, *Predefined character classes*).
fn is_java_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}
