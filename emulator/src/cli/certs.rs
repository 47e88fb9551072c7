//! `certs`: make or renew the certificate authority, and tell how each SDK trusts it.

use std::io::Write;

use jiff::Timestamp;

use super::{CertsOptions, EXIT_FAILED, EXIT_OK, EXIT_USAGE, ready_block::TrustBlock, variables};
use crate::{
    config::{Config, Overrides},
    tls::{self, CertsError},
};

pub(super) fn run(options: CertsOptions) -> u8 {
    let overrides = Overrides {
        config: options.config.config,
        config_nodes_max: options.config.config_nodes_max,
        certs: options.certs.certs,
        ..variables::overrides()
    };
    let config = match Config::load(&overrides) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return EXIT_USAGE;
        }
    };
    let Some(folder) = &config.process.certs else {
        eprintln!("certs: the configuration names no folder");
        return EXIT_USAGE;
    };
    let made = config
        .served_names()
        .map_err(CertsError::from)
        .and_then(|names| tls::make_or_renew(folder, names, Timestamp::now()));
    match made {
        Ok(report) => {
            let written = writeln!(std::io::stdout(), "{report}\n{}", TrustBlock(&report.paths));
            if written.is_ok() { EXIT_OK } else { EXIT_FAILED }
        }
        Err(error) => {
            eprintln!("{error}");
            EXIT_FAILED
        }
    }
}
