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
    use super::{super::file::ConfigFile, *};

    /// `UPDATE_SCHEMA=1 cargo test -p lookoutvision-emulator schema` writes the file anew.
    #[test]
    fn the_committed_schema_is_the_one_of_the_mirror() {
        let schema = schemars::schema_for!(ConfigFile);
        let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
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
}
