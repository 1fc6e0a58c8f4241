//! Memory with its place in S3: what is remembered here is written there first.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use evenkeel_cloud::store::{Records, StoreError};
use evenkeel_model::key::UnitKey;
use evenkeel_model::memory::{Memory, Remembered, read_record, write_record};

/// Memory, and the versions of its records that were read or written last.
#[derive(Debug)]
pub(crate) struct Book {
    records: Records,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    memory: Memory,
    etags: BTreeMap<UnitKey, String>,
    loaded: bool,
}

impl Book {
    pub fn new(records: Records) -> Self {
        Book { records, pages: Mutex::default() }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads everything anew. A record that cannot be read is passed over with a warning: memory is a cache.
    pub async fn load(&self) -> Result<(), StoreError> {
        let mut pages = Pages { loaded: true, ..Pages::default() };
        for (name, (bytes, etag)) in self.records.load_all().await? {
            match read_record(&bytes) {
                Ok((key, unit)) => {
                    pages.etags.insert(key.clone(), etag);
                    pages.memory.0.insert(key, unit);
                }
                Err(error) => {
                    tracing::warn!(record = name, %error, "a record of memory is not used");
                    // It is there all the same, and what is remembered next takes its place.
                    pages.etags.extend(UnitKey::parse(&name).map(|key| (key, etag)));
                }
            }
        }
        *self.pages() = pages;
        Ok(())
    }

    /// True once everything was read, and until a write found somebody else's version.
    pub fn is_loaded(&self) -> bool {
        self.pages().loaded
    }

    /// Nothing here is to be relied on until it is read anew.
    pub fn forget(&self) {
        self.pages().loaded = false;
    }

    /// What is remembered.
    pub fn memory(&self) -> Memory {
        self.pages().memory.clone()
    }

    /// What is remembered of one unit.
    pub fn unit(&self, key: &UnitKey) -> Remembered {
        self.pages().memory.unit(key).clone()
    }

    /// Writes what is to be remembered of a unit, against the version that was read or written last.
    pub async fn write(&self, key: &UnitKey, unit: Remembered) -> Result<(), StoreError> {
        let expected = self.pages().etags.get(key).cloned();
        let bytes = Bytes::from(write_record(key, &unit));
        match self.records.put(&key.to_string(), bytes, expected.as_deref()).await {
            Ok(etag) => {
                let mut pages = self.pages();
                pages.etags.insert(key.clone(), etag);
                pages.memory.0.insert(key.clone(), unit);
                Ok(())
            }
            Err(error) => {
                // Whoever wrote in between holds the truth now; a lost answer is told apart by reading.
                self.forget();
                Err(error)
            }
        }
    }
}
