//! Moments as counts: the serial days of spreadsheets, and seconds or milliseconds since 1970.

use jiff::civil::{Date, DateTime, date};
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// What a date or an instant is counted in, and from when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serial {
    /// Days of a spreadsheet; day 1 is 1900-01-01, and the day 60, which never was, is counted.
    Excel,
    /// Days of a spreadsheet that was made on an old Macintosh; day 0 is 1904-01-01.
    Excel1904,
    /// Seconds since the start of 1970 in UTC.
    EpochSeconds,
    /// Milliseconds since the start of 1970 in UTC.
    EpochMilliseconds,
}

/// The names of the counts, as `format` takes them.
pub(crate) const SERIALS: [(&str, Serial); 4] = [
    ("excel", Serial::Excel),
    ("excel-1904", Serial::Excel1904),
    ("epoch-seconds", Serial::EpochSeconds),
    ("epoch-milliseconds", Serial::EpochMilliseconds),
];

/// Excel counts a 29 February 1900, which never was, as this day.
const EXCEL_NO_DAY: i64 = 60;

const DAY_MILLISECONDS: i64 = 86_400_000;

/// A time of day is written with so many decimals of a day: less than a tenth of a millisecond.
const DAY_DECIMALS: u32 = 10;

/// A point in time, in the terms that the count knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Local time, as a spreadsheet shows it.
    Local(DateTime),
    /// An instant, whatever the time zone.
    Exact(Timestamp),
}

impl Serial {
    /// The count of a name that `format` takes; `None` for a pattern.
    pub(crate) fn named(name: &str) -> Option<Self> {
        SERIALS.into_iter().find(|(known, _)| *known == name).map(|(_, serial)| serial)
    }

    /// Whether it counts local time, not instants.
    pub(crate) fn is_local(self) -> bool {
        matches!(self, Serial::Excel | Serial::Excel1904)
    }

    /// The moment behind a count; `None` when it is no plain number or no moment.
    pub(crate) fn read(self, raw: &str) -> Option<Moment> {
        let count: Decimal = raw.parse().ok()?;
        match self {
            Serial::Excel | Serial::Excel1904 => self.local(count).map(Moment::Local),
            Serial::EpochSeconds => instant(count.checked_mul(Decimal::ONE_THOUSAND)?),
            Serial::EpochMilliseconds => instant(count),
        }
    }

    fn local(self, count: Decimal) -> Option<DateTime> {
        let day = count.floor().to_i64().filter(|day| *day >= 0)?;
        let time = (count.fract() * Decimal::from(DAY_MILLISECONDS)).round().to_i64()?;
        let start = match self {
            Serial::Excel if day == EXCEL_NO_DAY => return None,
            Serial::Excel if day > EXCEL_NO_DAY => date(1899, 12, 30),
            Serial::Excel => date(1899, 12, 31),
            _ => date(1904, 1, 1),
        };
        let start = start.to_datetime(jiff::civil::Time::midnight());
        start.checked_add(day.days()).ok()?.checked_add(time.milliseconds()).ok()
    }

    /// The count of a date, at its start.
    pub(crate) fn write_date(self, day: Date) -> Option<String> {
        match self {
            Serial::Excel | Serial::Excel1904 => self.days(day).map(|days| days.to_string()),
            Serial::EpochSeconds | Serial::EpochMilliseconds => {
                self.write_instant(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
            }
        }
    }

    /// The count of an instant; `local` is the same moment in the line's time zone.
    pub(crate) fn write(self, instant: Timestamp, local: DateTime) -> Option<String> {
        if !self.is_local() {
            return self.write_instant(instant);
        }
        let midnight = local.date().to_datetime(jiff::civil::Time::midnight());
        let milliseconds = local.duration_since(midnight).as_millis();
        let part = Decimal::from(i64::try_from(milliseconds).ok()?)
            .checked_div(Decimal::from(DAY_MILLISECONDS))?
            .round_dp(DAY_DECIMALS);
        Some((Decimal::from(self.days(local.date())?) + part).normalize().to_string())
    }

    fn write_instant(self, instant: Timestamp) -> Option<String> {
        let milliseconds = Decimal::from(instant.as_millisecond());
        Some(match self {
            Serial::EpochMilliseconds => milliseconds.to_string(),
            _ => (milliseconds / Decimal::ONE_THOUSAND).normalize().to_string(),
        })
    }

    fn days(self, day: Date) -> Option<i64> {
        let since = |start: Date| day.since(start).map(|span| i64::from(span.get_days())).ok();
        let days = match self {
            Serial::Excel => match since(date(1899, 12, 30))? {
                late if late > EXCEL_NO_DAY => late,
                early => early - 1,
            },
            _ => since(date(1904, 1, 1))?,
        };
        (days >= 0).then_some(days)
    }
}

fn instant(milliseconds: Decimal) -> Option<Moment> {
    Timestamp::from_millisecond(milliseconds.trunc().to_i64()?).ok().map(Moment::Exact)
}
