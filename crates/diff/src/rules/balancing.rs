//! Load balancers, listeners and rules.

use super::fields::{Change, Clearing, Field, at, default, fixed, name};
use super::{Place, Row, Rule, Value};
use super::{derive, elsewhere, flag, free, free_when, int, no_empty, row, says, set, text};
use crate::whole::Whole;

pub(super) const LOAD_BALANCER: &[Row] = &[
    elsewhere("tags", "B: go through AddTags"),
    text("scheme", "internet-facing", "D"),
    text("type", "application", "D"),
    text("ipAddressType", "ipv4", "D"),
    set("subnets", &[], "L: come back as availability zones"),
    set("subnetMappings", &["subnetId"], "B: come back as availability zones"),
    free("subnetMappings", "B: subnets come back as availability zones, with or without addresses"),
    free("subnetMappings/*/allocationId", "B: AWS's own where none is given"),
    free("subnetMappings/*/privateIPv4Address", "B: AWS's own where none is given"),
    free("subnetMappings/*/iPv6Address", "B: AWS's own where none is given"),
    free("subnetMappings/*/sourceNatIpv6Prefix", "B: AWS's own where none is given"),
    free("subnets", "B: given as subnet mappings"),
    set("securityGroups", &[], "D: a set"),
    free("securityGroups", "D: the VPC's default group"),
    text("enablePrefixForIpv6SourceNat", "off", "B"),
];

const BY_PLACE: &str = "B: ModifyListener and ModifyRule know them by ARN";
const MODIFY_LISTENER: &str = "B: ModifyListener";

pub(super) const LOAD_BALANCER_FIELDS: &[Field] = &[
    fixed("name", "B: create only"),
    fixed("scheme", "B: create only"),
    fixed("type", "B: create only"),
    fixed("customerOwnedIpv4Pool", "B: create only"),
    at("subnets", Change::InPlace, Clearing::CannotBeCleared("it needs at least one"), "B: SetSubnets"),
    at(
        "subnetMappings",
        Change::InPlace,
        Clearing::CannotBeCleared("it needs at least one"),
        "B: SetSubnets",
    ),
    at(
        "securityGroups",
        Change::InPlace,
        Clearing::Unchanged("the VPC's default group"),
        "B: SetSecurityGroups",
    ),
    default("ipAddressType", "B: SetIpAddressType"),
    default("enablePrefixForIpv6SourceNat", "B: SetSubnets"),
    at(
        "ipamPools",
        Change::InPlace,
        Clearing::CannotBeCleared("ModifyIpPools removes them"),
        "B: ModifyIpPools",
    ),
    at("tags", Change::InPlace, Clearing::Unchanged("RemoveTags"), "B: AddTags"),
];

pub(super) const LISTENER_FIELDS: &[Field] = &[
    name("loadBalancerArn", BY_PLACE),
    at("port", Change::InPlace, Clearing::CannotBeCleared("a listener has one"), MODIFY_LISTENER),
    at("protocol", Change::InPlace, Clearing::CannotBeCleared("a listener has one"), MODIFY_LISTENER),
    default("sslPolicy", MODIFY_LISTENER),
    at("certificates", Change::InPlace, Clearing::CannotBeCleared("HTTPS and TLS need one"), MODIFY_LISTENER),
    at(
        "defaultActions",
        Change::InPlace,
        Clearing::CannotBeCleared("a listener has at least one"),
        MODIFY_LISTENER,
    ),
    at("alpnPolicy", Change::InPlace, Clearing::SendValue(r#"["None"]"#), MODIFY_LISTENER),
    at("mutualAuthentication", Change::InPlace, Clearing::SendValue(r#"{"mode":"off"}"#), MODIFY_LISTENER),
    at("tags", Change::InPlace, Clearing::Unchanged("RemoveTags"), "B: AddTags"),
];

const MODIFY_RULE: &str = "B: ModifyRule replaces whole lists";

pub(super) const RULE_FIELDS: &[Field] = &[
    name("listenerArn", BY_PLACE),
    at("priority", Change::InPlace, Clearing::CannotBeCleared("a rule has one"), "B: SetRulePriorities"),
    at("actions", Change::InPlace, Clearing::CannotBeCleared("a rule has at least one"), MODIFY_RULE),
    at("conditions", Change::InPlace, Clearing::CannotBeCleared("a rule has at least one"), MODIFY_RULE),
    at("transforms", Change::InPlace, Clearing::SendEmptyList, "B: ModifyRule, with resetTransforms"),
    at("tags", Change::InPlace, Clearing::Unchanged("RemoveTags"), "B: AddTags"),
];

const ACTION: &str = "L: one target group comes back both bare and in ForwardConfig";
const SECRET: &str = "D: goes in and never comes back";
const LOGIN: &str = "D: filled in";
const REDIRECT: &str = "L: filled in";

pub(super) const LISTENER: &[Row] = &[
    elsewhere("tags", "B: go through AddTags"),
    elsewhere("loadBalancerArn", "the listener's place"),
    derive("sslPolicy", ssl_policy, "`ELBSecurityPolicy-2016-08` for HTTPS and TLS", "L"),
    text("mutualAuthentication/mode", "off", "L"),
    flag("mutualAuthentication/ignoreClientCertificateExpiry", false, "L: filled in with verify"),
    text("mutualAuthentication/advertiseTrustStoreCaNames", "off", "L: filled in with verify"),
    elsewhere("mutualAuthentication/trustStoreAssociationStatus", "B: AWS's own state"),
    set("certificates", &["certificateArn"], "B: a set"),
    elsewhere("certificates/*/isDefault", "B: not to be set on a listener"),
    row("alpnPolicy", Rule::Set(&[]), "B: one policy"),
    free_when("alpnPolicy", without_alpn, "where both sides have none or `None`", "D: None is no ALPN"),
    elsewhere(
        "defaultActions/*/targetGroupArn",
        "L: the same as a forward to this one group, which is how it is compared",
    ),
    free("defaultActions/*/order", "D: numbered by AWS; actions are compared in their order"),
    set("defaultActions/*/forwardConfig/targetGroups", &["targetGroupArn"], ACTION),
    int(
        "defaultActions/*/forwardConfig/targetGroups/*/weight",
        1,
        "L: filled in on application, absent on network load balancers",
    ),
    flag("defaultActions/*/forwardConfig/targetGroupStickinessConfig/enabled", false, ACTION),
    elsewhere("defaultActions/*/authenticateOidcConfig/clientSecret", SECRET),
    elsewhere("defaultActions/*/authenticateOidcConfig/useExistingClientSecret", SECRET),
    text("defaultActions/*/authenticateOidcConfig/onUnauthenticatedRequest", "authenticate", LOGIN),
    text("defaultActions/*/authenticateOidcConfig/scope", "openid", LOGIN),
    text("defaultActions/*/authenticateOidcConfig/sessionCookieName", "AWSELBAuthSessionCookie", LOGIN),
    int("defaultActions/*/authenticateOidcConfig/sessionTimeout", 604_800, LOGIN),
    text("defaultActions/*/authenticateCognitoConfig/onUnauthenticatedRequest", "authenticate", LOGIN),
    text("defaultActions/*/authenticateCognitoConfig/scope", "openid", LOGIN),
    text("defaultActions/*/authenticateCognitoConfig/sessionCookieName", "AWSELBAuthSessionCookie", LOGIN),
    int("defaultActions/*/authenticateCognitoConfig/sessionTimeout", 604_800, LOGIN),
    text("defaultActions/*/redirectConfig/host", "#{host}", REDIRECT),
    text("defaultActions/*/redirectConfig/path", "/#{path}", REDIRECT),
    text("defaultActions/*/redirectConfig/port", "#{port}", REDIRECT),
    text("defaultActions/*/redirectConfig/query", "#{query}", REDIRECT),
    text("defaultActions/*/redirectConfig/protocol", "#{protocol}", REDIRECT),
    no_empty("defaultActions/*/fixedResponseConfig/messageBody", "B: none"),
    no_empty("defaultActions/*/fixedResponseConfig/contentType", "B: none"),
    text("defaultActions/*/fixedResponseConfig/contentType", "text/plain", "where AWS fills it in"),
    set("defaultActions/*/jwtValidationConfig/additionalClaims", &["name"], "B: claims are named"),
    set("defaultActions/*/jwtValidationConfig/additionalClaims/*/values", &[], "B: any of them"),
];

const VALUES: &str = "L: reordered";

pub(super) const RULE: &[Row] = &[
    elsewhere("tags", "B: go through AddTags"),
    elsewhere("listenerArn", "the rule's place"),
    elsewhere("priority", "compared by the plan: it is changed together with others'"),
    elsewhere(
        "actions/*/targetGroupArn",
        "L: the same as a forward to this one group, which is how it is compared",
    ),
    free("actions/*/order", "D: numbered by AWS; actions are compared in their order"),
    set("actions/*/forwardConfig/targetGroups", &["targetGroupArn"], ACTION),
    int(
        "actions/*/forwardConfig/targetGroups/*/weight",
        1,
        "L: filled in on application, absent on network load balancers",
    ),
    flag("actions/*/forwardConfig/targetGroupStickinessConfig/enabled", false, ACTION),
    elsewhere("actions/*/authenticateOidcConfig/clientSecret", SECRET),
    elsewhere("actions/*/authenticateOidcConfig/useExistingClientSecret", SECRET),
    text("actions/*/authenticateOidcConfig/onUnauthenticatedRequest", "authenticate", LOGIN),
    text("actions/*/authenticateOidcConfig/scope", "openid", LOGIN),
    text("actions/*/authenticateOidcConfig/sessionCookieName", "AWSELBAuthSessionCookie", LOGIN),
    int("actions/*/authenticateOidcConfig/sessionTimeout", 604_800, LOGIN),
    text("actions/*/authenticateCognitoConfig/onUnauthenticatedRequest", "authenticate", LOGIN),
    text("actions/*/authenticateCognitoConfig/scope", "openid", LOGIN),
    text("actions/*/authenticateCognitoConfig/sessionCookieName", "AWSELBAuthSessionCookie", LOGIN),
    int("actions/*/authenticateCognitoConfig/sessionTimeout", 604_800, LOGIN),
    text("actions/*/redirectConfig/host", "#{host}", REDIRECT),
    text("actions/*/redirectConfig/path", "/#{path}", REDIRECT),
    text("actions/*/redirectConfig/port", "#{port}", REDIRECT),
    text("actions/*/redirectConfig/query", "#{query}", REDIRECT),
    text("actions/*/redirectConfig/protocol", "#{protocol}", REDIRECT),
    no_empty("actions/*/fixedResponseConfig/messageBody", "B: none"),
    no_empty("actions/*/fixedResponseConfig/contentType", "B: none"),
    text("actions/*/fixedResponseConfig/contentType", "text/plain", "where AWS fills it in"),
    set("actions/*/jwtValidationConfig/additionalClaims", &["name"], "B: claims are named"),
    set("actions/*/jwtValidationConfig/additionalClaims/*/values", &[], "B: any of them"),
    set("conditions", &["field", "httpHeaderConfig/httpHeaderName"], "L: reordered"),
    elsewhere("conditions/*/values", "L: echoed beside the config, which is what is compared"),
    elsewhere("conditions/*/regexValues", "B: echoed beside the config, which is what is compared"),
    set("conditions/*/hostHeaderConfig/values", &[], VALUES),
    set("conditions/*/hostHeaderConfig/regexValues", &[], VALUES),
    set("conditions/*/pathPatternConfig/values", &[], VALUES),
    set("conditions/*/pathPatternConfig/regexValues", &[], VALUES),
    set("conditions/*/httpHeaderConfig/values", &[], VALUES),
    set("conditions/*/httpHeaderConfig/regexValues", &[], VALUES),
    set("conditions/*/httpRequestMethodConfig/values", &[], VALUES),
    set("conditions/*/sourceIpConfig/values", &[], VALUES),
    set("conditions/*/queryStringConfig/values", &["key", "value"], VALUES),
    elsewhere("conditions/*/sourceIpConfig/ipAddressType", "B: follows from the addresses"),
    set("transforms", &["type"], "L: [] is added; one a type"),
];

fn ssl_policy<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    matches!(place.root.str("protocol"), Some("HTTPS" | "TLS")).then(|| says("ELBSecurityPolicy-2016-08"))?
}

/// True where ALPN is off on both sides, in whatever words.
fn without_alpn(want: &Whole<'_>, live: &Whole<'_>) -> bool {
    let off = |side: &Whole<'_>| {
        side.get("alpnPolicy").is_none_or(|it| it.items().iter().all(|name| name.as_str() == Some("None")))
    };
    off(want) && off(live)
}
