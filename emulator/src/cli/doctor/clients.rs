//! The clients on the `PATH`: whether they still have the service, and whether they know the endpoint variable.

use std::{
    io::Read,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::surroundings::{Surroundings, Variables};
use crate::control::diagnosis::Finding;

/// What the clients print about themselves
#[derive(Debug, Default)]
pub(super) struct Tools {
    pub(super) boto3: ToolAnswer,
    pub(super) aws: ToolAnswer,
    /// Whether the AWS CLI knows the service's commands
    pub(super) aws_service: ToolAnswer,
    pub(super) node: ToolAnswer,
}

/// What a program printed
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum ToolAnswer {
    /// It is not on the `PATH`
    #[default]
    Missing,
    Printed(String),
    /// It ended with an error, or did not end in time
    Failed,
}

impl Tools {
    /// Asks all of them at once, in the client's environment
    pub(super) fn ask(variables: &Variables) -> Self {
        let run = |program: &'static str, arguments: &'static [&'static str]| {
            let variables = variables.clone();
            thread::spawn(move || answer(program, arguments, &variables))
        };
        let boto3 = run(
            "python3",
            &[
                "-c",
                "import boto3, botocore; print(boto3.__version__, botocore.__version__)",
            ],
        );
        let aws = run("aws", &["--version"]);
        // Prints a form to be filled in; nothing is called.
        let aws_service = run(
            "aws",
            &["lookoutvision", "list-projects", "--generate-cli-skeleton"],
        );
        let node = run("node", &["--version"]);
        let answer = |thread: thread::JoinHandle<ToolAnswer>| thread.join().unwrap_or(ToolAnswer::Failed);
        Self {
            boto3: answer(boto3),
            aws: answer(aws),
            aws_service: answer(aws_service),
            node: answer(node),
        }
    }
}

fn answer(program: &str, arguments: &[&str], variables: &Variables) -> ToolAnswer {
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&variables.0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return ToolAnswer::Missing;
    };
    let stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.map(|stdout| stdout.take(OUTPUT_BYTES_MAX).read_to_end(&mut text));
        read.is_some_and(|read| read.is_ok()).then_some(text)
    });
    let end = Instant::now() + TIMEOUT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => thread::sleep(PAUSE),
            Ok(None) | Err(_) => {
                // It may have ended just now.
                let _ = child.kill();
                let _ = child.wait();
                return ToolAnswer::Failed;
            }
        }
    };
    match reader.join() {
        Ok(Some(text)) if status.success() => {
            ToolAnswer::Printed(String::from_utf8_lossy(&text).trim().to_owned())
        }
        _ => ToolAnswer::Failed,
    }
}

/// Whether the clients that can be found can call the service
pub(super) fn clients(surroundings: &Surroundings) -> Vec<Finding> {
    let tools = &surroundings.tools;
    vec![
        boto3(&tools.boto3),
        aws_cli(&tools.aws, &tools.aws_service),
        node(&tools.node),
    ]
}

fn boto3(answer: &ToolAnswer) -> Finding {
    let ToolAnswer::Printed(versions) = answer else {
        return Finding::ok(
            "clients",
            match answer {
                ToolAnswer::Missing => "python3 is not on the PATH",
                _ => "python3 has no boto3",
            },
        );
    };
    // The services are botocore's, and boto3 accepts a botocore with a later version than its own.
    let (version, botocore) = versions.split_once(' ').unwrap_or((versions, versions));
    // botocore's changelog: the service is gone from 1.40.61; AWS SDKs and Tools Reference Guide, *Service-specific
    // endpoints*: the variable is read from boto3 1.28.
    let cure = "pip install 'boto3==1.40.50' 'botocore==1.40.50'";
    match (parsed(version), parsed(botocore)) {
        (_, Some(parsed)) if parsed >= [1, 40, 61] => Finding::warning(
            "clients",
            format!("boto3 {version} no longer has the service: its botocore is {botocore}"),
        )
        .cure(cure),
        (Some(parsed), _) if parsed < [1, 28, 0] => Finding::warning(
            "clients",
            format!("boto3 {version} does not read `AWS_ENDPOINT_URL_LOOKOUTVISION` and calls AWS itself"),
        )
        .cure(format!("{cure}, or `endpoint_url=` in code")),
        _ => Finding::ok("clients", format!("boto3 {version} has the service")),
    }
}

fn aws_cli(answer: &ToolAnswer, service: &ToolAnswer) -> Finding {
    let ToolAnswer::Printed(text) = answer else {
        return Finding::ok(
            "clients",
            match answer {
                ToolAnswer::Missing => "the AWS CLI is not on the PATH",
                _ => "the AWS CLI does not tell its version",
            },
        );
    };
    // aws-cli/1.42.50 Python/3.11.7 Linux/6.1 botocore/1.40.50
    let version = text
        .split_whitespace()
        .next()
        .and_then(|word| word.strip_prefix("aws-cli/"))
        .unwrap_or(text);
    let parsed = parsed(version);
    let cure = "pip install 'awscli==1.42.50'";
    let is_version_2 = parsed.is_some_and(|parsed| parsed >= [2, 0, 0]);
    let has_no_service = match is_version_2 {
        // Only the program itself tells which releases of version 2 have the service.
        true => !matches!(service, ToolAnswer::Printed(_)),
        false => parsed.is_some_and(|parsed| parsed >= [1, 42, 61]),
    };
    let reads_no_variable = match is_version_2 {
        true => parsed.is_some_and(|parsed| parsed < [2, 13, 0]),
        false => parsed.is_some_and(|parsed| parsed < [1, 29, 0]),
    };
    if has_no_service {
        Finding::warning(
            "clients",
            format!("the AWS CLI {version} no longer has the service"),
        )
        .cure(cure)
    } else if reads_no_variable {
        Finding::warning(
            "clients",
            format!(
                "the AWS CLI {version} does not read `AWS_ENDPOINT_URL_LOOKOUTVISION` and calls AWS itself"
            ),
        )
        .cure(format!("{cure}, or `--endpoint-url` on the command line"))
    } else {
        Finding::ok("clients", format!("the AWS CLI {version} has the service"))
    }
}

fn node(answer: &ToolAnswer) -> Finding {
    let ToolAnswer::Printed(version) = answer else {
        return Finding::ok(
            "clients",
            match answer {
                ToolAnswer::Missing => "node is not on the PATH",
                _ => "node does not tell its version",
            },
        );
    };
    match parsed(version.trim_start_matches('v')) {
        // `engines` of @aws-sdk/client-lookoutvision 3.918.0: node >= 18.
        Some(parsed) if parsed < [18, 0, 0] => Finding::warning(
            "clients",
            format!("Node.js {version} is too old for the last JavaScript SDK that has the service"),
        )
        .cure("use Node.js 18 or later"),
        _ => Finding::ok(
            "clients",
            format!("Node.js {version} runs the JavaScript SDK that has the service"),
        ),
    }
}

/// The first three numbers of a version; a missing one is 0
fn parsed(version: &str) -> Option<[u32; 3]> {
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(version.split('.')) {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        *number = part.get(..digits)?.parse().ok()?;
    }
    Some(numbers)
}

/// The AWS CLI takes seconds on a machine that is busy
const TIMEOUT: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(10);
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::diagnosis::Status;

    #[test]
    fn releases_after_the_service_and_before_the_variable_are_told() {
        let printed = |text: &str| ToolAnswer::Printed(text.to_owned());
        let skeleton = printed("{}");
        for (finding, status, expected) in [
            (
                boto3(&printed("1.40.60 1.40.60")),
                Status::Ok,
                "boto3 1.40.60 has",
            ),
            (
                boto3(&printed("1.40.61 1.40.61")),
                Status::Warning,
                "no longer has the service",
            ),
            (
                boto3(&printed("1.40.50 1.40.76")),
                Status::Warning,
                "its botocore is 1.40.76",
            ),
            (boto3(&printed("1.41.0 1.41.0")), Status::Warning, "no longer"),
            (
                boto3(&printed("1.27.165 1.30.165")),
                Status::Warning,
                "calls AWS itself",
            ),
            (boto3(&ToolAnswer::Failed), Status::Ok, "no boto3"),
            (boto3(&ToolAnswer::Missing), Status::Ok, "not on the PATH"),
            (
                aws_cli(&printed("aws-cli/1.42.60 Python/3.11"), &skeleton),
                Status::Ok,
                "1.42.60 has",
            ),
            (
                aws_cli(&printed("aws-cli/1.42.61 Python/3.11"), &ToolAnswer::Failed),
                Status::Warning,
                "no longer",
            ),
            (
                aws_cli(&printed("aws-cli/1.28.0 Python/3.11"), &skeleton),
                Status::Warning,
                "calls AWS itself",
            ),
            (
                aws_cli(&printed("aws-cli/2.15.0 Python/3.11"), &skeleton),
                Status::Ok,
                "2.15.0 has",
            ),
            (
                aws_cli(&printed("aws-cli/2.9.19 Python/3.11"), &skeleton),
                Status::Warning,
                "calls AWS itself",
            ),
            (
                aws_cli(&printed("aws-cli/2.32.0 Python/3.11"), &ToolAnswer::Failed),
                Status::Warning,
                "no longer",
            ),
            (node(&printed("v18.0.0")), Status::Ok, "v18.0.0"),
            (node(&printed("v16.20.2")), Status::Warning, "too old"),
        ] {
            assert_eq!(finding.status, status, "{finding:?}");
            assert!(finding.message.contains(expected), "{finding:?}");
        }
    }

    #[test]
    fn a_program_that_does_not_end_is_given_up_and_one_that_is_missing_is_told() {
        let variables = Variables::of_this_process();
        assert_eq!(answer("no-such-program", &[], &variables), ToolAnswer::Missing);
        assert_eq!(
            answer("sh", &["-c", "echo 1.2.3"], &variables),
            ToolAnswer::Printed("1.2.3".to_owned())
        );
        assert_eq!(answer("sh", &["-c", "exit 3"], &variables), ToolAnswer::Failed);
    }
}
