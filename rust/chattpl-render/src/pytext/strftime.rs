//! `datetime.strftime` of a naive datetime, with glibc's directives in the C locale.

use super::calendar::DateTime;
use super::case::simple_upper;
use super::error::FormatError;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
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

/// Formats `moment`; flags and widths (`%-d`, `%010Y`, `%^a`) mean what they mean to glibc.
///
/// Local time is taken to be UTC where a directive (`%s`) asks for it. As in Python, a
/// result over 256 times as long as the format (and over 1023 characters) is empty.
///
/// # Errors
/// `MemoryError` where the format itself is longer than any field may be.
pub fn strftime(moment: &DateTime, format: &str) -> Result<String, FormatError> {
    // Python hands the format to C, where NUL ends it.
    let format = format.split('\0').next().unwrap_or("");
    FormatError::check_size(format.len())?;
    let format: Vec<char> = expand_python_directives(format, moment.microsecond);
    let mut room = 1024;
    while room < format.len() * 256 {
        room *= 2;
    }
    let mut writer = Writer { out: String::new(), chars: 0, room };
    match writer.format(moment, &format, false) {
        Some(()) => Ok(writer.out),
        None => Ok(String::new()),
    }
}

/// Replaces what Python handles itself: `%f`, `%z` and `%Z`.
fn expand_python_directives(format: &str, microsecond: u32) -> Vec<char> {
    let mut out = Vec::with_capacity(format.len());
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('f') => out.extend(format!("{microsecond:06}").chars()),
            Some('z' | 'Z') => {}
            other => {
                out.push('%');
                out.extend(other);
            }
        }
    }
    out
}

/// The flags and the width of one directive.
#[derive(Clone, Copy, Default)]
struct Options {
    pad: Option<char>,
    upper: bool,
    lower: bool,
    change_case: bool,
    width: usize,
    modifier: Option<char>,
}

/// What a directive stands for.
enum Field {
    Text(&'static str),
    Number { value: i64, digits: usize },
    SpacePadded { value: i64 },
    Seconds(i64),
    Composite(&'static str),
    Nothing,
    Unknown,
}

/// Collects the result; every method fails with `None` when there is no room left.
struct Writer {
    out: String,
    chars: usize,
    room: usize,
}

impl Writer {
    fn format(&mut self, moment: &DateTime, format: &[char], upper: bool) -> Option<()> {
        let mut at = 0;
        while let Some(&c) = format.get(at) {
            at += 1;
            if c != '%' {
                self.text(c.encode_utf8(&mut [0; 4]), Options { upper, ..Options::default() })?;
                continue;
            }
            let start = at - 1;
            let mut options = read_options(format, &mut at);
            options.upper |= upper;
            let directive = format.get(at).copied().unwrap_or('\0');
            at = (at + 1).min(format.len());
            self.directive(moment, directive, options, &format[start..at])?;
        }
        Some(())
    }

    fn directive(&mut self, moment: &DateTime, directive: char, mut options: Options, source: &[char]) -> Option<()> {
        match field(moment, directive, &mut options) {
            Field::Text(text) => self.text(text, options),
            Field::Number { value, digits } => self.number(value, digits, options),
            Field::SpacePadded { value } => {
                if !matches!(options.pad, Some('0' | '-')) {
                    options.pad = Some('_');
                }
                self.number(value, 2, options)
            }
            // Its width pads with spaces, unlike that of other numbers.
            Field::Seconds(value) => self.text(&value.to_string(), options),
            Field::Composite(format) => self.composite(moment, format, options),
            Field::Nothing => Some(()),
            Field::Unknown => self.text(&source.iter().collect::<String>(), options),
        }
    }

    fn composite(&mut self, moment: &DateTime, format: &str, options: Options) -> Option<()> {
        let format: Vec<char> = format.chars().collect();
        let mut inner = Writer { out: String::new(), chars: 0, room: self.room };
        inner.format(moment, &format, options.upper)?;
        self.text(&inner.out, options)
    }

    /// Appends text, padded on the left to the width.
    fn text(&mut self, text: &str, options: Options) -> Option<()> {
        let missing = options.width.saturating_sub(text.chars().count());
        let fill = if options.pad == Some('0') { '0' } else { ' ' };
        self.fill(fill, missing)?;
        self.take(text.chars().count())?;
        if options.lower {
            self.out.push_str(&text.to_ascii_lowercase());
        } else if options.upper {
            self.out.extend(text.chars().map(simple_upper));
        } else {
            self.out.push_str(text);
        }
        Some(())
    }

    fn number(&mut self, value: i64, digits: usize, options: Options) -> Option<()> {
        let magnitude = value.unsigned_abs().to_string();
        let sign = if value < 0 { "-" } else { "" };
        let missing = digits.max(options.width).saturating_sub(magnitude.len() + sign.len());
        let plain = Options { width: 0, ..options };
        match options.pad {
            Some('-') => self.text(&format!("{sign}{magnitude}"), options),
            Some('_') => {
                self.fill(' ', missing)?;
                self.text(&format!("{sign}{magnitude}"), plain)
            }
            _ => {
                self.text(sign, plain)?;
                self.fill('0', missing)?;
                self.text(&magnitude, plain)
            }
        }
    }

    fn fill(&mut self, c: char, count: usize) -> Option<()> {
        self.take(count)?;
        self.out.extend(std::iter::repeat_n(c, count));
        Some(())
    }

    /// Counts characters against the room, of which glibc needs one to spare.
    fn take(&mut self, count: usize) -> Option<()> {
        self.chars = self.chars.saturating_add(count);
        (self.chars < self.room).then_some(())
    }
}

fn read_options(format: &[char], at: &mut usize) -> Options {
    let mut options = Options::default();
    while let Some(&c) = format.get(*at) {
        match c {
            '_' | '-' | '0' => options.pad = Some(c),
            '^' => options.upper = true,
            '#' => options.change_case = true,
            _ => break,
        }
        *at += 1;
    }
    while let Some(digit) = format.get(*at).and_then(|c| c.to_digit(10)) {
        let width = options.width.saturating_mul(10).saturating_add(digit as usize);
        options.width = width.min(i32::MAX as usize);
        *at += 1;
    }
    if let Some(&c @ ('E' | 'O')) = format.get(*at) {
        options.modifier = Some(c);
        *at += 1;
    }
    options
}

/// Says whether glibc refuses the modifier for this directive.
fn refuses(directive: char, modifier: char) -> bool {
    let (refuses_e, refuses_o) = match directive {
        'c' | 'x' | 'X' | 'Y' => (false, true),
        // Of `%E%` glibc writes the second `%` only.
        '%' | 'C' | 'y' | 'n' | 't' | 'z' | 'Z' | 'P' | 'p' | 's' | 'u' => (false, false),
        'b' | 'h' | 'B' | 'd' | 'e' | 'H' | 'I' | 'k' | 'l' | 'j' | 'M' | 'm' | 'S' | 'U' | 'V' | 'g' | 'G' | 'W'
        | 'w' => (true, false),
        'R' | 'r' | 'T' => (false, false),
        _ => (true, true),
    };
    if modifier == 'E' {
        refuses_e
    } else {
        refuses_o
    }
}

fn field(moment: &DateTime, directive: char, options: &mut Options) -> Field {
    if options.change_case && matches!(directive, 'b' | 'h' | 'B') {
        options.upper = true;
    }
    if options.modifier.is_some_and(|modifier| refuses(directive, modifier)) {
        return Field::Unknown;
    }
    match directive {
        'a' | 'A' | 'b' | 'h' | 'B' | 'p' | 'P' | 'Z' | 'n' | 't' | '%' => name_field(moment, directive, options),
        'c' => Field::Composite("%a %b %e %H:%M:%S %Y"),
        'x' | 'D' => Field::Composite("%m/%d/%y"),
        'X' | 'T' => Field::Composite("%H:%M:%S"),
        'r' => Field::Composite("%I:%M:%S %p"),
        'R' => Field::Composite("%H:%M"),
        'F' => Field::Composite("%Y-%m-%d"),
        'z' => Field::Nothing,
        _ => number_field(moment, directive),
    }
}

fn name_field(moment: &DateTime, directive: char, options: &mut Options) -> Field {
    let weekday = WEEKDAYS[(moment.weekday() as usize).min(6)];
    let month = MONTHS[usize::from(moment.month.clamp(1, 12)) - 1];
    if options.change_case && matches!(directive, 'a' | 'A') {
        options.upper = true;
    }
    if directive == 'P' || (options.change_case && matches!(directive, 'p' | 'Z')) {
        options.upper = false;
        options.lower = true;
    }
    Field::Text(match directive {
        'a' => &weekday[..3],
        'A' => weekday,
        'b' | 'h' => &month[..3],
        'B' => month,
        'p' | 'P' if moment.hour >= 12 => "PM",
        'p' | 'P' => "AM",
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        _ => "",
    })
}

fn number_field(moment: &DateTime, directive: char) -> Field {
    let year = i64::from(moment.year);
    let hour_of_12 = i64::from((moment.hour + 11) % 12 + 1);
    let weekday = moment.weekday();
    let monday_based = (weekday + 6) % 7;
    let (value, digits) = match directive {
        'C' => (year.div_euclid(100), 1),
        'd' => (i64::from(moment.day), 2),
        'e' => return Field::SpacePadded { value: i64::from(moment.day) },
        'H' => (i64::from(moment.hour), 2),
        'I' => (hour_of_12, 2),
        'k' => return Field::SpacePadded { value: i64::from(moment.hour) },
        'l' => return Field::SpacePadded { value: hour_of_12 },
        'j' => (moment.year_day() + 1, 3),
        'M' => (i64::from(moment.minute), 2),
        'm' => (i64::from(moment.month), 2),
        'S' => (i64::from(moment.second), 2),
        's' => return Field::Seconds(moment.unix_seconds()),
        'u' => (monday_based + 1, 1),
        'U' => ((moment.year_day() - weekday + 7) / 7, 2),
        'V' => (moment.iso_week().1, 2),
        'g' => (moment.iso_week().0.rem_euclid(100), 2),
        'G' => (moment.iso_week().0, 1),
        'W' => ((moment.year_day() - monday_based + 7) / 7, 2),
        'w' => (weekday, 1),
        'Y' => (year, 1),
        'y' => (year.rem_euclid(100), 2),
        _ => return Field::Unknown,
    };
    Field::Number { value, digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: DateTime = DateTime { year: 2024, month: 7, day: 4, hour: 15, minute: 5, second: 9, microsecond: 42 };

    #[test]
    fn directives_and_flags_follow_glibc() {
        let cases = [
            ("%d %B %Y", "04 July 2024"),
            ("%-d/%_m/%e %^a %#p %P", "4/ 7/ 4 THU pm pm"),
            ("%c|%F %T.%f%z%Z", "Thu Jul  4 15:05:09 2024|2024-07-04 15:05:09.000042"),
            ("%10a|%-5d|%05e|%_10Y", "       Thu|    4|00004|      2024"),
            ("%Q %5! %E% %", "%Q   %5! % %"),
        ];
        for (format, text) in cases {
            assert_eq!(strftime(&MOMENT, format).as_deref(), Ok(text), "{format}");
        }
    }
}
