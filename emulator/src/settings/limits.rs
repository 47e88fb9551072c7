//! Every bound: its name, its default and what it may be set to, each in one line.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use lookoutvision::declared;

/// Hands the list of all limits to a macro: documentation, field, type, key of the configuration, default, least, most
macro_rules! for_each_limit {
    ($use_list:ident) => {
        $use_list! {
            /// Open connections of each listener.
            connections_max: usize = connections_max, 1_024, 1..=65_536;
            /// Connections of the control API beyond `connections_max`, each for one `/health` or `/ready`; the newest takes the
            /// place of the oldest.
            health_connections_max: usize = health_connections_max, 16, 1..=1_024;
            /// Bytes of a request's head.
            header_bytes_max: usize = header_bytes_max, 65_536, 8_192..=1_048_576;
            /// Bytes of bodies that one HTTP/2 connection may have sent and nobody has read yet.
            http2_buffer_bytes_max: usize = http2_buffer_bytes_max, 524_288, 65_536..=16_777_216;
            /// Header fields of a request.
            headers_max: usize = headers_max, 100, 16..=4_096;
            /// Bytes of one request's body.
            body_bytes_max: usize = body_bytes_max, 16_777_216, 1_024..=1_073_741_824;
            /// Values of a request's JSON document, or parameters of a call of EC2 or STS.
            body_values_max: usize = body_values_max, 10_000, 1_000..=1_000_000;
            /// Bytes of the body of one request to the control API.
            control_body_bytes_max: usize = control_body_bytes_max, 1_048_576, 32_768..=1_073_741_824;
            /// Bytes of a state that is put over the control API.
            state_bytes_max: usize = state_bytes_max, 33_554_432, 32_768..=1_073_741_824;
            /// Bytes of bodies held in memory at one time, over all connections to the AWS API. At least twice `body_bytes_max`,
            /// or large bodies come in one after the other.
            in_flight_body_bytes_max: usize = in_flight_body_bytes_max, 67_108_864, 1_024..=1_073_741_824;
            /// Bytes of memory for bodies that are kept for the next ones, because memory from the system costs time.
            body_memory_kept_bytes_max: usize = body_memory_kept_bytes_max, 8_388_608, 0..=1_073_741_824;
            /// Bytes of bodies held in memory at one time, over all connections to the control API. At least `state_bytes_max`, or
            /// no state of that size can be put.
            in_flight_control_body_bytes_max: usize = in_flight_control_body_bytes_max, 67_108_864, 1_024..=1_073_741_824;
            /// Percent of the bytes of bodies in flight that one client address, or one access key, may hold. One body of
            /// `body_bytes_max` always has room.
            client_body_share_percent_max: usize = client_body_share_percent_max, 75, 1..=100;
            /// Bytes of a refused request's body that are still read before it is answered, so that the connection can be used
            /// again. A body that is longer is answered at once, and the connection ends.
            drain_bytes_max: usize = drain_bytes_max, 16_777_216, 0..=1_073_741_824;
            /// Seconds from the accepted connection to the end of the TLS handshake.
            handshake_timeout: Duration = handshake_timeout_seconds, 10, 1..=3_600;
            /// Seconds from the first byte of a request to the end of its head, and how long a connection is kept with no request
            /// in flight, or whose client takes nothing of its answer.
            idle_timeout: Duration = idle_timeout_seconds, 75, 1..=86_400;
            /// Seconds from the end of a request's head to the end of its body, the wait for room not counted.
            body_timeout: Duration = body_timeout_seconds, 60, 1..=86_400;
            /// Seconds that a body may wait for room among the bodies in flight.
            body_room_timeout: Duration = body_room_timeout_seconds, 30, 1..=86_400;
            /// Seconds that a body may stand still.
            body_idle_timeout: Duration = body_idle_timeout_seconds, 10, 1..=86_400;
            /// Seconds that bytes are still read and discarded after an answer that ends the connection, so that a client that is
            /// still sending sees the answer and not a reset.
            linger_timeout: Duration = linger_timeout_seconds, 30, 0..=3_600;
            /// Bytes that are still read and discarded after an answer that ends the connection.
            linger_bytes_max: usize = linger_bytes_max, 67_108_864, 0..=1_073_741_824;
            /// Seconds that requests in flight may go on after the signal to stop.
            shutdown_timeout: Duration = shutdown_timeout_seconds, 5, 0..=3_600;
            /// Entries of the journal.
            journal_entries_max: usize = journal_entries_max, 10_000, 1..=1_000_000;
            /// Bytes of the journal, estimated. The default has room for 10,000 entries of ordinary requests.
            journal_bytes_max: usize = journal_bytes_max, 16_777_216, 65_536..=1_073_741_824;
            /// Bytes of one entry of the journal, estimated and without the body; the texts of a larger one are cut.
            journal_entry_bytes_max: usize = journal_entry_bytes_max, 65_536, 8_192..=16_777_216;
            /// Bytes of a body that the journal keeps; an answer of Lookout for Vision is kept as a whole or not at all.
            journal_body_bytes_max: usize = journal_body_bytes_max, 0, 0..=16_777_216;
            /// Bytes of the newest answers with a mask that the journal keeps, where `journal_body_bytes_max` keeps none of them.
            journal_masks_bytes_max: usize = journal_masks_bytes_max, 1_048_576, 0..=1_073_741_824;
            /// Kinds of connections that brought no request, told apart by TLS server name and by what ended them; those of
            /// further kinds are counted together.
            unheard_kinds_max: usize = unheard_kinds_max, 64, 1..=4_096;
            /// Requests whose lines wait to be written to the log; those of others are left out and counted.
            log_queue_requests_max: usize = log_queue_requests_max, 4_096, 1..=1_048_576;
            /// Groups of requests that `GET /requests/counts` tells apart; requests of further groups are counted together.
            counted_groups_max: usize = counted_groups_max, 1_000, 1..=100_000;
            /// Label sets of each metric of `GET /metrics`; what has further ones is counted as `other`.
            metric_series_max: usize = metric_series_max, 1_000, 1..=100_000;
            /// Seconds that `GET /statistics` can look back.
            statistics_seconds_max: usize = statistics_seconds_max, 1_200, 60..=86_400;
            /// TLS sessions that clients can resume.
            tls_sessions_max: usize = tls_sessions_max, 256, 0..=65_536;
            /// Models whose calls are counted.
            counted_models_max: usize = counted_models_max, 4_096, 1..=1_000_000;
            /// Rules that the control API has put, over all models.
            put_rules_max: usize = put_rules_max, 4_096, 0..=1_000_000;
            /// Scenarios that rules or the control API have set.
            scenarios_max: usize = scenarios_max, 1_024, 1..=1_000_000;
            /// Projects that operations have made or changed, in all Regions.
            projects_max: usize = projects_max, 1_000, 1..=100_000;
            /// Models of one project.
            models_max: usize = models_max, 1_000, 1..=100_000;
            /// Model packaging jobs of one project.
            packaging_jobs_max: usize = packaging_jobs_max, 1_000, 1..=100_000;
            /// Tags of one model.
            tags_max: usize = tags_max, 50, 1..=200;
            /// Models of one Region in TRAINING at one time.
            concurrent_trainings_max: usize = concurrent_trainings_max, 2, 1..=1_000;
            /// Images of one dataset.
            dataset_entries_max: usize = dataset_entries_max, 20_000, 1..=1_000_000;
            /// Bytes of the manifest lines of all datasets together, and of what was read of their images.
            datasets_bytes_max: usize = datasets_bytes_max, 268_435_456, 65_536..=1_073_741_824;
            /// Bytes of an image or a mask that is read for `answers_from_datasets`.
            dataset_image_bytes_max: usize = dataset_image_bytes_max, 8_388_608, 1_024..=1_073_741_824;
            /// Bytes of one manifest.
            manifest_bytes_max: usize = manifest_bytes_max, 67_108_864, 1_024..=1_073_741_824;
            /// Client tokens that are remembered, each for 8 hours at most.
            client_tokens_max: usize = client_tokens_max, 10_000, 1..=1_000_000;
            /// Manifests and evaluations that are read from or written to S3 at one time; further ones wait for their turn.
            s3_tasks_max: usize = s3_tasks_max, 8, 1..=1_024;
            /// Seconds for one object to be read from or written to S3.
            s3_timeout: Duration = s3_timeout_seconds, 10, 1..=600;
            /// VPC endpoints that CreateVpcEndpoint may have made at one time.
            made_vpc_endpoints_max: usize = made_vpc_endpoints_max, 256, 0..=65_536;
            /// Policies in the coverage report; the least recently asked one is evicted first.
            coverage_documents_max: usize = coverage_documents_max, 64, 1..=65_536;
            /// Policies whose texts are kept for `GET /policies`, those that are no longer in force among them.
            policy_texts_max: usize = policy_texts_max, 256, 1..=65_536;
            /// Classes of requests that `policy diff` looks at; beyond them it says `undecided`.
            diff_classes_max: usize = diff_classes_max, 100_000, 1..=10_000_000;
            /// Faults in force, those that are spent or over among them.
            faults_max: usize = faults_max, 100, 0..=10_000;
            /// Role sessions kept; the one that ends first makes room for the next.
            role_sessions_max: usize = role_sessions_max, 1_024, 1..=65_536;
        }
    };
}
pub(crate) use for_each_limit;

macro_rules! define_limits {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:ident, $default:literal, $least:literal..=$most:literal;)+) => {
        /// Every bound has a name and a default
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct Limits {
            $($(#[doc = $doc])+ pub(crate) $field: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: <$type as Limit>::from_number($default),)+ }
            }
        }
    };
}

for_each_limit!(define_limits);

macro_rules! define_limits_reached {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:ident, $default:literal, $least:literal..=$most:literal;)+) => {
        /// How often each limit was reached, and when last; the code that enforces a limit notes it here
        #[derive(Debug, Default)]
        pub(crate) struct LimitsReached {
            $(#[doc = concat!("`", stringify!($key), "`")] pub(crate) $field: Reached,)+
        }

        impl LimitsReached {
            /// Notes that limits were reached, by the keys of the configuration
            pub(crate) fn note(&self, keys: impl IntoIterator<Item = &'static str>) {
                for key in keys {
                    match key {
                        $(stringify!($key) => self.$field.note(),)+
                        _ => debug_assert!(false, "there is no limit `{key}`"),
                    }
                }
            }

            /// Every limit, with its value among these
            pub(crate) fn list(&self, limits: &Limits) -> Vec<ListedLimit<'_>> {
                vec![$(ListedLimit {
                    name: stringify!($key),
                    of_what: concat!($($doc),+).trim(),
                    value: limits.$field.to_number(),
                    default: $default,
                    reached: &self.$field,
                },)+]
            }
        }
    };
}

for_each_limit!(define_limits_reached);

/// A limit with its value and when it was reached
#[derive(Debug)]
pub(crate) struct ListedLimit<'r> {
    /// The key of the configuration
    pub(crate) name: &'static str,
    /// What it bounds, in a sentence
    pub(crate) of_what: &'static str,
    /// Seconds where it is a duration
    pub(crate) value: u64,
    pub(crate) default: u64,
    pub(crate) reached: &'r Reached,
}

/// How often a limit was reached, and when last, on the machine's clock
#[derive(Debug, Default)]
pub(crate) struct Reached {
    times: AtomicU64,
    /// From [`FIRST_MOMENT`] to the last time
    last_micros: AtomicU64,
}

/// When a limit was first reached, on both clocks of the machine
static FIRST_MOMENT: LazyLock<(Instant, Timestamp)> = LazyLock::new(|| (Instant::now(), Timestamp::now()));

impl Reached {
    /// Notes that the limit is reached now
    pub(crate) fn note(&self) {
        self.note_at(Instant::now());
    }

    /// Notes that the limit is reached at this moment, which has just been read off the clock
    pub(crate) fn note_at(&self, moment: Instant) {
        let since = moment.saturating_duration_since(FIRST_MOMENT.0);
        self.times.fetch_add(1, Ordering::Relaxed);
        // Half a million years of microseconds fit.
        self.last_micros
            .store(since.as_micros() as u64, Ordering::Relaxed);
    }

    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    /// When it was last reached; `None`: never
    pub(crate) fn last(&self) -> Option<Timestamp> {
        match self.times() {
            0 => None,
            _ => {
                let since = Duration::from_micros(self.last_micros.load(Ordering::Relaxed));
                FIRST_MOMENT.1.checked_add(since).ok()
            }
        }
    }
}

impl Limits {
    /// The limits that the service itself enforces
    pub(crate) fn of_lookoutvision(&self) -> declared::Limits {
        declared::Limits {
            projects_max: self.projects_max,
            models_max: self.models_max,
            packaging_jobs_max: self.packaging_jobs_max,
            tags_max: self.tags_max,
            concurrent_trainings_max: self.concurrent_trainings_max,
            dataset_entries_max: self.dataset_entries_max,
            datasets_bytes_max: self.datasets_bytes_max,
            client_tokens_max: self.client_tokens_max,
            body_values_max: self.body_values_max,
            scenarios_max: self.scenarios_max,
        }
    }
}

/// A type that a limit can have
pub(crate) trait Limit {
    /// The limit that a number of the configuration stands for; durations are seconds
    fn from_number(number: u64) -> Self;

    /// The number that stands for it
    fn to_number(self) -> u64;
}

impl Limit for usize {
    fn from_number(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }

    fn to_number(self) -> u64 {
        self as u64
    }
}

impl Limit for Duration {
    fn from_number(number: u64) -> Self {
        Self::from_secs(number)
    }

    fn to_number(self) -> u64 {
        self.as_secs()
    }
}
