//! `GET /events`: requests and changes as they happen.

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{
    process::{PROGRAM, Process},
    support::{Call, control, control_stream, emulator, emulator_with},
};

/// A listener, chunk by chunk as the server sends it
struct Listener {
    stream: TcpStream,
    text: String,
}

/// One event: its id, its name, its data
type Event = (String, String, Value);

impl Listener {
    async fn listen(emulator: &Emulator, last_event_id: Option<&str>) -> Self {
        Self::listen_over(control_stream(emulator).await, last_event_id).await
    }

    async fn listen_over(mut stream: TcpStream, last_event_id: Option<&str>) -> Self {
        let resumed = last_event_id.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
        let request = format!("GET /events HTTP/1.1\r\nhost: localhost\r\n{resumed}\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the control API reads");
        let mut listener = Self {
            stream,
            text: String::new(),
        };
        listener.read_until("\nid: ").await;
        assert!(
            listener.text.contains("content-type: text/event-stream\r\n"),
            "{}",
            listener.text
        );
        listener
    }

    /// Where the stream began
    fn first_id(&self) -> String {
        let id = self.text.lines().find_map(|line| line.strip_prefix("id: "));
        id.expect("a stream begins with its place").to_owned()
    }

    /// Reads on until there is this text and an end of a block after it
    async fn read_until(&mut self, wanted: &str) {
        let is_there = |text: &str| text.find(wanted).is_some_and(|at| text[at..].contains("\n\n"));
        while !is_there(&self.text) {
            let mut bytes = [0; 4_096];
            let count = self.stream.read(&mut bytes).await.expect("the stream goes on");
            assert!(count > 0, "the stream ended: {}", self.text);
            self.text
                .push_str(std::str::from_utf8(&bytes[..count]).expect("events are text"));
        }
    }

    fn events(&self) -> Vec<Event> {
        let field = |block: &str, name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name).map(str::to_owned))
        };
        let blocks = self.text.split("\n\n");
        let events = blocks.filter_map(|block| {
            let data = field(block, "data: ")?;
            Some((
                field(block, "id: ")?,
                field(block, "event: ")?,
                serde_json::from_str(&data).expect("data is JSON"),
            ))
        });
        events.collect()
    }

    async fn next_events(&mut self, wanted: &str) -> Vec<Event> {
        self.read_until(wanted).await;
        self.events()
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_put_in_force_is_told_with_the_reason_until_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let write = |yaml: &str| std::fs::write(folder.path().join("emulator.yaml"), yaml).unwrap();
    write("names: [a.test]\n");
    let process = Process::start(folder.path());
    let address = process.control_url().strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut listener = Listener::listen_over(stream, None).await;
    let is_in_order = async |check: &str| {
        let findings = process.control("GET", "/doctor", "").await.json();
        findings
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| finding["check"] != check)
    };
    assert!(is_in_order("configuration").await);

    write("nams: [a.test]\n");
    let events = listener.next_events("\"kind\":\"reload\"").await;
    let (_, name, change) = events.last().unwrap();
    assert_eq!(
        (name.as_str(), &change["failed"]),
        ("change", &json!(true)),
        "{change}"
    );
    let message = change["message"].as_str().unwrap();
    assert!(message.contains("emulator.yaml:1:1: /nams: "), "{message}");
    assert!(!is_in_order("configuration").await);

    // What is in force stands in the file again, which changes nothing but that.
    write("names: [a.test]\n");
    listener.text.clear();
    let events = listener.next_events("\"kind\":\"reload\"").await;
    let (.., change) = events.last().unwrap();
    assert_eq!(change.get("failed"), None, "{change}");
    assert!(is_in_order("configuration").await);
}

#[tokio::test]
async fn requests_and_changes_are_told_as_they_happen_and_from_where_a_listener_was() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    let mut listener = Listener::listen(&emulator, None).await;
    let answer = Call::detect("1").send(&emulator).await;
    let id = answer.header("x-amzn-requestid").unwrap();
    let events = listener.next_events(id).await;
    // What was before is in the journal.
    let [(first, name, request)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(name, "request");
    let entry = control(&emulator, "GET", &format!("/requests/{id}"), "")
        .await
        .json();
    for (member, value) in request.as_object().unwrap() {
        let expected = match member.as_str() {
            "vpc_endpoint_id" => &entry["entry_point"]["vpc_endpoint_id"],
            "rule" => &entry["response"]["rule"],
            member => &entry[member],
        };
        assert_eq!(value, expected, "{member}");
    }

    let policy = r#"{"Version": "2012-10-17", "Statement": []}"#;
    let attached = "/vpc-endpoints/vpce-00000000000000000/policy";
    assert_eq!(control(&emulator, "PUT", attached, policy).await.status, 400);
    assert_eq!(
        control(&emulator, "PUT", attached, crate::support::ONE_MODEL)
            .await
            .status,
        204
    );
    control(&emulator, "POST", "/clock/advance", r#"{"seconds":1}"#).await;
    control(&emulator, "DELETE", "/requests", "").await;
    Call::query(
        "ec2",
        "DeleteVpcEndpoints",
        &[("VpcEndpointId.1", "vpce-00000000000000000")],
    )
    .send(&emulator)
    .await;
    control(&emulator, "POST", "/reset", "").await;
    let events = listener.next_events("reset").await;
    let kinds: Vec<_> = events
        .iter()
        .filter(|(_, name, _)| name == "change")
        .map(|(.., data)| &data["kind"])
        .collect();
    assert_eq!(
        kinds,
        [
            &json!("policy"),
            &json!("clock"),
            &json!("clear"),
            &json!("endpoint"),
            &json!("reset")
        ]
    );

    // Another connection goes on behind the event that it names.
    let mut resumed = Listener::listen(&emulator, Some(first)).await;
    let again = resumed.next_events("reset").await;
    let changes = |events: &[Event]| -> Vec<Event> {
        events
            .iter()
            .filter(|(_, name, _)| name == "change")
            .cloned()
            .collect()
    };
    assert_eq!(
        changes(&again)
            .iter()
            .map(|(.., data)| data.clone())
            .collect::<Vec<_>>(),
        changes(&events)
            .iter()
            .map(|(.., data)| data.clone())
            .collect::<Vec<_>>()
    );
    let refused = "GET /events HTTP/1.1\r\nhost: localhost\r\nlast-event-id: 12\r\nconnection: close\r\n\r\n";
    let mut stream = control_stream(&emulator).await;
    stream.write_all(refused.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(
        text.starts_with("HTTP/1.1 400 ") && text.contains("InvalidEventId"),
        "{text}"
    );
}

#[tokio::test]
async fn a_listener_is_told_how_much_it_missed_and_one_of_another_process_of_everything() {
    let emulator = emulator_with("limits: {journal_entries_max: 2}").await;
    let behind = behind_the_first_request(&emulator).await;
    for _ in 0..5 {
        Call::get("/2020-11-20/projects").send(&emulator).await;
    }
    let mut late = Listener::listen(&emulator, Some(&behind)).await;
    late.read_until(": dropped 2\n").await;
    late.read_until("event: request").await;
    let mut foreign = Listener::listen(&emulator, Some("00000000-9-9")).await;
    foreign.read_until("event: request").await;
    assert!(!foreign.text.contains("dropped"), "{}", foreign.text);
}

#[tokio::test]
async fn entries_that_were_deleted_are_not_told_as_dropped() {
    let emulator = emulator_with("limits: {journal_entries_max: 3}").await;
    let behind = behind_the_first_request(&emulator).await;
    for _ in 0..5 {
        Call::get("/2020-11-20/projects").send(&emulator).await;
    }
    assert_eq!(
        control(&emulator, "DELETE", "/requests", "").await.json()["removed"],
        3
    );
    Call::get("/2020-11-20/projects").send(&emulator).await;
    let mut late = Listener::listen(&emulator, Some(&behind)).await;
    late.read_until("event: request").await;
    // Of the four behind the first, one made room for another, and three were deleted.
    assert!(late.text.contains(": dropped 1\n"), "{}", late.text);
    let requests = late.events().into_iter().filter(|(_, name, _)| name == "request");
    assert_eq!(requests.count(), 1, "{}", late.text);
}

/// An id at which no listener ever is, so that nothing is kept for it: behind the first request, and before a change that
/// comes before that
async fn behind_the_first_request(emulator: &Emulator) -> String {
    let start = Listener::listen(emulator, None).await.first_id();
    control(emulator, "POST", "/clock/advance", r#"{"seconds":1}"#).await;
    let (epoch, _) = start.split_once('-').expect("an id has parts");
    format!("{epoch}-1-0")
}

#[tokio::test]
async fn a_listener_that_names_an_event_of_the_future_is_told_everything() {
    let emulator = emulator().await;
    let start = Listener::listen(&emulator, None).await.first_id();
    let (epoch, _) = start.split_once('-').unwrap();
    Call::get("/2020-11-20/projects").send(&emulator).await;
    let mut ahead = Listener::listen(&emulator, Some(&format!("{epoch}-99-0"))).await;
    ahead.read_until("event: request").await;
    let end = ahead.events()[0].0.clone();
    assert!(end.starts_with(&format!("{epoch}-1-")), "{end}");
}

#[tokio::test]
async fn listeners_who_keep_up_are_told_the_same_and_all_of_it() {
    let emulator = emulator().await;
    let mut listeners = Vec::new();
    for _ in 0..50 {
        listeners.push(Listener::listen(&emulator, None).await);
    }
    let mut last = String::new();
    for _ in 0..100 {
        let answer = Call::get("/2020-11-20/projects").send(&emulator).await;
        last = answer.header("x-amzn-requestid").unwrap().to_owned();
    }
    let mut first = None;
    for mut listener in listeners {
        let events = listener.next_events(&last).await;
        assert_eq!(events.len(), 100);
        assert_eq!(*first.get_or_insert_with(|| events.clone()), events);
    }
}

#[tokio::test]
async fn a_listener_delays_no_stop() {
    let emulator = emulator_with("limits: {shutdown_timeout_seconds: 3600}").await;
    let mut listener = Listener::listen(&emulator, None).await;
    // Nobody waits an hour: without an end of the stream this hangs.
    assert_eq!(emulator.stop().await, 0);
    let mut rest = String::new();
    listener.stream.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.ends_with("0\r\n\r\n"),
        "the stream ends as a whole: {rest:?}"
    );
}

#[tokio::test]
async fn the_command_follows_requests_as_they_come() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(["requests", "--follow", "operation=DetectAnomalies"]);
    command.env("LOOKOUTVISION_EMULATOR_CONTROL_URL", emulator.control_url());
    let mut process = command
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert!(first.contains(" 200 DetectAnomalies allowed "), "{first}");
    Call::get("/2020-11-20/projects").send(&emulator).await;
    let denied = Call::detect("none").send(&emulator).await;
    let second = lines.next_line().await.unwrap().unwrap();
    assert!(
        second.contains(denied.header("x-amzn-requestid").unwrap()),
        "{second}"
    );
    process.kill().await.unwrap();
}

/// `requests --follow` of an emulator, and the lines that it prints
fn follow(
    control_url: &str,
) -> (
    tokio::process::Child,
    tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
) {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(["requests", "--follow"]);
    command.env("LOOKOUTVISION_EMULATOR_CONTROL_URL", control_url);
    let piped = std::process::Stdio::piped;
    let started = command.stdout(piped()).stderr(piped()).kill_on_drop(true).spawn();
    let mut process = started.expect("the program was built with its tests");
    let stdout = process.stdout.take().expect("it is piped");
    (process, BufReader::new(stdout).lines())
}

#[tokio::test]
async fn the_command_ends_with_whoever_reads_it() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    let (mut process, mut lines) = follow(&emulator.control_url());
    assert!(lines.next_line().await.unwrap().is_some());
    drop(lines);
    // No further request comes: without a look at the pipe this hangs.
    assert_eq!(process.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn the_command_follows_the_emulator_that_comes_after_the_one_that_was_stopped() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    let control_url = emulator.control_url();
    let (mut process, mut lines) = follow(&control_url);
    assert!(lines.next_line().await.unwrap().is_some());
    emulator.stop().await;
    let mut remarks = BufReader::new(process.stderr.take().expect("it is piped")).lines();
    let remark = remarks.next_line().await.unwrap().unwrap();
    assert!(remark.starts_with("no emulator answers at "), "{remark}");

    let control = control_url.trim_start_matches("http://");
    let next = emulator_with(&format!("control: {control}\n")).await;
    let answer = Call::get("/2020-11-20/projects").send(&next).await;
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(
        line.contains(answer.header("x-amzn-requestid").unwrap()),
        "{line}"
    );
    process.kill().await.unwrap();
}
