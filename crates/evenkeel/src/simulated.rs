//! The way to the simulated AWS of the demo, made by hand: no profile, no environment, no metadata service,
//! no proxy, and nowhere but to this machine.

use std::net::SocketAddr;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;

/// The access key by which the simulated AWS knows the daemon from everybody else.
pub const ACCESS_KEY: &str = "EVENKEELDEMO";

/// An address that is not on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the demo talks to this machine only, and `{0}` is not on it")]
pub struct NotLoopback(String);

/// Settings for the simulated AWS that listens at `address`.
///
/// # Guarantees
/// Nothing of the process's surroundings gets into it, and whatever an SDK client makes of it, no request
/// leaves for another place than a loopback address.
///
/// # Errors
/// Where `address` is no loopback address.
pub fn sdk(address: SocketAddr, region: &str) -> Result<SdkConfig, NotLoopback> {
    if !address.ip().is_loopback() {
        return Err(NotLoopback(address.to_string()));
    }
    // One for all clients, and without TLS there is nothing in it that differs between them.
    let connector = SharedHttpConnector::new(LoopbackOnly(
        Connector::builder().proxy_config(ProxyConfig::disabled()).build_http(),
    ));
    let credentials = Credentials::new(ACCESS_KEY, "simulated", None, None, "the demo");
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{address}"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build())
}

/// Refuses each request to anywhere else, whoever resolved its endpoint.
#[derive(Debug)]
struct LoopbackOnly(Connector);

impl HttpConnector for LoopbackOnly {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match check(request.uri()) {
            Ok(()) => self.0.call(request),
            Err(error) => HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        }
    }
}

/// Names are refused, too: what they stand for is somebody else's decision.
fn check(uri: &str) -> Result<(), NotLoopback> {
    let parsed: Option<http::Uri> = uri.parse().ok();
    let host = parsed.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let ip: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    match ip {
        Some(ip) if ip.is_loopback() => Ok(()),
        _ => Err(NotLoopback(host.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use evenkeel_cloud::calls::{Pace, account};
    use evenkeel_cloud::store::{Condition, S3, Store};
    use evenkeel_sim::{SimConfig, SimHandle};
    use tokio::net::TcpListener;

    use super::*;

    fn sim() -> SimHandle {
        SimHandle::new(SimConfig {
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            seed: 1,
            start_epoch_seconds: 1_795_255_200,
        })
    }

    #[test]
    fn an_endpoint_elsewhere_is_refused() {
        for address in ["10.0.0.1:80", "0.0.0.0:80", "169.254.169.254:80", "[2001:db8::1]:80"] {
            assert!(sdk(address.parse().unwrap(), "us-east-1").is_err(), "{address}");
        }
        assert!(sdk("127.0.0.1:80".parse().unwrap(), "us-east-1").is_ok());
    }

    #[test]
    fn a_request_elsewhere_is_refused_whoever_makes_it() {
        for uri in [
            "https://ecs.us-east-1.amazonaws.com/",
            "http://169.254.169.254/latest/meta-data/",
            "http://localhost/",
            "http://127.0.0.1.example.com/",
            "http://127.0.0.1@example.com/",
            "/",
        ] {
            assert!(check(uri).is_err(), "{uri}");
        }
        assert_eq!(check("http://127.0.0.1:4566/bucket/key"), Ok(()));
        assert_eq!(check("http://[::1]:4566/"), Ok(()));
    }

    #[tokio::test]
    async fn a_client_that_is_pointed_elsewhere_reaches_nobody() {
        let address = "127.0.0.1:9".parse().unwrap();
        let elsewhere =
            sdk(address, "us-east-1").unwrap().into_builder().endpoint_url("http://192.0.2.1").build();
        let error = account(&elsewhere, Pace::new(1000.0).unwrap()).await.unwrap_err().to_string();
        assert!(error.contains("`192.0.2.1` is not on it"), "{error}");
    }

    /// In an environment and with profiles made to lead astray: see the test below.
    #[tokio::test]
    async fn calls_are_made_with_what_was_made_by_hand() {
        let sim = sim();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(evenkeel_sim::serve(listener, sim.clone(), std::future::pending()));
        let sdk = sdk(address, "eu-central-1").unwrap();
        sim.put_bucket("bucket", true);
        let store = Store::new(S3::new(&sdk, 0, Pace::REAL), "bucket", "state/");
        store.put("x.json", "{}".into(), Condition::Absent).await.unwrap();
        assert_eq!(account(&sdk, Pace::REAL).await.unwrap().id, "123456789012");
        let calls = sim.audit(0);
        assert_eq!(calls.len(), 2);
        assert!(calls.iter().all(|call| call.caller == ACCESS_KEY), "{calls:?}");
        assert_eq!(sdk.region().map(AsRef::as_ref), Some("eu-central-1"));
    }

    /// Runs the test above anew, where every variable and file that the SDK reads points to a trap.
    #[test]
    fn neither_environment_nor_profiles_reach_it() {
        let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        trap.set_nonblocking(true).unwrap();
        let url = format!("http://{}", trap.local_addr().unwrap());
        let folder = std::env::temp_dir().join(format!("evenkeel-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (config, credentials) = (folder.join("config"), folder.join("credentials"));
        let profile = format!("region = us-west-2\nendpoint_url = {url}\ncredential_process = false\n");
        std::fs::write(&config, format!("[default]\n{profile}\n[profile trap]\n{profile}")).unwrap();
        let keys = "aws_access_key_id = TRAP\naws_secret_access_key = TRAP\n";
        std::fs::write(&credentials, format!("[default]\n{keys}\n[trap]\n{keys}")).unwrap();
        let mut run = Command::new(std::env::current_exe().unwrap());
        run.args(["--exact", "simulated::tests::calls_are_made_with_what_was_made_by_hand"])
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_SHARED_CREDENTIALS_FILE", &credentials)
            .env("AWS_PROFILE", "trap")
            .env("AWS_ACCESS_KEY_ID", "TRAP")
            .env("AWS_SECRET_ACCESS_KEY", "TRAP")
            .env("AWS_SESSION_TOKEN", "TRAP")
            .env("AWS_REGION", "us-west-2")
            .env("AWS_USE_FIPS_ENDPOINT", "true")
            .env("AWS_USE_DUALSTACK_ENDPOINT", "true");
        for name in [
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL_STS",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
        ] {
            run.env(name, &url);
        }
        let output = run.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        assert!(trap.accept().is_err(), "somebody walked into the trap");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
