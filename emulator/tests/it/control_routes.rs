//! The routes of the control API: their list, the document about them, and the answers about routes that do not exist.

use std::collections::{BTreeMap, BTreeSet};

use lookoutvision_emulator::Emulator;
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::support::{Answer, Call, control, control_accepting, control_stream, emulator};

const ENDPOINT: &str = "vpce-00000000000000000";

/// Of the policy that is attached where nobody says anything
const DEFAULT_POLICY_SHA256: &str = "1e23c74ecdd043f59b1d4dbd198431e7610d57cfb9943e5bb6806b37f993e6dd";

/// Methods that the control API could have, and some that it never has
const METHODS: [&str; 9] = [
    "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
];

async fn document(emulator: &Emulator) -> Value {
    control(emulator, "GET", "/openapi.json", "").await.json()
}

/// The methods of each path of a document; who answers GET answers HEAD
fn documented_methods(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().expect("a document has paths");
    paths
        .iter()
        .map(|(path, item)| {
            let methods = item.as_object().expect("a path has methods").keys();
            let mut methods: BTreeSet<String> = methods.map(|method| method.to_uppercase()).collect();
            if methods.contains("GET") {
                methods.insert("HEAD".to_owned());
            }
            (path.clone(), methods)
        })
        .collect()
}

/// A target that a path of the document stands for
fn target(path: &str) -> String {
    path.replace("{vpc_endpoint_id}", ENDPOINT)
        .replace("{request_id}", "00000000-0000-0000-0000-000000000000")
        .replace("{sha256}", DEFAULT_POLICY_SHA256)
        .replace("/dashboard/{name}", "/dashboard/policies")
        .replace("{project}", "myProject")
        .replace("{version}", "1")
        .replace("{rule_id}", "r-1")
        .replace("{name}", "line")
}

#[track_caller]
fn check_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let error = &answer.json()["error"];
    assert_eq!(error["code"], code, "{error}");
    assert!(error["message"].is_string(), "{error}");
}

/// How an answer begins, which may have no end
async fn status_line(emulator: &Emulator, method: &str, target: &str) -> String {
    let mut stream = BufReader::new(control_stream(emulator).await);
    let request = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the control API reads");
    let mut line = String::new();
    stream
        .read_line(&mut line)
        .await
        .expect("the control API answers");
    line
}

#[tokio::test]
async fn every_method_of_every_path_is_in_the_document_or_refused_with_those_that_are() {
    let emulator = emulator().await;
    for (path, methods) in documented_methods(&document(&emulator).await) {
        for method in METHODS {
            if methods.contains(method) {
                let status_line = status_line(&emulator, method, &target(&path)).await;
                assert!(!status_line.contains(" 405 "), "{method} {path}");
                continue;
            }
            let answer = control(&emulator, method, &target(&path), "").await;
            match method {
                "HEAD" => assert_eq!((answer.status, answer.body.len()), (405, 0), "{path}"),
                _ => check_error(&answer, 405, "MethodNotAllowed"),
            }
            let allowed = answer.header("allow").expect("RFC 9110, section 15.5.6: Allow");
            let allowed: BTreeSet<String> = allowed.split(',').map(|name| name.trim().to_owned()).collect();
            assert_eq!(allowed, methods, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_path_that_is_not_there_is_told_where_the_list_is() {
    let emulator = emulator().await;
    for path in [
        "/nonsense",
        "/health/",
        "//health",
        "/Health",
        "/requests/",
        "/requests/1/2",
        "/vpc-endpoints/vpce-00000000000000000",
        "/openapi.json/",
        "*",
    ] {
        for method in ["GET", "PUT", "BREW"] {
            let answer = control(&emulator, method, path, "").await;
            check_error(&answer, 404, "NotFound");
            assert!(answer.text().contains("`GET /` lists"), "{answer:?}");
        }
    }
    let answer = control(&emulator, "GET", "/requests/%ff", "").await;
    check_error(&answer, 400, "InvalidPath");
}

#[tokio::test]
async fn the_list_of_routes_is_the_document_s_and_a_browser_is_led_to_the_dashboard() {
    let emulator = emulator().await;
    let list = control(&emulator, "GET", "/", "").await.json();
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for route in list["routes"].as_array().unwrap() {
        assert_ne!(route["summary"], "", "{route}");
        let path = route["path"].as_str().unwrap().to_owned();
        let method = route["method"].as_str().unwrap().to_owned();
        listed.entry(path).or_default().insert(method);
    }
    let mut documented = documented_methods(&document(&emulator).await);
    for methods in documented.values_mut() {
        methods.remove("HEAD");
    }
    assert_eq!(listed, documented);

    let of_a_browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let led = control_accepting(&emulator, "/", of_a_browser).await;
    assert_eq!((led.status, led.header("location")), (303, Some("/dashboard")));
    let wants_none = control_accepting(&emulator, "/", "text/html;q=0, */*").await;
    assert_eq!(wants_none.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn every_operation_is_explained_and_every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let emulator = emulator().await;
    let document = document(&emulator).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(operation["tags"][0].is_string(), "{method} {path}");
            let refusal = &operation["responses"]["default"]["content"]["application/json"]["schema"];
            assert_eq!(
                refusal["$ref"], "#/components/schemas/ErrorAnswer",
                "{method} {path}"
            );
        }
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("it stands in the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

/// What of a value a schema of the document does not have
fn differences(document: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document
            .pointer(&reference[1..])
            .expect("a reference leads somewhere");
        return differences(document, schema, value, place, found);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let mut is_one = choices.iter().map(|choice| {
            let mut found = Vec::new();
            differences(document, choice, value, place, &mut found);
            found.is_empty()
        });
        if !is_one.any(|is_one| is_one) {
            found.push(format!("{place}: {value} is none of {choices:?}"));
        }
        return;
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        kinds => kinds
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !kinds.is_empty() && !kinds.contains(&kind) {
        return found.push(format!("{place}: {value} is not {kinds:?}"));
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (index, value) in values.iter().enumerate() {
            differences(document, items, value, &format!("{place}/{index}"), found);
        }
    }
    let Some(members) = value.as_object() else {
        return;
    };
    let mut parts = vec![schema];
    while let Some(position) = parts
        .iter()
        .position(|part| part.get("allOf").is_some() || part.get("$ref").is_some())
    {
        let part = parts.remove(position);
        match part["$ref"].as_str() {
            Some(reference) => {
                let name = reference.rsplit('/').next().expect("a split has a first part");
                parts.push(&document[&"components"]["schemas"][name]);
            }
            None => parts.extend(part["allOf"].as_array().expect("it was found by this list")),
        }
    }
    let known: Map<String, Value> = parts
        .iter()
        .flat_map(|part| std::iter::once(*part).chain(part["oneOf"].as_array().into_iter().flatten()))
        .filter_map(|part| part["properties"].as_object())
        .flat_map(Clone::clone)
        .collect();
    let required = parts
        .iter()
        .filter_map(|part| part["required"].as_array())
        .flatten();
    for name in required.filter_map(Value::as_str) {
        if !members.contains_key(name) {
            found.push(format!("{place}: `{name}` is missing"));
        }
    }
    // A schema that says nothing of its members takes any.
    if known.is_empty() {
        return;
    }
    for (name, value) in members {
        match known.get(name) {
            Some(schema) => differences(document, schema, value, &format!("{place}/{name}"), found),
            None => found.push(format!("{place}: `{name}` is not in the document")),
        }
    }
}

#[tokio::test]
async fn what_is_answered_is_what_the_document_says() {
    let emulator = emulator().await;
    let allowed = Call::detect("1").send(&emulator).await;
    let denied = Call::detect("2")
        .credentials("test", "wrong")
        .send(&emulator)
        .await;
    let request_id = denied
        .header("x-amzn-requestid")
        .expect("every answer has one")
        .to_owned();
    let document = document(&emulator).await;
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        // Of a request that no policy decided nothing could be edited.
        let request_id = match path.ends_with("/edits") {
            true => allowed.header("x-amzn-requestid").expect("every answer has one"),
            false => &request_id,
        };
        let mut target = target(path).replace("00000000-0000-0000-0000-000000000000", request_id);
        if path == "/env" {
            target.push_str("?certs_directory=/certs");
        }
        if path == "/identity-policy/draft" {
            target.push_str("?principal=arn:aws:iam::123456789012:user/test");
        }
        let answer = control(&emulator, "GET", &target, "").await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        let mut found = Vec::new();
        differences(&document, schema, &answer.json(), "", &mut found);
        assert!(found.is_empty(), "{target}: {found:#?}\n{}", answer.text());
        checked += 1;
    }
    assert!(checked >= 8, "{checked}");

    let refused = control(&emulator, "PUT", "/clock", "{").await;
    let mut found = Vec::new();
    let schema = &document["components"]["schemas"]["ErrorAnswer"]["properties"]["error"];
    let error = document.pointer(&schema["$ref"].as_str().unwrap()[1..]).unwrap();
    for name in ["code", "message"] {
        let schema = error.pointer(&format!("/properties/{name}"));
        let schema = schema.or_else(|| error.pointer(&format!("/allOf/0/properties/{name}")));
        let schema = schema.or_else(|| error.pointer(&format!("/allOf/1/properties/{name}")));
        let schema = schema.unwrap_or_else(|| panic!("{error:#}"));
        differences(
            &document,
            schema,
            &refused.json()["error"][name],
            name,
            &mut found,
        );
    }
    assert!(found.is_empty(), "{found:?}");
}
