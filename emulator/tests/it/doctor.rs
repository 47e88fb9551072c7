//! `doctor`: each finding, provoked once.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::{Call, connect, connect_trusting, control, emulator, emulator_with};

/// The findings of one check, as status and message
fn found<'f>(findings: &'f Value, check: &str) -> Vec<(&'f str, &'f str)> {
    let findings = findings.as_array().expect("a list");
    let text = |finding: &'f Value, member: &str| finding[member].as_str().expect("a text");
    findings
        .iter()
        .filter(|finding| finding["check"] == check)
        .map(|finding| (text(finding, "status"), text(finding, "message")))
        .collect()
}

fn write_program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("the folder is ours");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}

mod of_the_emulator {
    use super::*;

    #[tokio::test]
    async fn a_policy_that_names_what_is_not_declared_is_told_with_its_endpoints() {
        let emulator = emulator().await;
        let findings = control(&emulator, "GET", "/doctor", "").await.json();
        assert_eq!(
            found(&findings, "policy"),
            [(
                "ok",
                "the policy of the VPC endpoint names nothing that the configuration does not have"
            )]
        );
        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "lookoutvision:DetectAnomalies",
            "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/7"}]}"#;
        let answer = control(
            &emulator,
            "PUT",
            "/vpc-endpoints/vpce-00000000000000000/policy",
            policy,
        )
        .await;
        assert_eq!(answer.status, 204, "{answer:?}");
        let findings = control(&emulator, "GET", "/doctor", "").await.json();
        let policy = found(&findings, "policy");
        assert_eq!(policy.len(), 1, "{findings}");
        assert_eq!(policy[0].0, "warning");
        assert!(
            policy[0]
                .1
                .starts_with("endpoint policy of vpce-00000000000000000: /Statement/0/Resource: ")
                && policy[0]
                    .1
                    .contains("names model `7`, which project `myProject` does not declare"),
            "{findings}"
        );
    }

    /// Waits until `/doctor` says so much of connections: the emulator counts one after its client has seen the end of it
    async fn connections(emulator: &lookoutvision_emulator::Emulator, expected: &str) {
        let mut seen = Value::Null;
        let told = async {
            loop {
                seen = control(emulator, "GET", "/doctor", "").await.json();
                let told = found(&seen, "connections");
                if told.iter().any(|(_, message)| message.contains(expected)) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let told = tokio::time::timeout(std::time::Duration::from_secs(30), told).await;
        assert!(told.is_ok(), "`{expected}` is not in {seen}");
    }

    #[tokio::test]
    async fn connections_that_brought_no_request_are_told_by_name_and_cause() {
        let emulator = emulator_with("limits: {unheard_kinds_max: 4}\n").await;
        Call::detect("1").send(&emulator).await;
        connections(&emulator, "every connection brought a request").await;

        // A client that trusts another CA.
        let other = self::emulator().await;
        let refused = connect_trusting(other.ca_pem(), emulator.address(), "localhost", &[]).await;
        assert!(refused.is_err());
        connections(
            &emulator,
            "1 connection to `localhost` brought no request: the client sent the TLS alert ",
        )
        .await;

        // One that connects and has nothing to ask.
        let name = "lookoutvision.us-east-1.amazonaws.com";
        for _ in 0..2 {
            let mut stream = connect(&emulator, emulator.address(), name)
                .await
                .expect("a handshake");
            stream.shutdown().await.expect("it is open");
        }
        let expected =
            format!("2 connections to `{name}` brought no request: the handshake was done and no request");
        connections(&emulator, &expected).await;

        let refused = connect_trusting(emulator.ca_pem(), emulator.address(), "elsewhere.example", &[]).await;
        assert!(refused.is_err());
        connections(&emulator, "server name `elsewhere.example` is not one").await;

        let mut plain = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
        plain
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        connections(
            &emulator,
            "1 connection brought no request: the client spoke HTTP without TLS",
        )
        .await;
        drop(plain);

        // A kind more than there may be.
        drop(tokio::net::TcpStream::connect(emulator.address()).await.unwrap());
        connections(
            &emulator,
            "1 connection brought no request, of more kinds than `limits.unheard_kinds_max`",
        )
        .await;

        let answer = control(&emulator, "POST", "/reset", "").await;
        assert_eq!(answer.status, 204, "{answer:?}");
        connections(&emulator, "every connection brought a request").await;

        // A client that is heard later has no problem any more.
        let refused = connect_trusting(other.ca_pem(), emulator.address(), "localhost", &[]).await;
        assert!(refused.is_err());
        connections(&emulator, "; last at ").await;
        let findings = control(&emulator, "GET", "/doctor", "").await.json();
        assert_eq!(found(&findings, "connections")[0].0, "problem", "{findings}");
        Call::detect("1").send(&emulator).await;
        let findings = control(&emulator, "GET", "/doctor", "").await.json();
        let [(status, message)] = found(&findings, "connections")[..] else {
            panic!("{findings}");
        };
        assert_eq!(status, "warning");
        assert!(
            message.contains("from 127.0.0.1; a request came from there at "),
            "{message}"
        );
    }

    #[tokio::test]
    async fn a_probe_of_doctor_is_not_counted() {
        let emulator = emulator().await;
        let probe: &[&[u8]] = &[b"x-lookoutvision-emulator-doctor", b"http/1.1"];
        let stream = connect_trusting(emulator.ca_pem(), emulator.address(), "localhost", probe).await;
        stream.expect("a handshake").shutdown().await.expect("it is open");
        // Counted after it, if it is counted at all.
        let stream = connect(&emulator, emulator.address(), "localhost").await;
        stream.expect("a handshake").shutdown().await.expect("it is open");
        connections(&emulator, "1 connection to `localhost` brought no request").await;
    }
}

/// The program, asked in an environment of the test's own
mod of_a_client {
    use std::{
        collections::BTreeMap,
        process::{Command, Output},
    };

    use super::*;
    use crate::process::{PROGRAM, Process};

    /// A client's surroundings: a running emulator, a home folder, programs on the `PATH`, and the variables of `env`
    struct Client {
        folder: tempfile::TempDir,
        emulator: Process,
        variables: BTreeMap<String, String>,
    }

    const EXPIRED_KEY: &str = r#"
principals:
  - arn: arn:aws:iam::123456789012:user/test
    access_keys: [{access_key_id: AKIAI44QH8DHBEXAMPLE, secret_access_key: test}]
  - arn: arn:aws:sts::123456789012:assumed-role/inspector/line-7
    access_keys:
      - {access_key_id: ASIAIOSFODNN7EXAMPLE, secret_access_key: secret, session_token: token, expires_at: 2026-01-02T03:04:05Z}
"#;

    /// Two endpoints of one Region, neither of which holds the address that clients call
    const TWO_ENDPOINTS: &str = r#"
vpcs:
  - {vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2, cidr_block: 172.28.0.0/16}
  - {vpc_id: vpc-1a1b2c3d4e5f67890, region: us-west-2, cidr_block: 172.29.0.0/16}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0a1b2c3d4e5f67890, vpc_id: vpc-0a1b2c3d4e5f67890}
  - {vpc_endpoint_id: vpce-1a1b2c3d4e5f67890, vpc_id: vpc-1a1b2c3d4e5f67890}
"#;

    impl Client {
        async fn new() -> Self {
            Self::with_configuration("").await
        }

        async fn with_configuration(yaml: &str) -> Self {
            let folder = tempfile::tempdir().expect("the folder is ours");
            if !yaml.is_empty() {
                fs::write(folder.path().join("emulator.yaml"), yaml).expect("the folder is ours");
            }
            fs::create_dir(folder.path().join("bin")).expect("the folder is ours");
            let emulator = Process::start(folder.path());
            let variables = emulator.control("GET", "/env", "").await.json();
            let variables = variables.as_object().expect("an object").iter();
            let mut variables: BTreeMap<String, String> = variables
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect();
            let path = |name: &str| folder.path().join(name).display().to_string();
            variables.insert("HOME".to_owned(), path("."));
            variables.insert("PATH".to_owned(), path("bin"));
            Self {
                folder,
                emulator,
                variables,
            }
        }

        fn set(mut self, name: &str, value: &str) -> Self {
            self.variables.insert(name.to_owned(), value.to_owned());
            self
        }

        fn unset(mut self, name: &str) -> Self {
            self.variables.remove(name);
            self
        }

        fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
            let path = self.folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder is ours");
            fs::write(&path, text).expect("the folder is ours");
            path.display().to_string()
        }

        /// A program on the `PATH` that prints this
        fn program(&self, name: &str, script: &str) {
            write_program(&self.folder.path().join("bin").join(name), script);
        }

        fn run(&self, arguments: &[&str]) -> Output {
            Command::new(PROGRAM)
                .arg("doctor")
                .args(arguments)
                .current_dir(self.folder.path().join("bin"))
                .env_clear()
                .envs(&self.variables)
                .output()
                .expect("the program was built with its tests")
        }

        /// The findings and the exit code
        fn examine(&self) -> (Value, Option<i32>) {
            let output = self.run(&["--format", "json"]);
            let findings = serde_json::from_slice(&output.stdout);
            (
                findings.unwrap_or_else(|error| panic!("{error}: {output:?}")),
                output.status.code(),
            )
        }

        /// That there is this finding, with a cure, and that problems end with 1
        #[track_caller]
        fn check(&self, check: &str, status: &str, message: &str) {
            let (findings, code) = self.examine();
            let list = findings.as_array().expect("a list");
            let finding = list.iter().find(|finding| {
                finding["check"] == check
                    && finding["status"] == status
                    && finding["message"]
                        .as_str()
                        .is_some_and(|text| text.contains(message))
            });
            let finding =
                finding.unwrap_or_else(|| panic!("no {status} of {check} with `{message}` in {findings:#}"));
            assert_eq!(finding["cure"].is_string(), status != "ok", "{finding}");
            let has_problem = list.iter().any(|finding| finding["status"] == "problem");
            assert_eq!(code, Some(i32::from(has_problem)), "{findings:#}");
        }
    }

    #[tokio::test]
    async fn surroundings_that_are_as_env_prints_them_are_fine() {
        let client = Client::new().await;
        let (findings, code) = client.examine();
        assert_eq!(code, Some(0), "{findings:#}");
        for finding in findings.as_array().unwrap() {
            assert_eq!(finding["status"], "ok", "{findings:#}");
            assert_eq!(finding["cure"], Value::Null, "{findings:#}");
        }
        // Each file that a variable names was tried in a handshake, and doctor's own handshakes leave no trace.
        let trust = found(&findings, "trust");
        assert_eq!(trust.len(), 5, "{findings:#}");
        for (_, message) in trust {
            assert!(
                message.contains("the endpoint's certificate verifies with this emulator's CA ("),
                "{message}"
            );
        }
        assert_eq!(found(&findings, "java").len(), 1, "{findings:#}");
        let (again, _) = client.examine();
        assert_eq!(
            found(&again, "connections"),
            [("ok", "every connection brought a request")]
        );
    }

    #[tokio::test]
    async fn the_text_has_a_line_for_each_finding_and_the_cure_on_the_next() {
        let client = Client::new()
            .await
            .set("AWS_ENDPOINT_URL_LOOKOUT_VISION", "https://localhost:8443");
        let output = client.run(&["--all"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let expected = "warning  variables    `AWS_ENDPOINT_URL_LOOKOUT_VISION` is read by no client; \
                        `AWS_ENDPOINT_URL_LOOKOUTVISION` is, and is set as well\n                      \
                        → unset AWS_ENDPOINT_URL_LOOKOUT_VISION\n";
        assert!(text.contains(expected), "{text}");
        assert!(
            text.starts_with("ok       control      http://127.0.0.1:"),
            "{text}"
        );
        assert!(text.ends_with("no problem, 1 warning\n"), "{text}");

        // Without `--all`, what is as it should be takes one line.
        let output = client.run(&[]);
        let brief = String::from_utf8(output.stdout).unwrap();
        assert!(
            brief.starts_with("warning  variables  `AWS_ENDPOINT_URL_LOOKOUT_VISION`"),
            "{brief}"
        );
        assert_eq!(brief.lines().count(), 4, "{brief}");
        assert!(brief.contains("\nok: control, credentials, "), "{brief}");
    }

    #[tokio::test]
    async fn an_emulator_that_is_not_there_is_a_problem_and_what_is_no_url_is_bad_usage() {
        let client = Client::new().await.unset("LOOKOUTVISION_EMULATOR_CONTROL_URL");
        let output = client.run(&["--control", "http://127.0.0.1:1"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("problem  control "), "{text}");
        for arguments in [["--control", "nonsense"], ["--format", "sarif"]] {
            assert_eq!(client.run(&arguments).status.code(), Some(64), "{arguments:?}");
        }
    }

    #[tokio::test]
    async fn variables_that_lead_elsewhere_are_told() {
        let client = Client::new().await;
        let url = client.variables["AWS_ENDPOINT_URL_LOOKOUTVISION"].clone();
        let client = client
            .unset("AWS_ENDPOINT_URL_LOOKOUTVISION")
            .set("AWS_ENDPOINT_URL_LOOKOUT_VISION", &url)
            .set("AWS_ENDPOINT_URL", &url);
        client.check(
            "variables",
            "problem",
            "`AWS_ENDPOINT_URL_LOOKOUT_VISION` is read by no client; `AWS_ENDPOINT_URL_LOOKOUTVISION` is",
        );
        client.check(
            "variables",
            "warning",
            "`AWS_ENDPOINT_URL` sends the calls of every other service",
        );
        let client = client.set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
        client.check(
            "variables",
            "problem",
            "`AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is true",
        );
        // Whether this machine can look the name up or not, the emulator is not there.
        client.check(
            "endpoint",
            "problem",
            "no setting names an endpoint, so calls go to https://lookoutvision.us-east-1.",
        );
        let client = client.set("AWS_SECRET_ACCESS_KEY", "of-another-day");
        client.check(
            "credentials",
            "problem",
            "is not the secret of the access key `test`",
        );
    }

    #[test]
    fn the_variables_that_can_be_misspelt_are_those_that_env_prints() {
        // The list of names in the source, held against the route.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let client = runtime.block_on(Client::new());
        let source = include_str!("../../src/cli/doctor/variables.rs");
        let (_, list) = source.split_once("pub(super) const NAMES: ").expect("the list");
        let (list, _) = list.split_once("];").expect("its end");
        let names: std::collections::BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
        let own = ["HOME", "PATH"];
        let printed = client.variables.keys().map(String::as_str);
        let printed: std::collections::BTreeSet<&str> = printed.filter(|name| !own.contains(name)).collect();
        assert_eq!(names, printed);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_endpoint_where_nobody_or_another_emulator_answers_is_told() {
        let client = Client::new()
            .await
            .set("AWS_ENDPOINT_URL_LOOKOUTVISION", "https://localhost:1");
        client.check("endpoint", "problem", "nobody answers at ");
        let other = emulator().await;
        let client = client.set("AWS_ENDPOINT_URL_LOOKOUTVISION", &other.endpoint_url());
        client.check(
            "endpoint",
            "problem",
            "has no certificate of this emulator's CA for `localhost`",
        );
        let client = client.set("AWS_ENDPOINT_URL_LOOKOUTVISION", "localhost:8443");
        client.check("endpoint", "problem", "");
    }

    #[tokio::test]
    async fn a_file_of_an_earlier_start_is_told_with_both_fingerprints() {
        let client = Client::new().await;
        let other = emulator().await;
        let path = client.write("stale/ca.pem", other.ca_pem());
        let client = client.set("AWS_CA_BUNDLE", &path);
        let stale = other.certificate_authority().fingerprint_sha256().to_string();
        client.check(
            "trust",
            "problem",
            &format!("`AWS_CA_BUNDLE` names {path}, which holds the CA of another emulator ({stale})"),
        );
        let health = client.emulator.control("GET", "/health", "").await.json();
        let ours = health["ca"]["fingerprint_sha256"].as_str().unwrap().to_owned();
        client.check("trust", "problem", &format!("and not of this one ({ours})"));

        let client = client.set("NODE_EXTRA_CA_CERTS", "/no/such/file.pem");
        client.check(
            "trust",
            "problem",
            "`NODE_EXTRA_CA_CERTS` names /no/such/file.pem, which cannot be used",
        );
        let empty = client.write("empty.pem", "");
        let client = client.set("CURL_CA_BUNDLE", &empty);
        client.check("trust", "problem", "there is no certificate in it");

        let store = client.write(
            "stale/truststore.p12",
            other.certificate_authority().truststore_p12(),
        );
        let options =
            format!("-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit");
        let client = client.set("JAVA_TOOL_OPTIONS", &options);
        client.check(
            "java",
            "problem",
            &format!("which holds the CA of another emulator ({stale})"),
        );
        let client = client.set("JAVA_TOOL_OPTIONS", "-Djavax.net.ssl.trustStore=/no/such/store");
        client.check("java", "problem", "which cannot be read");

        let mut client = client;
        for name in [
            "AWS_CA_BUNDLE",
            "SSL_CERT_FILE",
            "NODE_EXTRA_CA_CERTS",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
        ] {
            client = client.unset(name);
        }
        client.check("trust", "warning", "no variable names a file to trust");
    }

    #[tokio::test]
    async fn a_proxy_without_an_exception_is_told() {
        let client = Client::new()
            .await
            .set("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128");
        client.check("proxy", "ok", "`NO_PROXY` keeps `localhost` from it");
        let client = client.set("no_proxy", "intranet.example");
        client.check("proxy", "warning", "but `no_proxy` does not");
        let client = client.unset("NO_PROXY").unset("no_proxy");
        client.check(
            "proxy",
            "problem",
            "`HTTPS_PROXY` sends calls to `localhost` to the proxy http://proxy.example:3128",
        );
    }

    #[tokio::test]
    async fn a_profile_that_says_otherwise_is_told_with_file_and_line() {
        let client = Client::new().await;
        client.write(
            ".aws/config",
            "[default]\nregion = eu-west-1\n\n[profile vision]\nca_bundle = /corporate.pem\nignore_configured_endpoint_urls = true\n",
        );
        let client = client.unset("AWS_DEFAULT_REGION").unset("AWS_CA_BUNDLE");
        client.check(
            "profile",
            "warning",
            ".aws/config:2 sends boto3 and the AWS CLI v1 to the Region eu-west-1",
        );
        let client = client.set("AWS_PROFILE", "vision");
        client.check(
            "profile",
            "problem",
            ".aws/config:6 is true, so clients ignore every endpoint",
        );
        client.check(
            "profile",
            "problem",
            ".aws/config:5 is what boto3 and the AWS CLI trust",
        );
        client.check("profile", "warning", "the JavaScript SDK signs with its keys");
        let client = client.set("AWS_PROFILE", "gone");
        client.check(
            "profile",
            "problem",
            "`AWS_PROFILE` names the profile `gone`, which no file has",
        );
        let elsewhere = client.write("elsewhere", "[default]\nendpoint_url = https://localhost:1\n");
        let client = client
            .unset("AWS_PROFILE")
            .unset("AWS_ENDPOINT_URL_LOOKOUTVISION")
            .set("AWS_CONFIG_FILE", &elsewhere);
        client.check(
            "profile",
            "problem",
            "elsewhere:2 sends calls to https://localhost:1",
        );
    }

    #[tokio::test]
    async fn clients_on_the_path_that_lack_the_service_are_told() {
        let client = Client::new().await;
        client.program("python3", "echo 1.40.61");
        client.program("node", "echo v16.20.2");
        client.program(
            "aws",
            "case $1 in --version) echo aws-cli/2.32.0 Python/3.13 Linux/6.1 exe/x86_64;; *) exit 252;; esac",
        );
        client.check("clients", "warning", "boto3 1.40.61 no longer has the service");
        client.check("clients", "warning", "Node.js v16.20.2 is too old");
        client.check(
            "clients",
            "warning",
            "the AWS CLI 2.32.0 no longer has the service",
        );
        client.program("python3", "echo 1.27.0");
        client.program(
            "aws",
            "case $1 in --version) echo aws-cli/1.42.61 Python/3.13;; *) echo '{}';; esac",
        );
        client.check(
            "clients",
            "warning",
            "boto3 1.27.0 does not read `AWS_ENDPOINT_URL_LOOKOUTVISION`",
        );
        client.check(
            "clients",
            "warning",
            "the AWS CLI 1.42.61 no longer has the service",
        );
    }

    #[tokio::test]
    async fn a_clock_that_is_set_is_told() {
        let client = Client::new().await;
        let answer = client
            .emulator
            .control("PUT", "/clock", r#"{"offset_seconds":1200}"#)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        client.check(
            "clock",
            "warning",
            "the emulator's own clock is put 1200 s forward",
        );
        let alone = r#"{"offset_seconds":1200,"signatures":"emulated_only"}"#;
        let answer = client.emulator.control("PUT", "/clock", alone).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        client.check("clock", "problem", "signatures are judged by it alone");
    }

    #[tokio::test]
    async fn a_region_without_an_endpoint_and_a_policy_in_vain_are_told() {
        let client = Client::new().await;
        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "lookoutvision:DetectAnomalies",
            "Resource": "arn:aws:lookoutvision:us-west-2:999999999999:model/myProject/1"}]}"#;
        let target = "/vpc-endpoints/vpce-00000000000000000/policy";
        let answer = client.emulator.control("PUT", target, policy).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        client.check("policy", "warning", "its account is `999999999999`");
        client.check(
            "region",
            "warning",
            "call us-east-1 (`AWS_REGION`), and the attached policy is about us-west-2",
        );
    }

    #[tokio::test]
    async fn an_access_key_that_the_emulator_does_not_know_or_that_has_expired_is_told() {
        let client = Client::new()
            .await
            .set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        client.check(
            "access_key",
            "problem",
            "does not know the access key `AKIAIOSFODNN7EXAMPLE`",
        );
        let client = Client::with_configuration(EXPIRED_KEY)
            .await
            .set("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE")
            .set("AWS_SECRET_ACCESS_KEY", "secret")
            .set("AWS_SESSION_TOKEN", "token");
        client.check("access_key", "problem", "expired at 2026-01-02T03:04:05Z");
        // Nothing of it is as it should be.
        let (findings, _) = client.examine();
        assert!(found(&findings, "credentials").is_empty(), "{findings:#}");
    }

    #[tokio::test]
    async fn a_region_in_which_several_endpoints_could_be_meant_is_told() {
        let client = Client::with_configuration(TWO_ENDPOINTS)
            .await
            .set("AWS_REGION", "us-west-2")
            .set("AWS_DEFAULT_REGION", "us-west-2");
        client.check(
            "entry_point",
            "problem",
            "is answered 421: `localhost`, called at ",
        );
        let (findings, _) = client.examine();
        assert!(found(&findings, "region").is_empty(), "{findings:#}");
        // What it says is what happens.
        let answer = client.emulator.send(&Call::detect("1")).await.expect("an answer");
        assert_eq!(answer.status, 421, "{answer:?}");
    }

    #[tokio::test]
    async fn the_last_refusals_are_told_one_line_each() {
        let client = Client::new().await;
        for number in 0..11 {
            let call = Call::detect(&format!("{}", 100 + number)).region("us-east-1");
            let answer = client.emulator.send(&call).await.expect("an answer");
            assert_eq!(answer.status, 404, "{answer:?}");
        }
        let (findings, code) = client.examine();
        assert_eq!(code, Some(0), "{findings:#}");
        let refusals = found(&findings, "refusals");
        assert_eq!(refusals.len(), 10, "{findings:#}");
        for (status, message) in refusals {
            assert_eq!(status, "warning");
            assert!(
                message.contains(" DetectAnomalies by arn:aws:iam::123456789012:user/test in "),
                "{message}"
            );
            assert!(
                message.contains(" 404 ResourceNotFoundException") && !message.contains('\n'),
                "{message}"
            );
        }
    }
}

/// A command that is run with an emulator of its own
mod of_a_command {
    use std::{
        fs,
        process::{Command, Output},
    };

    use crate::process::PROGRAM;

    /// `doctor -- sh -c SCRIPT` in an empty folder, with no client but curl
    fn doctor(script: &str) -> Output {
        let folder = tempfile::tempdir().expect("the folder is ours");
        fs::write(folder.path().join("emulator.yaml"), "names: []\n").expect("the folder is ours");
        // Nobody waits for interpreters to start: these end at once.
        for client in ["python3", "aws", "node"] {
            super::write_program(&folder.path().join(client), "exit 1");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new(PROGRAM)
            .args(["doctor", "--", "sh", "-c", script])
            .current_dir(&folder)
            .env_clear()
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .env("HOME", folder.path())
            .output()
            .expect("the program was built with its tests")
    }

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).expect("what it prints is text")
    }

    #[test]
    fn a_command_that_calls_the_emulator_ends_as_it_ends_and_owns_standard_output() {
        let script = r#"curl -sS "$AWS_ENDPOINT_URL_LOOKOUTVISION/2020-11-20/projects""#;
        let output = doctor(script);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(
            text(&output.stdout).contains("Missing Authentication Token"),
            "{output:?}"
        );
        assert!(!text(&output.stdout).contains("control"), "{output:?}");
        let report = text(&output.stderr);
        assert!(
            report.contains("  1 request of the command arrived\n"),
            "{report}"
        );
        assert!(report.contains("MissingAuthenticationTokenException"), "{report}");
        assert!(report.contains("no problem, "), "{report}");
        assert_eq!(doctor("exit 17").status.code(), Some(17));
        assert_eq!(doctor("kill -9 $$").status.code(), Some(128 + 9));
    }

    #[test]
    fn a_call_that_went_past_the_endpoint_variable_is_told_by_its_host() {
        let output =
            doctor("curl -s https://lookoutvision.us-east-1.amazonaws.com/2020-11-20/projects; exit 0");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let report = text(&output.stderr);
        let expected = "1 attempt never arrived: the command tried to reach lookoutvision.us-east-1.amazonaws.com:443, AWS \
                        itself, and not the emulator; the client does not read the endpoint variable";
        assert!(report.contains(expected), "{report}");
        assert!(
            report.contains("warning  calls  no request of the command arrived"),
            "{report}"
        );
        // A command that fails keeps its own status.
        let output = doctor("curl -s https://lookoutvision.us-east-1.amazonaws.com/; exit 9");
        assert_eq!(output.status.code(), Some(9), "{output:?}");
    }

    #[test]
    fn a_call_that_ended_in_the_handshake_is_told_by_its_alert() {
        let script =
            r#"unset CURL_CA_BUNDLE SSL_CERT_FILE; curl -s "$AWS_ENDPOINT_URL_LOOKOUTVISION/"; exit 0"#;
        let output = doctor(script);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let report = text(&output.stderr);
        let expected = "problem  connections  1 connection to `localhost` brought no request: the client sent the TLS alert UnknownCA; last at ";
        assert!(report.contains(expected), "{report}");
    }

    #[test]
    fn an_emulator_named_beside_a_command_is_refused_and_one_of_the_environment_is_left_aside() {
        let folder = tempfile::tempdir().unwrap();
        for client in ["python3", "aws", "node"] {
            super::write_program(&folder.path().join(client), "exit 1");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let run = |arguments: &[&str]| {
            Command::new(PROGRAM)
                .arg("doctor")
                .args(arguments)
                .current_dir(&folder)
                .env_clear()
                .env("PATH", format!("{}:{path}", folder.path().display()))
                .env("HOME", folder.path())
                .env("LOOKOUTVISION_EMULATOR_CONTROL_URL", "http://127.0.0.1:1")
                .output()
                .unwrap()
        };
        let refused = run(&["--control", "http://127.0.0.1:1", "--", "true"]);
        assert_eq!(refused.status.code(), Some(64), "{refused:?}");
        assert!(
            text(&refused.stderr).contains("leave one of them out"),
            "{refused:?}"
        );
        let script = r#"curl -sS "$AWS_ENDPOINT_URL_LOOKOUTVISION/2020-11-20/projects""#;
        let output = run(&["--", "sh", "-c", script]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }

    #[test]
    fn a_command_that_is_not_there_and_a_configuration_that_is_wrong_have_their_own_codes() {
        let folder = tempfile::tempdir().unwrap();
        let run = |command: &str| {
            Command::new(PROGRAM)
                .args(["doctor", "--", command])
                .current_dir(&folder)
                .output()
                .unwrap()
        };
        assert_eq!(run("no-such-command").status.code(), Some(127));
        fs::write(folder.path().join("emulator.yaml"), "account_id: 12\n").unwrap();
        assert_eq!(run("true").status.code(), Some(64));
    }
}
