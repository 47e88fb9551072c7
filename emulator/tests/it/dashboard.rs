//! The dashboard's pages and files, as a browser gets them.

use lookoutvision_emulator::Emulator;
use tokio::io::AsyncWriteExt;

use crate::support::{Answer, control, control_stream, emulator, emulator_with, read_answer};

/// What pages and modules load, by their links, sources and imports
fn loaded(text: &str) -> Vec<String> {
    let between = |before: &str, after: char| -> Vec<String> {
        let rest = text.split(before).skip(1);
        rest.filter_map(|rest| rest.split(after).next().map(str::to_owned))
            .collect()
    };
    let links = [
        between("href=\"/dashboard", '"'),
        between("src=\"/dashboard", '"'),
    ]
    .concat();
    let imports = between(" from './", '\'')
        .into_iter()
        .map(|name| format!("/{name}"));
    links.into_iter().chain(imports).collect()
}

async fn page(emulator: &Emulator, path: &str) -> Answer {
    let answer = control(emulator, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}");
    assert_eq!(
        answer.header("content-security-policy"),
        Some(
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        "{path}"
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    answer
}

#[tokio::test]
async fn every_page_and_all_that_it_loads_is_there_and_runs_nothing_inline() {
    let emulator = emulator().await;
    let mut seen = vec![String::new()];
    let mut next = 0;
    while let Some(name) = seen.get(next).cloned() {
        next += 1;
        let path = format!("/dashboard{}", name.split(['?', '#']).next().unwrap_or_default());
        let answer = page(&emulator, &path).await;
        let content_type = answer.header("content-type").expect("every answer has one");
        let text = answer.text();
        if content_type.starts_with("text/html") {
            assert!(
                !text.contains("<script>") && !text.contains(" style=\""),
                "{path}"
            );
            let is_handler = |word: &str| word.starts_with("on") && word.contains("=\"");
            assert!(!text.split_whitespace().any(is_handler), "{path}");
            assert_eq!(text.matches("aria-current=\"page\"").count(), 1, "{path}");
        }
        for other in loaded(text) {
            // Modules make addresses of their own, which have a page's name in them at most.
            if !other.contains('$') && !seen.contains(&other) {
                seen.push(other);
            }
        }
    }
    for wanted in [
        "/policies",
        "/coverage",
        "/setup",
        "/style.css",
        "/requests.js",
        "/base.js",
    ] {
        assert!(seen.iter().any(|name| name == wanted), "{wanted}: {seen:?}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_is_refused_with_those_that_are() {
    let emulator = emulator().await;
    for path in [
        "/dashboard/nonsense",
        "/dashboard/..%2Fsecret",
        "/dashboard/style.css%00",
    ] {
        let answer = control(&emulator, "GET", path, "").await;
        assert_eq!(answer.status, 404, "{path}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("`policies`, "), "{message}");
    }
}

#[tokio::test]
async fn a_page_is_given_to_nobody_who_comes_by_another_name() {
    let emulator = emulator_with("names: [emulator.example]").await;
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]", 200),
        ("emulator.example", 200),
        ("rebound.example", 403),
        ("localhost.example", 403),
    ] {
        let mut stream = control_stream(&emulator).await;
        let request = format!("GET /dashboard HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await.unwrap();
        assert_eq!(answer.status, status, "{host}");
    }
}
