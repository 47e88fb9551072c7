//! A call, read once: which operation, on which resource, and with which input.
//!
//! Authorisation comes before all other checks of a call, so a request whose input cannot be read is still a
//! [`Request`]: it says which resource the policies are evaluated for, and carries its mistakes for callers that are
//! allowed to see them. What is authorised is what is performed, because both are in one value.

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::{AccountId, Region};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    api::{
        Place,
        read::{Parts, document},
        requests::DetectAnomaliesRequest,
    },
    canned::PutRules,
    declared::find_model,
    detect_anomalies::{self, Caller, DetectAnomaliesInput, DetectAnomaliesOutput, Memory, Target},
    error::ServiceError,
    model::{ModelAddress, project_arn},
    operation::{AuthorizedOn, Operation},
    operations::Refused,
    routes::{Route, UnknownOperation},
    store::{Change, Declared, Named, View, idempotency::TokenKey, model::Model},
    work::{self, Image, Work},
};

/// A call as it came over the wire
#[derive(Clone, Copy)]
pub struct Received<'r> {
    /// The method
    pub method: &'r str,
    /// The request target, as it was received
    pub target: &'r str,
    /// The first value of a header field, when it is text
    pub header: &'r dyn Fn(&str) -> Option<&'r str>,
    /// The body
    pub body: &'r Bytes,
    /// SHA-256 of the body, if it is already computed
    pub body_sha256: Option<[u8; 32]>,
}

/// A call, read once and resolved against the state
#[derive(Debug, Clone)]
pub struct Request {
    route: Route,
    region: Region,
    /// When it was received
    received_at: Timestamp,
    subject: Subject,
    /// `ProjectName` and `ModelVersion` of the body, if they name the resource
    in_body: InBody,
    tags: Vec<(String, String)>,
    tag_keys: Vec<String>,
    work: Result<Work, ServiceError>,
}

/// What a call is about, with `latest` and the next version resolved
#[derive(Debug, Clone)]
struct Subject {
    /// The ARN; `None` means `*`
    resource: Option<Arc<str>>,
    model: Option<ModelAddress>,
    /// What the names of that model refer to; `None` for a model that is yet to be created
    named: Option<Named>,
    resource_tags: Option<Arc<BTreeMap<String, String>>>,
}

#[derive(Debug, Clone, Default)]
struct InBody {
    project_name: Option<String>,
    model_version: Option<String>,
}

/// How a call is performed
pub enum Performance {
    /// It reads the state
    Read(Read),
    /// It changes the state
    Change(ChangeRequest),
    /// It detects anomalies in an image
    Detect(Detect),
}

/// A call that reads the state
pub struct Read {
    perform: Arc<work::Reads>,
    version: Box<str>,
}

/// A call that changes the state
pub struct ChangeRequest {
    perform: Arc<work::Changes>,
    version: Box<str>,
    /// Its client token, if it has one
    pub token: Option<ClientToken>,
}

/// A call of DetectAnomalies
pub struct Detect {
    route: Route,
    model: ModelAddress,
    named: Named,
    received_at: Timestamp,
    image: Image,
}

/// A client token, with a fingerprint of its request
#[derive(Debug, Clone)]
pub struct ClientToken {
    /// Account, Region, operation and token
    pub key: TokenKey,
    /// SHA-256 of everything else in the request
    pub fingerprint: [u8; 32],
    /// The project that the call is about, for the refusal
    pub project_name: String,
}

impl Request {
    /// Reads method, target, header fields and body, and resolves what they name
    ///
    /// A body that cannot be read names no project, no version and no tags. Its mistake is reported when the call is
    /// performed, so only to a caller that is allowed to make the call.
    ///
    /// # Errors
    /// When no operation has this method and path.
    pub fn read(received: Received<'_>, view: &View<'_>) -> Result<Self, UnknownOperation> {
        let (path, query) = received.target.split_once('?').unwrap_or((received.target, ""));
        let route = Route::resolve(received.method, path)?;
        let operation = route.operation();
        let members = operation.request().members;
        let document = members
            .iter()
            .any(|member| member.place == Place::Body)
            .then(|| document(received.body, view.limits().body_values_max));
        let in_document = match &document {
            Some(Ok(members)) => members,
            _ => &Map::new(),
        };
        let in_body = InBody::of(operation, in_document);
        let tags = match members.iter().any(|member| member.name == "Tags") {
            true => tags_of(in_document),
            false => Vec::new(),
        };
        let tag_keys = match members
            .iter()
            .any(|member| member.place == Place::Query("tagKeys"))
        {
            true => form_urlencoded::parse(query.as_bytes())
                .filter(|(name, _)| name == "tagKeys")
                .map(|(_, key)| key.into_owned())
                .collect(),
            false => Vec::new(),
        };
        let subject = Subject::of(&route, &in_body, view);
        // The returned text lives longer than the parts.
        let header = |name: &str| (received.header)(name);
        let parts = Parts {
            route: &route,
            query,
            header: &header,
            document: document.as_ref(),
            body: received.body,
            body_sha256: received.body_sha256,
        };
        let work = operation.work(parts, subject.lenient(view));
        Ok(Self {
            route,
            region: view.region.clone(),
            received_at: view.now,
            subject,
            in_body,
            tags,
            tag_keys,
            work,
        })
    }

    /// The same call, with its names resolved again in this view
    #[must_use]
    pub fn resolved_anew(self, view: &View<'_>) -> Self {
        Self {
            subject: Subject::of(&self.route, &self.in_body, view),
            ..self
        }
    }

    /// Whether a call in between can take the version that this one was authorised on
    pub fn can_be_overtaken(&self) -> bool {
        self.operation().authorized_on() == AuthorizedOn::NextModel
    }

    /// The operation
    pub fn operation(&self) -> Operation {
        self.route.operation()
    }

    /// The Region of the call
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The project that it is about, if it names one
    pub fn project_name(&self) -> Option<&str> {
        let label = self.route.label("projectName");
        let named = label.or(self.in_body.project_name.as_deref());
        named.or_else(|| Some(project_and_version(self.resource()?)?.0))
    }

    /// The version of the model that it is about, with `latest` resolved
    pub fn model_version(&self) -> Option<&str> {
        let resolved = self.subject.model.as_ref().map(ModelAddress::version);
        resolved.or_else(|| project_and_version(self.resource()?)?.1)
    }

    /// The ARN that the policies are evaluated for, which may be malformed; `None` means `*`
    pub fn resource(&self) -> Option<&str> {
        self.subject.resource.as_deref()
    }

    /// The ARN, to be shared
    pub fn shared_resource(&self) -> Option<&Arc<str>> {
        self.subject.resource.as_ref()
    }

    /// The tags of the resource, as they were when the call was resolved
    pub fn resource_tags(&self) -> Option<&Arc<BTreeMap<String, String>>> {
        self.subject.resource_tags.as_ref()
    }

    /// The tags to add; malformed ones are refused when the call is performed
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// The keys of the tags to remove
    pub fn tag_keys(&self) -> &[String] {
        &self.tag_keys
    }

    /// How it is performed, on exactly the resource that it was authorised on
    ///
    /// # Errors
    /// When the request does not have the form of its structure or breaks constraints.
    pub fn into_performance(self, account_id: &AccountId) -> Result<Performance, ServiceError> {
        let Subject { model, named, .. } = self.subject;
        let version_of =
            |model: Option<ModelAddress>| model.as_ref().map_or("", ModelAddress::version).into();
        let operation = self.route.operation();
        Ok(match (self.work?, model, named) {
            (Work::Read(perform), model, _) => Performance::Read(Read {
                perform,
                version: version_of(model),
            }),
            (Work::Change { perform, token }, model, _) => Performance::Change(ChangeRequest {
                perform,
                version: version_of(model),
                token: token.map(|token| ClientToken::of(token, operation, account_id, &self.region)),
            }),
            (Work::Detect(image), Some(model), Some(named)) => Performance::Detect(Detect {
                route: self.route,
                model,
                named,
                received_at: self.received_at,
                image,
            }),
            // Not reached: the table authorises DetectAnomalies on the model in its path, so both are present.
            (Work::Detect(_), ..) => return Err(ServiceError::content_type_not_taken()),
        })
    }
}

impl Read {
    /// The body of the answer
    ///
    /// # Errors
    /// When the service refuses the call.
    pub fn perform(&self, view: &View<'_>) -> Result<Vec<u8>, ServiceError> {
        let named = work::Named {
            version: &self.version,
            fresh_name: "",
        };
        (self.perform)(view, named)
    }
}

impl ChangeRequest {
    /// Makes the change and returns the body of the answer; `fresh_name` is a name that nothing else has
    ///
    /// # Errors
    /// When the service refuses the call, or when the change would no longer affect what was authorised.
    pub fn perform(&self, change: &mut Change<'_>, fresh_name: &str) -> Result<String, Refused> {
        let named = work::Named {
            version: &self.version,
            fresh_name,
        };
        (self.perform)(change, named)
    }
}

impl Detect {
    /// Answers by the rules
    ///
    /// # Errors
    /// When the call is refused before a rule answers it.
    pub fn perform(
        &self,
        declared: &Declared,
        put: Option<&PutRules>,
        caller: Caller<'_>,
        memory: Memory<'_>,
    ) -> Result<DetectAnomaliesOutput, ServiceError> {
        let target = self.target(declared, put);
        let input = DetectAnomaliesInput {
            model: &self.model,
            request: DetectAnomaliesRequest {
                project_name: self.route.label("projectName"),
                model_version: self.route.label("modelVersion"),
                body: &self.image.body,
                content_type: self.image.content_type.as_deref(),
            },
            body_sha256: self.image.body_sha256,
            caller,
        };
        detect_anomalies::perform(&input, &target, memory)
    }

    /// The model that it is about
    pub fn model(&self) -> &ModelAddress {
        &self.model
    }

    /// Whether its answer may set a scenario, which is persisted first
    pub fn may_set_scenarios(&self, declared: &Declared, put: Option<&PutRules>) -> bool {
        self.target(declared, put).rules.set_scenarios()
    }

    fn target<'s>(&'s self, declared: &'s Declared, put: Option<&'s PutRules>) -> Target<'s> {
        Target::of(&self.named, declared, put, self.model.version(), self.received_at)
    }
}

impl Subject {
    fn of(route: &Route, in_body: &InBody, view: &View<'_>) -> Self {
        let (account_id, region) = (view.account_id(), view.region);
        let operation = route.operation();
        let label = |name: &str| route.label(name).unwrap_or_default();
        let project_name = label("projectName");
        let address = |version: &str| ModelAddress::new(account_id, region, project_name, version);
        let on = operation.authorized_on();
        let model = match on {
            AuthorizedOn::ModelInPath => {
                Some(address(view.resolve_version(project_name, label("modelVersion"))))
            }
            AuthorizedOn::NextModel => Some(address(&view.next_version(project_name).to_string())),
            AuthorizedOn::ModelInBody => {
                let requested = in_body.model_version.as_deref().unwrap_or_default();
                Some(address(view.resolve_version(project_name, requested)))
            }
            _ => None,
        };
        let project = |name: &str| Some(project_arn(account_id, region, name).into());
        let resource: Option<Arc<str>> = match on {
            AuthorizedOn::Everything => None,
            AuthorizedOn::ProjectInPath => project(project_name),
            AuthorizedOn::ProjectInBody => project(in_body.project_name.as_deref().unwrap_or_default()),
            AuthorizedOn::ArnInPath => Some(label("resourceArn").into()),
            AuthorizedOn::ModelInPath | AuthorizedOn::NextModel | AuthorizedOn::ModelInBody => {
                model.as_ref().map(|model| model.shared_arn().clone())
            }
        };
        // CreateModel is authorised on a model that does not exist yet and so has no tags.
        let existing = model.as_ref().filter(|_| on != AuthorizedOn::NextModel);
        let named = existing.map(|address| view.named(address.project_name(), address.version()));
        let tagged = match (&named, on) {
            (Some(named), _) => named.model.as_ref(),
            (None, AuthorizedOn::ArnInPath) => model_of_arn(view, label("resourceArn")),
            (None, _) => None,
        };
        Self {
            resource_tags: tagged.map(|model| model.tags.clone()),
            resource,
            model,
            named,
        }
    }

    /// The members that may break their constraints
    // Unlike on AWS, where every version is a number, a declared model answers under the name that it was given.
    fn lenient(&self, view: &View<'_>) -> &'static [&'static str] {
        let version = self.model.as_ref().map_or("", ModelAddress::version);
        let declaration = self
            .named
            .as_ref()
            .and_then(|named| named.declaration(view.declared()));
        match declaration.and_then(|project| find_model(project, version)) {
            Some(_) => &["ModelVersion"],
            None => &[],
        }
    }
}

impl InBody {
    fn of(operation: Operation, document: &Map<String, Value>) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        match operation.authorized_on() {
            AuthorizedOn::ProjectInBody => Self {
                project_name: text("ProjectName"),
                model_version: None,
            },
            AuthorizedOn::ModelInBody => Self {
                project_name: None,
                model_version: text("ModelVersion"),
            },
            _ => Self::default(),
        }
    }
}

impl ClientToken {
    fn of(token: work::Token, operation: Operation, account_id: &AccountId, region: &Region) -> Self {
        let work::Token {
            text,
            fingerprint,
            project_name,
        } = token;
        Self {
            key: TokenKey::new(account_id.as_str(), region.as_str(), operation.name(), &text),
            fingerprint,
            project_name,
        }
    }
}

/// The tags of a body; malformed ones are refused by the operation
fn tags_of(document: &Map<String, Value>) -> Vec<(String, String)> {
    let tags = document
        .get("Tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let text = |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).map(str::to_owned);
    tags.filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?)))
        .collect()
}

/// The project that an ARN names and, if it is the ARN of a model, the version
fn project_and_version(arn: &str) -> Option<(&str, Option<&str>)> {
    // `arn:partition:service:region:account:resource` (IAM User Guide, *IAM ARNs*)
    let resource = arn.splitn(6, ':').nth(5)?;
    match resource.split_once('/')? {
        ("project", name) => Some((name, None)),
        ("model", rest) => {
            let (name, version) = rest.split_once('/')?;
            Some((name, Some(version)))
        }
        _ => None,
    }
}

/// The model that an ARN names, if it is one of this account and Region
fn model_of_arn<'s>(view: &View<'s>, arn: &str) -> Option<&'s Arc<Model>> {
    // `arn:partition:service:region:account:resource` (IAM User Guide, *IAM ARNs*)
    let mut parts = arn.splitn(6, ':').skip(3);
    let (region, account_id, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let (project_name, version) = resource.strip_prefix("model/")?.split_once('/')?;
    let is_here = account_id == view.account_id().as_str() && region == view.region.as_str();
    is_here.then(|| view.model(project_name, version)).flatten()
}

#[cfg(test)]
mod tests;
