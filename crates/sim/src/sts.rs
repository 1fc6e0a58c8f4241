//! STS: who the caller is.

use crate::ecs::task_definitions::principal;
use crate::sim::{Answer, Sim};
use crate::table::{Operation, read};
use serde_json::{Value, json};

/// STS's rows of the table.
pub const OPERATIONS: &[Operation] = &[read("sts", "GetCallerIdentity", get_caller_identity)];

fn get_caller_identity(sim: &mut Sim, _: &Value) -> Answer {
    Ok(json!({
        "Account": sim.config.account,
        "Arn": principal(sim),
        "UserId": format!("AIDASIM{}", sim.caller),
    }))
}
