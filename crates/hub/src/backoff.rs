//! Pauses between tries.

use std::time::Duration;

use crate::settings::Limits;

/// Exponential backoff with full jitter, so that many waiters do not come back at once.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    min: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(limits: &Limits) -> Self {
        Backoff { next: limits.retry_delay_min, min: limits.retry_delay_min, max: limits.retry_delay_max }
    }

    /// The next pause: between half and the whole of a delay that doubles up to the limit.
    pub(crate) fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.max);
        let half = whole / 2;
        half + Duration::from_micros(fastrand::u64(0..=u64::try_from(half.as_micros()).unwrap_or(u64::MAX)))
    }

    /// After a success the next pause is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_start_again() {
        let limits = Limits {
            retry_delay_min: Duration::from_millis(100),
            retry_delay_max: Duration::from_millis(350),
            ..Limits::default()
        };
        let mut backoff = Backoff::new(&limits);
        for whole in [100, 200, 350, 350] {
            let pause = backoff.pause();
            assert!(pause >= Duration::from_millis(whole / 2) && pause <= Duration::from_millis(whole), "{pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
    }
}
