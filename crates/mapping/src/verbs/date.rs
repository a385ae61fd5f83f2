//! Dates and instants.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::serial::{Moment, Serial};
use super::{Short, Text};
use crate::error::Problem;

/// One way in which a date or an instant is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DateFormat {
    /// A pattern like those of `strptime`.
    Pattern(Box<str>),
    /// A count of days or seconds.
    Serial(Serial),
}

impl From<&str> for DateFormat {
    /// A count by its name, or else a pattern.
    fn from(text: &str) -> Self {
        Serial::named(text).map_or_else(|| DateFormat::Pattern(text.into()), DateFormat::Serial)
    }
}

impl DateFormat {
    fn read_date(&self, raw: &str, zone: &TimeZone) -> Option<Date> {
        match self {
            DateFormat::Pattern(pattern) => Date::strptime(&**pattern, raw).ok(),
            DateFormat::Serial(serial) => match serial.read(raw)? {
                Moment::Local(time) => Some(time.date()),
                Moment::Exact(instant) => Some(instant.to_zoned(zone.clone()).date()),
            },
        }
    }

    fn write_date(&self, date: Date, zone: &TimeZone) -> Option<String> {
        match self {
            DateFormat::Pattern(pattern) => written(pattern, date),
            DateFormat::Serial(serial) if serial.is_local() => serial.write_date(date),
            DateFormat::Serial(serial) => {
                let midnight = date.to_zoned(zone.clone()).ok()?;
                serial.write(midnight.timestamp(), midnight.datetime())
            }
        }
    }
}

/// Accepted formats of dates; the first is the one written. None: ISO 8601.
#[derive(Debug, Clone)]
pub(crate) struct DateStyle {
    pub formats: Vec<DateFormat>,
    /// The zone in which an instant becomes a day.
    pub zone: TimeZone,
}

impl Default for DateStyle {
    fn default() -> Self {
        DateStyle { formats: Vec::new(), zone: TimeZone::UTC }
    }
}

fn problem(reason: &'static str) -> Problem {
    Problem::new("mapping.date", reason)
}

const NO_FORMAT_FITS: &str = "it has none of the line's formats, or is no day of the calendar";

impl DateStyle {
    /// Reads a date; ISO 8601 text is borrowed. Of an instant the day in the line's zone is taken,
    /// of a day with a zone of its own (`xs:date` of XML Schema) the day that is written.
    pub(crate) fn read<'r>(&self, raw: Cow<'r, str>) -> Result<Text<'r>, Problem> {
        if self.formats.is_empty() {
            let is_plain = raw.len() == 10;
            let day_of = |instant: Timestamp| instant.to_zoned(self.zone.clone()).date();
            let date = raw.parse::<Date>().or_else(|_| raw.parse::<Timestamp>().map(day_of));
            let date = date.or_else(|error| day_with_zone(&raw).ok_or(error));
            let date = date.map_err(|_| problem("it is no date like 2024-02-29"))?;
            return if is_plain { Ok(raw.into()) } else { short(date) };
        }
        let date = self.formats.iter().find_map(|format| format.read_date(&raw, &self.zone));
        short(date.ok_or_else(|| problem(NO_FORMAT_FITS))?)
    }

    /// Writes a date in the first format.
    pub(crate) fn write<'c>(&self, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        let Some(format) = self.formats.first() else { return Ok(canonical.into()) };
        let date: Date = canonical.parse().map_err(|_| problem("the document holds no date here"))?;
        let written = format.write_date(date, &self.zone);
        Ok(Cow::Owned(written.ok_or_else(|| problem("the format cannot write a date"))?))
    }

    /// A format is lossy when it cannot tell far dates apart, as a year of two digits.
    pub(crate) fn is_lossy(&self) -> bool {
        self.formats.first().is_some_and(|format| !DATE_SAMPLES.iter().all(|sample| self.keeps(format, *sample)))
    }

    fn keeps(&self, format: &DateFormat, sample: Date) -> bool {
        format
            .write_date(sample, &self.zone)
            .is_some_and(|text| self.read(Cow::Owned(text)).is_ok_and(|read| *read == *sample.to_string()))
    }

    /// The first pattern that cannot be written, or what it wrote read again.
    pub(crate) fn broken_format(&self) -> Option<&str> {
        self.formats.iter().find_map(|format| match format {
            DateFormat::Pattern(pattern) => {
                let text = written(pattern, DATE_SAMPLES[0]);
                text.is_none_or(|text| Date::strptime(&**pattern, &text).is_err()).then_some(&**pattern)
            }
            DateFormat::Serial(_) => None,
        })
    }
}

/// The day of an `xs:date` with a zone: `2024-02-29Z`, `2024-02-29+01:00`. A day is no instant: the zone does not move it.
fn day_with_zone(raw: &str) -> Option<Date> {
    let (day, zone) = raw.split_at_checked(10)?;
    let is_at_most = |text: &str, limit: u8| {
        text.len() == 2
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse().is_ok_and(|number: u8| number <= limit)
    };
    // XML Schema has zones of at most fourteen hours.
    let is_offset = || {
        let offset = zone.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':'));
        offset.is_some_and(|(hours, minutes)| is_at_most(hours, 14) && is_at_most(minutes, 59))
    };
    if zone == "Z" || is_offset() { day.parse().ok() } else { None }
}

/// A date as the midnight of UTC, for formats that have a time or an offset too.
fn written(format: &str, date: Date) -> Option<String> {
    let midnight = date.to_zoned(TimeZone::UTC).ok()?;
    jiff::fmt::strtime::format(format, &midnight).ok()
}

const DATE_SAMPLES: [Date; 2] = [jiff::civil::date(2024, 2, 29), jiff::civil::date(1923, 11, 1)];

fn short<'r>(value: impl std::fmt::Display) -> Result<Text<'r>, Problem> {
    Short::of(value).map(Text::from).ok_or_else(|| problem("it is too far away in time"))
}

/// Accepted formats of instants; the first is the one written. None: RFC 3339.
#[derive(Debug, Clone)]
pub(crate) struct TimestampStyle {
    pub formats: Vec<DateFormat>,
    /// The zone of formats without an offset.
    pub zone: TimeZone,
}

impl Default for TimestampStyle {
    fn default() -> Self {
        TimestampStyle { formats: Vec::new(), zone: TimeZone::UTC }
    }
}

impl TimestampStyle {
    /// The zone of a name of the IANA database that comes with the program.
    pub(crate) fn zone(name: &str) -> Option<TimeZone> {
        jiff::tz::TimeZoneDatabase::bundled().get(name).ok()
    }

    /// Reads an instant. Local time that happens twice is taken as the first; local time that never happens moves on.
    pub(crate) fn read(&self, raw: &str) -> Result<Short, Problem> {
        let instant = if self.formats.is_empty() {
            raw.parse::<Timestamp>().ok().or_else(|| self.local(raw.parse().ok()?))
        } else {
            self.formats.iter().find_map(|format| self.read_as(format, raw))
        };
        let instant = instant.ok_or_else(|| problem("it has none of the line's formats, or is no instant"))?;
        Short::of(instant).ok_or_else(|| problem("it is too far away in time"))
    }

    fn read_as(&self, format: &DateFormat, raw: &str) -> Option<Timestamp> {
        match format {
            DateFormat::Pattern(pattern) => Timestamp::strptime(&**pattern, raw)
                .ok()
                .or_else(|| self.local(DateTime::strptime(&**pattern, raw).ok()?))
                .or_else(|| self.local(Date::strptime(&**pattern, raw).ok()?.into())),
            DateFormat::Serial(serial) => match serial.read(raw)? {
                Moment::Local(time) => self.local(time),
                Moment::Exact(instant) => Some(instant),
            },
        }
    }

    fn local(&self, time: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(time).ok()
    }

    /// Writes an instant in the first format.
    pub(crate) fn write<'c>(&self, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        let Some(format) = self.formats.first() else { return Ok(canonical.into()) };
        let instant: Timestamp = canonical.parse().map_err(|_| problem("the document holds no instant here"))?;
        let here = instant.to_zoned(self.zone.clone());
        let written = match format {
            DateFormat::Pattern(pattern) => jiff::fmt::strtime::format(&**pattern, &here).ok(),
            DateFormat::Serial(serial) => serial.write(instant, here.datetime()),
        };
        written.map(Cow::Owned).ok_or_else(|| problem("the format cannot write an instant"))
    }

    pub(crate) fn is_lossy(&self) -> bool {
        true
    }

    /// The first pattern that cannot be written, or what it wrote read again.
    pub(crate) fn broken_format(&self) -> Option<&str> {
        self.formats.iter().find_map(|format| {
            let DateFormat::Pattern(pattern) = format else { return None };
            let one = TimestampStyle { formats: vec![format.clone()], zone: self.zone.clone() };
            let is_kept = one.write("2024-02-29T10:20:30Z").is_ok_and(|text| one.read(&text).is_ok());
            (!is_kept).then_some(&**pattern)
        })
    }
}
