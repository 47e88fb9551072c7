//! Log lines on standard error, for a person or for a machine.
//!
//! A client controls a good part of what is logged: its access key id, the Region of its scope, names in its policies.
//! So each text is cleaned on its way into a line, whatever the event: no secret of a presigned URL stays, and nothing
//! that ends the line, moves the cursor or reverses the reading order. One event is one line.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    io::IsTerminal,
    time::Duration,
};

use client_text::{escape, escape_json, is_printable_ascii};
use jiff::Timestamp;
use memchr::memchr;
use serde_json::{Value, json};
use sigv4_verify::{may_hold_secrets, redact_secrets};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    warn,
};
use tracing_subscriber::{
    Layer,
    field::RecordFields,
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use super::log_writer::LogWriter;
use crate::config::{LogFormat, LogLevel};

/// Starts logging from a level on. `RUST_LOG` overrides it: for all modules, as in `RUST_LOG=debug`, or for those that
/// it names, as in `RUST_LOG=lookoutvision_emulator::requests=off`.
///
/// A second call changes nothing, so a program that embeds the emulator keeps its own subscriber.
pub(super) fn start(format: LogFormat, level: LogLevel) -> Log {
    let default_filter = || Targets::new().with_default(tracing_level(level));
    let asked = std::env::var("RUST_LOG")
        .ok()
        .map(|directives| directives.parse::<Targets>());
    let (filter, mistake) = match asked {
        Some(Ok(filter)) if filter.default_level().is_none() => {
            (filter.with_default(tracing_level(level)), None)
        }
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (default_filter(), Some(error)),
        None => (default_filter(), None),
    };
    let is_terminal = std::io::stderr().is_terminal();
    let (lines, log) = match LogWriter::start(std::io::stderr()) {
        Ok(writer) => (lines(format, is_terminal, writer.clone()), Log(Some(writer))),
        Err(error) => {
            report!("no thread for the log, which is written by those who serve: {error}");
            (lines(format, is_terminal, std::io::stderr), Log(None))
        }
    };
    // A failure means that a subscriber is there already.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    if let Some(error) = mistake {
        warn!("RUST_LOG is ignored: {error}");
    }
    log
}

/// The log of this process; dropping it writes the lines that still wait
pub(super) struct Log(Option<LogWriter>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(writer) = &self.0 {
            writer.finish(FINISH_MAX);
        }
    }
}

/// How long the end of the process waits for lines that cannot be written
const FINISH_MAX: Duration = Duration::from_secs(1);

fn tracing_level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}

/// Writes events as lines
fn lines<S, W>(format: LogFormat, is_terminal: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_timer(Now)
        .with_writer(writer)
        .with_ansi(is_terminal);
    match format {
        LogFormat::Text => layer.with_target(false).fmt_fields(TextFields).boxed(),
        LogFormat::Json => layer.event_format(JsonLines).boxed(),
    }
}

/// The time of an event in UTC, to the microsecond
struct Now;

impl FormatTime for Now {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:.6}", Timestamp::now())
    }
}

/// The message, then `name=value`, as a person reads it
struct TextFields;

impl<'w> FormatFields<'w> for TextFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = TextLine::new(as_it_is);
        fields.record(&mut line);
        // One look at the whole line tells nearly always that nothing in it needs to be cleaned.
        if !is_printable_ascii(&line.text) || may_hold_secrets(&line.text) {
            line = TextLine::new(cleaned);
            fields.record(&mut line);
        }
        writer.write_str(&line.text)
    }
}

/// More bytes than the fields of an answered request take
const LINE_BYTES_EXPECTED: usize = 512;

/// The fields, written as they come and not collected first, because there is a line for each request
struct TextLine {
    text: String,
    clean: fn(&str) -> Cow<'_, str>,
}

impl TextLine {
    fn new(clean: fn(&str) -> Cow<'_, str>) -> Self {
        Self {
            text: String::with_capacity(LINE_BYTES_EXPECTED),
            clean,
        }
    }

    fn begin(&mut self, field: &Field) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        if field.name() != MESSAGE {
            self.text.push_str(field.name());
            self.text.push('=');
        }
    }

    /// Adds a value that is no text of a client
    fn add(&mut self, field: &Field, value: impl fmt::Display) {
        self.begin(field);
        let _ = write!(self.text, "{value}"); // a String takes everything
    }

    /// Cleans what was added from this position on
    fn clean_from(&mut self, start: usize) {
        let (_, added) = self.text.split_at(start);
        let cleaned = (self.clean)(added);
        if let Cow::Owned(cleaned) = cleaned {
            self.text.truncate(start);
            self.text.push_str(&cleaned);
        }
    }
}

impl Visit for TextLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.begin(field);
        let start = self.text.len();
        let _ = write!(self.text, "{value:?}"); // a String takes everything
        self.clean_from(start);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            return self.record_debug(field, &format_args!("{value}"));
        }
        self.begin(field);
        self.text.push('"');
        let text = (self.clean)(value);
        match memchr(b'"', text.as_bytes()) {
            None => self.text.push_str(&text),
            Some(_) => self.text.push_str(&text.replace('"', "\\\"")),
        }
        self.text.push('"');
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, format_args!("{value:?}"));
    }
}

/// The text itself
fn as_it_is(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

/// A text without anything that does not belong in a line
fn cleaned(text: &str) -> Cow<'_, str> {
    match redact_secrets(text) {
        Cow::Borrowed(text) => escape(text),
        Cow::Owned(text) => Cow::Owned(escape(&text).into_owned()),
    }
}

/// One JSON object a line: `timestamp`, `level`, `message` and the event's fields
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        Now.format_time(&mut Writer::new(&mut timestamp))?;
        let mut recorded = Recorded::default();
        event.record(&mut recorded);
        let mut line = format!(
            "{{\"timestamp\":{},\"level\":\"{}\"",
            json!(timestamp),
            event.metadata().level()
        );
        for (name, value) in recorded.0 {
            write!(line, ",{}:{value}", json!(name))?;
        }
        line.push('}');
        writeln!(writer, "{}", escape_json(line))
    }
}

/// The fields of one event, in their order, without secrets
#[derive(Default)]
struct Recorded(Vec<(&'static str, Value)>);

impl Visit for Recorded {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, redact_secrets(value).into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

impl Recorded {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.push((field.name(), value));
    }
}

/// The field that holds what an event says (`tracing`, the event macros)
const MESSAGE: &str = "message";

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{info, warn};

    use super::*;

    /// What was written
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, is_terminal: bool, events: impl FnOnce()) -> String {
        let log = Log::default();
        let writer = log.clone();
        let lines = lines(format, is_terminal, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), events);
        String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
    }

    /// Everything that must not come through, as a client could send it
    const HOSTILE: &str = "A\n2026-01-01T00:00:00Z ERROR fake\r\u{1b}[2J\u{85}\u{9b}1m\u{7f}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}\0";
    const URL: &str = "https://a/?X-Amz-Security%2DToken=hush&x-amz-signature=hush";

    fn events() {
        warn!(text = HOSTILE, shown = %HOSTILE, debug = ?HOSTILE, count = 3_u64, "message {HOSTILE}");
        info!(url = URL, "not authenticated: {URL}");
    }

    #[track_caller]
    fn has_two_lines_that_are_fit_to_be_shown(log: &str) {
        let (lines, end) = log.rsplit_once('\n').expect("a last line feed");
        assert_eq!((lines.matches('\n').count(), end), (1, ""), "{log}");
        let unfit: Vec<char> = lines
            .chars()
            .filter(|c| *c != '\n' && (c.is_control() || ('\u{2028}'..='\u{202e}').contains(c)))
            .collect();
        assert!(unfit.is_empty(), "{unfit:?}: {log}");
        assert!(!log.contains(['\u{2066}', '\u{200f}', '\u{61c}']), "{log}");
        assert!(!log.contains("hush"), "{log}");
    }

    #[test]
    fn a_text_line_holds_nothing_that_ends_it_or_moves_the_cursor() {
        let log = logged(LogFormat::Text, false, events);
        has_two_lines_that_are_fit_to_be_shown(&log);
        let escaped = escape(HOSTILE);
        assert!(
            escaped.starts_with(r"A\n2026-01-01T00:00:00Z ERROR fake\r\u{1b}[2J\u{85}"),
            "{escaped}"
        );
        let line = log.lines().next().unwrap();
        assert!(
            line.contains(&format!(
                " WARN message {escaped} text=\"{escaped}\" shown={escaped} debug="
            )),
            "{line}"
        );
        assert!(line.ends_with(" count=3"), "{line}");
        // Our own colours come from no client.
        let log = logged(LogFormat::Text, true, || info!("{HOSTILE}"));
        assert_eq!(
            log.matches("[2J").count(),
            log.matches(r"\u{1b}[2J").count(),
            "{log}"
        );
        assert!(log.contains("\u{1b}[32m INFO"), "{log:?}");
    }

    #[test]
    fn a_json_line_holds_nothing_that_ends_it_and_reads_as_what_was_logged() {
        let log = logged(LogFormat::Json, true, events);
        has_two_lines_that_are_fit_to_be_shown(&log);
        let line: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], format!("message {HOSTILE}"));
        assert_eq!(line["text"], HOSTILE);
        assert_eq!(line["count"], 3);
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(timestamp.parse::<Timestamp>().is_ok(), "{timestamp}");
        let line: Value = serde_json::from_str(log.lines().nth(1).unwrap()).unwrap();
        assert_eq!(
            line["url"],
            "https://a/?X-Amz-Security%2DToken=[redacted]&x-amz-signature=[redacted]"
        );
    }
}
