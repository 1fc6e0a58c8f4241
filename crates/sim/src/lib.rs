//! An AWS small enough to read: ECS, ELBv2, Application Auto Scaling, ECR, CloudWatch Logs and alarms, S3, SQS,
//! STS, parameters and secrets, on the real wire and on virtual time.
//!
//! [`sim::Sim`] is a pure state machine: calls come in, virtual time passes, and nothing else happens. Before
//! it stands [`endpoint::Endpoint`] with the audit log and whatever disturbs a call. Two doors lead there
//! through one function ([`front::handle`]): [`SimHandle::send`] in process, and [`serve`] on a socket. It shares
//! no code with the controller that is tested against it, so that one mistake cannot hide in both. The same seed
//! and the same calls give the same answers and the same [`AuditRow`]s.
//!
//! To find a rule of AWS, begin at the operation's row in its service's `OPERATIONS`: it names the function that
//! refuses, fills in and answers. What happens later, by itself, is in [`ecs::scheduler`], [`ecs::stages`],
//! [`ecs::tasks`] and [`autoscaler`].

/// Validations as rows: the first condition that holds refuses the request with its error.
macro_rules! refuse {
    ($($holds:expr => $error:expr;)*) => {
        $(if $holds {
            return Err($error);
        })*
    };
}

pub mod alarms;
pub mod audit;
pub mod autoscaler;
mod control;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod endpoint;
pub mod faults;
pub mod front;
pub mod logs;
pub mod parameters;
pub mod query;
pub mod s3;
pub mod scaling;
mod server;
pub mod sim;
pub mod sqs;
pub mod staleness;
pub mod sts;
pub mod table;
pub mod throttle;
pub mod value;
pub mod violations;

pub use audit::AuditRow;
pub use faults::Damage;
pub use server::{drive_clock, serve};
pub use sim::{ApiError, SimConfig};
pub use violations::Violation;

use bytes::Bytes;
use endpoint::Endpoint;
use http::{Request, Response};
use serde_json::{Value, json};
use sim::{Call, Reply};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A simulated account that several may share.
#[derive(Clone)]
pub struct SimHandle(Arc<Mutex<Endpoint>>);

impl SimHandle {
    /// An empty account with nothing in its way.
    pub fn new(config: SimConfig) -> Self {
        Self(Arc::new(Mutex::new(Endpoint::new(config))))
    }

    fn endpoint(&self) -> MutexGuard<'_, Endpoint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers an HTTP request as the server would. Where a fault damages the answer on its way, the
    /// response has a [`Damage`] among its extensions, and what carries it must act on that, as [`Self::send`]
    /// does.
    pub fn request(&self, request: Request<Bytes>) -> Response<Bytes> {
        front::handle(&mut self.endpoint(), &request)
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
        let body = Bytes::new();
        let (caller, service, operation) = (caller.to_owned(), service.to_owned(), operation.to_owned());
        let call = Call { caller, service, operation, input, body };
        self.endpoint().handle(call).map(Reply::into_value)
    }

    /// Runs a command of the control API: `fault`, `throttle`, `staleness`, `script`, `snapshot`, … with the
    /// JSON that `POST /_sim/COMMAND` takes.
    ///
    /// # Errors
    /// Says what is wrong with the command.
    pub fn control(&self, command: &str, input: Value) -> Result<Value, String> {
        control::run(&mut self.endpoint(), command, &input)
    }

    /// Lets virtual time pass.
    pub fn advance(&self, by: Duration) {
        let mut endpoint = self.endpoint();
        let to = endpoint.sim.now + i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 2);
        endpoint.advance(to);
    }

    /// Virtual time, in milliseconds since the epoch.
    pub fn now_epoch_millis(&self) -> i64 {
        self.endpoint().sim.now
    }

    /// The calls from number `from` on; of very many, only the newest are kept.
    pub fn audit(&self, from: usize) -> Vec<AuditRow> {
        self.endpoint().audit.from(from).cloned().collect()
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.endpoint().audit.total
    }

    /// A hash over every call there was: the same seed, script and calls give the same.
    pub fn audit_hash(&self) -> u64 {
        self.endpoint().audit.hash
    }

    /// What is there, in short.
    pub fn state(&self) -> Value {
        self.endpoint().state()
    }

    /// What callers did that they should not have done, and what of theirs nobody uses.
    pub fn violations(&self) -> Vec<Violation> {
        let endpoint = self.endpoint();
        endpoint.violations.all(&endpoint.sim)
    }

    /// Operations that were asked for and do not exist here (`service:operation`).
    pub fn unknown_operations(&self) -> Vec<String> {
        self.endpoint().unknown_operations.clone()
    }

    /// Whether the queue that a request to SQS names has a message now.
    fn has_message(&self, input: &Value) -> bool {
        sqs::has_message(&self.endpoint().sim, input)
    }

    /// Creates a bucket, without a call in the audit log.
    pub fn put_bucket(&self, bucket: &str, versioned: bool) {
        let bucket = bucket.to_owned();
        self.endpoint().change(move |sim| sim.s3.create(&bucket, versioned, sim.now));
    }

    fn object(&self, operation: &str, bucket: &str, key: &str, body: &[u8]) -> Result<Reply, ApiError> {
        let call = Call {
            caller: "operator".to_owned(),
            service: "s3".to_owned(),
            operation: operation.to_owned(),
            input: json!({"Bucket": bucket, "Key": key}),
            body: Bytes::copy_from_slice(body),
        };
        self.endpoint().handle(call)
    }

    /// Puts an object as a caller named `operator`; answers its ETag, with its quotes, empty where it failed.
    pub fn put_object(&self, bucket: &str, key: &str, body: &[u8]) -> String {
        let reply = self.object("PutObject", bucket, key, body).unwrap_or_default();
        value::text(&reply.value, "ETag").unwrap_or_default().to_owned()
    }

    /// The bytes of an object, read as a caller named `operator`.
    pub fn get_object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.object("GetObject", bucket, key, &[]).ok().map(|reply| reply.body)
    }

    /// Makes the secret or parameter that a container's `valueFrom` names, unless it is there: without it a task
    /// does not start.
    pub fn put_secret(&self, reference: &str) {
        let reference = reference.to_owned();
        self.endpoint().change(move |sim| parameters::make(sim, &reference));
    }

    /// Denies access to the keys of a bucket that begin with `prefix`; the empty prefix denies the bucket.
    pub fn deny(&self, bucket: &str, prefix: &str) {
        let _ = self.control("deny", json!({"bucket": bucket, "prefix": prefix}));
    }

    /// Undoes [`Self::deny`].
    pub fn allow(&self, bucket: &str, prefix: &str) {
        let _ = self.control("allow", json!({"bucket": bucket, "prefix": prefix}));
    }

    /// Points a tag of an ECR repository at a digest, which is made up where none is given; answers the
    /// digest, or nothing where there is no such repository.
    pub fn put_image(&self, repository: &str, tag: &str, digest: Option<&str>) -> Option<String> {
        let answer = self.control("image", json!({"repository": repository, "tag": tag, "digest": digest}));
        value::text(&answer.ok()?, "digest").map(str::to_owned)
    }
}
