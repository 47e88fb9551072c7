//! The forms of the values.

use crate::arn::ARN_PARTS;
use crate::lint::form::{Class, Form};

pub(super) fn partition() -> Form {
    Form::some(Class::LowerOrDash)
}

pub(super) fn account() -> Form {
    Form::times(Class::Digit, 12)
}

/// Organizations API reference, `Organization`: `o-` and 10 to 32 lower-case letters or digits.
pub(super) fn organization() -> Form {
    Form::text("o-")
        .then(Form::times(Class::LowerOrDigit, 10))
        .then(Form::up_to(Class::LowerOrDigit, 22))
}

/// `us-west-2`, `us-gov-west-1`.
pub(super) fn regions() -> Vec<Form> {
    let word = || Form::some(Class::Lower).then(Form::text("-"));
    let number = || Form::times(Class::Digit, 1).then(Form::up_to(Class::Digit, 1));
    vec![
        word().then(word()).then(number()),
        word().then(word()).then(word()).then(number()),
    ]
}

/// EC2 User Guide, *Resource IDs*: 8 or 17 hexadecimal digits.
pub(super) fn resource_ids(prefix: &str) -> Vec<Form> {
    [8, 17]
        .map(|digits| Form::text(prefix).then(Form::times(Class::Hexadecimal, digits)))
        .to_vec()
}

/// `2026-01-31T00:00:00Z`.
pub(super) fn date() -> Form {
    let digits = |count| Form::times(Class::Digit, count);
    digits(4)
        .then(Form::text("-"))
        .then(digits(2))
        .then(Form::text("-"))
        .then(digits(2))
        .then(Form::text("T"))
        .then(Form::some(Class::Any))
}

/// `AIDA…`, `AROA…:session`, `123456789012`, `123456789012:name` (IAM User Guide, *Policy elements: variables*, the table
/// of principal key values; *IAM identifiers*, unique identifiers).
pub(super) fn user_ids() -> Vec<Form> {
    let id = |prefix: &str| Form::text(prefix).then(Form::some(Class::UpperOrDigit));
    let named = |owner: Form| owner.then(Form::text(":")).then(Form::some(Class::Any));
    vec![id("AIDA"), named(id("AROA")), account(), named(account())]
}

/// The user, the role of a session, the federated user or the root user.
pub(super) fn principal_arns() -> Vec<[Form; ARN_PARTS]> {
    let arn = |service: &str, resource: Form| {
        [
            Form::text("arn"),
            partition(),
            Form::text(service),
            Form::default(),
            account(),
            resource,
        ]
    };
    // A path may hold nearly every character, including a colon (IAM API reference, `CreateRole`); the name of a
    // federated user may not (AWS STS API reference, `GetFederationToken`), so a wildcard there cannot match another
    // kind of ARN.
    let with_path = |resource_type: &str| Form::text(resource_type).then(Form::some(Class::Any));
    vec![
        arn("iam", Form::text("root")),
        arn("iam", with_path("user/")),
        arn("iam", with_path("role/")),
        arn("sts", Form::text("federated-user/").then(Form::some(Class::Name))),
    ]
}

pub(super) fn joined(parts: &[Form; ARN_PARTS]) -> Form {
    let [first, rest @ ..] = parts.clone();
    rest.into_iter()
        .fold(first, |form, part| form.then(Form::text(":")).then(part))
}
