//! Documents some of whose entries have errors.

use serde_json::{Value, json};

use super::*;
use crate::key::{ServiceKey, UnitKey};

/// A shop of three services, two with target groups: `web` refers to that of `api`, `jobs` waits for `web`, and
/// `lone` has nothing to do with any of them.
fn shop() -> Value {
    let service = |image: &str| {
        json!({"taskDefinition": {"containerDefinitions": [
            {"name": "app", "image": image, "memory": 64, "portMappings": [{"containerPort": 80}]}]}, "service": {}})
    };
    let group = || json!({"protocol": "HTTP", "port": 80, "vpcId": "v"});
    let mut shop = json!({
        "apiVersion": "evenkeel/v1", "name": "shop", "account": "123456789012", "region": "us-east-1", "cluster": "web",
        "services": {"api": service("api:1"), "web": service("web:1"), "jobs": service("jobs:1"), "lone": service("lone:1")},
        "targetGroups": {"shared": group()}, "clusters": {"web": {}}, "logGroups": {"l": {"logGroupName": "/x"}},
    });
    shop["services"]["api"]["targetGroups"] = json!({"in": group()});
    shop["services"]["web"]["service"]["loadBalancers"] =
        json!([{"targetGroupArn": "${targetGroup:in}", "containerName": "app", "containerPort": 80}]);
    shop["services"]["jobs"]["dependsOn"] = json!(["web"]);
    shop
}

fn partial(json: &Value) -> Option<Partial> {
    let text = serde_json::to_string_pretty(json).unwrap();
    read_partial(text::parse(text.as_bytes(), Some(Format::Json)).unwrap()).0
}

#[track_caller]
fn in_force(json: &Value, last: Option<&Document>) -> Document {
    partial(json).expect("something can be put in force").with_last_good(last)
}

fn image<'d>(document: &'d Document, service: &str) -> Option<&'d str> {
    let service = document.services.get(&ServiceKey::new("web", service))?;
    service.task_definition.pointer("containerDefinitions/0/image")?.as_str()
}

fn kept_back(document: &Document) -> String {
    document.kept_back.iter().map(|(unit, why)| format!("{unit}: {why}\n")).collect()
}

/// The next version: new images everywhere, and a fault somewhere.
fn next(fault: impl FnOnce(&mut Value)) -> Value {
    let mut next = shop();
    for name in ["api", "web", "jobs", "lone"] {
        next["services"][name]["taskDefinition"]["containerDefinitions"][0]["image"] =
            json!(format!("{name}:2"));
    }
    fault(&mut next);
    next
}

#[test]
fn a_document_without_errors_is_whole() {
    let whole = partial(&shop()).unwrap();
    assert_eq!(whole.faulty().collect::<Vec<_>>(), []);
    assert!(whole.is_whole());
    let good = in_force(&shop(), None);
    assert_eq!(whole.with_last_good(Some(&in_force(&next(|_| {}), None))), good);
    assert!(good.kept_back.is_empty());
}

#[test]
fn a_faulty_service_and_what_depends_on_it_stay_at_their_last_good_version() {
    let good = in_force(&shop(), None);
    let next = next(|d| d["services"]["api"]["taskDefinition"]["cpu"] = json!({}));
    let partial = partial(&next).unwrap();
    let faulty: Vec<String> = partial.faulty().map(|(place, _)| place.to_string()).collect();
    assert_eq!(faulty, ["/services/api", "/services/jobs", "/services/web"]);
    let document = partial.with_last_good(Some(&good));
    let images = ["api", "web", "jobs", "lone"].map(|name| image(&document, name));
    assert_eq!(images, [Some("api:1"), Some("web:1"), Some("jobs:1"), Some("lone:2")]);
    assert!(document.target_groups.contains_key("in"));
    expect![[r#"
        target-group:in: its entry in the document has errors: line 38: a string belongs here, not an object
        service:web/api: its entry in the document has errors: line 38: a string belongs here, not an object
        service:web/jobs: it depends on /services/web, whose entry in the document has errors
        service:web/web: it depends on /services/api, whose entry in the document has errors
    "#]]
    .assert_eq(&kept_back(&document));
    // All that it names is there.
    let mut found = Vec::new();
    links::check(&document, &mut found);
    assert_eq!(found, []);
}

#[test]
fn without_a_last_good_version_it_is_left_out_and_known_as_kept_back() {
    let next = next(|d| d["services"]["api"]["taskDefinition"]["cpu"] = json!({}));
    let document = in_force(&next, None);
    let names: Vec<String> = document.services.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["web/lone"]);
    let units: Vec<String> = document.kept_back.keys().map(ToString::to_string).collect();
    assert_eq!(units, ["target-group:in", "service:web/api", "service:web/jobs", "service:web/web"]);
    // The last version of another document says nothing about this one.
    let mut other = shop();
    other["name"] = json!("other");
    assert_eq!(in_force(&next, Some(&in_force(&other, None))), document);
}

#[test]
fn every_kind_of_entry_is_kept_back_by_itself() {
    let good = in_force(&shop(), None);
    for (section, item, unit) in [
        ("targetGroups", "shared", "target-group:shared"),
        ("clusters", "web", "cluster:web"),
        ("logGroups", "l", "log-group:/x"),
    ] {
        let next = next(|d| d[section][item]["nonsense"] = json!(1));
        let document = in_force(&next, Some(&good));
        let unit = UnitKey::parse(unit).unwrap();
        assert_eq!(document.kept_back.keys().collect::<Vec<_>>(), [&unit]);
        assert!(document.declares(&unit));
        assert_eq!(image(&document, "api"), Some("api:2"));
        // So it is as long as it is faulty.
        assert_eq!(in_force(&next, Some(&document)), document);
    }
}

#[test]
fn a_name_that_is_there_twice_keeps_the_second_back() {
    let next = next(|d| {
        d["services"]["zoo"] = {
            let mut zoo = d["services"]["lone"].clone();
            zoo["service"]["serviceName"] = json!("lone");
            zoo["taskDefinition"]["containerDefinitions"][0]["image"] = json!("zoo:1");
            zoo
        }
    });
    let document = in_force(&next, None);
    assert_eq!(image(&document, "lone"), Some("lone:2"));
    assert_eq!(kept_back(&document), "");
}

#[test]
fn what_a_kept_back_entry_refers_to_stays_with_it() {
    let mut with_shared = shop();
    with_shared["services"]["web"]["service"]["loadBalancers"][0]["targetGroupArn"] =
        json!("${targetGroup:shared}");
    let good = in_force(&with_shared, None);
    let next = next(|d| {
        d["targetGroups"] = json!({});
        d["services"]["web"]["service"] = json!({"nonsense": 1});
    });
    let document = in_force(&next, Some(&good));
    assert!(document.target_groups.contains_key("shared"));
    expect![[r#"
        target-group:shared: the document no longer has it, and /services/web, which is kept back, needs it
        service:web/jobs: it depends on /services/web, whose entry in the document has errors
        service:web/web: its entry in the document has errors: line 79: AWS knows no field `nonsense` here
    "#]]
    .assert_eq(&kept_back(&document));
}

#[test]
fn a_kept_back_service_does_not_wait_for_one_that_is_gone() {
    let good = in_force(&shop(), None);
    let next = next(|d| {
        d["services"].as_object_mut().unwrap().remove("web");
        d["services"]["jobs"]["service"] = json!({"nonsense": 1});
    });
    let document = in_force(&next, Some(&good));
    assert_eq!(image(&document, "jobs"), Some("jobs:1"));
    assert_eq!(document.services[&ServiceKey::new("web", "jobs")].depends_on, []);
}

#[test]
fn a_fault_at_the_top_and_any_fault_where_all_or_nothing_is_asked_for_refuse_the_whole() {
    for fault in [
        |d: &mut Value| d["account"] = json!("12"),
        |d: &mut Value| d["settings"] = json!({"mode": "enforced"}),
        |d: &mut Value| d["defaults"] = json!({"service": {"nonsense": 1}}),
        |d: &mut Value| d["services"] = json!([]),
        |d: &mut Value| {
            d["settings"] = json!({"atomic": true});
            d["services"]["api"]["nonsense"] = json!(1);
        },
    ] {
        assert!(partial(&next(fault)).is_none());
    }
}

#[test]
fn what_adopts_goes_on_adopting_while_it_is_kept_back() {
    let mut adopting = shop();
    adopting["services"]["api"]["adopt"] = json!(true);
    let good = in_force(&adopting, None);
    let next = next(|d| d["services"]["api"]["nonsense"] = json!(1));
    let document = in_force(&next, Some(&good));
    let api = UnitKey::parse("service:web/api").unwrap();
    assert_eq!(document.adopt(&api), &Adopt::Always);
}

#[test]
fn faults_that_another_entry_hides_are_found_without_it() {
    // `web` means the group of `api`; with that gone the one of `zoo` is not meant instead.
    let next = next(|d| {
        d["services"]["zoo"] = d["services"]["lone"].clone();
        d["services"]["zoo"]["targetGroups"] =
            json!({"in": {"name": "zoo-in", "protocol": "HTTP", "port": 80, "vpcId": "v"}});
        d["services"]["web"]["service"]["loadBalancers"] = json!([]);
        d["services"]["api"]["service"]["loadBalancers"] =
            json!([{"targetGroupArn": "${targetGroup:in}", "containerName": "app", "containerPort": 80}]);
        d["services"]["api"]["nonsense"] = json!(1);
    });
    let document = in_force(&next, None);
    assert_eq!(
        document.services.keys().map(|k| &*k.name).collect::<Vec<_>>(),
        ["jobs", "lone", "web", "zoo"]
    );
}
