//! Reads a value of the API that a person wrote, not a client: anything that a request could not have is a mistake.

use client_text::{json::escape_pointer, spelling};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    Described, Member, Shape, Structure,
    read::{check, check_type},
};
use crate::constraints::Violations;

/// A value that is not what the API model says
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// JSON Pointer of the mistake, relative to the value
    pub path: String,
    /// What is wrong with it
    pub message: String,
}

/// Reads a structure, checking its types and constraints and refusing unknown members
///
/// # Errors
/// With the first mistake.
pub fn structure<T: Described + DeserializeOwned>(value: &Value) -> Result<T, Unfit> {
    refuse_unfit_structure(value, &T::STRUCTURE)?;
    T::deserialize(value).map_err(|error| unfit("", error.to_string()))
}

/// Refuses a value that a member of a request could not have
///
/// # Errors
/// With the first mistake.
pub fn refuse_unfit_member<T: Described>(name: &str, value: &Value) -> Result<(), Unfit> {
    refuse_unfit_member_of(&T::STRUCTURE, name, value)
}

/// Like [`refuse_unfit_member`], for a structure that is known only at run time
///
/// # Errors
/// With the first mistake.
pub(crate) fn refuse_unfit_member_of(structure: &Structure, name: &str, value: &Value) -> Result<(), Unfit> {
    let mut violations = Violations::default();
    if let Some(member) = structure.members.iter().find(|member| member.name == name) {
        check_given(member, value, &mut violations)?;
    }
    none_of(&violations)
}

fn refuse_unfit_structure(value: &Value, structure: &Structure) -> Result<(), Unfit> {
    let Value::Object(given) = value else {
        return Err(unfit("", format!("expected an object, {}", structure.name)));
    };
    refuse_unknown_members(given, structure, "")?;
    let mut violations = Violations::default();
    for member in structure.members {
        match given.get(member.name) {
            Some(value) => check_given(member, value, &mut violations)?,
            None if member.required => violations.missing(&member.name),
            None => {}
        }
    }
    none_of(&violations)
}

fn check_given(member: &Member, value: &Value, violations: &mut Violations) -> Result<(), Unfit> {
    check_type(value, &member.shape).map_err(|error| unfit("", error.message().to_owned()))?;
    refuse_unknown(value, &member.shape, "")?;
    check(value, &member.shape, member.name, violations);
    Ok(())
}

fn none_of(violations: &Violations) -> Result<(), Unfit> {
    if violations.is_empty() {
        return Ok(());
    }
    Err(unfit("", violations.to_string()))
}

fn refuse_unknown(value: &Value, shape: &Shape, path: &str) -> Result<(), Unfit> {
    match (shape, value) {
        (Shape::Structure(structure), Value::Object(given)) => refuse_unknown_members(given, structure, path),
        (Shape::List(_, element), Value::Array(values)) => values
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| refuse_unknown(value, element, &format!("{path}/{index}"))),
        _ => Ok(()),
    }
}

fn refuse_unknown_members(
    given: &Map<String, Value>,
    structure: &Structure,
    path: &str,
) -> Result<(), Unfit> {
    given.iter().try_for_each(|(name, value)| {
        let path = format!("{path}/{}", escape_pointer(name));
        let members = structure.members;
        match members.iter().find(|member| member.name == name) {
            Some(member) => refuse_unknown(value, &member.shape, &path),
            None => {
                let names: Vec<&str> = members.iter().map(|member| member.name).collect();
                Err(unfit(&path, unknown(name, &names)))
            }
        }
    })
}

fn unknown(name: &str, names: &[&str]) -> String {
    let expected = format!(
        "unknown field `{name}`, expected one of {}",
        spelling::quoted(names)
    );
    client_text::json::with_meant_member(expected)
}

fn unfit(path: &str, message: String) -> Unfit {
    Unfit {
        path: path.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{requests::CreateModelRequest, values::OutputConfig};

    #[test]
    fn what_a_request_would_not_have_is_refused_with_its_place() {
        let read = |value: Value| structure::<OutputConfig>(&value);
        assert!(read(json!({"S3Location": {"Bucket": "bucket", "Prefix": "p"}})).is_ok());
        for (value, path, message) in [
            (
                json!({"S3Location": {"Buckets": "b"}}),
                "/S3Location/Buckets",
                "unknown field `Buckets`, expected one of `Bucket`, `Prefix`; did you mean `Bucket`?",
            ),
            (
                json!({"S3Location": {"Bucket": 1}}),
                "",
                "can not be converted to a String",
            ),
            (
                json!({"S3Location": {"Bucket": "b"}}),
                "",
                "length greater than or equal to 3",
            ),
            (json!({}), "", "Member must not be null"),
            (json!([]), "", "expected an object, OutputConfig"),
        ] {
            let unfit = read(value.clone()).unwrap_err();
            assert_eq!(unfit.path, path, "{value}");
            assert!(unfit.message.contains(message), "{value}: {}", unfit.message);
        }
        let tags = json!([{"Key": "", "Value": "a"}]);
        assert!(refuse_unfit_member::<CreateModelRequest>("Tags", &tags).is_err());
    }
}
