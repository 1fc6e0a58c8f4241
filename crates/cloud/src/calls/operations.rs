//! The table of operations.
use crate::stub::Op;
/// Whether a call changes the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does not.
    Read,
    /// It may.
    Write,
}
pub(crate) struct Row {
    pub effect: Effect,
}
pub(crate) fn row(op: Op) -> Row {
    Row {
        effect: if op.name().starts_with("Describe")
            || op.name().starts_with("List")
            || op.name().contains("Get")
        {
            Effect::Read
        } else {
            Effect::Write
        },
    }
}
