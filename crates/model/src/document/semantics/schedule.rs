//! Schedules as Application Auto Scaling takes them: `at(…)`, `rate(…)` and `cron(…)`.

/// What is wrong with a schedule, in one clause.
pub(super) fn fault(schedule: &str) -> Option<&'static str> {
    let Some((kind, inside)) = schedule.trim().strip_suffix(')').and_then(|s| s.split_once('(')) else {
        return Some("a schedule is `at(…)`, `rate(…)` or `cron(…)`");
    };
    match kind {
        "at" => {
            let fits = inside.parse::<jiff::civil::DateTime>().is_ok();
            (!fits).then_some("`at` takes a time as in `at(2027-01-31T18:30:00)`")
        }
        "rate" => (!is_rate(inside))
            .then_some("`rate` takes a number and minutes, hours or days, as in `rate(5 minutes)`"),
        "cron" => cron(inside),
        _ => Some("a schedule is `at(…)`, `rate(…)` or `cron(…)`"),
    }
}

fn is_rate(inside: &str) -> bool {
    let mut words = inside.split_whitespace();
    let (number, unit) = (words.next(), words.next());
    let number = number.and_then(|n| n.parse::<u32>().ok()).filter(|n| *n > 0);
    let unit = unit.map(|u| u.strip_suffix('s').unwrap_or(u));
    number.is_some() && matches!(unit, Some("minute" | "hour" | "day")) && words.next().is_none()
}

/// The six fields of `cron`: least, greatest, names that stand for numbers from the least on.
const FIELDS: [(u32, u32, &[&str]); 6] = [
    (0, 59, &[]),
    (0, 23, &[]),
    (1, 31, &[]),
    (1, 12, &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
    (1, 7, &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
    (1970, 2199, &[]),
];
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

fn cron(inside: &str) -> Option<&'static str> {
    let fields: Vec<&str> = inside.split_whitespace().collect();
    let [_, _, day, _, weekday, _] = fields[..] else {
        return Some("`cron` has six fields: minutes, hours, day of month, month, day of week, year");
    };
    if (day == "?") == (weekday == "?") {
        return Some("one of day of month and day of week is `?`, the other is not");
    }
    let fits = fields.iter().zip(FIELDS).enumerate().all(|(i, (field, limits))| is_field(field, i, limits));
    (!fits).then_some("a field of this `cron` is out of range or cannot be read")
}

fn is_field(field: &str, at: usize, (least, most, names): (u32, u32, &[&str])) -> bool {
    let number = |text: &str| {
        let named = names.iter().position(|n| n.eq_ignore_ascii_case(text));
        let number = named.map(|p| least + p as u32).or_else(|| text.parse().ok())?;
        (least..=most).contains(&number).then_some(number)
    };
    field.split(',').all(|part| {
        if part == "?" {
            return at == DAY_OF_MONTH || at == DAY_OF_WEEK;
        }
        if at == DAY_OF_MONTH && (part == "L" || part == "LW") {
            return true;
        }
        if at == DAY_OF_MONTH && part.strip_suffix('W').is_some_and(|day| number(day).is_some()) {
            return true;
        }
        if at == DAY_OF_WEEK {
            if part == "L" || part.strip_suffix('L').is_some_and(|day| number(day).is_some()) {
                return true;
            }
            if let Some((day, nth)) = part.split_once('#') {
                return number(day).is_some() && matches!(nth, "1" | "2" | "3" | "4" | "5");
            }
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        if step.is_some_and(|s| s.parse::<u32>().map_or(true, |s| s == 0)) {
            return false;
        }
        match range.split_once('-') {
            Some((first, last)) => number(first).is_some() && number(last).is_some(),
            None => range == "*" || number(range).is_some(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_that_aws_takes_are_told_from_others() {
        for good in [
            "at(2027-01-31T18:30:00)",
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(2 days)",
            "cron(0 10 * * ? *)",
            "cron(00 7 ? * * *)",
            "cron(15 10 ? * 6L 2022-2027)",
            "cron(0/15 8-17 ? * MON-FRI *)",
            "cron(0 8 1 * ? *)",
            "cron(0 8 LW * ? *)",
            "cron(0 8 3W * ? *)",
            "cron(0 8 ? JAN,JUL 2#1 *)",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "",
            "daily",
            "at(tomorrow)",
            "rate(0 minutes)",
            "rate(5 weeks)",
            "rate(five minutes)",
            "rate(1 minute 2)",
            "cron(0 10 * * *)",
            "cron(0 10 * * * *)",
            "cron(0 10 ? * ? *)",
            "cron(60 10 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 10 * FOO ? *)",
            "cron(0/0 10 * * ? *)",
            "cron(? 10 * * ? *)",
            "cron 0 10 * * ? *",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
