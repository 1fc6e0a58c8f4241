//! From nothing to everything.

use super::*;

#[test]
fn where_nothing_exists_all_is_made_in_the_order_aws_demands() {
    prints(
        &Scene::empty(farsight()),
        expect![[r#"
            cluster farsight-cluster
              + create-cluster             farsight-cluster
            repository farsight-server
              + create-repository          farsight-server
            log-group /ecs/farsight-api-server
              + create-log-group           /ecs/farsight-api-server
            log-group /ecs/farsight-worker
              + create-log-group           /ecs/farsight-worker
            target-group farsight-api-tg
              + create-target-group        farsight-api-tg
            load-balancer farsight-alb
              + create-load-balancer       farsight-alb
              + create-listener            http
                  … after target group farsight-api-tg to exist
              … waiting   for target group farsight-api-tg to exist
            farsight-cluster/farsight-api-server
              + register-task-definition   farsight-api-server
                  … after target group farsight-api-tg to exist
              + create-service             farsight-api-server
                  … after target group farsight-api-tg to exist
              + register-scalable-target   farsight-api-server
              + put-scaling-policy         api-server-cpu-scaling
              … waiting   for target group farsight-api-tg to exist
              … waiting   for cluster farsight-cluster to exist
              … waiting   for log group /ecs/farsight-api-server to exist
              … waiting   for farsight-cluster/farsight-worker to be stable
              … waiting   for target group farsight-api-tg to be on a listener or rule
            farsight-cluster/farsight-worker
              + register-task-definition   farsight-worker
                  … after cluster farsight-cluster to exist
              + create-service             farsight-worker
                  … after cluster farsight-cluster to exist
              + register-scalable-target   farsight-worker
              + put-scaling-policy         worker-cpu-scaling
              … waiting   for cluster farsight-cluster to exist
              … waiting   for log group /ecs/farsight-worker to exist
        "#]],
    );
}

#[test]
fn what_is_in_sync_plans_nothing() {
    for document in [farsight(), small()] {
        let mut scene = Scene::settled(document);
        assert_eq!(scene.plan().plan.units.len(), 0);
        assert_eq!(scene.plan().remember.len(), 0);
        assert!(scene.plan().report.units.values().all(|u| u.state == crate::State::Synced));
        // Memory comes back from S3 as it went there.
        let records: Vec<_> =
            scene.memory.0.iter().map(|(k, u)| evenkeel_model::memory::write_record(k, u)).collect();
        scene.memory.0 = records.iter().map(|r| evenkeel_model::memory::read_record(r).unwrap()).collect();
        assert_eq!(scene.plan().remember.len(), 0);
    }
}
