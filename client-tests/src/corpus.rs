//! The scenario corpus: a YAML file with what is given and what must be seen.
//!
//! A scenario takes what it leaves out from the file's `defaults`. Where one client must see something else (the
//! JavaScript SDK corrects its clock and retries, the AWS CLI counts attempts differently), the scenario says so under
//! `expect_of`. Paths are relative to the file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::client::Client;
use crate::outcome::{Job, Upload};

/// A file of scenarios
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corpus {
    /// The configuration that the emulator is started with
    pub emulator: PathBuf,
    /// The endpoint whose policy the scenarios replace
    pub vpc_endpoint_id: String,
    defaults: Given,
    scenarios: Vec<Scenario>,
    #[serde(skip)]
    directory: PathBuf,
}

/// One scenario
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence
    pub name: String,
    /// What the emulator is told before the call
    #[serde(default)]
    pub before: Before,
    #[serde(default)]
    given: Given,
    expect: Expectation,
    #[serde(default)]
    expect_of: BTreeMap<Client, Expectation>,
}

/// What the emulator is told before the call
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Before {
    /// A file with the endpoint policy to attach; without it the configured one stays
    pub endpoint_policy: Option<PathBuf>,
    /// How far the emulator's clock is ahead of the client's
    pub clock_offset_seconds: i64,
}

/// What the program is given. The corpus's defaults can provide every field.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Given {
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    region: Option<String>,
    project: Option<String>,
    model_version: Option<String>,
    image: Option<PathBuf>,
    content_type: Option<String>,
    upload: Option<Upload>,
    trust: Option<Trust>,
    through: Option<Through>,
}

/// What the program is given, complete
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The access key id
    pub access_key_id: String,
    /// The secret access key
    pub secret_access_key: String,
    /// The session token of temporary credentials
    pub session_token: Option<String>,
    /// The Region that the client is configured for
    pub region: String,
    /// The call
    pub job: Job,
    /// Whether the client is told about the certificate authority
    pub trust: Trust,
    /// Where the client connects
    pub through: Through,
}

/// Whether the client is told about the certificate authority
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Through the environment variable that it reads for this
    #[default]
    Authority,
    /// Not at all, so that it must refuse to connect
    Nothing,
}

/// Where the client connects
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Through {
    /// Locally an endpoint URL of `localhost`, in a compose network the Region's real host name
    #[default]
    TheUsualWay,
    /// An endpoint URL of the emulator's address, without a name
    Address,
    /// A real host name
    Host(String),
}

/// What must be seen
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What the client must report
    pub sees: ExpectedOutcome,
    /// How many requests reach the emulator
    pub attempts: usize,
    /// What the journal must hold about the last request
    #[serde(default)]
    pub journal: ExpectedEntry,
}

/// What the client must report
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedOutcome {
    /// A result
    Result(ExpectedDetection),
    /// An exception from the service
    Refusal(ExpectedRefusal),
    /// No connection, because the certificate is not trusted
    UntrustedCertificate,
}

/// The parts of a result that are fixed
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedDetection {
    /// `IsAnomalous`
    pub is_anomalous: bool,
    /// `Confidence`, to the precision of a 32-bit float
    pub confidence: f64,
    /// Name and colour of each of `Anomalies`, in order; absent for a classification model, which has no mask either.
    /// Their areas are not written down: the judge counts them in the mask.
    pub segments: Option<Vec<Segment>>,
}

/// One anomaly type of a segmentation model
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// `Name`
    pub name: String,
    /// `PixelAnomaly.Color`
    pub color: String,
    /// How many pixels of the mask have the colour
    pub pixels: u64,
}

/// The exception that must be raised
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRefusal {
    /// The name of the exception
    pub exception: String,
    /// Whether the API model declares it, so that SDKs with types raise it as a type of its own
    pub modelled: bool,
    /// The HTTP status
    pub status: u16,
    /// The message; `*` stands for any characters
    pub message: String,
    /// `RetryAfterSeconds`
    pub retry_after_seconds: Option<u64>,
}

/// What the journal must hold of the last attempt
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectedEntry {
    /// The decision
    pub decision: Option<String>,
    /// The principal that was recognised
    pub principal: Option<String>,
    /// The endpoint that the request came through
    pub vpc_endpoint_id: Option<String>,
    /// `vpc-endpoint` or `public`
    pub entry_point: Option<String>,
}

/// Why a corpus cannot be used
#[derive(Debug)]
pub enum CorpusError {
    /// A file could not be read
    Unreadable(PathBuf, std::io::Error),
    /// The file is not a corpus; the text names line and column
    Malformed(PathBuf, String),
    /// A scenario and the defaults together leave something open
    Incomplete {
        /// The scenario's name
        scenario: String,
        /// What is missing
        field: &'static str,
    },
}

impl Corpus {
    /// Reads the file at `path` and checks that every scenario is complete and every file exists
    ///
    /// # Errors
    /// When the file cannot be read, is not a corpus, or leaves something open.
    pub fn read(path: &Path) -> Result<Self, CorpusError> {
        let text =
            fs::read_to_string(path).map_err(|error| CorpusError::Unreadable(path.to_owned(), error))?;
        let mut corpus: Self = serde_saphyr::from_str(&text)
            .map_err(|error| CorpusError::Malformed(path.to_owned(), error.to_string()))?;
        corpus.directory = path.parent().unwrap_or(Path::new("")).to_owned();
        for scenario in &corpus.scenarios {
            let inputs = corpus.inputs(scenario)?;
            let policy = scenario
                .before
                .endpoint_policy
                .as_ref()
                .map(|file| corpus.path(file));
            for file in [Some(inputs.job.image), policy].into_iter().flatten() {
                fs::metadata(&file).map_err(|error| CorpusError::Unreadable(file.clone(), error))?;
            }
        }
        Ok(corpus)
    }

    /// The scenarios in the order of the file
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// A path of the file, relative to it
    pub fn path(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// What the program is given in `scenario`
    ///
    /// # Errors
    /// When neither the scenario nor the defaults have something that a call needs.
    pub fn inputs(&self, scenario: &Scenario) -> Result<Inputs, CorpusError> {
        fn field<T: Clone>(
            scenario: &Scenario,
            defaults: &Given,
            field: &'static str,
            get: impl Fn(&Given) -> &Option<T>,
        ) -> Result<T, CorpusError> {
            get(&scenario.given)
                .clone()
                .or_else(|| get(defaults).clone())
                .ok_or_else(|| CorpusError::Incomplete {
                    scenario: scenario.name.clone(),
                    field,
                })
        }
        let defaults = &self.defaults;
        let given = &scenario.given;
        Ok(Inputs {
            access_key_id: field(scenario, defaults, "access_key_id", |given| &given.access_key_id)?,
            secret_access_key: field(scenario, defaults, "secret_access_key", |given| {
                &given.secret_access_key
            })?,
            session_token: given.session_token.clone(),
            region: field(scenario, defaults, "region", |given| &given.region)?,
            job: Job {
                project: field(scenario, defaults, "project", |given| &given.project)?,
                model_version: field(scenario, defaults, "model_version", |given| &given.model_version)?,
                image: self.path(&field(scenario, defaults, "image", |given| &given.image)?),
                content_type: field(scenario, defaults, "content_type", |given| &given.content_type)?,
                upload: given.upload.or(defaults.upload).unwrap_or_default(),
            },
            trust: given.trust.or(defaults.trust).unwrap_or_default(),
            through: given
                .through
                .clone()
                .or_else(|| defaults.through.clone())
                .unwrap_or_default(),
        })
    }
}

impl Scenario {
    /// What `client` must see
    pub fn expectation(&self, client: Client) -> &Expectation {
        self.expect_of.get(&client).unwrap_or(&self.expect)
    }
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Malformed(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Incomplete { scenario, field } => {
                write!(
                    f,
                    "scenario `{scenario}`: neither it nor the defaults say `{field}`"
                )
            }
        }
    }
}

impl std::error::Error for CorpusError {}
