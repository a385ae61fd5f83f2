//! Numbers and times for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// A whole number with its thousands set apart by narrow no-break spaces.
pub(crate) fn number(value: impl Into<i128>) -> String {
    let value = value.into();
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    if value < 0 {
        text.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 record`, `2 records`: for nouns that take a plain s.
pub(crate) fn counted(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(value), if value == 1 { "" } else { "s" })
}

/// The time of one answer, in the zone of this machine.
pub(crate) struct Clock {
    pub(crate) now: Timestamp,
    zone: TimeZone,
}

impl Clock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Clock { now, zone: TimeZone::system() }
    }

    pub(crate) fn read() -> Self {
        Clock::at(Timestamp::now())
    }

    /// A moment: the time of day if it is today, else with its date. The page's script turns it into "12 s ago".
    pub(crate) fn moment(&self, at: Timestamp) -> Markup {
        html! { time.ago datetime=(at) title=(self.whole(at)) { (self.short(at)) } }
    }

    /// A moment that is still to come: its time, or "now" once it is there. The page's script turns it into "in 12 s".
    pub(crate) fn due(&self, at: Timestamp) -> Markup {
        html! {
            time.due datetime=(at) title=(self.whole(at)) {
                @if at <= self.now { "now" } @else { (self.short(at)) }
            }
        }
    }

    /// A moment that stays as it is.
    pub(crate) fn fixed(&self, at: Timestamp) -> Markup {
        html! { time datetime=(at) title=(self.whole(at)) { (self.short(at)) } }
    }

    /// How long something has lasted. The page's script keeps it up to date.
    pub(crate) fn age(&self, since: Timestamp) -> Markup {
        let seconds = self.now.as_second().saturating_sub(since.as_second()).max(0);
        html! { time.age datetime=(since) title={ "since " (self.whole(since)) } { (duration(seconds)) } }
    }

    fn short(&self, at: Timestamp) -> String {
        let (zoned, today) = (at.to_zoned(self.zone.clone()), self.now.to_zoned(self.zone.clone()).date());
        if zoned.date() == today {
            zoned.strftime("%H:%M:%S").to_string()
        } else if zoned.year() == today.year() {
            zoned.strftime("%-d %b %H:%M").to_string()
        } else {
            zoned.strftime("%-d %b %Y").to_string()
        }
    }

    fn whole(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }
}

/// Whole seconds in the largest units that matter. The page's script uses the same steps.
pub(crate) fn duration(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86400 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// The beginning of a text, at most `chars_max` characters, with a mark where it was cut.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The beginning of some bytes as text; what is not UTF-8 is shown by replacement characters.
pub(crate) fn excerpt(bytes: &[u8], bytes_max: usize) -> String {
    let shown = &bytes[..bytes.len().min(bytes_max)];
    let mut text = String::from_utf8_lossy(shown).into_owned();
    if bytes.len() > bytes_max {
        text.push_str("\n…");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let check = |value: i64, expected: &str| assert_eq!(number(value).replace('\u{202f}', " "), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1 000");
        check(-1234567, "−1 234 567");
    }

    #[test]
    fn durations_take_the_largest_units() {
        let check = |seconds, expected: &str| assert_eq!(duration(seconds), expected);
        check(0, "0 s");
        check(59, "59 s");
        check(60, "1 min");
        check(3900, "1 h 05 min");
        check(90000, "1 d 1 h");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let check = |text, chars_max, expected: &str| assert_eq!(cut(text, chars_max), expected);
        check("Société", 20, "Société");
        check("Société", 7, "Société");
        check("Société", 4, "Soci…");
        check("éé", 1, "é…");
    }
}
