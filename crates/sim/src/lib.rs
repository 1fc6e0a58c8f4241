//! An AWS small enough to read: ECS, ELBv2, Application Auto Scaling, ECR, CloudWatch Logs, S3 and STS on the
//! real wire and on virtual time.
//!
//! [`sim::Sim`] is a pure state machine: calls come in, virtual time passes, and nothing else happens. Two
//! doors lead to it through one function ([`front::handle`]): [`SimHandle::request`] in process, and
//! [`serve`] on a socket. It shares no code with the controller that is tested against it, so that one
//! mistake cannot hide in both. The same seed and the same calls give the same answers and the same
//! [`AuditRow`]s.

/// Validations as rows: the first condition that holds refuses the request with its error.
macro_rules! refuse {
    ($($holds:expr => $error:expr;)*) => {
        $(if $holds {
            return Err($error);
        })*
    };
}

pub mod audit;
mod control;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod front;
pub mod logs;
pub mod query;
pub mod s3;
pub mod scaling;
mod server;
pub mod sim;
pub mod sts;
pub mod table;
pub mod value;

pub use audit::AuditRow;
pub use server::{drive_clock, serve};
pub use sim::{ApiError, SimConfig};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use sim::{Call, Sim};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A simulated account that several may share.
#[derive(Clone)]
pub struct SimHandle(Arc<Mutex<Sim>>);

impl SimHandle {
    /// An empty account.
    pub fn new(config: SimConfig) -> Self {
        Self(Arc::new(Mutex::new(Sim::new(config))))
    }

    fn sim(&self) -> MutexGuard<'_, Sim> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers an HTTP request as the server would.
    pub fn request(&self, request: Request<Bytes>) -> Response<Bytes> {
        front::handle(&mut self.sim(), &request)
    }

    /// Answers one call of the JSON or query protocols, past the wire. `service` is the AWS CLI's name.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn call(
        &self,
        caller: &str,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        self.sim().call(caller, service, operation, input)
    }

    /// Lets virtual time pass.
    pub fn advance(&self, by: Duration) {
        let mut sim = self.sim();
        let to = sim.now + i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 2);
        sim.advance(to);
    }

    /// Virtual time, in milliseconds since the epoch.
    pub fn now_epoch_millis(&self) -> i64 {
        self.sim().now
    }

    /// The calls from number `from` on.
    pub fn audit(&self, from: usize) -> Vec<AuditRow> {
        self.sim().audit.iter().skip(from).cloned().collect()
    }

    /// What is there, in short.
    pub fn state(&self) -> Value {
        self.sim().state()
    }

    /// Operations that were asked for and do not exist here (`service:operation`).
    pub fn unknown_operations(&self) -> Vec<String> {
        self.sim().unknown_operations.clone()
    }

    /// Creates a bucket, without a call in the audit log.
    pub fn put_bucket(&self, bucket: &str, versioned: bool) {
        let mut sim = self.sim();
        let now = sim.now;
        sim.s3.create(bucket, versioned, now);
    }

    /// Puts an object as a caller named `operator`; answers its ETag, with its quotes, empty where it failed.
    pub fn put_object(&self, bucket: &str, key: &str, body: &[u8]) -> String {
        let call = Call {
            caller: "operator".to_owned(),
            service: "s3".to_owned(),
            operation: "PutObject".to_owned(),
            input: json!({"Bucket": bucket, "Key": key}),
            body: Bytes::copy_from_slice(body),
        };
        let reply = self.sim().handle(call).unwrap_or_default();
        value::text(&reply.value, "ETag").unwrap_or_default().to_owned()
    }

    /// The bytes of an object, read as a caller named `operator`.
    pub fn get_object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let call = Call {
            caller: "operator".to_owned(),
            service: "s3".to_owned(),
            operation: "GetObject".to_owned(),
            input: json!({"Bucket": bucket, "Key": key}),
            body: Bytes::new(),
        };
        self.sim().handle(call).ok().map(|reply| reply.body)
    }

    /// Denies access to the keys of a bucket that begin with `prefix`; the empty prefix denies the bucket.
    pub fn deny(&self, bucket: &str, prefix: &str) {
        let mut sim = self.sim();
        sim.s3.denied.insert((bucket.to_owned(), prefix.to_owned()));
    }

    /// Undoes [`Self::deny`].
    pub fn allow(&self, bucket: &str, prefix: &str) {
        let mut sim = self.sim();
        sim.s3.denied.remove(&(bucket.to_owned(), prefix.to_owned()));
    }

    /// Points a tag of an ECR repository at a digest, which is made up where none is given; answers the
    /// digest, or nothing where there is no such repository.
    pub fn put_image(&self, repository: &str, tag: &str, digest: Option<&str>) -> Option<String> {
        let mut sim = self.sim();
        let now = sim.now;
        sim.ecr.push(repository, tag, digest, now)
    }
}
