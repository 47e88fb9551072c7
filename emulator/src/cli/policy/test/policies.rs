//! The policies of a test file that has no configuration: files, or documents in the file itself.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use iam_policy::{Finding, PolicyDocument, PolicyError, PolicyType};

use super::tree::{Mistakes, Place, Spot};
use crate::{
    authorization::PolicyChanges,
    config::{
        Problem, in_our_words,
        text_file::{self, NOT_A_PATH},
        yaml::Position,
    },
};

/// Reads policies, and keeps the names of their files
pub(super) struct PolicyReader<'f> {
    /// The folder that paths are relative to
    base: &'f Path,
    /// Every file that was asked for, whether it is there or not
    pub(super) files: Vec<PathBuf>,
}

impl<'f> PolicyReader<'f> {
    pub(super) fn beside(file: &'f Path) -> Self {
        Self {
            base: file.parent().unwrap_or(Path::new("")),
            files: Vec::new(),
        }
    }

    /// The policies of every layer; a layer that is left out restricts nothing
    pub(super) fn read(&mut self, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<PolicyChanges> {
        let members = place.members(&POLICIES_KEYS, mistakes)?;
        let mut read = PolicyChanges {
            identity: Some(None),
            permissions_boundary: Some(Vec::new()),
            session: Some(Vec::new()),
            service_control: Some(Vec::new()),
            resource_control: Some(Vec::new()),
            vpc_endpoint: None,
        };
        if let Some(place) = members.get("vpc_endpoint").filter(|place| !place.is_null()) {
            read.vpc_endpoint = self.document(place, PolicyType::VpcEndpoint, mistakes);
        }
        if let Some(place) = members.get("identity").filter(|place| !place.is_null()) {
            read.identity = Some(Some(self.documents(place, PolicyType::Identity, mistakes)));
        }
        if let Some(place) = members.get("boundary").filter(|place| !place.is_null()) {
            let boundary = self.document(place, PolicyType::PermissionsBoundary, mistakes);
            read.permissions_boundary = Some(boundary.into_iter().collect());
        }
        if let Some(place) = members.get("session").filter(|place| !place.is_null()) {
            read.session = Some(self.documents(place, PolicyType::Session, mistakes));
        }
        if let Some(place) = members.get("service_control").filter(|place| !place.is_null()) {
            read.service_control = Some(self.levels(place, PolicyType::ServiceControl, mistakes));
        }
        if let Some(place) = members.get("resource_control").filter(|place| !place.is_null()) {
            read.resource_control = Some(self.levels(place, PolicyType::ResourceControl, mistakes));
        }
        Some(read)
    }

    /// Lists of policies, root first, or one list, which is one level
    fn levels(
        &mut self,
        place: &Place<'_>,
        policy_type: PolicyType,
        mistakes: &mut Mistakes,
    ) -> Vec<Vec<PolicyDocument>> {
        let elements = place.one_or_more();
        let lists = elements.iter().filter(|element| element.is_list()).count();
        if elements.is_empty() {
            return Vec::new();
        }
        if lists == 0 {
            return vec![self.documents(place, policy_type, mistakes)];
        }
        if lists < elements.len() {
            place.expected("policies, or a list of them for each level", mistakes);
        }
        let levels = elements.iter();
        levels
            .map(|level| self.documents(level, policy_type, mistakes))
            .collect()
    }

    fn documents(
        &mut self,
        place: &Place<'_>,
        policy_type: PolicyType,
        mistakes: &mut Mistakes,
    ) -> Vec<PolicyDocument> {
        let elements = place.one_or_more();
        let documents = elements
            .iter()
            .filter_map(|element| self.document(element, policy_type, mistakes));
        documents.collect()
    }

    /// A policy: its file, or the document itself
    fn document(
        &mut self,
        place: &Place<'_>,
        policy_type: PolicyType,
        mistakes: &mut Mistakes,
    ) -> Option<PolicyDocument> {
        if place.is_mapping() {
            let text = place.json(mistakes).to_string();
            return match PolicyDocument::parse(&text, policy_type) {
                Ok(document) => Some(document),
                Err(error) => {
                    inline_findings(&error, place.spot(), mistakes);
                    None
                }
            };
        }
        let written = place.text(mistakes)?;
        let file = self.base.join(written);
        if !self.files.contains(&file) {
            self.files.push(file.clone());
        }
        let text = match read_file(&file) {
            Ok(text) => text,
            Err(_) if !file.exists() && text_file::is_document(written) => {
                let message =
                    format!("{NOT_A_PATH}; write it as a mapping (no quotes, no `|`), or put it into a file");
                mistakes.at(place.spot(), message);
                return None;
            }
            Err(message) => {
                mistakes.at(place.spot(), message);
                return None;
            }
        };
        match PolicyDocument::parse(&text, policy_type) {
            Ok(document) => Some(document),
            Err(error) => {
                for finding in error.findings() {
                    mistakes.add(in_file(&file, finding, &text));
                }
                None
            }
        }
    }
}

/// Records what is wrong with a document in the test file at the document's place: its own line numbers are those of a
/// text that nobody sees
fn inline_findings(error: &PolicyError, spot: &Spot, mistakes: &mut Mistakes) {
    for finding in error.findings() {
        let below = Spot {
            pointer: format!("{}{}", spot.pointer, finding.path),
            position: spot.position,
        };
        mistakes.at(&below, &*finding.message);
    }
}

fn in_file(file: &Path, finding: &Finding, text: &str) -> Problem {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let message = text_file::policy_message(finding, text);
    let problem = Problem {
        path: finding.path.clone(),
        ..Problem::in_file(file, message)
    };
    problem.at(Some(Position {
        line: number(finding.line),
        column: number(finding.column),
    }))
}

/// The text of a file, or why there is none
pub(super) fn read_file(file: &Path) -> Result<String, String> {
    read_text(&file.display().to_string(), File::open(file))
}

/// The text of an input that errors call `name`, or why there is none
pub(super) fn read_text(name: &str, input: io::Result<impl Read>) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = input.and_then(|input| input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("`{name}` cannot be read: {}", in_our_words(&error)))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!(
            "`{name}` cannot be read: it has more than {FILE_BYTES_MAX} bytes"
        ));
    }
    text_file::decode(bytes).map_err(|error| format!("`{name}` {error}"))
}

pub(super) const POLICIES_KEYS: [&str; 6] = [
    "vpc_endpoint",
    "identity",
    "boundary",
    "session",
    "service_control",
    "resource_control",
];

/// The same limit as for a configuration file
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
