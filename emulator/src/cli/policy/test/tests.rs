//! The JSON Schema of test files, held against their reader.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    SCHEMA,
    expectation::{DECIDED_BY_KEYS, EXPECT_KEYS},
    policies::POLICIES_KEYS,
    written::{FILE_KEYS, GIVEN_KEYS, TEST_KEYS},
};

#[test]
fn the_schema_has_the_keys_that_are_read_and_no_others() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("it is JSON");
    let test = "/properties/tests/items/properties";
    let expect = format!("{test}/expect/anyOf/1/properties");
    for (pointer, keys) in [
        ("/properties", &FILE_KEYS[..]),
        ("/properties/policies/properties", &POLICIES_KEYS),
        ("/properties/defaults/properties", &GIVEN_KEYS),
        (test, &TEST_KEYS),
        (&expect, &EXPECT_KEYS),
        (&format!("{expect}/decided_by/properties"), &DECIDED_BY_KEYS),
    ] {
        let described = schema.pointer(pointer).and_then(Value::as_object);
        let described = described.unwrap_or_else(|| panic!("nothing is at {pointer}"));
        let described: BTreeSet<&str> = described.keys().map(String::as_str).collect();
        assert_eq!(described, BTreeSet::from_iter(keys.iter().copied()), "{pointer}");
    }
}

#[test]
fn everything_in_the_schema_that_a_person_writes_is_described() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("it is JSON");
    let resolved = |value: &'_ Value| match value["$ref"].as_str() {
        Some(reference) => schema
            .pointer(&reference[1..])
            .cloned()
            .expect("references lead somewhere"),
        None => value.clone(),
    };
    for pointer in [
        "/properties",
        "/properties/policies/properties",
        "/properties/tests/items/properties",
    ] {
        for (key, value) in schema
            .pointer(pointer)
            .and_then(Value::as_object)
            .expect("an object")
        {
            assert!(resolved(value)["description"].is_string(), "{pointer}/{key}");
        }
    }
}
