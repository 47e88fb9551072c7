//! What the service remembers: projects with their datasets, models and packaging jobs, for each account and Region.
//!
//! The projects that the configuration declares are the initial state of every Region. A [`State`] holds only what
//! differs from them: a project that an operation has changed, or the fact that it was deleted. So a declared project
//! costs nothing in a Region that is not used, and a project that is declared while the emulator runs exists at once.
//!
//! A state is never changed, only replaced: an operation that changes something works on a [`Change`], which begins as
//! a copy that shares everything and becomes the next state when it is complete. Readers never wait.
//!
//! No background task changes a status. Each resource keeps when its current phase ends, and its status is computed
//! from that and the emulator's clock whenever it is read, so a test that moves the clock sees the next status at once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use aws_identifiers::{AccountId, Region};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    api::values::InputS3Object,
    declared::{Declarations, DeclaredProject, Limits, MinimumImages, Timing},
    evaluation::Evaluation,
};

pub mod dataset;
pub mod document;
pub mod idempotency;
pub mod model;
pub mod packaging;
pub mod project;

use self::{
    model::Model,
    project::{DatasetType, Project, Started},
};

/// What differs from the configuration, in all accounts and Regions
#[derive(Debug, Clone, Default)]
pub struct State {
    regions: HashMap<Region, BTreeMap<AccountId, Arc<Overlay>>>,
}

/// What differs from the configuration in one Region of one account; `None` means that the declared project was deleted
pub type Overlay = BTreeMap<Arc<str>, Option<Arc<Project>>>;

/// The projects that a configuration declares, as the state sees them
#[derive(Debug)]
pub struct Declared {
    declarations: Arc<Declarations>,
    by_name: BTreeMap<Arc<str>, Vec<Declaration>>,
}

/// One declaration of a project; several Regions may each have one of the same name
#[derive(Debug)]
struct Declaration {
    region: Option<Region>,
    /// Its place in `Declarations::projects`
    index: usize,
    /// The project; `None` if it does not exist until CreateProject creates it
    project: Option<Arc<Project>>,
}

impl Declared {
    /// The projects of a configuration, created when the emulator was started
    pub fn new(declarations: Arc<Declarations>, started: Timestamp) -> Self {
        let mut by_name: BTreeMap<Arc<str>, Vec<Declaration>> = BTreeMap::new();
        for (index, project) in declarations.projects.iter().enumerate() {
            let name: Arc<str> = project.name.as_str().into();
            by_name.entry(name.clone()).or_default().push(Declaration {
                region: project.region.clone(),
                index,
                project: project
                    .exists
                    .then(|| Arc::new(Project::declared(project, started))),
            });
        }
        Self {
            declarations,
            by_name,
        }
    }

    /// The declarations of the configuration
    pub fn declarations(&self) -> &Arc<Declarations> {
        &self.declarations
    }

    /// Whether a declared project of this name exists unless the state says otherwise
    pub fn has(&self, region: &Region, name: &str) -> bool {
        self.find(region, name)
            .is_some_and(|declared| declared.project.is_some())
    }

    /// The declaration of this name for this Region: the Region's own, or else the one for every Region
    fn find(&self, region: &Region, name: &str) -> Option<&Declaration> {
        Self::pick(self.by_name.get(name)?, region)
    }

    fn pick<'d>(declarations: &'d [Declaration], region: &Region) -> Option<&'d Declaration> {
        declarations
            .iter()
            .find(|declared| declared.region.as_ref() == Some(region))
            .or_else(|| declarations.iter().find(|declared| declared.region.is_none()))
    }

    fn in_region<'d>(&'d self, region: &'d Region) -> impl Iterator<Item = (&'d Arc<str>, &'d Arc<Project>)> {
        self.by_name.iter().filter_map(move |(name, declarations)| {
            let project = Self::pick(declarations, region)?.project.as_ref()?;
            Some((name, project))
        })
    }
}

/// One Region at one moment
#[derive(Debug, Clone, Copy)]
pub struct View<'s> {
    declared: &'s Declared,
    overlay: Option<&'s Overlay>,
    /// The Region
    pub region: &'s Region,
    /// The moment
    pub now: Timestamp,
}

/// What the project name and version of a request refer to, looked up once
#[derive(Debug, Clone)]
pub struct Named {
    /// Whether the project exists
    pub project_exists: bool,
    /// The model, unless it has been deleted
    pub model: Option<Arc<Model>>,
    /// The place of the project's declaration in `Declarations::projects`
    declaration: Option<usize>,
}

impl Named {
    /// What the configuration says about the project; it must be the configuration that this was looked up in
    pub fn declaration<'d>(&self, declared: &'d Declared) -> Option<&'d DeclaredProject> {
        declared.declarations.projects.get(self.declaration?)
    }
}

impl State {
    /// One Region of the configuration's account, as it is now
    pub fn view<'s>(&'s self, declared: &'s Declared, region: &'s Region, now: Timestamp) -> View<'s> {
        View {
            declared,
            overlay: self.overlay(&declared.declarations.account_id, region),
            region,
            now,
        }
    }

    fn overlay(&self, account_id: &AccountId, region: &Region) -> Option<&Overlay> {
        // Most emulators only answer DetectAnomalies, so their state stays empty.
        if self.regions.is_empty() {
            return None;
        }
        Some(self.regions.get(region)?.get(account_id)?)
    }

    /// What differs from the configuration, for each account and Region
    pub fn overlays(&self) -> impl Iterator<Item = (&AccountId, &Region, &Overlay)> {
        self.regions.iter().flat_map(|(region, accounts)| {
            let accounts = accounts.iter();
            accounts.map(move |(account_id, overlay)| (account_id, region, &**overlay))
        })
    }

    /// Removes a project from the overlay, so that the configuration's declaration applies again
    pub fn forget(&mut self, account_id: &AccountId, region: &Region, name: &str) {
        let Some(accounts) = self.regions.get_mut(region) else {
            return;
        };
        let Some(overlay) = accounts.get_mut(account_id) else {
            return;
        };
        Arc::make_mut(overlay).remove(name);
        // A Region without any difference is removed as well.
        if overlay.is_empty() {
            accounts.remove(account_id);
        }
        if accounts.is_empty() {
            self.regions.remove(region);
        }
    }

    /// Sets one project of an overlay
    pub fn insert(
        &mut self,
        account_id: &AccountId,
        region: &Region,
        name: Arc<str>,
        project: Option<Arc<Project>>,
    ) {
        let accounts = self.regions.entry(region.clone()).or_default();
        let overlay = accounts.entry(account_id.clone()).or_default();
        Arc::make_mut(overlay).insert(name, project);
    }

    /// How many projects all overlays have
    pub fn projects(&self) -> usize {
        let overlays = self.regions.values().flat_map(BTreeMap::values);
        overlays.flat_map(|overlay| overlay.values().flatten()).count()
    }

    /// How many models the project with the most models has, among those in overlays
    pub fn models_of_largest_project(&self) -> usize {
        let overlays = self.regions.values().flat_map(BTreeMap::values);
        let projects = overlays.flat_map(|overlay| overlay.values().flatten());
        projects
            .map(|project| project.models.len())
            .max()
            .unwrap_or_default()
    }

    /// Bytes of all datasets, and of what models have learned about their images
    pub fn datasets_bytes(&self) -> usize {
        let overlays = self.regions.values().flat_map(BTreeMap::values);
        let projects = overlays.flat_map(|overlay| overlay.values().flatten());
        projects.map(|project| project.datasets_bytes()).sum()
    }
}

impl<'s> View<'s> {
    /// Whether a training needs as many images as the service documents
    pub fn minimum_images(&self) -> MinimumImages {
        self.declared.declarations.minimum_images
    }

    /// The limits
    pub fn limits(&self) -> &'s Limits {
        &self.declared.declarations.limits
    }

    /// How long each thing takes
    pub fn timing(&self) -> &'s Timing {
        &self.declared.declarations.timing
    }

    /// The projects that the configuration declares
    pub fn declared(&self) -> &'s Declared {
        self.declared
    }

    /// The account that everything belongs to
    pub fn account_id(&self) -> &'s AccountId {
        &self.declared.declarations.account_id
    }

    /// The project of this name
    pub fn project(&self, name: &str) -> Option<&'s Arc<Project>> {
        match self.overlay.and_then(|overlay| overlay.get(name)) {
            Some(touched) => touched.as_ref(),
            None => self.declared.find(self.region, name)?.project.as_ref(),
        }
    }

    /// What the configuration says about a project of this name, whether it exists or not
    pub fn declaration(&self, name: &str) -> Option<&'s DeclaredProject> {
        let index = self.declared.find(self.region, name)?.index;
        self.declared.declarations.projects.get(index)
    }

    /// The project and the model of these names, as far as they exist
    pub fn named(&self, project_name: &str, version: &str) -> Named {
        let declared = self.declared.find(self.region, project_name);
        let project = match self.overlay.and_then(|overlay| overlay.get(project_name)) {
            Some(touched) => touched.as_ref(),
            None => declared.and_then(|declared| declared.project.as_ref()),
        };
        let model = project.and_then(|project| project.models.get(version));
        Named {
            project_exists: project.is_some(),
            model: model.filter(|model| !model.is_gone(self.now)).cloned(),
            declaration: declared.map(|declared| declared.index),
        }
    }

    /// The model of this version, unless it has been deleted
    pub fn model(&self, project_name: &str, version: &str) -> Option<&'s Arc<Model>> {
        let model = self.project(project_name)?.models.get(version)?;
        (!model.is_gone(self.now)).then_some(model)
    }

    /// Every project, in the order of creation
    pub fn projects(&self) -> Vec<&'s Arc<Project>> {
        let declared = self
            .declared
            .in_region(self.region)
            .filter_map(|(name, project)| {
                let untouched = self.overlay.is_none_or(|overlay| !overlay.contains_key(name));
                untouched.then_some(project)
            });
        let touched = self
            .overlay
            .into_iter()
            .flat_map(|overlay| overlay.values().flatten());
        let projects = declared.chain(touched);
        BTreeMap::from_iter(projects.map(|project| ((project.created, &project.name), project)))
            .into_values()
            .collect()
    }

    /// The version that a request means: `latest` means the highest number of the project, any other version means
    /// itself
    ///
    /// `latest` stays as it is if the project has no numbered version; no model has the version `latest`.
    // Guess: the guide does not say whether `latest` is the highest version or the last trained one.
    pub fn resolve_version<'t>(&self, project_name: &str, requested: &'t str) -> &'t str
    where
        's: 't,
    {
        if requested != "latest" {
            return requested;
        }
        let models = self
            .project(project_name)
            .into_iter()
            .flat_map(|project| project.models.values());
        models
            .filter(|model| !model.is_gone(self.now))
            .filter_map(|model| Some((model.number()?, &*model.version)))
            .max()
            .map_or(requested, |(_, version)| version)
    }

    /// The version that CreateModel would assign next
    // Guess: no source says what CreateModel is authorised on before the version exists.
    pub fn next_version(&self, project_name: &str) -> u64 {
        self.project(project_name)
            .map_or(1, |project| project.next_version)
    }

    /// How many trainings are in progress in this Region; a training that takes no time is never in progress
    pub fn trainings(&self) -> usize {
        let projects = self.projects();
        let models = projects.iter().flat_map(|project| project.models.values());
        models.filter(|model| model.is_in_training(self.now)).count()
    }
}

/// Distinguishes a change from all others of this process
///
/// The outcome of a task for S3 applies only to what its own change began. Timestamps cannot distinguish changes: with
/// a stopped clock, many have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeNumber(pub u64);

/// The next state, while it is being made: one operation's changes to one Region
#[derive(Debug)]
pub struct Change<'s> {
    /// Which change it is
    pub number: ChangeNumber,
    /// The state before it
    pub view: View<'s>,
    /// Every changed project; `None` for a removed one
    pub projects: Overlay,
    /// How many projects the state of all Regions has
    pub projects_everywhere: usize,
    /// Bytes of all datasets
    datasets_bytes: usize,
    /// What is left for the shell to do, if anything
    pub s3_task: Option<S3Task>,
}

/// Work outside the process that an operation needs; its outcome arrives in a second change, after the answer
#[derive(Debug, Clone)]
pub enum S3Task {
    /// Read the manifest of a dataset that is being created
    ReadManifest {
        /// The dataset's project
        project_name: String,
        /// Which of its datasets
        dataset_type: DatasetType,
        /// The change that began the creation
        begun_by: ChangeNumber,
        /// Where the manifest is
        manifest: InputS3Object,
        /// Whether its images are read as well
        reads_images: bool,
    },
    /// Write the evaluation of a model that is being trained
    WriteEvaluation(Box<Evaluation>),
}

impl S3Task {
    /// The bucket that it reads or writes
    pub fn bucket(&self) -> &str {
        match self {
            Self::ReadManifest { manifest, .. } => &manifest.bucket,
            Self::WriteEvaluation(evaluation) => &evaluation.output.bucket,
        }
    }
}

impl<'s> Change<'s> {
    /// A change in which nothing has changed yet
    pub fn new(state: &State, view: View<'s>, number: ChangeNumber) -> Self {
        Self {
            number,
            view,
            projects: Overlay::new(),
            projects_everywhere: state.projects(),
            datasets_bytes: state.datasets_bytes(),
            s3_task: None,
        }
    }

    /// The project of this name, including what this change has done so far
    pub fn project(&self, name: &str) -> Option<&Arc<Project>> {
        match self.projects.get(name) {
            Some(changed) => changed.as_ref(),
            None => self.view.project(name),
        }
    }

    /// Adds a project, or replaces the one of the same name
    pub fn put(&mut self, project: Project) {
        let project = project.pruned(self.view.now);
        self.projects
            .insert(project.name.clone(), Some(Arc::new(project)));
    }

    /// Removes a project
    pub fn remove(&mut self, name: &str) {
        self.projects.insert(name.into(), None);
    }

    /// How many bytes the datasets may still grow by
    pub fn bytes_left(&self) -> usize {
        let most = self.view.limits().datasets_bytes_max;
        most.saturating_sub(self.datasets_bytes)
    }

    /// A phase that begins now
    pub fn started(&self, duration: std::time::Duration) -> Started {
        Started::new(self.view.now, duration)
    }
}
