//! Arguments, configuration, emulator, signal, exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    lookoutvision_emulator::cli::run(std::env::args_os())
}
