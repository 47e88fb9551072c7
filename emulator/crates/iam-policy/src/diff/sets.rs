//! Sets of statements and patterns, and which sets can be reached.

use std::collections::HashSet;

/// A set of numbers below a length that is fixed when it is created.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Bits(Box<[u64]>);

/// How many classes may still be examined.
#[derive(Debug)]
pub(super) struct Budget {
    max: usize,
    used: usize,
}

/// The budget is spent: there are more classes than may be examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent;

/// A set that can be reached, and the choice in each dimension that leads to it.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    pub(super) set: Bits,
    pub(super) choices: Vec<usize>,
}

impl Bits {
    /// The numbers below `length` for which `holds` is true.
    pub(super) fn of(length: usize, mut holds: impl FnMut(usize) -> bool) -> Self {
        let mut words = vec![0_u64; length.div_ceil(WORD_BITS)];
        for (index, word) in words.iter_mut().enumerate() {
            let first = index * WORD_BITS;
            for number in first..length.min(first + WORD_BITS) {
                *word |= u64::from(holds(number)) << (number - first);
            }
        }
        Self(words.into())
    }

    /// The numbers in both sets.
    pub(super) fn and(&self, other: &Self) -> Self {
        let words = self.0.iter().zip(&other.0);
        Self(words.map(|(left, right)| left & right).collect())
    }

    /// Whether a number is in the set.
    pub(super) fn has(&self, number: usize) -> bool {
        let word = self.0.get(number / WORD_BITS);
        word.is_some_and(|word| word >> (number % WORD_BITS) & 1 == 1)
    }

    /// The numbers in the set, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * WORD_BITS).filter(|number| self.has(*number))
    }
}

impl Budget {
    /// A budget of `max` classes.
    pub(super) fn new(max: usize) -> Self {
        Self { max, used: 0 }
    }

    /// Takes one class from the budget.
    pub(super) fn take(&mut self) -> Result<(), Spent> {
        if self.is_spent() {
            return Err(Spent);
        }
        self.used += 1;
        Ok(())
    }

    /// Whether no more classes may be examined.
    pub(super) fn is_spent(&self) -> bool {
        self.used == self.max
    }

    /// How many classes may be examined in all.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// How many classes were examined.
    pub(super) fn used(&self) -> usize {
        self.used
    }
}

/// Every set that results from `start` when each dimension is intersected with one of its choices: each set once, with
/// the first choices that lead to it.
///
/// The dimensions are independent of each other, so sets that are equal after some dimensions stay equal after the
/// others. There are therefore far fewer sets than combinations of choices.
///
/// `settle` is given each set, together with the numbers that no further dimension removes. It may replace the set
/// with an equivalent one, or return `None` to drop it.
pub(super) fn reach(
    start: &Bits,
    dimensions: &[Vec<Bits>],
    budget: &mut Budget,
    settle: impl Fn(Bits, &Bits) -> Option<Bits>,
) -> Result<Vec<Reached>, Spent> {
    let mut kept = vec![start.clone()];
    for choices in dimensions.iter().rev() {
        let by_this = choices
            .iter()
            .fold(start.clone(), |kept, choice| kept.and(choice));
        let by_others = kept.last().unwrap_or(start);
        kept.push(by_others.and(&by_this));
    }
    // What all dimensions keep, what all but the first keep, and so on.
    let mut kept = kept.into_iter().rev();
    let first = kept.next().and_then(|kept| settle(start.clone(), &kept));
    let mut reached: Vec<Reached> = first
        .map(|set| Reached {
            set,
            choices: Vec::new(),
        })
        .into_iter()
        .collect();
    for (dimension, kept) in dimensions.iter().zip(kept) {
        let mut seen = HashSet::new();
        let choices: Vec<(usize, Bits)> = dimension
            .iter()
            .map(|choice| choice.and(start))
            .enumerate()
            .filter(|(_, choice)| seen.insert(choice.clone()))
            .collect();
        let mut seen = HashSet::new();
        let mut next = Vec::new();
        for before in &reached {
            for (index, choice) in &choices {
                budget.take()?;
                let Some(set) = settle(before.set.and(choice), &kept) else {
                    continue;
                };
                if seen.insert(set.clone()) {
                    let mut choices = before.choices.clone();
                    choices.push(*index);
                    next.push(Reached { set, choices });
                }
            }
        }
        reached = next;
    }
    Ok(reached)
}

/// Leaves a set as it is.
pub(super) fn as_it_is(set: Bits, _: &Bits) -> Option<Bits> {
    Some(set)
}

const WORD_BITS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_numbers_that_it_was_made_of() {
        let set = Bits::of(130, |number| number % 43 == 0);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 43, 86, 129]);
        assert!(set.has(129) && !set.has(128) && !set.has(1_000));
        let odd = Bits::of(130, |number| number % 2 == 1);
        assert_eq!(set.and(&odd).iter().collect::<Vec<_>>(), [43, 129]);
    }

    #[test]
    fn what_no_further_dimension_takes_away_is_told_to_who_settles() {
        let of = |numbers: &[usize]| Bits::of(3, |number| numbers.contains(&number));
        let dimensions = [
            vec![of(&[0, 1, 2]), of(&[1, 2])],
            vec![of(&[0, 1]), of(&[0, 1, 2])],
        ];
        let told = std::cell::RefCell::new(Vec::new());
        let settle = |set: Bits, kept: &Bits| {
            let list = |set: &Bits| set.iter().collect::<Vec<_>>();
            told.borrow_mut().push((list(&set), list(kept)));
            // Sets without 0 are dropped.
            set.has(0).then_some(set)
        };
        let reached = reach(&of(&[0, 1, 2]), &dimensions, &mut Budget::new(100), settle).unwrap();
        assert_eq!(
            told.into_inner(),
            [
                (vec![0, 1, 2], vec![1]),
                (vec![0, 1, 2], vec![0, 1]),
                (vec![1, 2], vec![0, 1]),
                (vec![0, 1], vec![0, 1, 2]),
                (vec![0, 1, 2], vec![0, 1, 2]),
            ]
        );
        assert_eq!(reached.len(), 2);
    }

    #[test]
    fn each_set_is_reached_once_and_no_more_classes_are_looked_at_than_may_be() {
        let of = |numbers: &[usize]| Bits::of(3, |number| numbers.contains(&number));
        let dimensions = [
            vec![of(&[0, 1]), of(&[1, 2])],
            vec![of(&[1]), of(&[1, 2]), of(&[0, 1])],
        ];
        let reached = reach(&of(&[0, 1, 2]), &dimensions, &mut Budget::new(8), as_it_is).unwrap();
        let sets: Vec<Vec<usize>> = reached
            .iter()
            .map(|reached| reached.set.iter().collect())
            .collect();
        assert_eq!(sets, [vec![1], vec![0, 1], vec![1, 2]]);
        assert_eq!(reached[1].choices, [0, 2]);
        assert_eq!(
            reach(&of(&[0, 1, 2]), &dimensions, &mut Budget::new(7), as_it_is).err(),
            Some(Spent)
        );
    }
}
