//! `GET /events`: requests and changes as they happen.

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{
    process::PROGRAM,
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
        let mut stream = control_stream(emulator).await;
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
    let listener = Listener::listen(&emulator, None).await;
    let start = listener
        .text
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap()
        .to_owned();
    drop(listener);
    for _ in 0..5 {
        Call::get("/2020-11-20/projects").send(&emulator).await;
    }
    let mut late = Listener::listen(&emulator, Some(&start)).await;
    late.read_until(": dropped 3").await;
    late.read_until("event: request").await;
    let mut foreign = Listener::listen(&emulator, Some("00000000-9-9")).await;
    foreign.read_until("event: request").await;
    assert!(!foreign.text.contains("dropped"), "{}", foreign.text);
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
