//! `evenkeel health`: asks the daemon on this machine whether it is alive, as container health checks do.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Uri;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::arguments::Health;
use crate::command::Usage;

const PATIENCE: Duration = Duration::from_secs(4);

/// Asks once.
pub async fn health(arguments: Health) -> anyhow::Result<ExitCode> {
    let url = arguments.url.unwrap_or_else(|| url_of(std::env::var("EVENKEEL_LISTEN").ok().as_deref()));
    let status = tokio::time::timeout(PATIENCE, get(&url))
        .await
        .with_context(|| format!("{url} did not answer within {} s", PATIENCE.as_secs()))??;
    if !status.is_success() {
        bail!("{url} answered {status}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a daemon that listens at `listen` is reached from its own machine.
fn url_of(listen: Option<&str>) -> String {
    let address = listen.and_then(|text| text.parse::<std::net::SocketAddr>().ok());
    let authority = match address {
        None => "127.0.0.1:8080".to_owned(),
        Some(it) if it.ip().is_unspecified() && it.is_ipv6() => format!("[::1]:{}", it.port()),
        Some(it) if it.ip().is_unspecified() => format!("127.0.0.1:{}", it.port()),
        Some(it) => it.to_string(),
    };
    format!("http://{authority}/healthz")
}

async fn get(url: &str) -> anyhow::Result<http::StatusCode> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(Usage(format!("`{url}` is no http:// URL")).into());
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80)))
        .await
        .with_context(|| format!("nobody answers at {authority}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = http::Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(http::header::HOST, authority.as_str())
        .body(Empty::<Bytes>::new())?;
    let answer = async { Ok(sender.send_request(request).await?.status()) };
    tokio::select! {
        biased;
        answer = answer => answer,
        broken = connection => bail!("the connection broke: {broken:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_listens_everywhere_is_asked_on_loopback() {
        assert_eq!(url_of(None), "http://127.0.0.1:8080/healthz");
        assert_eq!(url_of(Some("0.0.0.0:9000")), "http://127.0.0.1:9000/healthz");
        assert_eq!(url_of(Some("[::]:9000")), "http://[::1]:9000/healthz");
        assert_eq!(url_of(Some("10.0.0.7:80")), "http://10.0.0.7:80/healthz");
    }
}
