//! The certificates of a listener.

use super::listeners::{Listener, no_listener};
use super::{PAGING, invalid};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, list, page, paged, text};
use serde_json::{Value, json};

/// AddListenerCertificates: certificates beside the default one, chosen by the name that a client asks for.
pub(super) fn add(sim: &mut Sim, input: &Value) -> Answer {
    let listener = secured(sim, input)?;
    let sent: Vec<String> = certificates_in(input);
    listener.certificates.extend(sent.iter().cloned());
    Ok(json!({"Certificates": sent.iter().map(|arn| certificate(arn, false)).collect::<Vec<_>>()}))
}

pub(super) fn remove(sim: &mut Sim, input: &Value) -> Answer {
    let listener = secured(sim, input)?;
    let (sent, default) = (certificates_in(input), default_certificate(listener));
    refuse! {
        sent.iter().any(|arn| default == Some(arn)) => ApiError::new("OperationNotPermitted", "Default certificate cannot be removed");
    }
    listener.certificates.retain(|arn| !sent.contains(arn));
    Ok(json!({}))
}

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let listener = secured(sim, input)?;
    let others = listener.certificates.iter().map(|arn| (arn.clone(), certificate(arn, false)));
    let default = default_certificate(listener).map(|arn| (String::new(), certificate(arn, true)));
    let (page, next) = page(default.into_iter().chain(others).collect(), input, &PAGING)?;
    Ok(paged("Certificates", page, next, &PAGING))
}

/// The listener of a request, which must be one that has certificates.
fn secured<'a>(sim: &'a mut Sim, input: &Value) -> Result<&'a mut Listener, ApiError> {
    let arn = value::required(input, "ListenerArn", "ValidationError")?;
    let listener = sim.elb.listeners.get_mut(arn).ok_or_else(no_listener)?;
    match matches!(text(&listener.config, "Protocol"), Some("HTTPS" | "TLS")) {
        true => Ok(listener),
        false => Err(invalid("Certificates can only be specified for listeners of protocol HTTPS or TLS")),
    }
}

fn certificates_in(input: &Value) -> Vec<String> {
    let sent = list(input, "Certificates").iter();
    sent.filter_map(|it| text(it, "CertificateArn").map(str::to_owned)).collect()
}

fn default_certificate(listener: &Listener) -> Option<&str> {
    text(list(&listener.config, "Certificates").first()?, "CertificateArn")
}

fn certificate(arn: &str, default: bool) -> Value {
    json!({"CertificateArn": arn, "IsDefault": default})
}
