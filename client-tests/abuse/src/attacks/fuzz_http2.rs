//! Damaged frames, frames in no order, and floods of good ones.

use std::{io, time::Duration};

use fastrand::Rng;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{against, side_by_side};
use crate::{
    Context, Report,
    call::Call,
    client::{Target, Tls},
    emulator::Emulator,
    http2::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, PRIORITY,
        RST_STREAM, SETTINGS, WINDOW_UPDATE, ask, field, frame, opening, read_frame, status_of,
    },
    mutate::mutate,
};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let config = "http2: true\nlimits: {idle_timeout_seconds: 2, body_idle_timeout_seconds: 1, \
                  body_timeout_seconds: 2, journal_bytes_max: 1048576}\n";
    against(context, config, async |emulator| {
        let mut report = attack(context, &emulator.target).await;
        judge_memory(emulator, &mut report);
        report
    })
    .await
}

async fn attack(context: &Context, target: &Target) -> Report {
    let mut report = side_by_side(context, target, WORKERS, |context, target, worker| {
        work(context, target, worker)
    })
    .await;
    report.load = format!("{WORKERS} connections; {}", report.good_calls_text());
    report
}

/// Checks that memory stays bounded: a flood that is kept instead of being answered or refused would need far more
fn judge_memory(emulator: &Emulator, report: &mut Report) {
    match emulator.memory() {
        Ok(bytes) if bytes > MEMORY_BYTES_MAX => report.fail(format!("{} MiB in memory", bytes >> 20)),
        Ok(_) => {}
        Err(sentence) => report.fail(sentence),
    }
}

async fn work(context: Context, target: Target, worker: usize) -> Report {
    let mut report = Report::default();
    for round in 0.. {
        let mut choices = context.choices(worker, round);
        if round % 50 == 0 {
            report.good_call(good_call(&target).await);
        }
        report.bad_inputs += 1;
        match timeout(PATIENCE, misuse(&target, &mut choices)).await {
            Ok(Ok(statuses)) => {
                if let Some(status) = statuses.iter().find(|status| **status >= 500) {
                    report.fail(format!("worker {worker}, round {round}: {status}"));
                }
            }
            // The connection was ended, which counts as an answer.
            Ok(Err(_)) => {}
            Err(_) => report.fail(format!(
                "worker {worker}, round {round}: nothing is taken and nothing ends for {} s",
                PATIENCE.as_secs()
            )),
        }
        if !context.has_time() {
            break;
        }
    }
    report
}

async fn good_call(target: &Target) -> Result<Duration, String> {
    let began = std::time::Instant::now();
    match timeout(PATIENCE, ask(target, &Call::detect().sign())).await {
        Ok(Ok(200)) => Ok(began.elapsed()),
        Ok(Ok(status)) => Err(format!("DetectAnomalies over HTTP/2: {status}")),
        Ok(Err(error)) => Err(format!("DetectAnomalies over HTTP/2: {error}")),
        Err(_) => Err("DetectAnomalies over HTTP/2: no answer".to_owned()),
    }
}

/// Misuses a connection, and returns the statuses that came back until it was given up
async fn misuse(target: &Target, choices: &mut Rng) -> io::Result<Vec<u16>> {
    let bytes = match choices.u8(..8) {
        0..3 => {
            let mut bytes = [opening(), Call::detect().sign().to_http2(1)].concat();
            // Mostly after the preface, because without it everything ends at once
            let kept = if choices.u8(..8) == 0 { 0 } else { PREFACE.len() };
            let mut damaged = bytes.split_off(kept);
            mutate(&mut damaged, choices, &[]);
            bytes.extend(damaged);
            bytes
        }
        3..6 => disorder(choices),
        _ => flood(choices),
    };
    let mut stream = target.connect_http2().await?;
    let mut statuses = Vec::new();
    // The other side may stop reading until its own bytes are read.
    let (mut reading, mut writing) = tokio::io::split(&mut stream);
    let write = async {
        writing.write_all(&bytes).await?;
        writing.flush().await
    };
    let read = async {
        loop {
            let frame = read_frame(&mut reading).await?;
            if frame.kind == HEADERS {
                statuses.extend(status_of(&frame.payload));
            }
            if frame.kind == GOAWAY {
                return io::Result::Ok(());
            }
        }
    };
    tokio::select! {
        written = async { write.await?; tokio::time::sleep(LISTENING).await; io::Result::Ok(()) } => written?,
        read = read => read?,
    }
    hang_up(stream, choices).await;
    Ok(statuses)
}

/// Closes the connection, with a `close_notify` of TLS or without
async fn hang_up(mut stream: Tls, choices: &mut Rng) {
    if choices.bool() {
        let _ = timeout(PATIENCE, stream.shutdown()).await;
    }
}

/// Good and bad frames of every kind, on any stream
fn disorder(choices: &mut Rng) -> Vec<u8> {
    let mut bytes = opening();
    for _ in 0..choices.usize(1..=24) {
        let stream = *choices
            .choice(&[0, 1, 1, 2, 3, 5, 7, 0x7fff_ffff, 0xffff_ffff])
            .unwrap_or(&1);
        let flags = if choices.bool() {
            choices.u8(..)
        } else {
            END_HEADERS | END_STREAM
        };
        let payload = match choices.u8(..6) {
            0 => Vec::new(),
            1 => Call::detect().sign().field_block(),
            2 => vec![0; choices.usize(..20_000)],
            3 => {
                let mut block = Call::get("/projects").sign().field_block();
                mutate(&mut block, choices, HPACK);
                block
            }
            4 => choices.u32(..).to_be_bytes().to_vec(),
            _ => (0..choices.usize(..64)).map(|_| choices.u8(..)).collect(),
        };
        bytes.extend(frame(choices.u8(..12), flags, stream, &payload));
    }
    bytes
}

/// One frame, repeated many times
fn flood(choices: &mut Rng) -> Vec<u8> {
    let get = Call::get("/projects").sign().field_block();
    let many = choices.u32(200..2_000);
    let mut bytes = opening();
    match choices.u8(..11) {
        // Requests that are cancelled at once
        0 => {
            for number in 0..many {
                let stream = 2 * number + 1;
                bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &get));
                bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            }
        }
        // Requests, all at once
        1 => {
            for number in 0..many.min(400) {
                bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &get));
            }
        }
        // Bodies that never come
        2 => {
            let detect = Call::detect().sign().field_block();
            for number in 0..many.min(400) {
                bytes.extend(frame(HEADERS, END_HEADERS, 2 * number + 1, &detect));
            }
        }
        3 => (0..many).for_each(|_| bytes.extend(frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]))),
        4 => (0..many).for_each(|_| bytes.extend(frame(PING, 0, 0, &[7; 8]))),
        5 => (0..many).for_each(|_| bytes.extend(frame(SETTINGS, ACK, 0, &[]))),
        // A head that never ends
        6 => {
            bytes.extend(frame(HEADERS, 0, 1, &get));
            let mut more = Vec::new();
            field(&mut more, "x-more", &"x".repeat(choices.usize(..4_000)));
            (0..many).for_each(|_| bytes.extend(frame(CONTINUATION, 0, 1, &more)));
        }
        7 => {
            bytes.extend(frame(HEADERS, 0, 1, &get));
            (0..many).for_each(|_| bytes.extend(frame(CONTINUATION, 0, 1, &[])));
        }
        // Empty pieces of a body
        8 => {
            bytes.extend(frame(
                HEADERS,
                END_HEADERS,
                1,
                &Call::detect().sign().field_block(),
            ));
            (0..many).for_each(|_| bytes.extend(frame(DATA, 0, 1, &[])));
        }
        // A window that becomes too large, step by step
        9 => {
            bytes.extend(frame(
                HEADERS,
                END_HEADERS,
                1,
                &Call::detect().sign().field_block(),
            ));
            for _ in 0..many {
                bytes.extend(frame(
                    WINDOW_UPDATE,
                    0,
                    choices.u32(..2),
                    &0x00ff_ffff_u32.to_be_bytes(),
                ));
            }
        }
        // Streams that depend on each other
        _ => {
            for number in 0..many {
                let stream = 2 * number + 1;
                let on = (stream ^ choices.u32(..4)).to_be_bytes();
                bytes.extend(frame(PRIORITY, 0, stream, &[&on[..], &[255]].concat()));
            }
        }
    }
    bytes
}

/// Indexes, sizes and lengths that are hard for a decoder (RFC 7541)
const HPACK: &[&[u8]] = &[
    b"\x80",
    b"\xff\xff\xff\xff\xff\x0f",
    b"\x7f\xff\xff\xff\xff\x0f",
    b"\x3f\xe1\xff\x03",
    b"\x20",
    b"\x00\x80\x80",
    b"\x40\x01a\x01b",
    b"\x00\x05:path\x01/",
    b"\x00\x04host\x04evil",
    b"\x00\x0aconnection\x05close",
    b"\x00\x03A-B\x01x",
    b"\x00\x01a\x02\r\n",
    b"\x00\x8f\xff\xff\xff",
];

const WORKERS: usize = 8;
/// How long we listen for statuses after everything was sent
const LISTENING: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(20);
/// Several times what an emulator with these limits needs, and a fraction of what is sent to it
const MEMORY_BYTES_MAX: u64 = 192 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    #[tokio::test]
    async fn a_server_that_answers_no_good_call_is_reported() {
        // The stub does not even speak HTTP/2.
        let stub = stub::accepts_everything("fuzz-http2").await;
        let report = attack(&stub.context, &stub.target).await;
        assert!(report.lost > 0 && report.bad_inputs > 0, "{report:?}");
    }
}
