//! `DetectAnomalies`: from a permitted call to the bytes of its answer.
//!
//! AWS answers with the first check that fails, so the order is behaviour. After the signature, the policies and the
//! throttling, which are others' work:
//!
//! 1. The members keep the API model's constraints (project name, version, content type).
//! 2. The content type is one of the two.
//! 3. The project exists in this Region.
//! 4. The model exists in the project.
//! 5. The model is HOSTED.
//! 6. The image is what its content type says, whole, and of a size that the service takes.
//! 7. The call is counted, and the rules answer it.
//!
//! A worked example: `POST …/models/2/detect` with a greyscale JPEG of 320 x 240 pixels on a HOSTED model whose only
//! rule wants a PNG passes 1 to 6, matches no rule, and is answered as a normal image.
// Guess: the order of 1 to 5 is the usual one of AWS services; that only a hosted model looks at the image is a guess.

mod answer;

use std::{cell::OnceCell, sync::LazyLock, time::Duration};

use aws_identifiers::VpcEndpointId;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    call_counts::CallCounts,
    canned::{Call, CannedRule, RuleRef, Segmentation, Then, Verdict, first_match},
    declared::find_model,
    error::ServiceError,
    image::{Image, ImageFormat},
    model::{ModelAddress, ModelStatus},
    store::{Declared, Named},
};

pub use crate::{api::requests::DetectAnomaliesRequest, store::model::ModelKind};

/// A call that was permitted
#[derive(Debug)]
pub struct DetectAnomaliesInput<'r> {
    /// The model that it is about
    pub model: &'r ModelAddress,
    /// What was asked for
    pub request: DetectAnomaliesRequest<'r>,
    /// SHA-256 of the image, which a verified signature has needed; otherwise it is computed where a rule asks for it
    pub body_sha256: Option<[u8; 32]>,
    /// The caller's ARN
    pub principal: &'r str,
    /// The endpoint that the call came through, if it came through one
    pub vpc_endpoint_id: Option<&'r VpcEndpointId>,
}

/// What the rules made of a call
#[derive(Debug)]
pub struct DetectAnomaliesOutput {
    /// The body of the answer, or the error that the rule asks for
    pub result: Result<Bytes, ServiceError>,
    /// Which rule it was
    pub rule: RuleRef,
    /// How long the answer is to be held back
    pub delay: Option<Duration>,
    /// What of the rule is not in the answer, and why
    pub note: Option<&'static str>,
}

/// What a call is about, as far as it is there
#[derive(Debug, Clone, Copy)]
pub struct Target<'s> {
    /// Whether the project is there
    pub project_exists: bool,
    /// Whether the configuration has a model of this version, which may be a name
    pub is_declared: bool,
    /// Its status, and what it answers
    pub model: Option<(ModelStatus, ModelKind)>,
    /// The model's own rules
    pub model_rules: &'s [CannedRule],
    /// Those of its project, which are asked after them
    pub project_rules: &'s [CannedRule],
}

impl<'s> Target<'s> {
    /// What the state and the configuration say about a model of this version
    pub fn of(named: &Named, declared: &'s Declared, version: &str, now: Timestamp) -> Self {
        let declaration = named.declaration(declared);
        let declared_model = declaration.and_then(|project| find_model(project, version));
        let model = named.model.as_ref();
        Self {
            project_exists: named.project_exists,
            is_declared: declared_model.is_some(),
            model: model.map(|model| (model.status(now).0, model.kind)),
            model_rules: declared_model.map_or(&[], |model| &model.detect_anomalies),
            project_rules: declaration.map_or(&[], |project| &project.detect_anomalies),
        }
    }
}

/// Performs a call that was permitted
///
/// # Errors
/// When the call is refused before a rule was asked. An error that a rule asks for is in the output, with its rule
/// and its delay.
pub fn perform(
    input: &DetectAnomaliesInput<'_>,
    target: &Target<'_>,
    call_counts: &CallCounts,
) -> Result<DetectAnomaliesOutput, ServiceError> {
    let DetectAnomaliesInput {
        model: address,
        request,
        ..
    } = *input;
    let body = request.body;

    // Rule 1: the members keep the API model's constraints.
    // Unlike AWS, where every version is a number: a declared model answers under the name that it was given.
    request.check(if target.is_declared {
        &["ModelVersion"]
    } else {
        &[]
    })?;

    // Rule 2: the content type is one of the two.
    let declared = request
        .content_type
        .and_then(ImageFormat::from_content_type)
        .ok_or_else(ServiceError::content_type_not_taken)?;

    // Rule 3: the project exists in this Region.
    if !target.project_exists {
        return Err(ServiceError::project_not_found(address.project_name()));
    }

    // Rule 4: the model exists in the project.
    let (status, kind) = target
        .model
        .ok_or_else(|| ServiceError::model_not_found(address.project_name(), address.version()))?;

    // Rule 5: the model is HOSTED.
    if status != ModelStatus::Hosted {
        return Err(ServiceError::model_not_hosted(
            address.project_name(),
            address.version(),
            status,
        ));
    }

    // Rule 6: the image is one that the service takes.
    let image = Image::inspect(body, declared).map_err(|error| ServiceError::image_not_taken(&error))?;

    // Rule 7: the call is counted, and the rules answer it.
    let call = Call {
        image,
        body,
        body_sha256: input.body_sha256.map_or_else(OnceCell::new, OnceCell::from),
        principal: input.principal,
        vpc_endpoint_id: input.vpc_endpoint_id,
        number: call_counts.next(address.arn()),
    };
    let (rule, found) = first_match(target.model_rules, target.project_rules, &call);
    Ok(DetectAnomaliesOutput {
        result: found.map_or_else(
            || Ok(verdict(normal(kind), kind, image)),
            |rule| answer_of(rule, kind, image, address.version()),
        ),
        rule,
        delay: found.and_then(|rule| rule.delay),
        note: found.and_then(|rule| match rule.then {
            Then::Segmentation(_) if kind == ModelKind::Classification => Some(MASKS_LEFT_OUT),
            _ => None,
        }),
    })
}

fn answer_of(rule: &CannedRule, kind: ModelKind, image: Image, version: &str) -> Result<Bytes, ServiceError> {
    match &rule.then {
        Then::Classification(said) => Ok(verdict(*said, kind, image)),
        Then::Segmentation(segmentation) if kind == ModelKind::Classification => {
            Ok(answer::classification(segmentation.verdict()))
        }
        Then::Segmentation(segmentation) => Ok(segmentation.answer_for(
            image.width,
            image.height,
            |segmentation| answer::segmentation(segmentation, image.width, image.height),
        )),
        Then::Recorded(recorded) => Ok(recorded.body().clone()),
        Then::Error(error) => Err(ServiceError::canned(error, version)),
    }
}

/// An image as a whole, in the form of the model's kind
fn verdict(verdict: Verdict, kind: ModelKind, image: Image) -> Bytes {
    match kind {
        ModelKind::Declared | ModelKind::Classification => {
            if verdict == Verdict::NORMAL {
                return NORMAL_CLASSIFICATION.clone();
            }
            answer::classification(verdict)
        }
        // Developer Guide, *Detecting anomalies in an image*: the background alone, with the whole area.
        ModelKind::Segmentation => {
            let paint = |nothing: &Segmentation| answer::segmentation(nothing, image.width, image.height);
            if verdict == Verdict::NORMAL_SEGMENTATION {
                // Its mask is painted for each size once, like those of rules.
                return NORMAL_SEGMENTATION.answer_for(image.width, image.height, paint);
            }
            paint(&nothing_found(verdict))
        }
    }
}

/// Developer Guide, *Creating your model*: a model finds kinds of anomalies only where its training images had masks
const MASKS_LEFT_OUT: &str = "the rule's `anomalies` are not in the answer: the model was trained without masks, so it \
                              answers as a classification model does";

/// What every image without a rule gets from a classification model
static NORMAL_CLASSIFICATION: LazyLock<Bytes> = LazyLock::new(|| answer::classification(Verdict::NORMAL));

/// What every image without a rule gets from a segmentation model
static NORMAL_SEGMENTATION: LazyLock<Segmentation> =
    LazyLock::new(|| nothing_found(Verdict::NORMAL_SEGMENTATION));

#[expect(
    clippy::expect_used,
    reason = "no anomalies contradict each other, and no verdict without any"
)]
fn nothing_found(verdict: Verdict) -> Segmentation {
    Segmentation::new(verdict, Vec::new()).expect("no anomalies contradict each other")
}

fn normal(kind: ModelKind) -> Verdict {
    match kind {
        ModelKind::Declared | ModelKind::Classification => Verdict::NORMAL,
        ModelKind::Segmentation => Verdict::NORMAL_SEGMENTATION,
    }
}

#[cfg(test)]
mod tests;
