//! How fast and how large the simulator is, printed: `cargo run --release -p evenkeel-sim --example bench`.
//!
//! With the path of a Python that has moto as its argument, moto is asked the same over TCP in the same run. Times are
//! the wall's: on a machine that does other things too they are longer.

use evenkeel_sim::{SimConfig, SimHandle, serve};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const MOTO: &str = "
import logging, time
logging.getLogger('werkzeug').setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print('%s:%s' % server.get_host_and_port(), flush=True)
time.sleep(3600)
";

fn account() -> SimHandle {
    SimHandle::new(SimConfig {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        seed: 1,
        start_epoch_seconds: 1_795_000_000,
    })
}

fn definition() -> serde_json::Value {
    json!({
        "family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "app", "image": "app:v1", "portMappings": [{"containerPort": 80}]}],
    })
}

fn service(name: &str, count: u64) -> serde_json::Value {
    json!({
        "cluster": "main", "serviceName": name, "taskDefinition": "app", "desiredCount": count, "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    })
}

fn filled(services: u64, tasks: u64) -> SimHandle {
    let sim = account();
    let call = |operation: &str, input| sim.call("bench", "ecs", operation, input).map(drop);
    let _ = call("CreateCluster", json!({"clusterName": "main"}));
    let _ = call("RegisterTaskDefinition", definition());
    for index in 0..services {
        let _ = call("CreateService", service(&format!("s{index}"), tasks));
    }
    sim
}

/// Seconds of processor time that this process has used, where the system says; a clock tick is a hundredth.
fn worked() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|it| it.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks() + ticks()) / 100.0
}

/// Resident memory in MB, where the system says.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

fn target(operation: &str) -> String {
    format!("AmazonEC2ContainerServiceV20141113.{operation}")
}

fn request(operation: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST / HTTP/1.1\r\nHost: ecs.us-east-1.amazonaws.com\r\nX-Amz-Target: {}\r\nContent-Type: application/x-amz-json-1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=bench/20261121/us-east-1/ecs/aws4_request\r\nContent-Length: {}\r\n\r\n{body}",
        target(operation),
        body.len()
    )
    .into_bytes()
}

/// Sends one request and reads its answer; connects anew where the server has closed the connection.
async fn ask(stream: &mut Option<TcpStream>, address: &str, request: &[u8]) -> std::io::Result<usize> {
    let mut connection = match stream.take() {
        Some(connection) => connection,
        None => TcpStream::connect(address).await?,
    };
    connection.set_nodelay(true)?;
    connection.write_all(request).await?;
    let mut seen = Vec::new();
    loop {
        let mut part = [0; 65_536];
        let count = connection.read(&mut part).await?;
        seen.extend_from_slice(&part[..count]);
        let Some(head) = seen.windows(4).position(|it| it == b"\r\n\r\n") else {
            if count == 0 {
                return Ok(0);
            }
            continue;
        };
        let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if count == 0 || seen.len() >= head + 4 + length.unwrap_or(0) {
            if !text.contains("connection: close") {
                *stream = Some(connection);
            }
            return Ok(seen.len());
        }
    }
}

async fn over_tcp(address: &str, names: &[String], seconds: u64) -> std::io::Result<f64> {
    let asked = request("DescribeServices", &json!({"cluster": "main", "services": names}));
    let (began, mut count, mut stream) = (Instant::now(), 0u32, None);
    while began.elapsed() < Duration::from_secs(seconds) {
        ask(&mut stream, address, &asked).await?;
        count += 1;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let names: Vec<String> = (0..10).map(|index| format!("s{index}")).collect();
    let sim = filled(100, 2);
    sim.advance(Duration::from_secs(600));
    for asked in [&names[..1], &names[..]] {
        let body = json!({"cluster": "main", "services": asked}).to_string();
        let asked_for = || {
            let request = http::Request::post("/").header("x-amz-target", target("DescribeServices"));
            request.body(bytes::Bytes::from(body.clone())).unwrap_or_default()
        };
        let (began, mut count) = (Instant::now(), 0u32);
        while began.elapsed() < Duration::from_secs(2) {
            sim.request(asked_for());
            count += 1;
        }
        let rate = f64::from(count) / began.elapsed().as_secs_f64();
        println!("DescribeServices of {:2}, in process: {rate:9.0} calls/s", asked.len());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(serve(listener, sim, std::future::pending()));
    let mut ours = Vec::new();
    for asked in [&names[..1], &names[..]] {
        let rate = over_tcp(&address, asked, 2).await?;
        println!("DescribeServices of {:2}, over TCP:   {rate:9.0} calls/s", asked.len());
        ours.push(rate);
    }
    if let Some(python) = std::env::args().nth(1) {
        let mut moto = Command::new(python).args(["-c", MOTO]).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        if let Some(out) = moto.stdout.take() {
            BufReader::new(out).read_line(&mut address)?;
        }
        let address = address.trim();
        let mut stream = None;
        for (operation, input) in
            [("CreateCluster", json!({"clusterName": "main"})), ("RegisterTaskDefinition", definition())]
        {
            ask(&mut stream, address, &request(operation, &input)).await?;
        }
        for name in &names {
            ask(&mut stream, address, &request("CreateService", &service(name, 2))).await?;
        }
        for (asked, ours) in [&names[..1], &names[..]].into_iter().zip(ours) {
            let rate = over_tcp(address, asked, 3).await?;
            println!(
                "DescribeServices of {:2}, moto:       {rate:9.0} calls/s ({:.0} times)",
                asked.len(),
                ours / rate
            );
        }
        moto.kill()?;
        moto.wait()?;
    }

    let (before, began) = (resident(), Instant::now());
    let large = filled(5_000, 10);
    // At twenty launches a second that many tasks take their time.
    large.advance(Duration::from_secs(3_600));
    println!(
        "5,000 services with 50,000 tasks: {:.0} MB more than {before:.0} MB, started in {:.1} s",
        resident() - before,
        began.elapsed().as_secs_f64()
    );
    drop(large);

    let busy = filled(500, 4);
    busy.advance(Duration::from_secs(600));
    let (began, worked_before) = (Instant::now(), worked());
    for round in 0..12 {
        for index in 0..500 {
            let input = json!({"cluster": "main", "service": format!("s{index}"), "forceNewDeployment": true, "desiredCount": 4 + round % 3});
            let _ = busy.call("bench", "ecs", "UpdateService", input);
        }
        busy.advance(Duration::from_secs(300));
    }
    println!(
        "a virtual hour of 500 services, each deployed twelve times: {:.2} s of the processor's time, {:.2} s in all",
        worked() - worked_before,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
