use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    read::{Parts, document, read},
    requests::*,
    responses::*,
    *,
};
use crate::{
    constraints::Pattern, error::ServiceError, operation::Operation, routes::Route, testing,
    testing::api_model,
};

/// Every operation: its request, its response, and the reader of the request, which is `read` unless there is another
macro_rules! table {
    ($($operation:ident: $request:ident -> $response:ident $(, $reader:expr)?;)+) => {
        &[$(Row {
            operation: Operation::$operation,
            request: &$request::STRUCTURE,
            response: &$response::STRUCTURE,
            read_and_write: table!(@reader $request $(, $reader)?),
            reread: |response| {
                let response: $response = serde_json::from_value(response).unwrap();
                serde_json::to_value(response).unwrap()
            },
        }),+]
    };
    (@reader $request:ident) => {
        |wire| {
            let input: $request = wire.parts(|parts| read(*parts, &[]))?;
            Ok(serde_json::to_value(input).unwrap())
        }
    };
    (@reader $request:ident, $reader:expr) => { $reader };
}

struct Row {
    operation: Operation,
    request: &'static Structure,
    response: &'static Structure,
    read_and_write: fn(&Wire) -> Result<Value, ServiceError>,
    /// Reads a response and writes it again
    reread: fn(Value) -> Value,
}

const TABLE: &[Row] = table! {
    CreateDataset: CreateDatasetRequest -> CreateDatasetResponse;
    CreateModel: CreateModelRequest -> CreateModelResponse;
    CreateProject: CreateProjectRequest -> CreateProjectResponse;
    DeleteDataset: DeleteDatasetRequest -> DeleteDatasetResponse;
    DeleteModel: DeleteModelRequest -> DeleteModelResponse;
    DeleteProject: DeleteProjectRequest -> DeleteProjectResponse;
    DescribeDataset: DescribeDatasetRequest -> DescribeDatasetResponse;
    DescribeModel: DescribeModelRequest -> DescribeModelResponse;
    DescribeModelPackagingJob: DescribeModelPackagingJobRequest -> DescribeModelPackagingJobResponse;
    DescribeProject: DescribeProjectRequest -> DescribeProjectResponse;
    DetectAnomalies: DetectAnomaliesRequest -> DetectAnomaliesResponse, detect_anomalies;
    ListDatasetEntries: ListDatasetEntriesRequest -> ListDatasetEntriesResponse;
    ListModelPackagingJobs: ListModelPackagingJobsRequest -> ListModelPackagingJobsResponse;
    ListModels: ListModelsRequest -> ListModelsResponse;
    ListProjects: ListProjectsRequest -> ListProjectsResponse;
    ListTagsForResource: ListTagsForResourceRequest -> ListTagsForResourceResponse;
    StartModel: StartModelRequest -> StartModelResponse;
    StartModelPackagingJob: StartModelPackagingJobRequest -> StartModelPackagingJobResponse;
    StopModel: StopModelRequest -> StopModelResponse;
    TagResource: TagResourceRequest -> TagResourceResponse;
    UntagResource: UntagResourceRequest -> UntagResourceResponse;
    UpdateDatasetEntries: UpdateDatasetEntriesRequest -> UpdateDatasetEntriesResponse;
};

/// DetectAnomalies is read without a JSON document, and its image is not in JSON
fn detect_anomalies(wire: &Wire) -> Result<Value, ServiceError> {
    wire.parts(|parts| {
        let request = DetectAnomaliesRequest {
            project_name: parts.route.label("projectName"),
            model_version: parts.route.label("modelVersion"),
            body: parts.body,
            content_type: (parts.header)("Content-Type"),
        };
        request.check(&[])?;
        Ok(json!({
            "ProjectName": request.project_name,
            "ModelVersion": request.model_version,
            "Body": str::from_utf8(request.body).unwrap(),
            "ContentType": request.content_type,
        }))
    })
}

/// A request as it goes over the wire
struct Wire {
    operation: Operation,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Wire {
    /// Puts the members where the description says that they travel
    fn of(row: &Row, members: &Map<String, Value>) -> Self {
        let mut wire = Self {
            operation: row.operation,
            path: row.operation.path_template().to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let mut body = Map::new();
        let mut query = form_urlencoded::Serializer::new(String::new());
        for member in row.request.members {
            let Some(value) = members.get(member.name) else {
                continue;
            };
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match (member.place, value) {
                (Place::Body, value) => drop(body.insert(member.name.to_owned(), value.clone())),
                (Place::Label(name), value) => {
                    let encoded: String = text(value).bytes().map(|b| format!("%{b:02X}")).collect();
                    wire.path = wire.path.replace(&format!("{{{name}}}"), &encoded);
                }
                (Place::Header(name), value) => wire.headers.push((name.to_owned(), text(value))),
                (Place::Query(name), Value::Array(values)) => {
                    for value in values {
                        query.append_pair(name, &text(value));
                    }
                }
                (Place::Query(name), value) => drop(query.append_pair(name, &text(value))),
                (Place::Payload, value) => wire.body = text(value).into_bytes(),
            }
        }
        wire.query = query.finish();
        if !body.is_empty() {
            wire.body = Value::from(body).to_string().into_bytes();
        }
        wire
    }

    fn parts<T>(&self, take: impl FnOnce(&Parts<'_>) -> T) -> T {
        let route = Route::resolve(self.operation.method(), &self.path).expect("the path is the operation's");
        let members = self.operation.request().members;
        let has_document = members.iter().any(|member| member.place == Place::Body);
        let document = has_document.then(|| document(&self.body, testing::limits().body_values_max));
        let body = self.body.clone().into();
        let parts = Parts {
            route: &route,
            document: document.as_ref(),
            body_sha256: None,
            query: &self.query,
            header: &|name: &str| {
                let field = self
                    .headers
                    .iter()
                    .find(|(field, _)| field.eq_ignore_ascii_case(name));
                field.map(|(_, value)| value.as_str())
            },
            body: &body,
        };
        take(&parts)
    }
}

/// A value that keeps every constraint of its shape
fn sample(shape: &Shape) -> Value {
    match shape {
        Shape::Text(shape) => {
            let candidates = [
                "train",
                "normal",
                "1",
                "1.0.0",
                "abc",
                "{}",
                "arn:aws:greengrass:us-east-1:aws:components:c",
                "#23A436",
                "direct",
            ];
            let fits = |text: &&&str| keeps(shape, text);
            json!(
                candidates
                    .iter()
                    .find(fits)
                    .unwrap_or_else(|| panic!("no sample of {}", shape.name))
            )
        }
        Shape::Enum(shape) => json!(shape.values[0]),
        Shape::Integer(range) => json!(range.max.or(range.min).unwrap_or(7)),
        Shape::Float => json!(0.5),
        Shape::Boolean => json!(true),
        Shape::Timestamp => json!("2023-01-02T03:04:05.678Z"),
        Shape::Blob(_) => json!("e30="),
        Shape::Stream => json!("\u{1} any bytes"),
        Shape::List(_, element) => json!([sample(element)]),
        Shape::Structure(structure) => Value::Object(sample_members(structure)),
    }
}

fn sample_members(structure: &Structure) -> Map<String, Value> {
    structure
        .members
        .iter()
        .map(|member| (member.name.to_owned(), sample(&member.shape)))
        .collect()
}

fn keeps(shape: &StringShape, text: &str) -> bool {
    let characters = text.chars().count();
    (shape.characters_min..=shape.characters_max).contains(&characters)
        && shape.pattern.is_none_or(|Pattern { matches, .. }| matches(text))
}

#[test]
fn every_request_comes_out_as_it_was_put_on_the_wire() {
    for row in TABLE {
        let members = sample_members(row.request);
        let read = (row.read_and_write)(&Wire::of(row, &members));
        let mut expected = Value::Object(members);
        write_moments(&mut expected);
        assert_eq!(read, Ok(expected), "{}", row.operation);
    }
}

#[test]
fn every_response_comes_out_as_it_was_put_in() {
    for row in TABLE {
        let response = Value::Object(sample_members(row.response));
        let mut expected = response.clone();
        write_moments(&mut expected);
        assert_eq!((row.reread)(response), expected, "{}", row.operation);
    }
}

/// Replaces moments as they were read by moments as the API writes them.
fn write_moments(value: &mut Value) {
    match value {
        Value::String(text) if *text == sample(&Shape::Timestamp) => *value = json!(1_672_628_645.678),
        Value::Array(values) => values.iter_mut().for_each(write_moments),
        Value::Object(members) => members.values_mut().for_each(write_moments),
        _ => {}
    }
}

#[test]
fn a_request_needs_its_required_members_and_no_others() {
    for row in TABLE {
        let mut members = sample_members(row.request);
        members.retain(|name, _| {
            let member = row.request.members.iter().find(|member| member.name == name);
            member.is_some_and(|member| member.required)
        });
        let read = (row.read_and_write)(&Wire::of(row, &members));
        assert_eq!(read, Ok(Value::Object(members.clone())), "{}", row.operation);
        for member in row.request.members.iter().filter(|member| member.required) {
            // A path always has its labels, and an empty payload is still a payload.
            if let Place::Label(_) | Place::Payload = member.place {
                continue;
            }
            let mut fewer = members.clone();
            fewer.remove(member.name);
            let message = (row.read_and_write)(&Wire::of(row, &fewer)).unwrap_err();
            let expected = format!(
                "1 validation error detected: Value null at '{}{}' failed to satisfy constraint: Member must not be null",
                member.name[..1].to_ascii_lowercase(),
                &member.name[1..]
            );
            assert_eq!(message.message(), expected, "{}", row.operation);
        }
    }
}

/// Values on and just beyond every edge of a shape, the latter with the text that the refusal must have
fn edges(shape: &Shape) -> (Vec<Value>, Vec<(Value, String)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    match shape {
        Shape::Text(shape) => {
            let StringShape {
                characters_min: min,
                characters_max: max,
                ..
            } = *shape;
            let of_length = |length: usize| {
                let alphabet = ["a", "1", "{"];
                alphabet
                    .iter()
                    .map(|letter| letter.repeat(length))
                    .find(|text| shape.pattern.is_none_or(|pattern| (pattern.matches)(text)))
            };
            for length in [min, max] {
                let fitting = (length <= 4096).then(|| of_length(length)).flatten();
                good.extend(fitting.filter(|text| keeps(shape, text)).map(Value::from));
            }
            if min > 0 {
                bad.push((
                    json!("a".repeat(min - 1)),
                    format!("length greater than or equal to {min}"),
                ));
            }
            if max < 4096 {
                bad.push((
                    json!("a".repeat(max + 1)),
                    format!("length less than or equal to {max}"),
                ));
            }
            if let Some(pattern) = shape.pattern {
                let refused = ["\n\n\n\n", "\u{1}\u{1}\u{1}"]
                    .into_iter()
                    .find(|text| !(pattern.matches)(text));
                let refused = refused.expect("every pattern refuses something");
                bad.push((
                    json!(refused),
                    format!("regular expression pattern: {}", pattern.text),
                ));
            }
        }
        Shape::Enum(shape) => {
            good.extend(shape.values.iter().map(|value| json!(value)));
            bad.push((
                json!("nothing"),
                format!("enum value set: [{}]", shape.values.join(", ")),
            ));
        }
        Shape::Integer(range) => {
            good.extend(range.min.into_iter().chain(range.max).map(Value::from));
            bad.extend(
                range
                    .min
                    .map(|min| (json!(min - 1), format!("value greater than or equal to {min}"))),
            );
            bad.extend(
                range
                    .max
                    .map(|max| (json!(max + 1), format!("value less than or equal to {max}"))),
            );
        }
        Shape::Blob(range) => {
            let blob =
                |bytes: i64| json!(BASE64_STANDARD.encode(vec![b'x'; usize::try_from(bytes).unwrap()]));
            good.extend(range.min.into_iter().chain(range.max).map(blob));
            bad.extend(
                range
                    .min
                    .map(|min| (blob(min - 1), format!("length greater than or equal to {min}"))),
            );
            bad.extend(
                range
                    .max
                    .map(|max| (blob(max + 1), format!("length less than or equal to {max}"))),
            );
        }
        Shape::List(range, element) => {
            let list = |length: i64| Value::Array((0..length).map(|_| sample(element)).collect());
            good.extend(range.max.map(list));
            bad.extend(
                range
                    .max
                    .map(|max| (list(max + 1), format!("length less than or equal to {max}"))),
            );
            let (inner_good, inner_bad) = edges(element);
            good.extend(inner_good.into_iter().map(|value| json!([value])));
            bad.extend(
                inner_bad
                    .into_iter()
                    .map(|(value, words)| (json!([value]), words)),
            );
        }
        Shape::Structure(structure) => {
            for member in structure.members {
                let (inner_good, inner_bad) = edges(&member.shape);
                let with = |value: Value| {
                    let mut members = sample_members(structure);
                    members.insert(member.name.to_owned(), value);
                    Value::Object(members)
                };
                good.extend(inner_good.into_iter().map(with));
                bad.extend(inner_bad.into_iter().map(|(value, words)| (with(value), words)));
                if member.required {
                    let mut members = sample_members(structure);
                    members.remove(member.name);
                    bad.push((Value::Object(members), "Member must not be null".to_owned()));
                }
            }
        }
        Shape::Float | Shape::Boolean | Shape::Timestamp | Shape::Stream => {}
    }
    (good, bad)
}

#[test]
fn every_constraint_is_enforced_at_its_edge() {
    let mut tried = 0;
    for row in TABLE {
        for member in row.request.members {
            let (good, bad) = edges(&member.shape);
            let send = |value: Value| {
                let mut members = sample_members(row.request);
                members.insert(member.name.to_owned(), value);
                (row.read_and_write)(&Wire::of(row, &members))
            };
            // A path with an empty label does not belong to the operation.
            let travels =
                |value: &Value| !(matches!(member.place, Place::Label(_)) && value.as_str() == Some(""));
            for value in good.into_iter().filter(travels) {
                tried += 1;
                assert!(send(value).is_ok(), "{} {}", row.operation, member.name);
            }
            for (value, words) in bad.into_iter().filter(|(value, _)| travels(value)) {
                tried += 1;
                let error = send(value).expect_err(&words);
                let ServiceError::ValidationException { message } = &error else {
                    panic!("{} {}: {error:?}", row.operation, member.name);
                };
                assert!(
                    message.contains(&words),
                    "{} {}: {words}\n{message}",
                    row.operation,
                    member.name
                );
            }
        }
    }
    assert!(tried > 200, "only {tried} edges");
}

#[test]
fn a_member_of_another_json_type_is_a_serialization_exception() {
    for row in TABLE {
        for member in row
            .request
            .members
            .iter()
            .filter(|member| member.place == Place::Body)
        {
            let wrong = match member.shape {
                Shape::Integer(_) => json!("1"),
                _ => json!(1),
            };
            let mut members = sample_members(row.request);
            members.insert(member.name.to_owned(), wrong);
            let error = (row.read_and_write)(&Wire::of(row, &members)).unwrap_err();
            assert!(
                matches!(error, ServiceError::SerializationException { .. }),
                "{} {}: {error:?}",
                row.operation,
                member.name
            );
        }
    }
}

#[test]
fn a_body_is_read_only_where_the_operation_has_members_in_it() {
    for row in TABLE {
        let has_body = row
            .request
            .members
            .iter()
            .any(|member| member.place == Place::Body);
        for body in ["{", "[]", "3", "\"text\"", "{\"a\":1}x"] {
            let mut wire = Wire::of(row, &sample_members(row.request));
            wire.body = body.into();
            let read = (row.read_and_write)(&wire);
            if has_body {
                assert!(
                    matches!(read, Err(ServiceError::SerializationException { .. })),
                    "{} {body}: {read:?}",
                    row.operation
                );
            } else {
                assert!(read.is_ok(), "{} {body}: {read:?}", row.operation);
            }
        }
    }
}

#[test]
fn null_is_absent_and_unknown_members_are_ignored() {
    let row = TABLE
        .iter()
        .find(|row| row.operation == Operation::CreateModel)
        .unwrap();
    let mut members = sample_members(row.request);
    let mut wire = Wire::of(row, &members);
    let mut body: Value = serde_json::from_slice(&wire.body).unwrap();
    body["Tags"] = Value::Null;
    body["OutputConfig"]["S3Location"]["Prefix"] = Value::Null;
    body["Unknown"] = json!({"a": [1]});
    wire.body = body.to_string().into();
    members.remove("Tags");
    members["OutputConfig"]["S3Location"]
        .as_object_mut()
        .unwrap()
        .remove("Prefix");
    assert_eq!((row.read_and_write)(&wire), Ok(Value::Object(members)));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_paths() {
    let row = TABLE
        .iter()
        .find(|row| row.operation == Operation::CreateModel)
        .unwrap();
    let mut wire = Wire::of(row, &sample_members(row.request));
    wire.body =
        br#"{"OutputConfig":{"S3Location":{"Bucket":"b"}},"Tags":[{"Key":"k","Value":"v"},{"Key":""}]}"#
            .to_vec();
    let error = (row.read_and_write)(&wire).unwrap_err();
    assert_eq!(
        error.message(),
        "3 validation errors detected: Value 'b' at 'outputConfig.s3Location.bucket' failed to satisfy constraint: Member \
         must have length greater than or equal to 3; Value '' at 'tags.2.member.key' failed to satisfy constraint: Member \
         must have length greater than or equal to 1; Value null at 'tags.2.member.value' failed to satisfy constraint: \
         Member must not be null"
    );
}

#[test]
fn moments_are_seconds_with_up_to_three_decimals() {
    let written = |moment: &str| serde_json::to_string(&EpochSeconds(moment.parse().unwrap())).unwrap();
    assert_eq!(written("2020-12-06T17:55:18.389Z"), "1607277318.389");
    assert_eq!(written("2020-11-28T16:04:13.6Z"), "1606579453.6");
    assert_eq!(written("2020-11-28T16:04:13.0009Z"), "1606579453");
}

/// Compares a description with the API model
fn compare(structure: &Structure, api: &Value, seen: &mut BTreeSet<&'static str>) {
    if !seen.insert(structure.name) {
        return;
    }
    let model = &api["shapes"][structure.name];
    let is_request = structure.name.ends_with("Request");
    let names: BTreeSet<&str> = structure.members.iter().map(|member| member.name).collect();
    let expected: BTreeSet<&str> = model["members"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, expected, "{}", structure.name);
    for member in structure.members {
        let at = format!("{}.{}", structure.name, member.name);
        let described = &model["members"][member.name];
        let required = model["required"]
            .as_array()
            .is_some_and(|names| names.contains(&json!(member.name)));
        // Responses promise more than the model; requests require exactly what it requires.
        assert!(
            member.required == required || (!is_request && member.required),
            "{at}"
        );
        let place = match member.place {
            Place::Body => (Value::Null, Value::Null),
            Place::Label(name) => (json!("uri"), json!(name)),
            Place::Query(name) => (json!("querystring"), json!(name)),
            Place::Header(name) => (json!("header"), json!(name)),
            Place::Payload => (Value::Null, Value::Null),
        };
        assert_eq!(
            member.place == Place::Payload,
            model["payload"] == member.name,
            "{at}"
        );
        assert_eq!(
            (described["location"].clone(), described["locationName"].clone()),
            place,
            "{at}"
        );
        compare_shape(
            &member.shape,
            described["shape"].as_str().unwrap(),
            &at,
            api,
            seen,
        );
    }
}

fn compare_shape(shape: &Shape, name: &str, at: &str, api: &Value, seen: &mut BTreeSet<&'static str>) {
    let model = &api["shapes"][name];
    let range = |range: &Range| {
        assert_eq!(range.name, name, "{at}");
        assert_eq!(
            (range.min, range.max),
            (model["min"].as_i64(), model["max"].as_i64()),
            "{at}"
        );
    };
    match shape {
        Shape::Text(shape) => assert_eq!(shape.name, name, "{at}"),
        Shape::Enum(shape) => {
            assert_eq!(shape.name, name, "{at}");
            assert_eq!(json!(shape.values), model["enum"], "{at}");
        }
        Shape::Integer(shape) => {
            assert_eq!(model["type"], "integer", "{at}");
            range(shape);
        }
        Shape::Float => assert_eq!(model["type"], "float", "{at}"),
        Shape::Boolean => assert_eq!(model["type"], "boolean", "{at}"),
        Shape::Timestamp => assert_eq!(model["type"], "timestamp", "{at}"),
        Shape::Blob(shape) => {
            assert_eq!(model["type"], "blob", "{at}");
            range(shape);
        }
        Shape::Stream => {
            assert_eq!("Stream", name, "{at}");
            assert_eq!(
                (&model["type"], &model["streaming"]),
                (&json!("blob"), &json!(true)),
                "{at}"
            );
            assert_eq!(
                (&model["min"], &model["max"]),
                (&Value::Null, &Value::Null),
                "{at}"
            );
        }
        Shape::List(shape, element) => {
            assert_eq!(model["type"], "list", "{at}");
            range(shape);
            compare_shape(element, model["member"]["shape"].as_str().unwrap(), at, api, seen);
        }
        Shape::Structure(structure) => {
            assert_eq!(structure.name, name, "{at}");
            compare(structure, api, seen);
        }
    }
}

#[test]
fn the_description_is_the_api_model() {
    let api = api_model();
    let mut seen = BTreeSet::new();
    for row in TABLE {
        let operation = &api["operations"][row.operation.name()];
        assert_eq!(operation["input"], row.request.name);
        assert_eq!(operation["output"], row.response.name);
        compare(row.request, &api, &mut seen);
        compare(row.response, &api, &mut seen);
    }
    let operations: Vec<Operation> = TABLE.iter().map(|row| row.operation).collect();
    assert_eq!(operations, Operation::ALL);
}

#[test]
fn the_values_of_a_document_are_counted_before_they_are_read() {
    let read = |text: &str| document(text.as_bytes(), 4).map(|members| members.len());
    assert_eq!(
        read(r#"{"a": 1, "b": [2]}"#).expect("an object, two numbers, a list"),
        2
    );
    // Nothing inside a text counts as a value, even after an escaped quote.
    assert_eq!(read(r#"{"a": "[{,,,\\", "b": "\",,,,,"}"#).expect("two texts"), 2);
    for text in [
        r#"{"a": [1, 2, 3]}"#,
        r#"{"a": [[[[]]]]}"#,
        r#"{"a": [{}, {}]}"#,
        "[,,,,",
    ] {
        let error = read(text).expect_err("five");
        assert!(
            matches!(&error, ServiceError::SerializationException { message, limit: Some("limits.body_values_max") }
                if message == "the request body has more than body_values_max (4) values"),
            "{error:?}"
        );
    }
}
