//! Values that distinguish ordered conditions: numbers, dates and addresses at, between and beyond their bounds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::condition::date::{self, Instant};
use crate::condition::decimal;
use crate::condition::ip_address::Cidr;

/// Every number of `bounds`, one between each two neighbours, one below all and one above all.
pub(super) fn numbers(bounds: &[&str]) -> Vec<String> {
    let mut bounds: Vec<&str> = bounds
        .iter()
        .copied()
        .filter(|bound| decimal::is_decimal(bound))
        .collect();
    bounds.sort_by(|left, right| decimal::compare(left, right).unwrap_or(std::cmp::Ordering::Equal));
    let (Some(least), Some(most)) = (bounds.first(), bounds.last()) else {
        return vec!["0".to_owned()];
    };
    let mut numbers = vec![below(least, &bounds), above(most, &bounds)];
    for pair in bounds.windows(2) {
        if let [left, right] = pair {
            numbers.push(between(left, right, &bounds));
        }
    }
    numbers.extend(bounds.iter().map(|bound| (*bound).to_owned()));
    numbers
}

/// A number above `left` and below `right`, which is the greater of the two.
fn between(left: &str, right: &str, bounds: &[&str]) -> String {
    let is_between = |number: &String| {
        let order =
            |left: &str, right: &str| decimal::compare(left, right).is_some_and(std::cmp::Ordering::is_lt);
        order(left, number) && order(number, right)
    };
    let next = whole(left)
        .and_then(|left| left.checked_add(1))
        .map(|next| next.to_string());
    next.filter(is_between)
        .unwrap_or_else(|| match (is_negative(left), is_negative(right)) {
            (true, false) if !is_zero(right) => "0".to_owned(),
            (true, _) => nudged(right, "-", bounds),
            (false, _) => nudged(left, "", bounds),
        })
}

fn below(least: &str, bounds: &[&str]) -> String {
    let whole = whole(least).and_then(|least| least.checked_sub(1));
    whole.map_or_else(
        || {
            if is_negative(least) || is_zero(least) {
                nudged(least, "-", bounds)
            } else {
                "0".to_owned()
            }
        },
        |below| below.to_string(),
    )
}

fn above(most: &str, bounds: &[&str]) -> String {
    let whole = whole(most).and_then(|most| most.checked_add(1));
    whole.map_or_else(
        || {
            if is_negative(most) {
                "0".to_owned()
            } else {
                nudged(most, "", bounds)
            }
        },
        |above| above.to_string(),
    )
}

/// A number slightly further from zero than `number`: by less than the distance of any two different bounds.
fn nudged(number: &str, sign: &str, bounds: &[&str]) -> String {
    let digits = number.trim_start_matches(['-', '+']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fractions = bounds
        .iter()
        .map(|bound| bound.split_once('.').map_or(0, |(_, fraction)| fraction.len()));
    let zeros = "0".repeat(fractions.max().unwrap_or(0) + 1);
    format!("{sign}{whole}.{fraction}{zeros}1")
}

fn whole(number: &str) -> Option<i64> {
    number.parse().ok()
}

fn is_negative(number: &str) -> bool {
    number.starts_with('-') && !is_zero(number)
}

fn is_zero(number: &str) -> bool {
    number.bytes().all(|byte| b"+-0.".contains(&byte))
}

/// Every instant of `bounds`, one between each two neighbours with room between them, one before all and one after all.
pub(super) fn dates(bounds: &[Instant]) -> Vec<String> {
    let mut bounds = bounds.to_vec();
    bounds.sort_unstable();
    bounds.dedup();
    let (Some(&least), Some(&most)) = (bounds.first(), bounds.last()) else {
        return vec![date::write(0)];
    };
    let second = date::NANOSECONDS_PER_SECOND;
    let mut instants = vec![most + second, least - second];
    for pair in bounds.windows(2) {
        if let [left, right] = *pair
            && right - left > 1
        {
            // A whole second, if there is one in between.
            let next = (left.div_euclid(second) + 1) * second;
            instants.push(if next < right { next } else { left + 1 });
        }
    }
    instants.extend(&bounds);
    instants.into_iter().map(date::write).collect()
}

/// The first address of each block, the first address after it, and the lowest address, for both families.
///
/// All addresses from one of these up to the next are in the same blocks.
pub(super) fn addresses(blocks: &[Cidr]) -> Vec<String> {
    let mut short = vec![0];
    let mut long = vec![0];
    for block in blocks {
        match *block {
            Cidr::V4 { network, mask } => {
                short.push(network);
                short.extend((network | !mask).checked_add(1));
            }
            Cidr::V6 { network, mask } => {
                long.push(network);
                long.extend((network | !mask).checked_add(1));
            }
        }
    }
    let short = short
        .into_iter()
        .map(|address| IpAddr::V4(Ipv4Addr::from(address)));
    let long = long
        .into_iter()
        .map(|address| IpAddr::V6(Ipv6Addr::from(address)));
    short.chain(long).map(|address| address.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn there_is_a_number_at_each_bound_between_each_two_and_beyond() {
        for bounds in [
            vec!["5", "10"],
            vec!["5", "6", "6.0"],
            vec!["-5.5", "-5.25", "-0", "0.001"],
            vec![
                "99999999999999999999",
                "-99999999999999999999",
                "99999999999999999999.5",
            ],
            vec!["+7", "7.000001"],
        ] {
            let numbers = numbers(&bounds);
            for bound in &bounds {
                assert!(numbers.iter().any(|number| number == bound));
            }
            let mut sorted = bounds.clone();
            sorted.sort_by(|left, right| decimal::compare(left, right).unwrap());
            let lies = |low: Option<&str>, high: Option<&str>| {
                numbers.iter().any(|number| {
                    low.is_none_or(|low| decimal::compare(low, number) == Some(Ordering::Less))
                        && high.is_none_or(|high| decimal::compare(number, high) == Some(Ordering::Less))
                })
            };
            assert!(lies(None, sorted.first().copied()), "{numbers:?}");
            assert!(lies(sorted.last().copied(), None), "{numbers:?}");
            for pair in sorted.windows(2) {
                let is_apart = decimal::compare(pair[0], pair[1]) == Some(Ordering::Less);
                assert_eq!(
                    is_apart,
                    lies(Some(pair[0]), Some(pair[1])),
                    "{pair:?} in {numbers:?}"
                );
            }
        }
    }

    #[test]
    fn there_is_a_date_at_each_bound_between_each_two_and_beyond() {
        let bounds = [0, 1, 2, 5_000_000_000, 9_000_000_000_000_000_000];
        let mut dates: Vec<Instant> = dates(&bounds)
            .iter()
            .map(|text| date::read(text).unwrap())
            .collect();
        dates.sort_unstable();
        assert_eq!(
            dates,
            [
                -1_000_000_000,
                0,
                1,
                2,
                1_000_000_000,
                5_000_000_000,
                6_000_000_000,
                9_000_000_000_000_000_000,
                9_000_000_001_000_000_000
            ]
        );
    }

    #[test]
    fn there_is_an_address_for_each_set_of_blocks() {
        let blocks: Vec<Cidr> = ["10.0.0.0/8", "10.0.1.0/24", "255.255.255.255", "2001:db8::/32"]
            .iter()
            .map(|text| Cidr::read(text).unwrap())
            .collect();
        assert_eq!(
            addresses(&blocks),
            [
                "0.0.0.0",
                "10.0.0.0",
                "11.0.0.0",
                "10.0.1.0",
                "10.0.2.0",
                "255.255.255.255",
                "::",
                "2001:db8::",
                "2001:db9::"
            ]
        );
    }
}
