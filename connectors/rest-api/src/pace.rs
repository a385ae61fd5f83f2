//! How fast requests may follow each other, and how long to wait before one is repeated.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Gives out moments at which requests may start, evenly spaced, shared by everything that talks to one system.
pub(crate) struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(requests_per_second: Option<NonZeroU32>) -> Self {
        let interval = requests_per_second.map_or(Duration::ZERO, |count| Duration::from_secs(1) / count.get());
        Pace { interval, next: Mutex::new(None) }
    }

    /// Waits for this request's moment; `false`, at once, when that lies behind the deadline.
    pub(crate) async fn turn(&self, deadline: Option<Instant>) -> bool {
        let now = Instant::now();
        let moment = {
            let mut next = self.next.lock().await;
            let moment = next.map_or(now, |next| next.max(now));
            if deadline.is_some_and(|deadline| moment >= deadline) {
                return false;
            }
            *next = Some(moment + self.interval);
            moment
        };
        if moment > now {
            tokio::time::sleep_until(moment).await;
        }
        true
    }
}

/// The longest `Retry-After` that is believed: a system that asks for more is asked again after a day.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What `Retry-After` asks for (RFC 9110, 10.2.3): seconds, or a date, which is held against the answer's own `Date`
/// so that a wrong clock on either side does no harm.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let until = date(text)?;
    let now = headers.get(DATE).and_then(|value| date(value.to_str().ok()?)).unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO).min(RETRY_AFTER_MAX))
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// The wait before a repetition that nobody gave a time for: doubled each time, and never the same twice,
/// so that many waiting callers do not come back together.
pub(crate) fn backoff(attempt: u32, longest: Duration) -> Duration {
    let ceiling = Duration::from_millis(200).saturating_mul(1 << attempt.min(16)).min(longest);
    let half = u64::try_from(ceiling.as_millis() / 2).unwrap_or(u64::MAX);
    Duration::from_millis(half + fastrand::u64(0..=half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |after: &str, date: &str, expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            headers.insert(DATE, date.parse().unwrap());
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{after}");
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        check("120", date, Some(120));
        check("Sun, 06 Nov 1994 08:50:07 GMT", date, Some(30));
        check("Sun, 06 Nov 1994 08:00:00 GMT", date, Some(0));
        check("99999999", date, Some(86_400));
        check("soon", date, None);
        check("-1", date, None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn backoff_grows_up_to_its_limit() {
        let longest = Duration::from_secs(1);
        for attempt in 0..40 {
            let wait = backoff(attempt, longest);
            assert!(wait <= longest && wait >= Duration::from_millis(100), "{attempt}: {wait:?}");
        }
        assert_eq!(backoff(3, Duration::ZERO), Duration::ZERO);
    }

    #[tokio::test]
    async fn turns_are_evenly_spaced() {
        let pace = Pace::new(NonZeroU32::new(100));
        let start = Instant::now();
        for _ in 0..5 {
            assert!(pace.turn(None).await);
        }
        assert!(start.elapsed().as_millis() >= 40);
        assert!(!pace.turn(Some(Instant::now())).await);
    }
}
