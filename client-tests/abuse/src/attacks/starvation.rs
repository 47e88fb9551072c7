//! Uploads that stall, and clients that take all the room that they get: the calls of others go on.

use std::{
    io,
    ops::Range,
    time::{Duration, Instant},
};

use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    task::JoinSet,
};

use super::against;
use crate::{
    Context, Report,
    call::Call,
    client::Target,
    http2::{DATA, END_HEADERS, FRAME_BYTES_MAX, HEADERS, frame, opening},
    report::milliseconds,
};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let config = "http2: true\nlimits: {body_idle_timeout_seconds: 2, linger_timeout_seconds: 2, \
                  idle_timeout_seconds: 5}\n";
    against(context, config, async |emulator| {
        attack(context, &emulator.target).await
    })
    .await
}

async fn attack(context: &Context, target: &Target) -> Report {
    let mut report = Report::default();
    for round in 0.. {
        let mut choices = context.choices(0, round);
        // Every kind has its turn, however little time there is.
        let index = usize::try_from(round).unwrap_or(usize::MAX);
        let hoarding = match Hoarding::ALL.get(index) {
            Some(hoarding) => *hoarding,
            None if context.has_time() => Hoarding::ALL[choices.usize(..Hoarding::ALL.len())],
            None => break,
        };
        hoard(context, target, hoarding, &mut choices, &mut report).await;
    }
    report.load = format!("{UPLOADS} uploads at a time; {}", report.good_calls_text());
    report
}

/// Takes room for a while, and makes good calls during it
async fn hoard(
    context: &Context,
    target: &Target,
    hoarding: Hoarding,
    choices: &mut Rng,
    report: &mut Report,
) {
    let mut uploads = JoinSet::new();
    for index in 0..UPLOADS {
        let (target, seed) = (target.clone(), choices.u64(..));
        uploads.spawn(async move { hoarding.upload(&target, index, &mut Rng::with_seed(seed)).await });
    }
    report.faults += UPLOADS as u64;
    let began = Instant::now();
    let (mut calls, mut longest) = (0, Duration::ZERO);
    while began.elapsed() < ROUND {
        for outcome in [target.good_call().await, attach_policy(target).await] {
            if let Ok(took) = outcome {
                longest = longest.max(took);
            }
            if let Err(sentence) = judge(hoarding, &outcome) {
                report.fail(format!("{hoarding:?}: {sentence}"));
            }
            report.good_call(outcome);
            calls += 1;
        }
    }
    context.tell(&format!(
        "{hoarding:?}: {calls} good calls, the longest {}",
        milliseconds(longest)
    ));
    uploads.shutdown().await;
}

async fn attach_policy(target: &Target) -> Result<Duration, String> {
    const FULL_ACCESS: &str =
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    let began = Instant::now();
    let path = "/vpc-endpoints/vpce-00000000000000000/policy";
    match target.control("PUT", path, FULL_ACCESS).await?.status {
        204 => Ok(began.elapsed()),
        status => Err(format!("PUT {path}: {status}")),
    }
}

/// Whoever takes only its own share delays nobody. Whoever takes another client's share, or everything under many
/// names, is ended by the limits on slow bodies.
fn judge(hoarding: Hoarding, outcome: &Result<Duration, String>) -> Result<(), String> {
    let most = hoarding.delay_max();
    match outcome {
        Ok(took) if *took > most => Err(format!("a good call took {}", milliseconds(*took))),
        _ => Ok(()),
    }
}

/// How room is taken
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hoarding {
    /// 16 MiB are announced, and nothing comes
    Announced,
    /// The length is not given, and one chunk has begun
    Chunked,
    /// A part of each body comes, from one address and with one access key
    InPart,
    /// A part of each body comes, with the access key of the good client
    InAnothersName,
    /// A part of each body comes, each from another address and with another access key
    InManyNames,
    /// A part of each body comes, as streams of a few HTTP/2 connections
    Streams,
    /// Policies for the control API, each half sent
    Control,
}

impl Hoarding {
    const ALL: [Self; 7] = [
        Self::Announced,
        Self::Chunked,
        Self::InPart,
        Self::InAnothersName,
        Self::InManyNames,
        Self::Streams,
        Self::Control,
    ];

    fn delay_max(self) -> Duration {
        match self {
            Self::InAnothersName | Self::InManyNames => DELAY_BY_LIMITS,
            _ => DELAY,
        }
    }

    /// Sends one upload; ends when the other side has had enough
    async fn upload(self, target: &Target, index: usize, choices: &mut Rng) -> io::Result<()> {
        let access_key_id = match self {
            Self::InAnothersName => "test".to_owned(),
            Self::InManyNames => format!("AKIA{index:016}"),
            _ => "AKIAIOSFODNN7EXAMPLE".to_owned(),
        };
        let last = u8::try_from(index).unwrap_or(u8::MAX);
        let client = match self {
            Self::InManyNames => [127, 0, 1, last],
            _ => [127, 0, 0, 2],
        };
        // The signature is made up, which cannot be known before the body is there.
        let signed = Call::detect().access_key_id(&access_key_id).sign();
        let (length, part) = (BODY_BYTES_MAX, choices.usize(PART));
        match self {
            Self::Control => {
                let head = "PUT /vpc-endpoints/vpce-00000000000000000/policy HTTP/1.1\r\nhost: localhost\r\n\
                            content-length: 1048576\r\n\r\n";
                let socket = TcpSocket::new_v4()?;
                socket.bind((client, 0).into())?;
                let mut stream = socket.connect(target.control).await?;
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&vec![b' '; 524_288]).await?;
                stream.read_u8().await?;
            }
            Self::Streams => {
                let mut stream = target.connect_from(&target.http2, client).await?;
                stream.write_all(&opening()).await?;
                for number in 0..STREAMS {
                    let block = signed.field_block();
                    stream
                        .write_all(&frame(HEADERS, END_HEADERS, 2 * number + 1, &block))
                        .await?;
                }
                // As much as the initial windows allow.
                for piece in 0..4 {
                    let bytes = vec![0; FRAME_BYTES_MAX - 1];
                    stream.write_all(&frame(DATA, 0, 2 * piece + 1, &bytes)).await?;
                }
                stream.flush().await?;
                stream.read_to_end(&mut Vec::new()).await?;
            }
            _ => {
                let mut stream = target.connect_from(&target.http1, client).await?;
                let head = signed.head();
                let length = match self {
                    Self::Chunked => "transfer-encoding: chunked\r\n\r\nffffff\r\n".to_owned(),
                    _ => format!("content-length: {length}\r\n\r\n"),
                };
                stream.write_all(format!("{head}{length}").as_bytes()).await?;
                if !matches!(self, Self::Announced | Self::Chunked) {
                    stream.write_all(&vec![0; part]).await?;
                }
                stream.flush().await?;
                stream.read_u8().await?;
            }
        }
        Ok(())
    }
}

const UPLOADS: usize = 40;
/// The streams of one HTTP/2 connection
const STREAMS: u32 = 20;
/// The emulator's default
const BODY_BYTES_MAX: usize = 16 << 20;
/// The part of each body that is sent; all together more than `in_flight_body_bytes_max`
const PART: Range<usize> = 1 << 20..4 << 20;
/// Longer than `body_idle_timeout_seconds` above, so that every upload comes to its end
const ROUND: Duration = Duration::from_secs(3);
/// What a good call takes at most on a busy machine
const DELAY: Duration = Duration::from_secs(5);
/// The same, and a few times `body_idle_timeout_seconds`
const DELAY_BY_LIMITS: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    #[test]
    fn a_good_call_that_waits_for_silent_uploads_is_a_failure() {
        let took = |seconds| Ok(Duration::from_secs(seconds));
        assert_eq!(judge(Hoarding::Announced, &took(1)), Ok(()));
        assert!(judge(Hoarding::Announced, &took(6)).is_err());
        assert_eq!(judge(Hoarding::InManyNames, &took(6)), Ok(()));
        assert!(judge(Hoarding::InManyNames, &took(11)).is_err());
    }

    #[tokio::test]
    async fn a_server_that_has_no_room_is_reported() {
        let stub = stub::has_no_room("starvation").await;
        let mut report = Report::default();
        hoard(
            &stub.context,
            &stub.target,
            Hoarding::Announced,
            &mut Rng::with_seed(1),
            &mut report,
        )
        .await;
        assert!(report.lost > 0, "{report:?}");
    }
}
