//! The JSON Schema of the configuration file, made from its structures.
//!
//! `emulator.schema.json` is committed. The file is read by it (`form`), and the `schema` subcommand prints it. A test
//! keeps it in step with the structures (`file`), so the program itself carries no schema generator.

/// The JSON Schema of the configuration file
pub(crate) const SCHEMA: &str = include_str!("../../emulator.schema.json");

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{super::file::ConfigFile, *};
    use crate::config::{limits::LIMITS, texts};

    fn made_from_the_file() -> Value {
        let mut schema = Value::from(schemars::schema_for!(ConfigFile));
        polish(&mut schema);
        schema
    }

    /// Removes `null`, because an optional key is left out instead, and makes each description one line, which its
    /// comment is not
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

    /// `UPDATE_SCHEMA=1 cargo test -p lookoutvision-emulator schema` writes the file anew
    #[test]
    fn the_committed_schema_is_the_one_of_the_file() {
        let text = serde_json::to_string_pretty(&made_from_the_file()).expect("a schema is JSON") + "\n";
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
        let schema = made_from_the_file();
        check("", &schema);
        for (name, definition) in schema["$defs"].as_object().expect("the sections are definitions") {
            check(name, definition);
        }
    }

    #[test]
    fn every_limit_has_its_default_and_its_bounds_in_the_schema() {
        let schema = made_from_the_file();
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

    fn each_schema(schema: &Value, look: &mut impl FnMut(&Value)) {
        look(schema);
        for name in ["properties", "$defs"] {
            let schemas = schema[name].as_object().into_iter().flatten();
            schemas.for_each(|(_, schema)| each_schema(schema, look));
        }
        for name in ["anyOf", "oneOf"] {
            let schemas = schema[name].as_array().into_iter().flatten();
            schemas.for_each(|schema| each_schema(schema, look));
        }
        for schema in [&schema["items"], &schema["additionalProperties"]] {
            if schema.is_object() {
                each_schema(schema, look);
            }
        }
    }

    #[test]
    fn the_reader_knows_every_keyword_of_the_schema() {
        let read = "$defs $ref additionalProperties anyOf const enum errorMessage format items maximum minItems minProperties \
                    minimum oneOf properties required type";
        // Keywords that repeat a `format` for editors, and texts for people.
        let for_editors = "pattern minLength not $schema title description default examples";
        let known: Vec<&str> = read
            .split_whitespace()
            .chain(for_editors.split_whitespace())
            .collect();
        each_schema(&made_from_the_file(), &mut |schema| {
            for keyword in schema.as_object().expect("a schema is an object").keys() {
                assert!(known.contains(&keyword.as_str()), "{keyword}: {schema}");
            }
            let is_number = schema["type"] == "integer" || schema["type"] == "number";
            if let Some(format) = schema["format"].as_str() {
                assert!(is_number || texts::FORMATS.contains(&format), "{schema}");
            }
            if !schema["pattern"].is_null() || !schema["minLength"].is_null() {
                assert!(schema["format"].is_string(), "nothing checks this text: {schema}");
            }
        });
    }

    #[test]
    fn a_pattern_holds_for_every_text_that_its_format_takes_and_for_few_others() {
        let samples = [
            "",
            "1",
            "12",
            "test",
            "latest",
            "background",
            "a b",
            "my-model",
            "-a",
            "us-west-2",
            "us-gov-west-1",
            "us-west",
            "us-west-2a",
            "123456789012",
            "1234567890123",
            "vpc-1a2b3c4d",
            "vpc-0a1b2c3d4e5f67890",
            "vpc-0A1b2c3d",
            "vpc-1a2b3c4d5",
            "vpce-1a2b3c4d",
            "vpce-0a1b2c3d4e5f67890",
            "o-exampleorgid",
            "o-short",
            "o-EXAMPLEORGID",
            "#23A436",
            "#23a436",
            "#FFFFFF",
            "#23A4366",
            "23A436",
            "AKIAIOSFODNN7EXAMPLE",
            "AKIA/x",
            "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "+F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "é",
        ];
        let mut compared = 0;
        each_schema(&made_from_the_file(), &mut |schema| {
            let (Some(pattern), Some(format)) = (schema["pattern"].as_str(), schema["format"].as_str())
            else {
                return;
            };
            let pattern = regex_lite::Regex::new(pattern).expect("it is one");
            for text in samples {
                // These cannot be expressed by a pattern.
                let is_kept = (format, text) == ("anomaly-name", "background")
                    || (format, text) == ("color", "#FFFFFF")
                    || schema["not"]["const"] == text;
                let matches = pattern.is_match(text) && !is_kept;
                assert_eq!(matches, texts::check(format, text).is_ok(), "{format}: {text}");
                compared += 1;
            }
        });
        assert!(compared > 10 * samples.len());
    }
}
