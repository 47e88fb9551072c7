//! Saved entries of a journal, one JSON object per line, as `GET /requests` returns them for `Accept:
//! application/x-ndjson`.
//!
//! An entry names the policies that were consulted, but does not have their texts. It has the decision of each of their
//! layers, though, so a call can be put to another policy of one layer while the other layers keep their decisions.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use aws_identifiers::{Region, VpcEndpointId};
use client_text::json::pointer;
use iam_policy::{DecidedBy, Decision, Identity, Layer, LayerDecision, PolicyDocument, PolicyType, Resource};
use jiff::Timestamp;
use lookoutvision::operation::Operation;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use uuid::Uuid;

use crate::{
    authorization::{Changes, PolicyChanges, RequestTags, SupposedCall, Verdict},
    identity::Principal,
    workbench::{
        CallerName, EntryPointName, OperationName, Scene, Subject, callers::with_role, simulation::parsed,
    },
};

/// A call of a saved entry
#[derive(Debug)]
pub(crate) struct SavedCall {
    pub(super) request_id: Uuid,
    pub(super) time: Timestamp,
    pub(super) principal: Arc<Principal>,
    pub(super) vpc_endpoint_id: VpcEndpointId,
    pub(super) decision: Decision,
    pub(super) decided_by: Option<DecidedBy>,
    pub(super) document_sha256: Option<Arc<str>>,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) call: SupposedCall,
    /// The condition keys as they were evaluated
    context: Vec<(String, Vec<String>)>,
    /// Policies that give each layer the decision that it had about this call
    policies: PolicyChanges,
}

/// The parts of a saved entry that are read, for a call that policies decided
#[derive(Debug, Deserialize)]
pub(crate) struct SavedEntry {
    request_id: Uuid,
    time: Timestamp,
    #[serde(deserialize_with = "parsed")]
    principal: Identity,
    role_arn: Option<String>,
    entry_point: SavedEntryPoint,
    source_ip: IpAddr,
    operation: String,
    action: String,
    resource: String,
    decision: Decision,
    decided_by: Option<SavedDecidedBy>,
    pairs: Vec<SavedPair>,
    /// The decision of each layer, for each pair
    layers: Vec<Vec<LayerDecision>>,
    context: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct SavedEntryPoint {
    vpc_endpoint_id: VpcEndpointId,
}

#[derive(Debug, Deserialize)]
struct SavedDecidedBy {
    #[serde(flatten)]
    by: DecidedBy,
    document_sha256: Option<Arc<str>>,
}

#[derive(Debug, Deserialize)]
struct SavedPair {
    action: String,
}

/// Why a line is not an entry of a journal
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntryMistake {
    /// JSON Pointer; empty for the line as a whole
    path: String,
    /// Counted from 1; `None` unless the JSON itself is wrong
    column: Option<usize>,
    message: String,
}

/// The parts that tell whether a line is an entry that other policies can be asked about
#[derive(Debug, Deserialize)]
struct Sketch {
    service: String,
    decision: Option<Decision>,
    entry_point: Option<SketchedEntryPoint>,
}

#[derive(Debug, Deserialize)]
struct SketchedEntryPoint {
    vpc_endpoint_id: Option<String>,
}

impl SavedEntry {
    /// Reads a line; `None`: the entry is of a request that came over no endpoint, or that no policy decided
    ///
    /// # Errors
    /// When the line is not an entry of a journal.
    pub(crate) fn read(line: &str) -> Result<Option<Self>, EntryMistake> {
        let sketch: Sketch = EntryMistake::within(line)?;
        let is_over_an_endpoint = sketch
            .entry_point
            .is_some_and(|entry_point| entry_point.vpc_endpoint_id.is_some());
        if sketch.service != "lookoutvision" || sketch.decision.is_none() || !is_over_an_endpoint {
            return Ok(None);
        }
        EntryMistake::within(line).map(Some)
    }

    /// The endpoint that the call came over
    pub(crate) fn vpc_endpoint_id(&self) -> &VpcEndpointId {
        &self.entry_point.vpc_endpoint_id
    }

    /// The account of the resource, as far as it mattered for the decision
    pub(crate) fn account(&self) -> String {
        let caller = self.principal.account();
        let is_foreign = self
            .layers()
            .any(|(_, by)| by.layer == Layer::ResourceBased && !by.decision.is_allowed());
        if !is_foreign {
            return caller.to_owned();
        }
        let of_resource = self.resource.split(':').nth(4).unwrap_or_default();
        match of_resource.is_empty() || of_resource == caller {
            // Any account but the caller's will do: that they differ is what decided.
            true if caller == NO_ACCOUNT => "000000000001".to_owned(),
            true => NO_ACCOUNT.to_owned(),
            false => of_resource.to_owned(),
        }
    }

    /// Whether the decisions of the policies are kept; an entry that was cut does not have them
    pub(crate) fn is_whole(&self) -> bool {
        let are_there = self.layers.iter().all(|layers| !layers.is_empty());
        !self.pairs.is_empty() && self.pairs.len() == self.layers.len() && are_there
    }

    fn layers(&self) -> impl Iterator<Item = (&SavedPair, LayerDecision)> {
        let pairs = self.pairs.iter().zip(&self.layers);
        pairs.flat_map(|(pair, layers)| layers.iter().map(move |by| (pair, *by)))
    }

    /// The call, in a scene of [`account`](Self::account) that has the endpoint and accepts any caller
    ///
    /// # Errors
    /// When the entry says something that no emulator writes.
    pub(crate) fn into_call(self, scene: &Scene) -> Result<SavedCall, EntryMistake> {
        let policies = self.policies()?;
        let operation = self.operation.parse::<OperationName>();
        let operation = operation.map_err(EntryMistake::at("/operation"))?.operations;
        let no_operation = || EntryMistake::at("/operation")("the entry has no operation");
        let operation: Operation = operation.first().copied().ok_or_else(no_operation)?;
        let resource: Resource = self.resource.parse().map_err(EntryMistake::at("/resource"))?;
        let region = self
            .context
            .get("aws:RequestedRegion")
            .and_then(|values| values.first());
        let no_region = || EntryMistake::at("/context")("the entry has no `aws:RequestedRegion`");
        let region: Region = region
            .ok_or_else(no_region)?
            .parse()
            .map_err(EntryMistake::at("/context/aws:RequestedRegion/0"))?;
        let principal = match &self.role_arn {
            Some(role) => with_role(self.principal, role),
            None => self.principal,
        };
        let caller = scene.caller(&CallerName::Arn(principal));
        let caller = caller.map_err(EntryMistake::at("/principal"))?;
        let entry_point = EntryPointName::VpcEndpoint(self.entry_point.vpc_endpoint_id.clone());
        let entry_point = scene.entry_point(&entry_point, Some(&region));
        let (entry_point, region) = entry_point.map_err(EntryMistake::at("/entry_point/vpc_endpoint_id"))?;
        let tags = self
            .context
            .keys()
            .filter_map(|key| key.strip_prefix("aws:RequestTag/"));
        let tags = RequestTags {
            tags: tags.map(|tag| (tag.to_owned(), String::new())).collect(),
            keys: Vec::new(),
        };
        let subject = Subject { resource, tags: None };
        let principal = caller.principal.clone();
        let call = scene.call_with_tags(
            caller,
            entry_point,
            &region,
            operation,
            &subject,
            &tags,
            self.source_ip,
        );
        let mut context: Vec<(String, Vec<String>)> = self.context.into_iter().collect();
        let absent: Vec<String> = call
            .context_keys()
            .into_iter()
            .filter(|key| !context.iter().any(|(known, _)| known == key))
            .collect();
        context.extend(absent.into_iter().map(|key| (key, Vec::new())));
        let (decided_by, document_sha256) = match self.decided_by {
            Some(SavedDecidedBy { by, document_sha256 }) => (Some(by), document_sha256),
            None => (None, None),
        };
        Ok(SavedCall {
            request_id: self.request_id,
            time: self.time,
            principal,
            vpc_endpoint_id: self.entry_point.vpc_endpoint_id,
            decision: self.decision,
            decided_by,
            document_sha256,
            action: self.action,
            resource: self.resource,
            call,
            context,
            policies,
        })
    }

    /// Policies whose layers repeat the decision that they had about each action
    fn policies(&self) -> Result<PolicyChanges, EntryMistake> {
        let one = |layer, policy_type| self.policy(layer, policy_type);
        let list = |layer, policy_type| one(layer, policy_type).map(|found| found.into_iter().collect());
        let level = |layer, policy_type| {
            let found = one(layer, policy_type);
            found.map(|found| found.into_iter().map(|document| vec![document]).collect())
        };
        Ok(PolicyChanges {
            vpc_endpoint: one(Layer::VpcEndpoint, PolicyType::VpcEndpoint)?,
            identity: Some(one(Layer::Identity, PolicyType::Identity)?.map(|document| vec![document])),
            permissions_boundary: Some(list(Layer::PermissionsBoundary, PolicyType::PermissionsBoundary)?),
            session: Some(list(Layer::Session, PolicyType::Session)?),
            service_control: Some(level(Layer::ServiceControl, PolicyType::ServiceControl)?),
            resource_control: Some(level(Layer::ResourceControl, PolicyType::ResourceControl)?),
        })
    }

    /// A document that repeats the layer's decision about each action; `None`: the layer had no say
    fn policy(&self, layer: Layer, policy_type: PolicyType) -> Result<Option<PolicyDocument>, EntryMistake> {
        let mut statements = Vec::new();
        for (pair, by) in self.layers().filter(|(_, by)| by.layer == layer) {
            let (effect, action) = match by.decision {
                Decision::Allowed => ("Allow", pair.action.as_str()),
                Decision::ExplicitDeny => ("Deny", pair.action.as_str()),
                // A document needs a statement; this one is about an action that nobody calls.
                Decision::ImplicitDeny => ("Allow", "lookoutvision-emulator:Nothing"),
            };
            let mut statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
            if let Some(members) = statement.as_object_mut().filter(|_| policy_type.has_principal()) {
                members.insert("Principal".to_owned(), "*".into());
            }
            statements.push(statement);
        }
        if statements.is_empty() {
            return Ok(None);
        }
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let document = PolicyDocument::parse_stored(&text, policy_type);
        document.map(Some).map_err(EntryMistake::at("/pairs"))
    }
}

impl EntryMistake {
    /// Reads a line's JSON
    fn within<T: DeserializeOwned>(line: &str) -> Result<T, Self> {
        let mut json = serde_json::Deserializer::from_str(line);
        let read = serde_path_to_error::deserialize(&mut json);
        let value = read.map_err(|error| Self::of_json(pointer(error.path()), error.inner()))?;
        json.end().map_err(|error| Self::of_json(String::new(), &error))?;
        Ok(value)
    }

    fn of_json(path: String, error: &serde_json::Error) -> Self {
        // serde counts within the line, which is always its first, so the message names no line.
        let place = format!(" at line {} column {}", error.line(), error.column());
        let told = error.to_string();
        Self {
            message: told.strip_suffix(&place).unwrap_or(&told).to_owned(),
            path,
            column: Some(error.column()).filter(|column| *column > 0),
        }
    }

    /// What is wrong with the value at a JSON Pointer
    pub(crate) fn at<E: fmt::Display>(path: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self {
            path: path.to_owned(),
            column: None,
            message: error.to_string(),
        }
    }

    /// The mistake, for an entry that is an element of an array
    pub(crate) fn in_element(self, index: usize) -> Self {
        Self {
            path: format!("/{index}{}", self.path),
            // It was counted from the start of the entry.
            column: None,
            ..self
        }
    }

    /// The message about the mistake in a file, at a line counted from 1
    pub(crate) fn told_in(&self, file: &str, line: usize) -> String {
        let column = self
            .column
            .map_or_else(String::new, |column| format!("{column}:"));
        let path = match self.path.as_str() {
            "" => String::new(),
            path => format!("{path}: "),
        };
        format!(
            "{file}:{line}:{column} {path}this is no entry of a journal: {}",
            self.message
        )
    }
}

impl SavedCall {
    /// The network that it came from
    pub(super) fn vpc_id(&self) -> Option<&str> {
        let (_, values) = self.context.iter().find(|(key, _)| key == "aws:SourceVpc")?;
        values.first().map(String::as_str)
    }

    /// Calls `look` with what would be decided with these policies in place of those of their layers
    pub(super) fn decide<T>(&self, policies: &PolicyChanges, look: impl FnOnce(&Verdict<'_>) -> T) -> T {
        let policies = policies.clone().or(&self.policies);
        let changes = Changes {
            context: &self.context,
            policies: Some(&policies),
        };
        look(&self.call.decide(changes))
    }
}

/// An account that nobody has
const NO_ACCOUNT: &str = "000000000000";
