use super::*;
use crate::{
    model::ModelStatus,
    testing::{World, account, model, project, region},
};

/// A call with this body, resolved in this world
fn call(operation: Operation, path: &str, body: &'static str, world: &World) -> Request {
    let received = Received {
        method: operation.method(),
        target: path,
        header: &|_| None,
        body: &Bytes::from_static(body.as_bytes()),
        body_sha256: None,
    };
    Request::read(received, &world.view()).unwrap()
}

#[test]
fn the_resource_of_a_call_is_what_its_operation_is_authorised_on() {
    let versions = ["9", "10", "myModel"].map(|version| model(version, ModelStatus::Trained, Vec::new()));
    let world = World::of(vec![project("p", versions.into())]);
    for operation in Operation::ALL {
        let path = operation
            .path_template()
            .replace("{projectName}", "p")
            .replace("{modelVersion}", "latest")
            .replace(['{', '}'], "");
        let body = r#"{"ProjectName": "q", "ModelVersion": "latest"}"#;
        let call = call(operation, &path, body, &world);
        let arn = |text: &str| Some(text.to_owned());
        let model = |version: &str| {
            let address = ModelAddress::new(&account(), &region(), "p", version);
            Some(address.arn().to_owned())
        };
        let expected = match operation.authorized_on() {
            AuthorizedOn::Everything => None,
            AuthorizedOn::ProjectInPath => arn("arn:aws:lookoutvision:us-west-2:123456789012:project/p"),
            AuthorizedOn::ProjectInBody => arn("arn:aws:lookoutvision:us-west-2:123456789012:project/q"),
            AuthorizedOn::ModelInPath => model("10"),
            AuthorizedOn::NextModel => model("11"),
            AuthorizedOn::ModelInBody => model("10"),
            AuthorizedOn::ArnInPath => arn("resourceArn"),
        };
        assert_eq!(call.resource().map(str::to_owned), expected, "{operation}");
    }
}

#[test]
fn a_body_that_cannot_be_read_names_nothing_and_is_refused_when_it_is_performed() {
    let world = World::of(vec![project("p", Vec::new())]);
    let call = call(Operation::CreateProject, "/2020-11-20/projects", "{", &world);
    assert_eq!(
        call.resource(),
        Some("arn:aws:lookoutvision:us-west-2:123456789012:project/")
    );
    assert!(matches!(
        call.into_performance(&account()),
        Err(ServiceError::SerializationException { .. })
    ));
}

#[test]
fn only_what_has_tags_in_the_api_model_brings_tags_along() {
    let world = World::of(vec![project("p", Vec::new())]);
    let body = r#"{"ProjectName": "p", "Tags": [{"Key": "team", "Value": "vision"}]}"#;
    let tags = |operation: Operation, path: &str| call(operation, path, body, &world).tags().len();
    assert_eq!(tags(Operation::CreateModel, "/2020-11-20/projects/p/models"), 1);
    assert_eq!(tags(Operation::TagResource, "/2020-11-20/tags/arn"), 1);
    assert_eq!(tags(Operation::CreateProject, "/2020-11-20/projects"), 0);
}

#[test]
fn a_call_names_its_project_and_its_model_wherever_they_stand() {
    let versions = ["9", "10"].map(|version| model(version, ModelStatus::Trained, Vec::new()));
    let world = World::of(vec![project("p", versions.into())]);
    let about = |operation: Operation, path: &str, body: &'static str| {
        let call = call(operation, path, body, &world);
        let own = |text: Option<&str>| text.map(str::to_owned);
        (own(call.project_name()), own(call.model_version()))
    };
    let found = |project: &str, version: Option<&str>| (Some(project.to_owned()), version.map(str::to_owned));
    let models = "/2020-11-20/projects/p/models";
    assert_eq!(
        about(Operation::DetectAnomalies, &format!("{models}/latest/detect"), ""),
        found("p", Some("10"))
    );
    assert_eq!(about(Operation::ListModels, models, ""), found("p", None));
    assert_eq!(
        about(
            Operation::CreateProject,
            "/2020-11-20/projects",
            r#"{"ProjectName": "q"}"#
        ),
        found("q", None)
    );
    let tags = "/2020-11-20/tags/arn%3Aaws%3Alookoutvision%3Aus-west-2%3A123456789012%3Amodel%2Fp%2F9";
    assert_eq!(
        about(Operation::ListTagsForResource, tags, ""),
        found("p", Some("9"))
    );
    assert_eq!(
        about(Operation::ListTagsForResource, "/2020-11-20/tags/arn", ""),
        (None, None)
    );
    assert_eq!(
        about(Operation::ListProjects, "/2020-11-20/projects", ""),
        (None, None)
    );
}
