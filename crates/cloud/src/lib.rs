//! Everything that touches AWS: the calls themselves and what Evenkeel keeps in S3.
//!
//! The one seam for tests is HTTP: no trait wraps an AWS service.

pub mod calls;
pub mod execute;
pub mod observe;
#[cfg(test)]
mod sim_tests;
pub mod store;
#[cfg(test)]
mod testing;
