//! `doctor -- CMD`: what keeps the calls of a command from arriving. The command runs as under `exec`; what it tries
//! elsewhere meets a proxy that refuses and remembers.

use std::{ffi::OsString, io, sync::Arc, time::Duration};

use clap::{Args as _, FromArgMatches as _};
use tokio::time::timeout;

use super::{
    ReportForm, examine, has_problem,
    proxy_server::{RefusingProxy, Tried},
    report,
    surroundings::{ControlAnswers, Surroundings, Variables},
};
use crate::{
    cli::{EXIT_FAILED, EXIT_USAGE, ServeOptions, control_client::ControlClient, exec, output, serve},
    config::Config,
    control::diagnosis::{Finding, Status},
    network::host_name::{EmulatedHost, HostName},
};

/// The check that tells what became of the command's calls
pub(super) const CALLS: &str = "calls";

pub(super) fn run(command: &[OsString], form: ReportForm) -> u8 {
    let options = match serve_options() {
        Ok(options) => options,
        Err(error) => {
            report!("{error}");
            return EXIT_USAGE;
        }
    };
    // Kept until the end: dropping it deletes its folder.
    let own = match exec::configure(options) {
        Ok(own) => own,
        Err(code) => return code,
    };
    let runtime = match serve::runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    runtime.block_on(observe(own.config.clone(), command, form))
}

/// The options of `serve` from the environment alone; the command line of `doctor` has none of them
fn serve_options() -> Result<ServeOptions, clap::Error> {
    let command = ServeOptions::augment_args(clap::Command::new("serve"));
    ServeOptions::from_arg_matches(&command.try_get_matches_from(["serve"])?)
}

async fn observe(config: Arc<Config>, command: &[OsString], form: ReportForm) -> u8 {
    let emulator = match serve::start(config, None, None).await {
        Ok(emulator) => emulator,
        Err(code) => return code,
    };
    let proxy = match RefusingProxy::start().await {
        Ok(proxy) => proxy,
        Err(error) => {
            report!("the proxy could not be started: {error}");
            emulator.stop().await;
            return EXIT_FAILED;
        }
    };
    let mut changes = exec::changes_for_command(&emulator);
    // Taken before the proxy is added: the checks look at the environment without it.
    let variables = Variables::of_this_process().changed(&changes);
    changes.extend(proxy.changes());
    let code = match exec::run_command(&changes, command).await {
        Ok(status) => exec::code(status),
        Err(error) => {
            let code = exec::not_run(command, &error);
            emulator.stop().await;
            return code;
        }
    };
    // Connections that the command left open end soon; programs that it left running may hold theirs as long as they
    // like.
    let _ = timeout(CONNECTIONS_TIMEOUT, emulator.connections_ended()).await;
    let control = ControlClient::at(&emulator.control_url());
    let gathered = tokio::task::spawn_blocking(move || Surroundings::gather(variables, &control)).await;
    let code = match gathered.map_err(io::Error::other) {
        Ok(surroundings) => {
            let mut findings = examine(&surroundings);
            let calls = calls(&proxy.tried(), surroundings.control.as_ref().ok(), &findings);
            findings.extend(calls);
            // Standard output is the command's alone.
            output::report_text(&report(&findings, form));
            match code {
                0 if has_problem(&findings) => EXIT_FAILED,
                code => code,
            }
        }
        Err(error) => {
            report!("the surroundings could not be looked at: {error}");
            if code == 0 { EXIT_FAILED } else { code }
        }
    };
    emulator.stop().await;
    code
}

/// What became of the command's calls
fn calls(tried: &Tried, answers: Option<&ControlAnswers>, findings: &[Finding]) -> Vec<Finding> {
    let mut calls = Vec::new();
    for (place, attempts) in &tried.hosts {
        calls.push(match is_played(place) {
            true => Finding::problem(
                CALLS,
                format!(
                    "{}: the command tried to reach {place}, AWS itself, and not the emulator{}",
                    never_arrived(*attempts),
                    cause(findings)
                ),
            )
            .cure(
                "use a release of the client that reads `AWS_ENDPOINT_URL_LOOKOUTVISION`, give the endpoint in code or on \
                 the command line, and name no profile there that says otherwise",
            ),
            false => Finding::warning(
                CALLS,
                format!("{}: the command tried to reach {place}, and `doctor` lets nothing out", never_arrived(*attempts)),
            )
            .cure("run it under `exec`, which keeps nothing from the internet, if that is meant"),
        });
    }
    if tried.others > 0 {
        calls.push(Finding::warning(
            CALLS,
            format!(
                "{}: they were meant for still other places",
                never_arrived(tried.others)
            ),
        ));
    }
    let arrived = answers.map_or(0, |answers| answers.requests.len());
    calls.push(match arrived {
        0 => Finding::warning(CALLS, "no request of the command arrived").cure(
            "a client that reads neither the endpoint variable nor `HTTPS_PROXY` (JavaScript, Java) cannot be seen calling \
             AWS: see that it reads the variable",
        ),
        1 => Finding::ok(CALLS, "1 request of the command arrived"),
        _ => Finding::ok(CALLS, format!("{arrived} requests of the command arrived")),
    });
    calls
}

fn never_arrived(attempts: u64) -> String {
    match attempts {
        1 => "1 attempt never arrived".to_owned(),
        _ => format!("{attempts} attempts never arrived"),
    }
}

/// What else was found that explains why the client calls AWS
fn cause(findings: &[Finding]) -> String {
    let explains = |finding: &&Finding| {
        finding.status != Status::Ok
            && (matches!(finding.check.as_str(), "variables" | "profile" | "endpoint")
                || (finding.check == "clients" && finding.message.contains("calls AWS itself")))
    };
    let causes: Vec<&str> = findings
        .iter()
        .filter(explains)
        .map(|finding| finding.message.as_str())
        .collect();
    match causes.is_empty() {
        true => "; the client does not read the endpoint variable, or its code names another endpoint or a profile".to_owned(),
        false => format!("; the likely cause: {}", causes.join("; ")),
    }
}

/// Whether the emulator plays the service at this host
fn is_played(place: &str) -> bool {
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    let Ok(host) = host.parse::<HostName>() else {
        return false;
    };
    matches!(host.emulated(), EmulatedHost::Regional(_) | EmulatedHost::Vpce(_))
}

/// How long connections of a command that has ended may take to end
const CONNECTIONS_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(places: &[(&str, u64)]) -> Tried {
        let hosts = places
            .iter()
            .map(|(place, attempts)| ((*place).to_owned(), *attempts));
        Tried {
            hosts: hosts.collect(),
            others: 0,
        }
    }

    #[test]
    fn a_call_to_aws_is_a_problem_with_its_cause_and_one_to_elsewhere_is_not() {
        let old = Finding::warning(
            "clients",
            "boto3 1.27.0 does not read the variable and calls AWS itself",
        );
        let found = calls(
            &tried(&[
                ("lookoutvision.us-east-1.amazonaws.com:443", 5),
                ("pypi.org:443", 1),
            ]),
            None,
            &[old],
        );
        assert_eq!(found[0].status, Status::Problem);
        assert_eq!(
            found[0].message,
            "5 attempts never arrived: the command tried to reach lookoutvision.us-east-1.amazonaws.com:443, AWS itself, and not \
             the emulator; the likely cause: boto3 1.27.0 does not read the variable and calls AWS itself"
        );
        assert_eq!(found[1].status, Status::Warning, "{found:?}");
        let without = calls(
            &tried(&[("lookoutvision.us-east-1.amazonaws.com:443", 1)]),
            None,
            &[],
        );
        assert!(
            without[0]
                .message
                .contains("the client does not read the endpoint variable"),
            "{without:?}"
        );
    }

    #[test]
    fn names_that_are_played_are_known() {
        for (place, expected) in [
            ("lookoutvision.us-east-1.amazonaws.com:443", true),
            (
                "vpce-0a1b2c3d4e5f67890-abcdefgh.lookoutvision.us-west-2.vpce.amazonaws.com:443",
                true,
            ),
            ("ec2.us-east-1.amazonaws.com:443", true),
            ("s3.us-east-1.amazonaws.com:443", false),
            ("localhost:8443", false),
        ] {
            assert_eq!(is_played(place), expected, "{place}");
        }
    }
}
