//! When the CRM is unwell: told by a seed, so that a run can be repeated.

use std::io::Write;
use std::path::{Path, PathBuf};

/// How a request is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whim {
    /// It is served.
    Well,
    /// 429 with `Retry-After`.
    TooMany,
    /// 503.
    Closed,
}

/// Decides, request by request.
pub struct Weather {
    random: Option<fastrand::Rng>,
    requests: u64,
    /// The requests that are refused whatever comes, so that every run meets both kinds of refusal early.
    too_many_at: u64,
    closed_at: u64,
    last: Whim,
    log: PathBuf,
}

/// After the first two, one request in so many is refused.
const REFUSED_ONE_IN: u32 = 12;

impl Weather {
    /// Seed 0 is always well. Refusals are logged in the folder.
    pub fn new(seed: u64, folder: &Path) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let too_many_at = random.u64(2..5);
        let closed_at = too_many_at + random.u64(2..5);
        let random = (seed != 0).then_some(random);
        Weather { random, requests: 0, too_many_at, closed_at, last: Whim::Well, log: folder.join("refusals.log") }
    }

    /// How the next request is met; never unwell twice running, so that patience is enough.
    pub fn whim(&mut self) -> Whim {
        self.requests += 1;
        let Some(random) = &mut self.random else { return Whim::Well };
        let whim = match self.requests {
            request if request == self.too_many_at => Whim::TooMany,
            request if request == self.closed_at => Whim::Closed,
            request if request < self.closed_at || self.last != Whim::Well => Whim::Well,
            _ if random.u32(..REFUSED_ONE_IN) > 0 => Whim::Well,
            _ if random.bool() => Whim::TooMany,
            _ => Whim::Closed,
        };
        self.last = whim;
        if whim != Whim::Well {
            self.note(if whim == Whim::TooMany { 429 } else { 503 });
        }
        whim
    }

    /// The log is for people; a refusal that cannot be logged is a refusal all the same.
    fn note(&self, status: u16) {
        if let Ok(mut log) = std::fs::OpenOptions::new().create(true).append(true).open(&self.log) {
            let _ = writeln!(log, "request {} answered {status}", self.requests);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whims(seed: u64, count: usize) -> Vec<Whim> {
        let folder = tempfile::tempdir().unwrap();
        let mut weather = Weather::new(seed, folder.path());
        (0..count).map(|_| weather.whim()).collect()
    }

    #[test]
    fn every_seed_meets_both_refusals_early_and_none_twice_running() {
        for seed in 1..200 {
            let whims = whims(seed, 300);
            assert!(whims[..9].contains(&Whim::TooMany) && whims[..9].contains(&Whim::Closed), "seed {seed}");
            assert!(whims.windows(2).all(|pair| pair.contains(&Whim::Well)), "seed {seed}");
        }
    }

    #[test]
    fn a_seed_repeats_itself_and_none_is_calm() {
        assert_eq!(whims(7, 200), whims(7, 200));
        assert_ne!(whims(7, 200), whims(8, 200));
        assert!(whims(0, 200).iter().all(|whim| *whim == Whim::Well));
    }
}
