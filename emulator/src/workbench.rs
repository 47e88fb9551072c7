//! The policy workbench: what the policies would say about calls that nobody made.
//!
//! A [`Scene`] is a configuration with everything that calls have made since. In it a caller, an entry point, an
//! operation and a resource are named as people name them. They become the same
//! [`SupposedCall`](crate::authorization::SupposedCall) that the server would make of a request: the same principal,
//! resource, tags and condition keys, decided by the same code.
//!
//! ```text
//! DetectAnomalies on model/myProject/myModel, by user/alice, over vpce-0a1b2c3d4e5f67890
//!    → lookoutvision:DetectAnomalies on arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel
//! ```

mod callers;
pub(crate) mod coverage;
pub(crate) mod diff;
pub(crate) mod draft;
pub(crate) mod edits;
pub(crate) mod matrix;
mod recorded;
mod scene;
pub(crate) mod simulation;
mod subject;
pub(crate) mod what_if;
mod words;

pub(crate) use self::{
    callers::CallerName,
    recorded::{EntryMistake, RecordedCall, SavedEntry},
    scene::{CallDecision, EntryPointName, SOURCE_IP, Scene},
    subject::{OperationName, Subject, SubjectName, last_part},
    words::{count, file_uri, pretty_json, xml_text},
};
