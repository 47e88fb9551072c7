use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
};

use aws_identifiers::Region;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::*;
use crate::{
    canned::{Between, CannedError, ConfidenceRange, DetectAnomaliesError, PutRule, RecordedAnswer, When},
    declared::DeclaredProject,
    error::ResourceType,
    testing::{
        NORMAL_JPEG, NORMAL_PNG, TOO_SMALL_PNG, World, account, always, anomaly, decode_rgb, model,
        png_of_size, project, region, segmentation, verdict,
    },
};

/// A call of version `1` of `myProject` with a PNG, by Alice
struct Request<'r> {
    region: Region,
    project_name: &'r str,
    model_version: &'r str,
    content_type: Option<&'r str>,
    body: &'r [u8],
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            region: region(),
            project_name: "myProject",
            model_version: "1",
            content_type: Some("image/png"),
            body: NORMAL_PNG,
        }
    }
}

impl Request<'_> {
    fn perform(
        &self,
        world: &World,
        call_counts: &CallCounts,
    ) -> Result<DetectAnomaliesOutput, ServiceError> {
        let memory = Memory {
            calls: call_counts,
            draws: &CallCounts::default(),
            scenarios: &Scenarios::default(),
            persist: &|_| Ok(()),
        };
        self.perform_with(world, None, memory)
    }

    fn perform_with(
        &self,
        world: &World,
        put: Option<&PutRules>,
        memory: Memory<'_>,
    ) -> Result<DetectAnomaliesOutput, ServiceError> {
        let view = world.state.view(&world.declared, &self.region, world.now);
        let version = view.resolve_version(self.project_name, self.model_version);
        let model = ModelAddress::new(&account(), &self.region, self.project_name, version);
        let input = DetectAnomaliesInput {
            model: &model,
            request: DetectAnomaliesRequest {
                project_name: Some(self.project_name),
                model_version: Some(self.model_version),
                body: self.body,
                content_type: self.content_type,
            },
            body_sha256: None,
            caller: Caller {
                principal: "arn:aws:iam::123456789012:user/alice",
                access_key_id: "AKIAIOSFODNN7EXAMPLE",
                vpc_endpoint_id: None,
            },
        };
        let named = view.named(self.project_name, version);
        let target = Target::of(&named, &world.declared, put, version, world.now);
        perform(&input, &target, memory)
    }
}

/// `myProject` with a HOSTED model `1` that has these rules
fn projects(rules: Vec<CannedRule>) -> World {
    World::of(vec![my_project(rules)])
}

fn my_project(rules: Vec<CannedRule>) -> DeclaredProject {
    project("myProject", vec![model("1", ModelStatus::Hosted, rules)])
}

/// The body of the answer to the request, given by a single rule
#[track_caller]
fn body(then: Then, request: &Request<'_>) -> String {
    let output = request
        .perform(&projects(vec![always(then)]), &CallCounts::default())
        .unwrap();
    assert_eq!(output.rule, RuleRef::Model(0));
    String::from_utf8(output.result.unwrap().into()).unwrap()
}

#[track_caller]
fn refuses(request: &Request<'_>, expected: &str) -> ServiceError {
    let models = vec![
        model("1", ModelStatus::Hosted, Vec::new()),
        model("2", ModelStatus::Trained, Vec::new()),
        model("myModel", ModelStatus::Hosted, Vec::new()),
    ];
    let call_counts = CallCounts::default();
    let error = request
        .perform(&World::of(vec![project("myProject", models)]), &call_counts)
        .unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        call_counts.next("arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"),
        1,
        "it was not counted"
    );
    error
}

mod answers {
    use super::*;

    #[test]
    fn without_a_rule_the_image_is_normal() {
        let output = Request::default()
            .perform(&projects(Vec::new()), &CallCounts::default())
            .unwrap();
        assert_eq!(
            output.result.unwrap(),
            r#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":0.9999964237213135}}"#
        );
        assert_eq!((output.rule, output.delay), (RuleRef::Default, None));
    }

    #[test]
    fn a_classification_answer_has_no_anomalies_and_no_mask() {
        let anomalous = body(
            Then::Classification(verdict(true, 0.9996867775917053)),
            &Request::default(),
        );
        assert_eq!(
            anomalous,
            r#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":true,"Confidence":0.9996867775917053}}"#
        );
        // As long as two saved responses of the service.
        assert_eq!(anomalous.len(), 103);
        assert_eq!(
            body(Then::Classification(verdict(false, 1.0)), &Request::default()),
            r#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":1.0}}"#
        );
        // 0.97 is not a 32-bit float; the answer shows the nearest one.
        assert_eq!(
            body(Then::Classification(verdict(true, 0.97)), &Request::default()),
            r#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":true,"Confidence":0.9700000286102295}}"#
        );
    }

    #[test]
    fn a_normal_segmentation_answer_has_the_background_alone() {
        let body = body(
            segmentation(verdict(false, 0.9916400909423828), Vec::new()),
            &Request::default(),
        );
        let (start, mask) = body.split_once(r#""AnomalyMask":""#).unwrap();
        assert_eq!(
            start,
            r##"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":0.9916400909423828,"Anomalies":[{"Name":"background","PixelAnomaly":{"TotalPercentageArea":1.0,"Color":"#FFFFFF"}}],"##
        );
        let mask = BASE64_STANDARD
            .decode(mask.strip_suffix(r#""}}"#).unwrap())
            .unwrap();
        let (width, height, pixels) = decode_rgb(&mask);
        assert_eq!((width, height), (320, 240));
        assert!(pixels.iter().all(|pixel| *pixel == [0xff; 3]));
    }

    #[test]
    fn the_guide_s_three_way_answer_comes_out_to_the_last_digit() {
        // 807 x 3 and 179 x 20 pixels of 3000 x 2000 are the areas of the guide's example.
        let scratch = anomaly("scratch", "#7ED321", [0.0, 0.0, 807.0 / 3000.0, 3.0 / 2000.0]);
        let dent = anomaly("dent", "#4DD8FF", [0.5, 0.5, 179.0 / 3000.0, 20.0 / 2000.0]);
        let image = png_of_size(3000, 2000);
        let body = body(
            segmentation(verdict(true, 0.9996814727783203), vec![scratch, dent]),
            &Request {
                body: &image,
                ..Request::default()
            },
        );
        let (start, _) = body.split_once(r#""AnomalyMask":""#).unwrap();
        assert_eq!(
            start,
            r##"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":true,"Confidence":0.9996814727783203,"Anomalies":[{"Name":"background","PixelAnomaly":{"TotalPercentageArea":0.998999834060669,"Color":"#FFFFFF"}},{"Name":"scratch","PixelAnomaly":{"TotalPercentageArea":0.0004034999874420464,"Color":"#7ED321"}},{"Name":"dent","PixelAnomaly":{"TotalPercentageArea":0.0005966666503809392,"Color":"#4DD8FF"}}],"##
        );
    }

    #[test]
    fn an_anomaly_that_is_covered_is_not_in_the_answer() {
        let covered = anomaly("scratch", "#7ED321", [0.5, 0.5, 0.1, 0.1]);
        let cover = anomaly("dent", "#4DD8FF", [0.25, 0.25, 0.5, 0.5]);
        let body = body(
            segmentation(verdict(true, 1.0), vec![covered, cover]),
            &Request::default(),
        );
        let answer: Value = serde_json::from_str(&body).unwrap();
        let anomalies = answer["DetectAnomalyResult"]["Anomalies"].as_array().unwrap();
        let names: Vec<_> = anomalies
            .iter()
            .map(|anomaly| anomaly["Name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["background", "dent"]);
        assert_eq!(anomalies[1]["PixelAnomaly"]["TotalPercentageArea"], 0.25);
    }

    #[test]
    fn a_painted_answer_would_pass_as_a_recorded_one() {
        for then in [
            Then::Classification(verdict(true, 0.5)),
            segmentation(verdict(false, 0.0), Vec::new()),
            segmentation(
                verdict(true, 1.0),
                vec![anomaly("dent", "#4DD8FF", [0.0, 0.0, 1.0, 1.0])],
            ),
        ] {
            let body = body(then, &Request::default());
            RecordedAnswer::parse(Path::new("answer.json"), body).unwrap();
        }
    }

    #[test]
    fn a_mask_has_the_size_of_each_image() {
        let projects = projects(vec![always(segmentation(
            verdict(true, 1.0),
            vec![anomaly("dent", "#4DD8FF", [0.0, 0.0, 0.5, 0.5])],
        ))]);
        for (width, height) in [(64, 64), (65, 131), (4096, 64), (64, 64)] {
            let image = png_of_size(width, height);
            let request = Request {
                body: &image,
                ..Request::default()
            };
            let output = request.perform(&projects, &CallCounts::default()).unwrap();
            let answer: Value = serde_json::from_slice(&output.result.unwrap()).unwrap();
            let result = &answer["DetectAnomalyResult"];
            let mask = BASE64_STANDARD
                .decode(result["AnomalyMask"].as_str().unwrap())
                .unwrap();
            let (mask_width, mask_height, pixels) = decode_rgb(&mask);
            assert_eq!((mask_width, mask_height), (width, height));
            for entry in result["Anomalies"].as_array().unwrap() {
                let color = match entry["Name"].as_str().unwrap() {
                    "background" => [0xff; 3],
                    _ => [0x4d, 0xd8, 0xff],
                };
                let area =
                    pixels.iter().filter(|pixel| **pixel == color).count() as f64 / pixels.len() as f64;
                assert_eq!(
                    entry["PixelAnomaly"]["TotalPercentageArea"],
                    f64::from(area as f32)
                );
            }
        }
    }

    #[test]
    fn a_recorded_answer_is_given_byte_for_byte() {
        let text = "{\"DetectAnomalyResult\": {\"Confidence\": 0.50, \"IsAnomalous\": true, \"Source\": {\"Type\": \"direct\"}}}\n";
        let recorded = RecordedAnswer::parse(Path::new("scratch.json"), text).unwrap();
        assert_eq!(body(Then::Recorded(recorded), &Request::default()), text);
    }

    #[test]
    fn an_error_of_a_rule_has_the_rule_s_words() {
        let error = |code: DetectAnomaliesError| {
            let retry_after_seconds = code.has_retry_after().then_some(7);
            let then = Then::Error(CannedError::new(code, "as told", retry_after_seconds).unwrap());
            let output = Request::default()
                .perform(&projects(vec![always(then)]), &CallCounts::default())
                .unwrap();
            assert_eq!(output.rule, RuleRef::Model(0));
            output.result.unwrap_err()
        };
        let message = || "as told".into();
        let (resource_id, resource_type) = (|| "1".to_owned(), ResourceType::Model);
        let retry_after_seconds = Some(7);
        assert_eq!(
            DetectAnomaliesError::ALL.map(error),
            [
                ServiceError::AccessDeniedException { message: message() },
                ServiceError::InternalServerException {
                    message: message(),
                    retry_after_seconds,
                    limit: None,
                },
                ServiceError::ValidationException { message: message() },
                ServiceError::ConflictException {
                    message: message(),
                    resource_id: resource_id(),
                    resource_type
                },
                ServiceError::ResourceNotFoundException {
                    message: message(),
                    resource_id: resource_id(),
                    resource_type
                },
                ServiceError::ThrottlingException {
                    message: message(),
                    quota_code: None,
                    service_code: None,
                    retry_after_seconds
                },
            ]
        );
    }

    #[test]
    fn a_delay_comes_with_the_answer() {
        let rule = CannedRule {
            delay: Some(Delay::Exactly(Duration::from_millis(250))),
            ..always(Then::Classification(Verdict::NORMAL))
        };
        let output = Request::default()
            .perform(&projects(vec![rule]), &CallCounts::default())
            .unwrap();
        assert_eq!(output.delay, Some(Duration::from_millis(250)));
    }

    /// A rule for a state of a scenario that answers with this confidence and sets the next state
    fn on_state(state: &str, confidence: f64, next: Option<&str>) -> CannedRule {
        let scenario = |state: &str| BTreeMap::from([("line".into(), state.into())]);
        CannedRule {
            when: When {
                scenario: scenario(state),
                ..When::default()
            },
            set_scenario: next.map(scenario).unwrap_or_default(),
            ..always(Then::Classification(verdict(true, confidence)))
        }
    }

    #[test]
    fn a_scenario_begins_as_started_and_is_moved_on_by_one_call_at_a_time() {
        let rules = vec![
            on_state("Started", 0.1, Some("warm")),
            on_state("warm", 0.2, Some("hot")),
            on_state("hot", 0.3, None),
        ];
        let world = projects(rules);
        let (calls, scenarios) = (CallCounts::default(), Scenarios::default());
        let persisted = Mutex::new(Vec::new());
        let answered = || {
            let memory = Memory {
                calls: &calls,
                draws: &calls,
                scenarios: &scenarios,
                persist: &|states| {
                    persisted.lock().unwrap().push(states["line"].to_string());
                    Ok(())
                },
            };
            Request::default()
                .perform_with(&world, None, memory)
                .unwrap()
                .rule
        };
        let rules: Vec<RuleRef> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(answered)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let count = |index| {
            rules
                .iter()
                .filter(|rule| **rule == RuleRef::Model(index))
                .count()
        };
        assert_eq!([count(0), count(1), count(2)], [1, 1, 6]);
        assert_eq!(*persisted.lock().unwrap(), ["warm", "hot"]);
    }

    #[test]
    fn a_scenario_that_cannot_be_persisted_or_is_one_too_many_is_not_moved_on() {
        let world = projects(vec![on_state("Started", 0.1, Some("warm"))]);
        let (calls, scenarios) = (CallCounts::default(), Scenarios::default());
        let memory = |persist| Memory {
            calls: &calls,
            draws: &calls,
            scenarios: &scenarios,
            persist,
        };
        let refused = |memory| Request::default().perform_with(&world, None, memory).unwrap_err();
        let error = refused(memory(&|_| Err(ServiceError::serialization("no disk"))));
        assert_eq!(error.message(), "no disk");
        assert!(scenarios.lock().is_empty());
        // The test's limit.
        for name in ["a", "b", "c", "d"] {
            scenarios.lock().insert(name.into(), "x".into());
        }
        let error = refused(memory(&|_| panic!("there is no room for it")));
        assert!(error.message().contains("limits.scenarios_max (4)"), "{error}");
    }

    #[test]
    fn what_is_drawn_depends_on_the_number_of_the_match_alone() {
        let drawn = |seed| CannedRule {
            confidence: Some(ConfidenceRange::new(0.9, 0.99).unwrap()),
            delay: Some(Delay::Milliseconds { from: 20, to: 80 }),
            ..always(Then::Classification(verdict(true, 0.5 + f64::from(seed) / 100.0)))
        };
        let world = projects(vec![drawn(0)]);
        let run = || {
            let calls = CallCounts::default();
            let draws = CallCounts::default();
            let answer = || {
                let memory = Memory {
                    calls: &calls,
                    draws: &draws,
                    scenarios: &Scenarios::default(),
                    persist: &|_| Ok(()),
                };
                let output = Request::default().perform_with(&world, None, memory).unwrap();
                (output.result.unwrap(), output.delay)
            };
            let mut answers: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| (0..16).map(|_| answer()).collect::<Vec<_>>()))
                    .collect();
                threads
                    .into_iter()
                    .flat_map(|thread| thread.join().unwrap())
                    .collect()
            });
            answers.sort();
            answers
        };
        let first = run();
        assert_eq!(first, run());
        let delays: BTreeSet<_> = first
            .iter()
            .map(|(_, delay)| delay.unwrap().as_millis())
            .collect();
        assert!(
            delays.len() > 20 && delays.iter().all(|delay| (20..=80).contains(delay)),
            "{delays:?}"
        );
    }

    #[test]
    fn rules_that_were_put_come_first_and_may_take_the_place_of_the_model_s() {
        let mut world = projects(vec![always(Then::Classification(verdict(true, 0.1)))]);
        let mut put = PutRules {
            rules: vec![PutRule {
                id: 7,
                rule: Arc::new(CannedRule {
                    when: When {
                        call: Some(Between { from: 2, to: 2 }.into()),
                        ..When::default()
                    },
                    ..always(Then::Classification(verdict(true, 0.2)))
                }),
            }],
            replaces_declared: false,
        };
        let calls = CallCounts::default();
        let answered = |world: &World, put: &PutRules| {
            let memory = Memory {
                calls: &calls,
                draws: &calls,
                scenarios: &Scenarios::default(),
                persist: &|_| Ok(()),
            };
            Request::default()
                .perform_with(world, Some(put), memory)
                .unwrap()
                .rule
        };
        assert_eq!(answered(&world, &put), RuleRef::Model(0));
        assert_eq!(answered(&world, &put), RuleRef::Put(7));
        put.replaces_declared = true;
        assert_eq!(answered(&world, &put), RuleRef::Default);
        // The project's rules are checked after both.
        let mut declared = my_project(Vec::new());
        declared.detect_anomalies = vec![always(Then::Classification(verdict(true, 0.3)))];
        world = World::of(vec![declared]);
        assert_eq!(answered(&world, &put), RuleRef::Project(0));
        assert_eq!(RuleRef::Put(7).to_string(), "r-7");
    }

    #[test]
    fn rules_by_call_number_count_each_model_and_start_again_after_a_reset() {
        let throttled_twice = || CannedRule {
            when: When {
                call: Some(Between { from: 1, to: 2 }.into()),
                ..When::default()
            },
            ..always(Then::Error(
                CannedError::new(
                    DetectAnomaliesError::ThrottlingException,
                    "Rate exceeded",
                    Some(1),
                )
                .unwrap(),
            ))
        };
        let projects = World::of(vec![project(
            "myProject",
            vec![
                model("1", ModelStatus::Hosted, vec![throttled_twice()]),
                model("2", ModelStatus::Hosted, vec![throttled_twice()]),
            ],
        )]);
        let call_counts = CallCounts::default();
        let succeeds = |model_version, region: &str| {
            let request = Request {
                model_version,
                region: region.parse().unwrap(),
                ..Request::default()
            };
            request.perform(&projects, &call_counts).unwrap().result.is_ok()
        };
        assert_eq!([(); 3].map(|()| succeeds("1", "us-west-2")), [false, false, true]);
        // Another model and another Region have counts of their own; `latest` has the count of its version.
        assert_eq!([(); 3].map(|()| succeeds("1", "eu-west-1")), [false, false, true]);
        assert_eq!(
            ["2", "latest", "2"].map(|version| succeeds(version, "us-west-2")),
            [false, false, true]
        );
        call_counts.reset();
        assert!(!succeeds("1", "us-west-2"));
    }

    #[test]
    fn a_model_without_a_matching_rule_uses_the_project_s() {
        let mut my_project = my_project(Vec::new());
        my_project.detect_anomalies = vec![always(Then::Classification(verdict(true, 0.5)))];
        let output = Request::default()
            .perform(&World::of(vec![my_project]), &CallCounts::default())
            .unwrap();
        assert_eq!(output.rule, RuleRef::Project(0));
    }

    #[test]
    fn a_declared_name_answers_like_a_version() {
        let projects = World::of(vec![project(
            "myProject",
            vec![model("myModel", ModelStatus::Hosted, Vec::new())],
        )]);
        let request = Request {
            model_version: "myModel",
            ..Request::default()
        };
        assert!(
            request
                .perform(&projects, &CallCounts::default())
                .unwrap()
                .result
                .is_ok()
        );
    }
}

mod refusals {
    use super::*;

    #[test]
    fn members_break_constraints() {
        refuses(
            &Request {
                project_name: "my/project",
                ..Request::default()
            },
            r"1 validation error detected: Value 'my/project' at 'projectName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9][a-zA-Z0-9_\-]*",
        );
        refuses(
            &Request {
                model_version: "0",
                ..Request::default()
            },
            "1 validation error detected: Value '0' at 'modelVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: ([1-9][0-9]*|latest)",
        );
        refuses(
            &Request {
                content_type: None,
                ..Request::default()
            },
            "1 validation error detected: Value null at 'contentType' failed to satisfy constraint: Member must not be null",
        );
        refuses(
            &Request {
                project_name: "-",
                model_version: "v1",
                content_type: Some(""),
                ..Request::default()
            },
            r"3 validation errors detected: Value '-' at 'projectName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9][a-zA-Z0-9_\-]*; Value 'v1' at 'modelVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: ([1-9][0-9]*|latest); Value '' at 'contentType' failed to satisfy constraint: Member must have length greater than or equal to 1",
        );
    }

    #[test]
    fn a_content_type_is_not_one_of_the_two() {
        let error = refuses(
            &Request {
                content_type: Some("application/octet-stream"),
                ..Request::default()
            },
            "content-type must be one of the following. image/jpeg, image/png",
        );
        assert!(matches!(error, ServiceError::ValidationException { .. }));
    }

    #[test]
    fn the_project_is_unknown() {
        let error = refuses(
            &Request {
                project_name: "another",
                ..Request::default()
            },
            "The project another could not be found.",
        );
        let ServiceError::ResourceNotFoundException {
            resource_id,
            resource_type,
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            (resource_id.as_str(), resource_type.as_str()),
            ("another", "PROJECT")
        );
    }

    #[test]
    fn the_project_is_in_another_region() {
        let mut elsewhere = my_project(Vec::new());
        elsewhere.region = Some("eu-west-1".parse().unwrap());
        let projects = World::of(vec![elsewhere]);
        let error = Request::default()
            .perform(&projects, &CallCounts::default())
            .unwrap_err();
        assert_eq!(error.to_string(), "The project myProject could not be found.");
    }

    #[test]
    fn the_model_is_unknown() {
        let error = refuses(
            &Request {
                model_version: "3",
                ..Request::default()
            },
            "The model version 3 of project myProject could not be found.",
        );
        let ServiceError::ResourceNotFoundException {
            resource_id,
            resource_type,
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((resource_id.as_str(), resource_type.as_str()), ("3", "MODEL"));
    }

    #[test]
    fn latest_stands_for_nothing() {
        let projects = World::of(vec![project(
            "myProject",
            vec![model("myModel", ModelStatus::Hosted, Vec::new())],
        )]);
        let request = Request {
            model_version: "latest",
            ..Request::default()
        };
        let error = request.perform(&projects, &CallCounts::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The model version latest of project myProject could not be found."
        );
    }

    #[test]
    fn the_model_is_not_hosted() {
        for status in ModelStatus::ALL
            .into_iter()
            .filter(|status| *status != ModelStatus::Hosted)
        {
            let projects = World::of(vec![project("myProject", vec![model("1", status, Vec::new())])]);
            let error = Request::default()
                .perform(&projects, &CallCounts::default())
                .unwrap_err();
            let ServiceError::ConflictException {
                message,
                resource_id,
                resource_type,
            } = error
            else {
                panic!("{error:?}")
            };
            assert_eq!(
                message,
                format!("The model version 1 of project myProject is not hosted. Its status is {status}.")
            );
            assert_eq!((resource_id.as_str(), resource_type.as_str()), ("1", "MODEL"));
        }
    }

    #[test]
    fn the_image_is_not_taken() {
        let error = refuses(
            &Request {
                body: TOO_SMALL_PNG,
                ..Request::default()
            },
            "The image is 63 x 64 pixels. Width and height must be from 64 to 4096 pixels.",
        );
        assert!(matches!(error, ServiceError::ValidationException { .. }));
        refuses(
            &Request {
                body: b"",
                ..Request::default()
            },
            "The image is empty.",
        );
        refuses(
            &Request {
                body: NORMAL_JPEG,
                ..Request::default()
            },
            "The image is image/jpeg, but the content type is image/png.",
        );
    }

    /// Each request makes the mistake of one rule and of every later one.
    #[test]
    fn the_first_failing_check_answers() {
        let everything = Request {
            project_name: "an other",
            model_version: "3",
            content_type: Some("text/plain"),
            body: b"",
            ..Request::default()
        };
        refuses(
            &everything,
            r"1 validation error detected: Value 'an other' at 'projectName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9][a-zA-Z0-9_\-]*",
        );
        let from_rule_2 = Request {
            project_name: "another",
            ..everything
        };
        refuses(
            &from_rule_2,
            "content-type must be one of the following. image/jpeg, image/png",
        );
        let from_rule_3 = Request {
            content_type: Some("image/png"),
            ..from_rule_2
        };
        refuses(&from_rule_3, "The project another could not be found.");
        let from_rule_4 = Request {
            project_name: "myProject",
            ..from_rule_3
        };
        refuses(
            &from_rule_4,
            "The model version 3 of project myProject could not be found.",
        );
        let from_rule_5 = Request {
            model_version: "2",
            ..from_rule_4
        };
        refuses(
            &from_rule_5,
            "The model version 2 of project myProject is not hosted. Its status is TRAINED.",
        );
        let from_rule_6 = Request {
            model_version: "1",
            ..from_rule_5
        };
        refuses(&from_rule_6, "The image is empty.");
    }
}
