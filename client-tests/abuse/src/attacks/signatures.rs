//! Signed calls with one thing changed: every one must be refused, and the call as it was must be answered.

use fastrand::Rng;

use super::{against, side_by_side};
use crate::{
    Context, Report,
    call::{Call, Signed},
    client::{PATIENCE, Target, Tls, exchange},
    http2,
};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    against(context, "http2: true\n", async |emulator| {
        attack(context, &emulator.target).await
    })
    .await
}

async fn attack(context: &Context, target: &Target) -> Report {
    let mut report = side_by_side(context, target, WORKERS, |context, target, worker| async move {
        Worker {
            context,
            target,
            worker,
            kept: None,
        }
        .work()
        .await
    })
    .await;
    report.load = format!("{WORKERS} connections; {}", report.good_calls_text());
    report
}

struct Worker {
    context: Context,
    target: Target,
    worker: usize,
    /// HTTP/1.1 connections are used again, so a refusal must leave the connection intact
    kept: Option<Tls>,
}

impl Worker {
    async fn work(mut self) -> Report {
        let mut report = Report::default();
        for round in 0.. {
            let mut choices = self.context.choices(self.worker, round);
            let signed = any_call(&mut choices);
            if round % 64 == 0 {
                report.good_call(self.target.good(&signed).await);
            }
            let mut changed = signed.clone();
            let what = change(&mut changed, &mut choices);
            report.bad_inputs += 1;
            let outcome = if choices.u8(..4) == 0 {
                self.over_http2(&changed).await
            } else {
                self.over_http1(&changed).await
            };
            if let Err(sentence) = judge(&outcome) {
                report.fail(format!(
                    "worker {}, round {round}: {} {} with {what}: {sentence}",
                    self.worker, signed.method, signed.target
                ));
            }
            if !self.context.has_time() {
                break;
            }
        }
        report
    }

    async fn over_http1(&mut self, signed: &Signed) -> Result<u16, String> {
        let work = async {
            let mut stream = match self.kept.take() {
                Some(stream) => stream,
                None => self.target.connect().await?,
            };
            let answer = exchange(&mut stream, &signed.to_http1()).await?;
            if !answer.is_last {
                self.kept = Some(stream);
            }
            std::io::Result::Ok(answer.status)
        };
        in_time(work).await
    }

    async fn over_http2(&self, signed: &Signed) -> Result<u16, String> {
        in_time(http2::ask(&self.target, signed)).await
    }
}

async fn in_time(work: impl Future<Output = std::io::Result<u16>>) -> Result<u16, String> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}

/// Checks that a changed call is refused, and that the refusal is an answer
fn judge(outcome: &Result<u16, String>) -> Result<(), String> {
    match outcome {
        Ok(400..=499) => Ok(()),
        Ok(status @ 200..=299) => Err(format!("ACCEPTED with {status}")),
        Ok(status) => Err(format!("{status} instead of a refusal")),
        Err(error) => Err(format!("no answer: {error}")),
    }
}

fn any_call(choices: &mut Rng) -> Signed {
    match choices.u8(..8) {
        0 => Call::get("/projects?maxResults=10").presign(),
        1 => Call::get("/projects?maxResults=10").sign(),
        2 => Call::create_project(&format!("p-{:x}", choices.u32(..))).sign(),
        3 => Call::query("ec2", "DescribeVpcEndpoints", &[]).sign(),
        4 => Call::query("sts", "GetCallerIdentity", &[]).sign(),
        _ => Call::detect().sign(),
    }
}

/// Changes one thing that the signature covers, or the signature, and returns which
fn change(signed: &mut Signed, choices: &mut Rng) -> &'static str {
    // Not every change is possible on every call.
    loop {
        let what = choices.choice(CHANGES).expect("there are changes");
        let before = signed.clone();
        (what.1)(signed, choices);
        if signed.method != before.method
            || signed.target != before.target
            || signed.headers != before.headers
            || signed.body != before.body
        {
            return what.0;
        }
    }
}

type Change = (&'static str, fn(&mut Signed, &mut Rng));

const CHANGES: &[Change] = &[
    ("a digit of the signature changed", |signed, choices| {
        in_part(signed, "Signature=", |part| other_digit(part, choices));
    }),
    ("the signature cut", |signed, choices| {
        in_part(signed, "Signature=", |part| {
            part.truncate(choices.usize(..part.len()));
        });
    }),
    ("the signature longer", |signed, _| {
        in_part(signed, "Signature=", |part| part.push('0'));
    }),
    ("the signature in capitals", |signed, _| {
        in_part(signed, "Signature=", |part| *part = part.to_ascii_uppercase());
    }),
    ("another credential", |signed, choices| {
        in_part(signed, "Credential=", |part| other_letter(part, choices));
    }),
    ("a longer credential", |signed, _| {
        in_part(signed, "Credential=", |part| part.push_str("/aws4_request"));
    }),
    ("a header less signed", |signed, choices| {
        in_part(signed, "SignedHeaders=", |part| {
            let mut names: Vec<_> = part.split(';').map(str::to_owned).collect();
            names.remove(choices.usize(..names.len()));
            *part = names.join(";");
        });
    }),
    ("a header more signed", |signed, _| {
        in_part(signed, "SignedHeaders=", |part| part.push_str(";x-amz-meta"));
    }),
    ("another algorithm", |signed, choices| {
        let other = [
            "AWS4-HMAC-SHA512",
            "AWS4-HMAC-SHA1",
            "AWS4-ECDSA-P256-SHA256",
            "AWS3",
        ];
        let other = other[choices.usize(..other.len())];
        if let Some(authorization) = signed.header_mut("authorization") {
            *authorization = authorization.replace("AWS4-HMAC-SHA256", other);
        } else {
            signed.target = signed.target.replace("AWS4-HMAC-SHA256", other);
        }
    }),
    ("a second Authorization before it", |signed, choices| {
        if let Some(authorization) = signed.header_mut("authorization").cloned() {
            let mut other = authorization.clone();
            other_digit(&mut other, choices);
            // The first of two counts, as on AWS; then it does not matter that the other is good.
            if other != authorization {
                signed.headers.insert(1, ("authorization".to_owned(), other));
            }
        }
    }),
    ("no Authorization", |signed, _| {
        signed.headers.retain(|(name, _)| name != "authorization");
    }),
    ("no date", |signed, _| {
        signed.headers.retain(|(name, _)| name != "x-amz-date");
    }),
    ("another date", |signed, choices| {
        if let Some(date) = signed.header_mut("x-amz-date") {
            other_digit(date, choices);
        } else {
            in_part(signed, "X-Amz-Date=", |part| other_digit(part, choices));
        }
    }),
    ("another expiry", |signed, choices| {
        in_part(signed, "X-Amz-Expires=", |part| other_digit(part, choices));
    }),
    ("another content type", |signed, choices| {
        if let Some(content_type) = signed.header_mut("content-type") {
            other_letter(content_type, choices);
        }
    }),
    ("another Host", |signed, choices| {
        let hosts = [
            "127.0.0.1",
            "localhost:1",
            "lookoutvision.us-west-2.amazonaws.com",
        ];
        hosts[choices.usize(..hosts.len())].clone_into(&mut signed.headers[0].1);
    }),
    ("another method", |signed, choices| {
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        methods[choices.usize(..methods.len())].clone_into(&mut signed.method);
    }),
    ("another path", |signed, choices| {
        let (mut path, query) = match signed.target.split_once('?') {
            Some((path, query)) => (path.to_owned(), format!("?{query}")),
            None => (signed.target.clone(), String::new()),
        };
        other_letter(&mut path, choices);
        signed.target = path + &query;
    }),
    ("a longer path", |signed, _| {
        signed.target.insert_str(1, "x/");
    }),
    ("a parameter more", |signed, _| {
        signed
            .target
            .push(if signed.target.contains('?') { '&' } else { '?' });
        signed.target.push_str("nextToken=x");
    }),
    ("another parameter", |signed, _| {
        signed.target = signed.target.replace("maxResults=10", "maxResults=11");
    }),
    ("a byte of the body changed", |signed, choices| {
        if !signed.body.is_empty() {
            let place = choices.usize(..signed.body.len());
            signed.body[place] ^= 1 << choices.u8(..8);
        }
    }),
    ("a longer body", |signed, choices| {
        signed.body.push(choices.u8(..));
    }),
    ("a shorter body", |signed, choices| {
        if !signed.body.is_empty() {
            signed.body.truncate(choices.usize(..signed.body.len()));
        }
    }),
    ("an unsigned payload that nobody signed", |signed, choices| {
        signed.body.push(choices.u8(..));
        signed
            .headers
            .push(("x-amz-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
    }),
];

/// Changes the text after `name` in `Authorization`, or in the query that replaces it
fn in_part(signed: &mut Signed, name: &str, change: impl FnOnce(&mut String)) {
    let text = match signed.header_mut("authorization") {
        Some(authorization) => authorization,
        None => &mut signed.target,
    };
    let Some(start) = text.find(name).map(|start| start + name.len()) else {
        return;
    };
    let end = text[start..]
        .find([',', '&'])
        .map_or(text.len(), |length| start + length);
    let mut part = text[start..end].to_owned();
    if !part.is_empty() {
        change(&mut part);
        text.replace_range(start..end, &part);
    }
}

/// Changes one of the decimal or hexadecimal digits at the end of a text
fn other_digit(text: &mut String, choices: &mut Rng) {
    replace_one(text, choices, u8::is_ascii_digit, b"0123456789");
}

fn other_letter(text: &mut String, choices: &mut Rng) {
    replace_one(
        text,
        choices,
        u8::is_ascii_lowercase,
        b"abcdefghijklmnopqrstuvwxyz",
    );
}

fn replace_one(text: &mut String, choices: &mut Rng, is_one: impl Fn(&u8) -> bool, others: &[u8]) {
    let mut bytes = text.clone().into_bytes();
    let places: Vec<usize> = (0..bytes.len()).filter(|place| is_one(&bytes[*place])).collect();
    if let Some(place) = choices.choice(&places) {
        bytes[*place] = others[choices.usize(..others.len())];
    }
    if let Ok(changed) = String::from_utf8(bytes) {
        *text = changed;
    }
}

const WORKERS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    #[test]
    fn an_acceptance_a_defect_and_a_silence_are_failures_and_a_refusal_is_none() {
        assert_eq!(judge(&Ok(403)), Ok(()));
        assert!(judge(&Ok(200)).is_err());
        assert!(judge(&Ok(204)).is_err());
        assert!(judge(&Ok(500)).is_err());
        assert!(judge(&Err("closed".to_owned())).is_err());
    }

    #[test]
    fn every_change_changes_something_of_some_call() {
        for (name, apply) in CHANGES {
            let changes = (0..400).any(|seed| {
                let mut choices = Rng::with_seed(seed);
                let signed = any_call(&mut choices);
                let mut changed = signed.clone();
                apply(&mut changed, &mut choices);
                changed.to_http1() != signed.to_http1()
            });
            assert!(changes, "{name}");
        }
    }

    #[tokio::test]
    async fn a_server_that_accepts_everything_is_reported() {
        let stub = stub::accepts_everything("signatures").await;
        let report = attack(&stub.context, &stub.target).await;
        assert!(report.failures > 0 && !report.has_held(), "{report:?}");
        let accepted = report
            .told
            .iter()
            .filter(|told| told.contains("ACCEPTED with 200"));
        assert!(accepted.count() > 0, "{report:?}");
    }
}
