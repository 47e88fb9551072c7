//! One question with its policies, and the answer: a line of `policy simulate`, the body of `POST /simulate`.
//!
//! ```text
//! {"id":"c1","policies":{"vpcEndpoint":{…}},"request":{"principal":"arn:aws:iam::123456789012:user/alice",
//!  "action":"lookoutvision:DetectAnomalies","resource":"arn:aws:lookoutvision:…:model/myProject/1","context":{}}}
//! {"id":"c1","decision":"allowed","decided_by":{"policy_type":"vpc-endpoint","policy":0,"statement":0,"sid":null},"message":null}
//! ```

mod answer;
mod written;

pub(crate) use self::{
    answer::Answer,
    written::{Mistake, Refusal, WrittenQuestion, id_of, parsed},
};

/// Whether an answer says what every statement made of the request
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explain {
    Yes,
    No,
}
