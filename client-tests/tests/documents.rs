//! Follows the README and the pages of the documentation: every fenced block is a file, a command, the output of a
//! command, or an excerpt of a file, and is written, run or compared.
//!
//! The words after a block's language say which; readers of the page do not see them:
//!
//! | words | the block is |
//! |---|---|
//! | `file=NAME` | written to NAME; an `emulator.yaml` must be a valid configuration |
//! | `serve` | a command that starts an emulator, whose `export` lines are pasted into the shell of the next blocks |
//! | `run`, `run=STATUS` | commands that end with status 0, or with this one |
//! | `output` | what the block before printed, as a whole |
//! | `excerpt` | a part of it, regardless of white space |
//! | `session` | commands after `$`, each with its output |
//! | `excerpt-of=PATH` | a part of that file of the repository |
//! | `elsewhere=PATH` | done by that test or task, which names the page |
//!
//! `…` stands for anything. Ports and folders are the test's own and are written back to those of the page.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use client_tests::stage::emulator_program;
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;
use xtask::environments::{Environments, is_on_path};

fn main() -> ExitCode {
    let missing = ["python3", "bash", "curl", "jq"]
        .into_iter()
        .find(|tool| !is_on_path(tool));
    let missing = missing.filter(|_| !xtask::nothing_may_be_skipped());
    if let Some(tool) = missing {
        eprintln!("SKIPPED the documents' commands: `{tool}` is not on the PATH");
    }
    let trials = pages()
        .into_iter()
        .map(|page| {
            Trial::test(format!("{page}_does_what_it_says"), move || {
                play(&page).map_err(|error| Failed::from(format!("{page}: {error}")))
            })
            .with_ignored_flag(missing.is_some())
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The README and the pages, by their paths in the repository
fn pages() -> Vec<String> {
    let folder = "emulator/docs";
    let mut pages: Vec<String> = fs::read_dir(xtask::workspace_root().join(folder))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    pages.push("README.md".to_owned());
    pages.sort();
    pages
}

/// A fenced block
struct Block {
    line: usize,
    /// What stands behind the language
    words: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    line: index + 1,
                    words: info.split_once(' ').map_or("", |(_, words)| words).to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text += line;
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

fn play(page: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(xtask::workspace_root().join(page))?;
    let mut reader = Reader::new()?;
    for block in blocks(&text) {
        reader
            .follow(page, &block)
            .map_err(|error| format!("line {}: {error}", block.line))?;
    }
    Ok(())
}

/// Somebody who reads a page from its top and does what it says, in a folder of their own
struct Reader {
    folder: TempDir,
    path: String,
    /// What was pasted into the shell
    pasted: String,
    server: Option<Server>,
    printed: String,
}

/// An emulator that ends with its owner
struct Server {
    process: Child,
    endpoint_url: String,
    control_url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Reader {
    fn new() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let bin = folder.path().join("bin");
        fs::create_dir(&bin)?;
        let program = fs::canonicalize(emulator_program()?)?;
        std::os::unix::fs::symlink(program, bin.join("lookoutvision-emulator"))?;
        // What a reader has in the checkout.
        for (name, path) in [
            ("emulator", "emulator"),
            ("fixtures", "emulator/examples/fixtures"),
            ("policies", "emulator/examples/policies"),
        ] {
            std::os::unix::fs::symlink(xtask::workspace_root().join(path), folder.path().join(name))?;
        }
        let readme = fs::read_to_string(xtask::workspace_root().join("README.md"))?;
        let seed = blocks(&readme)
            .into_iter()
            .find(|block| block.words == "file=seed.json");
        fs::write(
            folder.path().join("seed.json"),
            seed.ok_or("README.md has no seed.json")?.text,
        )?;
        let python = Environments::of_this_checkout().python()?;
        let clients = python.parent().ok_or("the interpreter lies nowhere")?;
        let path = std::env::var("PATH").unwrap_or_default();
        Ok(Self {
            path: format!("{}:{}:{path}", bin.display(), clients.display()),
            folder,
            pasted: String::new(),
            server: None,
            printed: String::new(),
        })
    }

    fn follow(&mut self, page: &str, block: &Block) -> Result<(), Box<dyn Error>> {
        let (word, value) = block.words.split_once('=').unwrap_or((&block.words, ""));
        match word {
            "file" => self.write(value, &block.text),
            "serve" => self.serve(&block.text),
            "run" => self.run(&block.text, value.parse().unwrap_or(0)),
            "output" => matches(&self.printed, &block.text),
            "excerpt" => matches(
                &without_spaces(&self.printed),
                &format!("…{}…", without_spaces(&block.text)),
            ),
            "session" => self.session(&block.text),
            "excerpt-of" => {
                let file = fs::read_to_string(xtask::workspace_root().join(value))?;
                matches(&file, &format!("…{}…", block.text.trim_end()))
            }
            "elsewhere" => {
                let file = fs::read_to_string(xtask::workspace_root().join(value))?;
                let name = Path::new(page).file_name().and_then(|name| name.to_str());
                if name.is_some_and(|name| file.contains(name)) {
                    Ok(())
                } else {
                    Err(format!("`{value}` does not name this page").into())
                }
            }
            _ => Err(format!("nothing is known to be done with a block of `{}`", block.words).into()),
        }
    }

    fn write(&mut self, name: &str, text: &str) -> Result<(), Box<dyn Error>> {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().ok_or("the file lies nowhere")?)?;
        fs::write(path, self.to_own(text))?;
        if name == "emulator.yaml" {
            self.run("lookoutvision-emulator check --config emulator.yaml", 0)?;
        }
        Ok(())
    }

    /// Starts an emulator in place of the one before, and pastes what it prints
    fn serve(&mut self, command: &str) -> Result<(), Box<dyn Error>> {
        self.server = None;
        let command = command
            .split('#')
            .next()
            .unwrap_or_default()
            .replace("cargo run --release -- ", "lookoutvision-emulator ")
            .replace("cargo run --release", "lookoutvision-emulator")
            .replace(PORT, ":0");
        let mut process = self
            .shell(&format!("exec {command}"))
            .env("LOOKOUTVISION_EMULATOR_LISTEN", "127.0.0.1:0")
            .env("LOOKOUTVISION_EMULATOR_CONTROL", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut printed = String::new();
        for line in BufReader::new(process.stdout.take().ok_or("it is piped")?).lines() {
            printed += &line?;
            printed.push('\n');
            if printed.ends_with("lookoutvision-emulator is ready\n") {
                break;
            }
        }
        let value = |name: &str| {
            let (_, rest) = printed.split_once(name)?;
            rest.split_ascii_whitespace().next().map(str::to_owned)
        };
        let (Some(endpoint_url), Some(control_url)) = (value("AWS API "), value("control API ")) else {
            return Err(format!("`{command}` printed\n{printed}").into());
        };
        self.pasted = printed
            .lines()
            .filter(|line| line.starts_with("export ") || line.starts_with("unset "))
            .fold(String::new(), |pasted, line| pasted + line + "\n");
        self.server = Some(Server {
            process,
            endpoint_url,
            control_url,
        });
        self.printed = self.to_page(&printed);
        Ok(())
    }

    fn run(&mut self, commands: &str, expected: i32) -> Result<(), Box<dyn Error>> {
        let output = self
            .shell(&format!("{{ {}\n}} 2>&1", self.to_own(commands)))
            .output()?;
        self.printed = self.to_page(&String::from_utf8(output.stdout)?);
        if output.status.code() == Some(expected) {
            Ok(())
        } else {
            Err(format!("{} instead of {expected}:\n{}", output.status, self.printed).into())
        }
    }

    fn session(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        for exchange in format!("\n{text}").split("\n$ ").skip(1) {
            let mut lines = exchange.lines();
            let mut command = lines.next().unwrap_or_default().to_owned();
            while !is_whole(&command)? {
                let line = lines.next().ok_or("the command does not end")?;
                command = format!("{command}\n{line}");
            }
            let output = self.shell(&self.to_own(&command)).output()?;
            let printed = [output.stdout, output.stderr].concat();
            self.printed = self.to_page(&String::from_utf8(printed)?);
            let expected: Vec<&str> = lines.collect();
            matches(&self.printed, &expected.join("\n"))?;
        }
        Ok(())
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command
            .arg("-c")
            .arg(format!("set -eu\n{}{script}", self.pasted))
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// A text of the page with the ports that are the test's
    fn to_own(&self, text: &str) -> String {
        let Some(server) = &self.server else {
            return text.to_owned();
        };
        let text = text
            .replace(ENDPOINT_URL, &server.endpoint_url)
            .replace(CONTROL_URL, &server.control_url);
        // Of another address that leads there.
        match server.endpoint_url.rsplit_once(':') {
            Some((_, port)) => text.replace(PORT, &format!(":{port}")),
            None => text,
        }
    }

    /// What was printed, with the page's ports and folder
    fn to_page(&self, text: &str) -> String {
        let mut text = text.replace(
            self.folder.path().to_str().unwrap_or_default(),
            "/home/you/lookoutvision-emulator",
        );
        if let Some(server) = &self.server {
            text = text
                .replace(&server.endpoint_url, ENDPOINT_URL)
                .replace(&server.control_url, CONTROL_URL);
            let port = |url: &str| url.rsplit_once(':').map(|(_, port)| format!("127.0.0.1:{port}"));
            if let Some(listening) = port(&server.endpoint_url) {
                text = text.replace(&listening, "127.0.0.1:8443");
            }
        }
        text
    }
}

/// Whether bash would not ask for another line
fn is_whole(command: &str) -> Result<bool, Box<dyn Error>> {
    let checked = Command::new("bash").args(["-n", "-c", command]).output()?;
    Ok(checked.status.success() && !command.ends_with('\\'))
}

fn without_spaces(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

/// Compares, where `…` of the page stands for anything
fn matches(found: &str, page: &str) -> Result<(), Box<dyn Error>> {
    let (found, page) = (found.trim(), page.trim());
    let mut parts = page.split('…');
    let first = parts.next().unwrap_or_default();
    let differs = || format!("the page says\n{page}\nand there is\n{found}");
    let mut rest = found.strip_prefix(first).ok_or_else(differs)?;
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return if rest.is_empty() {
            Ok(())
        } else {
            Err(differs().into())
        };
    };
    for part in middle {
        (_, rest) = rest.split_once(*part).ok_or_else(differs)?;
    }
    if rest.ends_with(last) {
        Ok(())
    } else {
        Err(differs().into())
    }
}

const ENDPOINT_URL: &str = "https://localhost:8443";
const CONTROL_URL: &str = "http://127.0.0.1:8080";
/// The port of the AWS API on the page, where another address than `localhost` is called
const PORT: &str = ":8443";
