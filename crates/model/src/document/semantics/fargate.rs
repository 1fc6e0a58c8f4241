//! What Fargate asks of a task definition.

use super::{Place, is_open, settled};
use crate::tree::Tree;

/// The memory in MiB that goes with an amount of CPU: least, most, step. 74 pairs in all.
const SIZES: [(i64, i64, i64, i64); 7] = [
    // With 256 units the step is not even: see `fits`.
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

/// Whether Fargate has a size of so many CPU units and so much memory in MiB.
fn fits(cpu: i64, memory: i64) -> bool {
    SIZES.iter().any(|&(units, least, most, step)| {
        units == cpu
            && (least..=most).contains(&memory)
            && (memory - least) % step == 0
            && (units, memory) != (256, 1536)
    })
}

/// CPU units in any of AWS's spellings: `1024`, `1 vCPU`, `.5 vcpu`.
pub(super) fn cpu_units(text: &str) -> Option<i64> {
    amount(text, &["vcpu"])
}

/// Memory in MiB in any of AWS's spellings: `2048`, `2 GB`, `.5GB`.
pub(super) fn memory_mib(text: &str) -> Option<i64> {
    amount(text, &["gb"])
}

/// A whole number, or a number of `units` of 1024 each.
fn amount(text: &str, units: &[&str]) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let (number, factor) = match units.iter().find_map(|u| text.strip_suffix(u)) {
        Some(number) => (number.trim_end(), 1024.0),
        None => (text.as_str(), 1.0),
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let amount = number.parse::<f64>().ok()? * factor;
    (amount.fract() == 0.0 && amount > 0.0 && amount < 1.0e9).then_some(amount as i64)
}

/// Members of a container that are not for Fargate.
const NOT_IN_CONTAINERS: [&str; 6] = [
    "links",
    "privileged",
    "linuxParameters/devices",
    "linuxParameters/sharedMemorySize",
    "linuxParameters/maxSwap",
    "dockerSecurityOptions",
];

/// The log drivers of Fargate.
const LOG_DRIVERS: [&str; 3] = ["awslogs", "splunk", "awsfirelens"];

/// Checks a task definition that is to run on Fargate.
pub(super) fn check(task: &Tree, place: &mut Place<'_>) {
    size(task, place);
    match task.str("networkMode") {
        Some(mode) if mode != "awsvpc" && !is_open(mode) => {
            place
                .error("fargate", "networkMode", "on Fargate the network mode is awsvpc")
                .hint("write `\"networkMode\": \"awsvpc\"`");
        }
        None => place.missing("", "networkMode", " on Fargate, where it is awsvpc"),
        _ => {}
    }
    if !task.list_of("placementConstraints").is_empty() {
        let message = "Fargate takes no placement constraints";
        place.warning("fargate", "placementConstraints", message).at_key();
    }
    if task.str("ipcMode") == Some("host") || task.str("ipcMode") == Some("task") {
        place.warning("fargate", "ipcMode", "Fargate takes no IPC mode");
    }
    if task.str("pidMode") == Some("host") {
        place.warning("fargate", "pidMode", "on Fargate the PID mode can only be task");
    }
    for (i, volume) in task.list_of("volumes").iter().enumerate() {
        if volume.get("dockerVolumeConfiguration").is_some() {
            let at = format!("volumes/{i}/dockerVolumeConfiguration");
            place.warning("fargate", &at, "Fargate has no Docker volumes").at_key();
        }
        if volume.get("host").and_then(|h| h.str("sourcePath")).is_some_and(|p| !p.is_empty()) {
            let at = format!("volumes/{i}/host/sourcePath");
            place.warning("fargate", &at, "on Fargate a volume has no path on the host").at_key();
        }
    }
    for (i, container) in task.list_of("containerDefinitions").iter().enumerate() {
        for member in NOT_IN_CONTAINERS {
            let given = container.pointer(member);
            if given.is_some_and(|g| !g.is_empty() && *g != Tree::Bool(false)) {
                let name = member.rsplit('/').next().unwrap_or(member);
                let at = format!("containerDefinitions/{i}/{member}");
                place.warning("fargate", &at, format!("Fargate does not take `{name}`")).at_key();
            }
        }
        let driver = container.get("logConfiguration").and_then(|l| settled(l, "logDriver"));
        if let Some(driver) = driver.filter(|d| !LOG_DRIVERS.contains(d)) {
            let at = format!("containerDefinitions/{i}/logConfiguration/logDriver");
            let message = format!("Fargate has the log drivers {}, not {driver}", LOG_DRIVERS.join(", "));
            place.warning("fargate", &at, message);
        }
    }
    roles(task, place);
}

/// Task-level CPU and memory are one of Fargate's sizes.
fn size(task: &Tree, place: &mut Place<'_>) {
    for member in ["cpu", "memory"] {
        if task.get(member).is_none() {
            place.missing("", member, " on Fargate");
        }
    }
    let (Some(cpu), Some(memory)) = (settled(task, "cpu"), settled(task, "memory")) else { return };
    // What is no amount at all is told for every task definition.
    let (Some(cpu), Some(memory)) = (cpu_units(cpu), memory_mib(memory)) else { return };
    if fits(cpu, memory) {
        return;
    }
    match SIZES.iter().find(|(units, ..)| *units == cpu) {
        Some((_, least, most, step)) => {
            let message = format!("Fargate has no size of {cpu} CPU units with {memory} MiB");
            let hint = match cpu {
                256 => "with 256 units memory is 512, 1024 or 2048".to_owned(),
                _ => format!("with {cpu} units memory is {least} to {most} in steps of {step}"),
            };
            place.error("fargate-size", "memory", message).hint(hint);
        }
        None => {
            let known = SIZES.map(|(units, ..)| units.to_string()).join(", ");
            place
                .error("fargate-size", "cpu", format!("Fargate has no size of {cpu} CPU units"))
                .hint(format!("CPU is one of {known}"));
        }
    }
}

/// What the platform does before the task starts is done in the execution role.
fn roles(task: &Tree, place: &mut Place<'_>) {
    if task.get("executionRoleArn").is_some() {
        return;
    }
    for (i, container) in task.list_of("containerDefinitions").iter().enumerate() {
        let logs = container.get("logConfiguration").and_then(|l| l.str("logDriver")) == Some("awslogs");
        let from_ecr = container.str("image").is_some_and(|i| i.contains(".dkr.ecr."));
        let what = if logs {
            ("logConfiguration", "the log driver awslogs")
        } else if from_ecr {
            ("image", "an image in ECR")
        } else {
            continue;
        };
        let message = format!("on Fargate, {} needs `executionRoleArn` in the task definition", what.1);
        place.error("no-execution-role", &format!("containerDefinitions/{i}/{}", what.0), message).at_key();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fargate_has_74_sizes() {
        let count: usize = SIZES
            .iter()
            .map(|(cpu, ..)| cpu)
            .map(|cpu| (1..=130_000).filter(|memory| fits(*cpu, *memory)).count())
            .sum();
        assert_eq!(count, 74);
    }

    #[test]
    fn amounts_are_read_in_every_spelling() {
        for (text, units) in
            [("1024", 1024), ("1 vCPU", 1024), (".5 vcpu", 512), ("0.25vCPU", 256), (" 16 VCPU ", 16384)]
        {
            assert_eq!(cpu_units(text), Some(units), "{text}");
        }
        for (text, mib) in [("2GB", 2048), (".5 GB", 512), ("0.5gb", 512), ("30 GB", 30720), ("512", 512)] {
            assert_eq!(memory_mib(text), Some(mib), "{text}");
        }
        for text in ["", "GB", "1 GiB", "-1", "1e3", "0", "1.0001 GB", "lots", "1 vCPU 2", "."] {
            assert_eq!(memory_mib(text), None, "{text}");
        }
    }
}
