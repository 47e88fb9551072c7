use super::*;
use crate::declared::DeclaredProject;
use crate::testing::{World, account, api_model, model, project, region};

fn project_of(versions: &[&str]) -> DeclaredProject {
    project(
        "p",
        versions
            .iter()
            .map(|version| model(version, ModelStatus::Trained, Vec::new()))
            .collect(),
    )
}

/// What a version means if these projects are declared
fn resolved(projects: Vec<DeclaredProject>, in_region: &str, project_name: &str, requested: &str) -> String {
    let mut world = World::of(projects);
    world.region = in_region.parse().unwrap();
    world.view().resolve_version(project_name, requested).to_owned()
}

#[test]
fn latest_is_the_highest_number() {
    let latest = |versions: &[&str]| resolved(vec![project_of(versions)], "us-west-2", "p", "latest");
    assert_eq!(latest(&["9", "10", "2"]), "10");
    assert_eq!(latest(&["1", "myModel", "zzz"]), "1");
    // `latest` has nothing to mean and stays as it is: no model has this version, so the call will find none.
    assert_eq!(latest(&["myModel"]), "latest");
    assert_eq!(latest(&[]), "latest");
}

#[test]
fn every_other_version_is_itself() {
    let resolved =
        |name: &str, version: &str| resolved(vec![project_of(&["1", "2"])], "us-west-2", name, version);
    for version in ["1", "3", "myModel", "Latest", "", "a/b"] {
        assert_eq!(resolved("p", version), version);
    }
    assert_eq!(resolved("another", "latest"), "latest");
    // Project names are case-sensitive.
    assert_eq!(resolved("P", "latest"), "latest");
}

#[test]
fn a_project_of_the_region_goes_before_one_of_every_region() {
    let latest_in = |in_region: &str| {
        let mut here = project_of(&["2"]);
        here.region = Some(region());
        resolved(vec![project_of(&["1"]), here], in_region, "p", "latest")
    };
    assert_eq!(latest_in("us-west-2"), "2");
    assert_eq!(latest_in("eu-west-1"), "1");
}

#[test]
fn an_address_has_the_arn_that_policies_see() {
    let arn = |region: &str, version: &str| {
        let region: Region = region.parse().unwrap();
        let address = ModelAddress::new(&account(), &region, "p", version);
        assert_eq!((address.region(), address.project_name()), (&region, "p"));
        format!("{} {}", address.version(), address.arn())
    };
    assert_eq!(
        arn("us-west-2", "2"),
        "2 arn:aws:lookoutvision:us-west-2:123456789012:model/p/2"
    );
    assert_eq!(
        arn("us-west-2", "myModel"),
        "myModel arn:aws:lookoutvision:us-west-2:123456789012:model/p/myModel"
    );
    assert_eq!(
        arn("cn-north-1", "1"),
        "1 arn:aws-cn:lookoutvision:cn-north-1:123456789012:model/p/1"
    );
    assert_eq!(
        arn("us-gov-west-1", "1"),
        "1 arn:aws-us-gov:lookoutvision:us-gov-west-1:123456789012:model/p/1"
    );
}

#[test]
fn the_statuses_are_those_of_the_api_model() {
    let api = api_model();
    assert_eq!(
        api["shapes"]["ModelStatus"]["enum"],
        serde_json::json!(ModelStatus::ALL.map(ModelStatus::as_str))
    );
    for status in ModelStatus::ALL {
        assert_eq!(
            serde_json::from_value(serde_json::json!(status.as_str())).ok(),
            Some(status)
        );
    }
    assert!(serde_json::from_str::<ModelStatus>("\"hosted\"").is_err());
}
