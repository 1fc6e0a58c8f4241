//! What is done over and over without effect: a value that AWS takes and shows otherwise, somebody or something
//! that sets back whatever is set. It is done once more, and then ever more rarely, and said.

use evenkeel_model::memory::{Remembered, Repeated};

use crate::report::WaitingOn;
use crate::unit::back_off;
use crate::{Because, Step, Unit, hash};

/// For how long the same run counts as done in a row.
const IN_A_ROW: i64 = 3600;

/// How often it is done without waiting.
const FREE: u32 = 2;

/// What is remembered once these steps are done.
pub(crate) fn noted<'s>(
    before: Option<Repeated>,
    done: impl Iterator<Item = &'s Step>,
    clock: i64,
) -> Repeated {
    let what = what(done);
    let again = before.filter(|it| it.what == what && clock - it.at < IN_A_ROW);
    Repeated { what, times: again.map_or(1, |it| it.times.saturating_add(1)), at: clock }
}

/// What a unit has to wait for, where all that it can do was done already and came to nothing.
pub(crate) fn waits(unit: &Unit, memory: &Remembered, clock: i64) -> Option<WaitingOn> {
    let before = memory.repeated.as_ref().filter(|it| it.times >= FREE)?;
    let seconds = before.at + back_off(before.times) - clock;
    if seconds <= 0 {
        return None;
    }
    let ready = unit.steps.get(..unit.ready()).filter(|steps| !steps.is_empty())?;
    let failure = format!(
        "{} was done {} times, and what it puts right is wrong again: somebody sets it back, or AWS does not \
         keep it",
        ready.first()?.id,
        before.times,
    );
    (what(ready.iter()) == before.what).then_some(WaitingOn::BackOff { failure, seconds })
}

/// The hash of steps and of what they are to put right.
fn what<'s>(steps: impl Iterator<Item = &'s Step>) -> String {
    let mut text = String::new();
    for step in steps {
        text.push_str(&step.id.0);
        for because in &step.because {
            text.push(' ');
            match because {
                Because::Field(drift) => text.push_str(&hash::drift(drift)),
                Because::Reason(reason) => text.push_str(reason),
                Because::Missing => text.push_str("missing"),
            }
        }
        text.push('\n');
    }
    hash::hex(text.as_bytes(), 16)
}
