//! Whose turn it is on an HTTP/1.1 connection, so that what hyper says of its own accord can be told from answers.
//!
//! hyper answers a head that it cannot read by itself, with a status line and no body, and tells nobody what it read. Such
//! an answer is to be ours, with a body and an entry in the journal, and hyper cannot be asked to leave its own out. So
//! [`Stream`](super::Stream) withholds what is written while nobody has been asked anything.

use std::sync::atomic::{AtomicU8, Ordering};

use http::StatusCode;

/// Whose turn it is; hyper, the service and the stream of one HTTP/1.1 connection run in one task and take turns
#[derive(Debug, Default)]
pub(crate) struct Turns(AtomicU8);

impl Turns {
    /// A request was read: from here on whatever is written belongs to its answer, `100 Continue` included
    pub(crate) fn request_was_read(&self) {
        self.0.store(SERVICE, Ordering::Relaxed);
    }

    /// The service has answered: when that is written it is the client's turn
    pub(crate) fn answer_was_made(&self) {
        self.0.store(ANSWER, Ordering::Relaxed);
    }

    /// hyper has nothing more to write
    pub(super) fn everything_was_written(&self) {
        if self.0.load(Ordering::Relaxed) == ANSWER {
            self.0.store(CLIENT, Ordering::Relaxed);
        }
    }

    /// The status of an answer that nobody but hyper has made, if that is what begins here
    pub(super) fn unasked_status(&self, bytes: &[u8]) -> Option<StatusCode> {
        if self.0.load(Ordering::Relaxed) != CLIENT {
            return None;
        }
        let status = bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
        StatusCode::from_bytes(status)
            .ok()
            .filter(StatusCode::is_client_error)
    }
}

/// The client is to send a request
const CLIENT: u8 = 0;
/// The service has a request to answer
const SERVICE: u8 = 1;
/// hyper has an answer to write
const ANSWER: u8 = 2;
