//! `evenkeel pause`, `resume`, `release`, `approve`, `hook`: what people ask the daemon for, written where it
//! reads it.

use std::process::ExitCode;

use anyhow::{Context, bail};
use evenkeel_cloud::calls::Pace;
use evenkeel_cloud::store::{Location, OrdersFile, Records, S3, Store};
use evenkeel_model::key::UnitKey;
use evenkeel_model::memory::read_record;
use evenkeel_model::orders::{Order, Orders};
use jiff::Timestamp;
use serde_json::json;

use crate::arguments::{Kept, Output};
use crate::conditions::time;
use crate::output;
use crate::source;

/// Gives an order and says what holds from now on.
pub async fn give(kept: Kept, order: Order) -> anyhow::Result<ExitCode> {
    let Location::S3 { bucket, key } = &kept.state else {
        bail!("--state must be the daemon's own, in S3 (s3://BUCKET/PREFIX/), and `{}` is not", kept.state);
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
