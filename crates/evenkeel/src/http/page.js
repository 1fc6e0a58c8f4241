// Draws the page from /v1/status, every two seconds. Everything that comes from there is set as text.
"use strict";

const EVERY = 2000;
const PATIENCE = 8000;
const KINDS = {
  "load-balancer": "Load balancers", "target-group": "Target groups", "task-definition": "Task definitions",
  "cluster": "Clusters", "repository": "Repositories", "log-group": "Log groups",
};
const WORST_FIRST = ["refused", "held", "drifted", "waiting", "changing", "rolling", "unknown", "paused", "suspended", "synced"];
const OWNERS = {
  document: "the document", human: "a human", autoscaler: "the autoscaler", rollout: "the rollout", aws: "AWS",
};

const OUTCOMES = {
  completed: "completed", circuit_breaker: "failed: circuit breaker", alarm: "failed: alarm", deadline: "failed: deadline",
  rolled_back: "rolled back", superseded: "superseded", stopped: "stopped",
};

const at = (id) => document.getElementById(id);
const show = (id, shown) => { at(id).hidden = !shown; };
// Nothing is touched that has not changed: screen readers, selections and open details stay as they are.
const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const time = (when) => new Date(when).toLocaleTimeString([], { hourCycle: "h23" });
const day = (when) => new Date(when).toLocaleString([], { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
const span = (seconds) => {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  // Not broken over lines.
  const join = (...parts) => parts.filter(([count]) => count).map((it) => it.join("\u00a0")).join("\u00a0");
  if (hours) return join([hours, "h"], [minutes, "min"]);
  return minutes ? join([minutes, "min"], [rest, "s"]) : `${rest}\u00a0s`;
};
const number = (count, one, many) => `${count} ${count === 1 ? one : many || one + "s"}`;

function make(name, style, ...children) {
  const node = document.createElement(name);
  if (style) node.className = style;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function state(word, text) {
  const known = WORST_FIRST.includes(word) ? word : "unknown";
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  shape.setAttribute("aria-hidden", "true");
  use.setAttribute("href", "#" + known);
  shape.append(use);
  return make("span", "state is-" + known, shape, text || word);
}

// A cell is drawn anew only where what it shows has changed.
function fill(node, facts, draw) {
  const now = JSON.stringify(facts);
  if (node.dataset.facts === now) return;
  node.dataset.facts = now;
  const open = node.querySelector("details")?.open;
  node.replaceChildren(...draw().filter(Boolean));
  const details = node.querySelector("details");
  if (details && open) details.open = true;
}

// The children of a node, by key and in order; new ones are made, old ones are kept, others go.
function keyed(parent, items, key, create, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const id = key(item);
    let node = known.get(id);
    if (!node) {
      node = create(item);
      node.dataset.key = id;
    }
    known.delete(id);
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] || null);
    update(node, item);
  });
  known.forEach((node) => node.remove());
}

// On a narrow screen rows are laid out as blocks, which some browsers take for no table any more.
function roles(row) {
  row.setAttribute("role", "row");
  for (const cell of row.children) cell.setAttribute("role", "cell");
  return row;
}

function value(it) {
  if (it === null || it === undefined) return "absent";
  const text = typeof it === "string" ? it : JSON.stringify(it);
  return text === "" ? "empty" : text.length > 160 ? text.slice(0, 159) + "…" : text;
}

function differences(list) {
  if (!list.length) return [];
  const owners = [...new Set(list.map((it) => it.owner))]
    .map((owner) => `${list.filter((it) => it.owner === owner).length} by ${OWNERS[owner] || owner}`);
  const rows = list.slice(0, 50).map((it) => {
    const fate = it.actedOn ? "being put right" : it.later ? "put right later" : "left alone";
    return make("li", "",
      make("span", "path", it.path === "" || it.path === "/" ? it.part : it.part + it.path),
      make("span", "values", it.actedOn ? `${value(it.live)} → ${value(it.want)}` : `${value(it.live)}, where the document has ${value(it.want)}`),
      make("span", "values", `by ${OWNERS[it.owner] || it.owner}, ${fate}`));
  });
  if (list.length > rows.length) rows.push(make("li", "", `and ${list.length - rows.length} more`));
  return [make("details", "", make("summary", "", owners.join(", ")), make("ul", "differences", ...rows))];
}

function tasks(unit) {
  const { desiredCount: desired, runningCount: running, rollout } = unit;
  if (desired === null || desired === undefined) return [];
  // In a rollout old and new tasks run beside each other.
  const cell = [make("span", "", running > desired ? `${running} running, ${desired} wanted` : `${running} of ${desired} running`)];
  if (rollout) {
    const bar = document.createElement("progress");
    bar.max = Math.max(rollout.desired, 1);
    bar.value = rollout.running;
    bar.setAttribute("aria-label", `rollout: ${rollout.running} of ${rollout.desired} new tasks`);
    cell.push(bar);
    if (rollout.failed > 0) cell.push(make("span", "under", number(rollout.failed, "task") + " failed"));
  }
  return cell;
}

// The rollout under way and the last one that is over: how it goes or went, and for how long; when, and its id, where
// one points at it.
function rollouts(unit) {
  const { rollout, lastRollout: last } = unit;
  const titled = (node, it) => {
    const times = [it.began ? `began ${day(it.began * 1000)}` : "", it.ended ? `ended ${day(it.ended * 1000)}` : ""];
    node.title = [it.deployment, ...times, it.reason].filter(Boolean).join("\n");
    return node;
  };
  const lines = [];
  if (rollout) {
    const taken = rollout.seconds === null ? "under way" : `${span(rollout.seconds)} so far`;
    lines.push(titled(make("div", "", taken), rollout));
    if (rollout.stage) lines.push(make("div", "under", rollout.stage));
  }
  if (last) {
    const failed = ["circuit_breaker", "alarm", "deadline"].includes(last.outcome);
    const word = make("span", failed ? "is-held" : "", OUTCOMES[last.outcome] || last.outcome);
    const took = last.seconds === null ? "" : ` ${last.outcome === "completed" ? "in" : "after"} ${span(last.seconds)}`;
    lines.push(titled(make("div", rollout ? "under" : "", rollout ? "before: " : null, word, took), last));
    if (last.ended && !rollout) lines.push(make("div", "under", day(last.ended * 1000)));
  }
  return lines;
}

function now(unit) {
  const advice = unit.state === "refused" && unit.refused[0] && unit.refused[0].wayOut;
  const hook = (it) => `${it.id} in ${it.stage} waits for a person: evenkeel hook continue ${it.id}, or rollback${it.expires ? `; at ${day(it.expires * 1000)} ECS itself says ${it.then}` : ""}`;
  const more = [...unit.refused.slice(1).map((it) => it.why), ...unit.waiting.slice(1).map((it) => "waits " + it), ...unit.notes];
  const because = unit.diagnosis.flatMap((it) => [make("span", "because", it.said), it.check ? make("span", "advice", it.check) : null]);
  return [
    make("span", "", unit.message),
    advice ? make("span", "advice", advice) : null,
    ...unit.hooks.map((it) => make("span", "because", hook(it))),
    ...because.slice(0, 10),
    ...more.slice(0, 5).map((it) => make("span", "advice", it)),
  ];
}

function services(units) {
  const list = units.filter((unit) => unit.kind === "service");
  list.sort((a, b) => WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state) || a.key.localeCompare(b.key));
  show("services", true);
  show("services-none", list.length === 0);
  at("services-rows").parentNode.hidden = list.length === 0;
  const create = () => roles(make("tr", "", make("td"), make("td"), make("td"), make("td"), make("td", "now"), make("td")));
  keyed(at("services-rows"), list, (unit) => unit.key, create, (row, unit) => {
    const [name, word, count, rollout, message, drift] = row.children;
    fill(name, [unit.name, unit.cluster], () => [make("div", "title", unit.name), make("div", "under", unit.cluster)]);
    fill(word, unit.state, () => [state(unit.state)]);
    fill(count, [unit.desiredCount, unit.runningCount, unit.rollout], () => tasks(unit));
    fill(rollout, [unit.rollout, unit.lastRollout], () => rollouts(unit));
    fill(message, [unit.message, unit.refused, unit.waiting, unit.notes, unit.hooks, unit.diagnosis], () => now(unit));
    fill(drift, unit.drift, () => differences(unit.drift));
  });
}

function others(units) {
  const kinds = Object.keys(KINDS)
    .map((kind) => ({ kind, units: units.filter((unit) => unit.kind === kind) }))
    .filter((it) => it.units.length);
  show("others", kinds.length > 0);
  const create = (it) => make("details", "", make("summary", "", make("span", "kind", KINDS[it.kind]), make("span", "states")), make("table", "", make("tbody")));
  keyed(at("others-kinds"), kinds, (it) => it.kind, create, (node, it) => {
    const counts = WORST_FIRST.map((word) => [word, it.units.filter((unit) => unit.state === word).length]).filter(([, count]) => count);
    fill(node.querySelector(".states"), counts, () => counts.map(([word, count]) => state(word, `${count} ${word}`)));
    if (it.units.some((unit) => ["refused", "held", "drifted"].includes(unit.state)) && !node.dataset.opened) {
      node.dataset.opened = "once";
      node.open = true;
    }
    const row = () => roles(make("tr", "", make("td", "title"), make("td"), make("td", "now"), make("td")));
    keyed(node.querySelector("tbody"), it.units, (unit) => unit.key, row, (line, unit) => {
      const [name, word, message, drift] = line.children;
      say(name, unit.name);
      fill(word, unit.state, () => [state(unit.state)]);
      fill(message, [unit.message, unit.refused, unit.waiting, unit.notes, unit.hooks, unit.diagnosis], () => now(unit));
      fill(drift, unit.drift, () => differences(unit.drift));
    });
  });
}

function events(list) {
  show("events", list.length > 0);
  const create = () => make("li", "", make("time"), make("span", "unit"), make("span", "text"));
  keyed(at("events-list"), list.slice(0, 15), (event) => String(event.seq), create, (node, event) => {
    const [when, unit, text] = node.children;
    say(when, event.at ? time(event.at) : "");
    if (event.at) when.dateTime = event.at;
    say(unit, event.unit ? event.unit.replace(/^service:/, "").replace(/^([a-z-]+):/, (all, kind) => kind.replace("-", " ") + " ") : "");
    say(text, event.message);
    node.classList.toggle("attention", event.warning);
  });
}

function faults(status) {
  const all = status.faults;
  show("fault", all.length > 0);
  if (!all.length) return;
  const it = all[0];
  const several = all.length > 1;
  const kept = status.documents.find((document) => document.source === it.source);
  const effect = kept
    ? `Version ${short(kept.version)} stays in force, and nothing is changed because of this one.`
    : "Nothing of it is in force, so nothing is changed because of it.";
  say(at("fault-title"), several ? `${number(all.length, "document")} have errors` : it.version !== null ? "The newest version of the document has errors" : "The document cannot be read");
  say(at("fault-effect"), several ? "What was good before stays in force." : it.diagnostics.length ? effect : `${it.message}. ${effect}`);
  const found = all.flatMap((fault) => fault.diagnostics.length || !several
    ? fault.diagnostics.map((it) => [fault, it])
    : [[fault, { message: fault.message }]]).slice(0, 20);
  fill(at("fault-list"), found, () => found.map(([fault, it]) => make("li", "",
    make("strong", "", it.message),
    make("span", "where", [several ? fault.source : "", it.line ? `line ${it.line}, column ${it.column}` : "", it.pointer].filter(Boolean).join("  ·  ")),
    it.hint ? make("span", "hint", it.hint) : null)));
}

function documents(status) {
  const one = (it) => {
    const written = it.modified ? `, written ${new Date(it.modified).toLocaleString([], { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" })}` : "";
    return `${it.name}, version ${short(it.version)}${written}`;
  };
  const all = status.documents;
  if (!all.length) return status.source ? `The daemon looks for it at ${status.source}` : "";
  const shown = all.slice(0, 3).map(one).join(" · ");
  return `${shown}${all.length > 3 ? ` and ${all.length - 3} more` : ""}, from ${status.source}`;
}

function headline(status) {
  const counts = status.services;
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const bad = (counts.refused || 0) + (counts.held || 0);
  const moving = (counts.changing || 0) + (counts.rolling || 0) + (counts.waiting || 0);
  const verb = (count) => (count === 1 ? "is" : "are");
  if (!status.documents.length) return status.faults.length ? "No document is in force." : "No document has been read yet.";
  if (status.settled) return all === 1 ? "The service is as the document wants it." : `All ${number(all, "service")} are as the document wants them.`;
  if (bad) return `${bad} of ${number(all, "service")} ${bad === 1 ? "needs" : "need"} a person.`;
  if (!status.ready) return "Looking at AWS for the first time…";
  if (moving) return `${moving} of ${number(all, "service")} ${verb(moving)} on the way.`;
  if (counts.drifted) return `${counts.drifted} of ${number(all, "service")} ${counts.drifted === 1 ? "differs" : "differ"} from the document.`;
  if (counts.paused) return `${counts.paused} of ${number(all, "service")} ${verb(counts.paused)} left alone for a while.`;
  if (status.plan.changes) return `${number(status.plan.changes, "step")} to go.`;
  return status.faults.length ? "The last good version of the document is in force." : "Something the services stand on is not yet as it should be.";
}

const short = (version) => (version.length > 12 ? version.slice(0, 8) + "…" : version);

function lease(it) {
  switch (it.state) {
    case "ours": return "this process";
    case "other": return it.holder;
    case "unreachable": return "nobody: the lease cannot be reached";
    default: return "not known yet";
  }
}

function draw(status) {
  show("facts", true);
  say(at("account"), status.account || "not known yet");
  say(at("region"), status.region || "not known yet");
  say(at("mode"), status.mode === "observe" ? "observe: nothing is written" : status.mode || "");
  say(at("lease"), lease(status.lease));
  say(at("pass"), status.secondsSincePass < 2 ? "just now" : `${number(status.secondsSincePass, "second")} ago`);
  say(at("headline"), headline(status));
  say(at("document"), documents(status));
  const warnings = status.documents.flatMap((document) => document.warnings);
  show("warnings", warnings.length > 0);
  say(at("warnings"), warnings.length ? `${number(warnings.length, "remark")} on the document: ${warnings[0].line ? "line " + warnings[0].line + ": " : ""}${warnings[0].message}` : "");
  faults(status);
  const trouble = Object.entries(status.trouble);
  show("trouble", trouble.length > 0);
  fill(at("trouble-list"), trouble, () => trouble.map(([kind, error]) => make("li", "", make("strong", "", kind.replaceAll("_", " ")), `: ${error}`)));
  if (status.documents.length) { services(status.units); others(status.units); } else { show("services", false); show("others", false); }
  events(status.events);
  say(at("version"), `Evenkeel ${status.evenkeel}`);
  document.title = status.settled ? "Evenkeel" : `${status.faults.length ? "⚠ " : "… "}Evenkeel`;
}

let answered = null;

function silent(reason) {
  const since = answered ? `since ${time(answered)}. What is shown is from then.` : "and has not since this page was opened.";
  say(at("unreachable"), `The daemon does not answer ${since} (${reason})`);
  show("unreachable", true);
  document.body.classList.add("stale");
  if (!answered) say(at("headline"), "Nothing is known yet.");
}

async function turn() {
  try {
    const response = await fetch("/v1/status", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    const status = await response.json();
    draw(status);
    answered = new Date();
    show("unreachable", false);
    document.body.classList.remove("stale");
  } catch (error) {
    silent(error.name === "TimeoutError" ? "no answer in time" : error.message);
  }
  setTimeout(turn, EVERY);
}

turn();
