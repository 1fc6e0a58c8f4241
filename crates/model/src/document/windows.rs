//! Maintenance windows: when what the document changed may be made.
//!
//! A window belongs to the day on which it begins. Where the clocks are put forward it begins and ends as much
//! later as they skip; where they are put back, at the first of the two times of that name.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan, Zoned};

use crate::diagnostic::Diagnostic;
use crate::path::Path;
use crate::tree::Tree;

/// The days as a document writes them, Monday first.
pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// A time of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// When it begins.
    pub from: Time,
    /// When it ends: on the next day where that is not after `from`.
    pub to: Time,
    /// Whose time that is.
    pub timezone: TimeZone,
    /// What a human changed is left, too, until it opens.
    pub holds_drift: bool,
}

impl Window {
    /// When the window of a day begins and ends; `None` where it has none.
    fn of(&self, day: Date) -> Option<(Zoned, Timestamp)> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        let (from, to) = (day.to_datetime(self.from), last.to_datetime(self.to));
        let begins = from.to_zoned(self.timezone.clone()).ok()?;
        let ends = to.to_zoned(self.timezone.clone()).ok()?;
        let ends = if ends > begins {
            ends.timestamp()
        } else {
            // All of it lies in what the clocks skip.
            begins.timestamp().checked_add(to.duration_since(from)).ok()?
        };
        Some((begins, ends))
    }

    fn around(&self, at: Timestamp) -> impl Iterator<Item = (Zoned, Timestamp)> + '_ {
        let today = at.to_zoned(self.timezone.clone()).date();
        let first = today.yesterday().unwrap_or(today);
        // A week and a day to either side of midnight in whatever time zone.
        first.series(1.day()).take(10).filter_map(|day| self.of(day))
    }

    /// True where `at` lies in it.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.around(at).any(|(begins, ends)| begins.timestamp() <= at && at < ends)
    }

    /// When it opens next, after `at`.
    pub fn opens(&self, at: Timestamp) -> Option<Zoned> {
        self.around(at).map(|(begins, _)| begins).filter(|b| b.timestamp() > at).min()
    }
}

/// The `windows` of the settings or of a service, where it has any; `path` is whose they are.
pub(super) fn read(tree: &Tree, path: &Path, out: &mut Vec<Diagnostic>) -> Option<Vec<Window>> {
    let listed = tree.get("windows")?;
    let mut windows = Vec::new();
    for (i, item) in listed.items().iter().enumerate() {
        let at = path.child("windows").child(i.to_string());
        windows.extend(window(item, &at, out));
    }
    Some(windows)
}

fn window(item: &Tree, at: &Path, out: &mut Vec<Diagnostic>) -> Option<Window> {
    let mut time = |member: &str| {
        let found = Time::strptime("%H:%M", item.str(member)?).ok();
        if found.is_none() {
            let wrong = Diagnostic::error("bad-time", at.child(member), "this is no time of day");
            out.push(wrong.with_hint("for example `22:00`"));
        }
        found
    };
    let (from, to) = (time("from"), time("to"));
    let name = item.str("timezone").unwrap_or("UTC");
    let timezone = TimeZoneDatabase::bundled().get(name).ok();
    if timezone.is_none() {
        let wrong = Diagnostic::error("bad-timezone", at.child("timezone"), "this is no time zone");
        out.push(wrong.with_hint("a name of the IANA database, for example `Europe/Berlin`"));
    }
    let days: Vec<Weekday> = match item.list_of("days") {
        [] => WEEK.to_vec(),
        named => {
            let position = |day: &Tree| DAYS.iter().position(|d| Some(*d) == day.as_str());
            named.iter().filter_map(|day| WEEK.get(position(day)?).copied()).collect()
        }
    };
    Some(Window {
        days,
        from: from?,
        to: to?,
        timezone: timezone?,
        holds_drift: item.str("drift") == Some("hold"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window_of(json: serde_json::Value) -> Window {
        let mut out = Vec::new();
        window(&Tree::from(json), &Path::root(), &mut out).unwrap_or_else(|| panic!("{out:?}"))
    }

    /// Whether it is open at each of these times, and when it opens next after the first.
    fn told(window: &Window, times: &[&str]) -> (Vec<bool>, String) {
        let times: Vec<Timestamp> = times.iter().map(|t| t.parse().unwrap()).collect();
        let opens = window.opens(times[0]).unwrap();
        (times.iter().map(|t| window.is_open(*t)).collect(), opens.to_string())
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let friday = window_of(
            serde_json::json!({"days": ["fri"], "from": "22:00", "to": "04:00", "timezone": "Europe/Berlin"}),
        );
        // 2027-01-15 is a Friday; Berlin is an hour ahead.
        let (open, next) = told(
            &friday,
            &[
                "2027-01-15T20:59:59Z",
                "2027-01-15T21:00:00Z",
                "2027-01-16T02:59:59Z",
                "2027-01-16T03:00:00Z",
                "2027-01-16T22:00:00Z",
            ],
        );
        assert_eq!(open, [false, true, true, false, false]);
        assert_eq!(next, "2027-01-15T22:00:00+01:00[Europe/Berlin]");
        let (_, next) = told(&friday, &["2027-01-15T21:00:00Z"]);
        assert_eq!(next, "2027-01-22T22:00:00+01:00[Europe/Berlin]");
    }

    #[test]
    fn without_days_it_is_every_day_and_without_a_zone_in_utc() {
        let noon = window_of(serde_json::json!({"from": "12:00", "to": "13:00"}));
        let (open, next) = told(&noon, &["2027-01-15T12:30:00Z", "2027-01-17T12:00:00Z"]);
        assert_eq!((open, next.as_str()), (vec![true, true], "2027-01-16T12:00:00+00:00[UTC]"));
        let whole = window_of(serde_json::json!({"from": "12:00", "to": "12:00"}));
        assert!(whole.is_open("2027-01-15T11:59:59Z".parse().unwrap()));
    }

    #[test]
    fn it_opens_where_the_clocks_are_put_forward() {
        // In Berlin, 2027-03-28 has no time from 02:00 to 03:00.
        let within = window_of(
            serde_json::json!({"days": ["sun"], "from": "02:00", "to": "03:00", "timezone": "Europe/Berlin"}),
        );
        let (open, next) = told(
            &within,
            &["2027-03-28T00:59:59Z", "2027-03-28T01:00:00Z", "2027-03-28T01:59:59Z", "2027-03-28T02:00:00Z"],
        );
        assert_eq!(open, [false, true, true, false]);
        assert_eq!(next, "2027-03-28T03:00:00+02:00[Europe/Berlin]");
        let across =
            window_of(serde_json::json!({"from": "01:00", "to": "04:00", "timezone": "Europe/Berlin"}));
        let (open, _) =
            told(&across, &["2027-03-28T00:00:00Z", "2027-03-28T01:59:59Z", "2027-03-28T02:00:00Z"]);
        assert_eq!(open, [true, true, false]);
    }

    #[test]
    fn it_opens_once_where_the_clocks_are_put_back() {
        // In Berlin, 2027-10-31 has the time from 02:00 to 03:00 twice.
        let twice = window_of(
            serde_json::json!({"days": ["sun"], "from": "02:30", "to": "04:00", "timezone": "Europe/Berlin"}),
        );
        let (open, next) = told(
            &twice,
            &["2027-10-31T00:29:59Z", "2027-10-31T00:30:00Z", "2027-10-31T01:15:00Z", "2027-10-31T03:00:00Z"],
        );
        assert_eq!(open, [false, true, true, false]);
        assert_eq!(next, "2027-10-31T02:30:00+02:00[Europe/Berlin]");
    }

    #[test]
    fn every_time_zone_is_bundled() {
        for name in ["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"] {
            window_of(serde_json::json!({"from": "00:00", "to": "01:00", "timezone": name}));
        }
    }
}
