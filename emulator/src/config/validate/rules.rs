//! The `detect_anomalies` rules.

use std::time::Duration;

use super::{
    super::{
        Problem,
        file::rules::{self, ContentType, ErrorCode},
        files::Files,
        limits::number_in,
        pending::parse_recorded_answer,
        problems::{Place, Report, Reported},
        read::{List, Located},
    },
    Unique, all, elements,
};
use crate::lookoutvision::canned::{
    Anomaly, Between, CannedError, CannedRule, DetectAnomaliesError, ImageFormat, RecordedAnswer, Rectangle,
    Then, Verdict, When,
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
            let confidence = confidence.and_then(|confidence| fraction(confidence, report));
            let anomalies = answer.anomalies.map(|list| anomalies(list, report)).transpose();
            let verdict = is_anomalous.and_then(|is_anomalous| {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the service computes with 32 bits"
                )]
                Ok(Verdict {
                    is_anomalous: is_anomalous.value?,
                    confidence: confidence? as f32,
                })
            });
            match anomalies {
                Ok(None) => verdict.map(Then::Classification),
                Ok(Some(anomalies)) => verdict.map(|verdict| Then::Segmentation(verdict, anomalies)),
                Err(reported) => Err(reported),
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
        .map_err(|message| report.problem(&written.place, message))?;
    parse_recorded_answer(&file, bytes).map_err(|(path, message)| {
        report.add(Problem {
            path,
            ..Problem::in_file(&file, message)
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
    let code = code?;
    if let (Some(place), false) = (retry_after_place, has_retry_after(code)) {
        let message = "only a ThrottlingException and an InternalServerException have it";
        return Err(report.problem(&place, message));
    }
    Ok(CannedError {
        code,
        message: message?.map_or_else(|| default_message(code).into(), String::into_boxed_str),
        retry_after_seconds: retry_after_seconds?,
    })
}

fn has_retry_after(code: DetectAnomaliesError) -> bool {
    matches!(
        code,
        DetectAnomaliesError::ThrottlingException | DetectAnomaliesError::InternalServerException
    )
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

fn fraction(written: Located<f64>, report: &Report<'_>) -> Result<f64, Reported> {
    match written.value? {
        number if (0.0..=1.0).contains(&number) => Ok(number),
        number => Err(report.problem(&written.place, format!("{number} is out of bounds (0 to 1)"))),
    }
}

fn anomalies(written: List<rules::Anomaly>, report: &Report<'_>) -> Result<Vec<Anomaly>, Reported> {
    let mut names = Unique::new("anomaly");
    let mut colors = Unique::new("color");
    let anomalies = written.value?.into_iter().map(|written| {
        let written = written.value?;
        let name = written.name.value.and_then(|name| {
            check_name(&name, &written.name.place, report)?;
            names.check(name.clone(), &written.name.place, report)?;
            Ok(name)
        });
        let color = written.color.value.and_then(|text| {
            let color = color(&text, &written.color.place, report)?;
            colors.check(text.to_ascii_uppercase(), &written.color.place, report)?;
            Ok(color)
        });
        let regions_place = written.regions.place.clone();
        let regions = written.regions.value.and_then(|regions| {
            if regions.is_empty() {
                return Err(report.problem(&regions_place, "an anomaly is somewhere: give a region"));
            }
            all(regions.into_iter().map(|region| rectangle(region, report)))
        });
        Ok(Anomaly {
            name: name?.into_boxed_str(),
            color: color?,
            regions: regions?,
        })
    });
    all(anomalies)
}

fn check_name(name: &str, place: &Place, report: &Report<'_>) -> Result<(), Reported> {
    if name.eq_ignore_ascii_case("background") {
        return Err(report.problem(place, "`background` is the service's own, for what is no anomaly"));
    }
    // API model, `AnomalyName`.
    if (1..=256).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        let message = format!("`{name}` is not the name of an anomaly (1 to 256 of [a-zA-Z0-9])");
        Err(report.problem(place, message))
    }
}

fn color(text: &str, place: &Place, report: &Report<'_>) -> Result<[u8; 3], Reported> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    let number = digits
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match number.map(u32::to_be_bytes) {
        Some([_, 255, 255, 255]) => Err(report.problem(place, "white is the background's colour")),
        Some([_, red, green, blue]) => Ok([red, green, blue]),
        None => Err(report.problem(place, format!("`{text}` is not a colour (like `#23A436`)"))),
    }
}

fn rectangle(written: Located<rules::Rectangle>, report: &Report<'_>) -> Result<Rectangle, Reported> {
    let sides = written.value?;
    let (x, y) = (fraction(sides.x, report), fraction(sides.y, report));
    let (width, height) = (fraction(sides.width, report), fraction(sides.height, report));
    let (x, y, width, height) = (x?, y?, width?, height?);
    // Fractions that were meant to meet the edge may miss it by a rounding error, as 0.7 + 0.3 can.
    let fits = |start: f64, length: f64| start + length <= 1.0 + f64::EPSILON;
    if width == 0.0 || height == 0.0 {
        return Err(report.problem(&written.place, "the rectangle is empty"));
    }
    if !fits(x, width) || !fits(y, height) {
        return Err(report.problem(&written.place, "the rectangle is not inside the image"));
    }
    Ok(Rectangle { x, y, width, height })
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
