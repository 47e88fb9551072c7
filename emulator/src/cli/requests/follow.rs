//! `requests --follow`: entries of the journal as they come, until nobody reads them any more.
//!
//! When the emulator stops, the next one is waited for and followed from its first request.

use std::{thread, time::Duration};

use super::{Failure, Format, entries};
use crate::cli::{
    EXIT_OK,
    control_client::{ControlClient, ControlError},
    output::{Reader, print},
};

/// Prints entries as they come
pub(super) fn follow(
    control: &ControlClient,
    parameters: &[(String, String)],
    format: Format,
) -> Result<u8, Failure> {
    let mut follower = Follower {
        control,
        parameters,
        format,
        last: None,
    };
    // Before the first list, so that no entry is missed between the two.
    let Some(mut event) = control.next_event(None, nobody_reads())? else {
        return Ok(EXIT_OK);
    };
    loop {
        let followed = match follower.print_new() {
            Ok(true) => control
                .next_event(Some(&event), nobody_reads())
                .map_err(Failure::from),
            // Nobody reads on.
            Ok(false) => return Ok(EXIT_OK),
            Err(error) => Err(error),
        };
        event = match followed {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(EXIT_OK),
            Err(Failure::Control(error @ ControlError::Unreachable { .. })) => {
                report!("{error}\nit was there before: waiting until one answers again");
                match wait_for_another(control) {
                    Some(event) => event,
                    None => return Ok(EXIT_OK),
                }
            }
            Err(error) => return Err(error),
        };
    }
}

struct Follower<'o> {
    control: &'o ControlClient,
    parameters: &'o [(String, String)],
    format: Format,
    /// The request id of the last entry that was printed
    last: Option<String>,
}

impl Follower<'_> {
    /// Prints the entries that came since the last time, and returns whether anybody reads on
    fn print_new(&mut self) -> Result<bool, Failure> {
        let after = self.last.iter().map(|id| ("after".to_owned(), id.clone()));
        let parameters: Vec<_> = self.parameters.iter().cloned().chain(after).collect();
        let (printed, newest) = entries(self.control, &parameters, self.format)?;
        if print(&printed)? == Reader::Gone {
            return Ok(false);
        }
        self.last = newest.or(self.last.take());
        Ok(true)
    }
}

/// The id at which the events of the next emulator begin; `None`: nobody reads on
fn wait_for_another(control: &ControlClient) -> Option<String> {
    while !is_read_by_nobody() {
        if let Ok(event) = control.next_event(None, nobody_reads()) {
            return event;
        }
        thread::sleep(PAUSE);
    }
    None
}

/// Ends when standard output is a pipe whose reader is gone
async fn nobody_reads() {
    while !is_read_by_nobody() {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether standard output is a pipe whose reader is gone, which otherwise shows only when something is written
#[cfg(unix)]
fn is_read_by_nobody() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = std::io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    // If the pipe cannot be polled, it counts as read.
    poll(&mut watched, Some(&Timespec::default())).is_ok()
        && watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(not(unix))]
fn is_read_by_nobody() -> bool {
    false
}

/// How often it is looked whether anybody reads, or another emulator answers
const PAUSE: Duration = Duration::from_millis(250);
