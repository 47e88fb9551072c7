//! Every constraint that the API model puts on a request, at its bound and one beyond it.
//!
//! The probes are made from the model itself: for each operation every required member, `min`, `max`, `pattern` and
//! `enum`, in the body, in the path, in the query and in header fields. What a probe violates is computed here from the
//! model, and the answer must name exactly that.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lookoutvision_emulator::Emulator;
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::client::TlsStream;

use crate::support::{Answer, Call, JPEG, connect, emulator_with, read_answer};

#[tokio::test]
async fn every_constraint_of_the_api_model_holds_at_its_bound_and_one_beyond_it() {
    let model = model();
    // Rooms that every probe fits into, so that it is the constraint which refuses.
    let emulator = emulator_with(ROOMY).await;
    let mut wire = Wire::new(&emulator).await;
    let (mut faults, mut counts) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for (operation, description) in model["operations"].as_object().expect("an object") {
        let probes = Probes::of(&model, description);
        assert!(!probes.is_empty(), "{operation} has no probes");
        let mut refused = 0;
        for probe in probes {
            *counts.entry(probe.about).or_default() += 1;
            refused += usize::from(!probe.expected.is_accepted());
            let answer = wire.send(&call(&model, description, &probe.input)).await;
            if let Err(fault) = probe.expected.check(&answer) {
                faults.push(format!("{operation}, {}: {fault}", probe.title));
            }
        }
        assert!(refused > 0, "{operation} has no probe that is to be refused");
    }
    for about in ["required", "min", "max", "pattern", "enum"] {
        assert!(counts.contains_key(about), "{counts:?}");
    }
    println!("{counts:?}");
    assert!(
        faults.is_empty(),
        "{} of {} probes:\n{}",
        faults.len(),
        counts.values().sum::<usize>(),
        faults.join("\n")
    );
}

const ROOMY: &str = "
limits:
  projects_max: 10000
  body_bytes_max: 33554432
  in_flight_body_bytes_max: 67108864
";

fn model() -> Value {
    serde_json::from_str(include_str!("../fixtures/lookoutvision-api.json")).expect("the model is JSON")
}

/// One request and what becomes of it
struct Probe {
    /// The kind of constraint
    about: &'static str,
    title: String,
    /// All members, wherever they travel
    input: Value,
    expected: Expected,
}

/// What has to become of a probe
enum Expected {
    /// These constraints are broken and no other; none: the request passes, or fails for another reason
    Violations(Vec<Violation>),
    /// Without this label the path is another one
    OtherPath,
}

/// A broken constraint
struct Violation {
    /// As it is shown; `None` where the form is the framework's own (lists and blobs)
    value: Option<String>,
    path: String,
    constraint: String,
}

impl Expected {
    fn is_accepted(&self) -> bool {
        matches!(self, Self::Violations(violations) if violations.is_empty())
    }

    fn check(&self, answer: &Answer) -> Result<(), String> {
        let error = answer.header("x-amzn-errortype").unwrap_or_default();
        let is_as_expected = match self {
            Self::OtherPath => matches!(answer.status, 400 | 404) && error == "UnknownOperationException",
            Self::Violations(violations) if violations.is_empty() => {
                let message = String::from_utf8_lossy(&answer.body);
                let is_refused = error == "SerializationException"
                    || message.contains("validation error")
                    || message.contains("failed to satisfy constraint");
                // Whatever else may be wrong with it, somebody has looked at it.
                !is_refused && answer.status < 500 && answer.status != 413
            }
            Self::Violations(violations) => {
                answer.status == 400 && error == "ValidationException" && {
                    let message = answer.message();
                    match &violations[..] {
                        [violation] if violation.value.is_none() => {
                            message.starts_with("1 validation error detected: Value ")
                                && message.ends_with(&violation.to_string())
                        }
                        _ => message == sentence(violations),
                    }
                }
            }
        };
        if is_as_expected {
            return Ok(());
        }
        let expected = match self {
            Self::OtherPath => "no operation".to_owned(),
            Self::Violations(violations) if violations.is_empty() => "no constraint to be broken".to_owned(),
            Self::Violations(violations) => sentence(violations),
        };
        let found = format!(
            "{} {error} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Err(format!(
            "expected {}, found {}",
            beginning(&expected),
            beginning(&found)
        ))
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(value) = &self.value {
            write!(f, "Value {value}")?;
        }
        let Self { path, constraint, .. } = self;
        write!(
            f,
            " at '{path}' failed to satisfy constraint: Member must {constraint}"
        )
    }
}

fn sentence(violations: &[Violation]) -> String {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let violations: Vec<String> = violations.iter().map(Violation::to_string).collect();
    format!(
        "{} validation error{plural} detected: {}",
        violations.len(),
        violations.join("; ")
    )
}

fn beginning(text: &str) -> String {
    text.chars().take(300).collect()
}

/// All probes of one operation
struct Probes<'m> {
    model: &'m Value,
    probes: Vec<Probe>,
}

/// A place in an input
struct Place<'p> {
    /// As sentences name it
    path: String,
    /// Where the member of the input that it lies in travels
    location: &'p str,
    /// The whole input with a value at this place and nothing wrong elsewhere; `None`: without it
    around: &'p dyn Fn(Option<Value>) -> Value,
}

impl<'m> Probes<'m> {
    fn of(model: &'m Value, operation: &Value) -> Vec<Probe> {
        let mut probes = Self {
            model,
            probes: Vec::new(),
        };
        let input = text(&operation["input"]);
        let members = probes.shape(input)["members"]
            .as_object()
            .expect("an input is a structure");
        if members.is_empty() {
            probes.push("required", "nothing", json!({}), Vec::new());
        }
        for (name, member) in members {
            let around = |value: Option<Value>| {
                let mut input = valid(model, input);
                set(&mut input, name, value);
                input
            };
            let place = Place {
                path: camel_case(name),
                location: member["location"].as_str().unwrap_or("body"),
                around: &around,
            };
            probes.member(probes.is_required(input, name), text(&member["shape"]), &place);
        }
        probes.probes
    }

    fn shape(&self, name: &str) -> &'m Value {
        &self.model["shapes"][name]
    }

    fn is_required(&self, structure: &str, member: &str) -> bool {
        let required = self.shape(structure)["required"].as_array();
        required.is_some_and(|required| required.iter().any(|name| name == member))
    }

    fn push(
        &mut self,
        about: &'static str,
        title: impl Into<String>,
        input: Value,
        violations: Vec<Violation>,
    ) {
        self.probes.push(Probe {
            about,
            title: title.into(),
            input,
            expected: Expected::Violations(violations),
        });
    }

    fn member(&mut self, is_required: bool, shape: &str, place: &Place<'_>) {
        let Place {
            path,
            location,
            around,
        } = place;
        if shape == "Stream" {
            // An image that is not there is an image that is empty, which the service says in its own words.
            return;
        }
        if *location == "uri" {
            self.probes.push(Probe {
                about: "required",
                title: format!("{path} empty"),
                input: around(Some(json!(""))),
                expected: Expected::OtherPath,
            });
        } else {
            let missing = || {
                let violation = Violation {
                    value: Some("null".to_owned()),
                    path: path.clone(),
                    constraint: "not be null".to_owned(),
                };
                if is_required { vec![violation] } else { Vec::new() }
            };
            self.push("required", format!("{path} missing"), around(None), missing());
            if *location == "body" {
                self.push(
                    "required",
                    format!("{path} null"),
                    around(Some(Value::Null)),
                    missing(),
                );
            }
        }
        self.value(shape, place);
    }

    fn value(&mut self, shape: &str, place: &Place<'_>) {
        let Place {
            path,
            location,
            around,
        } = place;
        let description = self.shape(shape);
        match text(&description["type"]) {
            "string" => self.texts(description, place),
            "integer" => {
                for (about, number) in around_bounds(description) {
                    let violations =
                        out_of_range(description, number, "value", path, Some(&number.to_string()));
                    self.push(
                        about,
                        format!("{path} = {number}"),
                        around(Some(json!(number))),
                        violations,
                    );
                }
            }
            "blob" => {
                for (about, length) in around_bounds(description) {
                    let Ok(bytes) = usize::try_from(length) else {
                        continue;
                    };
                    let value = BASE64_STANDARD.encode(vec![b' '; bytes]);
                    let violations = out_of_range(description, length, "length", path, None);
                    self.push(
                        about,
                        format!("{path} of {length} bytes"),
                        around(Some(json!(value))),
                        violations,
                    );
                }
            }
            "list" => {
                let element = text(&description["member"]["shape"]);
                for (about, length) in around_bounds(description) {
                    // An empty list of the query is one that is not there.
                    if length < 0 || (length == 0 && *location == "querystring") {
                        continue;
                    }
                    let elements: Vec<Value> = (0..length)
                        .map(|number| numbered(self.model, element, number))
                        .collect();
                    let violations = out_of_range(description, length, "length", path, None);
                    self.push(
                        about,
                        format!("{path} of {length}"),
                        around(Some(json!(elements))),
                        violations,
                    );
                }
                let around = |value: Option<Value>| around(Some(value.into_iter().collect()));
                let inner = Place {
                    path: format!("{path}.1.member"),
                    location,
                    around: &around,
                };
                self.value(element, &inner);
            }
            "structure" => {
                let members = description["members"].as_object().expect("an object");
                for (name, member) in members {
                    let around = |value: Option<Value>| {
                        let mut structure = valid(self.model, shape);
                        set(&mut structure, name, value);
                        around(Some(structure))
                    };
                    let inner = Place {
                        path: format!("{path}.{}", camel_case(name)),
                        location,
                        around: &around,
                    };
                    self.member(self.is_required(shape, name), text(&member["shape"]), &inner);
                }
            }
            "boolean" | "timestamp" => {}
            other => panic!("a request has a {other}"),
        }
    }

    fn texts(&mut self, description: &Value, place: &Place<'_>) {
        let Place {
            path,
            location,
            around,
        } = place;
        let mut values: BTreeMap<String, &'static str> = BTreeMap::new();
        for (about, length) in around_bounds(description) {
            if let Ok(length) = usize::try_from(length) {
                values.insert(of_length(description, length), about);
            }
        }
        if description.get("pattern").is_some() {
            let sample = sample(description);
            for probe in PATTERN_PROBES {
                for value in [
                    (*probe).to_owned(),
                    format!("{probe}{sample}"),
                    format!("{sample}{probe}"),
                    format!("{sample}{probe}{sample}"),
                ] {
                    values.entry(value).or_insert("pattern");
                }
            }
        }
        for value in description["enum"].as_array().into_iter().flatten() {
            let value = text(value);
            for value in [
                value.to_owned(),
                value.to_lowercase(),
                value.to_uppercase(),
                format!("{value}x"),
                value[1..].to_owned(),
                String::new(),
            ] {
                values.insert(value, "enum");
            }
        }
        for (value, about) in values {
            let title = format!(
                "{path} = {:?} ({} characters)",
                beginning(&value),
                value.chars().count()
            );
            match *location {
                // No client can send them: a path without the segment, and fields that are trimmed or are none.
                "uri" if value.is_empty() => continue,
                "header" if !is_field_value(&value) => continue,
                _ => {}
            }
            let violations = if *location == "querystring" && path == "nextToken" && value.is_empty() {
                // A first page is asked for by a token that is empty, too.
                Vec::new()
            } else {
                broken_by(description, &value, path)
            };
            self.push(about, title, around(Some(json!(value))), violations);
        }
    }
}

/// Characters that some pattern takes and another does not
const PATTERN_PROBES: &[&str] = &[
    "a", "Z", "0", "7", "-", "_", ".", "/", " ", "~", "é", "²", "\u{a0}", "日", "'", "(", ",", ":", "@", "+",
    "=", "\\", "%", "\n", "1.2.3", "😀",
];

/// The bounds of a shape and what lies beyond them by one
fn around_bounds(description: &Value) -> Vec<(&'static str, i64)> {
    let mut found = BTreeSet::new();
    let mut numbers = Vec::new();
    if let Some(min) = description["min"].as_i64() {
        numbers.extend([("min", min), ("min", min - 1)]);
    }
    if let Some(max) = description["max"].as_i64() {
        numbers.extend([("max", max), ("max", max + 1)]);
    }
    numbers.retain(|(_, number)| found.insert(*number));
    numbers
}

fn out_of_range(
    description: &Value,
    size: i64,
    what: &str,
    path: &str,
    shown: Option<&str>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut broken = |constraint: String| {
        violations.push(Violation {
            value: shown.map(|value| format!("'{value}'")),
            path: path.to_owned(),
            constraint,
        });
    };
    if let Some(min) = description["min"].as_i64().filter(|min| size < *min) {
        broken(format!("have {what} greater than or equal to {min}"));
    }
    if let Some(max) = description["max"].as_i64().filter(|max| size > *max) {
        broken(format!("have {what} less than or equal to {max}"));
    }
    violations
}

/// What a text breaks, by the model's own pattern
fn broken_by(description: &Value, value: &str, path: &str) -> Vec<Violation> {
    // As much of a value as a message repeats
    const SHOWN_CHARACTERS_MAX: usize = 1_024;

    let characters = value.chars().count();
    let mut shown: String = value.chars().take(SHOWN_CHARACTERS_MAX).collect();
    if characters > SHOWN_CHARACTERS_MAX {
        shown.push('…');
    }
    let size = i64::try_from(characters).expect("a short text");
    let mut violations = out_of_range(description, size, "length", path, Some(&shown));
    let mut broken = |constraint: String| {
        violations.push(Violation {
            value: Some(format!("'{shown}'")),
            path: path.to_owned(),
            constraint,
        });
    };
    if let Some(pattern) = description["pattern"].as_str()
        && !matches(pattern, value)
    {
        broken(format!("satisfy regular expression pattern: {pattern}"));
    }
    if let Some(values) = description["enum"].as_array() {
        let values: Vec<&str> = values.iter().map(text).collect();
        if !values.contains(&value) {
            broken(format!("satisfy enum value set: [{}]", values.join(", ")));
        }
    }
    violations
}

/// Whether the whole of a text matches, as the framework asks
fn matches(pattern: &str, value: &str) -> bool {
    // The classes of Unicode that `regex-lite` does not know, as far as the probes have characters of them
    let pattern = pattern
        .replace(r"\p{L}", "a-zA-Zé日")
        .replace(r"\p{Z}", " \u{a0}")
        .replace(r"\p{N}", "0-9²");
    let regex = Regex::new(&format!("^(?:{pattern})$")).expect("the model's patterns are regular");
    regex.is_match(value)
}

/// A text of this length, one that the pattern takes where there is one
fn of_length(description: &Value, length: usize) -> String {
    let candidates = ["a", "1"].map(|character| character.repeat(length));
    let pattern = description["pattern"].as_str();
    let fitting = candidates
        .iter()
        .find(|text| pattern.is_none_or(|pattern| matches(pattern, text)));
    fitting.unwrap_or(&candidates[0]).clone()
}

/// A text that breaks nothing
fn sample(description: &Value) -> String {
    if let Some(values) = description["enum"].as_array() {
        return text(&values[0]).to_owned();
    }
    ["aaa", "1", "train", "normal", "1.0.0"]
        .into_iter()
        .find(|sample| broken_by(description, sample, "").is_empty())
        .unwrap_or_else(|| panic!("nothing is known that fits {description}"))
        .to_owned()
}

/// A value of a shape with the members that are required and no others
fn valid(model: &Value, shape: &str) -> Value {
    let description = &model["shapes"][shape];
    match text(&description["type"]) {
        "string" => json!(match shape {
            "ContentType" => "image/jpeg".to_owned(),
            _ => sample(description),
        }),
        "integer" => description["min"].clone(),
        "blob" => json!(BASE64_STANDARD.encode(r#"{"source-ref":"s3://b/1"}"#)),
        "list" => json!([numbered(model, text(&description["member"]["shape"]), 0)]),
        "structure" => {
            let required = description["required"].as_array().into_iter().flatten().map(text);
            let members = required.map(|name| {
                let member = &description["members"][name];
                (name.to_owned(), valid(model, text(&member["shape"])))
            });
            Value::Object(members.collect())
        }
        other => panic!("a request has a required {other}"),
    }
}

/// One of many values of a shape
fn numbered(model: &Value, shape: &str, number: i64) -> Value {
    match valid(model, shape) {
        Value::Object(members) => {
            let numbered = members.into_iter().map(|(name, value)| match value {
                Value::String(text) => (name, json!(format!("{text}{number}"))),
                other => (name, other),
            });
            Value::Object(numbered.collect())
        }
        Value::String(text) => json!(format!("{text}{number}")),
        other => other,
    }
}

fn set(structure: &mut Value, name: &str, value: Option<Value>) {
    let members = structure.as_object_mut().expect("a structure");
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
}

fn camel_case(name: &str) -> String {
    format!("{}{}", name[..1].to_lowercase(), &name[1..])
}

fn is_field_value(value: &str) -> bool {
    let is_visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    value.trim() == value && !value.is_empty() && value.bytes().all(is_visible)
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// An input as a request: each member where the model says that it travels
fn call(model: &Value, operation: &Value, input: &Value) -> Call {
    let input = input.as_object().expect("an input is a structure");
    let members = &model["shapes"][text(&operation["input"])]["members"];
    let mut target = text(&operation["http"]["requestUri"]).to_owned();
    let (mut query, mut headers, mut body) = (Vec::new(), Vec::new(), Map::new());
    let (mut image, mut content_type) = (None, None);
    for (name, value) in input {
        let member = &members[name];
        let location = member["location"].as_str();
        let shown = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match (location, member["locationName"].as_str()) {
            (Some("uri"), Some(label)) => {
                target = target.replace(&format!("{{{label}}}"), &percent_encoded(text(value)));
            }
            (Some("querystring"), Some(parameter)) => match value {
                Value::Array(values) => {
                    query.extend(values.iter().map(|value| (parameter, text(value).to_owned())));
                }
                _ => query.push((parameter, shown())),
            },
            (Some("header"), Some("Content-Type")) => content_type = Some(text(value).to_owned()),
            (Some("header"), Some(field)) => headers.push((field.to_ascii_lowercase(), shown())),
            _ if member["shape"] == "Stream" => image = Some(JPEG),
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
    for (index, (parameter, value)) in query.iter().enumerate() {
        let separator = if index == 0 { '?' } else { '&' };
        let value = percent_encoded(value);
        write!(target, "{separator}{parameter}={value}").expect("a String takes everything");
    }
    if let Some(content_type) = content_type {
        headers.push(("content-type".to_owned(), content_type));
    }
    let has_body = image.is_none() && operation["http"]["method"] != "GET" && !body.is_empty();
    Call {
        method: match text(&operation["http"]["method"]) {
            "GET" => "GET",
            "POST" => "POST",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            other => panic!("the model has {other}"),
        },
        extra_headers: headers,
        content_type: has_body.then_some("application/json"),
        body: match image {
            Some(image) => image.to_vec(),
            None if has_body => Value::Object(body).to_string().into_bytes(),
            None => Vec::new(),
        },
        ..Call::get(&target)
    }
}

fn percent_encoded(text: &str) -> String {
    // By itself it would be a segment that signers take out of the path.
    if text == "." {
        return "%2E".to_owned();
    }
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes everything");
        }
    }
    encoded
}

/// One connection after the other, each for as long as it lasts
struct Wire<'e> {
    emulator: &'e Emulator,
    stream: TlsStream<TcpStream>,
}

impl<'e> Wire<'e> {
    async fn new(emulator: &'e Emulator) -> Self {
        let stream = connect(emulator, emulator.address(), "localhost").await;
        Self {
            emulator,
            stream: stream.expect("a handshake"),
        }
    }

    async fn send(&mut self, call: &Call) -> Answer {
        self.stream
            .write_all(&call.to_bytes())
            .await
            .expect("the emulator reads");
        self.stream.flush().await.expect("the emulator reads");
        let answer = read_answer(&mut self.stream).await.expect("the emulator answers");
        if answer.header("connection") == Some("close") {
            *self = Self::new(self.emulator).await;
        }
        answer
    }
}
