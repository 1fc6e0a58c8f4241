//! The orders of people, one object beside memory. Unlike memory it is written by whoever takes an order, with
//! or without the lease.

use bytes::Bytes;
use evenkeel_model::orders::{Order, Orders, OrdersError, read_orders, write_orders};

use super::{Condition, Store, StoreError};

const NAME: &str = "orders.json";
/// Whoever loses against others that often is not let in at all: something else is wrong then.
const ATTEMPTS: usize = 8;

/// The object below the state's prefix.
#[derive(Clone, Debug)]
pub struct OrdersFile(Store);

/// Why orders cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OrdersFileError {
    /// S3 does not let us.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is there is not understood, and is left as it is.
    #[error(transparent)]
    Content(#[from] OrdersError),
}

impl OrdersFile {
    /// The orders in a store.
    pub fn new(store: Store) -> Self {
        OrdersFile(store)
    }

    /// Every order that was given; none where nobody gave one.
    ///
    /// # Errors
    /// Where the object cannot be read or understood.
    pub async fn read(&self) -> Result<Orders, OrdersFileError> {
        Ok(self.load().await?.0)
    }

    /// Adds an order given at `now`, in AWS's Unix seconds, and returns what holds then. What others write
    /// meanwhile is kept.
    ///
    /// # Errors
    /// Where the object cannot be read, understood or written.
    pub async fn add(&self, order: &Order, now: i64) -> Result<Orders, OrdersFileError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (mut orders, etag) = self.load().await?;
            orders.take(order.clone(), now);
            let condition = etag.as_deref().map_or(Condition::Absent, Condition::Matches);
            match self.0.put(NAME, Bytes::from(write_orders(&orders)), condition).await {
                Ok(_) => return Ok(orders),
                Err(StoreError::Lost { .. }) if attempts < ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn load(&self) -> Result<(Orders, Option<String>), OrdersFileError> {
        match self.0.get(NAME).await? {
            None => Ok((Orders::default(), None)),
            Some(object) => Ok((read_orders(&object.bytes)?, Some(object.etag))),
        }
    }
}
