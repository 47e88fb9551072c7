//! Requests whose end or meaning two readers could see differently. Each is signed and would be answered without the
//! trick, so a success means that the trick worked.

use std::time::Duration;

use fastrand::Rng;
use tokio::net::TcpStream;
use tokio_util::either::Either;

use super::{against, side_by_side};
use crate::{
    Context, Report,
    call::{Call, Signed},
    client::{Outcome, Target, provoke},
};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let config = "limits: {idle_timeout_seconds: 1, body_idle_timeout_seconds: 1, body_timeout_seconds: 2, \
                  linger_timeout_seconds: 1}\n";
    against(context, config, async |emulator| {
        attack(context, &emulator.target).await
    })
    .await
}

async fn attack(context: &Context, target: &Target) -> Report {
    let tricks = tricks();
    let mut report = side_by_side(context, target, WORKERS, |context, target, worker| {
        work(context, target, worker)
    })
    .await;
    report.load = format!("{} tricks; {}", tricks.len(), report.good_calls_text());
    report
}

async fn work(context: Context, target: Target, worker: usize) -> Report {
    let mut report = Report::default();
    let tricks = tricks();
    for round in 0.. {
        let mut choices = context.choices(worker, round);
        // The first rounds of all workers together try every trick on both listeners, however little time there is.
        let index = usize::try_from(round).unwrap_or(usize::MAX) * WORKERS + worker;
        let index = match index {
            index if index < 2 * tricks.len() => index,
            _ if context.has_time() => choices.usize(..2 * tricks.len()),
            _ => break,
        };
        let (trick, is_control) = (&tricks[index / 2], index % 2 == 1);
        let signed = Call::create_project(&format!("p-{:x}", choices.u32(..))).sign();
        if round % 16 == 0 {
            report.good_call(target.good(&signed).await);
        }
        report.bad_inputs += 1;
        let outcome = if is_control {
            let request = trick.request(&attach_policy(), &mut choices);
            TcpStream::connect(target.control)
                .await
                .map(|stream| (Either::Right(stream), request))
        } else {
            let request = trick.request(&signed, &mut choices);
            target
                .connect()
                .await
                .map(|stream| (Either::Left(stream), request))
        };
        let outcome = match outcome {
            Ok((mut stream, request)) => provoke(&mut stream, &request, PATIENCE).await,
            Err(error) => {
                report.fail(format!("no connection: {error}"));
                continue;
            }
        };
        if let Err(sentence) = judge(*trick, &outcome) {
            let listener = if is_control { "control API" } else { "AWS API" };
            report.fail(format!(
                "worker {worker}, round {round}: {listener}: {trick:?}: {sentence}"
            ));
        }
    }
    report
}

/// A change over the control API, where requests are not signed
fn attach_policy() -> Signed {
    Signed {
        method: "PUT".to_owned(),
        target: "/vpc-endpoints/vpce-00000000000000000/policy".to_owned(),
        headers: vec![("host".to_owned(), "localhost".to_owned())],
        body: br#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#.to_vec(),
    }
}

/// Checks that nothing is accepted, and that the connection is not left open
fn judge(trick: Trick, outcome: &Outcome) -> Result<(), String> {
    if let (Trick::TwoLengths(_), Outcome::Closed(statuses)) = (trick, outcome)
        && matches!(statuses[..], [200 | 204])
    {
        // It was accepted once, and nobody answered what came after it.
        return Ok(());
    }
    let (Outcome::Closed(statuses) | Outcome::Open(statuses)) = outcome;
    if let Some(status) = statuses.iter().find(|status| !(400..500).contains(*status)) {
        return match status {
            // RFC 9110, sections 15.6.2 and 15.6.6: not implemented, and other versions of HTTP.
            501 | 505 => Ok(()),
            200..=299 => Err(format!("ACCEPTED with {status}")),
            _ => Err(format!("{status} instead of a refusal")),
        };
    }
    match outcome {
        Outcome::Closed(_) => Ok(()),
        Outcome::Open(_) => Err(format!("still open after {} s", PATIENCE.as_secs())),
    }
}

/// What is wrong with a request
#[derive(Debug, Clone, Copy)]
enum Trick {
    /// The request line, with `{m}` and `{t}` for method and target
    Line(&'static str),
    /// The line or lines of Host
    Host(&'static str),
    /// The lines that give the length of the body, `{n}` for its length, and a body that is as it is, or in chunks
    Length(&'static str, Body),
    /// Lines that give the length twice, and a body in chunks: may be accepted, once
    TwoLengths(&'static str),
    /// The body of a request in chunks, `{x}` for its length in hexadecimal, `{b}` for the text
    Chunks(&'static str),
    /// A line of the head, while the length is right
    Field(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Plain,
    Chunked,
}

fn tricks() -> Vec<Trick> {
    let lengths = LENGTHS.iter().flat_map(|lines| {
        [
            Trick::Length(lines, Body::Plain),
            Trick::Length(lines, Body::Chunked),
        ]
    });
    let others = LINES
        .iter()
        .map(|line| Trick::Line(line))
        .chain(TWO_LENGTHS.iter().map(|lines| Trick::TwoLengths(lines)))
        .chain(HOSTS.iter().map(|lines| Trick::Host(lines)))
        .chain(CHUNKS.iter().map(|body| Trick::Chunks(body)))
        .chain(FIELDS.iter().map(|line| Trick::Field(line)));
    lengths.chain(others).collect()
}

impl Trick {
    fn request(self, signed: &Signed, choices: &mut Rng) -> Vec<u8> {
        let head = signed.head();
        let body = String::from_utf8_lossy(&signed.body).into_owned();
        let fill = |text: &str| {
            text.replace("{n}", &body.len().to_string())
                .replace("{x}", &format!("{:x}", body.len()))
                .replace("{m}", &signed.method)
                .replace("{t}", &signed.target)
                .replace("{b}", &body)
        };
        let (line, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
        let without_host = fields.replacen("host: localhost\r\n", "", 1);
        let right_length = fill("content-length: {n}\r\n");
        let chunked = fill("{x}\r\n{b}\r\n0\r\n\r\n");
        let text = match self {
            Self::Line(line) => format!("{}\r\n{fields}{right_length}\r\n{body}", fill(line)),
            Self::Host(host) => format!("{line}\r\n{host}{without_host}{right_length}\r\n{body}"),
            Self::Length(lines, Body::Plain) => format!("{head}{}\r\n{body}", fill(lines)),
            Self::Length(lines, Body::Chunked) | Self::TwoLengths(lines) => {
                format!("{head}{}\r\n{chunked}", fill(lines))
            }
            Self::Chunks(chunks) => format!("{head}transfer-encoding: chunked\r\n\r\n{}", fill(chunks)),
            Self::Field(field) => format!("{head}{right_length}{field}\r\n{body}"),
        };
        let mut bytes = text.into_bytes();
        // Often a second request follows, which must not be answered as anybody's.
        if choices.bool() {
            bytes.extend_from_slice(b"GET /2020-11-20/projects HTTP/1.1\r\nhost: localhost\r\n\r\n");
        }
        bytes
    }
}

const LINES: &[&str] = &[
    "{m}  {t} HTTP/1.1",
    "{m} {t}  HTTP/1.1",
    "{m}\t{t} HTTP/1.1",
    " {m} {t} HTTP/1.1",
    "{m} {t} HTTP/1.1 ",
    "{m} {t} HTTP/1.1\0",
    "{m} {t} HTTP/1.2",
    "{m} {t} HTTP/2.0",
    "{m} {t} HTTP/3",
    "{m} {t} http/1.1",
    "{m} {t} HTTP/1.1.1",
    "{m} {t} HTTP/1.",
    "{m} {t}",
    "{m}{t} HTTP/1.1",
    "{m} HTTP/1.1",
    "{m} * HTTP/1.1",
    "{m} {t} x HTTP/1.1",
    "{m} {t}\0 HTTP/1.1",
    "{m} {t}\u{e9} HTTP/1.1",
    "{m} https://lookoutvision.eu-west-1.amazonaws.com{t} HTTP/1.1",
    "{m} //evil.test{t} HTTP/1.1",
    "{m} ..{t} HTTP/1.1",
    "{m} \\{t} HTTP/1.1",
    "CONNECT localhost:443 HTTP/1.1",
    "post {t} HTTP/1.1",
    "{m}: {t} HTTP/1.1",
    "(){} {t} HTTP/1.1",
    "\u{feff}{m} {t} HTTP/1.1",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n",
];

const HOSTS: &[&str] = &[
    "",
    "host: \r\n",
    "host: localhost\r\nhost: evil.test\r\n",
    "host: evil.test\r\nhost: localhost\r\n",
    "host: localhost, evil.test\r\n",
    "host: user@localhost\r\n",
    "host: localhost/x\r\n",
    "host: localhost:99999\r\n",
    "host: [::1\r\n",
    "host : localhost\r\n",
    "host:\r\n localhost\r\n",
    "host: local\0host\r\n",
    "host: evil.test\r\nx-forwarded-host: localhost\r\n",
    "ho st: localhost\r\n",
];

const LENGTHS: &[&str] = &[
    "",
    "content-length: {n}\r\ncontent-length: 0\r\n",
    "content-length: 0\r\ncontent-length: {n}\r\n",
    "content-length: {n}, 0\r\n",
    "content-length: 0, {n}\r\n",
    "content-length: +{n}\r\n",
    "content-length: -{n}\r\n",
    "content-length: 0x{x}\r\n",
    "content-length: {n}.0\r\n",
    "content-length: {n}e0\r\n",
    "content-length: {n} {n}\r\n",
    "content-length: 1{n}\r\n",
    "content-length: 1\r\n",
    "content-length: 0\r\n",
    "content-length: \r\n",
    "content-length: none\r\n",
    "content-length: 18446744073709551616\r\n",
    "content-length: 99999999999999999999999999999999\r\n",
    "content-length : {n}\r\n",
    "content-length:\r\n {n}\r\n",
    "content_length: {n}\r\n",
    "content-length\0: {n}\r\n",
    "\u{b}content-length: {n}\r\n",
    "transfer-encoding: xchunked\r\n",
    "transfer-encoding: chunkedx\r\n",
    "transfer-encoding: identity\r\n",
    "transfer-encoding: chunked, identity\r\n",
    "transfer-encoding: chunked, gzip\r\n",
    "transfer-encoding: gzip, chunked\r\n",
    "transfer-encoding: chunked, chunked\r\n",
    "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
    "transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n",
    "transfer-encoding: \"chunked\"\r\n",
    "transfer-encoding: chunked;q=1\r\n",
    "transfer-encoding: \u{b}chunked\r\n",
    "transfer-encoding:\r\n chunked\r\n",
    "transfer-encoding : chunked\r\n",
    "transfer-encoding\r\n: chunked\r\n",
    "transfer_encoding: chunked\r\n",
    "x: x\rtransfer-encoding: chunked\r\n",
    "x: x\0\r\ntransfer-encoding: chunked\r\n",
];

/// RFC 9112, section 6.1: a server may use Transfer-Encoding alone, and must then close the connection
const TWO_LENGTHS: &[&str] = &[
    "content-length: {n}\r\ntransfer-encoding: chunked\r\n",
    "transfer-encoding: chunked\r\ncontent-length: {n}\r\n",
    "content-length: 0\r\ntransfer-encoding: chunked\r\n",
    "transfer-encoding: chunked\r\ncontent-length: 99\r\n",
];

const CHUNKS: &[&str] = &[
    "0x{x}\r\n{b}\r\n0\r\n\r\n",
    "+{x}\r\n{b}\r\n0\r\n\r\n",
    "-{x}\r\n{b}\r\n0\r\n\r\n",
    "{x}_\r\n{b}\r\n0\r\n\r\n",
    "\r\n{x}\r\n{b}\r\n0\r\n\r\n",
    "{x}\r\n{b}0\r\n\r\n",
    "{x}\r\n{b}\n0\r\n\r\n",
    "{x}\r\n{b}xx\r\n0\r\n\r\n",
    "1{x}\r\n{b}\r\n0\r\n\r\n",
    "1\r\n{b}\r\n0\r\n\r\n",
    "{x}\r{b}\r\n0\r\n\r\n",
    "ffffffffffffffff\r\n{b}\r\n0\r\n\r\n",
    "10000000000000000\r\n{b}\r\n0\r\n\r\n",
    "{x}\r\n{b}\r\n",
    "{x}\r\n{b}\r\n0\r\n",
    "{x}\r\n{b}\r\nz\r\n\r\n",
    "{x}\r\n{b}\r\n0\r\nno field\r\n\r\n",
    "{x};\r\nx\r\n{b}\r\n0\r\n\r\n",
    "zz\r\n{b}\r\n0\r\n\r\n",
    "{b}",
];

const FIELDS: &[&str] = &[
    "no colon\r\n",
    ": no name\r\n",
    "na me: x\r\n",
    "name : x\r\n",
    "name\t: x\r\n",
    "n\u{e4}me: x\r\n",
    "na\0me: x\r\n",
    "name: x\0y\r\n",
    "name: x\ry\r\n",
    "name: x\u{7f}\r\n",
    "na(me): x\r\n",
    "name: x\r\n folded\r\n",
    "\r",
];

const WORKERS: usize = 8;
/// Longer than every limit of the configuration above together
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    #[test]
    fn an_acceptance_anywhere_on_the_connection_and_an_open_end_are_failures() {
        let line = |outcome: Outcome| judge(Trick::Line(""), &outcome);
        assert_eq!(line(Outcome::Closed(vec![])), Ok(()));
        assert_eq!(line(Outcome::Closed(vec![400, 403])), Ok(()));
        assert_eq!(line(Outcome::Closed(vec![505])), Ok(()));
        assert!(line(Outcome::Closed(vec![200])).is_err());
        assert!(line(Outcome::Closed(vec![403, 200])).is_err());
        assert!(line(Outcome::Closed(vec![500])).is_err());
        assert!(line(Outcome::Open(vec![])).is_err());
        assert!(line(Outcome::Open(vec![400])).is_err());
        let two_lengths = |outcome: Outcome| judge(Trick::TwoLengths(""), &outcome);
        assert_eq!(two_lengths(Outcome::Closed(vec![200])), Ok(()));
        assert!(two_lengths(Outcome::Closed(vec![200, 403])).is_err());
        assert!(two_lengths(Outcome::Open(vec![200])).is_err());
    }

    #[tokio::test]
    async fn a_server_that_accepts_everything_is_reported() {
        let stub = stub::accepts_everything("framing").await;
        let report = attack(&stub.context, &stub.target).await;
        assert!(
            report.failures > 0 && report.told[0].contains("ACCEPTED with 200"),
            "{report:?}"
        );
    }
}
