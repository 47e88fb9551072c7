//! The section `faults`.

use std::time::Duration;

use client_text::spelling::suggestion;
use http::StatusCode;
use lookoutvision::operation::Operation;

use super::{
    super::{
        file::{
            List,
            faults::{
                ConnectionKind, DelayMilliseconds, Fault as FaultFile, FaultEffect, FaultService, FaultStage,
                FaultWhen, TlsKind, Written,
            },
        },
        problems::{Place, Report},
    },
    Unique, each,
    rules::call_numbers,
};
use crate::{
    network::host_name::EmulatedService,
    services::{injected, operation_names},
    settings::faults::{
        ConnectionFault, ConnectionFaultKind, Delay, Draws, Effect, Fault, InjectedError, Pattern, Stage,
        TlsFault, When,
    },
};

/// The faults, in their order
pub(in crate::config) fn validate(
    written: List<Written<FaultFile>>,
    place: &Place,
    report: &Report<'_>,
) -> Option<Vec<Fault>> {
    let mut names = Unique::new("fault");
    each(written, place, report, |place, written| {
        if let Some(name) = &written.read.name {
            names.check(name.0.clone(), place.child("name"), report);
        }
        fault(written, place, report)
    })
}

/// One fault
pub(in crate::config) fn fault(
    written: Written<FaultFile>,
    place: &Place,
    report: &Report<'_>,
) -> Option<Fault> {
    let Written { value, read } = written;
    let fault_place = place.child("fault");
    let kind = kind(&fault_place, report)?;
    let stage = stage(read.stage, kind, place, report);
    let asked = read.when.unwrap_or_default();
    let call_place = place.child("when").child("call");
    let call = asked.call.as_ref();
    let call = call.map(|calls| call_numbers(calls, &call_place, report));
    let when = when(asked, kind, stage, &place.child("when"), report);
    let delay = read
        .fault
        .as_ref()
        .and_then(|effect| effect.delay_milliseconds.as_ref());
    let delay = delay.and_then(|delay| self::delay(delay, &fault_place, report));
    let effect = effect(read.fault?, kind, stage, &when, &fault_place, report)?;
    Some(Fault {
        name: read.name?.0.into(),
        when,
        call,
        probability: read.probability.unwrap_or(1.0),
        draws: Draws::new(read.seed.unwrap_or(0)),
        times: read.times,
        ttl: read.ttl_seconds.map(Duration::from_secs),
        stage,
        delay,
        effect,
        written: value,
    })
}

/// The kind of fault that the keys belong to
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Delay,
    Error,
    Status,
    Connection,
    Tls,
}

/// The name of each kind, and its further keys
const KINDS: [(Kind, &str, &[&str]); 4] = [
    (Kind::Error, "error", &["message", "retry_after_seconds"]),
    (Kind::Status, "status", &["body", "retry_after_seconds"]),
    (
        Kind::Connection,
        "connection",
        &["after_bytes", "bytes_per_second", "seconds"],
    ),
    (Kind::Tls, "tls", &["seconds"]),
];

/// The kind of a fault; a key that belongs to another kind is reported
fn kind(place: &Place, report: &Report<'_>) -> Option<Kind> {
    let is_said = |key: &str| report.is_said(&place.child(key));
    let mut said = KINDS.into_iter().filter(|(_, key, _)| is_said(key));
    let found = said.next();
    if let (Some((_, first, _)), Some((_, second, _))) = (found, said.next()) {
        let message = format!("`{first}` and `{second}` are two kinds of fault; one fault has one");
        return report.refuse(place, message);
    }
    let further: &[&str] = found.map_or(&[], |(_, _, further)| further);
    for (_, key, others) in KINDS {
        for other in others
            .iter()
            .filter(|other| !further.contains(other) && is_said(other))
        {
            // `seconds` and `retry_after_seconds` belong to two kinds; the first is named.
            if KINDS
                .into_iter()
                .find(|(.., keys)| keys.contains(other))
                .is_some_and(|(_, first, _)| first == key)
            {
                report.problem(&place.child(other), format!("`{other}` belongs to `{key}`"));
            }
        }
    }
    match found {
        Some((Kind::Tls, ..)) if is_said("delay_milliseconds") => {
            let message = "a handshake is not delayed; `tls: stall_in_handshake` with `seconds` holds one up";
            report.refuse(&place.child("delay_milliseconds"), message)
        }
        Some((kind, ..)) => Some(kind),
        None if is_said("delay_milliseconds") => Some(Kind::Delay),
        // A misspelt key was reported already, and is most likely the missing one.
        None if !report.is_sound(place) => None,
        None => report.refuse(
            place,
            "say what happens: `error`, `delay_milliseconds`, `status`, `connection` or `tls`",
        ),
    }
}

fn stage(written: Option<FaultStage>, kind: Kind, place: &Place, report: &Report<'_>) -> Stage {
    if kind == Kind::Tls {
        if report.is_said(&place.child("stage")) {
            let message = "a fault of `tls` is looked for in the handshake, and has no stage";
            report.problem(&place.child("stage"), message);
        }
        return Stage::Handshake;
    }
    match written {
        Some(FaultStage::BeforeAuthentication) => Stage::BeforeAuthentication,
        Some(FaultStage::InsteadOfOperation) => Stage::InsteadOfOperation,
        Some(FaultStage::BeforeAnswer) | None => Stage::BeforeAnswer,
    }
}

fn when(asked: FaultWhen, kind: Kind, stage: Stage, place: &Place, report: &Report<'_>) -> When {
    let refuse_all = |keys: &[&str], message: &str| {
        for key in keys {
            let place = place.child(key);
            if report.is_said(&place) {
                report.problem(&place, message);
            }
        }
    };
    if kind == Kind::Tls {
        refuse_all(
            &OF_REQUESTS,
            "a handshake has no request yet: a fault of `tls` asks for `server_name`, `source_ip` and `call`",
        );
    } else {
        refuse_all(
            &["server_name"],
            "only a fault of `tls` asks for this; a request is told by `region`, `vpc_endpoint_id` and `service`",
        );
    }
    if stage == Stage::BeforeAuthentication {
        refuse_all(
            &["principal"],
            "who calls is not known before authentication; `access_key_id` is",
        );
    }
    if let Some(pattern) = &asked.operation {
        check_operation(pattern, asked.service, stage, &place.child("operation"), report);
    }
    When {
        service: asked.service.map(EmulatedService::from),
        operation: asked.operation.map(Pattern::new),
        principal: asked.principal.map(Pattern::new),
        access_key_id: asked.access_key_id.map(|id| id.0),
        vpc_endpoint_id: asked.vpc_endpoint_id.map(|id| id.0),
        project: asked.project.map(|name| name.0),
        model_version: asked.model_version.map(|version| version.0),
        region: asked.region.map(|region| region.0),
        source_ip: asked.source_ip.map(|network| network.0),
        server_name: asked.server_name.map(Pattern::new),
    }
}

/// Conditions that a handshake does not have
const OF_REQUESTS: [&str; 8] = [
    "service",
    "operation",
    "principal",
    "access_key_id",
    "vpc_endpoint_id",
    "project",
    "model_version",
    "region",
];

/// Reports an operation that does not exist: nobody would call it, and the fault would never strike
fn check_operation(
    pattern: &str,
    service: Option<FaultService>,
    stage: Stage,
    place: &Place,
    report: &Report<'_>,
) {
    let names = operation_names();
    let operation = Pattern::new(pattern);
    if !names.iter().any(|name| operation.fits(name)) {
        let message = format!("`{pattern}` fits no operation; {}", suggestion(pattern, &names));
        report.problem(place, message);
        return;
    }
    let is_of_lookoutvision = !matches!(service, Some(FaultService::Ec2 | FaultService::Sts));
    let mut of_lookoutvision = Operation::ALL.into_iter().map(Operation::name);
    if stage == Stage::BeforeAuthentication
        && !(is_of_lookoutvision && of_lookoutvision.any(|name| operation.fits(name)))
    {
        let message = "the action of a call of EC2 or STS stands in its body, which is not read before authentication; leave \
                       `operation` out, or take another stage";
        report.problem(place, message);
    }
}

fn delay(written: &DelayMilliseconds, place: &Place, report: &Report<'_>) -> Option<Delay> {
    let (from, to) = match written {
        DelayMilliseconds::Exactly(milliseconds) => (*milliseconds, *milliseconds),
        DelayMilliseconds::Between(range) => (range.from?, range.to?),
    };
    if from > to {
        let message = format!("`from` ({from}) is more than `to` ({to})");
        return report.refuse(&place.child("delay_milliseconds"), message);
    }
    Some(Delay {
        from: Duration::from_millis(from),
        to: Duration::from_millis(to),
    })
}

fn effect(
    written: FaultEffect,
    kind: Kind,
    stage: Stage,
    when: &When,
    place: &Place,
    report: &Report<'_>,
) -> Option<Effect> {
    match kind {
        Kind::Delay => Some(Effect::Nothing),
        Kind::Error => error(written, when, place, report).map(Effect::Error),
        Kind::Status => {
            let status = u16::try_from(written.status?).ok();
            let status = status.and_then(|status| StatusCode::from_u16(status).ok())?;
            let body = written.body.unwrap_or_default();
            let has_none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
            if has_none && !body.is_empty() {
                let message = format!("an answer with the status {} has no body", status.as_u16());
                return report.refuse(&place.child("body"), message);
            }
            Some(Effect::Answer {
                status,
                body: body.into(),
                retry_after_seconds: written.retry_after_seconds,
            })
        }
        Kind::Connection => connection(&written, stage, place, report).map(Effect::Connection),
        Kind::Tls => tls(&written, place, report).map(Effect::Tls),
    }
}

fn error(written: FaultEffect, when: &When, place: &Place, report: &Report<'_>) -> Option<InjectedError> {
    let text = written.error?;
    let error_place = place.child("error");
    let operations_with = |code: &str| {
        let mut operations = injected::operations_with(code);
        operations.retain_mut(|(service, operations)| {
            operations.retain(|name| when.operation.as_ref().is_none_or(|pattern| pattern.fits(name)));
            when.service.is_none_or(|asked| asked == *service) && !operations.is_empty()
        });
        operations
    };
    let codes = injected::codes();
    let Some(code) = codes.iter().copied().find(|code| *code == text) else {
        // An error of another service would be refused as well.
        let mut fitting = codes;
        fitting.retain(|code| !operations_with(code).is_empty());
        let fitting = if fitting.is_empty() {
            injected::codes()
        } else {
            fitting
        };
        let message = format!(
            "`{text}` is no error that can be injected; {}",
            suggestion(&text, &fitting)
        );
        return report.refuse(&error_place, message);
    };
    let operations = operations_with(code);
    if operations.is_empty() {
        let message = format!("`{code}` is an error of none of the operations that `when` asks for");
        return report.refuse(&error_place, message);
    }
    if written.retry_after_seconds.is_some() && !injected::has_retry_after(code) {
        let message =
            format!("`{code}` has no Retry-After; InternalServerException and ThrottlingException do");
        report.problem(&place.child("retry_after_seconds"), message);
    }
    Some(InjectedError {
        code,
        message: written.message.map(String::into_boxed_str),
        retry_after_seconds: written.retry_after_seconds,
        operations,
    })
}

fn connection(
    written: &FaultEffect,
    stage: Stage,
    place: &Place,
    report: &Report<'_>,
) -> Option<ConnectionFault> {
    let kind = written.connection?;
    let refuse_where = |is_wrong: bool, key: &str, message: &str| {
        if is_wrong && report.is_said(&place.child(key)) {
            report.problem(&place.child(key), message);
        }
    };
    refuse_where(
        kind != ConnectionKind::Slow,
        "bytes_per_second",
        "only `slow` has a rate",
    );
    refuse_where(kind != ConnectionKind::Stall, "seconds", "only `stall` lasts");
    refuse_where(
        stage == Stage::InsteadOfOperation,
        "after_bytes",
        "instead of the operation there is neither a body to be read nor an answer; before_authentication counts the bytes of \
         the request's body, before_answer those of the answer's",
    );
    if matches!(kind, ConnectionKind::Truncate | ConnectionKind::Slow) && stage != Stage::BeforeAnswer {
        let message = "`truncate` and `slow` are about the answer, which is there at the stage before_answer";
        report.problem(&place.child("connection"), message);
    }
    let kind = match kind {
        ConnectionKind::Reset => ConnectionFaultKind::Reset,
        ConnectionKind::Close => ConnectionFaultKind::Close,
        ConnectionKind::Stall => ConnectionFaultKind::Stall(written.seconds.map(Duration::from_secs)),
        ConnectionKind::Truncate => ConnectionFaultKind::Truncate,
        ConnectionKind::Slow => {
            if !report.is_said(&place.child("bytes_per_second")) {
                return report.refuse(place, "the key `bytes_per_second` is missing");
            }
            ConnectionFaultKind::Slow {
                bytes_per_second: written.bytes_per_second?,
            }
        }
    };
    Some(ConnectionFault {
        kind,
        after_bytes: written.after_bytes,
    })
}

fn tls(written: &FaultEffect, place: &Place, report: &Report<'_>) -> Option<TlsFault> {
    let kind = written.tls?;
    if kind != TlsKind::StallInHandshake && report.is_said(&place.child("seconds")) {
        report.problem(&place.child("seconds"), "only `stall_in_handshake` lasts");
    }
    Some(match kind {
        TlsKind::ExpiredCertificate => TlsFault::ExpiredCertificate,
        TlsKind::NotYetValid => TlsFault::NotYetValid,
        TlsKind::WrongName => TlsFault::WrongName,
        TlsKind::UnknownAuthority => TlsFault::UnknownAuthority,
        TlsKind::ResetInHandshake => TlsFault::Reset,
        TlsKind::StallInHandshake => TlsFault::Stall(written.seconds.map(Duration::from_secs)),
    })
}

impl From<FaultService> for EmulatedService {
    fn from(service: FaultService) -> Self {
        match service {
            FaultService::LookoutVision => Self::LookoutVision,
            FaultService::Ec2 => Self::Ec2,
            FaultService::Sts => Self::Sts,
        }
    }
}
