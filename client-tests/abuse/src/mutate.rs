//! Damages bytes.

use fastrand::Rng;

/// Damages bytes in one to four places; the result may be longer or shorter
pub(crate) fn mutate(bytes: &mut Vec<u8>, choices: &mut Rng, words: &[&[u8]]) {
    for _ in 0..choices.usize(1..=4) {
        let place = choices.usize(..=bytes.len());
        match choices.u8(..9) {
            0 | 1 if place < bytes.len() => bytes[place] ^= 1 << choices.u8(..8),
            2 if place < bytes.len() => bytes[place] = choices.u8(..),
            3 => {
                let end = bytes.len().min(place + choices.usize(1..=32));
                bytes.drain(place..end);
            }
            4 => {
                let end = bytes.len().min(place + choices.usize(1..=64));
                let again = bytes[place..end].to_vec();
                let target = choices.usize(..=bytes.len());
                bytes.splice(target..target, again);
            }
            5 if choices.u8(..4) == 0 => bytes.truncate(place),
            6 => {
                let noise: Vec<u8> = (0..choices.usize(1..=24)).map(|_| choices.u8(..)).collect();
                bytes.splice(place..place, noise);
            }
            7 => {
                let byte = choices.u8(..);
                let many = choices.usize(1..=2_000);
                bytes.splice(place..place, std::iter::repeat_n(byte, many));
            }
            _ => {
                if let Some(word) = choices.choice(words) {
                    bytes.splice(place..place, word.iter().copied());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_every_mutation_changes_something_and_none_depends_on_more_than_the_seed() {
        let before = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        let mut changed = 0;
        for seed in 0..200 {
            let [first, second] = [(); 2].map(|()| {
                let mut bytes = before.clone();
                mutate(&mut bytes, &mut Rng::with_seed(seed), &[b"\r\n"]);
                bytes
            });
            assert_eq!(first, second);
            changed += usize::from(first != before);
        }
        assert!(changed > 180, "{changed}");
    }
}
