//! Serves an empty simulated account: `serve PORT SPEED`.

use evenkeel_sim::{SimConfig, SimHandle, drive_clock, serve};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let speed: f64 = arguments.next().and_then(|it| it.parse().ok()).unwrap_or(1.0);
    let handle = SimHandle::new(SimConfig {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        seed: 1,
        start_epoch_seconds: jiff::Timestamp::now().as_second(),
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    tokio::join!(
        serve(listener, handle.clone(), std::future::pending()),
        drive_clock(handle, speed, std::future::pending()),
    );
    Ok(())
}
