//! A request whose names lead to two entry points: the server name of the handshake, the Host, the authority of the
//! target. Each of them would select another policy, so the request is refused.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lookoutvision_emulator::Emulator;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::{Answer, Call, connect, connect_http2, emulator, emulator_with, read_answer};

/// Two endpoints in one network: the first answers for the service's own name there and allows everything, the second
/// denies everything
const TWO_ENDPOINTS: &str = r#"
http2: true
names: [emulator.test]
vpcs: [{vpc_id: vpc-0000000000000000a, region: us-west-2}]
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000000000000a, vpc_id: vpc-0000000000000000a}
  - vpc_endpoint_id: vpce-0000000000000000b
    vpc_id: vpc-0000000000000000a
    private_dns_enabled: false
    policy_document: {Statement: [{Effect: Deny, Principal: "*", Action: "*", Resource: "*"}]}
"#;

const A: &str = "vpce-0000000000000000a.lookoutvision.us-west-2.vpce.amazonaws.com";
const A_IN_A_ZONE: &str =
    "vpce-0000000000000000a-abcd1234-us-west-2a.lookoutvision.us-west-2.vpce.amazonaws.com";
const B: &str = "vpce-0000000000000000b.lookoutvision.us-west-2.vpce.amazonaws.com";
const REGIONAL: &str = "lookoutvision.us-west-2.amazonaws.com";
const FIPS: &str = "lookoutvision-fips.us-west-2.amazonaws.com";
const ELSEWHERE: &str = "lookoutvision.eu-west-1.amazonaws.com";
/// A client that connects to an address names no server
const NO_SERVER_NAME: &str = "127.0.0.1";

/// Pairs of server name and Host that lead to two entry points
const APART: &[(&str, &str)] = &[
    (A, B),
    (B, A),
    (B, "localhost"),
    ("localhost", B),
    // Whoever names an endpoint does not mean whichever one `localhost` leads to.
    (A, "localhost"),
    ("localhost", A),
    ("emulator.test", A),
    (A, NO_SERVER_NAME),
    (B, REGIONAL),
    (REGIONAL, B),
    (ELSEWHERE, REGIONAL),
    (ELSEWHERE, "localhost"),
    ("ec2.us-west-2.amazonaws.com", REGIONAL),
    ("ec2.us-west-2.amazonaws.com", "localhost"),
    ("sts.us-west-2.amazonaws.com", A),
    // No host name at all, which leads where `localhost` does.
    (
        B,
        "vpce-0000000000000000b.lookoutvision.us-west-2.vpce.amazonaws.com:65536",
    ),
];

/// Pairs that lead to one, and which
const TOGETHER: &[(&str, &str, &str)] = &[
    (A, A, "vpce-0000000000000000a"),
    (B, B, "vpce-0000000000000000b"),
    (A, A_IN_A_ZONE, "vpce-0000000000000000a"),
    (A_IN_A_ZONE, A, "vpce-0000000000000000a"),
    (A, REGIONAL, "vpce-0000000000000000a"),
    (REGIONAL, A, "vpce-0000000000000000a"),
    (FIPS, REGIONAL, "vpce-0000000000000000a"),
    ("localhost", REGIONAL, "vpce-0000000000000000a"),
    (REGIONAL, "localhost", "vpce-0000000000000000a"),
    ("localhost", "emulator.test", "vpce-0000000000000000a"),
    ("localhost", "localhost:8443", "vpce-0000000000000000a"),
    ("localhost", "LOCALHOST.:8443", "vpce-0000000000000000a"),
    (NO_SERVER_NAME, "localhost", "vpce-0000000000000000a"),
    (NO_SERVER_NAME, "127.0.0.1:8443", "vpce-0000000000000000a"),
    (NO_SERVER_NAME, A, "vpce-0000000000000000a"),
    (NO_SERVER_NAME, B, "vpce-0000000000000000b"),
    (NO_SERVER_NAME, REGIONAL, "vpce-0000000000000000a"),
];

async fn last_entry(emulator: &Emulator) -> Value {
    crate::support::journal_of(emulator)
        .await
        .pop()
        .expect("a request was sent")
}

/// That a request was refused because of its names, before any policy was asked
async fn assert_misdirected(emulator: &Emulator, status: u16, pair: (&str, &str)) {
    assert_eq!(status, 421, "{pair:?}");
    let entry = last_entry(emulator).await;
    assert_eq!(
        entry["error_code"], "MisdirectedRequestException",
        "{pair:?}: {entry}"
    );
    assert_eq!(
        (&entry["entry_point"], &entry["decision"]),
        (&Value::Null, &Value::Null),
        "{pair:?}"
    );
    let message = entry["message"].as_str().expect("a sentence");
    for name in [pair.0, pair.1]
        .into_iter()
        .filter(|name| *name != NO_SERVER_NAME)
    {
        assert!(message.contains(&format!("`{name}`")), "{pair:?}: {message}");
    }
}

async fn send(emulator: &Emulator, server_name: &str, host: &str) -> Answer {
    let call = Call::detect("1").host(host).server_name(server_name);
    call.send(emulator).await
}

#[tokio::test]
async fn a_server_name_and_a_host_that_lead_to_two_entry_points_are_refused() {
    let emulator = emulator_with(TWO_ENDPOINTS).await;
    for &(server_name, host) in APART {
        let answer = send(&emulator, server_name, host).await;
        assert_misdirected(&emulator, answer.status, (server_name, host)).await;
    }
}

#[tokio::test]
async fn a_server_name_and_a_host_that_lead_to_one_entry_point_are_served() {
    let emulator = emulator_with(TWO_ENDPOINTS).await;
    for &(server_name, host, led_to) in TOGETHER {
        let answer = send(&emulator, server_name, host).await;
        let expected = if led_to.ends_with('a') { 200 } else { 403 };
        assert_eq!(answer.status, expected, "{server_name} {host}: {answer:?}");
        assert_eq!(
            last_entry(&emulator).await["entry_point"]["vpc_endpoint_id"],
            led_to,
            "{server_name} {host}"
        );
    }
}

#[tokio::test]
async fn ec2_and_sts_are_called_by_their_own_name_and_by_one_that_names_nothing() {
    let emulator = emulator().await;
    for (service, action) in [("ec2", "DescribeVpcs"), ("sts", "GetCallerIdentity")] {
        let own_name = format!("{service}.us-west-2.amazonaws.com");
        for (server_name, host) in [("localhost", own_name.as_str()), (own_name.as_str(), "localhost")] {
            let call = Call::query(service, action, &[])
                .host(host)
                .server_name(server_name);
            let answer = call.send(&emulator).await;
            assert_eq!(answer.status, 200, "{server_name} {host}: {}", answer.text());
        }
        let elsewhere = format!("{service}.eu-west-1.amazonaws.com");
        let call = Call::query(service, action, &[]).server_name(&elsewhere);
        assert_eq!(call.send(&emulator).await.status, 421);
    }
}

#[tokio::test]
async fn who_does_not_sign_learns_that_the_names_differ_too() {
    let emulator = emulator_with(TWO_ENDPOINTS).await;
    let mut stream = connect(&emulator, emulator.address(), A)
        .await
        .expect("a handshake");
    let request = format!("GET /2020-11-20/projects HTTP/1.1\r\nhost: {B}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let answer = read_answer(&mut stream).await.expect("an answer");
    let message = answer.check(421, "MisdirectedRequestException");
    assert_eq!(
        message,
        format!(
            "the TLS server name `{A}` and the Host `{B}` lead to two entry points, which may have two policies; send one \
             name as both"
        )
    );
}

#[tokio::test]
async fn every_request_of_a_connection_is_held_against_its_server_name() {
    let emulator = emulator_with(TWO_ENDPOINTS).await;
    let mut stream = connect(&emulator, emulator.address(), A)
        .await
        .expect("a handshake");
    for (host, status) in [(A, 200), (B, 421), (A, 200)] {
        let request = Call::detect("1").host(host).to_bytes();
        stream.write_all(&request).await.expect("it reads");
        let answer = read_answer(&mut stream).await.expect("an answer");
        assert_eq!(answer.status, status, "{host}");
    }
}

/// RFC 9112, section 3.2.2: the authority of an absolute target counts; the signature covers the Host
#[tokio::test]
async fn an_absolute_target_and_a_host_that_lead_to_two_entry_points_are_refused() {
    let emulator = emulator_with(TWO_ENDPOINTS).await;
    for (authority, host, status) in [(A, B, 421), (B, A, 421), (A, A, 200), (REGIONAL, A, 200)] {
        let mut stream = connect(&emulator, emulator.address(), NO_SERVER_NAME)
            .await
            .expect("a handshake");
        let call = Call::detect("1").host(host);
        let request = String::from_utf8_lossy(&call.to_bytes()).replacen(
            &call.target,
            &format!("https://{authority}{}", call.target),
            1,
        );
        let head = request.split("\r\n\r\n").next().expect("a head").to_owned();
        stream
            .write_all(format!("{head}\r\n\r\n").as_bytes())
            .await
            .expect("it reads");
        stream.write_all(&call.body).await.expect("it reads");
        stream.flush().await.expect("it reads");
        let answer = read_answer(&mut stream).await.expect("an answer");
        assert_eq!(answer.status, status, "{authority} {host}: {answer:?}");
        if status == 421 {
            let message = answer.message();
            assert!(
                message.starts_with("the authority of the request target"),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn a_second_host_that_leads_elsewhere_is_refused() {
    let emulator = emulator_with(TWO_ENDPOINTS).await;
    let mut stream = connect(&emulator, emulator.address(), NO_SERVER_NAME)
        .await
        .expect("a handshake");
    let request = format!("GET /2020-11-20/projects HTTP/1.1\r\nhost: {A}\r\nhost: {B}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let answer = read_answer(&mut stream).await.expect("an answer");
    let message = answer.check(421, "MisdirectedRequestException");
    assert!(message.starts_with("another Host"), "{message}");
}

/// Status of a signed request over HTTP/2, `authority` and `host` as they are sent
async fn over_http2(emulator: &Emulator, server_name: &str, authority: &str, host: Option<&str>) -> u16 {
    let stream = connect_http2(emulator, server_name).await;
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(stream),
    )
    .await
    .expect("the preface is sent");
    let connection = tokio::spawn(connection);
    let mut request = Call::detect("1").host(host.unwrap_or(authority)).to_http2();
    if let Some(host) = host {
        let uri = format!("https://{authority}{}", request.uri().path());
        *request.uri_mut() = uri.parse().expect("a URI");
        request
            .headers_mut()
            .insert("host", host.parse().expect("a value"));
    }
    let answer = sender.send_request(request).await.expect("an answer");
    let status = answer.status().as_u16();
    answer.into_body().collect().await.expect("a whole body");
    drop(sender);
    connection
        .await
        .expect("no panic")
        .expect("it ends with its last sender");
    status
}

#[tokio::test]
async fn over_http2_the_authority_is_the_host() {
    let emulator = emulator_with(TWO_ENDPOINTS).await;
    // An authority is a host and a port, and 65536 is none.
    for &(server_name, host) in APART.iter().filter(|(_, host)| !host.contains(':')) {
        let status = over_http2(&emulator, server_name, host, None).await;
        assert_misdirected(&emulator, status, (server_name, host)).await;
        assert_eq!(last_entry(&emulator).await["tls"]["alpn"], "h2");
    }
    for &(server_name, host, led_to) in TOGETHER {
        let status = over_http2(&emulator, server_name, host, None).await;
        let expected = if led_to.ends_with('a') { 200 } else { 403 };
        assert_eq!(status, expected, "{server_name} {host}");
    }
}

/// RFC 9113, section 8.3.1
#[tokio::test]
async fn over_http2_an_authority_and_a_host_that_lead_to_two_entry_points_are_refused() {
    let emulator = emulator_with(TWO_ENDPOINTS).await;
    for (authority, host, status) in [(A, B, 421), (B, A, 421), (A, A, 200)] {
        let found = over_http2(&emulator, NO_SERVER_NAME, authority, Some(host)).await;
        assert_eq!(found, status, "{authority} {host}");
    }
}

#[tokio::test]
async fn where_names_and_networks_part_the_names_decide_before_the_network_does() {
    // The service's own name leads to the public endpoint here, `localhost` to the only endpoint.
    let emulator = emulator_with(
        "vpcs: [{vpc_id: vpc-0000000000000000a, region: us-west-2, cidr_block: 172.28.0.0/16}]\n\
         vpc_endpoints: [{vpc_endpoint_id: vpce-0000000000000000a, vpc_id: vpc-0000000000000000a}]\n\
         public_endpoint: allow\n",
    )
    .await;
    assert_eq!(send(&emulator, REGIONAL, REGIONAL).await.status, 200);
    assert_eq!(last_entry(&emulator).await["entry_point"]["kind"], "public");
    assert_eq!(send(&emulator, "localhost", "localhost").await.status, 200);
    assert_eq!(last_entry(&emulator).await["entry_point"]["kind"], "vpc-endpoint");
    for (server_name, host) in [
        (REGIONAL, "localhost"),
        ("localhost", REGIONAL),
        (REGIONAL, A),
        (A, REGIONAL),
    ] {
        let answer = send(&emulator, server_name, host).await;
        assert_misdirected(&emulator, answer.status, (server_name, host)).await;
    }
    // In a Region without an endpoint all of them lead to the public one.
    let call = Call::detect("1")
        .region("eu-west-1")
        .host(ELSEWHERE)
        .server_name("localhost");
    assert_eq!(call.send(&emulator).await.status, 200);
}
