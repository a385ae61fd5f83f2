//! Chance, repeatable from a seed and without floating point numbers.

use fastrand::Rng;

/// A generator of its own for one thing: what is drawn for it depends on nothing that is drawn for others.
pub(super) fn rng(seed: u64, of: &[u64]) -> Rng {
    let mixed = of.iter().fold(seed ^ 0x9E37_79B9_7F4A_7C15, |mixed, part| {
        let mut next = (mixed ^ part).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        next ^= next >> 29;
        next.wrapping_mul(0x94D0_49BB_1331_11EB).rotate_left(31)
    });
    Rng::with_seed(mixed)
}

/// True so many times in ten thousand.
pub(super) fn odds(rng: &mut Rng, of_ten_thousand: u32) -> bool {
    rng.u32(..10_000) < of_ten_thousand
}

/// Any of a list, each as often; the empty text of an empty one.
pub(super) fn any<'a>(rng: &mut Rng, list: &'a [String]) -> &'a str {
    if list.is_empty() { "" } else { &list[rng.usize(..list.len())] }
}

/// Any of a list, the first ones much more often: the share of rank r falls with the logarithm of r, as that of names does.
pub(super) fn common<'a>(rng: &mut Rng, list: &'a [String]) -> &'a str {
    if list.is_empty() {
        return "";
    }
    let within = rng.usize(..list.len());
    &list[rng.usize(..=within)]
}

/// One of several things, by weights that add up to anything.
pub(super) fn weighted<'a, T>(rng: &mut Rng, things: &'a [(u32, T)]) -> &'a T {
    let all: u32 = things.iter().map(|(weight, _)| weight).sum();
    let mut at = rng.u32(..all.max(1));
    for (weight, thing) in things {
        if at < *weight {
            return thing;
        }
        at -= weight;
    }
    &things[0].1
}

/// So many random digits.
pub(super) fn digits(rng: &mut Rng, count: usize) -> String {
    (0..count).map(|_| rng.digit(10)).collect()
}
