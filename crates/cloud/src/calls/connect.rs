//! How the process reaches AWS: credentials, region and endpoint as every AWS tool finds them, and one HTTPS
//! client for all services.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};

/// What the SDK's defaults mean; pinned, so that an update of the SDK changes none of them.
pub(super) fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Settings from the environment, the shared files, and the task's or instance's role; `region` and
/// `endpoint` come before what is found there.
///
/// Makes no request: credentials are fetched, and renewed before they expire, when a call needs them.
pub async fn connect(region: Option<String>, endpoint: Option<String>) -> SdkConfig {
    let mut loader = aws_config::defaults(behavior()).http_client(https());
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader.load().await
}

/// How long a connection is kept without a request. AWS closes idle ones after 20 s and more; one that is
/// closed just as a write goes out would leave its effect unknown.
const IDLE: Duration = Duration::from_secs(15);

/// One HTTPS client for all services, where each SDK client would else have its own with its own copy of the
/// trusted certificates. Proxies are taken from the environment, as the SDK's default client does.
fn https() -> SharedHttpClient {
    type Times = (Option<Duration>, Option<Duration>);
    let connectors: Mutex<BTreeMap<Times, SharedHttpConnector>> = Mutex::default();
    http_client_fn(move |settings, components| {
        let times = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(times).or_insert_with(|| {
            let mut builder = Connector::builder()
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
                .connector_settings(settings.clone())
                .pool_idle_timeout(IDLE)
                .proxy_config(ProxyConfig::from_env());
            builder.set_sleep_impl(components.sleep_impl());
            SharedHttpConnector::new(builder.build())
        });
        connector.clone()
    })
}

#[cfg(test)]
mod tests {
    use evenkeel_model::Tree;
    use evenkeel_model::shapes::Op;
    use prometheus::Registry;

    use super::*;
    use crate::calls::{CallMetrics, Calls, CallsOptions};
    use crate::testing::{chunked, sdk_over_tcp};

    #[tokio::test]
    async fn the_client_of_production_reaches_a_server() {
        let port = chunked(&["{\"clusterArns\":", "[]}"], true).await;
        let sdk = sdk_over_tcp(port).into_builder().http_client(https()).build();
        let metrics = CallMetrics::register(&Registry::new()).unwrap();
        let calls = Calls::new(&sdk, CallsOptions::new(metrics));
        assert_eq!(calls.pages(Op::EcsListClusters, Tree::map()).await.unwrap(), []);
    }
}
