//! `policy simulate`: requests and policies in, decisions out, one JSON object a line, in order.
//!
//! ```text
//! {"id":"c1","policies":{"vpcEndpoint":{…}},"request":{"principal":"arn:aws:iam::123456789012:user/alice",
//!  "action":"lookoutvision:DetectAnomalies","resource":"arn:aws:lookoutvision:…:model/myProject/1","context":{}}}
//! {"id":"c1","decision":"allowed","decided_by":{"policy_type":"vpc-endpoint","policy":0,"statement":0,"sid":null},"message":null}
//! ```
//!
//! Nothing outlives its line, so a million lines take no more memory than the longest of them. A line that cannot be
//! answered says why in its place, and the rest go on; if every line was one of those, the exit code is 64. Members
//! whose name begins with `x-` belong to the asker.

use std::io::{self, BufWriter, IsTerminal as _, Read, Write};

use self::lines::{Line, Lines};
use super::SimulateOptions;
use crate::{
    cli::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, output, progress::working},
    config::text_file,
    workbench::simulation::{Answer, Explain, Mistake, WrittenQuestion, id_of},
};

mod lines;

/// How many lines there were
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    decided: u64,
    failed: u64,
}

/// What ends a simulation before its input does
#[derive(Debug)]
enum Broken {
    Input(io::Error),
    Output(io::Error),
}

pub(super) fn run(options: &SimulateOptions) -> u8 {
    let explain = if options.explain {
        Explain::Yes
    } else {
        Explain::No
    };
    let work = || simulate(io::stdin().lock(), io::stdout().lock(), explain);
    // On a terminal the answers themselves show the progress, and a progress line would mix with them.
    let simulated = match io::stdout().is_terminal() {
        true => work(),
        false => working("deciding the requests of standard input", work),
    };
    match simulated {
        // No line was understood: somebody piped in something else, and must not take that for success.
        Ok(Counts {
            decided: 0,
            failed: 1..,
        }) => EXIT_USAGE,
        Ok(_) => EXIT_OK,
        Err(Broken::Input(error)) => {
            report!("standard input cannot be read: {error}");
            EXIT_FAILED
        }
        Err(Broken::Output(error)) => output::status(output::after(Err(error)), EXIT_OK),
    }
}

fn simulate(input: impl Read, output: impl Write, explain: Explain) -> Result<Counts, Broken> {
    let mut lines = Lines::new(input);
    let mut out = BufWriter::with_capacity(OUTPUT_BYTES, output);
    let mut counts = Counts::default();
    // Answers are written out before we wait for more: whoever writes the next question may wait for this answer.
    while let Some((number, line)) = lines.next(|| out.flush().map_err(Broken::Output))? {
        answer(number, line, explain, &mut counts, &mut out).map_err(Broken::Output)?;
    }
    out.flush().map_err(Broken::Output)?;
    Ok(counts)
}

fn answer(
    number: u64,
    line: Line<'_>,
    explain: Explain,
    counts: &mut Counts,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut fail = |answer: Answer<'_>, out: &mut _| {
        counts.failed += 1;
        answer.write(out)
    };
    let text = match line {
        Line::TooLong => {
            let mistake =
                Mistake::of_line(format!("the line is longer than {} bytes", lines::LINE_BYTES_MAX));
            return fail(Answer::mistake(None, number, &mistake), out);
        }
        Line::Whole(bytes) => {
            let bytes = match number {
                1 => text_file::line_without_mark(bytes),
                _ => bytes,
            };
            match std::str::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    let mistake = Mistake::of_line(format!("not UTF-8: {error}"));
                    return fail(Answer::mistake(None, number, &mistake), out);
                }
            }
        }
    };
    if text.trim_ascii().is_empty() {
        return Ok(());
    }
    match WrittenQuestion::read(text) {
        Ok(line) => match line.policies() {
            Ok(policies) => {
                counts.decided += 1;
                Answer::of(&line, &policies, explain).write(out)
            }
            Err(refusal) => fail(Answer::refusal(line.id, &refusal), out),
        },
        Err(mistake) => fail(Answer::mistake(id_of(text), number, &mistake), out),
    }
}

/// Answers are written together while there is more to read
const OUTPUT_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
