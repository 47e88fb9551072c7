//! Thousands of connections that say next to nothing, at every place where a client can be slow.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{against, side_by_side};
use crate::{Context, Report, call::Call, client::Target, open_files, report::milliseconds, table::grouped};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let connections = connections(context.time_left(), open_files::bound());
    // Good calls find room on the AWS API. The control API gets more connections than it accepts.
    let config = format!(
        "limits: {{connections_max: {}, idle_timeout_seconds: 20}}\n",
        connections + 100
    );
    against(context, &config, async |emulator| {
        attack(context, &emulator.target, connections).await
    })
    .await
}

/// As many connections as there is time to open, and files for, on both sides
fn connections(time: Duration, open_files: usize) -> usize {
    let by_time = usize::try_from(time.as_millis() / 10).unwrap_or(usize::MAX);
    let by_files = open_files.saturating_sub(500) / 3;
    by_time.min(by_files).clamp(20, CONNECTIONS_MAX)
}

async fn attack(context: &Context, target: &Target, connections: usize) -> Report {
    let mut slow = JoinSet::new();
    for index in 0..connections {
        let target = target.clone();
        let place = Place::ALL[index % Place::ALL.len()];
        slow.spawn(async move {
            // A client that was disconnected comes again.
            loop {
                let _ = be_slow(&target, place).await;
                sleep(PACE).await;
            }
        });
    }
    for _ in 0..connections + CONTROL_BEYOND {
        let target = target.clone();
        slow.spawn(async move {
            loop {
                let _ = be_slow_to_control(&target).await;
                sleep(PACE).await;
            }
        });
    }
    context.tell(&format!("{connections} slow connections to each listener"));
    let mut report = side_by_side(context, target, GOOD_CLIENTS, |context, target, _| {
        good_calls(context, target)
    })
    .await;
    slow.shutdown().await;
    report.bad_inputs = (2 * connections + CONTROL_BEYOND) as u64;
    judge(&mut report);
    report.load = format!(
        "{} slow connections to each listener; {}",
        grouped(connections as u64),
        report.good_calls_text()
    );
    report
}

/// Checks that good calls do not wait for slow ones
fn judge(report: &mut Report) {
    let p99 = report.percentile(99);
    if p99 > P99_MAX {
        report.fail(format!("good calls took {} (p99)", milliseconds(p99)));
    }
    if report.good_calls.is_empty() {
        report.fail("no good call was answered");
    }
}

async fn good_calls(context: Context, target: Target) -> Report {
    let mut report = Report::default();
    loop {
        report.good_call(target.good_call().await);
        report.good_call(check_health(&target).await);
        if !context.has_time() {
            return report;
        }
    }
}

/// `GET /ready`, as a container's health check asks. While the control API is full, the newest connection replaces the
/// oldest. So one try may have become the oldest, but not several in a row.
async fn check_health(target: &Target) -> Result<Duration, String> {
    let mut last = String::new();
    for _ in 0..HEALTH_RETRIES {
        let began = Instant::now();
        match target.control("GET", "/ready", "").await {
            Ok(answer) if answer.status == 200 => return Ok(began.elapsed()),
            Ok(answer) => last = format!("GET /ready: {}", answer.status),
            Err(error) => last = error,
        }
    }
    Err(format!("{HEALTH_RETRIES} times: {last}"))
}

/// The places where a client is slow
#[derive(Debug, Clone, Copy)]
enum Place {
    BeforeTheHandshake,
    InTheHandshake,
    BeforeTheRequest,
    InTheHead,
    InTheBody,
    InTheAnswer,
}

impl Place {
    const ALL: [Self; 6] = [
        Self::BeforeTheHandshake,
        Self::InTheHandshake,
        Self::BeforeTheRequest,
        Self::InTheHead,
        Self::InTheBody,
        Self::InTheAnswer,
    ];
}

/// Is slow until the other side has had enough
async fn be_slow(target: &Target, place: Place) -> io::Result<()> {
    match place {
        Place::BeforeTheHandshake => {
            let mut stream = TcpStream::connect(target.address).await?;
            stream.read_u8().await?;
        }
        Place::InTheHandshake => {
            let mut stream = TcpStream::connect(target.address).await?;
            // A ClientHello of 512 bytes that comes byte by byte
            stream
                .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                .await?;
            drip(&mut stream, b"\0").await?;
        }
        Place::BeforeTheRequest => {
            let mut stream = target.connect().await?;
            stream.read_u8().await?;
        }
        Place::InTheHead => {
            let mut stream = target.connect().await?;
            stream
                .write_all(b"POST /2020-11-20/projects HTTP/1.1\r\nhost: localhost\r\nx: ")
                .await?;
            drip(&mut stream, b"x").await?;
        }
        Place::InTheBody => {
            let mut stream = target.connect().await?;
            let request = Call::detect().sign().to_http1();
            stream.write_all(&request[..request.len() - 1_000]).await?;
            drip(&mut stream, b"x").await?;
        }
        Place::InTheAnswer => {
            let mut stream = target.connect().await?;
            let request = Call::detect().sign().to_http1();
            // Asks as long as it can, and reads nothing.
            loop {
                stream.write_all(&request).await?;
                stream.flush().await?;
                sleep(PACE).await;
            }
        }
    }
    Ok(())
}

async fn be_slow_to_control(target: &Target) -> io::Result<()> {
    let mut stream = TcpStream::connect(target.control).await?;
    stream
        .write_all(b"GET /requests HTTP/1.1\r\nhost: localhost\r\nx: ")
        .await?;
    drip(&mut stream, b"x").await
}

/// Sends one byte at a time, until there is an answer or an end
async fn drip(
    stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    byte: &[u8],
) -> io::Result<()> {
    loop {
        stream.write_all(byte).await?;
        stream.flush().await?;
        if timeout(PACE, stream.read_u8()).await.is_ok() {
            return Ok(());
        }
    }
}

const CONNECTIONS_MAX: usize = 2_000;
/// More than `connections_max` of the configuration above
const CONTROL_BEYOND: usize = 200;
const GOOD_CLIENTS: usize = 2;
/// Docker's default
const HEALTH_RETRIES: usize = 3;
/// The time between two signs of life
const PACE: Duration = Duration::from_secs(3);
/// Far more than an unoptimised build needs on a machine that runs two thousand slow clients
const P99_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    #[test]
    fn good_calls_that_wait_are_a_failure() {
        let mut report = Report {
            good_calls: vec![Duration::from_millis(1); 100],
            ..Report::default()
        };
        judge(&mut report);
        assert!(report.has_held());
        report.good_calls.extend([Duration::from_secs(6); 10]);
        judge(&mut report);
        assert!(!report.has_held());
        let mut none = Report::default();
        judge(&mut none);
        assert!(!none.has_held());
    }

    #[test]
    fn there_are_as_many_connections_as_time_and_files_allow() {
        let minute = Duration::from_secs(60);
        assert_eq!(connections(minute, 20_000), 2_000);
        assert_eq!(connections(minute, 1_024), 174);
        assert_eq!(connections(Duration::from_secs(3), 20_000), 300);
        assert_eq!(connections(Duration::ZERO, 0), 20);
    }

    #[tokio::test]
    async fn a_server_that_answers_no_good_call_is_reported() {
        let stub = stub::has_no_room("slow").await;
        let report = attack(&stub.context, &stub.target, 12).await;
        assert!(report.lost > 0, "{report:?}");
    }
}
