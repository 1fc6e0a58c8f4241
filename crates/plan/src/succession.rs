//! Whether a target group can be replaced by another, the making of that other one, and the end of the old.

use evenkeel_model::Tree;
use evenkeel_model::document::TargetGroup;
use evenkeel_model::key::Subject;
use evenkeel_model::shapes::Op;

use crate::generations::Generation;
use crate::ownership::{TAG_DOCUMENT, tag};
use crate::replacement::{forwards_to, groups_in, groups_of, services_in};
use crate::report::{Drift, Refusal};
use crate::unit::Draft;
use crate::{Because, Planner, dotted};

/// Most target groups of one forward, and of one service.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const MOST_GROUPS: usize = 5;

/// Protocols of target groups that one forward can weigh against each other: those of application load
/// balancers in any mixture, those of network load balancers each with its like.
/// <https://aws.amazon.com/about-aws/whats-new/2025/11/network-load-balancer-weighted-target-groups/>
const WEIGHED: [&[&str]; 5] = [&["HTTP", "HTTPS"], &["TCP"], &["TLS"], &["UDP"], &["TCP_UDP"]];

impl Planner<'_> {
    /// Makes the group that is to replace `live`, which differs from the document in what cannot be changed;
    /// or says why not. Either way the report shows how it goes. `want` is what the new one is to be.
    pub(crate) fn succeed(
        &self,
        draft: &mut Draft<'_>,
        name: &str,
        group: &TargetGroup,
        want: &Tree,
        drifts: Vec<Drift>,
        live: &Tree,
    ) {
        let Some(generation) = self.generations.get(name) else { return };
        let obstacles = self.obstacles(group, &drifts, live);
        draft.note(self.way(&generation.successor, live));
        if !obstacles.is_empty() {
            let fields: Vec<String> = drifts.iter().map(|d| format!("`{}`", dotted(&d.path))).collect();
            let what = format!(
                "{} of target group {name} cannot be changed, nor the group replaced",
                fields.join(", ")
            );
            for mut refusal in obstacles {
                refusal.why = format!("{what}: {}", refusal.why);
                draft.refuse(refusal);
            }
            draft.report.drift.extend(drifts.into_iter().map(|d| Drift { acted_on: false, ..d }));
            return;
        }
        let acted = draft.accept(drifts);
        let subject = Subject::TargetGroup(generation.successor.clone());
        if acted.is_empty() {
            return;
        }
        match draft.seen(&subject) {
            None => {}
            Some(seen) if seen.tree().is_some() => {
                let why = format!("target group {} is there already and is not ours", generation.successor);
                draft.refuse(Refusal::new(why).or("delete it, or give the document's another name"));
            }
            Some(_) => {
                self.make_group(draft, &generation.successor, group, want).because_of(acted);
            }
        }
    }

    /// Ends older generations once nothing leads to them; until then says what comes next.
    pub(crate) fn retire(&self, draft: &mut Draft<'_>, name: &str, generation: &Generation) {
        let Some(replacement) = self.rules.replacements.get(name) else { return };
        if let Some(next) = replacement.next(self.world()) {
            draft.wait(next);
            return;
        }
        for old in &generation.old {
            let subject = Subject::TargetGroup(old.clone());
            let Some(arn) = self.world().tree(&subject).and_then(|t| t.str("targetGroupArn")) else {
                continue;
            };
            if !self.input.ceilings.replace {
                draft.refuse(not_allowed(&format!(
                    "deleting target group {old}, which was replaced, is not allowed"
                )));
                continue;
            }
            let input = Tree::map().with("targetGroupArn", arn);
            let why = format!("{old}, which {} has replaced", self.generations.name(name));
            draft
                .step(format!("delete-target-group {old}"), subject, Op::Elbv2DeleteTargetGroup, input)
                .because(Because::Reason(why));
        }
    }

    /// How a replacement goes, in one sentence.
    fn way(&self, successor: &str, live: &Tree) -> String {
        let arn = live.str("targetGroupArn").unwrap_or_default();
        let services = services_in(self.document(), self.world(), &self.generations, arn);
        let names: Vec<String> = services.iter().map(|(key, _)| key.to_string()).collect();
        if names.is_empty() {
            return format!("to replace it: make {successor}, delete the old one");
        }
        let names = names.join(", ");
        format!(
            "to replace it: make {successor}; put it at weight 0 on every rule and listener that leads to the old \
             one; deploy {names} with both; move the traffic once all targets are healthy; deploy {names} with \
             the new one alone; delete the old one"
        )
    }

    /// What stands in the way of a replacement.
    fn obstacles(&self, group: &TargetGroup, drifts: &[Drift], live: &Tree) -> Vec<Refusal> {
        let mut found = Vec::new();
        if !self.input.ceilings.replace {
            found.push(not_allowed("this daemon replaces nothing"));
        }
        let arn = live.str("targetGroupArn").unwrap_or_default();
        let services = services_in(self.document(), self.world(), &self.generations, arn);
        let forwards = forwards_to(self.document(), self.world(), &self.generations, arn);
        let attached = !live.list_of("loadBalancerArns").is_empty();
        if services.is_empty() && forwards.is_empty() && !attached {
            return found;
        }
        let mut cannot = |why: String, way_out: &str| found.push(Refusal::new(why).or(way_out));
        let elsewhere = "declare a group of another name, and move to it by hand";
        if forwards.is_empty() {
            cannot("it is on a rule or listener that the document does not have".into(), elsewhere);
        }
        if let Some(rule) = self.foreign_rule(arn) {
            cannot(format!("{rule}, which is not ours, leads to it"), elsewhere);
        }
        if services.is_empty() {
            cannot(
                "no service of the document is in it, so nobody would be in the new one".into(),
                elsewhere,
            );
        }
        let [old, new] = [live, &group.input].map(|g| g.str("protocol").unwrap_or("none"));
        if !WEIGHED.iter().any(|family| family.contains(&old) && family.contains(&new)) {
            let why = match old == new {
                true => format!("listeners do not weigh target groups of the protocol {old}"),
                false => {
                    format!("no listener leads to target groups of the protocols {old} and {new} at once")
                }
            };
            cannot(why, elsewhere);
        }
        let differs = |member: &str| drifts.iter().any(|d| d.path.segments().next() == Some(member));
        if differs("vpcId") {
            cannot("its load balancer is in the VPC of the old one".into(), elsewhere);
        }
        if differs("targetType") {
            cannot("no task can be in groups of two target types".into(), elsewhere);
        }
        let most = |actions: &&[Tree]| groups_in(actions).count() >= MOST_GROUPS;
        if forwards.iter().any(most) {
            cannot(format!("a rule that leads to it has {MOST_GROUPS} target groups already"), elsewhere);
        }
        for (key, service) in services {
            if let (Some(wanted), Some(service)) = (self.document().services.get(key), service)
                && let Some(why) = cannot_be_in_both(&wanted.task_definition, service, arn)
            {
                cannot(format!("{key} cannot be in both: {why}"), elsewhere);
            }
        }
        found
    }

    /// A rule of somebody else on a listener in sight that leads to a target group.
    fn foreign_rule(&self, arn: &str) -> Option<&str> {
        let listings = self.world().iter().filter(|(s, _)| matches!(s, Subject::Rules(_)));
        let rules = listings.filter_map(|(_, seen)| seen.tree()).flat_map(Tree::items);
        let mut foreign = rules.filter(|r| tag(r, TAG_DOCUMENT) != Some(&self.document().name));
        foreign.find(|r| groups_in(r.list_of("actions")).any(|(g, _)| g == arn))?.str("ruleArn")
    }
}

fn not_allowed(why: &str) -> Refusal {
    Refusal::new(why).or("start the daemon with `--allow replace`")
}

/// Why the tasks of a service cannot be in a target group and its successor at once.
pub(crate) fn cannot_be_in_both(task: &Tree, service: &Tree, arn: &str) -> Option<String> {
    let entries = service.list_of("loadBalancers");
    if entries.iter().any(|e| e.get("advancedConfiguration").is_some()) {
        return Some("ECS moves its traffic between two groups of its own".into());
    }
    if groups_of(service).count() >= MOST_GROUPS {
        return Some(format!("it is in {MOST_GROUPS} target groups already"));
    }
    let entry = entries.iter().find(|e| e.str("targetGroupArn") == Some(arn))?;
    let (name, port) = (entry.str("containerName").unwrap_or_default(), entry.int("containerPort"));
    let container = task.list_of("containerDefinitions").iter().find(|c| c.str("name") == Some(name));
    let mappings = container.map_or(&[][..], |c| c.list_of("portMappings"));
    if !mappings.iter().any(|m| m.int("containerPort") == port) {
        let port = port.unwrap_or_default();
        return Some(format!("its new tasks have no port {port} of a container {name} for the old one"));
    }
    let fixed = |m: &Tree| m.int("hostPort").is_some_and(|p| p != 0);
    let network = task.str("networkMode").unwrap_or("bridge");
    let shares = network == "host" || (network == "bridge" && mappings.iter().any(fixed));
    shares.then(|| format!("its tasks have fixed ports on their hosts (network mode {network})"))
}
