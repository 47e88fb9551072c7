//! Which instant of a clock that was set back is meant.
//!
//! Each time that the clock is set back a new lap begins, and the clock may show an instant again that it showed before. So
//! an instant alone does not tell what came before it; a [`Reading`] does.

use std::collections::VecDeque;

use jiff::Timestamp;

/// What the clock showed, and how often it had been set back by then; the lesser of two was read earlier
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reading {
    pub(crate) lap: u32,
    pub(crate) time: Timestamp,
}

/// Why an instant is no moment of the clock's past
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoReading {
    /// The clock has not come to it yet
    Future,
    /// It was before the clock began
    BeforeStart,
    /// The clock was set back, and showed it more than once
    Twice,
}

/// The stretches of time in which the clock went on without being set back
#[derive(Debug, Clone)]
pub(super) struct Laps {
    number: u32,
    /// What it showed when the present lap began
    from: Timestamp,
    /// The laps that ended: the number of each, and the first and the last instant that it showed
    ended: VecDeque<(u32, Timestamp, Timestamp)>,
    /// The latest instant that any forgotten lap showed
    forgotten_until: Option<Timestamp>,
}

impl Laps {
    pub(super) fn begin(from: Timestamp) -> Self {
        Self {
            number: 0,
            from,
            ended: VecDeque::new(),
            forgotten_until: None,
        }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The clock, which showed `until`, is set back to `from`
    pub(super) fn set_back(&mut self, until: Timestamp, from: Timestamp) {
        if self.ended.len() == LAPS_REMEMBERED_MAX
            && let Some((_, _, until)) = self.ended.pop_front()
        {
            self.forgotten_until = self.forgotten_until.max(Some(until));
        }
        self.ended.push_back((self.number, self.from, until));
        self.number = self.number.saturating_add(1);
        self.from = from;
    }

    /// When the clock, which shows `now`, showed this instant
    pub(super) fn find(&self, time: Timestamp, now: Timestamp) -> Result<Reading, NoReading> {
        let ended = self.ended.iter().copied();
        let mut laps = ended
            .chain([(self.number, self.from, now)])
            .filter(|(_, from, until)| (*from..=*until).contains(&time));
        let is_forgotten = self.forgotten_until.is_some_and(|until| time <= until);
        match (laps.next(), laps.next()) {
            (Some(_), Some(_)) => Err(NoReading::Twice),
            (Some(_), None) if is_forgotten => Err(NoReading::Twice),
            (Some((lap, _, _)), None) => Ok(Reading { lap, time }),
            (None, _) if time > now && !is_forgotten => Err(NoReading::Future),
            (None, _) => Err(NoReading::BeforeStart),
        }
    }
}

/// How many ended laps are remembered
const LAPS_REMEMBERED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_instant_is_found_unless_it_was_shown_twice_never_or_not_yet() {
        let mut laps = Laps::begin(at(100));
        assert_eq!(laps.find(at(99), at(150)), Err(NoReading::BeforeStart));
        assert_eq!(laps.find(at(151), at(150)), Err(NoReading::Future));
        laps.set_back(at(200), at(50));
        for (time, found) in [
            (49, Err(NoReading::BeforeStart)),
            (50, Ok(1)),
            (100, Err(NoReading::Twice)),
            (120, Err(NoReading::Twice)),
            (121, Ok(0)),
            (200, Ok(0)),
            (201, Err(NoReading::Future)),
        ] {
            let reading = found.map(|lap| Reading { lap, time: at(time) });
            assert_eq!(laps.find(at(time), at(120)), reading, "{time}");
        }
    }

    #[test]
    fn nothing_is_said_of_an_instant_that_a_forgotten_lap_may_have_shown() {
        let mut laps = Laps::begin(at(100));
        for _ in 0..=LAPS_REMEMBERED_MAX {
            laps.set_back(at(200), at(50));
        }
        laps.set_back(at(60), at(10));
        assert_eq!(laps.find(at(20), at(30)), Err(NoReading::Twice));
        assert_eq!(laps.find(at(201), at(30)), Err(NoReading::Future));
    }
}
