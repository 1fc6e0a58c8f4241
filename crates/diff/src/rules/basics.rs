//! Clusters, repositories and log groups.

use super::fields::{Change, Clearing, Field, at, default, fixed, name};
use super::{Row, Sameness};
use super::{elsewhere, flag, free, int, same, set, text};

pub(super) const CLUSTER: &[Row] = &[
    elsewhere("tags", "B: go through TagResource"),
    elsewhere("clusterName", "the cluster's key"),
    set("settings", &["name"], "D: settings are named"),
    free("settings", "D: from the account's settings"),
    set("capacityProviders", &[], "D: a set"),
    free("capacityProviders", "others attach capacity providers"),
    set("defaultCapacityProviderStrategy", &["capacityProvider"], "L: echoed in any order"),
    int("defaultCapacityProviderStrategy/*/base", 0, "L"),
    int("defaultCapacityProviderStrategy/*/weight", 0, "L"),
    free("defaultCapacityProviderStrategy", "others set the strategy"),
    text("configuration/executeCommandConfiguration/logging", "DEFAULT", "D"),
    flag(
        "configuration/executeCommandConfiguration/logConfiguration/cloudWatchEncryptionEnabled",
        false,
        "D",
    ),
    flag("configuration/executeCommandConfiguration/logConfiguration/s3EncryptionEnabled", false, "D"),
    free("serviceConnectDefaults", "D: set by the console for namespaces that it creates"),
    same("serviceConnectDefaults/namespace", Sameness::Namespace, "D: comes back as an ARN"),
];

const UPDATE: &str = "B: UpdateCluster; absent keeps it";
const PROVIDERS: &str = "B: PutClusterCapacityProviders takes both, whole";

pub(super) const CLUSTER_FIELDS: &[Field] = &[
    name("clusterName", "the cluster's key"),
    at("settings", Change::InPlace, Clearing::Unchanged("the account's settings"), UPDATE),
    at(
        "configuration",
        Change::InPlace,
        Clearing::SendValue(r#"{"executeCommandConfiguration":{"logging":"DEFAULT"}}"#),
        UPDATE,
    ),
    at("serviceConnectDefaults", Change::InPlace, Clearing::SendValue(r#"{"namespace":""}"#), UPDATE),
    at("capacityProviders", Change::InPlace, Clearing::Unchanged("whoever attached them"), PROVIDERS),
    at("defaultCapacityProviderStrategy", Change::InPlace, Clearing::Unchanged("whoever set it"), PROVIDERS),
    at("tags", Change::InPlace, Clearing::Unchanged("UntagResource"), "B: TagResource"),
];

pub(super) const REPOSITORY: &[Row] = &[
    elsewhere("tags", "B: go through TagResource"),
    elsewhere("repositoryName", "the repository's key"),
    free("registryId", "B: the account"),
    text("imageTagMutability", "MUTABLE", "L"),
    set("imageTagMutabilityExclusionFilters", &["filter"], "B: any of them"),
    flag("imageScanningConfiguration/scanOnPush", false, "L"),
    text("encryptionConfiguration/encryptionType", "AES256", "L"),
    free("encryptionConfiguration/kmsKey", "D: the key AWS manages"),
];

const MUTABILITY: &str = "B: PutImageTagMutability takes both, whole";

pub(super) const REPOSITORY_FIELDS: &[Field] = &[
    name("repositoryName", "the repository's key"),
    fixed("registryId", "B: the account"),
    fixed("encryptionConfiguration", "B: create only"),
    default("imageTagMutability", MUTABILITY),
    at("imageTagMutabilityExclusionFilters", Change::InPlace, Clearing::Replaced, MUTABILITY),
    default("imageScanningConfiguration", "B: PutImageScanningConfiguration"),
    at("tags", Change::InPlace, Clearing::Unchanged("UntagResource"), "B: TagResource"),
];

pub(super) const LOG_GROUP: &[Row] = &[
    elsewhere("tags", "B: go through TagResource"),
    elsewhere("logGroupName", "the group's key"),
    text("logGroupClass", "STANDARD", "L"),
    flag("deletionProtectionEnabled", false, "L"),
];

pub(super) const LOG_GROUP_FIELDS: &[Field] = &[
    name("logGroupName", "the group's key"),
    at(
        "kmsKeyId",
        Change::Replace,
        Clearing::CannotBeCleared("AssociateKmsKey and DisassociateKmsKey are not called"),
        "B: has operations of its own",
    ),
    fixed("logGroupClass", "B: create only"),
    at(
        "deletionProtectionEnabled",
        Change::Replace,
        Clearing::CannotBeCleared("PutLogGroupDeletionProtection is not called"),
        "B: has an operation of its own",
    ),
    at("tags", Change::InPlace, Clearing::Unchanged("UntagResource"), "B: TagResource"),
];
