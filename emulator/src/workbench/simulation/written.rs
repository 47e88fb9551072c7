//! A question as it is written: a request, and the policies that decide it.
//!
//! Policies are kept as text until the crate for policies reads them, so that repeated keys are noticed. The context is
//! bounded, because every condition of every policy may look at all of it.

use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr};

use aws_identifiers::AccountId;
use client_text::json::{Object, pointer};
use iam_policy::{Action, Policies, PolicyDocument, PolicyError, PolicyType, Principal, Request, Resource};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use self::context::Context;
use crate::{authorization::Question, services::vocabulary, workbench::callers::with_role};

mod context;

/// A line that was understood; its policies are not read yet
pub(crate) struct WrittenQuestion<'a> {
    /// The asker's own id for it
    pub(crate) id: Option<&'a RawValue>,
    request: WrittenRequest,
    policies: WrittenPolicies<'a>,
}

/// Why a line is not a question
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    /// JSON Pointer into the line
    pub(crate) path: String,
    /// Counted from 1, in bytes; `None` for the line as a whole
    pub(crate) column: Option<usize>,
    /// Counted from 1, for a question that is written on several lines
    pub(crate) line: usize,
}

/// A policy that AWS would not evaluate
#[derive(Debug)]
pub(crate) struct Refusal {
    /// JSON Pointer of the document in the line
    pub(crate) policy: String,
    pub(crate) error: PolicyError,
}

/// The policies of a line, read
#[derive(Default)]
pub(crate) struct ReadPolicies {
    vpc_endpoint: Option<PolicyDocument>,
    identity: Option<Vec<PolicyDocument>>,
    boundary: Vec<PolicyDocument>,
    session: Vec<PolicyDocument>,
    scp: Vec<Vec<PolicyDocument>>,
    rcp: Vec<Vec<PolicyDocument>>,
    role_trust: Option<PolicyDocument>,
}

struct WrittenLine<'a> {
    id: Option<&'a RawValue>,
    policies: Object<WrittenPolicies<'a>>,
    request: Object<WrittenRequest>,
}

impl<'de: 'a, 'a> Deserialize<'de> for WrittenLine<'a> {
    /// Does what a derived reader would do, except that members whose name begins with `x-` are the asker's own and
    /// ignored
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LineVisitor;

        impl<'de> Visitor<'de> for LineVisitor {
            type Value = WrittenLine<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<WrittenLine<'de>, M::Error> {
                let (mut id, mut policies, mut request) = (None, None, None);
                while let Some(key) = members.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "id" => once("id", &mut id, &mut members)?,
                        "policies" => once("policies", &mut policies, &mut members)?,
                        "request" => once("request", &mut request, &mut members)?,
                        own if own.starts_with("x-") => {
                            members.next_value::<IgnoredAny>()?;
                        }
                        // Reported while the value is read, so that the path leads to the member.
                        unknown => members.next_value_seed(Unknown(unknown))?,
                    }
                }
                Ok(WrittenLine {
                    id: id.flatten(),
                    policies: policies.ok_or_else(|| M::Error::missing_field("policies"))?,
                    request: request.ok_or_else(|| M::Error::missing_field("request"))?,
                })
            }
        }

        deserializer.deserialize_map(LineVisitor)
    }
}

/// A member with an unknown name
struct Unknown<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Unknown<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(D::Error::unknown_field(self.0, &["id", "policies", "request"]))
    }
}

fn once<'de, T: Deserialize<'de>, M: MapAccess<'de>>(
    name: &'static str,
    value: &mut Option<T>,
    members: &mut M,
) -> Result<(), M::Error> {
    if value.is_some() {
        return Err(M::Error::duplicate_field(name));
    }
    *value = Some(members.next_value()?);
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenRequest {
    #[serde(deserialize_with = "parsed")]
    principal: Principal,
    #[serde(deserialize_with = "known_action")]
    action: Action,
    #[serde(deserialize_with = "parsed")]
    resource: Resource,
    resource_account: Option<AccountId>,
    #[serde(default)]
    context: Context,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenPolicies<'a> {
    #[serde(borrow)]
    vpc_endpoint: Option<&'a RawValue>,
    #[serde(borrow)]
    identity: Option<List<&'a RawValue>>,
    #[serde(borrow)]
    boundary: Option<List<&'a RawValue>>,
    #[serde(borrow)]
    session: Option<List<&'a RawValue>>,
    #[serde(borrow)]
    scp: Option<Levels<'a>>,
    #[serde(borrow)]
    rcp: Option<Levels<'a>>,
    #[serde(borrow)]
    role_trust: Option<&'a RawValue>,
}

/// A list, which messages call so when something else is found
struct List<T>(Vec<T>);

/// A list of documents, which is one level, or a list of lists, root first
enum Levels<'a> {
    One(Vec<&'a RawValue>),
    Several(Vec<Vec<&'a RawValue>>),
}

impl<'a> WrittenQuestion<'a> {
    /// Reads a line
    pub(crate) fn read(line: &'a str) -> Result<Self, Mistake> {
        let mut json = serde_json::Deserializer::from_slice(line.as_bytes());
        let read: Result<Object<WrittenLine<'_>>, _> = serde_path_to_error::deserialize(&mut json);
        let Object(WrittenLine {
            id,
            policies: Object(policies),
            request: Object(request),
        }) = read.map_err(|error| Mistake::at(pointer(error.path()), error.inner()))?;
        json.end().map_err(|error| Mistake::at(String::new(), &error))?;
        Ok(Self {
            id,
            request: request.with_the_role_of_its_context(),
            policies,
        })
    }

    /// The question that these policies are asked
    pub(crate) fn question<'q>(&'q self, policies: &'q ReadPolicies) -> Question<'q> {
        let WrittenRequest {
            principal,
            action,
            resource,
            resource_account,
            context: Context(context),
        } = &self.request;
        let request = Request {
            principal,
            action,
            resource,
            resource_account: resource_account.as_ref().map(AccountId::as_str),
            context,
        };
        Question {
            policies: policies.policies(),
            request,
        }
    }

    /// Reads the policies as AWS evaluates documents that it already stores
    pub(crate) fn policies(&self) -> Result<ReadPolicies, Refusal> {
        let written = &self.policies;
        let list = |list: &Option<List<&RawValue>>, name: &str, policy_type| {
            let documents = list.as_ref().map(|List(documents)| documents);
            documents
                .map(|documents| read_list(documents, &format!("/policies/{name}"), policy_type))
                .transpose()
        };
        let levels = |levels: &Option<Levels<'_>>, name: &str, policy_type| match levels {
            None => Ok(Vec::new()),
            Some(levels) => read_levels(levels, &format!("/policies/{name}"), policy_type),
        };
        let vpc_endpoint = written
            .vpc_endpoint
            .map(|raw| read_policy(raw, "/policies/vpcEndpoint", PolicyType::VpcEndpoint));
        let role_trust = written
            .role_trust
            .map(|raw| read_policy(raw, "/policies/roleTrust", PolicyType::RoleTrust));
        Ok(ReadPolicies {
            vpc_endpoint: vpc_endpoint.transpose()?,
            identity: list(&written.identity, "identity", PolicyType::Identity)?,
            boundary: list(&written.boundary, "boundary", PolicyType::PermissionsBoundary)?
                .unwrap_or_default(),
            session: list(&written.session, "session", PolicyType::Session)?.unwrap_or_default(),
            scp: levels(&written.scp, "scp", PolicyType::ServiceControl)?,
            rcp: levels(&written.rcp, "rcp", PolicyType::ResourceControl)?,
            role_trust: role_trust.transpose()?,
        })
    }
}

impl WrittenRequest {
    /// Adds the path of its role to a session, whose own ARN leaves it out, if the context has the role's ARN
    fn with_the_role_of_its_context(mut self) -> Self {
        if let ([role], Principal::Identity(session)) =
            (self.context.0.values("aws:PrincipalArn"), &self.principal)
        {
            self.principal = Principal::Identity(with_role(session.clone(), role));
        }
        self
    }
}

/// The id of a line that is not a question, if it has one
pub(crate) fn id_of(line: &str) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let read: Result<Object<Identified<'_>>, _> = serde_json::from_slice(line.as_bytes());
    read.ok().and_then(|Object(Identified { id })| id)
}

impl ReadPolicies {
    fn policies(&self) -> Policies<'_> {
        Policies {
            vpc_endpoint: self.vpc_endpoint.as_ref(),
            identity: self.identity.as_deref(),
            permissions_boundary: &self.boundary,
            session: &self.session,
            service_control: &self.scp,
            resource_control: &self.rcp,
            role_trust: self.role_trust.as_ref(),
        }
    }
}

impl Mistake {
    /// The line as a whole is wrong
    pub(crate) fn of_line(message: String) -> Self {
        Self {
            message,
            path: String::new(),
            column: None,
            line: 1,
        }
    }

    fn at(path: String, error: &serde_json::Error) -> Self {
        // The place is given separately, and for serde the line is always the first.
        let place = format!(" at line {} column {}", error.line(), error.column());
        let told = error.to_string();
        let told = told.strip_suffix(&place).unwrap_or(&told);
        Self {
            message: if error.is_data() {
                told.to_owned()
            } else {
                let hint = match error.is_eof() {
                    true => {
                        "; a line is one whole JSON object: `jq -c .` puts a pretty-printed one on one line"
                    }
                    false => "",
                };
                format!("not JSON: {told}{hint}")
            },
            path,
            column: Some(error.column()).filter(|column| *column > 0),
            line: error.line().max(1),
        }
    }
}

fn read_policy(raw: &RawValue, place: &str, policy_type: PolicyType) -> Result<PolicyDocument, Refusal> {
    PolicyDocument::parse_stored(raw.get(), policy_type).map_err(|error| Refusal {
        policy: place.to_owned(),
        error,
    })
}

fn read_list(
    documents: &[&RawValue],
    place: &str,
    policy_type: PolicyType,
) -> Result<Vec<PolicyDocument>, Refusal> {
    let read = |(index, raw): (usize, &&RawValue)| read_policy(raw, &format!("{place}/{index}"), policy_type);
    documents.iter().enumerate().map(read).collect()
}

fn read_levels(
    levels: &Levels<'_>,
    place: &str,
    policy_type: PolicyType,
) -> Result<Vec<Vec<PolicyDocument>>, Refusal> {
    match levels {
        // An empty list stands for no level, and not for a level that allows nothing.
        Levels::One(documents) if documents.is_empty() => Ok(Vec::new()),
        Levels::One(documents) => Ok(vec![read_list(documents, place, policy_type)?]),
        Levels::Several(levels) => {
            let read = |(index, level): (usize, &Vec<&RawValue>)| {
                read_list(level, &format!("{place}/{index}"), policy_type)
            };
            levels.iter().enumerate().map(read).collect()
        }
    }
}

/// Reads an action that exists: no policy would allow a misspelt one, and a test of it would mean nothing
fn known_action<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Action, D::Error> {
    let action = parsed(deserializer)?;
    vocabulary::check_action(&action).map_err(D::Error::custom)?;
    Ok(action)
}

/// Reads a text and parses it
pub(crate) fn parsed<'de, T: FromStr<Err: fmt::Display>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of policies")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = elements.next_element()? {
                    list.push(element);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Levels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let List(elements) = List::<&'a RawValue>::deserialize(deserializer)?;
        let is_level = |element: &&RawValue| element.get().starts_with('[');
        if !elements.iter().any(is_level) {
            return Ok(Self::One(elements));
        }
        if !elements.iter().all(is_level) {
            return Err(D::Error::custom(
                "expected policies or lists of policies, found both in one list",
            ));
        }
        let levels = elements
            .into_iter()
            .map(|level| serde_json::from_slice(level.get().as_bytes()));
        levels
            .collect::<Result<_, _>>()
            .map(Self::Several)
            .map_err(D::Error::custom)
    }
}
