//! Client tokens: a request that is sent again is answered again but not performed again.
//!
//! API reference, `ClientToken` of ten operations: within 8 hours, calls with the same token and the same parameters
//! are performed once, a call with the same token and other parameters is an error, and another token is another call.
//! Tokens are kept by operation, because AWS's own samples use one token for StartModel and StopModel.
// Guess: that a repeat is answered as the first call was; so StartModel, StopModel and StartModel again, all with one
// token within 8 hours, leave the model stopped.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A token with its scope: account, Region, operation and the token itself
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenKey(pub Arc<str>);

/// The first call with a token
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstCall {
    /// SHA-256 of its parameters
    pub fingerprint: [u8; 32],
    /// The body of its answer
    pub answer: String,
    /// When it was made
    pub at: Timestamp,
}

/// The tokens that were used within 8 hours, or the latest of them if there are too many
#[derive(Debug, Default)]
pub struct Tokens {
    calls: BTreeMap<TokenKey, FirstCall>,
    in_order: VecDeque<TokenKey>,
}

impl TokenKey {
    /// A token of one operation of one account in one Region
    pub fn new(account_id: &str, region: &str, operation: &str, token: &str) -> Self {
        Self(format!("{account_id}/{region}/{operation}/{token}").into())
    }
}

impl Tokens {
    /// The first call with this token, if that is less than 8 hours ago
    pub fn find(&self, key: &TokenKey, now: Timestamp) -> Option<&FirstCall> {
        self.calls.get(key).filter(|call| call.is_remembered(now))
    }

    /// Every token with its first call, in the order of those calls
    pub fn iter(&self) -> impl Iterator<Item = (&TokenKey, &FirstCall)> {
        let calls = &self.calls;
        self.in_order
            .iter()
            .filter_map(|key| Some((key, calls.get(key)?)))
    }

    /// Remembers a call; returns the tokens that are forgotten at the same time
    pub fn remember(&mut self, key: TokenKey, call: FirstCall, tokens_max: usize) -> Vec<TokenKey> {
        let now = call.at;
        if self.calls.insert(key.clone(), call).is_some() {
            self.in_order.retain(|other| *other != key);
        }
        self.in_order.push_back(key);
        let mut gone = Vec::new();
        while let Some(oldest) = self.in_order.front() {
            let is_remembered = self.calls.get(oldest).is_some_and(|call| call.is_remembered(now));
            if is_remembered && self.in_order.len() <= tokens_max {
                break;
            }
            self.calls.remove(oldest);
            gone.extend(self.in_order.pop_front());
        }
        gone
    }
}

impl FirstCall {
    fn is_remembered(&self, now: Timestamp) -> bool {
        self.at.duration_until(now) < REMEMBERED
    }
}

const REMEMBERED: SignedDuration = SignedDuration::from_hours(8);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(token: &str) -> TokenKey {
        TokenKey::new("123456789012", "us-east-1", "CreateProject", token)
    }

    fn call(at: &str) -> FirstCall {
        FirstCall {
            fingerprint: [0; 32],
            answer: "{}".to_owned(),
            at: at.parse().unwrap(),
        }
    }

    #[test]
    fn a_token_is_forgotten_after_eight_hours() {
        let mut tokens = Tokens::default();
        tokens.remember(key("a"), call("2026-01-01T00:00:00Z"), 10);
        let found = |now: &str| tokens.find(&key("a"), now.parse().unwrap()).is_some();
        assert!(found("2026-01-01T07:59:59.999Z"));
        assert!(!found("2026-01-01T08:00:00Z"));
        let gone = tokens.remember(key("b"), call("2026-01-01T09:00:00Z"), 10);
        assert_eq!(gone, [key("a")]);
    }

    #[test]
    fn over_the_bound_the_oldest_goes() {
        let mut tokens = Tokens::default();
        for token in ["a", "b"] {
            assert!(
                tokens
                    .remember(key(token), call("2026-01-01T00:00:00Z"), 2)
                    .is_empty()
            );
        }
        // Remembered again, `a` is now the younger one.
        tokens.remember(key("a"), call("2026-01-01T00:00:01Z"), 2);
        let gone = tokens.remember(key("c"), call("2026-01-01T00:00:02Z"), 2);
        assert_eq!(gone, [key("b")]);
    }
}
