//! What everyone may do over every entry point: principals and roles × entry points × operations and their resources.
//!
//! ```text
//! arn:aws:iam::123456789012:user/alice over vpce-0a1b2c3d4e5f67890 in us-west-2
//!   DetectAnomalies  model/myProject/1  allowed
//!   DetectAnomalies  model/myProject/2  implicitDeny (vpc-endpoint)
//! arn:aws:iam::123456789012:user/alice over public in us-west-2
//!   DetectAnomalies  model/myProject/1  refused (421)
//! ```

use std::{collections::BTreeMap, fmt};

use iam_policy::{DecidedBy, Evaluation, Layer};
use lookoutvision::operation::Operation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CallDecision, SOURCE_IP, Scene, last_part, scene::REFUSED};
use crate::{authorization::Changes, network::entry_point::EntryPoint};

mod formats;

pub(crate) use self::formats::{MatrixFormat, read_matrix};

/// What everyone may do
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Matrix {
    cells: Vec<Cell>,
}

/// What one call would be answered
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MatrixCell)]
pub(crate) struct Cell {
    #[serde(flatten)]
    place: CellPlace,
    /// What the policies decide, or `refused`: the call is answered 421 before any policy is asked
    #[schema(value_type = String)]
    decision: CallDecision,
    /// The layer of policies that denies
    #[schema(value_type = Option<String>)]
    layer: Option<Layer>,
    #[schema(value_type = Option<Object>)]
    decided_by: Option<DecidedBy>,
}

/// Who calls what, over which entry point
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub(crate) struct CellPlace {
    /// The ARN of a principal, or of a role, whose sessions call
    principal: String,
    /// The id of an endpoint, or `public`
    entry_point: String,
    region: String,
    operation: String,
    /// `*`, or the resource part of an ARN
    resource: String,
}

/// A matrix as it is kept in a file: the text of each cell
pub(crate) type KeptMatrix = BTreeMap<CellPlace, String>;

/// A cell that has changed
#[derive(Debug, Serialize)]
pub(crate) struct ChangedCell {
    #[serde(flatten)]
    place: CellPlace,
    /// `None`: it did not exist
    before: Option<String>,
    /// `None`: it does not exist any more
    after: Option<String>,
}

impl Matrix {
    /// What the policies of a scene say about every call over the entry points for which `is_asked_for` holds
    ///
    /// # Errors
    /// When there are more cells than `matrix_cells_max`.
    pub(crate) fn of(
        scene: &Scene,
        is_asked_for: impl Fn(&EntryPoint) -> bool,
    ) -> Result<Self, TooManyCells> {
        let mut cells = Vec::new();
        let callers = scene.callers();
        let mut entry_points = scene.entry_points();
        entry_points.retain(|(entry_point, _)| is_asked_for(entry_point));
        for (name, caller) in &callers {
            for (entry_point, region) in &entry_points {
                for operation in Operation::ALL {
                    // Without a project there is nothing that an operation on a project could be about.
                    let subjects = scene.subjects(operation, region, None, false).unwrap_or_default();
                    for subject in subjects {
                        if cells.len() == CELLS_MAX {
                            return Err(TooManyCells);
                        }
                        let place = CellPlace {
                            principal: name.clone(),
                            entry_point: entry_point
                                .vpc_endpoint_id()
                                .map_or_else(|| PUBLIC.to_owned(), ToString::to_string),
                            region: region.to_string(),
                            operation: operation.to_string(),
                            resource: last_part(&subject.to_string()).to_owned(),
                        };
                        if scene.refuses(entry_point) {
                            cells.push(Cell::refused(place));
                            continue;
                        }
                        let call = scene.call(
                            caller.clone(),
                            entry_point.clone(),
                            region,
                            operation,
                            &subject,
                            SOURCE_IP,
                        );
                        cells.push(Cell::decided(place, call.decide(Changes::default()).evaluation()));
                    }
                }
            }
        }
        Ok(Self { cells })
    }

    /// How many cells there are
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The cells that have changed
    pub(crate) fn changes_since(&self, kept: &KeptMatrix) -> Vec<ChangedCell> {
        let now: KeptMatrix = self
            .cells
            .iter()
            .map(|cell| (cell.place.clone(), cell.to_string()))
            .collect();
        let gone = kept.iter().filter(|(place, _)| !now.contains_key(place));
        let gone = gone.map(|(place, before)| ChangedCell {
            place: place.clone(),
            before: Some(before.clone()),
            after: None,
        });
        let changed = now.iter().filter(|(place, after)| kept.get(place) != Some(after));
        let changed = changed.map(|(place, after)| ChangedCell {
            place: place.clone(),
            before: kept.get(place).cloned(),
            after: Some(after.clone()),
        });
        changed.chain(gone).collect()
    }
}

impl Cell {
    fn decided(place: CellPlace, evaluation: &Evaluation) -> Self {
        Self {
            place,
            decision: CallDecision::Decided(evaluation.decision),
            layer: evaluation.layer,
            decided_by: evaluation.decided_by.clone(),
        }
    }

    fn refused(place: CellPlace) -> Self {
        Self {
            place,
            decision: CallDecision::Refused,
            layer: None,
            decided_by: None,
        }
    }
}

/// A cell in the text that is compared: `allowed`, `implicitDeny (vpc-endpoint)`, `refused (421)`
fn cell_text(decision: &str, layer: Option<&str>) -> String {
    match layer {
        Some(layer) => format!("{decision} ({layer})"),
        None if decision == REFUSED => format!("{REFUSED} (421)"),
        None => decision.to_owned(),
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layer = self.layer.map(Layer::as_str);
        f.write_str(&cell_text(&self.decision.to_string(), layer))
    }
}

impl fmt::Display for CellPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            principal,
            entry_point,
            region,
            operation,
            resource,
        } = self;
        write!(
            f,
            "{principal} over {entry_point} in {region}: {operation} on {resource}"
        )
    }
}

impl fmt::Display for ChangedCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{after}, was {before}"),
            (None, Some(after)) => write!(f, "{after}, was not there"),
            (Some(before), None) => write!(f, "not there, was {before}"),
            (None, None) => Ok(()),
        }
    }
}

/// There are more possible calls than a matrix shows
#[derive(Debug, thiserror::Error)]
#[error(
    "the matrix would have more than {CELLS_MAX} cells (matrix_cells_max); ask about one endpoint, or declare fewer \
     principals and models"
)]
pub(crate) struct TooManyCells;

/// The name of the public endpoint, where other endpoints have ids
pub(crate) const PUBLIC: &str = "public";

/// The most cells of a matrix
const CELLS_MAX: usize = 100_000;
