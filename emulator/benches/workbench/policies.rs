//! The policies that are measured: one statement for each of 50 models, 1,000 tests of them, and a draft that leaves
//! some out.

use std::{fmt::Write as _, fs, path::Path};

use crate::Failure;

pub(crate) const CONFIGURATION: &str = "emulator.yaml";
pub(crate) const ENDPOINT: &str = "endpoint.json";
pub(crate) const DRAFT: &str = "draft.json";
/// Two policies of 20 statements each, to be compared
pub(crate) const OLD: &str = "old.json";
pub(crate) const NEW: &str = "new.json";
pub(crate) const TESTS: &str = "tests.yaml";
pub(crate) const ENDPOINT_ID: &str = "vpce-0a1b2c3d4e5f67890";
/// The number of models, each with a statement of its own
pub(crate) const MODELS: usize = 50;
const CASES: usize = 1_000;

/// The name of a model
pub(crate) fn model(number: usize) -> String {
    format!("model-{number}")
}

/// Writes the configuration, its policy, the tests and the draft
pub(crate) fn write(folder: &Path) -> Result<(), Failure> {
    write_configuration(folder, "")?;
    // Every tenth statement is about a model that nobody calls.
    let draft = policy(|number| {
        if number % 10 == 9 {
            "none".to_owned()
        } else {
            model(number)
        }
    });
    fs::write(folder.join(DRAFT), draft)?;
    fs::write(folder.join(OLD), compared("lookoutvision:DetectAnomalies"))?;
    fs::write(folder.join(NEW), compared("lookoutvision:D*"))?;
    let mut tests = format!("config: {CONFIGURATION}\ntests:\n");
    for case in 0..CASES {
        let (operation, expected) = match case % 2 {
            0 => ("DetectAnomalies", "allowed"),
            _ => ("DeleteModel", "implicitDeny"),
        };
        writeln!(
            tests,
            "  - {{name: case {case}, operation: {operation}, resource: model/myProject/{}, expect: {expected}}}",
            model(case % MODELS)
        )?;
    }
    fs::write(folder.join(TESTS), tests)?;
    Ok(())
}

/// A policy of 20 statements as people write them; the action of the first one is given
fn compared(first_action: &str) -> String {
    let statements = (0..20).map(|number| {
        let (effect, action) = match number % 4 {
            0 => ("Allow", first_action),
            1 => ("Allow", "lookoutvision:Describe*"),
            2 => ("Allow", "lookoutvision:StartModel"),
            _ => ("Deny", "lookoutvision:Delete*"),
        };
        format!(
            "{{\"Effect\": \"{effect}\", \"Principal\": {{\"AWS\": \"arn:aws:iam::123456789012:user/line-{number}\"}}, \
             \"Action\": \"{action}\", \
             \"Resource\": \"arn:aws:lookoutvision:us-east-1:123456789012:model/project-{number}/*\", \
             \"Condition\": {{\"StringEquals\": {{\"aws:PrincipalTag/team\": \"vision-{}\"}}}}}}",
            number % 3
        )
    });
    let statements: Vec<String> = statements.collect();
    format!(
        "{{\"Version\": \"2012-10-17\", \"Statement\": [{}]}}",
        statements.join(",\n")
    )
}

/// Writes the configuration and its policy; `more` is added at the end of the configuration
pub(crate) fn write_configuration(folder: &Path, more: &str) -> Result<(), Failure> {
    let models: Vec<String> = (0..MODELS)
        .map(|number| format!("{{version: {}}}", model(number)))
        .collect();
    let configuration = format!(
        "account_id: '123456789012'\n\
         principals:\n  \
         - arn: arn:aws:iam::123456789012:user/test\n    \
         access_keys: [{{access_key_id: test, secret_access_key: test}}]\n\
         vpcs: [{{vpc_id: vpc-0a1b2c3d4e5f67890, region: us-east-1}}]\n\
         vpc_endpoints:\n  \
         - {{vpc_endpoint_id: {ENDPOINT_ID}, vpc_id: vpc-0a1b2c3d4e5f67890, private_dns_enabled: true, \
         policy_document: {ENDPOINT}}}\n\
         projects: [{{name: myProject, models: [{}]}}]\n{more}",
        models.join(", ")
    );
    fs::write(folder.join(CONFIGURATION), configuration)?;
    fs::write(folder.join(ENDPOINT), policy(model))?;
    Ok(())
}

/// A statement for each model
fn policy(model_of: impl Fn(usize) -> String) -> String {
    let statements = (0..MODELS).map(|number| {
        format!(
            "    {{\"Sid\": \"Model{number}\", \"Effect\": \"Allow\", \"Principal\": \"*\",\n     \
             \"Action\": \"lookoutvision:DetectAnomalies\",\n     \
             \"Resource\": \"arn:aws:lookoutvision:us-east-1:123456789012:model/myProject/{}\"}}",
            model_of(number)
        )
    });
    let statements: Vec<String> = statements.collect();
    format!(
        "{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n",
        statements.join(",\n")
    )
}
