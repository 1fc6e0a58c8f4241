//! What AWS's answers show in another place or form than its calls take it, for answers that are pasted.

use crate::tree::{Map, Tree};

/// A member of a call found elsewhere in an answer.
pub(super) struct Shown {
    /// Its name in the call.
    pub member: &'static str,
    /// Its value as the call takes it.
    pub value: Tree,
    /// Where in the answer it is.
    pub at: Vec<String>,
}

/// Everything is where the call has it.
pub(super) fn in_place(_: &Map) -> Vec<Shown> {
    Vec::new()
}

/// Members of a service that ECS shows on the primary deployment.
const ON_DEPLOYMENT: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// Of a service: what its primary deployment shows.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>
pub(super) fn service(answer: &Map) -> Vec<Shown> {
    let deployments = answer.get("deployments").map_or(&[][..], Tree::items);
    let Some(at) = deployments.iter().position(|d| d.str("status") == Some("PRIMARY")) else {
        return Vec::new();
    };
    let shown = |member: &'static str| {
        let value = deployments.get(at)?.get(member)?.clone();
        let at = ["deployments".to_owned(), at.to_string(), member.to_owned()].to_vec();
        (!answer.contains(member) && !value.is_empty()).then_some(Shown { member, value, at })
    };
    ON_DEPLOYMENT.into_iter().filter_map(shown).collect()
}

/// Of a load balancer: its subnets, which come back as availability zones with the addresses there.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AvailabilityZone.html>
pub(super) fn load_balancer(answer: &Map) -> Vec<Shown> {
    let given = |name: &str| answer.names().any(|n| n.eq_ignore_ascii_case(name));
    let zones = answer.iter().find(|(name, _)| name.eq_ignore_ascii_case("availabilityZones"));
    let Some((name, zones)) = zones.filter(|_| !given("subnets") && !given("subnetMappings")) else {
        return Vec::new();
    };
    let either = |tree: &Tree, name: &str| {
        let (_, value) = tree.entries().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        value.as_str().map(|_| value.clone())
    };
    let mapping = |zone: &Tree| {
        let mut mapping = Tree::map().with("subnetId", either(zone, "subnetId")?);
        let addresses = zone.entries().find(|(n, _)| n.eq_ignore_ascii_case("loadBalancerAddresses"));
        for member in ["allocationId", "privateIPv4Address"] {
            let found = addresses.and_then(|(_, a)| a.items().iter().find_map(|a| either(a, member)));
            if let Some(value) = found {
                mapping.set(member, value);
            }
        }
        Some(mapping)
    };
    let mappings: Vec<Tree> = zones.items().iter().filter_map(mapping).collect();
    if mappings.is_empty() {
        return Vec::new();
    }
    let addressed = mappings.iter().any(|m| m.entries().count() > 1);
    let (member, value) = match addressed {
        true => ("subnetMappings", Tree::from(mappings)),
        false => ("subnets", Tree::list(mappings.into_iter().filter_map(|mut m| m.take("subnetId")))),
    };
    vec![Shown { member, value, at: vec![name.to_string()] }]
}
