//! What must hold for whatever comes from outside: any configuration file, request head and record of the state file.
//!
//! The fuzz targets feed each check what libFuzzer invents; the tests at the end feed it the committed corpus. The checks
//! are part of the emulator's own crate, because what they look at is not public, and only of builds for tests and for
//! fuzzing.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use client_text::escape;
use jiff::Timestamp;
use lookoutvision::{
    dataset_images::LabeledImages,
    routes::Route,
    store::{
        dataset::Dataset,
        idempotency::FirstCall,
        project::{DatasetType, Project},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use sigv4_verify::{
    AccessKey, DeclaredUnsignedPayload, Expectation, RequestHead, RequestTarget, SecretAccessKey,
    SignedRequest, UndeclaredUnsignedPayload, UnsignedPayloads, redact_secrets,
};

use crate::{
    clock::Reading,
    config::{Config, flow_style, text_file},
    identity::sessions::SessionRequest,
    network::{
        changes::{EndpointChanges, EndpointRecord},
        host_name::{EmulatedHost, HostName, endpoint_domain, service_names},
    },
    request::{Connection, HeadError, ReceivedRequest, TlsSession, body::BodyBudget},
    runtime::rules::KeptRules,
    settings::Limits,
    storage::{RecordChange, Records, Table},
};

/// Loads a configuration file
///
/// What is refused is refused at places that there are, in texts fit for a terminal. What loads means the same when it is
/// written in another style.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = text_file::decode(bytes.to_vec()) else {
        return;
    };
    match Config::embedded(Some(&text), None) {
        Ok(config) => {
            let rewritten = flow_style(&text).expect("what loads is YAML");
            let again = Config::embedded(Some(&rewritten), None);
            let again = again.unwrap_or_else(|problems| panic!("{rewritten}\n{problems}"));
            assert_eq!(meaning(config), meaning(again), "{rewritten}");
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in &problems {
                assert_ne!(problem.line, Some(0), "{problem:?}");
                assert_ne!(problem.column, Some(0), "{problem:?}");
                assert!(
                    problem.path.is_empty() || problem.path.starts_with('/'),
                    "{problem:?}"
                );
                let shown = problem.to_string();
                assert_eq!(escape(&shown), shown, "{problem:?}");
            }
        }
    }
}

/// All that a configuration says, without the places that it says it at
fn meaning(config: Config) -> String {
    let warnings: Vec<_> = config.warnings.iter().map(|warning| &warning.path).collect();
    let warnings = format!("{warnings:?}");
    let config = Config {
        warnings: Vec::new(),
        files: Vec::new(),
        ..config
    };
    format!("{config:?}{warnings}")
}

/// Takes over a request's head: a line of method and target, then header fields, a line each
///
/// A host name is one name however often it is read; a route is the same however its path is encoded; what is redacted
/// stays so; and nobody has signed what a fuzzer made up.
pub fn request_head(bytes: &[u8]) {
    let connection = Arc::new(connection());
    let now = Reading {
        lap: 0,
        time: Timestamp::UNIX_EPOCH,
    };
    let unreadable = ReceivedRequest::unreadable(bytes, connection.clone(), now);
    assert!(
        unreadable.target.bytes().all(|byte| byte.is_ascii_graphic()) || unreadable.target.ends_with('…')
    );

    let Some(head) = parse_head(bytes) else {
        return;
    };
    let _ = HeadError::check(&head, &Limits::default());
    let request = ReceivedRequest::new(head, connection, now);
    let names = request.headers.values().filter_map(|value| value.to_str().ok());
    for name in names.chain([&*request.host.text]) {
        host_name(name);
    }
    route(request.method.as_str(), &request.target);
    let redacted = redact_secrets(&request.target);
    assert_eq!(redact_secrets(&redacted), redacted);
    nobody_has_signed(&request);
}

fn host_name(text: &str) {
    let Ok(name) = text.parse::<HostName>() else {
        return;
    };
    assert_eq!(name.as_str().parse(), Ok(name.clone()));
    match name.emulated() {
        EmulatedHost::Vpce(endpoint) => {
            let domain = endpoint_domain(&endpoint.region);
            assert!(name.as_str().ends_with(&format!(".{domain}")), "{name}");
            assert!(name.as_str().starts_with(endpoint.endpoint_id.as_str()), "{name}");
        }
        EmulatedHost::Regional(host) => assert!(service_names(&host.region).contains(&name), "{name}"),
        EmulatedHost::NotPlayed => {
            let is_of_aws = [".amazonaws.com", ".api.aws"].map(|domain| format!(".{name}").ends_with(domain));
            assert!(is_of_aws.contains(&true), "{name}");
        }
        EmulatedHost::Other => {}
    }
}

fn route(method: &str, target: &str) {
    let path = target.split('?').next().unwrap_or_default();
    let Ok(route) = Route::resolve(method, path) else {
        return;
    };
    assert_eq!(Route::resolve(method, &encoded(path)), Ok(route), "{path}");
}

/// A path with every byte of its segments written as an escape
fn encoded(path: &str) -> String {
    let mut encoded = String::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'/' => encoded.push('/'),
            b'%' => {
                encoded.push('%');
                encoded.extend(bytes.by_ref().take(2).map(char::from));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn nobody_has_signed(request: &ReceivedRequest) {
    let Ok(target) = RequestTarget::parse(request.target.as_bytes()) else {
        return;
    };
    let fields = request.headers.iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let head = RequestHead::new(request.method.as_str(), target, fields);
    let expected = Expectation::for_service("lookoutvision");
    // The age is the first thing that a made-up head fails at, so it is signed when it says it was.
    let date = request
        .headers
        .get("x-amz-date")
        .and_then(|date| date.to_str().ok());
    let now = date.and_then(sigv4_verify::RequestDate::parse);
    let now = now.map_or(request.received_at, |date| date.timestamp());
    let Ok(signed) = SignedRequest::parse(head, &expected, now) else {
        return;
    };
    let key = AccessKey::long_term(SecretAccessKey::new("a secret that nobody knows"));
    let Ok(key) = signed.check_key(Some(&key), now) else {
        return;
    };
    let unsigned = UnsignedPayloads {
        declared: DeclaredUnsignedPayload::Accept,
        undeclared: UndeclaredUnsignedPayload::AcceptWithWarning,
    };
    assert!(signed.verify(&key, &[0; 32], unsigned).is_err());
}

fn connection() -> Connection {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let tls = TlsSession {
        version: "TLSv1.3",
        sni: Some("localhost".into()),
        alpn: None,
    };
    let client = BodyBudget::of_aws_api(&Limits::default()).client(address);
    Connection::new((address, 443).into(), (address, 50_000).into(), tls, client)
}

fn parse_head(bytes: &[u8]) -> Option<http::request::Parts> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut words = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = http::Request::builder().method(words.next()?).uri(words.next()?);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    Some(request.body(()).ok()?.into_parts().0)
}

/// Reads a record of the state file: a line with the table and the key, then the record
///
/// What is read is written and read back as it is; what is not, names its key; and whatever was read can be shown.
pub fn record(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let Some((table, key)) = std::str::from_utf8(&bytes[..end])
        .ok()
        .and_then(|line| line.split_once(' '))
    else {
        return;
    };
    let Some(table) = Table::ALL.into_iter().find(|candidate| candidate.name() == table) else {
        return;
    };
    let record = &bytes[end + 1..];
    match table {
        Table::Projects => {
            written_is_read::<Option<Project>>(table, key, record);
            shown(key, record);
        }
        Table::Datasets => written_is_read::<(Dataset, String, String)>(table, key, record),
        Table::LearnedImages => written_is_read::<LabeledImages>(table, key, record),
        Table::ClientTokens => written_is_read::<FirstCall>(table, key, record),
        Table::VpcEndpoints => {
            written_is_read::<EndpointRecord>(table, key, record);
            placed(key, record);
        }
        Table::RoleSessions => written_is_read::<Arc<SessionRequest>>(table, key, record),
        Table::Rules => written_is_read::<KeptRules>(table, key, record),
        Table::Scenarios => written_is_read::<Arc<str>>(table, key, record),
    }
}

fn written_is_read<T: Serialize + DeserializeOwned>(table: Table, key: &str, record: &[u8]) {
    let mut read = match read_one::<T>(table, key, record) {
        Ok(read) => read,
        Err(message) => {
            assert!(message.contains(&format!("`{key}`")), "{message}");
            return;
        }
    };
    let mut written = Vec::new();
    for _ in 0..2 {
        let change = RecordChange::put(table, key, &read);
        let bytes = change.record.expect("it was put");
        read = read_one(table, key, &bytes).unwrap_or_else(|message| panic!("{message}"));
        written.push(String::from_utf8(bytes).expect("records are JSON"));
    }
    assert_eq!(written[0], written[1]);
}

fn read_one<T: DeserializeOwned>(table: Table, key: &str, record: &[u8]) -> Result<T, String> {
    let mut read = records(table, key, record)
        .take(table)
        .map_err(|error| error.to_string())?;
    let (found, read) = read.pop().expect("one record was put");
    assert_eq!(found, key);
    Ok(read)
}

fn records(table: Table, key: &str, record: &[u8]) -> Records {
    Records::of([(table, key.to_owned(), record.to_vec())])
}

/// Restores a project as a start does, and looks at everything that has a phase, long before and long after
fn shown(key: &str, record: &[u8]) {
    let Ok((state, ..)) = records(Table::Projects, key, record).take_service(10) else {
        return;
    };
    let Ok(Some(project)) = read_one::<Option<Project>>(Table::Projects, key, record) else {
        return;
    };
    assert_eq!(state.projects(), 1);
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        for dataset_type in DatasetType::ALL {
            assert!(project.dataset(dataset_type, now).is_none());
        }
        for model in project.models_at(now) {
            let _ = (model.status(now), model.evaluated(now), model.number());
        }
        for job in project.packaging_jobs.values() {
            let _ = (job.status(now), job.last_updated(now));
        }
    }
}

/// Puts an endpoint in its place, under the default configuration
fn placed(key: &str, record: &[u8]) {
    let Ok(record) = read_one::<EndpointRecord>(Table::VpcEndpoints, key, record) else {
        return;
    };
    let config = Config::embedded(None, None).expect("the default configuration is valid");
    let networks = &config.settings.networks;
    let mut changes = EndpointChanges::restore(vec![record]);
    let _ = changes.misfits(networks);
    let _ = changes.table(networks, Timestamp::UNIX_EPOCH);
    let _ = changes.drop_undeclared(networks);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Feeds every file of a corpus to a check
    #[track_caller]
    fn replay(corpus: &str, files_min: usize, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(corpus);
        let files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(files.len() >= files_min, "{} in {folder:?}", files.len());
        for file in files {
            // Which one it was, when a check fails.
            println!("{}", file.display());
            check(&fs::read(file).unwrap());
        }
    }

    #[test]
    fn configurations_survive_their_corpus() {
        replay("configuration", 20, configuration);
    }

    #[test]
    fn request_heads_survive_their_corpus() {
        replay("request_head", 20, request_head);
    }

    #[test]
    fn records_survive_their_corpus() {
        replay("record", 12, record);
    }
}
