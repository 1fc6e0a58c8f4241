//! Task definitions.

use super::*;

const TD: Kind = Kind::TaskDefinition;

fn container(members: Value) -> Value {
    let mut container = json!({"name": "api", "image": "i"});
    container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({"family": "f", "containerDefinitions": [container]})
}

#[test]
fn what_aws_fills_into_a_container_is_the_same_as_nothing() {
    same_both_ways(
        TD,
        container(json!({})),
        container(
            json!({"cpu": 0, "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [],
            "portMappings": [], "systemControls": [], "privileged": false, "versionConsistency": "enabled",
            "readonlyRootFilesystem": false, "interactive": false, "pseudoTerminal": false}),
        ),
    );
    differ(
        TD,
        container(json!({})),
        container(json!({"essential": false, "cpu": 10})),
        expect![[r#"
        /containerDefinitions/api/cpu want 0 live 10
        /containerDefinitions/api/essential want true live false
    "#]],
    );
    differ(
        TD,
        container(json!({"essential": false})),
        container(json!({})),
        expect![[r#"
        /containerDefinitions/api/essential want false live true
    "#]],
    );
}

#[test]
fn cpu_and_memory_are_compared_in_units() {
    same_both_ways(TD, json!({"cpu": "1 vCPU", "memory": "2 GB"}), json!({"cpu": "1024", "memory": "2048"}));
    same_both_ways(TD, json!({"cpu": ".25 vcpu", "memory": "0.5GB"}), json!({"cpu": "256", "memory": "512"}));
    differ(
        TD,
        json!({"cpu": "1 vCPU"}),
        json!({"cpu": "512"}),
        expect![[r#"
        /cpu want "1 vCPU" live "512"
    "#]],
    );
    differ(
        TD,
        json!({"memory": "2 TB"}),
        json!({"memory": "2048"}),
        expect![[r#"
        /memory want "2 TB" live "2048"
    "#]],
    );
}

#[test]
fn a_role_is_compared_by_path_and_name() {
    let arn = "arn:aws:iam::123456789012:role/teams/web";
    same_both_ways(TD, json!({"taskRoleArn": "teams/web"}), json!({"taskRoleArn": arn}));
    differ(
        TD,
        json!({"taskRoleArn": "web"}),
        json!({"taskRoleArn": arn}),
        expect![[r#"
        /taskRoleArn want "web" live "arn:aws:iam::123456789012:role/teams/web"
    "#]],
    );
}

#[test]
fn a_host_port_follows_from_the_network_mode() {
    let port = |mode: &str, mapping: Value| {
        let mut tree = container(json!({"portMappings": [mapping]}));
        tree["networkMode"] = json!(mode);
        tree
    };
    let bare = json!({"containerPort": 80});
    for mode in ["awsvpc", "host"] {
        same_both_ways(
            TD,
            port(mode, bare.clone()),
            port(mode, json!({"containerPort": 80, "hostPort": 80, "protocol": "tcp"})),
        );
    }
    same_both_ways(
        TD,
        port("bridge", bare.clone()),
        port("bridge", json!({"containerPort": 80, "hostPort": 0})),
    );
    differ(
        TD,
        port("bridge", bare),
        port("bridge", json!({"containerPort": 80, "hostPort": 8080})),
        expect![[r#"
            /containerDefinitions/api/portMappings/80:tcp/hostPort want 0 live 8080
        "#]],
    );
}

#[test]
fn port_mappings_are_told_apart_by_port_and_protocol() {
    same(
        TD,
        container(json!({"portMappings": [{"containerPort": 53, "protocol": "udp"}, {"containerPort": 53}]})),
        container(
            json!({"portMappings": [{"containerPort": 53, "protocol": "tcp"}, {"containerPort": 53, "protocol": "udp"}]}),
        ),
    );
    differ(
        TD,
        container(json!({"portMappings": [{"containerPort": 80}]})),
        container(json!({"portMappings": [{"containerPort": 81}]})),
        expect![[r#"
            /containerDefinitions/api/portMappings/80:tcp want {"containerPort":80} live -
            /containerDefinitions/api/portMappings/81:tcp want - live {"containerPort":81}
        "#]],
    );
}

#[test]
fn sets_come_back_in_another_order() {
    let tree = |reversed: bool| {
        let mut lists = [
            vec![json!({"name": "A", "value": "1"}), json!({"name": "B", "value": ""})],
            vec![json!({"name": "S", "valueFrom": "x"}), json!({"name": "T", "valueFrom": "y"})],
            vec![json!("one"), json!("two")],
            vec![
                json!({"sourceVolume": "v", "containerPath": "/a"}),
                json!({"sourceVolume": "w", "containerPath": "/b"}),
            ],
            vec![json!({"type": "GPU", "value": "1"}), json!({"type": "InferenceAccelerator", "value": "d"})],
        ];
        if reversed {
            lists.iter_mut().for_each(|l| l.reverse());
        }
        let [environment, secrets, links, mounts, resources] = lists;
        container(
            json!({"environment": environment, "secrets": secrets, "links": links, "mountPoints": mounts,
            "resourceRequirements": resources}),
        )
    };
    same(TD, tree(false), tree(true));
    same(
        TD,
        json!({"requiresCompatibilities": ["FARGATE", "EC2"], "networkMode": "awsvpc"}),
        json!({"requiresCompatibilities": ["EC2", "FARGATE"], "networkMode": "awsvpc"}),
    );
}

#[test]
fn the_order_of_a_command_matters_and_it_differs_as_a_whole() {
    differ(
        TD,
        container(json!({"command": ["a", "b", "c"]})),
        container(json!({"command": ["b", "a"]})),
        expect![[r#"
            /containerDefinitions/api/command want ["a","b","c"] live ["b","a"]
        "#]],
    );
    differ(
        TD,
        container(json!({"command": ["a"]})),
        container(json!({})),
        expect![[r#"
        /containerDefinitions/api/command want ["a"] live -
    "#]],
    );
}

#[test]
fn environment_keeps_empty_values_and_numbers_as_text() {
    let env = |value: Value| container(json!({"environment": [{"name": "A", "value": value}]}));
    differ(
        TD,
        env(json!("")),
        env(json!("x")),
        expect![[r#"
        /containerDefinitions/api/environment/A/value want "" live "x"
    "#]],
    );
    differ(
        TD,
        env(json!("1")),
        env(json!("1.0")),
        expect![[r#"
        /containerDefinitions/api/environment/A/value want "1" live "1.0"
    "#]],
    );
    differ(
        TD,
        env(json!("1")),
        container(json!({})),
        expect![[r#"
        /containerDefinitions/api/environment/A want {"name":"A","value":"1"} live -
    "#]],
    );
    differ(
        TD,
        container(json!({"dockerLabels": {"a": ""}})),
        container(json!({})),
        expect![[r#"
        /containerDefinitions/api/dockerLabels want {"a":""} live -
    "#]],
    );
}

#[test]
fn a_health_check_has_defaults_where_there_is_one() {
    let check = |members: Value| container(json!({"healthCheck": members}));
    same_both_ways(
        TD,
        check(json!({"command": ["CMD", "x"]})),
        check(json!({"command": ["CMD", "x"], "interval": 30, "timeout": 5, "retries": 3})),
    );
    differ(
        TD,
        check(json!({"command": ["CMD", "x"]})),
        check(json!({"command": ["CMD", "x"], "interval": 10})),
        expect![[r#"
            /containerDefinitions/api/healthCheck/interval want 30 live 10
        "#]],
    );
    // Added or removed, the block is one difference.
    differ(
        TD,
        container(json!({})),
        check(json!({"command": ["CMD", "x"], "interval": 30})),
        expect![[r#"
        /containerDefinitions/api/healthCheck want - live {"command":["CMD","x"],"interval":30}
    "#]],
    );
    differ(
        TD,
        check(json!({"command": ["CMD", "x"]})),
        container(json!({})),
        expect![[r#"
        /containerDefinitions/api/healthCheck want {"command":["CMD","x"]} live -
    "#]],
    );
}

#[test]
fn fargate_runs_linux_on_x86_in_awsvpc() {
    let fargate = json!({"requiresCompatibilities": ["FARGATE"]});
    same_both_ways(
        TD,
        fargate.clone(),
        json!({"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
            "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}}),
    );
    differ(
        TD,
        fargate,
        json!({"requiresCompatibilities": ["FARGATE"], "runtimePlatform": {"cpuArchitecture": "ARM64"}}),
        expect![[r#"
            /runtimePlatform/cpuArchitecture want "X86_64" live "ARM64"
        "#]],
    );
    same_both_ways(TD, json!({}), json!({"networkMode": "bridge"}));
}

#[test]
fn a_file_system_has_defaults() {
    let efs = |members: Value| json!({"volumes": [{"name": "v", "efsVolumeConfiguration": members}]});
    same_both_ways(
        TD,
        efs(json!({"fileSystemId": "fs-1"})),
        efs(json!({"fileSystemId": "fs-1", "rootDirectory": "/", "transitEncryption": "DISABLED"})),
    );
    same_both_ways(
        TD,
        json!({"volumes": [{"name": "v"}]}),
        json!({"volumes": [{"name": "v", "host": {}, "configuredAtLaunch": false}]}),
    );
}
