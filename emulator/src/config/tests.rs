//! What a configuration file becomes, and what is said about one that is wrong.

mod defaults;
mod every_mistake;
mod faults;
mod mistakes;
mod networks;
mod principals;
mod reload;
mod roles;
mod rules;
mod surroundings;
mod text;

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Config, Overrides, Problems};

/// A folder of its own for a test, deleted with it
pub(crate) struct Folder(PathBuf);

pub(crate) fn folder(name: &str) -> Folder {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("lookoutvision-{name}-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    // macOS's is behind a symbolic link.
    Folder(folder.canonicalize().expect("it was just made"))
}

impl Folder {
    pub(crate) fn write(&self, file: &str, text: &str) -> PathBuf {
        let file = self.join(file);
        fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("the folder is ours");
        fs::write(&file, text).expect("the folder is ours");
        file
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn overrides(config: impl Into<PathBuf>) -> Overrides {
    Overrides {
        config: Some(config.into()),
        ..Overrides::default()
    }
}

/// A folder with the files that the configurations of the tests name
fn folder_with_files() -> Folder {
    let folder = folder("config");
    folder.write("policies/endpoint.json", ENDPOINT_POLICY);
    folder.write("policies/identity.json", IDENTITY_POLICY);
    folder.write(
        "policies/broken.json",
        "{\n  \"Statement\": [\n    {\"Effect\": \"Permit\"}\n  ]\n}\n",
    );
    folder.write("responses/normal.json", NORMAL_RESPONSE);
    folder
}

fn load(yaml: &str) -> Result<Config, Problems> {
    let folder = folder_with_files();
    Config::load(&overrides(folder.write("emulator.yaml", yaml)))
}

#[track_caller]
fn valid(yaml: &str) -> Config {
    load(yaml).unwrap_or_else(|problems| panic!("the configuration should be valid:\n{problems}"))
}

/// All mistakes of a configuration that is not valid, one line each
#[track_caller]
fn mistakes(yaml: &str) -> String {
    let folder = folder_with_files();
    let file = folder.write("emulator.yaml", yaml);
    let Err(problems) = Config::load(&overrides(file)) else {
        panic!("the configuration should not be valid")
    };
    assert!(!problems.is_empty());
    problems
        .to_string()
        .replace(&format!("{}/", folder.display()), "")
}

#[track_caller]
fn check(yaml: &str, expected: &str) {
    assert_eq!(mistakes(yaml), expected);
}

#[track_caller]
fn warnings(yaml: &str) -> Vec<String> {
    let folder = folder_with_files();
    let config = Config::load(&overrides(folder.write("emulator.yaml", yaml)));
    let config = config.unwrap_or_else(|problems| panic!("the configuration should be valid:\n{problems}"));
    let short = |warning: &super::Problem| warning.to_string().replace(&format!("{}/", folder.display()), "");
    config.warnings.iter().map(short).collect()
}

const ENDPOINT_POLICY: &str =
    r#"{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
const BROKEN_POLICY_PROBLEMS: &str = "\
policies/broken.json:3:5: /Statement/0: a statement of a VPC endpoint policy needs a `Principal`
policies/broken.json:3:5: /Statement/0: policy statement must contain actions
policies/broken.json:3:5: /Statement/0: policy statement must contain resources
policies/broken.json:3:16: /Statement/0/Effect: `Permit` is not an effect; expected `Allow` or `Deny`, in this case";
const IDENTITY_POLICY: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
const NORMAL_RESPONSE: &str =
    r#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":0.5}}"#;
