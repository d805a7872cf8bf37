//! Time, for scripts that ask for it.
//!
//! Answers follow from objects alone, so there is no clock: the time is the latest that a script's arguments tell of.
//! Time is UTC.

use std::cell::Cell;
use std::rc::Rc;

use omnilua::{Lua, Table, Value};

use super::host::{Arguments, Refusal, define};
use super::number::whole;

const DAY: i64 = 86_400;
/// Seconds since 1970 that have a year of four digits.
const SECONDS_MAX: i64 = 253_402_300_799;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The latest time that has been seen, in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Clock(Cell<i64>);

impl Clock {
    pub(super) fn forget(&self) {
        self.0.set(0);
    }

    /// Looks whether a string is a time.
    pub(super) fn see(&self, text: &str) {
        if let Some(seconds) = timestamp(text) {
            self.0.set(self.0.get().max(seconds));
        }
    }
}

/// From `2025-11-23T00:24:50Z`.
fn timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 20 || bytes[10] != b'T' || bytes[19] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        text.get(from..to).filter(|digits| digits.bytes().all(|c| c.is_ascii_digit()))?.parse().ok()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    ((1..=12).contains(&month) && (1..=31).contains(&day) && seconds < DAY)
        .then(|| days(year, month, day) * DAY + seconds)
}

/// Days since 1970, of any numbers of months and days; Howard Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + month - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468 + day - 1
}

/// Year, month and day; the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

pub(super) fn install(lua: &Lua, host: &Table, clock: &Rc<Clock>) -> omnilua::Result<()> {
    let now = Rc::clone(clock);
    define(lua, host, "time", move |arguments| time(arguments, now.0.get()))?;
    let now = Rc::clone(clock);
    define(lua, host, "date", move |arguments| date(arguments, now.0.get()))
}

fn time(arguments: &Arguments<'_>, now: i64) -> Result<Value, Refusal> {
    if arguments.all().is_empty() {
        return Ok(Value::Number(now as f64));
    }
    let table = arguments.table(1)?;
    let field = |name: &str, absent: i64| -> Result<i64, Refusal> {
        Ok(match table.raw_get(name)? {
            Value::Integer(number) => number.clamp(-SECONDS_MAX, SECONDS_MAX),
            Value::Number(number) => (number as i64).clamp(-SECONDS_MAX, SECONDS_MAX),
            _ => absent,
        })
    };
    let days = days(field("year", -1)?, field("month", -1)?, field("day", -1)?);
    let seconds = field("hour", 12)? * 3_600 + field("min", 0)? * 60 + field("sec", 0)?;
    Ok(Value::Number((days * DAY + seconds) as f64))
}

fn date(arguments: &Arguments<'_>, now: i64) -> Result<Value, Refusal> {
    let pattern = match arguments.all() {
        [] => "%c".to_owned(),
        _ => arguments.string(1)?,
    };
    let seconds = match arguments.get(2) {
        Value::Nil => now,
        Value::Number(seconds) => {
            whole(seconds.trunc()).unwrap_or(i64::MAX).clamp(-62_135_596_800, SECONDS_MAX)
        }
        _ => return Err(arguments.wrong(2, "number")),
    };
    let pattern = pattern.trim_start_matches('!');
    let moment = Moment::of(seconds);
    if pattern.starts_with("*t") {
        let table = arguments.lua.create_table()?;
        let Moment { year, month, day, hour, minute, second, weekday } = moment;
        for (name, value) in [
            ("year", year),
            ("month", month),
            ("day", day),
            ("hour", hour),
            ("min", minute),
            ("sec", second),
            ("wday", weekday + 1),
            ("yday", 0),
        ] {
            table.raw_set(name, value as f64)?;
        }
        table.raw_set("isdst", false)?;
        return Ok(Value::Table(table));
    }
    Ok(Value::String(arguments.lua.create_string(moment.print(pattern))?))
}

struct Moment {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    weekday: i64,
}

impl Moment {
    fn of(seconds: i64) -> Moment {
        let (days, seconds) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        Moment { year, month, day, hour, minute, second, weekday: (days + 4).rem_euclid(7) }
    }

    fn print(&self, pattern: &str) -> String {
        let mut text = String::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            match rest.next() {
                None | Some('%') => text.push('%'),
                Some(letter) => text.push_str(&self.field(letter)),
            }
        }
        text
    }

    /// As Karmada's os.date prints it, oddities included.
    fn field(&self, letter: char) -> String {
        let Moment { year, month, day, hour, minute, second, weekday } = self;
        let month_name = MONTHS[*month as usize - 1];
        let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
        match letter {
            'a' => "mon".to_owned(),
            'A' => DAYS[*weekday as usize].to_owned(),
            'b' => month_name[..3].to_owned(),
            'B' => month_name.to_owned(),
            'c' => {
                format!("{day:02} {} {:02} {hour:02}:{minute:02} UTC", &month_name[..3], year.rem_euclid(100))
            }
            'd' => format!("{day:02}"),
            'F' => format!("{year:04}-{month:02}-{day:02}"),
            'H' => format!("{hour:02}"),
            'I' => format!("{twelve:02}"),
            'm' => format!("{month:02}"),
            'M' => format!("{minute:02}"),
            'p' => if *hour < 12 { "AM" } else { "PM" }.to_owned(),
            'P' => if *hour < 12 { "am" } else { "pm" }.to_owned(),
            'S' => format!("{second:02}"),
            'x' => format!("{hour:02}/{minute:02}/{second:02}"),
            'X' => format!("{hour:02}:{minute:02}:{second:02}"),
            'y' => format!("{:02}", year.rem_euclid(100)),
            'Y' => format!("{year:04}"),
            'z' => "+0000".to_owned(),
            'Z' => "UTC".to_owned(),
            'w' => weekday.to_string(),
            other => format!("%{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_the_same_moments() {
        for text in
            ["1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2025-11-23T00:24:50Z", "1969-12-31T23:59:59Z"]
        {
            let seconds = timestamp(text).unwrap();
            assert_eq!(Moment::of(seconds).print("%Y-%m-%dT%H:%M:%SZ"), text);
        }
        assert_eq!(Moment::of(0).print("%A %%d %j%"), "Thursday %d %j%");
        assert_eq!(timestamp("2025-13-23T00:24:50Z"), None);
        assert_eq!(timestamp("not a time, but long"), None);
    }
}
