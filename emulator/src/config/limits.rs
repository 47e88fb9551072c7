//! The section `limits`, made of the list in `settings::limits`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::limits::{Limit, Limits, for_each_limit};

macro_rules! limits_file {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:ident, $default:literal, $least:literal..=$most:literal;)+) => {
        /// Every bound, by name.
        #[derive(Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct LimitsFile {
            $(
                $(#[doc = $doc])+
                #[schemars(range(min = $least, max = $most))]
                $key: u64,
            )+
        }

        impl Default for LimitsFile {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl From<LimitsFile> for Limits {
            fn from(written: LimitsFile) -> Self {
                Self { $($field: <$type as Limit>::from_number(written.$key),)+ }
            }
        }

        /// Name, default, least and most
        #[cfg(test)]
        pub(super) const LIMITS: &[(&str, u64, u64, u64)] = &[$((stringify!($key), $default, $least, $most),)+];
    };
}

for_each_limit!(limits_file);
