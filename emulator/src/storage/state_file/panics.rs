//! The border of this room: a panic of the database library ends here, as a text that says where it was and why.
//!
//! The library checks its assumptions with assertions, and a file that was damaged outside of it can violate one.
//! Whoever runs the emulator should read which file that was and what to do, not a trace.

use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
};

thread_local! {
    /// Whether a panic of this thread will be caught here
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
    /// The text of the last such panic
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `work`, and makes a text of its panic instead of printing it
///
/// Whatever `work` was working on must then be thrown away.
///
/// # Errors
/// When it panics.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IS_CAUGHT.get() {
                LAST.set(text(info));
            } else {
                others(info);
            }
        }));
    });
    let was_caught = IS_CAUGHT.replace(true);
    // The database that it worked on is thrown away, and nothing else is touched in there.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(was_caught);
    outcome.map_err(|_| LAST.take())
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("no message");
    match info.location() {
        Some(location) => format!("{message} ({}:{})", location.file(), location.line()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use super::*;

    #[test]
    fn a_panic_in_here_is_told_and_not_printed_and_others_are_printed_as_ever() {
        const TEST: &str = "storage::state_file::panics::tests::a_panic_in_here_is_told_and_not_printed_and_others_are_printed_as_ever";
        if env::var_os("PANICS_IN_HERE").is_some() {
            let number = 7;
            let told = caught(|| panic!("in here {number}")).unwrap_err();
            assert!(told.starts_with("in here 7 ("), "{told}");
            assert!(told.contains("panics.rs:"), "{told}");
            assert_eq!(caught(|| 1), Ok(1));
            panic!("out there");
        }
        let mut child = Command::new(env::current_exe().unwrap());
        child
            .args(["--exact", TEST, "--nocapture"])
            .env("PANICS_IN_HERE", "");
        let output = child.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(printed.contains("out there"), "{printed}");
        assert!(!printed.contains("in here"), "{printed}");
    }
}
