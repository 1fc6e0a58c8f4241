//! ECR: repositories, and images as far as a deployment asks for them.

use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, TagStyle, TagVerb, read, tags, write};
use crate::value::{self, Paging, fill, hex, list, page, paged, set, text, texts};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Everything ECR keeps: repositories by name.
#[derive(Clone, Default)]
pub struct Ecr {
    repositories: BTreeMap<String, Repository>,
    /// Whether only what was pushed can be pulled from ECR.
    pub(crate) strict: bool,
}

#[derive(Clone)]
struct Repository {
    config: Value,
    lifecycle: Option<(String, i64)>,
    policy: Option<String>,
    /// Digests by tag.
    tags: BTreeMap<String, String>,
    /// When each digest was pushed.
    images: BTreeMap<String, i64>,
}

impl Ecr {
    /// The digest that an image reference means now: what its tag points to, or one of its own.
    pub fn digest_of(&self, image: &str) -> String {
        if let Some((_, digest)) = image.split_once('@') {
            return digest.to_owned();
        }
        let path = image.split_once(".amazonaws.com/").map_or(image, |(_, path)| path);
        let (repository, tag) = path.split_once(':').unwrap_or((path, "latest"));
        self.repositories
            .get(repository)
            .and_then(|it| it.tags.get(tag))
            .cloned()
            .unwrap_or_else(|| digest(image))
    }

    /// Whether an image can be pulled: one from elsewhere always; one of ECR if it is there, or nobody cares.
    pub fn can_pull(&self, image: &str) -> bool {
        let Some((_, path)) = image.split_once(".amazonaws.com/").filter(|_| self.strict) else {
            return true;
        };
        let name = path.split(['@', ':']).next().unwrap_or_default();
        self.repositories.get(name).is_some_and(|it| it.images.contains_key(&self.digest_of(image)))
    }

    /// Whether a repository is there.
    pub fn has(&self, repository: &str) -> bool {
        self.repositories.contains_key(repository)
    }

    /// Every tag that an image reference answers to: its own, and the others on the same digest.
    pub fn tags_of(&self, image: &str) -> Vec<String> {
        let path = image.split_once(".amazonaws.com/").map_or(image, |(_, path)| path);
        let name = path.split(['@', ':']).next().unwrap_or_default();
        let own = path.split('@').next().and_then(|it| it.split_once(':')).map(|(_, tag)| tag.to_owned());
        let others = self.repositories.get(name).map(|it| (&it.tags, self.digest_of(image)));
        let others =
            others.iter().flat_map(|(tags, digest)| tags.iter().filter(move |(_, of)| *of == digest));
        own.into_iter().chain(others.map(|(tag, _)| tag.clone())).collect()
    }

    /// Pushes an image: points a tag at a digest, which is made up where none is given.
    pub fn push(&mut self, repository: &str, tag: &str, wanted: Option<&str>, now: i64) -> Option<String> {
        let it = self.repositories.get_mut(repository)?;
        let digest = wanted.map_or_else(|| digest(&format!("{repository}:{tag}:{now}")), str::to_owned);
        it.images.insert(digest.clone(), now);
        it.tags.insert(tag.to_owned(), digest.clone());
        Some(digest)
    }
}

fn digest(text: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(text.as_bytes())))
}

const SERVICE: &str = "ecr";

/// ECR's rows of the table.
pub const OPERATIONS: &[Operation] = &[
    write(SERVICE, "CreateRepository", create),
    read(SERVICE, "DescribeRepositories", describe),
    write(SERVICE, "DeleteRepository", delete),
    write(SERVICE, "PutImageTagMutability", put_mutability),
    write(SERVICE, "PutImageScanningConfiguration", put_scanning),
    write(SERVICE, "PutLifecyclePolicy", put_lifecycle),
    read(SERVICE, "GetLifecyclePolicy", get_lifecycle),
    write(SERVICE, "DeleteLifecyclePolicy", delete_lifecycle),
    write(SERVICE, "SetRepositoryPolicy", set_policy),
    read(SERVICE, "GetRepositoryPolicy", get_policy),
    write(SERVICE, "DeleteRepositoryPolicy", delete_policy),
    read(SERVICE, "GetAuthorizationToken", get_token),
    write(SERVICE, "PutImage", put_image),
    write(SERVICE, "BatchDeleteImage", batch_delete_image),
    read(SERVICE, "ListImages", list_images),
    read(SERVICE, "BatchGetImage", batch_get_image),
    read(SERVICE, "DescribeImages", describe_images),
    tags(SERVICE, "TagResource", &TAGS, TagVerb::Add),
    tags(SERVICE, "UntagResource", &TAGS, TagVerb::Remove),
    tags(SERVICE, "ListTagsForResource", &TAGS, TagVerb::List),
];

const TAGS: TagStyle = TagStyle {
    tags: "tags",
    key: "Key",
    value: "Value",
    invalid: "InvalidTagParameterException",
    too_many: "TooManyTagsException",
    keys: "tagKeys",
    find: existing,
};

const PAGING: Paging = Paging {
    limit: "maxResults",
    token: "nextToken",
    next: "nextToken",
    default: 100,
    max: 1000,
    code: "InvalidParameterException",
};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn missing(sim: &Sim, name: &str) -> ApiError {
    ApiError::new(
        "RepositoryNotFoundException",
        format!(
            "The repository with name '{name}' does not exist in the registry with id '{}'",
            sim.config.account
        ),
    )
}

fn name(input: &Value) -> Result<String, ApiError> {
    value::required(input, "repositoryName", "InvalidParameterException").map(str::to_owned)
}

fn repository<'a>(sim: &'a mut Sim, input: &Value) -> Result<&'a mut Repository, ApiError> {
    let name = name(input)?;
    let missing = missing(sim, &name);
    sim.ecr.repositories.get_mut(&name).ok_or(missing)
}

fn create(sim: &mut Sim, input: &Value) -> Answer {
    let name = name(input)?;
    refuse! {
        sim.ecr.repositories.contains_key(&name) => ApiError::new("RepositoryAlreadyExistsException", format!("The repository with name '{name}' already exists in the registry with id '{}'", sim.config.account));
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_./".contains(c);
    refuse! {
        name.len() < 2 || name.len() > 256 || !name.chars().all(allowed) => ApiError::new("InvalidParameterException", "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''");
    }
    let arn = sim.arn("ecr", &format!("repository/{name}"));
    TAGS.add(sim, &arn, input)?;
    let mut config = value::pick(
        input,
        &[
            "imageTagMutability",
            "imageScanningConfiguration",
            "encryptionConfiguration",
            "imageTagMutabilityExclusionFilters",
        ],
    );
    fill(&mut config, "imageTagMutability", json!("MUTABLE"));
    fill(&mut config, "imageScanningConfiguration", json!({"scanOnPush": false}));
    fill(&mut config, "encryptionConfiguration", json!({"encryptionType": "AES256"}));
    set(&mut config, "repositoryName", json!(name));
    set(&mut config, "repositoryArn", json!(arn));
    set(&mut config, "registryId", json!(sim.config.account));
    set(
        &mut config,
        "repositoryUri",
        json!(format!("{}.dkr.ecr.{}.amazonaws.com/{name}", sim.config.account, sim.config.region)),
    );
    set(&mut config, "createdAt", value::time(sim.now));
    let answer = json!({"repository": config});
    let it =
        Repository { config, lifecycle: None, policy: None, tags: BTreeMap::new(), images: BTreeMap::new() };
    sim.ecr.repositories.insert(name, it);
    Ok(answer)
}

fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let names = texts(input, "repositoryNames");
    if let Some(name) = names.iter().find(|name| !sim.ecr.repositories.contains_key(**name)) {
        return Err(missing(sim, name));
    }
    let items = sim
        .ecr
        .repositories
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
        .map(|(name, it)| (name.clone(), it.config.clone()))
        .collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("repositories", page, next, &PAGING))
}

fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let name = name(input)?;
    let force = value::flag(input, "force") == Some(true);
    let account = sim.config.account.clone();
    let it = repository(sim, input)?;
    refuse! {
        !it.images.is_empty() && !force => ApiError::new("RepositoryNotEmptyException", format!("The repository with name '{name}' in registry with id '{account}' cannot be deleted because it still contains images"));
    }
    let answer = json!({"repository": it.config});
    sim.tags.remove(&sim.arn("ecr", &format!("repository/{name}")));
    sim.ecr.repositories.remove(&name);
    Ok(answer)
}

fn put_mutability(sim: &mut Sim, input: &Value) -> Answer {
    let filters = "imageTagMutabilityExclusionFilters";
    let it = repository(sim, input)?;
    match input.get(filters) {
        Some(new) => set(&mut it.config, filters, new.clone()),
        None => value::unset(&mut it.config, filters),
    }
    put(sim, input, "imageTagMutability")
}

fn put_scanning(sim: &mut Sim, input: &Value) -> Answer {
    put(sim, input, "imageScanningConfiguration")
}

fn put(sim: &mut Sim, input: &Value, member: &str) -> Answer {
    let it = repository(sim, input)?;
    if let Some(new) = input.get(member) {
        set(&mut it.config, member, new.clone());
    }
    Ok(value::pick(&it.config, &["registryId", "repositoryName", member]))
}

fn put_lifecycle(sim: &mut Sim, input: &Value) -> Answer {
    let policy = value::required(input, "lifecyclePolicyText", "InvalidParameterException")?.to_owned();
    let now = sim.now;
    let it = repository(sim, input)?;
    it.lifecycle = Some((policy, now));
    let mut answer = show_lifecycle(it).ok_or_else(|| no_lifecycle(input))?;
    value::unset(&mut answer, "lastEvaluatedAt");
    Ok(answer)
}

fn get_lifecycle(sim: &mut Sim, input: &Value) -> Answer {
    show_lifecycle(repository(sim, input)?).ok_or_else(|| no_lifecycle(input))
}

fn delete_lifecycle(sim: &mut Sim, input: &Value) -> Answer {
    let it = repository(sim, input)?;
    let answer = show_lifecycle(it).ok_or_else(|| no_lifecycle(input));
    it.lifecycle = None;
    answer
}

fn no_lifecycle(input: &Value) -> ApiError {
    let name = text(input, "repositoryName").unwrap_or_default();
    ApiError::new(
        "LifecyclePolicyNotFoundException",
        format!("Lifecycle policy does not exist for the repository with name '{name}'"),
    )
}

fn show_lifecycle(it: &Repository) -> Option<Value> {
    let (policy, at) = it.lifecycle.as_ref()?;
    let mut out = value::pick(&it.config, &["registryId", "repositoryName"]);
    set(&mut out, "lifecyclePolicyText", json!(policy));
    set(&mut out, "lastEvaluatedAt", value::time(*at));
    Some(out)
}

/// A policy is kept as it was sent.
fn set_policy(sim: &mut Sim, input: &Value) -> Answer {
    let policy = value::required(input, "policyText", "InvalidParameterException")?.to_owned();
    repository(sim, input)?.policy = Some(policy);
    get_policy(sim, input)
}

fn get_policy(sim: &mut Sim, input: &Value) -> Answer {
    let it = repository(sim, input)?;
    let mut answer = value::pick(&it.config, &["registryId", "repositoryName"]);
    let policy = it.policy.as_ref().ok_or_else(|| {
        let name = text(&it.config, "repositoryName").unwrap_or_default();
        ApiError::new(
            "RepositoryPolicyNotFoundException",
            format!("Repository policy does not exist for the repository with name '{name}'"),
        )
    })?;
    set(&mut answer, "policyText", json!(policy));
    Ok(answer)
}

fn delete_policy(sim: &mut Sim, input: &Value) -> Answer {
    let answer = get_policy(sim, input);
    repository(sim, input)?.policy = None;
    answer
}

/// The password that `docker login` takes, good for twelve hours; there is no registry here to log in to.
fn get_token(sim: &mut Sim, _: &Value) -> Answer {
    let endpoint = format!("https://{}.dkr.ecr.{}.amazonaws.com", sim.config.account, sim.config.region);
    Ok(json!({"authorizationData": [{
        // AWS:simulated
        "authorizationToken": "QVdTOnNpbXVsYXRlZA==",
        "expiresAt": value::time(sim.now + 12 * 3_600_000),
        "proxyEndpoint": endpoint,
    }]}))
}

/// PutImage: the digest is that of the manifest's bytes; a tag that is immutable keeps what it points to.
fn put_image(sim: &mut Sim, input: &Value) -> Answer {
    let manifest = value::required(input, "imageManifest", "InvalidParameterException")?;
    let digest = digest(manifest);
    let (tag, name, now) = (text(input, "imageTag"), name(input)?, sim.now);
    let it = repository(sim, input)?;
    let before = tag.and_then(|tag| it.tags.get(tag));
    let fixed = text(&it.config, "imageTagMutability") == Some("IMMUTABLE");
    refuse! {
        text(input, "imageDigest").is_some_and(|wanted| wanted != digest) => ApiError::new("ImageDigestDoesNotMatchException", "The digest of the image manifest does not match the digest that was sent");
        before == Some(&digest) || (tag.is_none() && it.images.contains_key(&digest)) => ApiError::new("ImageAlreadyExistsException", format!("Image with digest '{digest}' and tag '{}' already exists in the repository with name '{name}'", tag.unwrap_or("null")));
        fixed && before.is_some() => ApiError::new("ImageTagAlreadyExistsException", format!("The image tag '{}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable.", tag.unwrap_or_default()));
    }
    it.images.entry(digest.clone()).or_insert(now);
    tag.into_iter().for_each(|tag| drop(it.tags.insert(tag.to_owned(), digest.clone())));
    let mut image = value::pick(&it.config, &["registryId", "repositoryName"]);
    let mut id = value::pick(input, &["imageTag"]);
    set(&mut id, "imageDigest", json!(digest));
    set(&mut image, "imageId", id);
    set(&mut image, "imageManifest", json!(manifest));
    set(
        &mut image,
        "imageManifestMediaType",
        input.get("imageManifestMediaType").cloned().unwrap_or(json!(MANIFEST)),
    );
    Ok(json!({"image": image}))
}

/// BatchDeleteImage: a tag goes, and its image with the last of its tags; a digest goes with all its tags.
fn batch_delete_image(sim: &mut Sim, input: &Value) -> Answer {
    let it = repository(sim, input)?;
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for id in list(input, "imageIds") {
        let Some(digest) = resolve(it, id) else {
            failures.push(json!({"imageId": id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}));
            continue;
        };
        let (all, tag) = (text(id, "imageDigest").is_some(), text(id, "imageTag").unwrap_or_default());
        it.tags.retain(|name, of| *of != digest || !(all || name == tag));
        if !it.tags.values().any(|of| *of == digest) {
            it.images.remove(&digest);
        }
        let mut id = id.clone();
        set(&mut id, "imageDigest", json!(digest));
        gone.push(id);
    }
    Ok(json!({"imageIds": gone, "failures": failures}))
}

fn list_images(sim: &mut Sim, input: &Value) -> Answer {
    let status = input.get("filter").and_then(|it| text(it, "tagStatus")).unwrap_or("ANY");
    let it = repository(sim, input)?;
    let tagged = it.tags.iter().map(|(tag, digest)| (digest.clone(), Some(tag)));
    let untagged = it.images.keys().filter(|digest| !it.tags.values().any(|of| of == *digest));
    let all = tagged.chain(untagged.map(|digest| (digest.clone(), None)));
    let items = all
        .filter(|(_, tag)| status == "ANY" || (status == "TAGGED") == tag.is_some())
        .map(|(digest, tag)| {
            let mut id = json!({"imageDigest": digest});
            tag.into_iter().for_each(|tag| set(&mut id, "imageTag", json!(tag)));
            (format!("{digest} {}", tag.map_or("", String::as_str)), id)
        })
        .collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("imageIds", page, next, &PAGING))
}

/// The digest that an image id means, if such an image is there.
fn resolve(it: &Repository, id: &Value) -> Option<String> {
    match (text(id, "imageDigest"), text(id, "imageTag")) {
        (Some(digest), _) => it.images.contains_key(digest).then(|| digest.to_owned()),
        (None, Some(tag)) => it.tags.get(tag).cloned(),
        (None, None) => None,
    }
}

fn batch_get_image(sim: &mut Sim, input: &Value) -> Answer {
    let it = repository(sim, input)?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in list(input, "imageIds") {
        let Some(digest) = resolve(it, id) else {
            failures.push(json!({"imageId": id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}));
            continue;
        };
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": digest}, "layers": []});
        let mut image = value::pick(&it.config, &["registryId", "repositoryName"]);
        let mut image_id = json!({"imageDigest": digest});
        if let Some(tag) = id.get("imageTag") {
            set(&mut image_id, "imageTag", tag.clone());
        }
        set(&mut image, "imageId", image_id);
        set(&mut image, "imageManifest", json!(manifest.to_string()));
        set(&mut image, "imageManifestMediaType", json!(MANIFEST));
        images.push(image);
    }
    Ok(json!({"images": images, "failures": failures}))
}

fn describe_images(sim: &mut Sim, input: &Value) -> Answer {
    let account = sim.config.account.clone();
    let it = repository(sim, input)?;
    let ids = list(input, "imageIds");
    let mut wanted: Vec<String> = Vec::new();
    for id in ids {
        let digest = resolve(it, id).ok_or_else(|| {
            let part = |name| text(id, name).unwrap_or("null");
            ApiError::new(
                "ImageNotFoundException",
                format!(
                    "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{}' in the registry with id '{account}'",
                    part("imageDigest"), part("imageTag"), text(input, "repositoryName").unwrap_or_default()
                ),
            )
        })?;
        wanted.push(digest);
    }
    let items = it
        .images
        .iter()
        .filter(|(digest, _)| ids.is_empty() || wanted.contains(digest))
        .map(|(digest, pushed)| {
            let tags: Vec<&String> =
                it.tags.iter().filter(|(_, of)| *of == digest).map(|(tag, _)| tag).collect();
            let mut out = value::pick(&it.config, &["registryId", "repositoryName"]);
            set(&mut out, "imageDigest", json!(digest));
            set(&mut out, "imagePushedAt", value::time(*pushed));
            set(&mut out, "imageSizeInBytes", json!(52_428_800));
            set(&mut out, "imageManifestMediaType", json!(MANIFEST));
            if !tags.is_empty() {
                set(&mut out, "imageTags", json!(tags));
            }
            (digest.clone(), out)
        })
        .collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("imageDetails", page, next, &PAGING))
}

fn existing(sim: &Sim, input: &Value) -> Result<Vec<String>, ApiError> {
    let arn = value::required(input, "resourceArn", "InvalidParameterException")?;
    let name = arn.split(":repository/").nth(1).unwrap_or_default();
    match sim.ecr.repositories.contains_key(name) {
        true => Ok(vec![arn.to_owned()]),
        false => Err(missing(sim, name)),
    }
}
