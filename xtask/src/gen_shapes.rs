//! `cargo xtask gen-shapes`: writes the shape tables of `evenkeel-model` from AWS's service models.
//!
//! The models come out of the `botocore` wheel. Only facts are taken (names, types, enums, limits,
//! required members), for the operations in [`SERVICES`] and every shape that those reach.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `gen-shapes` is told.
#[derive(clap::Args)]
pub struct Args {
    /// The botocore version to read; the newest where none is named
    #[arg(long)]
    version: Option<String>,
    /// Write nothing; fail where the tables in the tree differ from what would be written
    #[arg(long)]
    check: bool,
}

/// Where the tables stand, from the root of the workspace.
const TARGET: &str = "crates/model/src/shapes/generated.rs";

/// Longer patterns say little to a reader and are left out.
const LONGEST_PATTERN: usize = 80;

/// One service: the variant of `Service`, the folder of its model, the operations wanted.
struct Wanted {
    variant: &'static str,
    model: &'static str,
    operations: &'static [&'static str],
}

const SERVICES: [Wanted; 5] = [
    Wanted {
        variant: "Ecs",
        model: "ecs",
        operations: &[
            "ContinueServiceDeployment",
            "CreateCluster",
            "CreateService",
            "DeleteCluster",
            "DeleteService",
            "DeleteTaskDefinitions",
            "DeregisterTaskDefinition",
            "DescribeClusters",
            "DescribeServiceDeployments",
            "DescribeServiceRevisions",
            "DescribeServices",
            "DescribeTaskDefinition",
            "DescribeTasks",
            "ListClusters",
            "ListServiceDeployments",
            "ListServices",
            "ListTagsForResource",
            "ListTaskDefinitionFamilies",
            "ListTaskDefinitions",
            "ListTasks",
            "PutClusterCapacityProviders",
            "RegisterTaskDefinition",
            "StopServiceDeployment",
            "TagResource",
            "UntagResource",
            "UpdateCluster",
            "UpdateService",
        ],
    },
    Wanted {
        variant: "Elbv2",
        model: "elbv2",
        operations: &[
            "AddListenerCertificates",
            "AddTags",
            "CreateListener",
            "CreateLoadBalancer",
            "CreateRule",
            "CreateTargetGroup",
            "DeleteListener",
            "DeleteLoadBalancer",
            "DeleteRule",
            "DeleteTargetGroup",
            "DescribeListenerAttributes",
            "DescribeListenerCertificates",
            "DescribeListeners",
            "DescribeLoadBalancerAttributes",
            "DescribeLoadBalancers",
            "DescribeRules",
            "DescribeTags",
            "DescribeTargetGroupAttributes",
            "DescribeTargetGroups",
            "DescribeTargetHealth",
            "ModifyListener",
            "ModifyListenerAttributes",
            "ModifyLoadBalancerAttributes",
            "ModifyRule",
            "ModifyTargetGroup",
            "ModifyTargetGroupAttributes",
            "RemoveListenerCertificates",
            "RemoveTags",
            "SetRulePriorities",
            "SetSecurityGroups",
            "SetSubnets",
        ],
    },
    Wanted {
        variant: "Scaling",
        model: "application-autoscaling",
        operations: &[
            "DeleteScalingPolicy",
            "DeleteScheduledAction",
            "DeregisterScalableTarget",
            "DescribeScalableTargets",
            "DescribeScalingActivities",
            "DescribeScalingPolicies",
            "DescribeScheduledActions",
            "ListTagsForResource",
            "PutScalingPolicy",
            "PutScheduledAction",
            "RegisterScalableTarget",
            "TagResource",
            "UntagResource",
        ],
    },
    Wanted {
        variant: "Ecr",
        model: "ecr",
        operations: &[
            "BatchGetImage",
            "CreateRepository",
            "DeleteLifecyclePolicy",
            "DeleteRepository",
            "DescribeImages",
            "DescribeRepositories",
            "GetLifecyclePolicy",
            "GetRepositoryPolicy",
            "ListTagsForResource",
            "PutImageScanningConfiguration",
            "PutImageTagMutability",
            "PutLifecyclePolicy",
            "SetRepositoryPolicy",
            "TagResource",
            "UntagResource",
        ],
    },
    Wanted {
        variant: "Logs",
        model: "logs",
        operations: &[
            "CreateLogGroup",
            "DeleteLogGroup",
            "DeleteRetentionPolicy",
            "DescribeLogGroups",
            "ListTagsForResource",
            "PutRetentionPolicy",
            "TagResource",
            "UntagResource",
        ],
    },
];

/// Runs the command: downloads the wheel, builds the tables, writes or compares them.
pub fn run(args: &Args) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (wheel, version) = download(&root.join("target/botocore"), args.version.as_deref())?;
    let text = Tables::read(&wheel)?.print(&version)?;
    let target = root.join(TARGET);
    if args.check {
        let present = std::fs::read_to_string(&target).context(TARGET)?;
        ensure!(
            present == text,
            "{TARGET} is not what botocore {version} gives; run `cargo xtask gen-shapes`"
        );
    } else {
        std::fs::write(&target, &text).context(TARGET)?;
        println!("{TARGET}: botocore {version}, {} lines", text.lines().count());
    }
    Ok(())
}

/// Fetches the wheel through pip, and tells its version, which pip chooses where none is named.
fn download(folder: &Path, version: Option<&str>) -> Result<(PathBuf, String)> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let requirement = version.map_or_else(|| "botocore".to_owned(), |v| format!("botocore=={v}"));
    let status = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d"])
        .arg(folder)
        .arg(&requirement)
        .status()
        .context("python3 -m pip")?;
    ensure!(status.success(), "pip could not download {requirement}");
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(rest) = name.strip_prefix("botocore-")
            && let Some((version, _)) = rest.split_once('-')
        {
            return Ok((path, version.to_owned()));
        }
    }
    bail!("pip left no botocore wheel in {}", folder.display())
}

/// The newest model of a service inside the wheel, plain or gzipped.
fn model(wheel: &mut zip::ZipArchive<File>, service: &str) -> Result<Value> {
    let prefix = format!("botocore/data/{service}/");
    let name = wheel
        .file_names()
        .filter_map(Result::ok)
        .filter(|n| n.starts_with(&prefix) && n.contains("/service-2.json"))
        .max()
        .with_context(|| format!("no model of {service} in the wheel"))?
        .into_owned();
    let mut bytes = Vec::new();
    wheel.by_name(&name)?.read_to_end(&mut bytes)?;
    if name.ends_with(".gz") {
        let packed = std::mem::take(&mut bytes);
        flate2::read::GzDecoder::new(&*packed).read_to_end(&mut bytes)?;
    }
    Ok(serde_json::from_slice(&bytes)?)
}

/// The parts of the generated file, each already Rust text.
#[derive(Default)]
struct Tables {
    services: String,
    operations: Vec<(String, String)>,
    shapes: Vec<(String, String)>,
}

impl Tables {
    fn read(wheel: &Path) -> Result<Self> {
        let mut wheel = zip::ZipArchive::new(File::open(wheel)?)?;
        let mut tables = Tables::default();
        for wanted in &SERVICES {
            let model = model(&mut wheel, wanted.model)?;
            tables.add(wanted, &model).with_context(|| format!("the model of {}", wanted.model))?;
        }
        Ok(tables)
    }

    fn add(&mut self, wanted: &Wanted, model: &Value) -> Result<()> {
        let service = wanted.variant;
        let fact =
            |name: &str| model["metadata"][name].as_str().with_context(|| format!("no metadata {name}"));
        let protocol = match fact("protocol")? {
            "json" => {
                format!("Json {{ version: {:?}, target: {:?} }}", fact("jsonVersion")?, fact("targetPrefix")?)
            }
            "query" => format!("Query {{ version: {:?} }}", fact("apiVersion")?),
            other => bail!("protocol {other} is not known here"),
        };
        writeln!(
            self.services,
            "    ServiceFacts {{ name: {:?}, endpoint: {:?}, protocol: Protocol::{protocol} }},",
            wanted.model,
            fact("endpointPrefix")?
        )?;

        let mut reached = BTreeSet::new();
        for name in wanted.operations {
            let operation = &model["operations"][name];
            let input = operation["input"]["shape"]
                .as_str()
                .with_context(|| format!("operation {name} is gone or has no input"))?;
            let output = operation["output"]["shape"].as_str();
            // The decoder of replies counts on this.
            if let Some(wrapper) = operation["output"]["resultWrapper"].as_str() {
                ensure!(wrapper == format!("{name}Result"), "{name} answers in {wrapper}");
            }
            reach(model, input, &mut reached)?;
            let output = match output {
                Some(shape) => {
                    reach(model, shape, &mut reached)?;
                    format!("Some(S::{})", variant(service, shape))
                }
                None => "None".to_owned(),
            };
            self.operations.push((
                format!("{service}{name}"),
                format!(
                    "    OpFacts {{ service: Service::{service}, name: {name:?}, verb: {:?}, input: S::{}, output: {output} }},\n",
                    kebab(name),
                    variant(service, input)
                ),
            ));
        }
        let mut names = BTreeMap::new();
        for name in &reached {
            let variant = variant(service, name);
            ensure!(names.insert(variant.clone(), name).is_none(), "two shapes would be called {variant}");
            let kind = kind(service, &model["shapes"][name]).with_context(|| name.clone())?;
            let row = format!(
                "    Shape {{ id: S::{variant}, service: Service::{service}, name: {name:?}, kind: {kind} }},\n"
            );
            self.shapes.push((variant, row));
        }
        Ok(())
    }

    fn print(&self, version: &str) -> Result<String> {
        let mut out = String::new();
        writeln!(
            out,
            "//! Facts of AWS's service models. Written by `cargo xtask gen-shapes`; not edited by hand.\n\n\
             use super::{{Kind, OpFacts, Protocol, Service, ServiceFacts, Shape, optional as o, required as r}};\n\
             use ShapeId as S;\n\n\
             /// The version of botocore whose models the tables were made from.\n\
             pub const BOTOCORE_VERSION: &str = {version:?};\n"
        )?;
        writeln!(
            out,
            "pub(super) static SERVICES: [ServiceFacts; {}] = [\n{}];\n",
            SERVICES.len(),
            self.services
        )?;
        variants(
            &mut out,
            "An operation of AWS that Evenkeel knows.",
            "Op",
            self.operations.iter().map(|(name, _)| &**name),
        )?;
        writeln!(out, "pub(super) static OPS: [OpFacts; {}] = [", self.operations.len())?;
        self.operations.iter().for_each(|(_, row)| out.push_str(row));
        writeln!(
            out,
            "];\n\nimpl Op {{\n    /// Every operation, by service and name.\n    pub const ALL: [Op; {}] = [",
            self.operations.len()
        )?;
        for (name, _) in &self.operations {
            writeln!(out, "        Op::{name},")?;
        }
        writeln!(out, "    ];\n}}\n")?;
        variants(
            &mut out,
            "A shape of AWS's service models: the service and the name that the model gives it.",
            "ShapeId",
            self.shapes.iter().map(|(name, _)| &**name),
        )?;
        writeln!(out, "pub(super) static SHAPES: [Shape; {}] = [", self.shapes.len())?;
        self.shapes.iter().for_each(|(_, row)| out.push_str(row));
        writeln!(out, "];")?;
        Ok(out)
    }
}

/// Adds a shape and all that it holds to `reached`.
fn reach(model: &Value, name: &str, reached: &mut BTreeSet<String>) -> Result<()> {
    if !reached.insert(name.to_owned()) {
        return Ok(());
    }
    let shape = &model["shapes"][name];
    ensure!(shape.is_object(), "shape {name} is gone");
    let members = shape["members"].as_object().into_iter().flatten().map(|(_, m)| m);
    for target in members.chain([&shape["member"], &shape["key"], &shape["value"]]) {
        // No model here renames or flattens; the codecs would have to learn it.
        ensure!(
            target["locationName"].is_null() && target["flattened"].is_null(),
            "{name} has another name or form on the wire"
        );
        if let Some(next) = target["shape"].as_str() {
            reach(model, next, reached)?;
        }
    }
    ensure!(
        shape["flattened"].is_null() && shape["locationName"].is_null(),
        "{name} has another name or form on the wire"
    );
    Ok(())
}

/// One `Kind` as Rust text.
fn kind(service: &str, shape: &Value) -> Result<String> {
    let target = |at: &Value| -> Result<String> {
        let name = at["shape"].as_str().context("a target without a shape")?;
        Ok(format!("S::{}", variant(service, name)))
    };
    let limits = |float: bool| {
        let limit = |name: &str| match shape[name].as_f64() {
            Some(n) if float => format!("Some({n:?})"),
            Some(n) => format!("Some({n})"),
            None => "None".to_owned(),
        };
        format!("min: {}, max: {}", limit("min"), limit("max"))
    };
    Ok(match shape["type"].as_str().unwrap_or_default() {
        "structure" if shape["document"] == true => "Kind::Document".to_owned(),
        "structure" => {
            let union = shape["union"] == true;
            let required: BTreeSet<&str> =
                shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let mut members = BTreeMap::new();
            for (wire, at) in shape["members"].as_object().context("no members")? {
                let name = canonical(wire);
                let call = if required.contains(&**wire) { "r" } else { "o" };
                let row = format!("        {call}({name:?}, {wire:?}, {}),\n", target(at)?);
                ensure!(members.insert(name, row).is_none(), "{wire} stands there in both cases");
            }
            let rows: String = members.into_values().collect();
            let rows = if rows.is_empty() { rows } else { format!("\n{rows}    ") };
            format!("Kind::Structure {{ union: {union}, members: &[{rows}] }}")
        }
        "list" => {
            format!("Kind::List {{ item: {}, {} }}", target(&shape["member"])?, limits(false))
        }
        "map" => format!(
            "Kind::Map {{ key: {}, value: {}, {} }}",
            target(&shape["key"])?,
            target(&shape["value"])?,
            limits(false)
        ),
        "string" => {
            let pattern = shape["pattern"].as_str().filter(|p| p.len() <= LONGEST_PATTERN);
            format!(
                "Kind::String {{ enums: &[{}], {}, pattern: {pattern:?} }}",
                enums(&shape["enum"]),
                limits(false)
            )
        }
        "integer" => format!("Kind::Integer {{ {} }}", limits(false)),
        "long" => format!("Kind::Long {{ {} }}", limits(false)),
        "float" => format!("Kind::Float {{ {} }}", limits(true)),
        "double" => format!("Kind::Double {{ {} }}", limits(true)),
        "boolean" => "Kind::Boolean".to_owned(),
        "timestamp" => "Kind::Timestamp".to_owned(),
        "blob" => "Kind::Blob".to_owned(),
        other => bail!("type {other} is not known here"),
    })
}

/// The values of an enum as Rust text, in lines of readable length.
fn enums(values: &Value) -> String {
    let mut out = String::new();
    let mut width = 0;
    for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let text = format!("{value:?}, ");
        if width + text.len() > 90 {
            out.push_str("\n        ");
            width = 0;
        }
        width += text.len();
        out.push_str(&text);
    }
    out.trim_end_matches(", ").replace(", \n", ",\n")
}

/// An enum of names as Rust text.
fn variants<'n>(out: &mut String, doc: &str, name: &str, names: impl Iterator<Item = &'n str>) -> Result<()> {
    writeln!(
        out,
        "/// {doc}\n\
         #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]\n\
         #[allow(missing_docs, clippy::enum_variant_names)]\n\
         pub enum {name} {{"
    )?;
    for variant in names {
        writeln!(out, "    {variant},")?;
    }
    writeln!(out, "}}\n")?;
    Ok(())
}

/// The variant of `ShapeId` for a shape; some shapes of the models begin in lower case.
fn variant(service: &str, shape: &str) -> String {
    let mut letters = shape.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    format!("{service}{}{}", first.into_iter().collect::<String>(), letters.as_str())
}

/// A member's name inside Evenkeel: its wire name with the first letter in lower case.
fn canonical(wire: &str) -> String {
    let mut letters = wire.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    format!("{}{}", first.into_iter().collect::<String>(), letters.as_str())
}

/// `CreateService` as the AWS CLI writes it, `create-service`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
