//! Dates of the proleptic Gregorian calendar, without time zones.

const SECONDS_PER_DAY: i64 = 86_400;

/// A moment as Python's naive `datetime` holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// Year, 1 to 9999 in Python.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Microsecond, 0 to 999999.
    pub microsecond: u32,
}

impl DateTime {
    /// Returns the moment that many seconds after 1970-01-01 00:00, in UTC.
    ///
    /// `None` where the year would be outside 1 to 9999, or `microsecond` is no fraction.
    pub fn from_unix_seconds(unix_seconds: i64, microsecond: u32) -> Option<DateTime> {
        let days = unix_seconds.div_euclid(SECONDS_PER_DAY);
        let second_of_day = unix_seconds.rem_euclid(SECONDS_PER_DAY);
        // Days of the years 1 to 9999; outside of them the sums below could overflow.
        if !(-719_162..=2_932_896).contains(&days) || microsecond > 999_999 {
            return None;
        }
        let (year, month, day) = civil_from_days(days);
        Some(DateTime {
            year: i32::try_from(year).ok()?,
            month,
            day,
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            microsecond,
        })
    }

    /// Returns the seconds since 1970-01-01 00:00, taking the moment as UTC.
    pub fn unix_seconds(&self) -> i64 {
        let second_of_day = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        self.days() * SECONDS_PER_DAY + second_of_day
    }

    /// Returns the day of the week; 0 is Sunday.
    pub fn weekday(&self) -> i64 {
        (self.days() + 4).rem_euclid(7)
    }

    /// Returns the day of the year, from 0.
    pub fn year_day(&self) -> i64 {
        self.days() - days_from_civil(i64::from(self.year), 1, 1)
    }

    /// Returns the ISO 8601 year and week.
    pub fn iso_week(&self) -> (i64, i64) {
        let monday_based = (self.weekday() + 6) % 7;
        let thursday = self.days() - monday_based + 3;
        let (year, _, _) = civil_from_days(thursday);
        (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
    }

    fn days(&self) -> i64 {
        days_from_civil(i64::from(self.year), i64::from(self.month), i64::from(self.day))
    }
}

/// Counts the days from 1970-01-01; years start in March so that leap days come last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
    let month = (if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }) as u8;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_convert_both_ways() {
        for seconds in [0, -1, 951_782_400, 1_709_210_096, -62_135_596_800, 253_402_300_799] {
            let moment = DateTime::from_unix_seconds(seconds, 0).expect("in range");
            assert_eq!(moment.unix_seconds(), seconds);
        }
        assert_eq!(DateTime::from_unix_seconds(253_402_300_800, 0), None);
        assert_eq!(DateTime::from_unix_seconds(i64::MIN, 0), None);
    }

    #[test]
    fn iso_weeks_belong_to_the_year_of_their_thursday() {
        let new_year = DateTime::from_unix_seconds(1_609_459_200, 0).expect("2021-01-01");
        assert_eq!(new_year.iso_week(), (2020, 53));
        assert_eq!((new_year.weekday(), new_year.year_day()), (5, 0));
    }
}
