//! The JSON Schema of the configuration file, made from the mirror.
//!
//! `emulator.schema.json` is committed and is what the `schema` subcommand prints; a test keeps it in step with the
//! mirror, so the program itself carries no schema generator.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    file::{PolicyLevels, PolicySource},
    read::Located,
};

/// The JSON Schema of the configuration file
pub(crate) const SCHEMA: &str = include_str!("../../emulator.schema.json");

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

macro_rules! text_schema {
    ($($type:ty: $schema:tt;)+) => {
        $(impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })+
    };
}

/// What identifiers of other crates look like in the file: `#[schemars(with = "…")]` names these, because the derive can
/// only use types whose schema this crate defines
pub(super) mod forms {
    use super::{Cow, JsonSchema, Schema, SchemaGenerator, json_schema};

    pub(crate) struct AccountId;
    pub(crate) struct Region;
    pub(crate) struct VpcId;
    pub(crate) struct VpcEndpointId;
    pub(crate) struct ProjectName;
    pub(crate) struct ModelVersion;
    pub(crate) struct ModelStatus;

    text_schema! {
        AccountId: {"type": "string", "pattern": "^[0-9]{12}$"};
        Region: {"type": "string", "pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$"};
        VpcId: {"type": "string", "pattern": "^vpc-([0-9a-f]{8}|[0-9a-f]{17})$"};
        VpcEndpointId: {"type": "string", "pattern": "^vpce-([0-9a-f]{8}|[0-9a-f]{17})$"};
        ProjectName: {"type": "string", "pattern": "^[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}$"};
        // A number is taken as it is spelled.
        ModelVersion: {
            "type": ["string", "integer"],
            "pattern": "^[A-Za-z0-9_-]{1,255}$",
            "not": {"const": "latest"},
            "minimum": 0
        };
    }

    impl JsonSchema for ModelStatus {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "ModelStatus".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": "string", "enum": lookoutvision::model::ModelStatus::ALL.map(lookoutvision::model::ModelStatus::as_str)})
        }
    }
}

text_schema! {
    PolicySource: {
        "anyOf": [
            {"type": "string", "description": "Path of a policy file, JSON."},
            {"type": "object", "description": "The policy document itself."}
        ]
    };
}

impl JsonSchema for PolicyLevels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PolicyLevels".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let policy = generator.subschema_for::<PolicySource>();
        json_schema!({
            "anyOf": [
                {"type": "array", "items": policy},
                {"type": "array", "items": {"type": "array", "items": policy}}
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{super::file::ConfigFile, *};
    use crate::config::limits::LIMITS;

    fn made_from_the_mirror() -> Value {
        let mut schema = Value::from(schemars::schema_for!(ConfigFile));
        polish(&mut schema);
        schema
    }

    /// An optional key is left out, never `null`; and a description is one line, as its comment is not.
    fn polish(value: &mut Value) {
        let is_null = |schema: &Value| schema["type"] == "null";
        if let Value::Object(schema) = value {
            if let Some(Value::Array(types)) = schema.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    schema["type"] = only.clone();
                }
            }
            if let Some(Value::Array(values)) = schema.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            if let Some(Value::Array(choices)) = schema.get_mut("anyOf")
                && choices.iter().any(is_null)
            {
                choices.retain(|choice| !is_null(choice));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    schema.remove("anyOf");
                    for (key, value) in only {
                        schema.entry(key).or_insert(value);
                    }
                }
            }
            if let Some(Value::String(description)) = schema.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            schema.values_mut().for_each(polish);
        } else if let Value::Array(items) = value {
            items.iter_mut().for_each(polish);
        }
    }

    /// `UPDATE_SCHEMA=1 cargo test -p lookoutvision-emulator schema` writes the file anew.
    #[test]
    fn the_committed_schema_is_the_one_of_the_mirror() {
        let text = serde_json::to_string_pretty(&made_from_the_mirror()).expect("a schema is JSON") + "\n";
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/emulator.schema.json");
            std::fs::write(file, &text).expect("the source tree is writable");
        } else {
            assert!(
                text == SCHEMA,
                "emulator.schema.json is out of step; write it anew with UPDATE_SCHEMA=1"
            );
        }
    }

    #[test]
    fn every_key_has_a_description_and_no_mapping_takes_unknown_keys() {
        fn check(path: &str, schema: &Value) {
            if let Some(Value::Object(properties)) = schema.get("properties") {
                assert_eq!(schema["additionalProperties"], false, "{path}");
                for (key, property) in properties {
                    let description = property["description"].as_str().unwrap_or_default();
                    assert!(!description.is_empty(), "{path}/{key} has no description");
                }
            }
        }
        let schema = made_from_the_mirror();
        check("", &schema);
        for (name, definition) in schema["$defs"].as_object().expect("the sections are definitions") {
            check(name, definition);
        }
    }

    #[test]
    fn every_limit_has_its_default_and_its_bounds_in_the_schema() {
        let schema = made_from_the_mirror();
        let limits = &schema["$defs"]["LimitsFile"]["properties"];
        assert_eq!(limits.as_object().map(serde_json::Map::len), Some(LIMITS.len()));
        for (name, default, least, most) in LIMITS {
            let limit = &limits[*name];
            assert_eq!(limit["default"], *default, "{name}");
            assert_eq!(
                (&limit["minimum"], &limit["maximum"]),
                (&Value::from(*least), &Value::from(*most)),
                "{name}"
            );
        }
    }

    #[test]
    fn the_examples_are_valid_against_the_schema_and_their_mistakes_are_not() {
        let schema = made_from_the_mirror();
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
        for name in ["canned-answers", "complete", "endpoint-policy", "two-networks"] {
            let text =
                std::fs::read_to_string(format!("{examples}/{name}.yaml")).expect("the example is there");
            let example: Value = serde_saphyr::from_str(&text).expect("it is YAML");
            assert_eq!(conforms(&example, &schema, &schema, name), Ok(()));
        }
        for mistake in [
            "accountid: '123456789012'",
            "account_id: '12'",
            "vpcs: [{region: us-west-2}]",
            "limits: {headers_max: 1}",
            "strictness: {mismatch_detail: never}",
            "principals: null",
            "projects: [{name: p, models: [{version: latest}]}]",
            "endpoint_policy: 3",
        ] {
            let wrong: Value = serde_saphyr::from_str(mistake).expect("it is YAML");
            assert!(conforms(&wrong, &schema, &schema, "").is_err(), "{mistake}");
        }
    }

    /// Whether a value conforms to a schema of the keywords that ours has; a keyword more is a panic, not a pass.
    fn conforms(value: &Value, schema: &Value, root: &Value, path: &str) -> Result<(), String> {
        let refused = |why: &str| Err(format!("{path}: {why}"));
        for (keyword, rule) in schema.as_object().expect("a schema is an object") {
            let holds = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "default" | "examples" | "format" => true,
                "$ref" => {
                    let name = rule.as_str().and_then(|rule| rule.strip_prefix("#/$defs/"));
                    conforms(value, &root["$defs"][name.expect("a definition")], root, path)?;
                    true
                }
                "type" => {
                    let is = |name: &Value| match name.as_str().expect("a type's name") {
                        "string" => value.is_string(),
                        "integer" => value.is_u64() || value.is_i64(),
                        "number" => value.is_number(),
                        "boolean" => value.is_boolean(),
                        "array" => value.is_array(),
                        "object" => value.is_object(),
                        other => panic!("type {other}"),
                    };
                    rule.as_array()
                        .map_or_else(|| is(rule), |names| names.iter().any(is))
                }
                "enum" => rule.as_array().expect("a list").contains(value),
                "const" => rule == value,
                "not" => conforms(value, rule, root, path).is_err(),
                "anyOf" => rule
                    .as_array()
                    .expect("a list")
                    .iter()
                    .any(|rule| conforms(value, rule, root, path).is_ok()),
                "pattern" => {
                    let pattern =
                        regex_lite::Regex::new(rule.as_str().expect("a pattern")).expect("it is one");
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                "minLength" => value
                    .as_str()
                    .is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
                "minItems" => value
                    .as_array()
                    .is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
                "minimum" => value
                    .as_f64()
                    .is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value
                    .as_f64()
                    .is_none_or(|number| number <= rule.as_f64().unwrap()),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        conforms(item, rule, root, &format!("{path}/{index}"))?;
                    }
                    true
                }
                "required" => {
                    let mut names = rule.as_array().expect("a list").iter().filter_map(Value::as_str);
                    value
                        .as_object()
                        .is_none_or(|members| names.all(|name| members.contains_key(name)))
                }
                "properties" => {
                    for (key, member) in value.as_object().into_iter().flatten() {
                        if let Some(rule) = rule.get(key) {
                            conforms(member, rule, root, &format!("{path}/{key}"))?;
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let known = &schema["properties"];
                    for (key, member) in value.as_object().into_iter().flatten() {
                        if known.get(key).is_none() {
                            match rule {
                                Value::Bool(false) => return refused(&format!("unknown key {key}")),
                                rule => conforms(member, rule, root, &format!("{path}/{key}"))?,
                            }
                        }
                    }
                    true
                }
                other => panic!("the schema has the keyword {other}"),
            };
            if !holds {
                return refused(&format!("{keyword} {rule}"));
            }
        }
        Ok(())
    }
}
