//! Mistakes of meaning, one test for each kind: references, names, and what AWS would refuse half-way.
//! What is said, and where.

use super::*;

#[test]
fn a_reference_with_a_slip_is_told_what_was_meant() {
    let hinted = |reference: &str| {
        let document = format!(
            r#"{{"apiVersion": "evenkeel/v1", "name": "d", "account": "123456789012", "region": "us-east-1",
            "targetGroups": {{"api": {{"protocol": "HTTP", "port": 80, "vpcId": "vpc-1"}}}},
            "loadBalancers": {{"alb": {{"subnets": ["a", "b"], "listeners": {{"https": {{"protocol": "HTTP", "port": 80,
                "defaultActions": [{{"type": "forward", "targetGroupArn": "${{targetGroup:api}}"}}],
                "rules": {{"r": {{"priority": 1, "conditions": [{{"field": "host-header", "values": ["h"]}}],
                    "actions": [{{"type": "forward", "targetGroupArn": "{reference}"}}]}}}}}}}}}}}}}}"#
        );
        let (_, found) = crate::document::read(crate::text::parse(document.as_bytes(), None).unwrap());
        found.into_iter().find(|d| d.code == "dangling-reference").and_then(|d| d.hint)
    };
    assert_eq!(hinted("${targetGroup:aip}").as_deref(), Some("did you mean `${targetGroup:api}`?"));
    assert_eq!(hinted("${listener:alb/htps}").as_deref(), Some("did you mean `${listener:alb/https}`?"));
    assert_eq!(hinted("${loadBalancer:alp}").as_deref(), Some("did you mean `${loadBalancer:alb}`?"));
    assert_eq!(hinted("${targetGroup:something-else}"), None);
}

#[test]
fn references_to_nothing() {
    says(
        &with_shapes(
            TASK,
            r#"{"loadBalancers": [{"targetGroupArn": "${targetGroup:nope}", "containerName": "app", "containerPort": 80}], "role": "${listener:http}"}"#,
        )
        .replace(r#""image": "app:1""#, r#""image": "app:1", "portMappings": [{"containerPort": 80}]"#),
        expect![[r#"
            error[dangling-reference]: `${targetGroup:nope}` names nothing in this document
             --> doc.json:5:50
              |
            5 | "service": {"loadBalancers": [{"targetGroupArn": "${targetGroup:nope}", "containerName": "app", "containerPort": 80}], "role": "${listener:http}"}}}}
              |                                                  ^^^^^^^^^^^^^^^^^^^^^

            error[bad-reference]: this has not the form of a reference
             --> doc.json:5:128
              |
            5 | "service": {"loadBalancers": [{"targetGroupArn": "${targetGroup:nope}", "containerName": "app", "containerPort": 80}], "role": "${listener:http}"}}}}
              |                                                                                                                                ^^^^^^^^^^^^^^^^^^
              = help: `${targetGroup:NAME}`, `${loadBalancer:NAME}`, `${listener:LOAD-BALANCER/NAME}`, `${listenerRule:SERVICE/NAME}`, `${repository:NAME}`

            2 errors
        "#]],
    );
    says(
        &with_service(r#""dependsOn": ["worker"]"#),
        expect![[r#"
        error[dangling-reference]: the document has no service `worker`
         --> doc.json:4:15
          |
        4 | "dependsOn": ["worker"]
          |               ^^^^^^^^

        1 error
    "#]],
    );
    says(
        &with_service(
            r#""listenerRules": {"r": {"listenerArn": "${listener:alb/http}", "priority": 1, "conditions": [{"field": "host-header", "values": ["h"]}], "actions": [{"type": "forward", "targetGroupArn": "arn:t"}]}}"#,
        ),
        expect![[r#"
            error[dangling-reference]: `${listener:alb/http}` names nothing in this document
             --> doc.json:4:40
              |
            4 | …"listenerArn": "${listener:alb/http}"…
              |                 ^^^^^^^^^^^^^^^^^^^^^^

            1 error
        "#]],
    );
    says(
        &around(r#""logGroups": {"l": {"kmsKeyId": "${repository:x}"}}"#),
        expect![[r#"
        error[misplaced-reference]: a reference cannot stand here
         --> doc.json:3:33
          |
        3 | "logGroups": {"l": {"kmsKeyId": "${repository:x}"}}}
          |                                 ^^^^^^^^^^^^^^^^^

        1 error
    "#]],
    );
}

#[test]
fn a_circle_of_dependencies() {
    says(
        &with_service(r#""dependsOn": ["api"]"#),
        expect![[r#"
        error[cycle]: this service depends on itself, directly or through others
         --> doc.json:4:1
          |
        4 | "dependsOn": ["api"]
          | ^^^^^^^^^^^

        1 error
    "#]],
    );
}

#[test]
fn names_that_are_taken_or_impossible() {
    says(
        &around(
            r#""targetGroups": {"a": {"name": "same", "protocol": "HTTP", "port": 1, "vpcId": "v"},
"b": {"name": "same", "protocol": "HTTP", "port": 1, "vpcId": "v"},
"much-too-long-for-a-target-group-of-aws": {"protocol": "HTTP", "port": 1, "vpcId": "v"}}"#,
        ),
        expect![[r#"
            error[duplicate-name]: `same` is declared twice
             --> doc.json:4:1
              |
            4 | "b": {"name": "same", "protocol": "HTTP", "port": 1, "vpcId": "v"},
              | ^^^

            error[bad-name]: a target group's name has 1 to 32 letters, digits and `-`, and no `-` at either end
             --> doc.json:5:1
              |
            5 | "much-too-long-for-a-target-group-of-aws": {"protocol": "HTTP", "port": 1, "vpcId": "v"}}}
              | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

            2 errors
        "#]],
    );
    says(
        &with_service("\"restart\": \"1\"").replace("\"api\":", "\"a b\":"),
        expect![[r#"
            error[bad-name]: a service name has 1 to 255 letters, digits, `-` and `_`
             --> doc.json:3:14
              |
            3 | "services": {"a b": {"taskDefinition": {"containerDefinitions": [{"name": "app", "image": "app:1", "memory": 64}]}, "service": {},
              |              ^^^^^

            1 error
        "#]],
    );
    says(
        &around("").replace("\"shop\"", "\"sh op\""),
        expect![[r#"
        error[bad-name]: a document's name has 1 to 128 letters, digits, `-` and `_`
         --> doc.json:1:31
          |
        1 | {"apiVersion": "evenkeel/v1", "name": "sh op", "account": "123456789012", "region": "us-east-1",
          |                               ^^^^^^

        1 error
    "#]],
    );
}

#[test]
fn listeners_without_a_port_or_with_one_port() {
    says(
        &around(
            r#""loadBalancers": {"alb": {"listeners": {
"a": {"protocol": "HTTP", "defaultActions": []},
"b": {"protocol": "HTTP", "port": 80, "defaultActions": []},
"c": {"protocol": "HTTP", "port": 80, "defaultActions": []}}}}"#,
        ),
        expect![[r#"
            error[missing-required]: `subnets` is required, or `subnetMappings`
             --> doc.json:3:19
              |
            3 | "loadBalancers": {"alb": {"listeners": {
              |                   ^^^^^

            error[missing-required]: `port` is required: it tells the listeners of a load balancer apart
             --> doc.json:4:1
              |
            4 | "a": {"protocol": "HTTP", "defaultActions": []},
              | ^^^

            error[duplicate-port]: listener `b` has port 80 already
             --> doc.json:6:35
              |
            6 | "c": {"protocol": "HTTP", "port": 80, "defaultActions": []}}}}}
              |                                   ^^

            3 errors
        "#]],
    );
}

#[test]
fn two_rules_of_one_priority() {
    says(
        &with_service(
            r#""listenerRules": {
"a": {"listenerArn": "arn:x", "priority": 1, "conditions": [{"field": "host-header", "values": ["h"]}], "actions": [{"type": "forward", "targetGroupArn": "arn:t"}]},
"b": {"listenerArn": "arn:x", "priority": 1, "conditions": [{"field": "host-header", "values": ["h"]}], "actions": [{"type": "forward", "targetGroupArn": "arn:t"}]},
"c": {"priority": 2, "conditions": [{"field": "host-header", "values": ["h"]}], "actions": [{"type": "forward", "targetGroupArn": "arn:t"}]}}"#,
        ),
        expect![[r#"
            error[duplicate-priority]: the rule at `/services/api/listenerRules/a` has priority 1 on this listener already
             --> doc.json:6:43
              |
            6 | …"priority": 1…
              |              ^
              = help: priorities are unique on a listener

            error[missing-required]: `listenerArn` is required
             --> doc.json:7:1
              |
            7 | "c": {"priority": …, "conditions": [{"field": …, "values": […]}], "actions": [{"type": …, "targetGroupArn": …}]}}
              | ^^^
              = help: an ARN, or `${listener:LOAD-BALANCER/NAME}`

            2 errors
        "#]],
    );
}

#[test]
fn reserved_and_overlong_tags() {
    says(
        &around(r#""tags": {"aws:x": "1", "Evenkeel:key": "2", "": "3", "ok": ["x"]}"#),
        expect![[r#"
        error[reserved-tag]: tags that begin with `aws:` are reserved
         --> doc.json:3:19
          |
        3 | "tags": {"aws:x": "1", "Evenkeel:key": "2", "": "3", "ok": ["x"]}}
          |                   ^^^

        error[reserved-tag]: tags that begin with `evenkeel:` are reserved
         --> doc.json:3:40
          |
        3 | "tags": {"aws:x": "1", "Evenkeel:key": "2", "": "3", "ok": ["x"]}}
          |                                        ^^^

        error[limit]: a tag's key has 1 to 128 characters, its value at most 256
         --> doc.json:3:49
          |
        3 | "tags": {"aws:x": "1", "Evenkeel:key": "2", "": "3", "ok": ["x"]}}
          |                                                 ^^^

        error[wrong-type]: a string belongs here, not a list
         --> doc.json:3:60
          |
        3 | "tags": {"aws:x": "1", "Evenkeel:key": "2", "": "3", "ok": ["x"]}}
          |                                                            ^

        4 errors
    "#]],
    );
}

#[test]
fn paths_and_dates_that_are_none() {
    says(
        &with_service(
            r#""ignore": [{"path": "service", "reason": "r"},
{"path": "/desiredCount", "reason": "r"},
{"path": "/service/desiredCount", "reason": "r", "until": "tomorrow"},
{"path": "/service/desiredCount"}]"#,
        ),
        expect![[r#"
            error[bad-path]: this is not a path
             --> doc.json:4:21
              |
            4 | "ignore": [{"path": "service", "reason": "r"},
              |                     ^^^^^^^^^
              = help: for example `/service/healthCheckGracePeriodSeconds`

            error[bad-path]: no difference is ever found there
             --> doc.json:5:10
              |
            5 | {"path": "/desiredCount", "reason": "r"},
              |          ^^^^^^^^^^^^^^^
              = help: begin it with one of `/taskDefinition`, `/service`, `/targetGroups`, `/listenerRules`, `/scaling`

            error[bad-date]: this is not a date
             --> doc.json:6:59
              |
            6 | {"path": "/service/desiredCount", "reason": "r", "until": "tomorrow"},
              |                                                           ^^^^^^^^^^
              = help: for example `2027-01-31`

            error[missing-required]: `reason` is required
             --> doc.json:7:1
              |
            7 | {"path": "/service/desiredCount"}]
              | ^

            4 errors
        "#]],
    );
}

#[test]
fn containers_that_cannot_run() {
    says(
        &with_shapes(
            r#"{"containerDefinitions": [{"name": "a", "image": "i", "essential": false},
{"name": "a", "image": "", "essential": false},
{"image": "i", "essential": false}]}"#,
            "{}",
        ),
        expect![[r#"
            error[no-essential]: at least one container must be essential
             --> doc.json:4:44
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "a", "image": "i", "essential": false},
              |                                            ^

            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:45
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "a", "image": "i", "essential": false},
              |                                             ^
              = help: or `memory` for the whole task

            error[missing-required]: `image` is required
             --> doc.json:5:1
              |
            5 | {"name": "a", "image": "", "essential": false},
              | ^

            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:5:1
              |
            5 | {"name": "a", "image": "", "essential": false},
              | ^
              = help: or `memory` for the whole task

            error[duplicate-name]: another container is called `a` too
             --> doc.json:5:10
              |
            5 | {"name": "a", "image": "", "essential": false},
              |          ^^^

            error[missing-required]: `name` is required
             --> doc.json:6:1
              |
            6 | {"image": "i", "essential": false}]},
              | ^

            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:6:1
              |
            6 | {"image": "i", "essential": false}]},
              | ^
              = help: or `memory` for the whole task

            4 errors, 3 warnings
        "#]],
    );
    says(
        &with_shapes(r#"{"containerDefinitions": []}"#, "{}"),
        expect![[r#"
        error[no-container]: a task definition needs at least one container
         --> doc.json:4:44
          |
        4 | "taskDefinition": {"containerDefinitions": []},
          |                                            ^

        1 error
    "#]],
    );
}

#[test]
fn load_balancers_that_find_no_container() {
    says(
        &with_shapes(
            r#"{"containerDefinitions": [{"name": "app", "image": "i", "portMappings": [{"containerPort": 80}]}]}"#,
            r#"{"loadBalancers": [
{"targetGroupArn": "a", "containerName": "web", "containerPort": 80},
{"targetGroupArn": "a", "containerName": "app", "containerPort": 81},
{"targetGroupArn": "a", "containerName": "app"}]}"#,
        ),
        expect![[r#"
            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:45
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "app", "image": "i", "portMappings": [{"containerPort": 80}]}]},
              |                                             ^
              = help: or `memory` for the whole task

            error[no-such-container]: the task definition has no container `web`
             --> doc.json:6:42
              |
            6 | {"targetGroupArn": "a", "containerName": "web", "containerPort": 80},
              |                                          ^^^^^

            error[no-such-port]: container `app` maps no port 81
             --> doc.json:7:66
              |
            7 | {"targetGroupArn": "a", "containerName": "app", "containerPort": 81},
              |                                                                  ^^

            error[missing-required]: `containerPort` is required
             --> doc.json:8:1
              |
            8 | {"targetGroupArn": "a", "containerName": "app"}]}}}}
              | ^

            3 errors, 1 warning
        "#]],
    );
}

#[test]
fn network_and_launch_that_contradict_each_other() {
    says(
        &with_shapes(
            r#"{"networkMode": "awsvpc", "containerDefinitions": [{"name": "a", "image": "i"}]}"#,
            "{}",
        ),
        expect![[r#"
            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:70
              |
            4 | "taskDefinition": {"networkMode": "awsvpc", "containerDefinitions": [{"name": "a", "image": "i"}]},
              |                                                                      ^
              = help: or `memory` for the whole task

            error[missing-required]: `networkConfiguration` is required with network mode awsvpc
             --> doc.json:5:1
              |
            5 | "service": {}}}}
              | ^^^^^^^^^

            1 error, 1 warning
        "#]],
    );
    says(
        &with_shapes(
            TASK,
            r#"{"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "x"}],
"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}},
"deploymentConfiguration": {"maximumPercent": 100}}"#,
        ),
        expect![[r#"
            error[conflict]: a service has a launch type or a capacity provider strategy, not both
             --> doc.json:5:13
              |
            5 | "service": {"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "x"}],
              |             ^^^^^^^^^^^^

            error[conflict]: this goes with network mode awsvpc only
             --> doc.json:6:1
              |
            6 | "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}},
              | ^^^^^^^^^^^^^^^^^^^^^^
              = help: set `networkMode` in the task definition

            error[blocked-deployment]: with 100 % at least and 100 % at most no deployment could ever replace a task
             --> doc.json:7:28
              |
            7 | "deploymentConfiguration": {"maximumPercent": 100}}}}}
              |                            ^

            3 errors
        "#]],
    );
}

#[test]
fn sizes_that_fargate_does_not_have_and_a_role_that_it_needs() {
    let fargate = |cpu: &str, memory: &str, more: &str| {
        let task = format!(
            "{{\"requiresCompatibilities\": [\"FARGATE\"], \"networkMode\": \"awsvpc\", \"cpu\": {cpu}, \"memory\": {memory}, \"containerDefinitions\": [{{\"name\": \"a\", \"image\": \"i\"{more}}}]}}"
        );
        with_shapes(&task, r#"{"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}"#)
    };
    for (cpu, memory) in [("\"256\"", "\"2048\""), ("\".5 vCPU\"", "\"1 GB\""), ("\"16384\"", "\"122880\"")] {
        assert!(read_as(&fargate(cpu, memory, ""), Format::Json).0.is_some(), "{cpu} {memory}");
    }
    says(
        &fargate("\"256\"", "\"1536\"", ""),
        expect![[r#"
            error[fargate-size]: Fargate has no size of 256 CPU units with 1536 MiB
             --> doc.json:4:109
              |
            4 | …"memory": "1536"…
              |            ^^^^^^
              = help: with 256 units memory is 512, 1024 or 2048

            1 error
        "#]],
    );
    says(
        &fargate("\"1 vCPU\"", "\"16 GB\"", ""),
        expect![[r#"
            error[fargate-size]: Fargate has no size of 1024 CPU units with 16384 MiB
             --> doc.json:4:112
              |
            4 | …"memory": "16 GB"…
              |            ^^^^^^^
              = help: with 1024 units memory is 2048 to 8192 in steps of 1024

            1 error
        "#]],
    );
    says(
        &fargate("\"300\"", "\"512\"", ""),
        expect![[r#"
            error[fargate-size]: Fargate has no size of 300 CPU units
             --> doc.json:4:92
              |
            4 | …"cpu": "300"…
              |         ^^^^^
              = help: CPU is one of 256, 512, 1024, 2048, 4096, 8192, 16384

            1 error
        "#]],
    );
    says(
        &fargate("null", "null", ""),
        expect![[r#"
            error[missing-required]: `cpu` is required on Fargate
             --> doc.json:4:1
              |
            4 | …"taskDefinition"…
              |  ^^^^^^^^^^^^^^^^

            error[missing-required]: `memory` is required on Fargate
             --> doc.json:4:1
              |
            4 | …"taskDefinition"…
              |  ^^^^^^^^^^^^^^^^

            note[null]: null is taken as absent, here and in 1 more places
             --> doc.json:4:92
              |
            4 | …"cpu": null…
              |         ^^^^

            2 errors, 1 note
        "#]],
    );
    says(
        &fargate("\"256\"", "\"512\"", ", \"secrets\": [{\"name\": \"A\", \"valueFrom\": \"arn\"}]"),
        expect![[r#"
            error[no-execution-role]: `secrets` needs `executionRoleArn` in the task definition
             --> doc.json:4:169
              |
            4 | …"secrets"…
              |  ^^^^^^^^^

            1 error
        "#]],
    );
}

#[test]
fn bounds_the_wrong_way_round() {
    says(
        &with_service(r#""scaling": {"minCapacity": 3, "maxCapacity": 2}"#),
        expect![[r#"
        error[bounds]: the least capacity, 3, is greater than the greatest, 2
         --> doc.json:4:28
          |
        4 | "scaling": {"minCapacity": 3, "maxCapacity": 2}
          |                            ^

        1 error
    "#]],
    );
    says(
        &with_service(r#""scaling": {"minCapacity": 3}"#),
        expect![[r#"
            error[missing-required]: `maxCapacity` is required
             --> doc.json:4:1
              |
            4 | "scaling": {"minCapacity": 3}
              | ^^^^^^^^^

            1 error
        "#]],
    );
    says(
        &with_service(r#""scaling": {"minCapacity": 3, "maxCapacity": 4}"#)
            .replace("\"service\": {}", "\"service\": {\"desiredCount\": 1}"),
        expect![[r#"
            warning[bounds]: the service starts with a count between 3 and 4, as `scaling` says
             --> doc.json:3:145
              |
            3 | "services": {"api": {"taskDefinition": {"containerDefinitions": [{"name": "app", "image": "app:1", "memory": 64}]}, "service": {"desiredCount": 1},
              |                                                                                                                                                 ^

            1 warning
        "#]],
    );
}

#[test]
fn placeholders_that_nobody_replaced() {
    says(
        &with_shapes(
            r#"{"containerDefinitions": [{"name": "app", "image": "repo:{{ TAG }}", "command": ["sh", "-c", "echo ${HOME}"]}]}"#,
            r#"{"role": "arn:aws:iam::<account>:role/x"}"#,
        ),
        expect![[r#"
            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:45
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "app", "image": "repo:{{ TAG }}", "command": ["sh", "-c", "echo ${HOME}"]}]},
              |                                             ^
              = help: or `memory` for the whole task

            warning[unrendered-template]: this looks like an unrendered template
             --> doc.json:4:70
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "app", "image": "repo:{{ TAG }}", "command": ["sh", "-c", "echo ${HOME}"]}]},
              |                                                                      ^^^^^^^^^^^^^^^^
              = help: render it first; `$${` stands for `${`

            warning[unrendered-template]: this looks like an unrendered template
             --> doc.json:5:21
              |
            5 | "service": {"role": "arn:aws:iam::<account>:role/x"}}}}
              |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = help: render it first; `$${` stands for `${`

            3 warnings
        "#]],
    );
}
