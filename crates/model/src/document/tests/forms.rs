//! Mistakes of form, one test for each kind: members, types and words. What is said, and where.

use super::*;

#[test]
fn an_empty_object_lacks_everything() {
    says(
        "{}",
        expect![[r#"
        error[missing-required]: `apiVersion` is required
         --> doc.json:1:1
          |
        1 | {}
          | ^

        error[missing-required]: `name` is required
         --> doc.json:1:1
          |
        1 | {}
          | ^

        error[missing-required]: `account` is required
         --> doc.json:1:1
          |
        1 | {}
          | ^

        error[missing-required]: `region` is required
         --> doc.json:1:1
          |
        1 | {}
          | ^

        4 errors
    "#]],
    );
}

#[test]
fn what_is_no_object() {
    says(
        "[]",
        expect![[r#"
        error[wrong-type]: an object belongs here, not a list
         --> doc.json:1:1
          |
        1 | []
          | ^

        1 error
    "#]],
    );
    says(
        &around(r#""services": []"#),
        expect![[r#"
        error[wrong-type]: an object belongs here, not a list
         --> doc.json:3:13
          |
        3 | "services": []}
          |             ^

        1 error
    "#]],
    );
    says(
        &around(r#""services": {"api": "x"}"#),
        expect![[r#"
            error[wrong-type]: an object belongs here, not a string
             --> doc.json:3:21
              |
            3 | "services": {"api": "x"}}
              |                     ^^^

            1 error
        "#]],
    );
}

#[test]
fn another_version_of_the_language() {
    says(
        &around("").replace("evenkeel/v1", "evenkeel/v2"),
        expect![[r#"
            error[not-in-enum]: only `evenkeel/v1` can stand here
             --> doc.json:1:16
              |
            1 | {"apiVersion": "evenkeel/v2", "name": "shop", "account": "123456789012", "region": "us-east-1",
              |                ^^^^^^^^^^^^^

            1 error
        "#]],
    );
}

#[test]
fn unknown_fields_at_every_level() {
    says(
        &around(r#""servics": {}"#),
        expect![[r#"
        error[unknown-field]: there is no field `servics` here
         --> doc.json:3:1
          |
        3 | "servics": {}}
          | ^^^^^^^^^
          = help: did you mean `services`?

        1 error
    "#]],
    );
    says(
        &around(r#""settings": {"haal": "on"}"#),
        expect![[r#"
        error[unknown-field]: there is no field `haal` here
         --> doc.json:3:14
          |
        3 | "settings": {"haal": "on"}}
          |              ^^^^^^
          = help: did you mean `heal`?

        1 error
    "#]],
    );
    says(
        &around(r#""settings": {"rollouts": {"maxConcurent": 1}}"#),
        expect![[r#"
        error[unknown-field]: there is no field `maxConcurent` here
         --> doc.json:3:27
          |
        3 | "settings": {"rollouts": {"maxConcurent": 1}}}
          |                           ^^^^^^^^^^^^^^
          = help: did you mean `maxConcurrent`?

        1 error
    "#]],
    );
    says(
        &with_service(r#""dependOn": []"#),
        expect![[r#"
        error[unknown-field]: there is no field `dependOn` here
         --> doc.json:4:1
          |
        4 | "dependOn": []
          | ^^^^^^^^^^
          = help: did you mean `dependsOn`?

        1 error
    "#]],
    );
    says(
        &with_shapes(TASK, r#"{"desiredCuont": 1}"#),
        expect![[r#"
        error[unknown-field]: AWS knows no field `desiredCuont` here
         --> doc.json:5:13
          |
        5 | "service": {"desiredCuont": 1}}}}
          |             ^^^^^^^^^^^^^^
          = help: did you mean `desiredCount`?

        1 error
    "#]],
    );
    says(
        &with_shapes(r#"{"containerDefinitions": [{"name": "app", "image": "i", "enviroment": []}]}"#, "{}"),
        expect![[r#"
            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:45
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "app", "image": "i", "enviroment": []}]},
              |                                             ^
              = help: or `memory` for the whole task

            error[unknown-field]: AWS knows no field `enviroment` here
             --> doc.json:4:75
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "app", "image": "i", "enviroment": []}]},
              |                                                                           ^^^^^^^^^^^^
              = help: did you mean `environment`?

            1 error, 1 warning
        "#]],
    );
    says(
        &with_shapes(r#"{"containerDefinitions": [{"name": "app", "image": "i", "xyzzy": 1}]}"#, "{}"),
        expect![[r#"
            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:45
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "app", "image": "i", "xyzzy": 1}]},
              |                                             ^
              = help: or `memory` for the whole task

            error[unknown-field]: AWS knows no field `xyzzy` here
             --> doc.json:4:75
              |
            4 | "taskDefinition": {"containerDefinitions": [{"name": "app", "image": "i", "xyzzy": 1}]},
              |                                                                           ^^^^^^^
              = help: if AWS has it since, `"allowUnknownFields": true` at the top of the document passes it through

            1 error, 1 warning
        "#]],
    );
    says(
        &with_service(r#""scaling": {"minCapacity": 1, "maxCapacity": 2, "policy": {}}"#),
        expect![[r#"
            error[unknown-field]: AWS knows no field `policy` here
             --> doc.json:4:49
              |
            4 | "scaling": {"minCapacity": 1, "maxCapacity": 2, "policy": {}}
              |                                                 ^^^^^^^^
              = help: if AWS has it since, `"allowUnknownFields": true` at the top of the document passes it through

            1 error
        "#]],
    );
}

#[test]
fn an_account_that_is_none() {
    says(
        &around("").replace("123456789012", "1234"),
        expect![[r#"
            error[bad-account]: an account id has 12 digits
             --> doc.json:1:58
              |
            1 | {"apiVersion": "evenkeel/v1", "name": "shop", "account": "1234", "region": "us-east-1",
              |                                                          ^^^^^^
              = help: put it in quotes with its leading zeros, which a number loses

            1 error
        "#]],
    );
    says(
        &around("").replace("\"123456789012\"", "123"),
        expect![[r#"
            error[bad-account]: an account id has 12 digits
             --> doc.json:1:58
              |
            1 | {"apiVersion": "evenkeel/v1", "name": "shop", "account": 123, "region": "us-east-1",
              |                                                          ^^^
              = help: put it in quotes with its leading zeros, which a number loses

            1 error
        "#]],
    );
    says(
        &around("").replace("\"123456789012\"", "true"),
        expect![[r#"
        error[wrong-type]: a string belongs here, not a boolean
         --> doc.json:1:58
          |
        1 | {"apiVersion": "evenkeel/v1", "name": "shop", "account": true, "region": "us-east-1",
          |                                                          ^^^^

        1 error
    "#]],
    );
    says(
        &around("").replace("\"us-east-1\"", "\" \""),
        expect![[r#"
        error[empty]: this text must not be empty
         --> doc.json:1:84
          |
        1 | {"apiVersion": "evenkeel/v1", "name": "shop", "account": "123456789012", "region": " ",
          |                                                                                    ^^^

        1 error
    "#]],
    );
}

#[test]
fn words_that_are_not_of_the_language() {
    says(
        &around(r#""settings": {"mode": "enforced", "heal": "maybe", "prune": "yes"}"#),
        expect![[r#"
            error[not-in-enum]: `enforced` is not one of observe, enforce
             --> doc.json:3:22
              |
            3 | "settings": {"mode": "enforced", "heal": "maybe", "prune": "yes"}}
              |                      ^^^^^^^^^^
              = help: did you mean `enforce`?

            error[not-in-enum]: `maybe` is not one of on, off
             --> doc.json:3:42
              |
            3 | "settings": {"mode": "enforced", "heal": "maybe", "prune": "yes"}}
              |                                          ^^^^^^^

            error[not-in-enum]: `yes` is not one of off, confirm, on
             --> doc.json:3:60
              |
            3 | "settings": {"mode": "enforced", "heal": "maybe", "prune": "yes"}}
              |                                                            ^^^^^

            3 errors
        "#]],
    );
    says(
        &around(r#""settings": {"heal": {"after": "10m"}, "rollouts": {"maxConcurrent": 0}}"#),
        expect![[r#"
            error[limit]: this number must be at least 1
             --> doc.json:3:70
              |
            3 | "settings": {"heal": {"after": "10m"}, "rollouts": {"maxConcurrent": 0}}}
              |                                                                      ^

            1 error
        "#]],
    );
    says(
        &with_service(r#""suspend": "yes", "dependsOn": "worker", "restart": {}"#),
        expect![[r#"
        error[wrong-type]: true or false belongs here, not a string
         --> doc.json:4:12
          |
        4 | "suspend": "yes", "dependsOn": "worker", "restart": {}
          |            ^^^^^

        error[wrong-type]: a list of strings belongs here, not a string
         --> doc.json:4:32
          |
        4 | "suspend": "yes", "dependsOn": "worker", "restart": {}
          |                                ^^^^^^^^

        error[wrong-type]: a string belongs here, not an object
         --> doc.json:4:53
          |
        4 | "suspend": "yes", "dependsOn": "worker", "restart": {}
          |                                                     ^

        3 errors
    "#]],
    );
}

#[test]
fn what_this_version_reads_and_does_not_act_on() {
    says(
        &with_service(r#""images": {"app": "follow"}"#),
        expect![[r#"
            warning[not-yet]: this version sends every image as written; a moved tag is not followed
             --> doc.json:4:12
              |
            4 | "images": {"app": "follow"}
              |            ^^^^^

            1 warning
        "#]],
    );
}

#[test]
fn a_service_without_its_parts() {
    says(
        &around(r#""services": {"api": {}}"#),
        expect![[r#"
            error[missing-required]: `taskDefinition` is required
             --> doc.json:3:14
              |
            3 | "services": {"api": {}}}
              |              ^^^^^

            error[missing-required]: `service` is required
             --> doc.json:3:14
              |
            3 | "services": {"api": {}}}
              |              ^^^^^

            2 errors
        "#]],
    );
    says(
        &with_shapes("null", "{}"),
        expect![[r#"
            error[missing-required]: `taskDefinition` is required
             --> doc.json:3:14
              |
            3 | "services": {"api": {
              |              ^^^^^

            1 error
        "#]],
    );
    says(
        &with_shapes("{}", "{}"),
        expect![[r#"
            error[missing-required]: `containerDefinitions` is required
             --> doc.json:4:1
              |
            4 | "taskDefinition": {},
              | ^^^^^^^^^^^^^^^^

            1 error
        "#]],
    );
    says(
        &with_shapes(TASK, "{}").replace("\"cluster\": \"web\"", "\"tags\": {}"),
        expect![[r#"
        error[no-cluster]: this service names no cluster
         --> doc.json:3:14
          |
        3 | "services": {"api": {
          |              ^^^^^
          = help: set `cluster` at the top of the document, or in this `service`

        1 error
    "#]],
    );
}

#[test]
fn what_is_missing_is_missing_after_the_defaults_are_merged() {
    let missing = r#"{"loadBalancers": [{}], "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}}"#;
    says(
        &with_shapes(TASK, missing),
        expect![[r#"
            error[missing-required]: `containerName` is required
             --> doc.json:5:31
              |
            5 | "service": {"loadBalancers": [{}], "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}}}}}
              |                               ^

            warning[missing-required]: an entry names a target group, or a classic load balancer
             --> doc.json:5:31
              |
            5 | "service": {"loadBalancers": [{}], "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}}}}}
              |                               ^

            error[conflict]: this goes with network mode awsvpc only
             --> doc.json:5:36
              |
            5 | "service": {"loadBalancers": [{}], "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}}}}}
              |                                    ^^^^^^^^^^^^^^^^^^^^^^
              = help: set `networkMode` in the task definition

            error[missing-required]: `subnets` is required
             --> doc.json:5:61
              |
            5 | "service": {"loadBalancers": [{}], "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}}}}}
              |                                                             ^^^^^^^^^^^^^^^^^^^^^

            3 errors, 1 warning
        "#]],
    );
    let text = around(
        r#""defaults": {"service": {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}},
"services": {"api": {"taskDefinition": {"networkMode": "awsvpc", "containerDefinitions": [{"name": "a", "image": "i"}]},
 "service": {"networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}}}}"#,
    );
    says(
        &text,
        expect![[r#"
            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:91
              |
            4 | "services": {"api": {"taskDefinition": {"networkMode": "awsvpc", "containerDefinitions": [{"name": "a", "image": "i"}]},
              |                                                                                           ^
              = help: or `memory` for the whole task

            1 warning
        "#]],
    );
}

#[test]
fn values_that_do_not_fit_their_shapes() {
    says(
        &with_shapes(
            r#"{"networkMode": "awsvpcc", "cpu": 256, "containerDefinitions": [{"name": "app", "image": "i", "essential": "true", "memory": "12x", "environment": {"A": "B"}}]}"#,
            r#"{"desiredCount": "2", "launchType": "FARGTE"}"#,
        ),
        expect![[r#"
            error[not-in-enum]: `awsvpcc` is not one of bridge, host, awsvpc, none
             --> doc.json:4:35
              |
            4 | …"networkMode": "awsvpcc"…
              |                 ^^^^^^^^^
              = help: did you mean `awsvpc`?

            warning[coerced]: AWS takes a string here, so an integer is taken for one
             --> doc.json:4:53
              |
            4 | …"cpu": 256…
              |         ^^^
              = help: put it in quotes

            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:83
              |
            4 | …{…
              |  ^
              = help: or `memory` for the whole task

            warning[coerced]: AWS takes a boolean here, so a string is taken for one
             --> doc.json:4:126
              |
            4 | …"essential": "true"…
              |               ^^^^^^
              = help: leave the quotes out

            error[wrong-type]: an integer belongs here, not a string
             --> doc.json:4:144
              |
            4 | …"memory": "12x"…
              |            ^^^^^

            error[wrong-type]: a list belongs here, not an object
             --> doc.json:4:166
              |
            4 | …"environment": ……
              |                 ^

            warning[coerced]: AWS takes an integer here, so a string is taken for one
             --> doc.json:5:29
              |
            5 | "service": {"desiredCount": "2", "launchType": "FARGTE"}}}}
              |                             ^^^
              = help: leave the quotes out

            error[not-in-enum]: `FARGTE` is not one of EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES
             --> doc.json:5:48
              |
            5 | "service": {"desiredCount": "2", "launchType": "FARGTE"}}}}
              |                                                ^^^^^^^^
              = help: did you mean `FARGATE`?

            4 errors, 4 warnings
        "#]],
    );
    says(
        &with_service(
            r#""scaling": {"minCapacity": 1, "maxCapacity": 2, "policies": {"": {"policyType": "X"}}}"#,
        ),
        expect![[r#"
            error[not-in-enum]: `X` is not one of StepScaling, TargetTrackingScaling, PredictiveScaling
             --> doc.json:4:81
              |
            4 | "scaling": {"minCapacity": 1, "maxCapacity": 2, "policies": {"": {"policyType": "X"}}}
              |                                                                                 ^^^

            1 error
        "#]],
    );
}

#[test]
fn a_member_in_both_cases() {
    says(
        &with_shapes(TASK, r#"{"desiredCount": 1, "DesiredCount": 2}"#),
        expect![[r#"
        error[duplicate-key]: `desiredCount` is given twice, with its first letter in both cases
         --> doc.json:5:13
          |
        5 | "service": {"desiredCount": 1, "DesiredCount": 2}}}}
          |             ^^^^^^^^^^^^^^

        1 error
    "#]],
    );
}

#[test]
fn a_limit() {
    says(
        &around(
            r#""targetGroups": {"t": {"protocol": "HTTP", "port": 99999, "healthyThresholdCount": 1, "vpcId": "v"}}"#,
        ),
        expect![[r#"
            error[limit]: 99999 is not between 1 and 65535
             --> doc.json:3:52
              |
            3 | "targetGroups": {"t": {"protocol": "HTTP", "port": 99999, "healthyThresholdCount": 1, "vpcId": "v"}}}
              |                                                    ^^^^^

            error[limit]: 1 is not between 2 and 10
             --> doc.json:3:84
              |
            3 | "targetGroups": {"t": {"protocol": "HTTP", "port": 99999, "healthyThresholdCount": 1, "vpcId": "v"}}}
              |                                                                                    ^

            2 errors
        "#]],
    );
}

#[test]
fn pasted_answers_lose_what_only_answers_have() {
    says(
        &with_shapes(
            r#"{"taskDefinitionArn": "arn", "revision": 3, "status": "ACTIVE", "requiresAttributes": [], "compatibilities": ["EC2"], "containerDefinitions": [{"name": "app", "image": "i"}]}"#,
            r#"{"serviceArn": "arn", "taskDefinition": "app:3", "events": [], "runningCount": 2}"#,
        ),
        expect![[r#"
            note[dropped]: `taskDefinitionArn` is left out: only AWS's answers have it
             --> doc.json:4:20
              |
            4 | …"taskDefinitionArn"…
              |  ^^^^^^^^^^^^^^^^^^^

            note[dropped]: `revision` is left out: only AWS's answers have it
             --> doc.json:4:48
              |
            4 | …"revision"…
              |  ^^^^^^^^^^

            note[dropped]: `status` is left out: only AWS's answers have it
             --> doc.json:4:63
              |
            4 | …"status"…
              |  ^^^^^^^^

            note[dropped]: `requiresAttributes` is left out: only AWS's answers have it
             --> doc.json:4:83
              |
            4 | …"requiresAttributes"…
              |  ^^^^^^^^^^^^^^^^^^^^

            note[dropped]: `compatibilities` is left out: only AWS's answers have it
             --> doc.json:4:109
              |
            4 | …"compatibilities"…
              |  ^^^^^^^^^^^^^^^^^

            warning[no-memory]: outside Fargate a container needs `memory` or `memoryReservation`
             --> doc.json:4:162
              |
            4 | …{…
              |  ^
              = help: or `memory` for the whole task

            note[dropped]: `serviceArn` is left out: only AWS's answers have it
             --> doc.json:5:13
              |
            5 | "service": {"serviceArn": "arn", "taskDefinition": "app:3", "events": [], "runningCount": 2}}}}
              |             ^^^^^^^^^^^^

            note[dropped]: `taskDefinition` is left out: it follows from where this stands in the document
             --> doc.json:5:34
              |
            5 | "service": {"serviceArn": "arn", "taskDefinition": "app:3", "events": [], "runningCount": 2}}}}
              |                                  ^^^^^^^^^^^^^^^^

            note[dropped]: `events` is left out: only AWS's answers have it
             --> doc.json:5:61
              |
            5 | "service": {"serviceArn": "arn", "taskDefinition": "app:3", "events": [], "runningCount": 2}}}}
              |                                                             ^^^^^^^^

            note[dropped]: `runningCount` is left out: only AWS's answers have it
             --> doc.json:5:75
              |
            5 | "service": {"serviceArn": "arn", "taskDefinition": "app:3", "events": [], "runningCount": 2}}}}
              |                                                                           ^^^^^^^^^^^^^^

            1 warning, 9 notes
        "#]],
    );
}

#[test]
fn yaml_points_at_its_own_lines() {
    let yaml = "apiVersion: evenkeel/v1\nname: shop\naccount: 12345678901\nregion: us-east-1\nservices:\n  api:\n    taskDefinition: {}\n    serivce: {}\n";
    expect![[r#"
        error[bad-account]: an account id has 12 digits
         --> doc.yaml:3:10
          |
        3 | account: 12345678901
          |          ^^^^^^^^^^^
          = help: put it in quotes with its leading zeros, which a number loses

        error[missing-required]: `service` is required
         --> doc.yaml:6:3
          |
        6 |   api:
          |   ^^^

        error[no-cluster]: this service names no cluster
         --> doc.yaml:6:3
          |
        6 |   api:
          |   ^^^
          = help: set `cluster` at the top of the document, or in this `service`

        error[missing-required]: `containerDefinitions` is required
         --> doc.yaml:7:5
          |
        7 |     taskDefinition: {}
          |     ^^^^^^^^^^^^^^

        error[unknown-field]: there is no field `serivce` here
         --> doc.yaml:8:5
          |
        8 |     serivce: {}
          |     ^^^^^^^
          = help: did you mean `service`?

        5 errors
    "#]]
    .assert_eq(&read_as(yaml, Format::Yaml).1);
}

#[test]
fn behaviour_that_cannot_be_meant() {
    says(
        &around(
            r#""settings": {"heal": "later", "retry": {"after": "soon"}, "rollouts": {"deadline": 30},
"windows": [{"days": ["monday"], "from": "25:00", "to": "4", "timezone": "Berlin"}, {"from": "1:00"}]}"#,
        ),
        expect![[r#"
            error[not-in-enum]: `later` is not one of on, off
             --> doc.json:3:22
              |
            3 | "settings": {"heal": "later", "retry": {"after": "soon"}, "rollouts": {"deadline": 30},
              |                      ^^^^^^^

            error[bad-duration]: this is no length of time from a second to thirty days
             --> doc.json:3:50
              |
            3 | "settings": {"heal": "later", "retry": {"after": "soon"}, "rollouts": {"deadline": 30},
              |                                                  ^^^^^^
              = help: for example `10m` or `1h 30m`

            error[wrong-type]: a length of time such as `10m` belongs here, not an integer
             --> doc.json:3:84
              |
            3 | "settings": {"heal": "later", "retry": {"after": "soon"}, "rollouts": {"deadline": 30},
              |                                                                                    ^^

            error[not-in-enum]: `monday` is not one of mon, tue, wed, thu, fri, sat, sun
             --> doc.json:4:23
              |
            4 | "windows": [{"days": ["monday"], "from": "25:00", "to": "4", "timezone": "Berlin"}, {"from": "1:00"}]}}
              |                       ^^^^^^^^

            error[bad-time]: this is no time of day
             --> doc.json:4:42
              |
            4 | "windows": [{"days": ["monday"], "from": "25:00", "to": "4", "timezone": "Berlin"}, {"from": "1:00"}]}}
              |                                          ^^^^^^^
              = help: for example `22:00`

            error[bad-time]: this is no time of day
             --> doc.json:4:57
              |
            4 | "windows": [{"days": ["monday"], "from": "25:00", "to": "4", "timezone": "Berlin"}, {"from": "1:00"}]}}
              |                                                         ^^^
              = help: for example `22:00`

            error[bad-timezone]: this is no time zone
             --> doc.json:4:74
              |
            4 | "windows": [{"days": ["monday"], "from": "25:00", "to": "4", "timezone": "Berlin"}, {"from": "1:00"}]}}
              |                                                                          ^^^^^^^^
              = help: a name of the IANA database, for example `Europe/Berlin`

            error[missing-required]: `to` is required
             --> doc.json:4:85
              |
            4 | "windows": [{"days": ["monday"], "from": "25:00", "to": "4", "timezone": "Berlin"}, {"from": "1:00"}]}}
              |                                                                                     ^

            8 errors
        "#]],
    );
    says(
        &around(r#""settings": {"heal": {"before": "10m"}}"#),
        expect![[r#"
        error[missing-required]: `after` is required
         --> doc.json:3:14
          |
        3 | "settings": {"heal": {"before": "10m"}}}
          |              ^^^^^^

        error[unknown-field]: there is no field `before` here
         --> doc.json:3:23
          |
        3 | "settings": {"heal": {"before": "10m"}}}
          |                       ^^^^^^^^

        2 errors
    "#]],
    );
}
