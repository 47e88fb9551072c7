//! The `detect_anomalies` rules.

use std::{collections::BTreeMap, fmt::Display, num::NonZeroU64, sync::Arc, time::Duration};

use lookoutvision::{
    canned::{
        Anomaly, Between, CallNumbers, CannedError, CannedRule, Confidence, ConfidenceError, ConfidenceRange,
        Delay, DetectAnomaliesError, ImageFormat, RecordedAnswer, Rectangle, Segmentation, Then, Verdict,
        When,
    },
    scenarios,
};

use super::{
    super::{
        Problem,
        file::{
            Entries, List,
            rules::{self, Calls, ContentType, ErrorCode},
        },
        files::Files,
        problems::{Place, Report},
        texts::ScenarioText,
        yaml::Position,
    },
    Unique, each,
};

/// The rules of a model or of a project, in their order
pub(super) fn validate(
    written: Option<List<rules::Rule>>,
    place: &Place,
    files: &Files,
    report: &Report<'_>,
) -> Option<Vec<CannedRule>> {
    each(written.unwrap_or_default(), place, report, |place, written| {
        let when = when(written.when.unwrap_or_default(), &place.child("when"), report);
        let then_place = place.child("then");
        let mut answer = written.then?;
        let set_scenario = states_of_scenarios(
            answer.set_scenario.take(),
            &then_place.child("set_scenario"),
            report,
        );
        let delay = delay(answer.delay_milliseconds.take(), &then_place, report);
        let (then, confidence) = then(answer, &then_place, files, report)?;
        Some(CannedRule {
            when: when?,
            then,
            confidence,
            delay,
            set_scenario,
            written: Arc::new(report.json_at(place)),
        })
    })
}

/// Scenarios with a state for each; wrong ones were reported
fn states_of_scenarios(
    written: Option<Entries<ScenarioText>>,
    place: &Place,
    report: &Report<'_>,
) -> BTreeMap<Box<str>, Box<str>> {
    let states = written.unwrap_or_default().into_iter();
    states
        .filter_map(|(name, state)| {
            if !scenarios::is_text(&name) {
                let most = scenarios::CHARACTERS_MAX;
                let message = format!("a scenario's name has 1 to {most} characters");
                report.problem(&place.child(&name), message);
            }
            Some((name.into(), state?.0.into()))
        })
        .collect()
}

/// How long the answer is held back; `0` means not at all
fn delay(written: Option<rules::Delay>, then_place: &Place, report: &Report<'_>) -> Option<Delay> {
    match written? {
        rules::Delay::Exactly(0) => None,
        rules::Delay::Exactly(milliseconds) => Some(Delay::Exactly(Duration::from_millis(milliseconds))),
        rules::Delay::Range { from, to } => {
            let (from, to) = (from?, to?);
            refuse_upside_down(from, to, &then_place.child("delay_milliseconds"), report);
            Some(Delay::Milliseconds { from, to })
        }
    }
}

pub(super) fn refuse_upside_down<N: Copy + PartialOrd + Display>(
    from: N,
    to: N,
    place: &Place,
    report: &Report<'_>,
) {
    if from > to {
        report.problem(place, format!("`from` ({from}) is more than `to` ({to})"));
    }
}

/// Which calls a rule is for
pub(super) fn call_numbers(calls: &Calls, place: &Place, report: &Report<'_>) -> CallNumbers {
    let every = calls.every.unwrap_or(NonZeroU64::MIN);
    let (from, to) = (calls.from.unwrap_or(every.get()), calls.to.unwrap_or(u64::MAX));
    match calls.from {
        None if from > to => {
            let message = format!("the first of `every` ({from}) is more than `to` ({to})");
            report.problem(place, message);
        }
        _ => refuse_upside_down(from, to, place, report),
    }
    CallNumbers {
        between: Between { from, to },
        every,
    }
}

fn when(asked: rules::When, place: &Place, report: &Report<'_>) -> Option<When> {
    let between = |key: &str, ends: Option<(Option<u64>, Option<u64>)>, least: u64| {
        let (from, to) = ends?;
        let (from, to) = (from.unwrap_or(least), to.unwrap_or(u64::MAX));
        refuse_upside_down(from, to, &place.child(key), report);
        Some(Between { from, to })
    };
    let from_one = |key: &str, range: Option<rules::BetweenFromOne>| {
        between(key, range.map(|range| (range.from, range.to)), 1)
    };
    let is_said = |key: &str| report.is_said(&place.child(key));
    if is_said("dimensions") && (is_said("width") || is_said("height")) {
        let message = "give either `dimensions` or `width` and `height`";
        report.problem(&place.child("dimensions"), message);
    }
    let image_bytes = between(
        "image_bytes",
        asked.image_bytes.map(|range| (range.from, range.to)),
        0,
    );
    let width = from_one("width", asked.width);
    let height = from_one("height", asked.height);
    let call = asked
        .call
        .map(|calls| call_numbers(&calls, &place.child("call"), report));
    let exactly = |pixels: Option<u64>| {
        pixels.map(|pixels| Between {
            from: pixels,
            to: pixels,
        })
    };
    let (exact_width, exact_height) = match asked.dimensions {
        Some(dimensions) => (exactly(dimensions.width), exactly(dimensions.height)),
        None => (None, None),
    };
    Some(When {
        image_sha256: asked.image_sha256.map(|hash| hash.0),
        content_type: asked.content_type.map(ImageFormat::from),
        image_bytes,
        width: exact_width.or(width),
        height: exact_height.or(height),
        principal: asked.principal.map(String::into_boxed_str),
        access_key_id: asked.access_key_id.map(|id| id.0.as_str().into()),
        scenario: states_of_scenarios(asked.scenario, &place.child("scenario"), report),
        vpc_endpoint_id: asked.vpc_endpoint_id.map(|id| id.0),
        call,
    })
}

/// Which of the three kinds of answer the keys of `then` belong to
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Recorded,
    Error,
    Result,
}

/// The keys of each kind
const KINDS: [(&str, Kind); 7] = [
    ("response", Kind::Recorded),
    ("error", Kind::Error),
    ("message", Kind::Error),
    ("retry_after_seconds", Kind::Error),
    ("is_anomalous", Kind::Result),
    ("confidence", Kind::Result),
    ("anomalies", Kind::Result),
];

fn then(
    answer: rules::Then,
    place: &Place,
    files: &Files,
    report: &Report<'_>,
) -> Option<(Then, Option<ConfidenceRange>)> {
    let mut given = KINDS
        .into_iter()
        .filter(|(key, _)| report.is_said(&place.child(key)));
    let Some((first_key, kind)) = given.next() else {
        let message = "say what is answered: `response`, or `error`, or `is_anomalous` and `confidence`";
        return report.refuse(place, message);
    };
    if let Some((other_key, _)) = given.find(|(_, other)| *other != kind) {
        let message =
            format!("`{first_key}` and `{other_key}` belong to two kinds of answer; a rule has one");
        return report.refuse(place, message);
    }
    let require = |key: &str| {
        if !report.is_said(&place.child(key)) {
            report.problem(place, format!("the key `{key}` is missing"));
        }
    };
    let mut drawn = None;
    let then = match kind {
        Kind::Recorded => {
            recorded(&answer.response?, &place.child("response"), files, report).map(Then::Recorded)
        }
        Kind::Error => {
            require("error");
            let code = DetectAnomaliesError::from(answer.error?);
            let message = answer.message.map(String::into_boxed_str);
            let message = message.unwrap_or_else(|| default_message(code).into());
            match CannedError::new(code, message, answer.retry_after_seconds) {
                Ok(error) => Some(Then::Error(error)),
                // Only `retry_after_seconds` can be wrong here.
                Err(error) => report.refuse(&place.child("retry_after_seconds"), error.to_string()),
            }
        }
        Kind::Result => {
            require("is_anomalous");
            require("confidence");
            let anomalies_place = place.child("anomalies");
            let anomalies = answer
                .anomalies
                .map(|list| anomalies(list, &anomalies_place, report));
            let (confidence, range) = confidence(&answer.confidence?, &place.child("confidence"), report)?;
            drawn = range;
            let verdict = Verdict {
                is_anomalous: answer.is_anomalous?,
                confidence,
            };
            match anomalies {
                Some(anomalies) => match Segmentation::new(verdict, anomalies?) {
                    Ok(segmentation) => Some(Then::Segmentation(segmentation)),
                    Err(error) => report.refuse(&anomalies_place, error.to_string()),
                },
                None => Some(Then::Classification(verdict)),
            }
        }
    };
    Some((then?, drawn))
}

/// A confidence, and the range from which another one is drawn each time
fn confidence(
    written: &rules::Confidence,
    place: &Place,
    report: &Report<'_>,
) -> Option<(Confidence, Option<ConfidenceRange>)> {
    let refuse = |error: ConfidenceError| report.problem(place, error.to_string());
    match *written {
        rules::Confidence::Exactly(number) => {
            Some((Confidence::try_from(number).map_err(refuse).ok()?, None))
        }
        rules::Confidence::Range { from, to } => {
            let (from, to) = (from?, to?);
            refuse_upside_down(from, to, place, report);
            let range = ConfidenceRange::new(from, to).map_err(refuse).ok()?;
            Some((Confidence::try_from(from).ok()?, Some(range)))
        }
    }
}

fn recorded(written: &str, place: &Place, files: &Files, report: &Report<'_>) -> Option<RecordedAnswer> {
    let file = files.base().join(written);
    let bytes = match files.read_answer(&file) {
        Ok(bytes) => bytes,
        Err(error) => return report.refuse(place, error.in_a_file()),
    };
    RecordedAnswer::parse(&file, bytes)
        .map_err(|error| {
            let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let position = error.position().map(|(line, column)| Position {
                line: number(line),
                column: number(column),
            });
            let problem = Problem {
                path: error.path().to_owned(),
                ..Problem::in_file(&file, error.problem())
            };
            report.add(problem.at(position));
        })
        .ok()
}

/// The message of an error when none is given
// Guess: no answer of the service with these errors is public; the sentences are those of other services.
fn default_message(code: DetectAnomaliesError) -> &'static str {
    match code {
        DetectAnomaliesError::AccessDeniedException => "Access denied",
        DetectAnomaliesError::InternalServerException => "Internal server error",
        DetectAnomaliesError::ValidationException => "Invalid request",
        DetectAnomaliesError::ConflictException => "The model is not in a state that allows this operation",
        DetectAnomaliesError::ResourceNotFoundException => "The resource could not be found",
        DetectAnomaliesError::ThrottlingException => "Rate exceeded",
    }
}

/// The anomalies; each name and each colour is there once. [`Segmentation::new`] checks what spans all of them.
fn anomalies(written: List<rules::Anomaly>, place: &Place, report: &Report<'_>) -> Option<Vec<Anomaly>> {
    let mut names = Unique::new("anomaly");
    let mut colors = Unique::new("colour");
    each(written, place, report, |place, written| {
        if let Some(name) = &written.name {
            names.check(name.0.clone(), place.child("name"), report);
        }
        if let Some(color) = &written.color {
            colors.check(color.0, place.child("color"), report);
        }
        let regions_place = place.child("regions");
        let regions = each(written.regions?, &regions_place, report, |place, sides| {
            Rectangle::new(sides.x?, sides.y?, sides.width?, sides.height?)
                .map_err(|error| report.problem(place, error.to_string()))
                .ok()
        });
        Some(Anomaly {
            name: written.name?.0,
            color: written.color?.0,
            regions: regions?,
        })
    })
}

impl From<ContentType> for ImageFormat {
    fn from(content_type: ContentType) -> Self {
        match content_type {
            ContentType::Jpeg => Self::Jpeg,
            ContentType::Png => Self::Png,
        }
    }
}

impl From<ErrorCode> for DetectAnomaliesError {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::AccessDeniedException => Self::AccessDeniedException,
            ErrorCode::InternalServerException => Self::InternalServerException,
            ErrorCode::ValidationException => Self::ValidationException,
            ErrorCode::ConflictException => Self::ConflictException,
            ErrorCode::ResourceNotFoundException => Self::ResourceNotFoundException,
            ErrorCode::ThrottlingException => Self::ThrottlingException,
        }
    }
}
