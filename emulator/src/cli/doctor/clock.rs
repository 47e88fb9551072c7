//! The clocks: this machine's, by which clients sign, and the emulator's.

use jiff::Timestamp;

use super::surroundings::Surroundings;
use crate::control::diagnosis::Finding;

/// Whether the emulator's clocks accept signatures that are made on this machine
pub(super) fn clock(surroundings: &Surroundings) -> Vec<Finding> {
    let Ok(answers) = &surroundings.control else {
        return Vec::new();
    };
    let setting = &answers.clock;
    let instant = |member: &str| {
        setting[member]
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    let (Some(emulated), Some(machine)) = (instant("now"), instant("machine_now")) else {
        return Vec::new();
    };
    let skew_max = answers.clock_skew_seconds;
    let ahead = |clock: Timestamp| clock.as_second() - surroundings.now.as_second();
    let mut findings = vec![if ahead(machine).abs() > skew_max {
        Finding::problem(
            "clock",
            format!(
                "the clock of the emulator's machine is {}, more than the {skew_max} s that a signature may be off",
                match ahead(machine) {
                    seconds if seconds > 0 => format!("{seconds} s ahead of this one"),
                    seconds => format!("{} s behind this one", seconds.abs()),
                },
            ),
        )
        .cure("set the clocks right; those of virtual machines and of Docker Desktop stand still while the host sleeps")
    } else {
        Finding::ok(
            "clock",
            format!(
                "the clock of the emulator's machine and this one are {} s apart",
                ahead(machine).abs()
            ),
        )
    }];
    let offset = setting["offset_seconds"].as_i64().unwrap_or(0);
    let told = match setting["frozen_at"].is_string() {
        true => format!("the emulator's own clock is frozen at {emulated}"),
        false if offset != 0 => format!("the emulator's own clock is put {}", shifted(offset)),
        false => return findings,
    };
    let cure = format!(
        "curl -X PUT {}/clock -d '{{\"offset_seconds\":0}}' sets it back",
        answers.url
    );
    // A signature is good by either clock, unless this says otherwise.
    let is_alone = setting["signatures"] == "emulated_only";
    findings.push(if is_alone && ahead(emulated).abs() > skew_max {
        Finding::problem(
            "clock",
            format!("{told}, and signatures are judged by it alone: clients of this machine are refused"),
        )
        .cure(cure)
    } else {
        Finding::warning(
            "clock",
            format!("{told}: statuses, expiry and date conditions go by it"),
        )
        .cure(cure)
    });
    findings
}

fn shifted(seconds: i64) -> String {
    match seconds >= 0 {
        true => format!("{seconds} s forward"),
        false => format!("{} s back", seconds.abs()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{cli::doctor::surroundings::tests::surroundings, control::diagnosis::Status};

    #[track_caller]
    fn check(setting: Value, expected: &[(Status, &str)]) {
        let mut around = surroundings(&[]);
        around.control.as_mut().expect("it answers").clock = setting;
        let found = clock(&around);
        let statuses: Vec<Status> = found.iter().map(|finding| finding.status).collect();
        let expected_statuses: Vec<Status> = expected.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, expected_statuses, "{found:?}");
        for (finding, (_, text)) in found.iter().zip(expected) {
            assert!(finding.message.contains(text), "{finding:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_is_told_from_one_that_is_wrong() {
        let (now, later, earlier) = (
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:24:05Z",
            "2026-01-02T02:44:05Z",
        );
        let good = (Status::Ok, "0 s apart");
        let clock = |setting: Value, now: &str, machine: &str| {
            let mut clock = setting;
            clock["now"] = now.into();
            clock["machine_now"] = machine.into();
            clock
        };
        let unset = json!({"offset_seconds": 0, "signatures": "either"});
        check(clock(unset.clone(), now, now), &[good]);
        let ahead = (Status::Problem, "1200 s ahead of this one");
        check(clock(unset.clone(), later, later), &[ahead]);
        check(
            clock(unset, earlier, earlier),
            &[(Status::Problem, "1200 s behind this one")],
        );
        check(
            clock(json!({"offset_seconds": 1200}), later, now),
            &[good, (Status::Warning, "put 1200 s forward")],
        );
        check(
            clock(json!({"frozen_at": now}), now, now),
            &[good, (Status::Warning, "frozen at")],
        );
        let alone = json!({"offset_seconds": -1200, "signatures": "emulated_only"});
        check(
            clock(alone, earlier, now),
            &[good, (Status::Problem, "judged by it alone")],
        );
    }
}
