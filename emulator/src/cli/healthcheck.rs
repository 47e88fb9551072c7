//! `healthcheck`: the image has no shell and no curl, so the binary asks itself.

use std::{
    thread,
    time::{Duration, Instant},
};

use clap::Args;

use super::{EXIT_FAILED, EXIT_OK, control_client::ControlUrlOption};

/// Options of `healthcheck`
#[derive(Debug, Args)]
pub(super) struct HealthcheckOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// Wait at most this many seconds until an emulator is ready
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        env = "LOOKOUTVISION_EMULATOR_WAIT"
    )]
    wait: u32,
}

pub(super) fn run(options: &HealthcheckOptions) -> u8 {
    let control = match options.control.client() {
        Ok(control) => control,
        Err(error) => {
            report!("{error}");
            return error.exit_code();
        }
    };
    let end = Instant::now() + Duration::from_secs(options.wait.into());
    loop {
        match control.get("/ready") {
            Ok(_) => return EXIT_OK,
            Err(_) if Instant::now() < end => thread::sleep(PAUSE),
            Err(error) => {
                report!("{}/ready: {error}", control.url());
                return EXIT_FAILED;
            }
        }
    }
}

/// Between two questions of `--wait`
const PAUSE: Duration = Duration::from_millis(50);
