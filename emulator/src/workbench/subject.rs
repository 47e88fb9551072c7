//! Operations and resources, as people name them.
//!
//! An operation is authorised on what the service's table says ([`AuthorizedOn`]). A resource that no call of the
//! operation could be about is a mistake and not a question, because the answer would say nothing about any request.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use aws_identifiers::{ModelVersion, ProjectName, Region};
use client_text::spelling;
use iam_policy::{Arn, Resource};
use lookoutvision::{
    model::{model_arn, project_arn},
    operation::{AuthorizedOn, Operation},
    store::View,
};

/// Operations: one, or all that a pattern covers
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperationName {
    /// One, or several that a pattern covers
    pub(crate) operations: Vec<Operation>,
    /// Whether a pattern names them; then each operation is asked about those of the named resources that it is
    /// authorised on
    pub(crate) is_pattern: bool,
}

/// A resource
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubjectName {
    kind: Kind,
    /// The Region and the account, if the resource is a whole ARN
    place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Everything,
    Project(ProjectName),
    Model(ProjectName, Version),
}

/// A model's version, as a call may name it
#[derive(Debug, Clone, PartialEq, Eq)]
enum Version {
    /// The version with the highest number
    Latest,
    Is(ModelVersion),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    arn: Arn,
    region: Region,
}

/// A resource that a call is about, with its tags
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) resource: Resource,
    pub(crate) tags: Option<Arc<BTreeMap<String, String>>>,
}

impl FromStr for OperationName {
    type Err = String;

    /// `DetectAnomalies`, `lookoutvision:DetectAnomalies`, `lookoutvision:*`, `lookoutvision:Delete*`
    fn from_str(text: &str) -> Result<Self, String> {
        let name = match text.split_once(':') {
            None => text,
            Some((service, name)) if service.eq_ignore_ascii_case("lookoutvision") => name,
            Some(_) => {
                return Err(format!(
                    "`{text}` is no action of Lookout for Vision; calls of other services have condition keys of their \
                     own, which only `policy simulate` can be given"
                ));
            }
        };
        if name.contains(['*', '?']) {
            let operations: Vec<Operation> = Operation::ALL
                .into_iter()
                .filter(|operation| matches(name, operation.name()))
                .collect();
            if operations.is_empty() {
                return Err(format!("`{text}` covers no operation of Lookout for Vision"));
            }
            return Ok(Self {
                operations,
                is_pattern: true,
            });
        }
        let known = Operation::ALL.map(Operation::name);
        // IAM User Guide, *Action*: names are not case-sensitive.
        match Operation::ALL
            .into_iter()
            .find(|operation| operation.name().eq_ignore_ascii_case(name))
        {
            Some(operation) => Ok(Self {
                operations: vec![operation],
                is_pattern: false,
            }),
            None => Err(match spelling::meant(name, &known) {
                Some(meant) => format!("no operation is called `{name}`; did you mean `{meant}`?"),
                None => format!("no operation of Lookout for Vision is called `{name}`"),
            }),
        }
    }
}

impl FromStr for SubjectName {
    type Err = String;

    /// `*`, `project/NAME`, `model/NAME/VERSION`, or the ARN of one of them
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with("arn:") {
            return Ok(Self {
                kind: text.parse()?,
                place: None,
            });
        }
        let arn: Arn = text.parse().map_err(|error| format!("{error}"))?;
        if arn.service() != "lookoutvision" {
            return Err(format!("`{text}` is no resource of Lookout for Vision"));
        }
        let region = arn.region().parse().map_err(|_| {
            format!(
                "`{text}` is no resource of Lookout for Vision: its Region is `{}`",
                arn.region()
            )
        })?;
        Ok(Self {
            kind: arn.resource().parse()?,
            place: Some(Place { arn, region }),
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = |name: &str| name.parse().map_err(|error| format!("{error}"));
        match text.split_once('/') {
            None if text == "*" => Ok(Self::Everything),
            Some(("project", project)) => Ok(Self::Project(name(project)?)),
            Some(("model", model)) => {
                let Some((project, version)) = model.split_once('/') else {
                    return Err(format!("`{text}` has no version: `model/{model}/VERSION`"));
                };
                if version == "latest" {
                    return Ok(Self::Model(name(project)?, Version::Latest));
                }
                let is_pattern = version.contains(['*', '?']);
                let version = version.parse().map_err(|error| match is_pattern {
                    true => format!("`{text}` is a pattern; a call is about one model"),
                    false => format!("{error}"),
                })?;
                Ok(Self::Model(name(project)?, Version::Is(version)))
            }
            _ => Err(format!(
                "`{text}` is none of `project/NAME`, `model/NAME/VERSION`, their ARNs, and `*`"
            )),
        }
    }
}

impl SubjectName {
    /// The Region, if a whole ARN tells it
    pub(crate) fn region(&self) -> Option<&Region> {
        self.place.as_ref().map(|place| &place.region)
    }

    /// The account, if a whole ARN tells it
    pub(crate) fn account(&self) -> Option<&str> {
        self.place.as_ref().map(|place| place.arn.account())
    }
}

/// The resources that calls of an operation are about, out of the named ones; without a name, all that exist
///
/// # Errors
/// When no call of the operation could be about that, or nothing exists that one could be about.
pub(super) fn subjects(
    view: &View<'_>,
    operation: Operation,
    name: Option<&SubjectName>,
    is_pattern: bool,
) -> Result<Vec<Subject>, String> {
    let calls = Calls { view, operation };
    if let Some(SubjectName {
        kind,
        place: Some(place),
    }) = name
    {
        if operation.authorized_on() == AuthorizedOn::ArnInPath {
            // The ARN is in the call itself, so it may be any.
            return Ok(vec![calls.of_arn(kind, place)]);
        }
        check_place(view, place)?;
    }
    let kind = name.map(|name| &name.kind);
    match operation.authorized_on() {
        AuthorizedOn::Everything => match kind {
            None | Some(Kind::Everything) => Ok(vec![Subject::everything()]),
            Some(_) if is_pattern => Ok(vec![Subject::everything()]),
            Some(_) => Err(format!(
                "{operation} is authorised on `*`, whatever it is about: leave `resource` out"
            )),
        },
        AuthorizedOn::ProjectInPath | AuthorizedOn::ProjectInBody => match kind {
            None => calls.found(calls.projects(), "project", "project/NAME"),
            Some(Kind::Project(project)) => Ok(vec![calls.project(project.as_str())]),
            Some(Kind::Model(project, _)) if is_pattern => Ok(vec![calls.project(project.as_str())]),
            Some(Kind::Everything) if is_pattern => Ok(calls.projects()),
            Some(_) => Err(calls.other_type("a project, `project/NAME`")),
        },
        AuthorizedOn::ModelInPath | AuthorizedOn::ModelInBody => match kind {
            None => calls.found(calls.models(None), "model", "model/NAME/VERSION"),
            Some(Kind::Model(project, version)) => Ok(vec![calls.model(project.as_str(), version.as_str())]),
            Some(Kind::Project(project)) if is_pattern => Ok(calls.models(Some(project.as_str()))),
            Some(Kind::Everything) if is_pattern => Ok(calls.models(None)),
            Some(_) => Err(calls.other_type("a model, `model/NAME/VERSION`")),
        },
        AuthorizedOn::NextModel => match kind {
            None => calls.found(calls.next_models(), "project", "project/NAME"),
            Some(Kind::Project(project)) => Ok(vec![calls.next_model(project.as_str())]),
            // The number of a new version depends on those that exist by then.
            Some(Kind::Model(project, version)) => {
                Ok(vec![calls.new_model(project.as_str(), version.as_str())])
            }
            Some(Kind::Everything) if is_pattern => Ok(calls.next_models()),
            Some(Kind::Everything) => {
                Err(calls.other_type("the model that it makes, `project/NAME` or `model/NAME/VERSION`"))
            }
        },
        AuthorizedOn::ArnInPath => match kind {
            None => calls.found(calls.models(None), "model", "model/NAME/VERSION"),
            Some(Kind::Model(project, version)) => Ok(vec![calls.tagged(project.as_str(), version.as_str())]),
            Some(Kind::Project(project)) => Ok(vec![calls.project(project.as_str())]),
            Some(Kind::Everything) if is_pattern => Ok(calls.models(None)),
            Some(Kind::Everything) => {
                Err(calls.other_type("the resource whose tags they are, `model/NAME/VERSION`"))
            }
        },
    }
}

/// A note about a resource that does not exist: policies decide calls about it, and then the server answers that it was
/// not found. `None`: it exists, the operation creates it, or it belongs to another account or Region.
pub(super) fn undeclared(view: &View<'_>, operation: Operation, subject: &Subject) -> Option<String> {
    let Resource::Arn(arn) = &subject.resource else {
        return None;
    };
    let is_here = arn.account() == view.account_id().as_str() && arn.region() == view.region.as_str();
    if !is_here || operation == Operation::CreateProject {
        return None;
    }
    let mut parts = arn.resource().splitn(3, '/').skip(1);
    let project = parts.next()?;
    let projects = view.projects();
    let Some(found) = projects.iter().find(|found| *found.name == *project) else {
        let names: Vec<&str> = projects.iter().map(|project| &*project.name).collect();
        let meant = spelling::meant(project, &names);
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        return Some(format!(
            "no project `{project}` is declared in {}{meant}",
            view.region
        ));
    };
    let version = parts.next()?;
    let makes_model = operation.authorized_on() == AuthorizedOn::NextModel;
    let is_known = found.models_at(view.now).any(|model| *model.version == *version);
    (!makes_model && !is_known).then(|| {
        format!(
            "the project `{project}` declares no model `{version}` in {}",
            view.region
        )
    })
}

/// Checks that calls are authorised on ARNs of this Region and account
fn check_place(view: &View<'_>, Place { arn, region }: &Place) -> Result<(), String> {
    if region != view.region {
        return Err(format!(
            "the resource's Region is {region}, and the call goes to {}",
            view.region
        ));
    }
    let partition = lookoutvision::model::partition(view.region);
    if arn.partition() != partition {
        return Err(format!(
            "the resource's partition is `{}`, and that of {region} is `{partition}`",
            arn.partition()
        ));
    }
    if arn.account() != view.account_id().as_str() {
        return Err(format!(
            "the resource's account is {}, and everything that is called belongs to {}",
            arn.account(),
            view.account_id()
        ));
    }
    Ok(())
}

/// The resources that calls of one operation can be about, in one Region
struct Calls<'v> {
    view: &'v View<'v>,
    operation: Operation,
}

impl Calls<'_> {
    fn projects(&self) -> Vec<Subject> {
        let projects = self.view.projects().into_iter();
        projects.map(|project| self.project(&project.name)).collect()
    }

    fn next_models(&self) -> Vec<Subject> {
        let projects = self.view.projects().into_iter();
        projects.map(|project| self.next_model(&project.name)).collect()
    }

    fn models(&self, of_project: Option<&str>) -> Vec<Subject> {
        let projects = self.view.projects().into_iter();
        projects
            .filter(|project| of_project.is_none_or(|name| name == &*project.name))
            .flat_map(|project| {
                let models = project.models_at(self.view.now);
                models.map(|model| self.model(&project.name, &model.version))
            })
            .collect()
    }

    fn project(&self, name: &str) -> Subject {
        Subject::of(&project_arn(self.view.account_id(), self.view.region, name), None)
    }

    fn next_model(&self, project: &str) -> Subject {
        self.new_model(project, &self.view.next_version(project).to_string())
    }

    /// A model that does not exist yet, and so has no tags
    fn new_model(&self, project: &str, version: &str) -> Subject {
        Subject::of(&self.model_arn(project, version), None)
    }

    fn model(&self, project: &str, version: &str) -> Subject {
        self.tagged(project, self.view.resolve_version(project, version))
    }

    fn of_arn(&self, kind: &Kind, place: &Place) -> Subject {
        let tags = match kind {
            Kind::Model(project, version) if check_place(self.view, place).is_ok() => {
                self.tagged(project.as_str(), version.as_str()).tags
            }
            _ => None,
        };
        Subject {
            resource: Resource::Arn(place.arn.clone()),
            tags,
        }
    }

    /// A model as its ARN names it, with its tags
    fn tagged(&self, project: &str, version: &str) -> Subject {
        let tags = self.view.model(project, version).map(|model| model.tags.clone());
        Subject::of(&self.model_arn(project, version), tags)
    }

    fn model_arn(&self, project: &str, version: &str) -> String {
        model_arn(self.view.account_id(), self.view.region, project, version)
    }

    fn found(&self, subjects: Vec<Subject>, what: &str, form: &str) -> Result<Vec<Subject>, String> {
        if !subjects.is_empty() {
            return Ok(subjects);
        }
        Err(format!(
            "no {what} is there in {} that {} could be about; say which in `resource`: `{form}`",
            self.view.region, self.operation
        ))
    }

    fn other_type(&self, what: &str) -> String {
        format!("{} is authorised on {what}", self.operation)
    }
}

/// The part of an ARN after the account
pub(crate) fn last_part(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// Whether a pattern of a policy's `Action` covers a name (IAM User Guide, *Action*: it is not case-sensitive)
fn matches(pattern: &str, name: &str) -> bool {
    // Names consist of letters, so nothing is escaped.
    iam_policy::matches_glob(&pattern.to_ascii_lowercase(), '\\', &name.to_ascii_lowercase())
}

impl Subject {
    fn everything() -> Self {
        Self {
            resource: Resource::Any,
            tags: None,
        }
    }

    fn of(arn: &str, tags: Option<Arc<BTreeMap<String, String>>>) -> Self {
        let arn = arn.parse().expect("names that were checked make an ARN");
        Self {
            resource: Resource::Arn(arn),
            tags,
        }
    }
}

impl Version {
    fn as_str(&self) -> &str {
        match self {
            Self::Latest => "latest",
            Self::Is(version) => version.as_str(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resource.fmt(f)
    }
}
