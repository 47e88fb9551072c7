//! A state file with other bytes than were written: either the start says so and names the file, or all records are
//! there.

use std::{ops::Range, path::Path, process::ExitStatus};

use fastrand::Rng;

use super::ledger::Ledger;
use crate::{
    Context, Report,
    emulator::{Home, Start},
    table::grouped,
};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let mut report = Report::default();
    let (ledger, images) = make(context).await?;
    let home = Home::new(context, "state: emulator.state\n")?;
    let (mut refused, mut unharmed) = (0_u64, 0_u64);
    for round in 0.. {
        let mut choices = context.choices(0, round);
        let mut image = images[choices.usize(..images.len())].clone();
        let what = damage(&mut image, &mut choices);
        write(&home.path("emulator.state"), &image)?;
        report.bad_inputs += 1;
        match home.try_start().await? {
            Start::Ready(emulator) => {
                // The damaged bytes are read by nobody, or are as they were.
                let mut of_this = Report::default();
                ledger.clone().check(&emulator.target, &mut of_this).await;
                emulator.kill().await?;
                if !of_this.has_held() {
                    report.lose(format!(
                        "round {round}: {what}: other data: {}",
                        of_this.told.join("; ")
                    ));
                }
                unharmed += 1;
            }
            Start::Ended(status, said) => {
                if let Err(sentence) = judge(status, &said) {
                    report.fail(format!("round {round}: {what}: {sentence}"));
                }
                refused += 1;
            }
            Start::Hangs => report.fail(format!("round {round}: {what}: the start hangs")),
        }
        if round % 100 == 0 {
            context.tell(&format!("{refused} damaged files refused, {unharmed} unharmed"));
        }
        if !context.has_time() {
            break;
        }
    }
    // The undamaged file must still be good after all of this.
    write(&home.path("emulator.state"), &images[0])?;
    let emulator = home.start().await?;
    ledger.clone().check(&emulator.target, &mut report).await;
    emulator.finish(&mut report).await;
    report.load = format!("{} refused, {} unharmed", grouped(refused), grouped(unharmed));
    Ok(report)
}

/// Makes a state, and its file after a stop and after a `kill -9`
async fn make(context: &Context) -> Result<(Ledger, [Vec<u8>; 2]), String> {
    let home = Home::new(context, "state: emulator.state\n")?;
    let read = || std::fs::read(home.path("emulator.state")).map_err(|error| error.to_string());
    let mut choices = context.choices(1, 0);
    let mut ledger = Ledger::default();
    let emulator = home.start().await?;
    for _ in 0..CHANGES {
        ledger.change(&emulator.target, &mut choices, "p-", 200).await?;
    }
    emulator.kill().await?;
    let killed = read()?;
    let emulator = home.start().await?;
    let mut report = Report::default();
    ledger.check(&emulator.target, &mut report).await;
    emulator.finish(&mut report).await;
    if !report.has_held() {
        return Err(format!("without any damage: {}", report.told.join("; ")));
    }
    Ok((ledger, [read()?, killed]))
}

/// Checks that a refused start names the file in a sentence, and does not panic
fn judge(status: ExitStatus, said: &str) -> Result<(), String> {
    if said.contains("panicked at") {
        return Err(format!("a panic: {said}"));
    }
    if status.code() != Some(64) {
        return Err(format!("{status} instead of 64: {said}"));
    }
    if !said.contains("`emulator.state`") {
        return Err(format!("the file is not named: {said}"));
    }
    Ok(())
}

/// Damages a file and says how
fn damage(image: &mut Vec<u8>, choices: &mut Rng) -> String {
    let length = image.len();
    let place = any_place(image, choices);
    let part = |choices: &mut Rng, most: usize| -> Range<usize> {
        place..length.min(place + choices.usize(1..=most))
    };
    match choices.u8(..10) {
        0..4 => {
            let bits = choices.usize(1..=3);
            for _ in 0..bits {
                let place = any_place(image, choices);
                image[place] ^= 1 << choices.u8(..8);
            }
            format!("{bits} bits turned, the first at {place} or near")
        }
        4 => {
            let kept = if choices.bool() { 0 } else { place };
            image.truncate(kept);
            format!("cut at {kept}")
        }
        5 => {
            let part = part(choices, 8_192);
            image[part.clone()].fill(0);
            format!("zeros at {part:?}")
        }
        6 => {
            let part = part(choices, 512);
            image[part.clone()].fill_with(|| choices.u8(..));
            format!("noise at {part:?}")
        }
        7 => {
            // A page where another one belongs, as on a disk that mixes up its sectors
            const PAGE: usize = 4_096;
            let (from, to) = (choices.usize(..length / PAGE), choices.usize(..length / PAGE));
            image.copy_within(from * PAGE..(from + 1) * PAGE, to * PAGE);
            format!("page {from} in the place of page {to}")
        }
        8 => {
            let more = choices.usize(1..=8_192);
            image.extend((0..more).map(|_| choices.u8(..)));
            format!("{more} bytes more")
        }
        _ => {
            let part = part(choices, 64);
            image.drain(part.clone());
            format!("without the bytes {part:?}")
        }
    }
}

/// Mostly a place where something was written, because much of a file is zeros
fn any_place(image: &[u8], choices: &mut Rng) -> usize {
    for _ in 0..50 {
        let place = choices.usize(..image.len());
        if image[place] != 0 {
            return place;
        }
    }
    choices.usize(..image.len().min(4_096))
}

fn write(path: &Path, image: &[u8]) -> Result<(), String> {
    std::fs::write(path, image).map_err(|error| format!("{}: {error}", path.display()))
}

const CHANGES: usize = 120;

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_panic_a_crash_and_a_sentence_without_the_file_are_failures() {
        let ended = |code: i32| ExitStatus::from_raw(code << 8);
        assert_eq!(judge(ended(64), "state: `emulator.state` is damaged, …"), Ok(()));
        for (status, said) in [
            (
                ended(101),
                "thread 'main' panicked at src/page.rs:1:1: `emulator.state`",
            ),
            (
                ended(64),
                "thread 'main' panicked at src/page.rs:1:1: `emulator.state`",
            ),
            (ended(1), "`emulator.state` is damaged"),
            (ended(64), "something is damaged"),
            (ExitStatus::from_raw(11), "`emulator.state`"),
        ] {
            assert!(judge(status, said).is_err(), "{status} {said}");
        }
    }

    #[test]
    fn damage_damages() {
        let mut choices = Rng::with_seed(1);
        let image: Vec<u8> = (0..40_000).map(|_| choices.u8(..)).collect();
        let damaged = (0..100).filter(|seed| {
            let mut copy = image.clone();
            damage(&mut copy, &mut Rng::with_seed(*seed));
            copy != image
        });
        assert!(damaged.count() > 90);
    }
}
