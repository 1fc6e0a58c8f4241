//! `evenkeel pause`, `resume`, `release`, `approve`, `hook`: what people ask the daemon for, written where it
//! reads it.

use std::process::ExitCode;

use anyhow::{Context, bail};
use aws_config::SdkConfig;
use evenkeel_cloud::calls::Pace;
use evenkeel_cloud::store::{Location, OrdersFile, Records, S3, Store};
use evenkeel_model::key::UnitKey;
use evenkeel_model::memory::read_record;
use evenkeel_model::orders::{Order, Orders};
use evenkeel_plan::Hook;
use jiff::Timestamp;
use serde_json::json;

use crate::arguments::{Kept, Output};
use crate::command::Usage;
use crate::conditions::time;
use crate::output;
use crate::source;

/// Gives an order and says what holds from now on.
pub async fn give(kept: Kept, order: Order) -> anyhow::Result<ExitCode> {
    let Location::S3 { bucket, key } = &kept.state else {
        let state = &kept.state;
        let wrong =
            format!("--state must be the daemon's own, in S3 (s3://BUCKET/PREFIX/), and `{state}` is not");
        return Err(Usage(wrong).into());
    };
    let sdk = source::connect(None, kept.endpoint_url).await?;
    let store = Store::new(S3::new(&sdk, 0, Pace::REAL), bucket, key);
    let unit = match &order {
        Order::Pause { unit, .. } | Order::Resume(unit) | Order::Release(unit) => Some(unit.clone()),
        Order::Approve(_) | Order::Answer { .. } => None,
    };
    if let Some(unit) = &unit {
        let held = known(&Records::new(store.clone()), unit, &kept.state).await?;
        if matches!(order, Order::Release(_)) && !held {
            bail!("no deployment of {} is held, so there is nothing to release", unit.name());
        }
    }
    if let Order::Answer { hook, .. } = &order {
        waits(&sdk, &Records::new(store.clone()), hook).await?;
    }
    let now = Timestamp::now().as_second();
    let orders = OrdersFile::new(store).add(&order, now).await.context("the order was not kept")?;
    match kept.output {
        Output::Text => output::print(&format!("{}\n", said(&order, &orders)))?,
        Output::Json => output::print_json(&json!({"accepted": true, "message": said(&order, &orders)}))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A name with a mistake in it would be paused in vain: the daemon has a record of whatever it keeps.
/// Says whether it remembers a failed deployment.
async fn known(records: &Records, unit: &UnitKey, state: &Location) -> anyhow::Result<bool> {
    let Some((bytes, _)) = records.get(&unit.to_string()).await? else {
        bail!(
            "the daemon at {state} remembers no service {}; services are named CLUSTER/SERVICE",
            unit.name()
        );
    };
    let (_, remembered) = read_record(&bytes).context("the record of the service cannot be read")?;
    Ok(remembered.held.is_some())
}

/// An answer to a hook at which nothing waits would be kept in vain. Whoever may write orders may not be allowed to
/// read ECS: that is said, and the answer is kept.
async fn waits(sdk: &SdkConfig, records: &Records, id: &str) -> anyhow::Result<()> {
    let units = records.load_all().await?.into_keys().filter_map(|name| UnitKey::parse(&name));
    let services = units.filter_map(|unit| unit.service().cloned()).collect();
    let waiting = match evenkeel_controller::waiting_hooks(sdk, &services, Pace::REAL).await {
        Ok(waiting) => waiting,
        Err(error) => {
            eprintln!("warning: whether a deployment waits at hook {id} cannot be told: {error}");
            return Ok(());
        }
    };
    let waiting: Vec<(String, &Hook)> = waiting.iter().map(|(key, hook)| (key.to_string(), hook)).collect();
    if waiting.iter().any(|(_, hook)| hook.id == id) {
        return Ok(());
    }
    bail!("{}", no_hook(id, &waiting))
}

/// Says that nothing waits at a hook of that id, and what does wait.
pub(crate) fn no_hook(id: &str, waiting: &[(String, &Hook)]) -> String {
    const MOST: usize = 10;
    let all: Vec<String> =
        waiting.iter().take(MOST).map(|(at, hook)| format!("{} of {at}", hook.id)).collect();
    let more = if waiting.len() > MOST { ", …" } else { "" };
    match all.as_slice() {
        [] => format!("no deployment waits at a hook {id}, and none at any other"),
        _ => format!("no deployment waits at a hook {id}; these wait: {}{more}", all.join(", ")),
    }
}

fn said(order: &Order, orders: &Orders) -> String {
    match order {
        Order::Pause { unit, .. } => {
            let until = orders.pauses.get(unit).and_then(|pause| time(pause.until)).unwrap_or_default();
            format!("{} is left alone until {until}", unit.name())
        }
        Order::Resume(unit) => format!("{} is kept again", unit.name()),
        Order::Release(unit) => format!("the held deployment of {} may be tried again", unit.name()),
        Order::Approve(plan) => format!("the deletions of plan {plan} are approved for a day"),
        Order::Answer { hook, verdict } => format!("hook {hook} is told to {}", verdict.word()),
    }
}
