//! `kill -9` during changes: whatever was answered is there after the next start.

use std::time::Duration;

use tokio::time::sleep;

use super::ledger::Ledger;
use crate::{Context, Report, call::Call, client::Target, emulator::Home, table::grouped};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let home = Home::new(context, "state: emulator.state\n")?;
    let (mut report, mut ledger) = (Report::default(), Ledger::default());
    let mut policy = PolicyLedger::default();
    for round in 0.. {
        let emulator = home.start().await?;
        ledger.check(&emulator.target, &mut report).await;
        policy.check(&emulator.target, &mut report).await;
        if round > 0 && !context.has_time() {
            emulator.finish(&mut report).await;
            break;
        }
        let mut writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (context, target) = (context.clone(), emulator.target.clone());
                tokio::spawn(write(
                    context,
                    target,
                    ledger.part(&prefix(writer)),
                    writer,
                    round,
                ))
            })
            .collect();
        let target = emulator.target.clone();
        let policies = tokio::spawn(async move {
            while policy.change(&target).await {}
            policy
        });
        // At a random moment.
        let moment = context.choices(WRITERS, round).u64(20..400);
        sleep(Duration::from_millis(moment)).await;
        emulator.kill().await?;
        report.faults += 1;
        for writer in writers.drain(..) {
            match writer.await.map_err(|error| error.to_string())? {
                Ok(of_writer) => ledger.merge(of_writer),
                Err(sentence) => report.fail(sentence),
            }
        }
        policy = policies.await.map_err(|error| error.to_string())?;
        if home.log().contains("panicked at") {
            report.fail(format!("the log says: {}", home.log()));
        }
        if let Err(sentence) = kill_first_start(context, round).await {
            report.lose(format!(
                "round {round}: after a first start that was killed: {sentence}"
            ));
        }
        report.faults += 1;
        if round % 20 == 0 {
            context.tell(&format!("{} kills", report.faults));
        }
    }
    report.load = format!(
        "{} acknowledged changes by {} writers",
        grouped(ledger.acknowledged + policy.acknowledged),
        WRITERS + 1
    );
    Ok(report)
}

/// Kills a first start, which makes the certificate authority and the state file; nothing of it may prevent the next
/// start
async fn kill_first_start(context: &Context, round: u64) -> Result<(), String> {
    let home = Home::new(context, "state: emulator.state\n")?;
    let mut first = home.spawn()?;
    // At a random moment.
    sleep(Duration::from_micros(
        context.choices(FIRST_STARTS, round).u64(..200_000),
    ))
    .await;
    first.kill().await.map_err(|error| error.to_string())?;
    let emulator = home.start().await?;
    emulator.target.good(&Call::create_project("p").sign()).await?;
    emulator.kill().await
}

/// Makes changes until no answer comes
async fn write(
    context: Context,
    target: Target,
    mut ledger: Ledger,
    writer: usize,
    round: u64,
) -> Result<Ledger, String> {
    let mut choices = context.choices(writer, round);
    loop {
        if ledger
            .change(&target, &mut choices, &prefix(writer), 40)
            .await
            .is_err()
        {
            // A refusal would be a mistake of the ledger or of the emulator.
            return if ledger.refused == 0 {
                Ok(ledger)
            } else {
                Err("a change was refused".to_owned())
            };
        }
    }
}

fn prefix(writer: usize) -> String {
    format!("w{writer}-")
}

/// The policy that is attached over the control API, by the number in its Sid
#[derive(Default)]
struct PolicyLedger {
    last: u64,
    /// Whether the next policy was sent and not answered
    is_in_doubt: bool,
    acknowledged: u64,
}

impl PolicyLedger {
    /// Attaches the next policy, and returns whether it was answered
    async fn change(&mut self, target: &Target) -> bool {
        let next = self.last + 1;
        let policy = format!(
            r#"{{"Statement":[{{"Sid":"n{next}","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}]}}"#
        );
        match target.control("PUT", POLICY_PATH, &policy).await {
            Ok(answer) if answer.status == 204 => {
                self.last = next;
                self.acknowledged += 1;
                true
            }
            _ => {
                self.is_in_doubt = true;
                false
            }
        }
    }

    async fn check(&mut self, target: &Target, report: &mut Report) {
        match target.control("GET", POLICY_PATH, "").await {
            Ok(answer) => self.compare(&String::from_utf8_lossy(&answer.body), report),
            Err(sentence) => report.lose(sentence),
        }
    }

    fn compare(&mut self, document: &str, report: &mut Report) {
        let found = document
            .split("\"n")
            .nth(1)
            .and_then(|rest| rest.split('"').next()?.parse().ok())
            .unwrap_or(0);
        if found != self.last && !(self.is_in_doubt && found == self.last + 1) {
            report.lose(format!(
                "policy {} was acknowledged, and {found} is attached",
                self.last
            ));
        }
        self.last = found;
        self.is_in_doubt = false;
    }
}

const POLICY_PATH: &str = "/vpc-endpoints/vpce-00000000000000000/policy";
const WRITERS: usize = 3;
/// Workers are numbered: writers, the moment of the kill, first starts
const FIRST_STARTS: usize = WRITERS + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(last: u64, is_in_doubt: bool, found: &str, lost: u64) {
        let mut ledger = PolicyLedger {
            last,
            is_in_doubt,
            acknowledged: 0,
        };
        let mut report = Report::default();
        ledger.compare(found, &mut report);
        assert_eq!(report.lost, lost, "{report:?}");
    }

    #[test]
    fn a_policy_that_is_older_than_the_acknowledged_one_is_a_loss() {
        check(7, false, r#"{"Statement":[{"Sid":"n7"}]}"#, 0);
        check(7, false, r#"{"Statement":[{"Sid":"n6"}]}"#, 1);
        check(7, false, r#"{"Statement":[{"Sid":"n8"}]}"#, 1);
        check(7, true, r#"{"Statement":[{"Sid":"n8"}]}"#, 0);
        check(7, true, r#"{"Statement":[{"Effect":"Allow"}]}"#, 1);
        check(0, false, r#"{"Statement":[{"Effect":"Allow"}]}"#, 0);
    }
}
