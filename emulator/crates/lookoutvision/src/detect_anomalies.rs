//! `DetectAnomalies`: from a permitted call to the bytes of its answer.
//!
//! AWS answers with the first check that fails, so the order is behaviour. After the signature, the policies and the
//! throttling, which are checked elsewhere:
//!
//! 1. The members keep the API model's constraints (project name, version, content type).
//! 2. The content type is one of the two.
//! 3. The project exists in this Region.
//! 4. The model exists in the project.
//! 5. The model is HOSTED.
//! 6. The image is what its content type says, complete, and of a size that the service accepts.
//! 7. The call is counted, and the first rule that matches answers it; if none does, the label that the model has
//!    learned for the image, or else a normal result.
//!
//! A worked example: `POST …/models/2/detect` with a greyscale JPEG of 320 x 240 pixels on a HOSTED model whose only
//! rule requires a PNG passes 1 to 6, matches no rule, and is answered as a normal image.
// Guess: the order of 1 to 5, which is the usual one of AWS services, and that only a hosted model checks the image.

mod answer;

use std::{cell::OnceCell, collections::BTreeMap, sync::LazyLock, time::Duration};

use aws_identifiers::VpcEndpointId;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    call_counts::CallCounts,
    canned::{Call, CannedRule, Delay, Draw, PutRules, RuleLists, RuleRef, Segmentation, Then, Verdict},
    dataset_images::{LabeledImage, LabeledImages},
    declared::find_model,
    error::ServiceError,
    image::{Image, ImageFormat},
    manifest::Class,
    model::{ModelAddress, ModelStatus},
    scenarios::{self, Scenarios, States},
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
    /// SHA-256 of the image, known if a signature was verified with it; otherwise it is computed when a rule needs it
    pub body_sha256: Option<[u8; 32]>,
    /// Who calls
    pub caller: Caller<'r>,
}

/// The caller, and the way that the call came
#[derive(Debug, Clone, Copy)]
pub struct Caller<'r> {
    /// The caller's ARN
    pub principal: &'r str,
    /// The access key id that the call was signed with
    pub access_key_id: &'r str,
    /// The endpoint that the call came through, if it came through one
    pub vpc_endpoint_id: Option<&'r VpcEndpointId>,
}

/// Persists the states that scenarios are about to be set to, by name
pub type Persist<'p> = dyn Fn(&BTreeMap<Box<str>, Box<str>>) -> Result<(), ServiceError> + Sync + 'p;

/// What earlier calls leave for later ones
#[derive(Clone, Copy)]
pub struct Memory<'m> {
    /// How often each model was called
    pub calls: &'m CallCounts,
    /// How often each rule with something to draw has answered, by ARN and rule
    pub draws: &'m CallCounts,
    /// The states of scenarios
    pub scenarios: &'m Scenarios,
    /// Persists states that are about to be set; fails if that is not possible
    pub persist: &'m Persist<'m>,
}

/// The outcome of a call that reached the rules
#[derive(Debug)]
pub struct DetectAnomaliesOutput {
    /// The body of the answer, or the error that the rule asks for
    pub result: Result<Bytes, ServiceError>,
    /// Which rule answered
    pub rule: RuleRef,
    /// How long the answer is delayed
    pub delay: Option<Duration>,
    /// Which part of the rule is not in the answer, and why
    pub note: Option<&'static str>,
}

/// What a call is about, as far as it exists
#[derive(Debug, Clone, Copy)]
pub struct Target<'s> {
    /// Whether the project exists
    pub project_exists: bool,
    /// Whether the configuration has a model of this version, which may be a name
    pub is_declared: bool,
    /// The status of the model and the kind of its answers; `None` if it does not exist
    pub model: Option<(ModelStatus, ModelKind)>,
    /// The rules, in the order in which they are checked
    pub rules: RuleLists<'s>,
    /// The seed of everything random
    pub seed: u64,
    /// The most scenarios that can be set
    pub scenarios_max: usize,
    /// What the model answers for the images of its datasets, if no rule answers
    pub learned: Option<&'s LabeledImages>,
}

impl<'s> Target<'s> {
    /// What the state and the configuration say about a model of this version
    pub fn of(
        named: &'s Named,
        declared: &'s Declared,
        put: Option<&'s PutRules>,
        version: &str,
        now: Timestamp,
    ) -> Self {
        let declarations = declared.declarations();
        let declaration = named.declaration(declared);
        let declared_model = declaration.and_then(|project| find_model(project, version));
        let model = named.model.as_ref();
        Self {
            project_exists: named.project_exists,
            is_declared: declared_model.is_some(),
            model: model.map(|model| (model.status(now).0, model.kind)),
            rules: RuleLists {
                put,
                model: declared_model.map_or(&[], |model| &model.detect_anomalies),
                project: declaration.map_or(&[], |project| &project.detect_anomalies),
            },
            seed: declarations.seed,
            scenarios_max: declarations.limits.scenarios_max,
            learned: model
                .map(|model| &*model.learned)
                .filter(|learned| !learned.is_empty())
                .filter(|_| declaration.is_some_and(|project| project.answers_from_datasets)),
        }
    }
}

/// Performs a call that was permitted
///
/// # Errors
/// When the call is refused before a rule answers it. An error that a rule answers with is in the output, with its
/// rule and its delay.
pub fn perform(
    input: &DetectAnomaliesInput<'_>,
    target: &Target<'_>,
    memory: Memory<'_>,
) -> Result<DetectAnomaliesOutput, ServiceError> {
    let DetectAnomaliesInput {
        model: address,
        request,
        ..
    } = *input;
    let body = request.body;

    // Rule 1: the members keep the API model's constraints.
    // Unlike on AWS, where every version is a number, a declared model answers under the name that it was given.
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

    // Rule 6: the image is one that the service accepts.
    let image = Image::inspect(body, declared).map_err(|error| ServiceError::image_not_taken(&error))?;

    // Rule 7: the call is counted, and the rules answer it.
    let call = Call {
        image,
        body,
        body_sha256: input.body_sha256.map_or_else(OnceCell::new, OnceCell::from),
        principal: input.caller.principal,
        access_key_id: input.caller.access_key_id,
        vpc_endpoint_id: input.caller.vpc_endpoint_id,
        number: memory.calls.next(address.arn()),
    };
    let (rule_ref, found) = find_rule(&call, target, memory)?;
    let Some(rule) = found else {
        let learned = target
            .learned
            .and_then(|learned| learned.find(call.body_sha256()));
        return Ok(DetectAnomaliesOutput {
            result: Ok(match learned {
                Some(labeled) => learned_answer(labeled, kind, image),
                None => verdict(normal(kind), kind, image),
            }),
            rule: learned.map_or(rule_ref, |_| RuleRef::Dataset),
            delay: None,
            note: None,
        });
    };
    // The draw depends on which match of the rule this is. Most rules draw nothing; their matches are not counted.
    let is_drawn = rule.confidence.is_some() || rule.delay.is_some_and(Delay::is_drawn);
    let draw = is_drawn.then(|| {
        let key = format!("{} {rule_ref}", address.arn());
        Draw::of(target.seed, &key, memory.draws.next(&key))
    });
    Ok(DetectAnomaliesOutput {
        result: answer_of(rule, draw, kind, image, address.version()),
        rule: rule_ref,
        delay: match (rule.delay, draw) {
            (Some(Delay::Exactly(delay)), _) => Some(delay),
            (Some(delay), Some(draw)) => Some(delay.drawn(draw)),
            _ => None,
        },
        note: match rule.then {
            Then::Segmentation(_) if kind == ModelKind::Classification => Some(MASKS_LEFT_OUT),
            _ => None,
        },
    })
}

/// The rule that answers, after setting the scenarios that it sets
fn find_rule<'s>(
    call: &Call<'_>,
    target: &Target<'s>,
    memory: Memory<'_>,
) -> Result<(RuleRef, Option<&'s CannedRule>), ServiceError> {
    if !target.rules.use_scenarios() {
        return Ok(target.rules.first_match(call, &States::new()));
    }
    // The states are checked and set under one lock.
    let mut states = memory.scenarios.lock();
    let (rule_ref, found) = target.rules.first_match(call, &states);
    if let Some(rule) = found
        && !rule.set_scenario.is_empty()
    {
        let next = scenarios::with(&states, &rule.set_scenario, target.scenarios_max);
        let next = next.map_err(|error| ServiceError::InternalServerException {
            message: error.to_string().into(),
            retry_after_seconds: None,
            limit: Some("limits.scenarios_max"),
        })?;
        (memory.persist)(&rule.set_scenario)?;
        *states = next;
    }
    Ok((rule_ref, found))
}

fn answer_of(
    rule: &CannedRule,
    draw: Option<Draw>,
    kind: ModelKind,
    image: Image,
    version: &str,
) -> Result<Bytes, ServiceError> {
    let drawn = rule.confidence.zip(draw).map(|(range, draw)| range.drawn(draw));
    let with_drawn = |said: Verdict| Verdict {
        confidence: drawn.unwrap_or(said.confidence),
        ..said
    };
    match &rule.then {
        Then::Classification(said) => Ok(verdict(with_drawn(*said), kind, image)),
        Then::Segmentation(segmentation) if kind == ModelKind::Classification => {
            Ok(answer::classification(with_drawn(segmentation.verdict())))
        }
        Then::Segmentation(segmentation) => {
            let paint =
                |segmentation: &Segmentation| answer::segmentation(segmentation, image.width, image.height);
            Ok(match drawn {
                // Each drawn confidence gives another answer, so there is nothing to reuse.
                Some(_) => paint(&segmentation.with_verdict(with_drawn(segmentation.verdict()))),
                None => segmentation.answer_for(image.width, image.height, paint),
            })
        }
        Then::Recorded(recorded) => Ok(recorded.body().clone()),
        Then::Error(error) => Err(ServiceError::canned(error, version)),
    }
}

/// The answer from a dataset's label for an image; for a segmentation model, with the mask
fn learned_answer(labeled: &LabeledImage, kind: ModelKind, image: Image) -> Bytes {
    let said = Verdict {
        is_anomalous: labeled.label == Class::Anomaly,
        ..normal(kind)
    };
    match &labeled.mask {
        Some(mask) if kind == ModelKind::Segmentation => {
            answer::masked(said, mask, image.width, image.height)
        }
        _ => verdict(said, kind, image),
    }
}

/// The answer for an image as a whole, in the form of the model's kind
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
                // This mask is painted once and kept for images of the same size, like those of rules.
                return NORMAL_SEGMENTATION.answer_for(image.width, image.height, paint);
            }
            paint(&nothing_found(verdict))
        }
    }
}

/// Developer Guide, *Creating your model*: a model finds kinds of anomalies only where its training images had masks
const MASKS_LEFT_OUT: &str = "the rule's `anomalies` are not in the answer: the model was trained without masks, so it \
                              answers as a classification model does";

/// The answer of a classification model for every image that no rule matches
static NORMAL_CLASSIFICATION: LazyLock<Bytes> = LazyLock::new(|| answer::classification(Verdict::NORMAL));

/// The answer of a segmentation model for every image that no rule matches
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
