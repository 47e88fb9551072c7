//! The defaults, and what overrides what.

use std::{net::SocketAddr, time::Duration};

use lookoutvision::model::ModelStatus;
use sigv4_verify::UndeclaredUnsignedPayload;

use super::*;
use crate::{
    config::{LogFormat, LogLevel, Process, Setting, limits::LIMITS},
    identity::Credentials,
    network::{EmulatedName, PrivateDns, PublicEndpoint},
    settings::{Limits, LogRequests},
    tls::Alpn,
};

#[test]
fn an_empty_file_is_the_default_configuration() {
    for yaml in ["", "\n", "# nothing yet\n", "---\n", "{}\n"] {
        let config = valid(yaml);
        assert_eq!(config.settings.account_id.as_str(), "123456789012");
        assert_eq!(config.process.listen, SocketAddr::from(([127, 0, 0, 1], 8443)));
        assert_eq!(config.process.control, SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(config.process.certs.as_deref(), Some(Path::new("certs")));
        assert_eq!(config.process.log_format, LogFormat::Text);
        assert_eq!(config.process.alpn, Alpn::Http11);
        assert!(config.settings.names.is_empty() && config.settings.identities.organization.is_none());
        let warnings: Vec<_> = config.warnings.iter().map(|warning| &*warning.message).collect();
        assert_eq!(
            warnings,
            ["the file has no sections, so that every default is in force"]
        );

        let [principal] = config.settings.identities.principals.as_slice() else {
            panic!("one principal")
        };
        assert_eq!(principal.arn(), "arn:aws:iam::123456789012:user/test");
        assert!(principal.identity_policies.is_none());
        let [key] = principal.access_keys.as_slice() else {
            panic!("one access key")
        };
        assert_eq!(
            (key.access_key_id.as_str(), key.credentials),
            ("test", Credentials::LongTerm)
        );
        assert_eq!(key.key.secret().expose(), "test");

        let [vpc] = config.settings.networks.vpcs.as_slice() else {
            panic!("one VPC")
        };
        assert_eq!(vpc.vpc_id.as_str(), "vpc-00000000000000000");
        assert!(vpc.region.is_none() && vpc.cidr_block.is_none());
        let [endpoint] = config.settings.networks.vpc_endpoints.as_slice() else {
            panic!("one endpoint")
        };
        assert_eq!(endpoint.vpc_endpoint_id.as_str(), "vpce-00000000000000000");
        assert_eq!(endpoint.vpc_id, vpc.vpc_id);
        assert_eq!(endpoint.private_dns, PrivateDns::Enabled);
        assert!(endpoint.policy_document.text().contains("\"Allow\""));

        let [project] = config.settings.lookoutvision.projects.as_slice() else {
            panic!("one project")
        };
        assert_eq!(project.name.as_str(), "myProject");
        assert!(project.region.is_none());
        let models: Vec<_> = project
            .models
            .iter()
            .map(|model| (model.version.as_str(), model.status))
            .collect();
        assert_eq!(
            models,
            [("1", ModelStatus::Hosted), ("myModel", ModelStatus::Hosted)]
        );

        assert_eq!(config.settings.strictness.clock_skew, Duration::from_secs(300));
        let undeclared = config.settings.strictness.undeclared_unsigned_payload;
        assert_eq!(undeclared, UndeclaredUnsignedPayload::AcceptWithWarning);
        assert_eq!(config.settings.limits, Limits::default());
        assert_eq!(config.files.len(), 1);
    }
}

#[test]
fn each_section_that_is_given_takes_the_place_of_its_own_default_only() {
    let config = valid("projects: []\n");
    assert!(config.settings.lookoutvision.projects.is_empty());
    assert_eq!(
        (
            config.settings.identities.principals.len(),
            config.settings.networks.vpc_endpoints.len()
        ),
        (1, 1)
    );

    let config = valid("principals: []\nvpc_endpoints: []\n");
    assert!(
        config.settings.identities.principals.is_empty() && config.settings.networks.vpc_endpoints.is_empty()
    );
    assert_eq!(
        (
            config.settings.networks.vpcs.len(),
            config.settings.lookoutvision.projects.len()
        ),
        (1, 1)
    );
}

#[test]
fn the_default_principal_is_a_user_of_the_account() {
    let config = valid("account_id: '000000000001'\n");
    assert_eq!(
        config.settings.identities.principals[0].arn(),
        "arn:aws:iam::000000000001:user/test"
    );
}

#[test]
fn an_account_id_keeps_its_zeros_without_quotes() {
    assert_eq!(
        valid("account_id: 012345678901\n").settings.account_id.as_str(),
        "012345678901"
    );
    assert_eq!(
        valid("account_id: 000000000000\n").settings.account_id.as_str(),
        "000000000000"
    );
}

#[test]
fn an_embedded_configuration_has_free_ports_and_its_authority_in_memory() {
    let config = Config::embedded(None, None).expect("the defaults are valid");
    assert_eq!(config.process.listen, SocketAddr::from(([127, 0, 0, 1], 0)));
    assert_eq!(config.process.control, SocketAddr::from(([127, 0, 0, 1], 0)));
    assert_eq!(config.process.certs, None);
    assert!(config.files.is_empty());

    let config = Config::embedded(Some("listen: 127.0.0.1:1234\n"), None).expect("it is valid");
    assert_eq!(config.process.listen.port(), 1234);

    let document = serde_json::from_str(ENDPOINT_POLICY).expect("it is JSON");
    let config = Config::embedded(None, Some(&document)).expect("it is valid");
    assert!(
        config.settings.networks.vpc_endpoints[0]
            .policy_document
            .text()
            .contains("\"Deny\"")
    );
}

#[test]
fn what_is_wrong_with_an_embedded_configuration_has_its_line_and_its_path_too() {
    let problems = Config::embedded(Some("names:\n  - a b\n"), None).expect_err("a blank is in it");
    assert_eq!(
        problems.to_string(),
        "configuration:2:5: /names/0: `a b` is neither a DNS name nor an address"
    );
    let document = serde_json::json!({"Statement": {"Effect": "Deny"}});
    let problems = Config::embedded(None, Some(&document)).expect_err("most of it is missing");
    assert!(
        problems
            .iter()
            .all(|problem| problem.path.starts_with("/Statement")),
        "{problems}"
    );
}

#[test]
fn options_go_before_the_file_and_the_file_before_the_defaults() {
    let folder = folder_with_files();
    let file = folder.write(
        "emulator.yaml",
        "listen: 127.0.0.1:1\ncontrol: 127.0.0.1:2\ncerts: ca\nlog_format: json\nlog_requests: none\nlog_level: warn\nhttp2: true\n",
    );
    let process =
        |overrides: &Overrides| -> Process { Config::load(overrides).expect("it is valid").process };

    let written = process(&overrides(&file));
    assert_eq!((written.listen.port(), written.control.port()), (1, 2));
    assert_eq!(written.certs, Some(folder.join("ca")));
    assert_eq!((written.log_format, written.alpn), (LogFormat::Json, Alpn::Http2));
    assert_eq!(
        (written.log_requests, written.log_level),
        (LogRequests::None, LogLevel::Warn)
    );

    let overridden = process(&Overrides {
        listen: Some(SocketAddr::from(([0, 0, 0, 0], 3))),
        certs: Some("other".into()),
        log_format: Some(LogFormat::Text),
        log_requests: Some(LogRequests::All),
        log_level: Some(LogLevel::Trace),
        ..overrides(&file)
    });
    assert_eq!(overridden.listen, SocketAddr::from(([0, 0, 0, 0], 3)));
    assert_eq!(overridden.control.port(), 2);
    assert_eq!(overridden.certs, Some("other".into()));
    assert_eq!(overridden.log_format, LogFormat::Text);
    assert_eq!(
        (overridden.log_requests, overridden.log_level),
        (LogRequests::All, LogLevel::Trace)
    );
}

#[test]
fn what_the_file_says_must_be_right_even_where_an_option_goes_before_it() {
    let folder = folder_with_files();
    let file = folder.write("emulator.yaml", "listen: everywhere\n");
    let overrides = Overrides {
        listen: Some(SocketAddr::from(([0, 0, 0, 0], 0))),
        ..overrides(&file)
    };
    let problems = Config::load(&overrides).expect_err("`everywhere` is no address");
    let message = "`everywhere` is not an address and a port (like `127.0.0.1:8443`)";
    assert_eq!(
        problems.to_string(),
        format!("{}:1:1: /listen: {message}", file.display())
    );
}

#[test]
fn what_stands_against_the_settings_is_told_with_everything_else() {
    let folder = folder_with_files();
    let file = folder.write("emulator.yaml", "control: 127.0.0.1:2\naccount_id: x\n");
    let probe = |process: &Process| {
        assert_eq!(process.control.port(), 2);
        let busy = |setting| (setting, "address already in use".to_owned());
        vec![
            busy(Setting::Listen),
            busy(Setting::Control),
            busy(Setting::Certs),
        ]
    };
    let problems = Config::load_and_probe(&overrides(&file), probe).expect_err("there are four mistakes");
    assert_eq!(
        problems
            .to_string()
            .replace(&format!("{}/", folder.display()), ""),
        "listen: address already in use\n\
         certs: address already in use\n\
         emulator.yaml:1:1: /control: address already in use\n\
         emulator.yaml:2:1: /account_id: `x` is not an account id (twelve digits)"
    );
}

#[test]
fn names_are_dns_names_and_addresses_each_once() {
    let config = valid("names: [Emulator.Test., emulator.test, my_app_1, 10.0.0.7, '::1']\n");
    let dns = |name: &str| EmulatedName::Dns(name.to_owned());
    let address = |text: &str| EmulatedName::Address(text.parse().expect("an address"));
    assert_eq!(
        config.settings.names,
        [
            dns("emulator.test"),
            dns("my_app_1"),
            address("10.0.0.7"),
            address("::1")
        ]
    );
}

#[test]
fn every_limit_takes_its_bounds_and_refuses_what_is_beyond_them() {
    for (name, _, least, most) in LIMITS {
        // The two limits on bodies depend on each other, which has its own test.
        let beside = match *name {
            "body_bytes_max" => ", in_flight_body_bytes_max: 1073741824",
            "in_flight_body_bytes_max" => ", body_bytes_max: 1024",
            _ => "",
        };
        let yaml = |value: u64| format!("limits: {{{name}: {value}{beside}}}\n");
        valid(&yaml(*least));
        valid(&yaml(*most));
        let expected = |value: u64| {
            format!("emulator.yaml:1:10: /limits/{name}: {value} is out of bounds ({least} to {most})")
        };
        check(&yaml(most + 1), &expected(most + 1));
        if let Some(less) = least.checked_sub(1) {
            check(&yaml(less), &expected(less));
        }
    }
}

#[test]
fn limits_are_set_by_their_names() {
    let limits =
        valid("limits: {handshake_timeout_seconds: 3, shutdown_timeout_seconds: 0, headers_max: 50}\n")
            .settings
            .limits;
    let expected = Limits {
        handshake_timeout: Duration::from_secs(3),
        shutdown_timeout: Duration::ZERO,
        headers_max: 50,
        ..Limits::default()
    };
    assert_eq!(limits, expected);
}

#[test]
fn the_examples_are_valid() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut count = 0;
    for entry in fs::read_dir(&examples).expect("the examples are there") {
        let file = entry.expect("the folder can be read").path();
        if file.extension().is_some_and(|extension| extension == "yaml") {
            Config::load(&overrides(&file)).unwrap_or_else(|problems| panic!("{problems}"));
            count += 1;
        }
    }
    assert_eq!(count, 4);
}

#[test]
fn the_public_endpoint_is_refused_unless_it_is_allowed() {
    assert_eq!(
        valid("").settings.networks.public_endpoint,
        PublicEndpoint::Refuse
    );
    assert_eq!(
        valid("public_endpoint: refuse").settings.networks.public_endpoint,
        PublicEndpoint::Refuse
    );
    assert_eq!(
        valid("public_endpoint: allow").settings.networks.public_endpoint,
        PublicEndpoint::Allow
    );
    check(
        "public_endpoint: true",
        "emulator.yaml:1:1: /public_endpoint: expected a text, found `true`",
    );
}

#[test]
fn the_policy_that_a_test_gives_may_name_what_is_declared_only() {
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "lookoutvision:DetectAnomalies",
        "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProjct/1",
    }]});
    let config = Config::embedded(None, Some(&policy)).expect("it is valid");
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "/Statement/0/Resource: endpoint policy: `arn:aws:lookoutvision:us-west-2:123456789012:model/myProjct/1` names \
             project `myProjct`, which is not declared in us-west-2"
        ]
    );
}

#[test]
fn the_complete_example_becomes_what_it_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/complete.yaml");
    let config = Config::load(&overrides(file)).expect("it is valid");
    assert_eq!(config.settings.names.len(), 2);
    let [alice, inspector] = config.settings.identities.principals.as_slice() else {
        panic!("two principals")
    };
    assert_eq!(alice.tags["team"], "vision");
    assert_eq!(alice.identity_policies.as_ref().map(Vec::len), Some(1));
    assert_eq!(alice.permissions_boundary.len(), 1);
    assert_eq!(inspector.access_keys[0].credentials, Credentials::Temporary);
    assert_eq!(
        config
            .settings
            .identities
            .organization
            .as_ref()
            .expect("there is one")
            .id,
        "o-exampleorgid"
    );
    assert_eq!(
        config.settings.networks.vpcs[0]
            .cidr_block
            .expect("there is one")
            .to_string(),
        "172.28.0.0/16"
    );
    assert!(
        config.settings.networks.vpc_endpoints[0]
            .policy_document
            .text()
            .contains("model/myProject/myModel")
    );
    assert_eq!(
        config.settings.lookoutvision.projects[0].models[0]
            .detect_anomalies
            .len(),
        3
    );
    let project = &config.settings.lookoutvision.projects[1];
    assert!(!project.exists);
    assert_eq!(project.hosting_fails.as_deref(), Some("no capacity"));
    assert_eq!(config.settings.lookoutvision.timing.training.as_secs(), 600);
    assert_eq!(config.settings.lookoutvision.timing.hosting_stop.as_secs(), 0);
    assert!(config.settings.s3.buckets["my-bucket"].is_dir());
    let server = config.settings.s3.server.as_ref().expect("there is one");
    assert_eq!(
        server.region.as_ref().map(aws_identifiers::Region::as_str),
        Some("us-west-2")
    );
    let credentials = server.credentials.as_ref().expect("there are some");
    assert!(!format!("{credentials:?}").contains(&credentials.secret_access_key));
    assert_eq!(config.process.state, None);
    let named: Vec<_> = config
        .files
        .iter()
        .filter_map(|file| file.path().file_name()?.to_str())
        .collect();
    assert_eq!(
        named,
        [
            "complete.yaml",
            "alice.json",
            "boundary.json",
            "endpoint.json",
            "scratch.json"
        ]
    );
}
