//! The control API, and that no part of it answers on the TLS listener.

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Call, ONE_MODEL, control, emulator, emulator_with, read_answer};

const POLICY: &str = "/vpc-endpoints/vpce-00000000000000000/policy";

#[tokio::test]
async fn health_tells_version_modes_and_the_ca() {
    let emulator = emulator().await;
    for path in ["/health", "/ready"] {
        let health = control(&emulator, "GET", path, "").await.json();
        assert_eq!(health["status"], "ok");
        assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
        assert!(health["uptime_seconds"].is_u64());
        assert_eq!(health["modes"]["undeclared_unsigned_payload"], "warn");
        assert_eq!(health["modes"]["public_endpoint"], "refuse");
        assert!(health["ca"]["not_after"].is_string());
    }
}

#[tokio::test]
async fn the_ca_is_handed_out_in_three_forms() {
    let emulator = emulator().await;
    let pem = control(&emulator, "GET", "/ca.pem", "").await;
    assert_eq!(pem.text(), emulator.ca_pem());
    assert!(
        control(&emulator, "GET", "/ca-bundle.pem", "")
            .await
            .text()
            .contains(emulator.ca_pem().trim())
    );
    let store = control(&emulator, "GET", "/truststore.p12", "").await;
    assert_eq!(store.header("content-type"), Some("application/x-pkcs12"));
    assert_eq!(store.body.first(), Some(&0x30), "DER begins with a sequence");
}

#[tokio::test]
async fn a_policy_is_shown_attached_and_restored() {
    let emulator = emulator().await;
    let shown = control(&emulator, "GET", POLICY, "").await.json();
    assert_eq!(
        shown,
        json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
    );
    assert_eq!(control(&emulator, "PUT", POLICY, ONE_MODEL).await.status, 204);
    assert_eq!(
        control(&emulator, "GET", POLICY, "").await.text().trim(),
        ONE_MODEL
    );
    assert_eq!(Call::detect("1").send(&emulator).await.status, 403);
    // It has no `Version`, which lint tells whoever asks.
    let told = control(&emulator, "PUT", POLICY, ONE_MODEL).await;
    assert_eq!((told.status, told.header("x-lint-findings")), (204, Some("1")));
    let told = control(&emulator, "PUT", &format!("{POLICY}?lint=true"), ONE_MODEL).await;
    assert_eq!(told.status, 200);
    assert_eq!(told.json()["findings"][0]["severity"], "warning", "{told:?}");
    let good = ONE_MODEL.replacen('{', r#"{"Version":"2012-10-17","#, 1);
    let told = control(&emulator, "PUT", POLICY, &good).await;
    assert_eq!((told.status, told.header("x-lint-findings")), (204, None));
    let refused = control(&emulator, "PUT", &format!("{POLICY}?lnt=true"), ONE_MODEL).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (400, &json!("InvalidParameter"))
    );
    assert_eq!(control(&emulator, "DELETE", POLICY, "").await.status, 204);
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_bad_policy_is_refused_with_its_place_and_the_old_one_stays() {
    let emulator = emulator().await;
    control(&emulator, "PUT", POLICY, ONE_MODEL).await;
    for (body, path) in [
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
            "/Statement/0",
        ),
        (
            r#"{"Statement":[{"Effect":"allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
            "/Statement/0/Effect",
        ),
        ("not json", ""),
    ] {
        let refused = control(&emulator, "PUT", POLICY, body).await;
        let error = &refused.json()["error"];
        assert_eq!(
            (refused.status, &error["code"]),
            (400, &json!("InvalidPolicyDocument")),
            "{body}"
        );
        assert_eq!(error["path"], path, "{body}: {error}");
        assert!(error["line"].is_u64() && error["column"].is_u64());
    }
    let large = format!("{ONE_MODEL}{}", " ".repeat(20_481 - ONE_MODEL.len()));
    assert_eq!(control(&emulator, "PUT", POLICY, &large).await.status, 400);
    assert_eq!(
        control(&emulator, "GET", POLICY, "").await.text().trim(),
        ONE_MODEL
    );
    let nowhere = control(
        &emulator,
        "PUT",
        "/vpc-endpoints/vpce-0000000000000000f/policy",
        ONE_MODEL,
    )
    .await;
    assert_eq!(
        (nowhere.status, &nowhere.json()["error"]["code"]),
        (404, &json!("InvalidVpcEndpointId.NotFound"))
    );
}

#[tokio::test]
async fn the_clock_is_read_moved_and_kept_over_a_reset() {
    let emulator = emulator().await;
    let clock = control(&emulator, "GET", "/clock", "").await.json();
    assert_eq!(clock["offset_seconds"], 0);
    let frozen = json!({"frozen_at": "2026-01-02T03:04:05Z"}).to_string();
    assert_eq!(
        control(&emulator, "PUT", "/clock", &frozen).await.json()["now"],
        "2026-01-02T03:04:05Z"
    );
    assert_eq!(control(&emulator, "POST", "/reset", "").await.status, 204);
    assert_eq!(
        control(&emulator, "GET", "/clock", "").await.json()["frozen_at"],
        "2026-01-02T03:04:05Z"
    );
    assert_eq!(
        control(&emulator, "PUT", "/clock", r#"{"speed":2}"#).await.status,
        400
    );
}

#[tokio::test]
async fn the_clock_is_put_forward_from_where_it_is_and_tells_which_clocks_signatures_follow() {
    let emulator = emulator().await;
    let clock = control(&emulator, "GET", "/clock", "").await.json();
    assert_eq!(clock["signatures"], "either");
    assert!(
        clock["now"].is_string() && clock["machine_now"].is_string(),
        "{clock}"
    );

    for expected in [600, 1_200] {
        let clock = control(&emulator, "POST", "/clock/advance", r#"{"seconds":600}"#)
            .await
            .json();
        assert_eq!(clock["offset_seconds"], expected);
    }
    let put = async |body: &str| control(&emulator, "PUT", "/clock", body).await.json();
    let clock = put(r#"{"signatures":"emulated_only"}"#).await;
    assert_eq!(
        (&clock["offset_seconds"], &clock["signatures"]),
        (&json!(1_200), &json!("emulated_only"))
    );
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "InvalidSignatureException");
    // What a PUT does not name of signatures is as at the start: a test cannot leave it to the next one by mistake.
    let clock = put(r#"{"frozen_at":"2026-01-02T03:04:05Z"}"#).await;
    assert_eq!(clock["signatures"], "either");
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    let clock = control(&emulator, "POST", "/clock/advance", r#"{"seconds":55}"#)
        .await
        .json();
    assert_eq!(clock["now"], "2026-01-02T03:05:00Z");
    let clock = put(r#"{"offset_seconds":3600,"signatures":"emulated_only"}"#).await;
    assert_eq!(
        (&clock["offset_seconds"], &clock["signatures"]),
        (&json!(3_600), &json!("emulated_only"))
    );

    for (method, path, body, place) in [
        ("PUT", "/clock", "{}", ""),
        (
            "PUT",
            "/clock",
            r#"{"offset_seconds":1,"frozen_at":"2026-01-02T03:04:05Z"}"#,
            "/frozen_at",
        ),
        ("PUT", "/clock", r#"{"frozen_at":"yesterday"}"#, "/frozen_at"),
        (
            "PUT",
            "/clock",
            r#"{"offset_seconds":900000000000}"#,
            "/offset_seconds",
        ),
        (
            "PUT",
            "/clock",
            r#"{"frozen_at":"-000001-01-02T03:04:05Z"}"#,
            "/frozen_at",
        ),
        ("PUT", "/clock", r#"{"signatures":"none"}"#, "/signatures"),
        ("PUT", "/clock", r#"[1, null, null]"#, ""),
        ("PUT", "/clock", r#"{"offset_seconds":1} {}"#, ""),
        ("POST", "/clock/advance", r#"{"seconds":-1}"#, "/seconds"),
        ("POST", "/clock/advance", r#"{"seconds":1.5}"#, "/seconds"),
        ("POST", "/clock/advance", "{}", ""),
        (
            "POST",
            "/clock/advance",
            r#"{"seconds":1,"minutes":1}"#,
            "/minutes",
        ),
    ] {
        let refused = control(&emulator, method, path, body).await;
        let error = &refused.json()["error"];
        assert_eq!(
            (refused.status, &error["code"]),
            (400, &json!("InvalidClock")),
            "{body}"
        );
        assert_eq!(error["path"], place, "{body}: {error}");
        let clock = control(&emulator, "GET", "/clock", "").await.json();
        assert_eq!(
            (&clock["offset_seconds"], &clock["signatures"]),
            (&json!(3_600), &json!("emulated_only"))
        );
    }
}

#[tokio::test]
async fn reset_brings_back_the_configured_policy_and_an_empty_journal() {
    let policy: Value = serde_json::from_str(ONE_MODEL).unwrap();
    let emulator = Emulator::builder().endpoint_policy(policy).start().await.unwrap();
    control(&emulator, "DELETE", POLICY, "").await;
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    control(&emulator, "POST", "/reset", "").await;
    assert_eq!(control(&emulator, "GET", "/requests", "").await.json(), json!([]));
    assert_eq!(Call::detect("1").send(&emulator).await.status, 403);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let emulator = emulator().await;
    assert_eq!(control(&emulator, "GET", "/nonsense", "").await.status, 404);
    assert_eq!(control(&emulator, "POST", "/health", "").await.status, 405);
    assert_eq!(control(&emulator, "GET", "/reset", "").await.status, 405);
}

/// Status and error code of what is sent as it stands; `HOST` is where the control API listens
async fn raw(emulator: &Emulator, head: &str) -> (u16, String) {
    let url = emulator.control_url();
    let host = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(host).await.expect("the control API listens");
    let head = head.replace("HOST", host).replace('\n', "\r\n");
    let sent = stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await;
    sent.expect("the control API reads");
    let answer = read_answer(&mut stream).await;
    let answer = answer.expect("the control API answers");
    let code = match answer.status {
        204 => String::new(),
        _ => answer.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    (answer.status, code)
}

#[track_caller]
fn check((found_status, found_code): (u16, String), status: u16, code: &str, about: &str) {
    assert_eq!((found_status, found_code), (status, code.to_owned()), "{about}");
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let emulator = emulator().await;
    for fields in [
        "origin: https://example.com",
        "origin: null",
        "origin: ",
        "origin: https://HOST",
        "origin: http://HOST/",
        "origin: http://HOST http://HOST",
        "origin: http://user@HOST",
        // The same machine is not the same site: another program may serve that port.
        "origin: http://127.0.0.1",
        "origin: http://127.0.0.1:1",
        // Of several, each has to be good, whichever is read first.
        "origin: http://HOST\norigin: http://evil.example",
        "origin: http://evil.example\norigin: http://HOST",
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
        "sec-fetch-site: ",
        "sec-fetch-site: same-origin, cross-site",
        "sec-fetch-site: none\nsec-fetch-site: cross-site",
        "origin: http://HOST\nsec-fetch-site: cross-site",
    ] {
        let head = format!("POST /reset HTTP/1.1\nhost: HOST\n{fields}");
        check(raw(&emulator, &head).await, 403, "ForeignOrigin", fields);
    }
    for fields in [
        "accept: */*",
        "origin: http://HOST",
        "origin: http://HOST\norigin: http://HOST",
        "sec-fetch-site: none",
        "origin: http://HOST\nsec-fetch-site: same-origin",
    ] {
        let head = format!("POST /reset HTTP/1.1\nhost: HOST\n{fields}");
        check(raw(&emulator, &head).await, 204, "", fields);
    }
}

#[tokio::test]
async fn a_name_that_somebody_else_makes_lead_here_is_refused() {
    let emulator = emulator_with("names: [emulator.test, 192.0.2.1]\n").await;
    Call::detect("1").send(&emulator).await;
    for host in [
        "evil.example:8080",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "xlocalhost",
        "2130706433",
        "0x7f.1",
        "lookoutvision.us-east-1.amazonaws.com",
        "sub.emulator.test",
        "test",
    ] {
        let own_origin = format!("host: {host}\norigin: http://{host}\nsec-fetch-site: same-origin");
        for request in [
            "POST /reset",
            "GET /requests",
            "DELETE /requests",
            "PUT /clock",
            "GET /ready",
            "GET /nonsense",
        ] {
            let head = format!("{request} HTTP/1.1\n{own_origin}");
            check(raw(&emulator, &head).await, 403, "ForeignHost", host);
        }
        let attach = format!("PUT {POLICY} HTTP/1.1\n{own_origin}\ncontent-length: 0");
        check(raw(&emulator, &attach).await, 403, "ForeignHost", host);
    }
    assert_eq!(
        crate::support::journal_of(&emulator).await.len(),
        1,
        "nothing was forgotten"
    );

    let own_host = hostname::get().unwrap().into_string().unwrap();
    for host in [
        "localhost",
        "LocalHost:1",
        "localhost.",
        "any.localhost:8080",
        "127.0.0.1",
        "127.0.0.2:80",
        "[::1]:8080",
        "192.0.2.77:8080",
        "emulator.test:18080",
        "Emulator.Test.",
        own_host.as_str(),
    ] {
        let head = format!("POST /reset HTTP/1.1\nhost: {host}\norigin: http://{host}");
        check(raw(&emulator, &head).await, 204, "", host);
    }
}

#[tokio::test]
async fn a_request_says_once_and_clearly_which_host_it_means() {
    let emulator = emulator().await;
    for head in [
        "POST /reset HTTP/1.1\naccept: */*",
        "POST /reset HTTP/1.0\naccept: */*",
        "POST /reset HTTP/1.1\nhost: ",
        "POST /reset HTTP/1.1\nhost: HOST\nhost: HOST",
        "POST /reset HTTP/1.1\nhost: HOST\nhost: evil.example",
        "POST /reset HTTP/1.1\nhost: evil.example@HOST",
        "POST /reset HTTP/1.1\nhost: HOST, evil.example",
        "POST /reset HTTP/1.1\nhost: [::1",
        // A target in absolute form goes before Host, so both have to say the same.
        "POST http://evil.example/reset HTTP/1.1\nhost: HOST",
        "POST http://localhost/reset HTTP/1.1\nhost: HOST",
        "POST http://evil.example@HOST/reset HTTP/1.1\nhost: HOST",
    ] {
        check(raw(&emulator, head).await, 400, "InvalidHost", head);
    }
    for head in [
        "POST http://HOST/reset HTTP/1.1\nhost: evil.example",
        "POST http://evil.example/reset HTTP/1.1\nhost: evil.example",
    ] {
        check(raw(&emulator, head).await, 403, "ForeignHost", head);
    }
    for head in [
        "POST /reset HTTP/1.0\nhost: HOST",
        "POST http://HOST/reset HTTP/1.1\nhost: HOST",
    ] {
        check(raw(&emulator, head).await, 204, "", head);
    }
}

#[tokio::test]
async fn nothing_of_it_answers_on_the_tls_listener() {
    let emulator = emulator().await;
    for path in ["/health", "/requests", "/ca.pem", POLICY] {
        let answer = Call::get(path).send(&emulator).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (404, Some("UnknownOperationException"))
        );
    }
}
