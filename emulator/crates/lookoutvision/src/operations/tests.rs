//! Random sequences of operations, compared with a model that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{datasets, models, projects, tags};
use crate::{
    dataset_images::{DatasetImages, LabeledImages},
    error::ServiceError,
    manifest::{Class, Entries},
    model::ModelStatus,
    operations::Refused,
    store::{Change, S3Task, State, dataset::DatasetStatus, project::DatasetType},
    testing::World,
};

/// One call; there are few projects, versions and images, so that calls affect each other
#[derive(Debug, Clone)]
enum Call {
    CreateProject(u8),
    DeleteProject(u8),
    CreateDataset(u8, &'static str),
    DeleteDataset(u8, &'static str),
    Update(u8, &'static str, u8, &'static str),
    CreateModel(u8),
    StartModel(u8, u8),
    StopModel(u8, u8),
    DeleteModel(u8, u8),
    Tag(u8, u8, u8),
    Untag(u8, u8, u8),
}

/// What the simple model keeps for a project
#[derive(Debug, Default, Clone, PartialEq)]
struct Simple {
    datasets: BTreeMap<&'static str, BTreeMap<u8, &'static str>>,
    /// Version, status, tags
    models: BTreeMap<u8, (&'static str, BTreeSet<u8>)>,
    versions: u8,
}

type SimpleWorld = BTreeMap<u8, Simple>;

fn name(project: u8) -> String {
    format!("p{project}")
}

impl Call {
    /// What the simple model answers: nothing, or the kind of the error and of the resource
    fn simply(&self, world: &mut SimpleWorld) -> Result<(), &'static str> {
        let project = match self {
            Self::CreateProject(project) => {
                if world.contains_key(project) {
                    return Err("409 PROJECT");
                }
                world.insert(*project, Simple::default());
                return Ok(());
            }
            Self::DeleteProject(project)
            | Self::CreateDataset(project, _)
            | Self::DeleteDataset(project, _)
            | Self::Update(project, ..)
            | Self::CreateModel(project)
            | Self::StartModel(project, _)
            | Self::StopModel(project, _)
            | Self::DeleteModel(project, _)
            | Self::Tag(project, ..)
            | Self::Untag(project, ..) => project,
        };
        if let Self::DeleteProject(_) = self {
            let simple = world.get(project).ok_or("404 PROJECT")?;
            if !simple.datasets.is_empty() || !simple.models.is_empty() {
                return Err("409 PROJECT");
            }
            world.remove(project);
            return Ok(());
        }
        let simple = world.get_mut(project).ok_or("404 PROJECT")?;
        match *self {
            Self::CreateDataset(_, kind) => {
                if simple.datasets.contains_key(kind) {
                    return Err("409 DATASET");
                }
                simple.datasets.insert(kind, BTreeMap::new());
            }
            Self::DeleteDataset(_, kind) => {
                simple.datasets.remove(kind).ok_or("404 DATASET")?;
            }
            Self::Update(_, kind, image, class) => {
                simple
                    .datasets
                    .get_mut(kind)
                    .ok_or("404 DATASET")?
                    .insert(image, class);
            }
            Self::CreateModel(_) => {
                if !simple.datasets.contains_key("train") {
                    return Err("409 PROJECT");
                }
                simple.versions += 1;
                simple
                    .models
                    .insert(simple.versions, ("TRAINED", BTreeSet::new()));
            }
            Self::StartModel(_, version) => {
                let (status, _) = simple.models.get_mut(&version).ok_or("404 MODEL")?;
                if *status != "TRAINED" {
                    return Err("409 MODEL");
                }
                *status = "HOSTED";
            }
            Self::StopModel(_, version) => {
                let (status, _) = simple.models.get_mut(&version).ok_or("404 MODEL")?;
                if *status != "HOSTED" {
                    return Err("409 MODEL");
                }
                *status = "TRAINED";
            }
            Self::DeleteModel(_, version) => {
                let (status, _) = simple.models.get(&version).ok_or("404 MODEL")?;
                if *status != "TRAINED" {
                    return Err("409 MODEL");
                }
                simple.models.remove(&version);
            }
            Self::Tag(_, version, key) => {
                simple.models.get_mut(&version).ok_or("404 MODEL")?.1.insert(key);
            }
            Self::Untag(_, version, key) => {
                simple.models.get_mut(&version).ok_or("404 MODEL")?.1.remove(&key);
            }
            Self::CreateProject(_) | Self::DeleteProject(_) => {}
        }
        Ok(())
    }

    /// What the service answers
    fn really(&self, world: &mut World) -> Result<(), String> {
        let arn = |project: u8, version: u8| {
            format!("arn:aws:lookoutvision:us-west-2:123456789012:model/p{project}/{version}")
        };
        let outcome = match *self {
            Self::CreateProject(project) => {
                let input = input(json!({"ProjectName": name(project)}));
                change(world, |change| Ok(projects::create(change, &input)?))
            }
            Self::DeleteProject(project) => {
                let input = input(json!({"ProjectName": name(project)}));
                change(world, |change| Ok(projects::delete(change, &input)?))
            }
            Self::CreateDataset(project, kind) => {
                let input = input(json!({"ProjectName": name(project), "DatasetType": kind}));
                change(world, |change| Ok(datasets::create(change, &input)?))
            }
            Self::DeleteDataset(project, kind) => {
                let input = input(json!({"ProjectName": name(project), "DatasetType": kind}));
                change(world, |change| Ok(datasets::delete(change, &input)?))
            }
            Self::Update(project, kind, image, class) => {
                let line = json!({
                    "source-ref": format!("s3://b/{image}"), "l": 0,
                    "l-metadata": {"class-name": class, "human-annotated": "yes", "type": "groundtruth/image-classification"},
                });
                let changes = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, line.to_string());
                let input =
                    input(json!({"ProjectName": name(project), "DatasetType": kind, "Changes": changes}));
                change(world, |change| Ok(datasets::update_entries(change, &input)?))
            }
            Self::CreateModel(project) => {
                let output = json!({"S3Location": {"Bucket": "bucket"}});
                let input = input(json!({"ProjectName": name(project), "OutputConfig": output}));
                let version = world.view().next_version(&name(project)).to_string();
                change(world, |change| models::create(change, &version, &input))
            }
            Self::StartModel(project, version) => {
                let version = version.to_string();
                let input = input(json!({
                    "ProjectName": name(project), "ModelVersion": version, "MinInferenceUnits": 1,
                }));
                change(world, |change| Ok(models::start(change, &version, &input)?))
            }
            Self::StopModel(project, version) => {
                let version = version.to_string();
                let input = input(json!({"ProjectName": name(project), "ModelVersion": version}));
                change(world, |change| Ok(models::stop(change, &version, &input)?))
            }
            Self::DeleteModel(project, version) => {
                let version = version.to_string();
                let input = input(json!({"ProjectName": name(project), "ModelVersion": version}));
                change(world, |change| Ok(models::delete(change, &version, &input)?))
            }
            Self::Tag(project, version, key) => {
                let tag = json!([{"Key": key.to_string(), "Value": ""}]);
                let input = input(json!({"ResourceArn": arn(project, version), "Tags": tag}));
                change(world, |change| Ok(tags::tag(change, &input)?))
            }
            Self::Untag(project, version, key) => {
                let keys = json!([key.to_string()]);
                let input = input(json!({"ResourceArn": arn(project, version), "TagKeys": keys}));
                change(world, |change| Ok(tags::untag(change, &input)?))
            }
        };
        outcome.map_err(|refused| match refused {
            Refused::Service(ServiceError::ConflictException { resource_type, .. }) => {
                format!("409 {}", resource_type.as_str())
            }
            Refused::Service(ServiceError::ResourceNotFoundException { resource_type, .. }) => {
                format!("404 {}", resource_type.as_str())
            }
            other => format!("{other:?}"),
        })
    }
}

fn input<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the test writes whole requests")
}

/// Makes a change and its second change, as the shell does
fn change<R>(
    world: &mut World,
    operation: impl FnOnce(&mut Change<'_>) -> Result<R, Refused>,
) -> Result<(), Refused> {
    let mut s3_task = world.change(operation)?;
    while let Some(next) = s3_task {
        s3_task = world.change(|change| {
            match next {
                S3Task::WriteEvaluation(evaluation) => {
                    models::finish_training(
                        change,
                        &evaluation.project_name,
                        &evaluation.version,
                        evaluation.begun_by,
                        Ok(LabeledImages::default()),
                    );
                }
                S3Task::ReadManifest { .. } => unreachable!("no call here names a manifest"),
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn what_comes_of_a_training_is_nothing_to_the_next_model_of_its_version() {
    let mut world = World::of(Vec::new());
    let body = json!({"ProjectName": "p", "DatasetType": "train", "OutputConfig": {"S3Location": {"Bucket": "out"}}});
    let train = |world: &mut World| {
        let s3_task = world.change(|change| {
            projects::create(change, &input(body.clone()))?;
            datasets::create(change, &input(body.clone()))?;
            models::create(change, "1", &input(body.clone()))
        });
        let Ok(Some(S3Task::WriteEvaluation(evaluation))) = s3_task else {
            panic!("{s3_task:?}");
        };
        evaluation.begun_by
    };
    let before = train(&mut world);
    // After a reset, project and model are created again, at the same moment of a stopped clock.
    world.state = State::default();
    let begun_by = train(&mut world);
    let mut finish = |begun_by| {
        let finished = world.change(|change| {
            models::finish_training(change, "p", "1", begun_by, Ok(LabeledImages::default()));
            Ok(())
        });
        finished.unwrap();
        let view = world.view();
        view.model("p", "1").unwrap().status(view.now).0
    };
    assert_eq!(finish(before), ModelStatus::Training);
    assert_eq!(finish(begun_by), ModelStatus::Trained);
}

#[test]
fn what_comes_of_a_manifest_is_nothing_to_the_next_dataset_of_its_name() {
    let mut world = World::of(Vec::new());
    let source = json!({"GroundTruthManifest": {"S3Object": {"Bucket": "b", "Key": "k"}}});
    let body = json!({"ProjectName": "p", "DatasetType": "train", "DatasetSource": source});
    let create = |world: &mut World| {
        let s3_task = world.change(|change| {
            projects::create(change, &input(body.clone()))?;
            Ok(datasets::create(change, &input(body.clone()))?)
        });
        let Ok(Some(S3Task::ReadManifest { begun_by, .. })) = s3_task else {
            panic!("{s3_task:?}");
        };
        begun_by
    };
    let before = create(&mut world);
    world.state = State::default();
    let begun_by = create(&mut world);
    let mut finish = |begun_by, outcome: Result<(Entries, DatasetImages), String>| {
        let finished = world.change(|change| {
            datasets::finish_creation(change, "p", DatasetType::Train, begun_by, outcome);
            Ok(())
        });
        finished.unwrap();
        let view = world.view();
        let project = view.project("p").unwrap();
        project
            .dataset(DatasetType::Train, view.now)
            .unwrap()
            .status(view.now)
            .0
    };
    let of_before = Err("another manifest".to_owned());
    assert_eq!(finish(before, of_before), DatasetStatus::CreateInProgress);
    assert_eq!(
        finish(begun_by, Ok(Default::default())),
        DatasetStatus::CreateComplete
    );
}

/// The state as seen from outside, in the simple model's terms
fn seen(world: &World) -> SimpleWorld {
    let view = world.view();
    let mut simple_world = SimpleWorld::new();
    for project in view.projects() {
        let mut simple = Simple::default();
        for (kind, dataset) in project.datasets(world.now) {
            let entries = dataset.entries(world.now);
            let images = entries.iter().map(|entry| {
                let image = entry.source_ref["s3://b/".len()..].parse().unwrap();
                let class = match entry.class {
                    Some(Class::Normal) => "normal",
                    Some(Class::Anomaly) => "anomaly",
                    None => "other",
                };
                (image, class)
            });
            simple.datasets.insert(kind.as_str(), images.collect());
            let stats = dataset.image_stats(world.now);
            assert_eq!(stats.normal + stats.anomaly, stats.labeled);
            assert!(stats.labeled <= stats.total);
        }
        for model in project.models_at(world.now) {
            let number = u8::try_from(model.number().unwrap()).unwrap();
            let tags = model.tags.keys().map(|key| key.parse().unwrap()).collect();
            simple
                .models
                .insert(number, (model.status(world.now).0.as_str(), tags));
            assert!(model.evaluated(world.now).unwrap() > model.created);
        }
        simple.versions = u8::try_from(project.next_version - 1).unwrap();
        simple_world.insert(project.name[1..].parse().unwrap(), simple);
    }
    simple_world
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let project = || 0..3_u8;
    let version = || 1..4_u8;
    let kind = || prop_oneof![Just("train"), Just("train"), Just("test")];
    let class = prop_oneof![Just("normal"), Just("anomaly"), Just("other")];
    let call = prop_oneof![
        3 => project().prop_map(Call::CreateProject),
        1 => project().prop_map(Call::DeleteProject),
        3 => (project(), kind()).prop_map(|(a, b)| Call::CreateDataset(a, b)),
        1 => (project(), kind()).prop_map(|(a, b)| Call::DeleteDataset(a, b)),
        2 => (project(), kind(), 0..4_u8, class).prop_map(|(a, b, c, d)| Call::Update(a, b, c, d)),
        3 => project().prop_map(Call::CreateModel),
        2 => (project(), version()).prop_map(|(a, b)| Call::StartModel(a, b)),
        2 => (project(), version()).prop_map(|(a, b)| Call::StopModel(a, b)),
        2 => (project(), version()).prop_map(|(a, b)| Call::DeleteModel(a, b)),
        1 => (project(), version(), 0..3_u8).prop_map(|(a, b, c)| Call::Tag(a, b, c)),
        1 => (project(), version(), 0..3_u8).prop_map(|(a, b, c)| Call::Untag(a, b, c)),
    ];
    prop::collection::vec(call, 1..60)
}

proptest! {
    #[test]
    fn any_sequence_of_calls_is_answered_as_a_simple_mind_would(calls in calls()) {
        let mut world = World::of(Vec::new());
        let mut simple = SimpleWorld::new();
        for call in &calls {
            let expected = call.simply(&mut simple).map_err(str::to_owned);
            prop_assert_eq!(call.really(&mut world), expected, "{:?}", call);
            prop_assert_eq!(seen(&world), simple.clone(), "after {:?}", call);
        }
    }
}
