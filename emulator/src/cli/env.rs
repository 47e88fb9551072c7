//! `env`: the variables that make clients call a running emulator.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use super::{
    EXIT_OK,
    control_client::{ControlClient, ControlError, ControlUrlOption},
    output,
};
use crate::control::client_environment::{Client, Format};

/// Options of `env`
#[derive(Debug, Args)]
pub(super) struct EnvOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// Language that the variables are written in
    #[arg(
        long,
        value_name = "FORMAT",
        default_value_t = Format::Sh,
        value_enum,
        env = "LOOKOUTVISION_EMULATOR_FORMAT"
    )]
    format: Format,
    /// Client that the variables are for
    #[arg(
        long,
        value_name = "CLIENT",
        default_value_t = Client::All,
        value_enum,
        env = "LOOKOUTVISION_EMULATOR_CLIENT"
    )]
    client: Client,
    /// URL that the client calls the AWS API by [default: the one that this machine calls it by]
    #[arg(long, value_name = "URL", env = "LOOKOUTVISION_EMULATOR_ENDPOINT_URL")]
    endpoint_url: Option<String>,
    /// Folder in which the client sees ca.pem, ca-bundle.pem and truststore.p12 [default: where the emulator keeps them]
    #[arg(long, value_name = "DIR", env = "LOOKOUTVISION_EMULATOR_CERTS_DIRECTORY")]
    certs_directory: Option<PathBuf>,
}

pub(super) fn run(options: &EnvOptions) -> u8 {
    // Only this side knows what a relative path is relative to.
    let certs_directory = options.certs_directory.as_deref().map(|folder| {
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        whole.display().to_string()
    });
    let given = [
        ("endpoint_url", &options.endpoint_url),
        ("certs_directory", &certs_directory),
    ];
    let given = given
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let target = |format: Format| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client", &options.client.to_string())
            .append_pair("format", &format.to_string())
            .extend_pairs(given.clone())
            .finish();
        format!("/env?{query}")
    };
    let printed = options.control.client().and_then(|control| {
        let text = control.get(&target(options.format))?;
        if options.format == Format::Github {
            warn_of_variables_that_stay(&control, &target(Format::Json))?;
        }
        Ok(text)
    });
    match printed {
        Ok(text) => output::status(output::print(&text), EXIT_OK),
        Err(error) => {
            report!("{error}");
            error.exit_code()
        }
    }
}

/// Warns of variables of this process that must not be set, where the format cannot unset them
fn warn_of_variables_that_stay(control: &ControlClient, target: &str) -> Result<(), ControlError> {
    let changes: Map<String, Value> = serde_json::from_slice(&control.get(target)?).unwrap_or_default();
    let staying: Vec<&str> = changes
        .iter()
        .filter(|(name, value)| value.is_null() && std::env::var_os(name).is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    if !staying.is_empty() {
        report!(
            "the file of GITHUB_ENV cannot unset variables; unset in each step, because they would lead clients elsewhere: {}",
            staying.join(", ")
        );
    }
    Ok(())
}
