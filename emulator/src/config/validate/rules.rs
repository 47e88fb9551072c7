//! The `detect_anomalies` rules.

use std::time::Duration;

use lookoutvision::canned::{
    Anomaly, AnomalyName, Between, CannedError, CannedRule, Color, Confidence, ConfidenceError,
    DetectAnomaliesError, ImageFormat, RecordedAnswer, Rectangle, Segmentation, SegmentationError, Then,
    Verdict, When,
};

use super::{
    super::{
        Problem,
        file::rules::{self, ContentType, ErrorCode},
        files::Files,
        limits::number_in,
        problems::{Report, Reported},
        read::{List, Located},
    },
    Unique, all, elements,
};

/// The rules of a model or of a project, in their order
pub(super) fn validate(
    written: Option<List<rules::Rule>>,
    files: &Files,
    report: &Report<'_>,
) -> Result<Vec<CannedRule>, Reported> {
    let rules = elements(written)?.into_iter().map(|written| {
        let written = written.value?;
        let when = written
            .when
            .map_or_else(|| Ok(When::default()), |asked| when(asked, report));
        let then = then(written.then, files, report);
        let (then, delay) = then?;
        Ok(CannedRule {
            when: when?,
            then,
            delay,
        })
    });
    all(rules)
}

fn when(written: Located<rules::When>, report: &Report<'_>) -> Result<When, Reported> {
    let asked = written.value?;
    let image_sha256 = asked.image_sha256.map(|hash| sha256(hash, report)).transpose();
    let content_type = asked
        .content_type
        .map(|format| format.value.map(ImageFormat::from))
        .transpose();
    let image_bytes = asked
        .image_bytes
        .map(|range| between(range, 0, report))
        .transpose();
    let width = asked.width.map(|range| between(range, 1, report)).transpose();
    let height = asked.height.map(|range| between(range, 1, report)).transpose();
    let dimensions = match asked.dimensions {
        Some(located) => dimensions(
            located,
            width.is_ok_and(|w| w.is_some()) || height.is_ok_and(|h| h.is_some()),
            report,
        ),
        None => Ok(None),
    };
    let principal = asked
        .principal
        .map(|arn| arn.value.map(String::into_boxed_str))
        .transpose();
    let vpc_endpoint_id = asked.vpc_endpoint_id.map(|id| id.value).transpose();
    let call = asked.call.map(|range| between(range, 1, report)).transpose();
    let (exact_width, exact_height) = dimensions?.unzip();
    Ok(When {
        image_sha256: image_sha256?,
        content_type: content_type?,
        image_bytes: image_bytes?,
        width: exact_width.or(width?),
        height: exact_height.or(height?),
        principal: principal?,
        vpc_endpoint_id: vpc_endpoint_id?,
        call: call?,
    })
}

fn sha256(written: Located<String>, report: &Report<'_>) -> Result<[u8; 32], Reported> {
    let text = written.value?;
    let mut hash = [0; 32];
    let is_hash = text.len() == 64
        && text.is_ascii()
        && hash
            .iter_mut()
            .zip(text.as_bytes().chunks_exact(2))
            .all(|(byte, digits)| {
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                // `from_str_radix` would also take a sign.
                let parsed = u8::from_str_radix(digits, 16)
                    .ok()
                    .filter(|_| !digits.starts_with('+'));
                parsed.is_some_and(|parsed| {
                    *byte = parsed;
                    true
                })
            });
    if is_hash {
        Ok(hash)
    } else {
        let message = format!("`{text}` is not a SHA-256 hash (64 hexadecimal digits)");
        Err(report.problem(&written.place, message))
    }
}

fn between(written: Located<rules::Between>, least: u64, report: &Report<'_>) -> Result<Between, Reported> {
    let range = written.value?;
    let end = |end: &Option<Located<u64>>, default: u64| match end {
        None => Ok(default),
        Some(located) => match located.value? {
            number if number >= least => Ok(number),
            number => Err(report.problem(&located.place, format!("{number} is less than {least}"))),
        },
    };
    if range.from.is_none() && range.to.is_none() {
        return Err(report.problem(&written.place, "give `from`, `to`, or both"));
    }
    let (from, to) = (end(&range.from, least), end(&range.to, u64::MAX));
    let (from, to) = (from?, to?);
    if from > to {
        return Err(report.problem(
            &written.place,
            format!("`from` ({from}) is more than `to` ({to})"),
        ));
    }
    Ok(Between { from, to })
}

fn dimensions(
    written: Located<rules::Dimensions>,
    beside_a_range: bool,
    report: &Report<'_>,
) -> Result<Option<(Between, Between)>, Reported> {
    let exact = |side: Located<u64>| match side.value? {
        0 => Err(report.problem(&side.place, "0 is less than 1")),
        pixels => Ok(Between {
            from: pixels,
            to: pixels,
        }),
    };
    let dimensions = written.value?;
    let (width, height) = (exact(dimensions.width), exact(dimensions.height));
    if beside_a_range {
        let message = "give either `dimensions` or `width` and `height`";
        return Err(report.problem(&written.place, message));
    }
    Ok(Some((width?, height?)))
}

/// Which of the three kinds of answer the keys of `then` belong to
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Recorded,
    Error,
    Result,
}

fn then(
    written: Located<rules::Then>,
    files: &Files,
    report: &Report<'_>,
) -> Result<(Then, Option<Duration>), Reported> {
    let place = written.place;
    let answer = written.value?;
    let delay = answer
        .delay_milliseconds
        .map(|delay| number_in(report, Some(&delay), 0, DELAY_MILLISECONDS_MAX, 0))
        .transpose()
        .map(|delay| delay.filter(|delay| *delay > 0).map(Duration::from_millis));
    let kinds = [
        (answer.response.is_some(), "response", Kind::Recorded),
        (answer.error.is_some(), "error", Kind::Error),
        (answer.message.is_some(), "message", Kind::Error),
        (
            answer.retry_after_seconds.is_some(),
            "retry_after_seconds",
            Kind::Error,
        ),
        (answer.is_anomalous.is_some(), "is_anomalous", Kind::Result),
        (answer.confidence.is_some(), "confidence", Kind::Result),
        (answer.anomalies.is_some(), "anomalies", Kind::Result),
    ];
    let mut given = kinds.into_iter().filter(|(is_given, ..)| *is_given);
    let Some((_, first_key, kind)) = given.next() else {
        let message = "say what is answered: `response`, or `error`, or `is_anomalous` and `confidence`";
        return Err(report.problem(&place, message));
    };
    if let Some((_, other_key, _)) = given.find(|(.., other)| *other != kind) {
        let message =
            format!("`{first_key}` and `{other_key}` belong to two kinds of answer; a rule has one");
        return Err(report.problem(&place, message));
    }
    let missing = |key: &str| report.problem(&place, format!("the key `{key}` is missing"));
    let then = match kind {
        Kind::Recorded => {
            let response = answer.response.ok_or_else(|| missing("response"));
            response
                .and_then(|response| recorded(response, files, report))
                .map(Then::Recorded)
        }
        Kind::Error => {
            let code = answer.error.ok_or_else(|| missing("error"));
            let code = code.and_then(|code| code.value).map(DetectAnomaliesError::from);
            error(code, answer.message, answer.retry_after_seconds, report).map(Then::Error)
        }
        Kind::Result => {
            let is_anomalous = answer.is_anomalous.ok_or_else(|| missing("is_anomalous"));
            let confidence = answer.confidence.ok_or_else(|| missing("confidence"));
            let confidence = confidence.and_then(|written| {
                let refused = |error: ConfidenceError| report.problem(&written.place, error.to_string());
                Confidence::try_from(written.value?).map_err(refused)
            });
            let anomalies_place = answer.anomalies.as_ref().map(|list| list.place.clone());
            let anomalies = answer.anomalies.map(|list| anomalies(list, report)).transpose();
            let verdict = is_anomalous.and_then(|is_anomalous| {
                Ok(Verdict {
                    is_anomalous: is_anomalous.value?,
                    confidence: confidence?,
                })
            });
            match (anomalies?, anomalies_place) {
                (Some(anomalies), Some(place)) => Segmentation::new(verdict?, anomalies)
                    .map(Then::Segmentation)
                    .map_err(|error| report.problem(&place, error.to_string())),
                _ => verdict.map(Then::Classification),
            }
        }
    };
    Ok((then?, delay?))
}

fn recorded(
    written: Located<String>,
    files: &Files,
    report: &Report<'_>,
) -> Result<RecordedAnswer, Reported> {
    let file = files.base().join(written.value?);
    let bytes = files
        .read_answer(&file)
        .map_err(|error| report.problem(&written.place, error.in_a_file()))?;
    RecordedAnswer::parse(&file, bytes).map_err(|error| {
        let path = error.path().to_owned();
        report.add(Problem {
            path,
            ..Problem::in_file(&file, error.problem())
        })
    })
}

fn error(
    code: Result<DetectAnomaliesError, Reported>,
    message: Option<Located<String>>,
    retry_after_seconds: Option<Located<u32>>,
    report: &Report<'_>,
) -> Result<CannedError, Reported> {
    let message = message.map(|message| message.value).transpose();
    let retry_after_place = retry_after_seconds.as_ref().map(|seconds| seconds.place.clone());
    let retry_after_seconds = retry_after_seconds.map(|seconds| seconds.value).transpose();
    let (code, message, seconds) = (code?, message?, retry_after_seconds?);
    let message = message.map_or_else(|| default_message(code).into(), String::into_boxed_str);
    CannedError::new(code, message, seconds).map_err(|error| {
        let place = retry_after_place.expect("only a `retry_after_seconds` can be wrong here");
        report.problem(&place, error.to_string())
    })
}

/// The message of an error for which none is given
// Guess: no answer of the service with these errors is public; other services speak like this.
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

/// The anomalies, their names and colours each at its own place; what spans all of them is for [`Segmentation::new`]
fn anomalies(written: List<rules::Anomaly>, report: &Report<'_>) -> Result<Vec<Anomaly>, Reported> {
    let mut names = Unique::new("anomaly");
    let mut colors = Unique::new("colour");
    let anomalies = written.value?.into_iter().map(|written| {
        let written = written.value?;
        let name = written.name.value.and_then(|text| {
            let refused = |error: SegmentationError| report.problem(&written.name.place, error.to_string());
            let name: AnomalyName = text.parse().map_err(refused)?;
            names.check(name.clone(), &written.name.place, report)?;
            Ok(name)
        });
        let color = written.color.value.and_then(|text| {
            let refused = |error: SegmentationError| report.problem(&written.color.place, error.to_string());
            let color: Color = text.parse().map_err(refused)?;
            if color == Color::BACKGROUND {
                return Err(report.problem(&written.color.place, "`#FFFFFF` is the background's colour"));
            }
            colors.check(color, &written.color.place, report)?;
            Ok(color)
        });
        let regions_place = written.regions.place;
        let regions = written.regions.value.and_then(|regions| {
            if regions.is_empty() {
                let message = "an anomaly is somewhere: give a region, or leave it out";
                return Err(report.problem(&regions_place, message));
            }
            all(regions.into_iter().map(|region| rectangle(region, report)))
        });
        Ok(Anomaly {
            name: name?,
            color: color?,
            regions: regions?,
        })
    });
    all(anomalies)
}

fn rectangle(written: Located<rules::Rectangle>, report: &Report<'_>) -> Result<Rectangle, Reported> {
    let sides = written.value?;
    let (x, y) = (sides.x.value, sides.y.value);
    let (width, height) = (sides.width.value, sides.height.value);
    Rectangle::new(x?, y?, width?, height?).map_err(|error| report.problem(&written.place, error.to_string()))
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

/// Ten minutes: longer than any client waits
const DELAY_MILLISECONDS_MAX: u64 = 600_000;
