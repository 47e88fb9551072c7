//! The text of the file: YAML, its places, and whatever else somebody may save under its name.

use proptest::prelude::*;

use super::*;
use crate::tls::{CertificateAuthority, ServedNames};

#[test]
fn a_file_that_is_not_yaml_is_told_with_its_line() {
    check("a: [", "emulator.yaml:1:4: unclosed bracket '['");
    check(
        "names:\n\t- b\n",
        "emulator.yaml:2:2: tabs disallowed within this context (block indentation)",
    );
    check("account_id: '1\n", "emulator.yaml:1:13: unclosed quote");
    check(
        "vpcs: *nothing\n",
        "emulator.yaml:1:7: alias references unknown anchor",
    );
}

#[test]
fn a_file_is_one_document_whose_keys_are_texts() {
    check(
        "limits: {}\n---\nlimits: {}\n",
        "emulator.yaml:3:1: a second YAML document begins here; one file holds one configuration",
    );
    check("? [a]\n: b\n", "emulator.yaml:1:3: a key must be a text");
    check("null: 3\n", "emulator.yaml:1:1: a key must be a text");
    check(
        "- account_id\n",
        "emulator.yaml:1:1: expected a mapping, found a list",
    );
}

#[test]
fn a_syntax_error_shows_no_line_of_the_file() {
    let yaml =
        "principals:\n  - access_keys:\n      - {secret_access_key: wJalrXUtnFEMI, access_key_id: [}\n";
    let text = mistakes(yaml);
    assert!(
        !text.contains("wJalr") && text.starts_with("emulator.yaml:3:"),
        "{text}"
    );
}

#[test]
fn a_json_file_is_a_yaml_file() {
    let config = valid("{\n\t\"account_id\": \"000000000001\",\n\t\"limits\": {\"headers_max\": 40}\n}\n");
    assert_eq!(
        (
            config.settings.account_id.as_str(),
            config.settings.limits.headers_max
        ),
        ("000000000001", 40)
    );
}

#[test]
fn anchors_and_merge_keys_work_and_mistakes_in_them_have_the_place_of_their_use() {
    let config = valid(
        "projects:\n\
         - {name: a, models: &models [{version: 1}, {version: 2}]}\n\
         - {name: b, models: *models}\n",
    );
    assert_eq!(config.settings.lookoutvision.projects[1].models.len(), 2);
    check(
        "vpcs:\n- &vpc {vpc_id: vpc-00000000000000000, region: here}\n- {<<: *vpc, vpc_id: vpc-11111111}\n",
        "emulator.yaml:2:40: /vpcs/0/region: `here` is not a Region name (like `us-west-2`)\n\
         emulator.yaml:3:8: /vpcs/1/region: `here` is not a Region name (like `us-west-2`)",
    );
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let row = vec![format!("*a{}", level - 1); 10].join(", ");
        yaml.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    assert!(
        mistakes(&yaml).contains("the file is nested deeper than 24 levels, or has more than config_nodes_max (100000) keys and values"),
        "{}",
        mistakes(&yaml)
    );
    let deep = format!("names: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(
        mistakes(&deep).contains("the file is nested deeper than 24 levels, or has more than config_nodes_max (100000) keys and values"),
        "{}",
        mistakes(&deep)
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_reason() {
    let folder = folder("unreadable");
    let said = |file: &Path| {
        let problems = Config::load(&overrides(file)).expect_err("it cannot be read");
        problems
            .to_string()
            .replace(&format!("{}/", folder.display()), "")
    };
    assert_eq!(
        said(&folder.join("none.yaml")),
        "`none.yaml` cannot be read: there is no such file"
    );
    fs::create_dir(folder.join("dir.yaml")).expect("the folder is ours");
    assert_eq!(
        said(&folder.join("dir.yaml")),
        "`dir.yaml` cannot be read: it is a folder"
    );
    let file = folder.join("latin.yaml");
    fs::write(&file, b"names: [\xe9]\n").expect("the folder is ours");
    assert_eq!(said(&file), "`latin.yaml` is not UTF-8 text");
    fs::write(&file, " ".repeat(4 * 1024 * 1024 + 1)).expect("the folder is ours");
    assert_eq!(
        said(&file),
        "`latin.yaml` cannot be read: it has more than 4194304 bytes"
    );
}

#[test]
fn every_file_that_is_read_may_begin_with_a_byte_order_mark() {
    let folder = folder_with_files();
    let mark = |text: &str| format!("\u{feff}{text}");
    folder.write("policies/endpoint.json", &mark(ENDPOINT_POLICY));
    folder.write("policies/identity.json", &mark(IDENTITY_POLICY));
    folder.write("responses/normal.json", &mark(NORMAL_RESPONSE));
    let names = ServedNames::of_this_machine(&[], &[]).expect("no name is no wrong name");
    let ca = CertificateAuthority::in_memory(names).expect("an authority can be made");
    folder.write("ca.pem", &mark(ca.ca_pem()));
    let file = folder.write(
        "emulator.yaml",
        &mark(
            "endpoint_policy: policies/endpoint.json\n\
             principals: [{arn: 'arn:aws:iam::123456789012:user/a', identity_policies: [policies/identity.json]}]\n\
             projects: [{name: p, models: [{version: '1', status: HOSTED, detect_anomalies: [{then: {response: \
             responses/normal.json}}]}]}]\n\
             s3: {endpoint_url: 'https://s3', ca: ca.pem}\n",
        ),
    );
    let config = Config::load(&overrides(&file)).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        config.settings.networks.vpc_endpoints[0].policy_document.text(),
        ENDPOINT_POLICY
    );
    let option = Overrides {
        endpoint_policy: Some(folder.join("policies/endpoint.json")),
        ..overrides(folder.write("other.yaml", ""))
    };
    assert!(Config::load(&option).is_ok());

    fs::write(&file, b"\xff\xfe{\0}\0").expect("the folder is ours");
    let problems = Config::load(&overrides(&file)).expect_err("it is UTF-16");
    assert!(
        problems
            .to_string()
            .ends_with("emulator.yaml` is UTF-16 text, as its byte order mark says; save it as UTF-8")
    );
}

#[test]
fn a_policy_file_in_yaml_is_told_where_yaml_can_stand() {
    let folder = folder_with_files();
    folder.write(
        "policies/yaml.json",
        "Version: '2012-10-17'\nStatement:\n- {Effect: Allow, Principal: '*', Action: '*', Resource: '*'}\n",
    );
    let said = |yaml: &str| {
        let problems = Config::load(&overrides(folder.write("emulator.yaml", yaml))).expect_err("it is YAML");
        problems
            .to_string()
            .replace(&format!("{}/", folder.display()), "")
    };
    let expected = "policies/yaml.json:1:1: this is YAML: policy files are JSON; YAML is read inline in the configuration";
    assert_eq!(said("endpoint_policy: policies/yaml.json\n"), expected);
    assert_eq!(
        said("organization: {id: o-exampleorgid, service_control_policies: [policies/yaml.json]}\n"),
        expected
    );
}

#[test]
fn a_document_in_the_place_of_its_path_is_told_so() {
    let inline = "this is a document, not a path; write it as a mapping (no quotes, no `|`), or put it into a file and \
                  name that";
    let long = format!("{}{}", ENDPOINT_POLICY, " ".repeat(5_000));
    for document in [
        format!("'{ENDPOINT_POLICY}'"),
        // Longer than any path may be, and then the system says something else than that there is no such file.
        format!("'{long}'"),
        format!("|\n  {ENDPOINT_POLICY}"),
        "|\n  Version: '2012-10-17'\n  Statement: []".to_owned(),
    ] {
        check(
            &format!("endpoint_policy: {document}\n"),
            &format!("emulator.yaml:1:1: /endpoint_policy: {inline}"),
        );
    }
    check(
        &format!(
            "principals: [{{arn: 'arn:aws:iam::123456789012:user/a', identity_policies: ['{IDENTITY_POLICY}']}}]\n"
        ),
        &format!("emulator.yaml:1:76: /principals/0/identity_policies/0: {inline}"),
    );
    let in_a_file = "this is a document, not a path; put it into a file and name that";
    check(
        &format!(
            "projects: [{{name: p, models: [{{version: '1', detect_anomalies: [{{then: {{response: \
             '{NORMAL_RESPONSE}'}}}}]}}]}}]\n"
        ),
        &format!("emulator.yaml:1:73: /projects/0/models/0/detect_anomalies/0/then/response: {in_a_file}"),
    );
    check(
        "s3: {endpoint_url: 'https://s3', ca: '-----BEGIN CERTIFICATE----- x'}\n",
        &format!("emulator.yaml:1:34: /s3/ca: {in_a_file}"),
    );
    let option = Overrides {
        endpoint_policy: Some(ENDPOINT_POLICY.into()),
        ..Overrides::default()
    };
    let problems = Config::load(&option).expect_err("it is a document");
    assert_eq!(problems.to_string(), format!("endpoint-policy: {in_a_file}"));
    let problems = Config::load(&overrides("account_id: 1\nlimits: {}\n")).expect_err("it is a document");
    assert_eq!(problems.to_string(), in_a_file);
}

#[test]
fn problems_are_json_for_those_who_want_them_so() {
    let problems = Config::embedded(Some("account_id: 1\n"), None).expect_err("one digit is too few");
    assert_eq!(
        serde_json::to_value(&problems).expect("problems are JSON"),
        serde_json::json!([{
            "file": "configuration", "line": 1, "column": 1, "path": "/account_id",
            "message": "`1` is not an account id (twelve digits)"
        }])
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z0-9_:{}\\[\\], \n\t\"'&*#|>!%@<-]{0,200}") {
        let _ = Config::embedded(Some(&text), None);
    }

    #[test]
    fn no_value_in_the_place_of_another_makes_the_reader_panic(
        replaced in 0_usize..200,
        value in prop::sample::select(vec!["x", "1", "-1", "1.5", ".nan", "null", "[]", "{}", "[{}]", "{a: b}", "true", "''"]),
    ) {
        // The complete example with one value replaced.
        let text = include_str!("../../../examples/complete.yaml");
        let values: Vec<_> = text.match_indices(": ").collect();
        let (at, _) = values[replaced % values.len()];
        let end = text[at + 2..].find(['\n', ',', '}']).map_or(text.len(), |end| at + 2 + end);
        let text = format!("{}: {value}{}", &text[..at], &text[end..]);
        if let Err(problems) = Config::embedded(Some(&text), None) {
            prop_assert!(!problems.is_empty());
            prop_assert!(!problems.to_string().contains("wJalrXUtnFEMI"));
        }
    }
}
