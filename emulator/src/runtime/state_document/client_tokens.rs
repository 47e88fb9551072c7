//! Client tokens in a document: calls that are answered again and not done again.

use std::collections::BTreeMap;

use aws_identifiers::{AccountId, Region};
use client_text::{hex, spelling};
use jiff::Timestamp;
use lookoutvision::{
    operation::Operation,
    store::{
        document::Misfit,
        idempotency::{FirstCall, TokenKey, Tokens},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    settings::Settings,
    storage::{RecordChange, Table},
};

/// A call that a client token was used for
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientTokenDocument {
    region: Region,
    operation: String,
    token: String,
    /// SHA-256 of everything that was asked for
    request_sha256: String,
    /// The body of the answer
    answer: String,
    at: Timestamp,
}

/// The tokens of one account, in the order in which they were used
pub(super) fn documents(tokens: &Tokens, account_id: &AccountId) -> Vec<ClientTokenDocument> {
    let documents = tokens.iter().filter_map(|(TokenKey(key), call)| {
        let mut parts = key.splitn(4, '/');
        let (account, region) = (parts.next()?, parts.next()?);
        let (operation, token) = (parts.next()?, parts.next()?);
        (account == account_id.as_str()).then_some(())?;
        Some(ClientTokenDocument {
            region: region.parse().ok()?,
            operation: operation.to_owned(),
            token: token.to_owned(),
            request_sha256: hex(&call.fingerprint),
            answer: call.answer.clone(),
            at: call.at,
        })
    });
    documents.collect()
}

pub(super) fn read(documents: Vec<ClientTokenDocument>, settings: &Settings) -> Result<Tokens, Misfit> {
    let tokens_max = settings.limits.client_tokens_max;
    if documents.len() > tokens_max {
        let message = format!(
            "{} are more than limits.client_tokens_max ({tokens_max})",
            documents.len()
        );
        return Err(Misfit::at("/client_tokens", message));
    }
    let (mut tokens, mut places) = (Tokens::default(), BTreeMap::new());
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("/client_tokens/{index}");
        let ClientTokenDocument {
            region,
            operation,
            token,
            request_sha256,
            answer,
            at,
        } = document;
        let Some(known) = Operation::ALL.into_iter().find(|known| known.name() == operation) else {
            let message = match spelling::meant(&operation, &Operation::ALL.map(Operation::name)) {
                Some(meant) => format!("there is no operation `{operation}`; did you mean `{meant}`?"),
                None => format!("there is no operation `{operation}`"),
            };
            return Err(Misfit::at(format!("{path}/operation"), message));
        };
        known
            .check_client_token(&token)
            .map_err(|message| Misfit::at(format!("{path}/token"), message))?;
        if serde_json::from_str::<Map<String, Value>>(&answer).is_err() {
            return Err(Misfit::at(
                format!("{path}/answer"),
                "expected the text of a JSON object",
            ));
        }
        Misfit::check_date(format!("{path}/at"), at)?;
        let key = TokenKey::new(settings.account_id.as_str(), region.as_str(), &operation, &token);
        let call = FirstCall {
            fingerprint: sha256(&request_sha256, &format!("{path}/request_sha256"))?,
            answer,
            at,
        };
        if let Some(first) = places.insert(key.clone(), path.clone()) {
            let message = format!("the token of this operation and Region stands at {first} already");
            return Err(Misfit::at(format!("{path}/token"), message));
        }
        tokens.remember(key, call, tokens_max);
    }
    Ok(tokens)
}

/// The record of a token
pub(super) fn record(TokenKey(key): &TokenKey, call: &FirstCall) -> RecordChange {
    RecordChange::put(Table::ClientTokens, &**key, call)
}

/// A SHA-256 in hexadecimal
pub(super) fn sha256(text: &str, path: &str) -> Result<[u8; 32], Misfit> {
    client_text::sha256_of_hex(text)
        .ok_or_else(|| Misfit::at(path, "expected a SHA-256, 64 hexadecimal digits"))
}
