//! Follows the README, and checks where the links of the documents lead.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{process::Process, support::Call};

/// The first block of this language after a heading
fn block<'r>(readme: &'r str, heading: &str, language: &str) -> &'r str {
    let (_, section) = readme
        .split_once(&format!("\n## {heading}\n"))
        .expect("the README has the section");
    let (_, block) = section
        .split_once(&format!("```{language}"))
        .expect("the section has a block");
    let (_, block) = block.split_once('\n').expect("the block begins");
    block.split_once("```").expect("the block ends").0
}

#[tokio::test]
async fn its_configuration_pasted_and_run_enforces_its_policy_on_localhost() {
    let readme =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).expect("the README");
    let folder = tempfile::tempdir().expect("a folder");
    let yaml = block(&readme, "Configuration", "yaml");
    fs::write(folder.path().join("emulator.yaml"), yaml).expect("the folder is ours");
    let process = Process::start(folder.path());
    let as_alice = |model: &str| {
        Call::detect(model).credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    };

    let denied = process.send(&as_alice("1")).await.expect("an answer");
    let message = denied.check(403, "AccessDeniedException");
    assert!(
        message.ends_with("because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action"),
        "{message}"
    );
    // As its last rule says; from the third call to the fourth as its first one does.
    for call in 1..=5 {
        let answer = process.send(&as_alice("myModel")).await.expect("an answer");
        if matches!(call, 3 | 4) {
            answer.check(429, "ThrottlingException");
        } else {
            assert_eq!(answer.status, 200, "{call}: {answer:?}");
            assert_eq!(answer.json()["DetectAnomalyResult"]["IsAnomalous"], true);
        }
    }

    let journal = process.control("GET", "/requests", "").await.json();
    let entries = journal.as_array().expect("a list");
    assert_eq!(entries.len(), 6);
    for entry in entries {
        assert_eq!(entry["entry_point"]["vpc_endpoint_id"], "vpce-0a1b2c3d4e5f67890");
    }
}

/// Every document of the project
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut documents = Vec::new();
    for folder in [".", "emulator", "emulator/docs", "client-tests", "certs"] {
        for entry in fs::read_dir(root.join(folder)).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    documents
}

/// Where the links of a document lead, but for those to other sites
fn links(text: &str) -> Vec<&str> {
    let prose = text
        .split("```")
        .step_by(2)
        .flat_map(|part| part.split("](").skip(1));
    prose
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.contains("://") && !target.starts_with('<'))
        .collect()
}

/// What a heading is called in a link: GitHub's rule, which mdBook follows
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| {
            line.trim_start_matches('#')
                .strip_prefix(' ')
                .filter(|_| line.starts_with('#'))
        })
        .map(|heading| {
            heading
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut dead = Vec::new();
    let mut links_seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("it is text");
        for link in links(&text) {
            links_seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                document.clone()
            } else {
                document.parent().expect("it lies in a folder").join(path)
            };
            let is_found = target.exists()
                && (anchor.is_empty()
                    || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor)));
            if !is_found {
                dead.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(links_seen > 30, "{links_seen} links were found");
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_page_of_the_documentation_is_in_its_summary() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).expect("the summary is there");
    let listed: BTreeSet<&str> = links(&summary).into_iter().collect();
    for entry in fs::read_dir(docs).expect("the folder is there") {
        let name = entry.expect("it can be read").file_name();
        let name = name.to_str().expect("the name is text");
        assert!(
            name == "SUMMARY.md" || !name.ends_with(".md") || listed.contains(name),
            "{name} is not in SUMMARY.md"
        );
    }
}

/// A number as the documents write it
fn written(limit: &str, number: u64) -> String {
    let is_bytes = limit.contains("_bytes_") && number > 0;
    if is_bytes && number.is_multiple_of(1024 * 1024) {
        return format!("{} MiB", number / (1024 * 1024));
    }
    if is_bytes && number.is_multiple_of(1024) {
        return format!("{} KiB", number / 1024);
    }
    let mut text = number.to_string();
    for place in (1..text.len())
        .rev()
        .filter(|place| (text.len() - place).is_multiple_of(3))
        .collect::<Vec<_>>()
    {
        text.insert(place, ',');
    }
    text
}

#[test]
fn the_page_of_limits_has_every_limit_with_its_default() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/limits.md")).expect("the page is there");
    let schema = fs::read_to_string(root.join("emulator.schema.json")).expect("the schema is there");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("it is JSON");
    let limits = schema["$defs"]["LimitsFile"]["properties"]
        .as_object()
        .expect("the schema has the limits");
    let expected: String = limits
        .iter()
        .map(|(name, limit)| {
            let default = written(name, limit["default"].as_u64().expect("a number"));
            let description = limit["description"]
                .as_str()
                .expect("a text")
                .trim_end_matches('.');
            format!("| `{name}` | {default} | {description} |\n")
        })
        .collect();
    assert!(
        page.ends_with(&expected),
        "the page ends with this table:\n{expected}"
    );
}
