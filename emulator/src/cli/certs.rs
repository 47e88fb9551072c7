//! `certs`: make or renew the certificate authority, and print how each SDK can trust it.

use jiff::Timestamp;

use super::{CertsOptions, EXIT_FAILED, EXIT_OK, EXIT_USAGE, output, ready_block::TrustBlock, variables};
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
            report!("{problems}");
            return EXIT_USAGE;
        }
    };
    let Some(folder) = &config.process.certs else {
        report!("certs: the configuration names no folder");
        return EXIT_USAGE;
    };
    let made = config
        .served_names()
        .map_err(CertsError::from)
        .and_then(|names| tls::make_or_renew(folder, names, Timestamp::now()));
    match made {
        Ok(report) => {
            let text = format!("{report}\n{}\n", TrustBlock(&report.paths));
            output::status(output::print(text.as_bytes()), EXIT_OK)
        }
        Err(error) => {
            report!("{error}");
            EXIT_FAILED
        }
    }
}
