//! The tools that people use read the reports of the policy workbench: the schemas of JUnit, SARIF and Cobertura, a TAP
//! parser, `genhtml`, `jq`. Each reader must refuse a damaged report as well.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use client_tests::stage::emulator_program;
use libtest_mimic::{Arguments, Failed, Trial};
use xtask::environments::{EnvironmentError, Environments, is_on_path};

/// A kind of report, and the tool that reads it
struct Reader {
    test: &'static str,
    /// The ending of the names of its reports
    extension: &'static str,
    command: fn(&Environments) -> Result<Vec<PathBuf>, EnvironmentError>,
    /// A text that each report has, and a replacement that damages the report
    damage: (&'static str, &'static str),
}

const READERS: [Reader; 6] = [
    Reader {
        test: "junit_reports_keep_to_the_schema_of_jenkins",
        extension: ".junit.xml",
        command: |environments| python(environments, "junit"),
        damage: ("<testcase name=", "<testcase called="),
    },
    Reader {
        test: "cobertura_reports_keep_to_the_dtd_of_cobertura",
        extension: ".cobertura.xml",
        command: |environments| python(environments, "cobertura"),
        damage: ("<coverage line-rate=", "<coverage rate="),
    },
    Reader {
        test: "sarif_reports_keep_to_the_schema_of_sarif",
        extension: ".sarif",
        command: |environments| python(environments, "sarif"),
        damage: ("\"runs\"", "\"walks\""),
    },
    Reader {
        test: "tap_reports_are_read_by_tap_parser",
        extension: ".tap",
        command: tap_parser,
        damage: ("\n1..", "\n1..9"),
    },
    Reader {
        test: "lcov_reports_are_read_by_genhtml",
        extension: ".lcov",
        command: |environments| {
            let options = ["--branch-coverage", "--quiet", "--output-directory", "genhtml"];
            Ok(with(environments.genhtml()?, &options))
        },
        damage: ("SF:", "SF:nowhere/"),
    },
    Reader {
        test: "every_json_report_is_read_by_jq",
        extension: ".json",
        command: |_| match is_on_path("jq") {
            true => Ok(with("jq".into(), &["--exit-status", "type"])),
            false => Err(EnvironmentError::ToolMissing("jq")),
        },
        damage: ("\n", ",\n"),
    },
];

fn main() -> ExitCode {
    let trials = READERS.map(|reader| {
        let command = (reader.command)(&Environments::of_this_checkout());
        let is_ignored = match &command {
            Err(EnvironmentError::ToolMissing(tool)) if !xtask::nothing_may_be_skipped() => {
                eprintln!("SKIPPED {}: `{tool}` is not on the PATH", reader.test);
                true
            }
            _ => false,
        };
        Trial::test(reader.test, move || {
            let command = command.map_err(|error| Failed::from(error.to_string()))?;
            test(&reader, &command).map_err(|error| Failed::from(error.to_string()))
        })
        .with_ignored_flag(is_ignored)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// A program with its first arguments
fn with(program: PathBuf, arguments: &[&str]) -> Vec<PathBuf> {
    let arguments = arguments.iter().map(PathBuf::from);
    std::iter::once(program).chain(arguments).collect()
}

fn python(environments: &Environments, kind: &str) -> Result<Vec<PathBuf>, EnvironmentError> {
    let clients = xtask::workspace_root().join("client-tests");
    let script = clients.join("python/read_reports.py");
    let interpreter = environments.report_readers()?;
    Ok(vec![interpreter, script, kind.into(), clients.join("reports")])
}

fn tap_parser(environments: &Environments) -> Result<Vec<PathBuf>, EnvironmentError> {
    // Node looks for packages beside the script.
    let script = environments.node_driver()?.with_file_name("read-tap.mjs");
    let source = xtask::workspace_root().join("client-tests/node/read-tap.mjs");
    fs::copy(&source, &script).map_err(|error| EnvironmentError::Files { path: source, error })?;
    Ok(vec!["node".into(), script])
}

fn test(reader: &Reader, command: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for policies in [
        Policies {
            fixtures: "policy-tests",
            tests: "failing.yaml",
            documents: &[("endpoint", "endpoint.json")],
        },
        Policies {
            fixtures: "seed",
            tests: "tests.yaml",
            documents: &[("endpoint", "endpoint.json")],
        },
        Policies {
            fixtures: "perimeters",
            tests: "tests.yaml",
            documents: &[
                ("endpoint", "endpoint.json"),
                ("identity", "identity.json"),
                ("boundary", "boundary.json"),
                ("scp", "scp.json"),
                ("rcp", "rcp.json"),
            ],
        },
    ] {
        let folder = folder.path().join(policies.fixtures);
        policies.report(&folder)?;
        let reports = reports(&folder, reader.extension)?;
        if reports.is_empty() {
            return Err(format!("nothing ends with `{}`", reader.extension).into());
        }
        for report in reports {
            let read = run(command, &folder, &report)?;
            if !read.status.success() {
                return Err(format!("{report:?} is not read: {read:?}").into());
            }
            let text = fs::read_to_string(folder.join(&report))?;
            let (from, to) = reader.damage;
            let damaged = text.replacen(from, to, 1);
            if damaged == text {
                return Err(format!("{report:?} has no `{from}`: {text}").into());
            }
            fs::write(folder.join(&report), damaged)?;
            let read = run(command, &folder, &report)?;
            if read.status.success() {
                return Err(format!("{report:?} is read with `{to}` for `{from}`: {read:?}").into());
            }
        }
    }
    Ok(())
}

/// The reports in a folder whose names have this ending
fn reports(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut reports = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(extension) {
            reports.push(PathBuf::from(name));
        }
    }
    Ok(reports)
}

fn run(command: &[PathBuf], folder: &Path, report: &Path) -> Result<std::process::Output, Box<dyn Error>> {
    let [program, arguments @ ..] = command else {
        return Err("there is no program".into());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(report)
        .current_dir(folder)
        .stdin(Stdio::null());
    Ok(command.output()?)
}

/// Policies, with tests of them
struct Policies {
    /// A folder below the fixtures, which may have reports already
    fixtures: &'static str,
    tests: &'static str,
    /// Each with its type for `policy lint`
    documents: &'static [(&'static str, &'static str)],
}

impl Policies {
    /// Copies them to a folder, and writes every report about them beside them
    fn report(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        fs::create_dir(folder)?;
        let fixtures = xtask::workspace_root().join("emulator/tests/fixtures");
        for entry in fs::read_dir(fixtures.join(self.fixtures))? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        let mut outputs: Vec<(String, Vec<&str>)> = Vec::new();
        for (format, extension) in [("json", "json"), ("junit", "junit.xml"), ("tap", "tap")] {
            let arguments = vec!["policy", "test", "--format", format, self.tests];
            outputs.push((format!("test.{extension}"), arguments));
        }
        for (policy_type, document) in self.documents {
            for format in ["json", "sarif"] {
                let arguments = vec![
                    "policy",
                    "lint",
                    "--format",
                    format,
                    "--type",
                    policy_type,
                    document,
                ];
                outputs.push((format!("lint-{policy_type}.{format}"), arguments));
            }
        }
        for (file, arguments) in [
            ("matrix.json", &["policy", "matrix", "--format", "json"][..]),
            (
                "diff.json",
                &[
                    "policy",
                    "diff",
                    "--format",
                    "json",
                    "endpoint.json",
                    "endpoint.json",
                ],
            ),
            ("schema.json", &["schema", "--of", "policy-tests"]),
        ] {
            outputs.push((file.to_owned(), arguments.to_vec()));
        }
        outputs.push((
            "test-with-coverage.json".to_owned(),
            vec![
                "policy",
                "test",
                "--format",
                "json",
                "--coverage=json:coverage.json",
                "--coverage=lcov:coverage.lcov",
                "--coverage=cobertura:coverage.cobertura.xml",
                "--coverage=sarif:coverage.sarif",
                "--coverage=junit:coverage.junit.xml",
                self.tests,
            ],
        ));
        for (file, arguments) in outputs {
            let output = Command::new(emulator_program()?)
                .args(&arguments)
                .current_dir(folder)
                .env_clear()
                .stdin(Stdio::null())
                .output()?;
            // 1 means that a test failed; a file that is not understood has another status.
            if !matches!(output.status.code(), Some(0 | 1)) {
                return Err(format!("{arguments:?}: {output:?}").into());
            }
            fs::write(folder.join(file), output.stdout)?;
        }
        Ok(())
    }
}
