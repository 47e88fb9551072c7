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
use crate::identifiers::{AccountId, ModelVersion, ProjectName, Region, VpcEndpointId, VpcId};

/// The JSON Schema of the configuration file
pub const SCHEMA: &str = include_str!("../../emulator.schema.json");

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
}
