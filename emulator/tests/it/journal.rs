//! The journal as a test author reads it.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use crate::support::{
    Answer, Call, control, control_accepting, control_at, control_stream, emulator, emulator_with,
};

#[tokio::test]
async fn an_entry_has_every_member() {
    let emulator = emulator().await;
    let answer = Call::detect("1").send(&emulator).await;
    let entry = crate::support::journal_of(&emulator).await.pop().unwrap();
    assert_eq!(entry["request_id"].as_str(), answer.header("x-amzn-requestid"));
    assert_eq!(
        entry["entry_point"],
        json!({"kind": "vpc-endpoint", "vpc_endpoint_id": "vpce-00000000000000000", "vpc_id": "vpc-00000000000000000"})
    );
    assert_eq!(entry["source_ip"], "127.0.0.1");
    assert_eq!(entry["method"], "POST");
    assert_eq!(entry["target"], "/2020-11-20/projects/myProject/models/1/detect");
    assert_eq!(entry["host"], "localhost");
    assert_eq!(
        entry["tls"],
        json!({"version": "TLSv1.3", "sni": "localhost", "alpn": null})
    );
    assert_eq!(entry["principal"], "arn:aws:iam::123456789012:user/test");
    assert_eq!(entry["access_key_id"], "test");
    assert_eq!(entry["operation"], "DetectAnomalies");
    assert_eq!(entry["action"], "lookoutvision:DetectAnomalies");
    assert_eq!(
        entry["resource"],
        "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"
    );
    assert_eq!(entry["status"], 200);
    assert_eq!(entry["error_code"], Value::Null);
    assert_eq!(entry["decision"], "allowed");
    let sha256 = entry["decided_by"]["document_sha256"].clone();
    assert!(
        sha256.as_str().is_some_and(|sha256| sha256.len() == 64),
        "{sha256}"
    );
    assert_eq!(
        entry["decided_by"],
        json!({"policy_type": "vpc-endpoint", "policy": 0, "document_sha256": sha256, "statement": 0, "sid": null})
    );
    assert_eq!(entry["signature"], Value::Null);
    assert_eq!(entry["body"]["bytes"], crate::support::JPEG.len());
    assert_eq!(entry["body"]["content_type"], "image/jpeg");
    assert!(
        entry["body"]["sha256"]
            .as_str()
            .is_some_and(|sha256| sha256.len() == 64)
    );
    assert_eq!(entry["response"]["bytes"], answer.body.len());
    for key in [
        "aws:PrincipalArn",
        "aws:SourceVpce",
        "aws:RequestedRegion",
        "aws:CurrentTime",
        "aws:userid",
    ] {
        assert!(entry["context"][key][0].is_string(), "{key}: {entry}");
    }
    assert!(entry["time"].is_string() && entry["duration_micros"].is_u64());
    assert!(entry["statements"].is_array());
}

#[tokio::test]
async fn filters_narrow_and_unknown_ones_are_refused() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    Call::detect("1")
        .credentials("AKIDNOBODY", "x")
        .send(&emulator)
        .await;
    let count = async |query: &str| {
        let answer = control(&emulator, "GET", &format!("/requests?{query}"), "").await;
        answer.json().as_array().map(Vec::len)
    };
    assert_eq!(count("").await, Some(2));
    assert_eq!(count("status=200").await, Some(1));
    assert_eq!(count("operation=DetectAnomalies").await, Some(2));
    assert_eq!(count("operation=ListProjects").await, Some(0));
    assert_eq!(
        count("decision=allowed&vpc_endpoint_id=vpce-00000000000000000").await,
        Some(1)
    );
    assert_eq!(
        count("principal=arn:aws:iam::123456789012:user/nobody").await,
        Some(0)
    );
    let first = crate::support::journal_of(&emulator).await[0]["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(count(&format!("since={first}")).await, Some(1));
    let arn = "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1";
    for (query, expected) in [
        ("access_key_id=test", 1),
        ("access_key_id=AKIDNOBODY", 1),
        ("error_code=UnrecognizedClientException", 1),
        ("error_code=AccessDeniedException", 0),
        (&format!("resource={arn}"), 1),
        ("resource=*", 0),
        ("service=lookoutvision", 2),
        ("service=sts", 0),
        ("operation=AssumeRole", 0),
        ("operation=DescribeVpcs", 0),
        ("source_ip=127.0.0.1", 2),
        ("source_ip=::1", 0),
        ("target=/2020-11-20/projects/myProject/models/1/detect", 2),
        ("target=/", 0),
        ("rule=default", 1),
        ("rule=nothing", 0),
        (&format!("after={first}"), 1),
        (&format!("before={first}"), 0),
        (&format!("before={first}&order=newest&limit=1"), 0),
    ] {
        assert_eq!(count(query).await, Some(expected), "{query}");
    }
    for (query, message) in [
        ("colour=red", "there is no parameter `colour`; "),
        ("operation=DetectAnomaly", "did you mean `DetectAnomalies`?"),
        ("status=200&status=403", "`status` is given more than once"),
    ] {
        let answer = control(&emulator, "GET", &format!("/requests?{query}"), "").await;
        assert_eq!(answer.status, 400);
        let error = &answer.json()["error"];
        assert_eq!(error["code"], "InvalidFilter");
        let found = error["message"].as_str().unwrap();
        assert!(found.contains(message), "{found}");
    }
}

/// The ids of the requests in an answer
fn ids(answer: &Answer) -> Vec<String> {
    let entries = answer.json();
    let entries = entries.as_array().expect("it is a list").iter();
    entries
        .map(|entry| entry["request_id"].as_str().expect("it has an id").to_owned())
        .collect()
}

/// Where the next page is, if there is one
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(target.to_owned())
}

#[tokio::test]
async fn pages_lead_through_the_whole_journal_in_either_order() {
    let emulator = emulator().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        // Every third is about something else.
        let call = match number % 3 {
            2 => Call::get("/2020-11-20/projects"),
            _ => Call::detect("1"),
        };
        let answer = call.send(&emulator).await;
        if number % 3 != 2 {
            expected.push(answer.header("x-amzn-requestid").unwrap().to_owned());
        }
    }
    for order in ["oldest", "newest"] {
        let mut target = format!("/requests?limit=2&operation=DetectAnomalies&order={order}");
        let mut pages = Vec::new();
        loop {
            let page = control(&emulator, "GET", &target, "").await;
            pages.push(ids(&page));
            match next(&page) {
                Some(next) => target = next,
                None => break,
            }
        }
        assert_eq!(
            pages.iter().map(Vec::len).collect::<Vec<_>>(),
            [2, 2, 1],
            "{order}"
        );
        assert_eq!(pages.concat(), expected, "{order}");
        expected.reverse();
    }
    // A page that holds exactly what there is leads nowhere.
    let all = control(&emulator, "GET", "/requests?limit=7", "").await;
    assert_eq!((ids(&all).len(), next(&all)), (7, None));
    // What came in after the first page is on the last one.
    let first = control(&emulator, "GET", "/requests?limit=6", "").await;
    Call::detect("1").send(&emulator).await;
    let rest = control(&emulator, "GET", &next(&first).unwrap(), "").await;
    assert_eq!(ids(&rest).len(), 2);
}

#[tokio::test]
async fn a_request_that_was_evicted_counts_as_the_oldest() {
    let emulator = emulator_with("limits: {journal_entries_max: 2}").await;
    let mut sent = Vec::new();
    for _ in 0..4 {
        let answer = Call::detect("1").send(&emulator).await;
        sent.push(answer.header("x-amzn-requestid").unwrap().to_owned());
    }
    let after = control(&emulator, "GET", &format!("/requests?after={}", sent[0]), "").await;
    assert_eq!(ids(&after), sent[2..]);
    let before = control(&emulator, "GET", &format!("/requests?before={}", sent[0]), "").await;
    assert_eq!(ids(&before), [] as [&str; 0]);
    let between = format!("/requests?after={}&before={}", sent[1], sent[3]);
    assert_eq!(ids(&control(&emulator, "GET", &between, "").await), sent[2..3]);
}

#[tokio::test]
async fn entries_come_as_lines_to_those_who_ask_for_them() {
    let emulator = emulator().await;
    for _ in 0..3 {
        Call::detect("1").send(&emulator).await;
    }
    let list = control(&emulator, "GET", "/requests", "").await;
    assert_eq!(list.header("content-type"), Some("application/json"));
    for accept in ["application/x-ndjson", "text/html, Application/X-NDJSON;q=0.5"] {
        let lines = control_accepting(&emulator, "/requests?limit=2&order=newest", accept).await;
        assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
        assert!(next(&lines).is_some());
        let read: Vec<Value> = lines
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let list = list.json();
        assert_eq!(read, [list[2].clone(), list[1].clone()]);
    }
    for accept in ["*/*", "application/json", "application/x-ndjson;q=0"] {
        let answer = control_accepting(&emulator, "/requests", accept).await;
        assert_eq!(answer.json(), list.json(), "{accept}");
    }
    control(&emulator, "DELETE", "/requests", "").await;
    let empty = control_accepting(&emulator, "/requests", "application/x-ndjson").await;
    assert_eq!((empty.status, empty.text()), (200, ""));
}

/// Many statements, each of which is explained anew by the client's user agent
fn expensive_policy() -> Value {
    let statements: Vec<Value> = (0..40)
        .map(|number| {
            json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
                "Condition": {"StringEquals": {"aws:UserAgent": format!("{number} ${{aws:UserAgent}}")}}})
        })
        .chain([json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})])
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

#[tokio::test]
async fn readers_of_expensive_entries_hold_nobody_up() {
    // The emulator and its clients have one thread here: whatever is done on it holds everybody up.
    let emulator = Emulator::builder()
        .endpoint_policy(expensive_policy())
        .start()
        .await
        .unwrap();
    let mut call = Call::detect("1");
    call.extra_headers
        .push(("user-agent".to_owned(), "a".repeat(1_000)));
    for _ in 0..30 {
        assert_eq!(call.send(&emulator).await.status, 200);
    }

    let url = emulator.control_url();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { control_at(&url, "GET", "/requests", "").await })
        })
        .collect();
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    while !readers.iter().all(JoinHandle::is_finished) {
        let sent = Instant::now();
        assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
        longest = longest.max(sent.elapsed());
    }
    let reading = begun.elapsed();
    // A reader's list took a quarter of the time; a request that waited for one took as long.
    assert!(longest * 8 < reading, "{longest:?} of {reading:?}");
    for reader in readers {
        let list = reader.await.unwrap();
        assert_eq!(list.header("transfer-encoding"), Some("chunked"));
        let entries = list.json();
        let entries = entries.as_array().unwrap();
        assert!(entries.len() >= 30, "{}", entries.len());
        for entry in entries {
            assert_eq!(entry["statements"].as_array().map(Vec::len), Some(41));
        }
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_leaves_the_others_their_list() {
    let emulator = Emulator::builder()
        .endpoint_policy(expensive_policy())
        .start()
        .await
        .unwrap();
    for _ in 0..20 {
        Call::detect("1").send(&emulator).await;
    }
    for _ in 0..8 {
        let mut stream = control_stream(&emulator).await;
        let request = b"GET /requests HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
    }
    let list = control(&emulator, "GET", "/requests", "").await;
    assert_eq!(list.json().as_array().map(Vec::len), Some(20));
    assert_eq!(
        list.json(),
        Value::from(crate::support::journal_of(&emulator).await)
    );
}

#[tokio::test]
async fn it_begins_empty_and_can_be_emptied() {
    let emulator = emulator().await;
    assert_eq!(control(&emulator, "GET", "/requests", "").await.json(), json!([]));
    Call::detect("1").send(&emulator).await;
    let id = crate::support::journal_of(&emulator).await[0]["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        control(&emulator, "GET", &format!("/requests/{id}"), "")
            .await
            .status,
        200
    );
    let refused = control(&emulator, "DELETE", "/requests?operation=DetectAnomalies", "").await;
    assert_eq!(refused.status, 400);
    let removed = control(&emulator, "DELETE", "/requests", "").await;
    assert_eq!((removed.status, removed.json()), (200, json!({"removed": 1})));
    let removed = control(&emulator, "DELETE", "/requests", "").await;
    assert_eq!(removed.json(), json!({"removed": 0}));
    assert_eq!(control(&emulator, "GET", "/requests", "").await.json(), json!([]));
    assert_eq!(
        control(&emulator, "GET", &format!("/requests/{id}"), "")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_newest_masks_are_kept_where_bodies_are_not() {
    let emulator = emulator_with(
        "limits: {journal_masks_bytes_max: 10000}
projects:
  - name: myProject
    models:
      - version: \"1\"
        detect_anomalies: [{then: {is_anomalous: true, confidence: 0.97, anomalies: [{name: hole, color: '#23A436', regions: [{x: 0.1, y: 0.1, width: 0.5, height: 0.5}]}]}}]
      - version: \"2\"
",
    )
    .await;
    let answer = Call::detect("1").send(&emulator).await;
    assert!(
        answer.json()["DetectAnomalyResult"]["AnomalyMask"].is_string(),
        "{answer:?}"
    );
    Call::detect("2").send(&emulator).await;
    let kept = |entry: &Value| entry["response"].get("kept").is_some();
    let entries = crate::support::journal_of(&emulator).await;
    assert_eq!(entries.iter().map(kept).collect::<Vec<_>>(), [true, false]);
    assert_eq!(entries[0]["body"].get("kept"), None, "the image is not");
    // Later ones take its place.
    for _ in 0..10_000 / answer.body.len() {
        Call::detect("1").send(&emulator).await;
    }
    let entries = crate::support::journal_of(&emulator).await;
    assert!(
        !kept(&entries[0]) && kept(entries.last().unwrap()),
        "{}",
        answer.body.len()
    );
}

#[tokio::test]
async fn answers_are_kept_whole_or_not_at_all_and_those_of_sts_never() {
    let emulator = emulator_with("limits: {journal_body_bytes_max: 400}").await;
    let answer = Call::detect("1").send(&emulator).await;
    let listed = Call::get(&format!("/2020-11-20/projects/{}", "x".repeat(300)))
        .send(&emulator)
        .await;
    Call::query("sts", "GetCallerIdentity", &[]).send(&emulator).await;
    let entries = crate::support::journal_of(&emulator).await;
    let [detected, refused, identity] = &entries[..] else {
        panic!("{entries:?}");
    };
    assert!(answer.body.len() <= 400 && listed.body.len() > 400);
    let kept = detected["response"]["kept"].as_str().expect("it is kept");
    assert_eq!(BASE64_STANDARD.decode(kept).unwrap(), answer.body);
    assert_eq!(refused["response"].get("kept"), None, "{refused}");
    assert_eq!(identity["status"], 200);
    assert_eq!(identity["response"].get("kept"), None, "{identity}");

    let keeps_nothing = crate::support::emulator().await;
    Call::detect("1").send(&keeps_nothing).await;
    let entry = crate::support::journal_of(&keeps_nothing).await.pop().unwrap();
    assert_eq!(entry["response"].get("kept"), None, "{entry}");
}
