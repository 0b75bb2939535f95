//! Dates and times from the days that a spreadsheet counts.

use super::parse::{Section, Token};

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
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// The last day of the year 9999.
const LAST_DAY: f64 = 2_958_466.0;

/// Appends the date that is `serial` days after the start of the count; `None` when it is none.
pub(super) fn push(out: &mut String, section: &Section, serial: f64, is_1904: bool) -> Option<()> {
    let tokens = &section.tokens;
    let is_elapsed = tokens.iter().any(|token| matches!(token, Token::Elapsed(..)));
    if !serial.is_finite() || serial.abs() >= LAST_DAY || (serial < 0.0 && !is_elapsed) {
        return None;
    }
    let digits = tokens.iter().find_map(|token| {
        if let Token::Subsecond(digits) = token {
            Some(*digits)
        } else {
            None
        }
    });
    let unit = 10i64.pow(u32::try_from(digits.unwrap_or(0)).ok()?);
    let per_day = 86_400 * unit;
    // Counted in units of what is shown, so that 59.9999 seconds are the next minute and not the second 60.
    let total = (serial.abs() * per_day as f64).round() as i64;
    let (days, of_day) = (total.div_euclid(per_day), total.rem_euclid(per_day));
    let (seconds, fraction) = (of_day / unit, of_day % unit);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let all_seconds = total / unit;
    let (year, month, day, weekday) = civil(days, is_1904);
    let halves = tokens.iter().any(|token| matches!(token, Token::Half(_)));

    if serial < 0.0 {
        out.push('-');
    }
    for token in tokens {
        match token {
            Token::Literal(text) => out.push_str(text),
            Token::Date('y', 1 | 2) => out.push_str(&format!("{:02}", year % 100)),
            Token::Date('y', _) => out.push_str(&format!("{year:04}")),
            Token::Date('m', count) => {
                push_named(out, *count, month, MONTHS[usize::try_from(month - 1).ok()? % 12])
            }
            Token::Date('d', count @ (1 | 2)) => push_padded(out, day, *count),
            Token::Date('d', count) => push_named(out, *count, day, DAYS[usize::try_from(weekday).ok()? % 7]),
            Token::Date('h', count) => {
                let shown = if halves { (hour + 11) % 12 + 1 } else { hour };
                push_padded(out, shown, *count);
            }
            Token::Date('n', count) => push_padded(out, minute, *count),
            Token::Date('s', count) => push_padded(out, second, *count),
            Token::Elapsed('h', count) => push_padded(out, all_seconds / 3600, *count),
            Token::Elapsed('m', count) => push_padded(out, all_seconds / 60, *count),
            Token::Elapsed(_, count) => push_padded(out, all_seconds, *count),
            Token::Subsecond(digits) if *digits > 0 => out.push_str(&format!(".{fraction:0digits$}")),
            Token::Half(true) => out.push_str(if hour < 12 { "AM" } else { "PM" }),
            Token::Half(false) => out.push_str(if hour < 12 { "A" } else { "P" }),
            _ => {}
        }
    }
    Some(())
}

fn push_padded(out: &mut String, number: i64, width: usize) {
    let width = width.min(2);
    out.push_str(&format!("{number:0width$}"));
}

fn push_named(out: &mut String, count: usize, number: i64, name: &str) {
    match count {
        1 | 2 => push_padded(out, number, count),
        3 => out.push_str(&name[..3]),
        5 => out.push_str(&name[..1]),
        _ => out.push_str(name),
    }
}

/// Year, month, day and day of the week (Sunday is 0) of a day in the count.
fn civil(days: i64, is_1904: bool) -> (i64, i64, i64, i64) {
    // The count from 1900 has a 29th of February in that year, as its ancestors had.
    let days = match days {
        days if is_1904 => days + 1462,
        days if days < 60 => days + 1,
        days => days,
    };
    // Day 0 is the 30th of December 1899, a Saturday; years are taken from March on, so that leap days come last.
    let weekday = (days + 6).rem_euclid(7);
    let since_march_of_0 = days + 693_899;
    let era = since_march_of_0.div_euclid(146_097);
    let of_era = since_march_of_0.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, weekday)
}
