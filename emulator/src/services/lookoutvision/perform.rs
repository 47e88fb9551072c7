//! Permit → output: the only way to run an operation.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, StatusCode};
use hyper::body::Bytes;
use jiff::Timestamp;
use lookoutvision::{
    api::{
        Described,
        read::{Parts, read},
    },
    declared::find_model,
    detect_anomalies::{self, DetectAnomaliesInput, DetectAnomaliesRequest, Target},
    error::ServiceError,
    operation::Operation,
    operations::{Refused, datasets, models, packaging, projects, tags},
    store::{Change, State, View, idempotency::TokenKey},
};
use ring::digest;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    authorization::Permit,
    request::{ReceivedRequest, body::ReceivedBody},
    runtime::{Shared, Snapshot, service::ClientToken},
    services::lookoutvision::{invocation::Invocation, work::Work},
};

/// What an operation answers
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) result: Result<Bytes, ServiceError>,
    pub(crate) status: StatusCode,
    /// The canned rule that answered, for the journal
    pub(crate) rule: Option<Box<str>>,
    /// How long the answer is to be held back
    pub(crate) delay: Option<Duration>,
    /// What is odd about the answer, for the journal and the log
    pub(crate) note: Option<&'static str>,
}

/// Runs the operation that a permit is for
///
/// # Errors
/// When the service refuses the request, or the permit is for something that is not what would be done any more.
pub(crate) async fn perform(
    permit: &Permit<Invocation>,
    received: &ReceivedRequest,
    body: &ReceivedBody,
    shared: &Arc<Shared>,
) -> Result<Output, Refused> {
    let invocation = permit.invocation();
    let operation = invocation.operation();
    let status = StatusCode::from_u16(operation.success_status()).expect("the table has HTTP statuses only");
    if operation == Operation::DetectAnomalies {
        return detect(permit, received, body, shared, status).map_err(Refused::Service);
    }
    let call = Call {
        invocation,
        received,
        body,
        shared,
        snapshot: permit.invocation().snapshot(),
        now: shared.clock.now(),
    };
    let answer = call.answer().await?;
    let note = (operation == Operation::CreateProject
        && shared.is_first_project_elsewhere(invocation.region()))
    .then_some(SERVICE_WAS_NEVER_THERE);
    Ok(Output {
        result: Ok(answer),
        status,
        rule: None,
        delay: None,
        note,
    })
}

fn detect(
    permit: &Permit<Invocation>,
    received: &ReceivedRequest,
    body: &ReceivedBody,
    shared: &Shared,
    status: StatusCode,
) -> Result<Output, ServiceError> {
    let invocation = permit.invocation();
    let snapshot = permit.invocation().snapshot();
    let model = invocation.model().expect("DetectAnomalies is about a model");
    let named = invocation.named().expect("DetectAnomalies is about a model");
    let target = Target::of(named, &snapshot.declared, model.version(), received.received_at);
    let header = |name: &str| received.header(&HeaderName::from_bytes(name.as_bytes()).ok()?);
    let input = DetectAnomaliesInput {
        model,
        request: DetectAnomaliesRequest::of(&parts(invocation, received, body, &header)),
        body_sha256: Some(body.sha256),
        principal: permit.principal().arn(),
        vpc_endpoint_id: permit.entry_point().vpc_endpoint_id(),
    };
    let output = detect_anomalies::perform(&input, &target, &shared.calls)?;
    Ok(Output {
        result: output.result,
        status,
        rule: Some(output.rule.to_string().into()),
        delay: output.delay,
        note: output.note,
    })
}

const SERVICE_WAS_NEVER_THERE: &str = "Amazon Lookout for Vision was never offered in this Region: on AWS its name did not \
                                       resolve there";

/// A request whose members are still where they came from
fn parts<'r>(
    invocation: &'r Invocation,
    received: &'r ReceivedRequest,
    body: &'r ReceivedBody,
    header: &'r dyn Fn(&str) -> Option<&'r str>,
) -> Parts<'r> {
    let (_, query) = received.target.split_once('?').unwrap_or_default();
    Parts {
        route: invocation.route(),
        query,
        header,
        body: &body.bytes,
    }
}

/// A permitted call of the control plane
struct Call<'c> {
    invocation: &'c Invocation,
    received: &'c ReceivedRequest,
    body: &'c ReceivedBody,
    shared: &'c Arc<Shared>,
    snapshot: &'c Arc<Snapshot>,
    now: Timestamp,
}

impl Call<'_> {
    async fn answer(&self) -> Result<Bytes, Refused> {
        match self.invocation.operation() {
            Operation::DetectAnomalies => unreachable!("it is performed elsewhere"),

            Operation::DescribeProject => self.read(projects::describe),
            Operation::ListProjects => self.read(projects::list),
            Operation::DescribeDataset => self.read(datasets::describe),
            Operation::ListDatasetEntries => self.read(datasets::list_entries),
            Operation::DescribeModel => {
                let version = self.version();
                self.read(|view, input| models::describe(view, &version, input))
            }
            Operation::ListModels => self.read(models::list),
            Operation::DescribeModelPackagingJob => self.read(packaging::describe),
            Operation::ListModelPackagingJobs => self.read(packaging::list),
            Operation::ListTagsForResource => self.read(tags::list),

            Operation::CreateProject => {
                self.change(|change, input| Ok(projects::create(change, input)?))
                    .await
            }
            Operation::DeleteProject => {
                self.change(|change, input| Ok(projects::delete(change, input)?))
                    .await
            }
            Operation::CreateDataset => {
                self.change(|change, input| Ok(datasets::create(change, input)?))
                    .await
            }
            Operation::DeleteDataset => {
                self.change(|change, input| Ok(datasets::delete(change, input)?))
                    .await
            }
            Operation::UpdateDatasetEntries => {
                self.change(|change, input| Ok(datasets::update_entries(change, input)?))
                    .await
            }
            Operation::CreateModel => {
                let version = self.version();
                self.change(move |change, input| models::create(change, &version, input))
                    .await
            }
            Operation::DeleteModel => {
                let version = self.version();
                self.change(move |change, input| Ok(models::delete(change, &version, input)?))
                    .await
            }
            Operation::StartModel => {
                let version = self.version();
                self.change(move |change, input| Ok(models::start(change, &version, input)?))
                    .await
            }
            Operation::StopModel => {
                let version = self.version();
                self.change(move |change, input| Ok(models::stop(change, &version, input)?))
                    .await
            }
            Operation::StartModelPackagingJob => {
                let (version, fresh_name) = (self.version(), self.received.request_id.to_string());
                self.change(move |change, input| Ok(packaging::start(change, &version, &fresh_name, input)?))
                    .await
            }
            Operation::TagResource => self.change(|change, input| Ok(tags::tag(change, input)?)).await,
            Operation::UntagResource => self.change(|change, input| Ok(tags::untag(change, input)?)).await,
        }
    }

    /// The version that the caller was authorised on
    fn version(&self) -> String {
        self.invocation
            .model()
            .map_or_else(String::new, |model| model.version().to_owned())
    }

    fn input<T: Described + DeserializeOwned>(&self) -> Result<T, ServiceError> {
        let header = |name: &str| {
            self.received
                .header(&HeaderName::from_bytes(name.as_bytes()).ok()?)
        };
        let parts = parts(self.invocation, self.received, self.body, &header);
        // Unlike AWS, where every version is a number: a declared model answers under the name that it was given.
        let lenient = self.invocation.named().is_some_and(|named| {
            let declaration = named.declaration(&self.snapshot.declared);
            declaration.is_some_and(|project| find_model(project, &self.version()).is_some())
        });
        read(&parts, if lenient { &["ModelVersion"] } else { &[] })
    }

    fn view<'s>(&'s self, state: &'s State) -> View<'s> {
        state.view(&self.snapshot.declared, self.invocation.region(), self.now)
    }

    fn read<T, R>(
        &self,
        operation: impl FnOnce(&View<'_>, &T) -> Result<R, ServiceError>,
    ) -> Result<Bytes, Refused>
    where
        T: Described + DeserializeOwned,
        R: Serialize,
    {
        let input = self.input()?;
        let state = self.shared.service.state();
        let output = operation(&self.view(&state), &input)?;
        let body = serde_json::to_vec(&output).expect("structs of texts and finite numbers are JSON");
        Ok(body.into())
    }

    async fn change<T, R>(
        &self,
        operation: impl FnOnce(&mut Change<'_>, &T) -> Result<R, Refused> + Send + 'static,
    ) -> Result<Bytes, Refused>
    where
        T: Described + DeserializeOwned + Serialize + Send + Sync + 'static,
        R: Serialize + 'static,
    {
        let input: T = self.input()?;
        let token = self.client_token(&input);
        let work = Work {
            shared: self.shared.clone(),
            snapshot: self.snapshot.clone(),
            region: self.invocation.region().clone(),
            now: self.now,
            token,
        };
        // Boxed, so that what comes now is compiled once for all operations.
        let operation = move |change: &mut Change<'_>| {
            let output = operation(change, &input)?;
            Ok(serde_json::to_string(&output).expect("structs of texts and finite numbers are JSON"))
        };
        work.run(Box::new(operation)).await
    }

    /// The client token, with the fingerprint of everything that came with it
    fn client_token<T: Serialize>(&self, input: &T) -> Option<ClientToken> {
        let mut members = serde_json::to_value(input).expect("structs of texts and numbers are JSON");
        let token = members.as_object_mut()?.remove("ClientToken")?;
        let text = members.to_string();
        let fingerprint = digest::digest(&digest::SHA256, text.as_bytes());
        let region = self.invocation.region();
        let account_id = &self.snapshot.settings.account_id;
        let operation = self.invocation.operation();
        Some(ClientToken {
            key: TokenKey::new(
                account_id.as_str(),
                region.as_str(),
                operation.name(),
                token.as_str()?,
            ),
            fingerprint: fingerprint.as_ref().try_into().expect("SHA-256 has 32 bytes"),
            project_name: members["ProjectName"].as_str().unwrap_or_default().to_owned(),
        })
    }
}
