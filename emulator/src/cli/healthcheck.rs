//! `healthcheck`: the image has no shell and no curl, so the binary asks itself.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use clap::Args;

use super::{ControlOption, EXIT_FAILED, EXIT_OK};

/// Options of `healthcheck`
#[derive(Debug, Args)]
pub(super) struct HealthcheckOptions {
    #[command(flatten)]
    control: ControlOption,
    /// Wait so many seconds at most until an emulator is ready
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        env = "LOOKOUTVISION_EMULATOR_WAIT"
    )]
    wait: u32,
}

pub(super) fn run(options: &HealthcheckOptions) -> u8 {
    let address = reachable(options.control.control.unwrap_or(DEFAULT_CONTROL));
    let end = Instant::now() + Duration::from_secs(options.wait.into());
    loop {
        match ask(address) {
            Ok(()) => return EXIT_OK,
            Err(_) if Instant::now() < end => thread::sleep(PAUSE),
            Err(error) => {
                eprintln!("http://{address}/ready: {error}");
                return EXIT_FAILED;
            }
        }
    }
}

fn ask(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let status_line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Err(std::io::Error::other(format!(
        "not ready: `{}`",
        String::from_utf8_lossy(status_line)
    )))
}

/// A listener on every address is asked on loopback
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

const DEFAULT_CONTROL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Between two questions of `--wait`
const PAUSE: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
