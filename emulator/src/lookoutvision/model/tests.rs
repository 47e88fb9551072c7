use super::*;
use crate::lookoutvision::testing::{account, api_model, model, project, region};

fn project_of(versions: &[&str]) -> Project {
    project(
        "p",
        versions
            .iter()
            .map(|version| model(version, ModelStatus::Trained, Vec::new()))
            .collect(),
    )
}

#[test]
fn latest_is_the_highest_number() {
    let latest =
        |versions: &[&str]| resolve_version(&[project_of(versions)], &region(), "p", "latest").to_owned();
    assert_eq!(latest(&["9", "10", "2"]), "10");
    assert_eq!(latest(&["1", "myModel", "zzz"]), "1");
    // Nothing to stand for: no model has this version, so the call will find none.
    assert_eq!(latest(&["myModel"]), "latest");
    assert_eq!(latest(&[]), "latest");
}

#[test]
fn every_other_version_is_itself() {
    let projects = [project_of(&["1", "2"])];
    for version in ["1", "3", "myModel", "Latest", "", "a/b"] {
        assert_eq!(resolve_version(&projects, &region(), "p", version), version);
    }
    assert_eq!(
        resolve_version(&projects, &region(), "another", "latest"),
        "latest"
    );
}

#[test]
fn a_project_of_the_region_goes_before_one_of_every_region() {
    let mut here = project_of(&["2"]);
    here.region = Some(region());
    let projects = [project_of(&["1"]), here];
    let latest_in = |region: &str| resolve_version(&projects, &region.parse().unwrap(), "p", "latest");
    assert_eq!(latest_in("us-west-2"), "2");
    assert_eq!(latest_in("eu-west-1"), "1");
    // The name counts with its case.
    assert!(find_project(&projects, &region(), "P").is_none());
}

#[test]
fn an_address_has_the_arn_that_policies_see() {
    let projects = [project_of(&["1", "2"])];
    let arn = |region: &str, version: &str| {
        let region: Region = region.parse().unwrap();
        let address = ModelAddress::resolve(&projects, &account(), &region, "p", version);
        assert_eq!((address.region(), address.project_name()), (&region, "p"));
        format!("{} {}", address.version(), address.arn())
    };
    assert_eq!(
        arn("us-west-2", "latest"),
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
        assert_eq!(status.to_string().parse(), Ok(status));
    }
    assert_eq!(
        "hosted".parse::<ModelStatus>().unwrap_err().to_string(),
        "`hosted` is not a model status (TRAINING, TRAINED, TRAINING_FAILED, STARTING_HOSTING, HOSTED, \
         HOSTING_FAILED, STOPPING_HOSTING, SYSTEM_UPDATING or DELETING)"
    );
}
