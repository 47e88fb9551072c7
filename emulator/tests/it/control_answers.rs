//! What holds for every answer and every query of the control API.

use lookoutvision_emulator::Emulator;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::support::{control, control_stream, emulator};

/// The header fields of an answer, which may have no end, in lower case
async fn fields(emulator: &Emulator, head: &str) -> Vec<String> {
    let mut stream = BufReader::new(control_stream(emulator).await);
    stream
        .write_all(head.as_bytes())
        .await
        .expect("the control API reads");
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        stream
            .read_line(&mut line)
            .await
            .expect("the control API answers");
        match line.trim_end() {
            "" => return fields,
            line => fields.push(line.to_ascii_lowercase()),
        }
    }
}

#[tokio::test]
async fn no_answer_is_kept_for_later_or_taken_for_what_it_is_not() {
    let emulator = emulator().await;
    for (request, kept) in [
        ("GET / HTTP/1.1", "no-store"),
        ("GET /health HTTP/1.1", "no-store"),
        ("GET /events HTTP/1.1", "no-store"),
        ("GET /state?secrets=true HTTP/1.1", "no-store"),
        ("GET /env HTTP/1.1", "no-store"),
        ("GET /ca.pem HTTP/1.1", "no-store"),
        ("DELETE /requests HTTP/1.1", "no-store"),
        ("GET /nonsense HTTP/1.1", "no-store"),
        ("BREW /health HTTP/1.1", "no-store"),
        ("this is no request", "no-store"),
        ("GET /dashboard HTTP/1.1", "no-cache"),
        ("GET /dashboard/style.css HTTP/1.1", "no-cache"),
    ] {
        let head = format!("{request}\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        let fields = fields(&emulator, &head).await;
        let kept = format!("cache-control: {kept}");
        assert!(fields.contains(&kept), "{request}: {fields:?}");
        let nosniff = "x-content-type-options: nosniff".to_owned();
        assert!(fields.contains(&nosniff), "{request}: {fields:?}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_given_twice_is_refused_by_every_route() {
    let emulator = emulator().await;
    let rules = "/projects/myProject/models/1/detect-anomalies";
    for (target, name) in [
        ("/state?secrets=false&secrets=true", "secrets"),
        (&*format!("{rules}?region=us-west-2&region=us-east-1"), "region"),
        ("/env?client=node&client=java", "client"),
        ("/env?client=node&%63lient=java", "client"),
        ("/projects?region=us-west-2&region=us-west-2", "region"),
        ("/coverage?format=lcov&format=lcov", "format"),
        ("/matrix?format=text&format=text", "format"),
        ("/statistics?seconds=60&seconds=60", "seconds"),
        ("/requests/counts?by=status&by=rule", "by"),
        ("/identity-policy/draft?principal=a&principal=b", "principal"),
    ] {
        let refused = control(&emulator, "GET", target, "").await;
        let error = &refused.json()["error"];
        assert_eq!(refused.status, 400, "{target}: {error}");
        assert_eq!(error["code"], "InvalidParameter", "{target}: {error}");
        assert_eq!(
            error["message"],
            format!("`{name}` is given more than once"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn the_dashboard_is_found_with_a_slash_behind_it() {
    let emulator = emulator().await;
    let led = control(&emulator, "GET", "/dashboard/", "").await;
    assert_eq!((led.status, led.header("location")), (308, Some("/dashboard")));
}
