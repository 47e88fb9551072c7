use proptest::prelude::*;

use super::*;
use crate::{operation::AuthorizedOn, testing::api_model};

#[test]
fn all_22_operations_are_those_of_the_api_model() {
    let api = api_model();
    let operations = api["operations"].as_object().unwrap();
    assert_eq!(operations.len(), 22);
    assert_eq!(
        Operation::ALL.map(Operation::name).to_vec(),
        operations.keys().collect::<Vec<_>>()
    );
    for operation in Operation::ALL {
        let http = &operations[operation.name()]["http"];
        assert_eq!(operation.method(), http["method"], "{operation}");
        assert_eq!(operation.path_template(), http["requestUri"], "{operation}");
        let success_status = http["responseCode"].as_u64().unwrap_or(200);
        assert_eq!(
            u64::from(operation.success_status()),
            success_status,
            "{operation}"
        );
    }
}

#[test]
fn every_path_leads_to_its_operation_with_its_labels() {
    for operation in Operation::ALL {
        let path = operation.path_template().replace('{', "the-").replace('}', "");
        let route = Route::resolve(operation.method(), &path).unwrap();
        assert_eq!(route.operation(), operation);

        let expected: Vec<_> = labels(operation)
            .map(|label| (label, format!("the-{label}")))
            .collect();
        let found: Vec<_> = route
            .labels()
            .map(|(label, text)| (label, text.to_owned()))
            .collect();
        assert_eq!(found, expected, "{path}");
        for (label, text) in expected {
            assert_eq!(route.label(label), Some(&*text), "{path}");
        }
    }
}

#[test]
fn a_known_path_with_another_method_is_no_operation() {
    for operation in Operation::ALL {
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "Post", "",
        ] {
            let expected = Operation::ALL
                .into_iter()
                .find(|other| other.method() == method && other.path_template() == operation.path_template());
            let path = operation.path_template().replace(['{', '}'], "");
            let found = Route::resolve(method, &path).ok().map(|route| route.operation());
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}

#[test]
fn a_label_is_decoded_once_and_keeps_its_slashes() {
    let resource_arn = |path: &str| {
        let route = Route::resolve("DELETE", path).unwrap();
        assert_eq!(route.operation(), Operation::UntagResource);
        route.label("resourceArn").unwrap().to_owned()
    };
    // As all four SDKs send it.
    assert_eq!(
        resource_arn(
            "/2020-11-20/tags/arn%3Aaws%3Alookoutvision%3Aus-east-1%3A123456789012%3Amodel%2FMy-Project%2F1"
        ),
        "arn:aws:lookoutvision:us-east-1:123456789012:model/My-Project/1"
    );
    assert_eq!(resource_arn("/2020-11-20/tags/a%252Fb"), "a%2Fb");
    assert_eq!(resource_arn("/2020-11-20/tags/%2e%2E"), "..");
    assert_eq!(resource_arn("/2020-11-20/tags/%C3%A9+%00"), "é+\0");
}

#[test]
fn untidy_paths_are_no_operations() {
    for path in [
        "",
        "/",
        "2020-11-20/projects",
        "/2020-11-20",
        "/2020-11-20/",
        "/2020-11-20/projects/",
        "//2020-11-20/projects",
        "/2020-11-20//projects",
        "/2020-11-20/./projects",
        "/2020-11-20/tags/../projects",
        "/2020-11-20/projects/.",
        "/2020-11-20/projects/..",
        "/2020-11-20/projects?maxResults=1",
        "/2020-11-20/Projects",
        "/2020-11-20%2Fprojects",
        "/2020-11-21/projects",
        "/2020-11-20/datasets",
        "/2020-11-20/projects/p/models/1/detect/",
        "/2020-11-20/projects/p/models/1/detect/more",
        "/2020-11-20/projects/p/models/1/detect/more/and/more",
        "/2020-11-20/projects/p%",
        "/2020-11-20/projects/p%4",
        "/2020-11-20/projects/p%zz",
        "/2020-11-20/projects/p%+1",
        "/2020-11-20/projects/%ff",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            assert_eq!(
                Route::resolve(method, path),
                Err(UnknownOperation),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn every_operation_is_authorised_on_the_resource_of_the_service_authorization_reference() {
    use AuthorizedOn::{
        ArnInPath, Everything, ModelInBody, ModelInPath, NextModel, ProjectInBody, ProjectInPath,
    };
    let table = [
        ("CreateDataset", Everything),
        ("CreateModel", NextModel),
        ("CreateProject", ProjectInBody),
        ("DeleteDataset", Everything),
        ("DeleteModel", ModelInPath),
        ("DeleteProject", ProjectInPath),
        ("DescribeDataset", Everything),
        ("DescribeModel", ModelInPath),
        ("DescribeModelPackagingJob", Everything),
        ("DescribeProject", ProjectInPath),
        ("DetectAnomalies", ModelInPath),
        ("ListDatasetEntries", Everything),
        ("ListModelPackagingJobs", Everything),
        ("ListModels", Everything),
        ("ListProjects", Everything),
        ("ListTagsForResource", ArnInPath),
        ("StartModel", ModelInPath),
        ("StartModelPackagingJob", ModelInBody),
        ("StopModel", ModelInPath),
        ("TagResource", ArnInPath),
        ("UntagResource", ArnInPath),
        ("UpdateDatasetEntries", Everything),
    ];
    assert_eq!(
        Operation::ALL.map(|operation| (operation.name(), operation.authorized_on())),
        table
    );
}

proptest! {
    #[test]
    fn no_path_makes_it_panic(method in "[A-Z]{0,7}", path in "/?(2020-11-20)?[/%.a-z0-9\\PC]{0,60}") {
        let _ = Route::resolve(&method, &path);
    }

    #[test]
    fn a_name_that_is_encoded_comes_back_as_it_was(name in "\\PC{1,20}") {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let route = Route::resolve("GET", &format!("/2020-11-20/projects/{encoded}"));
        let route = route.unwrap();
        prop_assert_eq!(route.operation(), Operation::DescribeProject);
        prop_assert_eq!(route.label("projectName"), Some(&*name));
    }
}

/// The labels of an operation's path, in their order
fn labels(operation: Operation) -> impl Iterator<Item = &'static str> {
    operation.path_template().split(['{', '}']).skip(1).step_by(2)
}
