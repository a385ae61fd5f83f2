//! When a stream is read.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// When a stream is read. It never overlaps itself; a run that was missed while the hub was down is caught up once.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// Only on command.
    Manual,
    /// That long after the end of the last run.
    Every(Duration),
    /// At the times of a cron expression in a time zone.
    Cron {
        /// The expression as it was written.
        text: String,
        /// The expression.
        cron: Box<Cron>,
        /// The time zone.
        zone: TimeZone,
    },
}

/// A schedule that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not a cron expression.
    #[error("\"{text}\" is not a cron expression: {reason}; five fields are minute, hour, day, month, weekday")]
    Cron {
        /// What was written.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// Not a time zone.
    #[error("\"{0}\" is not a time zone; use an IANA name such as Europe/Paris")]
    Zone(String),
}

impl Schedule {
    /// A cron schedule; the zone is an IANA name.
    ///
    /// # Errors
    /// Says which of the two cannot be understood.
    pub fn cron(text: &str, zone: &str) -> Result<Self, ScheduleError> {
        let cron = Cron::from_str(text)
            .map_err(|error| ScheduleError::Cron { text: text.to_owned(), reason: error.to_string() })?;
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        Ok(Schedule::Cron { text: text.to_owned(), cron: Box::new(cron), zone })
    }

    /// The next time at which the stream is due, given when it was last read to its end.
    ///
    /// A time in the past means now: a missed run is caught up, once however many were missed.
    /// A stream that was never read is due at once, unless it is a cron stream: that waits for its time after `started`.
    pub fn next(&self, last_run: Option<Timestamp>, started: Timestamp) -> Option<Timestamp> {
        match self {
            Schedule::Manual => None,
            Schedule::Every(delay) => Some(match last_run {
                None => started,
                Some(last) => SignedDuration::try_from(*delay)
                    .ok()
                    .and_then(|delay| last.checked_add(delay).ok())
                    .unwrap_or(Timestamp::MAX),
            }),
            Schedule::Cron { cron, zone, .. } => {
                let after = last_run.unwrap_or(started).to_zoned(zone.clone());
                cron.find_next_occurrence(&after, false).ok().map(|next| next.timestamp())
            }
        }
    }

    /// What people read in listings.
    pub fn describe(&self) -> String {
        match self {
            Schedule::Manual => "on command".to_owned(),
            Schedule::Every(delay) if delay.subsec_millis() == 0 => format!("every {} s", delay.as_secs()),
            Schedule::Every(delay) => format!("every {} ms", delay.as_millis()),
            Schedule::Cron { text, zone, .. } => match zone.iana_name() {
                Some(name) => format!("{text} ({name})"),
                None => text.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: &Schedule, last_run: Option<&str>, expected: Option<&str>) {
        let started: Timestamp = "2026-03-28T12:00:00Z".parse().unwrap();
        let last_run = last_run.map(|text| text.parse().unwrap());
        let next = schedule.next(last_run, started).map(|next| next.to_string());
        assert_eq!(next.as_deref(), expected);
    }

    #[test]
    fn an_interval_counts_from_the_end_of_the_last_run() {
        let every = Schedule::Every(Duration::from_secs(90));
        check(&every, None, Some("2026-03-28T12:00:00Z"));
        check(&every, Some("2026-03-28T11:59:00Z"), Some("2026-03-28T12:00:30Z"));
        check(&Schedule::Manual, Some("2026-03-28T11:59:00Z"), None);
    }

    #[test]
    fn cron_follows_the_wall_clock_of_its_zone_over_a_change_of_summer_time() {
        let nightly = Schedule::cron("0 4 * * *", "Europe/Paris").unwrap();
        check(&nightly, Some("2026-03-28T03:00:00Z"), Some("2026-03-29T02:00:00Z"));
        check(&nightly, None, Some("2026-03-29T02:00:00Z"));
    }

    #[test]
    fn a_missed_run_is_due_in_the_past_once() {
        let hourly = Schedule::cron("0 * * * *", "UTC").unwrap();
        check(&hourly, Some("2026-03-28T07:30:00Z"), Some("2026-03-28T08:00:00Z"));
        check(&hourly, Some("2026-03-28T12:00:00Z"), Some("2026-03-28T13:00:00Z"));
    }

    #[test]
    fn nonsense_is_refused_with_the_remedy() {
        assert!(Schedule::cron("every day", "UTC").unwrap_err().to_string().contains("five fields"));
        assert_eq!(Schedule::cron("0 4 * * *", "Paris").unwrap_err(), ScheduleError::Zone("Paris".to_owned()));
    }
}
