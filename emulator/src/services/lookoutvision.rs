//! Amazon Lookout for Vision at work: from a permitted call to what the state keeps of it.

pub(crate) mod call;
mod dataset_images;
pub(crate) mod perform;
pub(crate) mod refusal;
pub(crate) mod work;
