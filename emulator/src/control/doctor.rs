//! `GET /doctor`: the emulator's side of what `doctor` looks at: what its policies name in vain, and what clients tried
//! that never became a request.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;

mod client;

use self::client::DoctorClient;
use super::{
    answer::{Answer, json_answer},
    diagnosis::Finding,
    query::QueryText,
};
use crate::{
    runtime::{
        Shared, Snapshot,
        unheard::{Ending, Tally, Unheard, UnheardConnections},
    },
    services::vocabulary,
};

/// What may keep calls from arriving, or from being allowed, as far as the emulator can see it
///
/// With `access_key_id`, also whether that key is known and good; with `host`, `address` and `region`, which entry point the
/// calls of such a client come through.
#[utoipa::path(
    get, path = "/doctor", tag = "emulator",
    params(
        ("access_key_id" = Option<String>, Query, description = "the access key that a client signs with"),
        ("host" = Option<String>, Query, description = "the name that it calls the AWS API by, such as localhost"),
        ("address" = Option<String>, Query, description = "the address that this name has for it"),
        ("region" = Option<String>, Query, description = "a Region that it signs for; may be given more than once"),
    ),
    responses((status = 200, body = Vec<Finding>), (status = 400, description = "`InvalidParameter`"))
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    let client = DoctorClient::parse(query.as_deref().unwrap_or_default())?;
    let snapshot = shared.space.snapshot();
    let now = shared.space.clock().now();
    let mut findings = shared
        .space
        .explainer
        .run(move || {
            let mut findings = client.findings(&snapshot, now);
            findings.extend(policies(&snapshot));
            findings
        })
        .await;
    findings.extend(refused_reload(&shared));
    findings.extend(connections(&shared.unheard));
    json_answer(&findings)
}

/// What there is to say about the policy of each endpoint
fn policies(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The same policy may be attached to many endpoints; what is wrong with it is told once.
    let mut remarks: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for placed in snapshot.endpoints.iter() {
        let document = &placed.endpoint.policy_document;
        for remark in vocabulary::remarks(document, placed, &snapshot.settings) {
            remarks.entry(remark).or_default().push(placed.id().as_str());
        }
    }
    for (remark, endpoints) in &remarks {
        findings.push(
            Finding::warning("policy", format!("endpoint policy of {}: {remark}", endpoints.join(", ")))
                .cure(
                    "correct the policy, or declare what it names; `lookoutvision-emulator check` tells file and line, \
                     `PUT /vpc-endpoints/ID/policy` attaches another one",
                ),
        );
    }
    if findings.is_empty() {
        let endpoints = snapshot.endpoints.iter().count();
        findings.push(Finding::ok(
            "policy",
            match endpoints {
                1 => "the policy of the VPC endpoint names nothing that the configuration does not have".to_owned(),
                _ => format!(
                    "the policies of {endpoints} VPC endpoints name nothing that the configuration does not have"
                ),
            },
        ));
    }
    findings
}

/// A finding if the configuration's files say something that is not in force
fn refused_reload(shared: &Shared) -> Option<Finding> {
    let reasons = shared.refused_reload.load_full()?;
    let finding = Finding::problem(
        "configuration",
        format!(
            "the configuration has changed and is not valid, so the one before stays in force: {reasons}"
        ),
    );
    Some(finding.cure("correct it, and it is read again; `lookoutvision-emulator check` tells every mistake"))
}

/// What ended the connections that brought no request
fn connections(unheard: &UnheardConnections) -> Vec<Finding> {
    let (kinds, others) = unheard.counts();
    let mut findings: Vec<Finding> = kinds
        .into_iter()
        .map(|(kind, tally)| connection(&kind, &tally))
        .collect();
    if others > 0 {
        findings.push(Finding::warning(
            "connections",
            format!("{} brought no request, of more kinds than `limits.unheard_kinds_max` (further ones are counted together)",
                counted(others)),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("connections", "every connection brought a request"));
    }
    findings
}

/// The finding about a kind of connections; a settled one is a warning, because the request may have come from another
/// client of the same machine
fn connection(kind: &Unheard, tally: &Tally) -> Finding {
    let connections = counted(tally.count);
    let name = match &kind.server_name {
        Some(name) => format!(" to `{name}`"),
        None => String::new(),
    };
    let message = format!(
        "{connections}{name} brought no request: {}; last at {:.0} from {}",
        kind.ending,
        tally.last,
        tally.from.to_canonical()
    );
    if let Some(settled) = tally.settled {
        return Finding::warning(
            "connections",
            format!("{message}; a request came from there at {settled:.0}"),
        )
        .cure("nothing, if that was the same client; this is told for ten minutes");
    }
    match &kind.ending {
        Ending::Alert(_) => Finding::problem("connections", message).cure(
            "the client does not trust the CA: set the variable that it reads (`lookoutvision-emulator env` prints them \
             all) to the CA of this emulator",
        ),
        Ending::PlainHttp => {
            Finding::problem("connections", message).cure("give the client an endpoint that begins with https://")
        }
        Ending::NoCertificate(_) => Finding::problem("connections", message)
            .cure("call the emulator by one of its names, or add the name to `names` in the configuration"),
        Ending::HandshakeFailed(_) => Finding::problem("connections", message)
            .cure("TLS 1.2 or 1.3 is spoken here; see how the client is set up"),
        Ending::ClosedInHandshake => Finding::warning("connections", message).cure(
            "a client that does not trust the CA may close without a word, and so does a health check that only connects",
        ),
        Ending::HandshakeTimeout | Ending::NoRequest => Finding::warning("connections", message).cure(
            "a client that does not trust the CA may end so, and so does one that connects before it has something to ask",
        ),
    }
}

fn counted(connections: u64) -> String {
    match connections {
        1 => "1 connection".to_owned(),
        _ => format!("{connections} connections"),
    }
}
