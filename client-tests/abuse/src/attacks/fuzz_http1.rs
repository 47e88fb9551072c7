//! Damaged heads over TLS and to the control API, and damaged bodies with a good signature, so that they reach the
//! parsers of images, JSON, manifests, forms and policies.

use std::{io, time::Duration};

use fastrand::Rng;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{against, side_by_side};
use crate::{
    Context, Report,
    call::{Call, JPEG, PNG},
    client::{Answer, Target, Tls, exchange, read_answer},
    mutate::mutate,
};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let config = "roles:\n  - {arn: 'arn:aws:iam::123456789012:role/inspector', trust_policy: {Statement: \
                  [{Effect: Allow, Principal: {AWS: '*'}, Action: 'sts:*'}]}}\n\
                  limits: {idle_timeout_seconds: 1, body_idle_timeout_seconds: 1, body_timeout_seconds: 2, \
                  linger_timeout_seconds: 1, journal_bytes_max: 1048576}\n";
    against(context, config, async |emulator| {
        attack(context, &emulator.target).await
    })
    .await
}

async fn attack(context: &Context, target: &Target) -> Report {
    let mut report = side_by_side(context, target, WORKERS, |context, target, worker| {
        work(context, target, worker)
    })
    .await;
    report.load = format!("{WORKERS} connections; {}", report.good_calls_text());
    // Undoes what was changed by damaged calls that happened to be good.
    if let Err(sentence) = target.control("POST", "/reset", "").await {
        report.lose(sentence);
    }
    report
}

async fn work(context: Context, target: Target, worker: usize) -> Report {
    let mut report = Report::default();
    let mut kept = None;
    for round in 0.. {
        let mut choices = context.choices(worker, round);
        if round % 100 == 0 {
            // A damaged policy may have been a good one, and all workers change the same state.
            report.good_call(good_after_reset(&target).await);
        }
        report.bad_inputs += 1;
        let work = misuse(&target, &mut kept, &mut choices);
        let sentence = match timeout(PATIENCE, work).await {
            // A close without an answer is an answer, too.
            Ok(outcome) => outcome.ok().and_then(|answer| judge(&answer).err()),
            Err(_) => {
                kept = None;
                Some(format!("neither answer nor end after {} s", PATIENCE.as_secs()))
            }
        };
        if let Some(sentence) = sentence {
            report.fail(format!("worker {worker}, round {round}: {sentence}"));
        }
        if !context.has_time() {
            break;
        }
    }
    report
}

/// A good call whose outcome depends on no policy and no state
async fn good_after_reset(target: &Target) -> Result<Duration, String> {
    target
        .good(&Call::query("sts", "GetCallerIdentity", &[]).sign())
        .await
}

/// Checks that the answer blames the client, and not the server
fn judge(answer: &Answer) -> Result<(), String> {
    match answer.status {
        500 | 502..=504 | 506.. => Err(format!(
            "{} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        )),
        _ => Ok(()),
    }
}

async fn misuse(target: &Target, kept: &mut Option<Tls>, choices: &mut Rng) -> io::Result<Answer> {
    match choices.u8(..4) {
        0 => {
            let mut request = any_call(choices).sign().to_http1();
            mutate(&mut request, choices, WORDS);
            send(&mut target.connect().await?, &request).await
        }
        1 => {
            let mut request = any_control_request(choices).into_bytes();
            mutate(&mut request, choices, WORDS);
            send(&mut TcpStream::connect(target.control).await?, &request).await
        }
        2 => {
            // The control API reads policies, too.
            let mut policy = POLICY.as_bytes().to_vec();
            mutate(&mut policy, choices, WORDS);
            let mut request = format!(
                "PUT /vpc-endpoints/vpce-00000000000000000/policy HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
                policy.len()
            )
            .into_bytes();
            request.extend(policy);
            send(&mut TcpStream::connect(target.control).await?, &request).await
        }
        _ => {
            let mut call = any_call(choices);
            mutate(&mut call.body, choices, WORDS);
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => target.connect().await?,
            };
            let answer = exchange(&mut stream, &call.sign().to_http1()).await?;
            if !answer.is_last {
                *kept = Some(stream);
            }
            Ok(answer)
        }
    }
}

/// Sends a request and reads the answer; the other side may close during the sending, and its answer can be read all
/// the same
async fn send(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &[u8]) -> io::Result<Answer> {
    if stream.write_all(request).await.is_ok() {
        let _ = stream.flush().await;
    }
    read_answer(stream, &mut Vec::new()).await
}

fn any_call(choices: &mut Rng) -> Call {
    let session_policy = POLICY.replace(r#""Principal":"*","#, "");
    match choices.u8(..16) {
        0..3 => Call::detect(),
        3..6 => Call::post(
            "/2020-11-20/projects/myProject/models/1/detect",
            "image/png",
            PNG.to_vec(),
        ),
        6 => Call::create_project("p"),
        7 => Call::create_dataset("p"),
        8 => Call::update_dataset("p", MANIFEST),
        9 => Call::query("sts", "GetCallerIdentity", &[]),
        10 => Call::query(
            "sts",
            "AssumeRole",
            &[
                ("RoleArn", "arn:aws:iam::123456789012:role/inspector"),
                ("RoleSessionName", "s"),
                ("Policy", &session_policy),
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "vision"),
            ],
        ),
        11 => Call::query(
            "ec2",
            "DescribeVpcEndpoints",
            &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", "vpc-*")],
        ),
        12 => Call::query(
            "ec2",
            "CreateVpcEndpoint",
            &[
                ("VpcId", "vpc-00000000000000000"),
                ("ServiceName", "com.amazonaws.us-west-2.lookoutvision"),
                ("VpcEndpointType", "Interface"),
                ("PolicyDocument", POLICY),
            ],
        ),
        13 => Call::post("/2020-11-20/projects/myProject/models/1/detect", "image/jpeg", {
            // The kind of an image is known from its beginning.
            JPEG[..choices.usize(..JPEG.len())].to_vec()
        }),
        14 => Call::get("/projects/myProject/models?maxResults=3&nextToken=x"),
        _ => Call::json(
            "POST",
            "/projects/p/models",
            &serde_json::json!({
                "OutputConfig": {"S3Location": {"Bucket": "bucket"}},
                "Tags": [{"Key": "line", "Value": "a"}],
            }),
        ),
    }
}

fn any_control_request(choices: &mut Rng) -> String {
    let line = choices.choice(&[
        "GET /requests?limit=5&order=newest",
        "GET /requests?status=403&after=00000000-0000-0000-0000-000000000000",
        "GET /requests/00000000-0000-0000-0000-000000000000",
        "GET /health",
        "GET /env?client=boto3&format=sh",
        "GET /vpc-endpoints",
        "GET /clock",
        "GET /ca-bundle.pem",
    ]);
    let line = line.copied().unwrap_or("GET /ready");
    format!("{line} HTTP/1.1\r\nhost: localhost\r\naccept: application/x-ndjson\r\nconnection: close\r\n\r\n")
}

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Allow","Principal":"*","Action":["lookoutvision:Detect*","ec2:*"],"Resource":"arn:aws:lookoutvision:*:123456789012:model/${aws:PrincipalTag/team}/*","Condition":{"StringLike":{"aws:SourceVpce":["vpce-*","${aws:UserAgent}"]},"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"},"DateLessThan":{"aws:CurrentTime":"2040-01-01T00:00:00Z"}}}]}"#;

const MANIFEST: &str = r#"{"source-ref":"s3://b/1.jpg","anomaly-label":1,"anomaly-label-metadata":{"class-name":"anomaly","type":"groundtruth/image-classification","creation-date":"2020-01-01T00:00:00","human-annotated":"yes","confidence":1.0,"job-name":"j"}}
{"source-ref":"s3://b/2.jpg"}
"#;

/// Texts that mean something to one of the parsers
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\0",
    b"content-length: 5\r\n",
    b"transfer-encoding: chunked\r\n",
    b"connection: close\r\n",
    b"expect: 100-continue\r\n",
    b"host: evil.test\r\n",
    b"authorization: AWS4-HMAC-SHA256 Credential=",
    b"X-Amz-Signature=",
    b"%00",
    b"%",
    b"%2F..%2F",
    b"?",
    b"&",
    b"=",
    b"${aws:UserAgent}",
    b"${",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":",
    b"1e999",
    b"-0",
    b"99999999999999999999",
    b"null",
    b"\xff\xd8\xff\xe0",
    b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03",
    b"\x89PNG\r\n\x1a\n",
    b"IHDR\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xc3\x28",
];

const WORKERS: usize = 12;
/// Longer than every limit of the configuration above together
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    #[test]
    fn a_defect_is_a_failure_and_a_refusal_is_none() {
        let answer = |status| Answer {
            status,
            is_last: true,
            body: Vec::new(),
        };
        for status in [200, 400, 403, 413, 431, 501, 505] {
            assert_eq!(judge(&answer(status)), Ok(()));
        }
        for status in [500, 502, 503, 504] {
            assert!(judge(&answer(status)).is_err());
        }
    }

    #[tokio::test]
    async fn a_server_that_has_no_room_is_reported() {
        let stub = stub::has_no_room("fuzz-http1").await;
        let report = attack(&stub.context, &stub.target).await;
        assert!(report.lost > 0 && report.failures > report.lost, "{report:?}");
    }
}
