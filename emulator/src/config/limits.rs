//! The section `limits`, made of the list in `settings::limits`.

use std::time::Duration;

use super::{
    problems::{Report, Reported},
    read::{Located, mapping},
};
use crate::settings::limits::{Limit, Limits, for_each_limit};

macro_rules! limits_file {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:ident, $default:literal, $least:literal..=$most:literal;)+) => {
        mapping! {
            /// Every bound, by name.
            #[derive(Default)]
            pub(super) struct LimitsFile {
                $(
                    $(#[doc = $doc])+
                    #[schemars(range(min = $least, max = $most), extend("default" = $default))]
                    $key: Option<Located<u64>>,
                )+
            }
        }

        impl LimitsFile {
            /// The limits, with the default for each that is not set
            pub(super) fn validate(&self, report: &Report<'_>) -> Result<Limits, Reported> {
                $(let $field = number_in(report, self.$key.as_ref(), $least, $most, $default);)+
                Ok(Limits { $($field: <$type as Limit>::from_number($field?),)+ })
            }
        }

        /// Name, default, least and most
        #[cfg(test)]
        pub(super) const LIMITS: &[(&str, u64, u64, u64)] = &[$((stringify!($key), $default, $least, $most),)+];
    };
}

for_each_limit!(limits_file);

/// A number of the file within its bounds, or its default
pub(super) fn number_in(
    report: &Report<'_>,
    written: Option<&Located<u64>>,
    least: u64,
    most: u64,
    default: u64,
) -> Result<u64, Reported> {
    let Some(written) = written else {
        return Ok(default);
    };
    match written.value? {
        number if (least..=most).contains(&number) => Ok(number),
        number => Err(report.problem(
            &written.place,
            format!("{number} is out of bounds ({least} to {most})"),
        )),
    }
}
