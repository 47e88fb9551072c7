//! How long trainings, deletions and other work of the service takes: by default nothing, so that the next Describe shows how
//! they ended.

use std::time::Duration;

use lookoutvision::declared::Timing;
use schemars::JsonSchema;
use serde::Deserialize;

macro_rules! timing {
    ($($(#[doc = $doc:literal])+ $field:ident = $key:ident;)+) => {
        /// How long trainings, deletions and other work of the service takes, on the emulator's clock. The call that
        /// starts it still answers the first status; with 0 the next call sees the result.
        #[derive(Default, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct TimingFile {
            $(
                $(#[doc = $doc])+
                #[schemars(range(min = 0, max = SECONDS_OF_A_WEEK))]
                $key: u64,
            )+
        }

        impl From<TimingFile> for Timing {
            fn from(written: TimingFile) -> Self {
                Self { $($field: Duration::from_secs(written.$key),)+ }
            }
        }
    };
}

timing! {
    /// Seconds from CREATE_IN_PROGRESS to CREATE_COMPLETE or CREATE_FAILED.
    dataset_create = dataset_create_seconds;
    /// Seconds from UPDATE_IN_PROGRESS to UPDATE_COMPLETE, or to UPDATE_FAILED_ROLLBACK_IN_PROGRESS.
    dataset_update = dataset_update_seconds;
    /// Seconds from UPDATE_FAILED_ROLLBACK_IN_PROGRESS to UPDATE_FAILED_ROLLBACK_COMPLETE.
    dataset_rollback = dataset_rollback_seconds;
    /// Seconds from DELETE_IN_PROGRESS until the dataset is gone.
    dataset_delete = dataset_delete_seconds;
    /// Seconds from TRAINING to TRAINED or TRAINING_FAILED.
    training = training_seconds;
    /// Seconds from STARTING_HOSTING to HOSTED or HOSTING_FAILED.
    hosting_start = hosting_start_seconds;
    /// Seconds from STOPPING_HOSTING to TRAINED.
    hosting_stop = hosting_stop_seconds;
    /// Seconds from DELETING until the model is gone.
    model_delete = model_delete_seconds;
    /// Seconds from CREATED to RUNNING of a model packaging job.
    packaging_start = packaging_start_seconds;
    /// Seconds from RUNNING to SUCCEEDED of a model packaging job.
    packaging_run = packaging_run_seconds;
}

/// AWS trains for 24 hours at most.
const SECONDS_OF_A_WEEK: u64 = 604_800;
