//! From nothing to running, and then nothing but the lease.

use std::time::Duration;

use super::farsight;
use crate::stage::Stage;

/// The order that AWS demands, and the one that the document asks for: the worker first.
#[tokio::test(start_paused = true)]
async fn two_services_are_brought_from_nothing_to_running() {
    let stage = Stage::new(&farsight());
    let mut daemon = stage.daemon();
    let status = daemon.settled().await;
    assert!(status.is_ready());
    for name in ["farsight-worker", "farsight-api-server"] {
        let service = stage.service(name);
        assert_eq!((&service["runningCount"], &service["desiredCount"]), (&2.into(), &2.into()), "{name}");
    }
    println!("{:#?}", stage.writes(0));
    daemon.stop().await;
}

#[tokio::test(start_paused = true)]
async fn once_settled_nothing_is_written_but_the_lease() {
    let stage = Stage::new(&farsight());
    let mut daemon = stage.daemon();
    daemon.settled().await;
    let mark = stage.mark();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let rows = stage.sim.audit(mark);
    assert!(rows.len() > 100, "the daemon goes on looking");
    let writes: Vec<String> = rows
        .iter()
        .filter(|r| r.write)
        .map(|r| format!("{} {}", r.operation, r.input["Key"].as_str().unwrap_or_default()))
        .filter(|w| w != "PutObject state/lease.json")
        .collect();
    assert_eq!(writes, [String::new(); 0]);
    daemon.stop().await;
}
