//! The records of memory: one small JSON object for each unit, so that units write without each other.
//!
//! Each is written against the version that was read, which also fences a leader that has lost its lease
//! without knowing.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Condition, Listed, Store, StoreError};

const FOLDER: &str = "units/";
const END: &str = ".json";
/// Reads at the same time, when everything is loaded: 5,000 units in seconds.
const AT_ONCE: usize = 16;

/// The records below `units/`.
#[derive(Clone, Debug)]
pub struct Records(Store);

/// A record as it was read: its bytes and its ETag.
pub type Loaded = (Bytes, String);

impl Records {
    /// The records in a store.
    pub fn new(store: Store) -> Self {
        Records(store)
    }

    /// Every record by the key of its unit. What is deleted meanwhile is left out; objects whose names are
    /// no escaped keys are passed over.
    ///
    /// # Errors
    /// The first that any read met: half a memory is none.
    pub async fn load_all(&self) -> Result<BTreeMap<String, Loaded>, StoreError> {
        let mut waiting =
            self.0.list(FOLDER).await?.into_iter().filter_map(|Listed { key: name, .. }| {
                let escaped = name.strip_prefix(FOLDER)?.strip_suffix(END)?;
                Some((unescape(escaped)?, name))
            });
        let mut reads = JoinSet::new();
        let mut records = BTreeMap::new();
        loop {
            while reads.len() < AT_ONCE
                && let Some((key, name)) = waiting.next()
            {
                let store = self.0.clone();
                reads.spawn(async move { store.get(&name).await.map(|object| (key, object)) });
            }
            match reads.join_next().await {
                None => return Ok(records),
                Some(Ok(read)) => {
                    let (key, object) = read?;
                    records.extend(object.map(|object| (key, (object.bytes, object.etag))));
                }
                Some(Err(broken)) => {
                    let message = broken.to_string();
                    return Err(StoreError::Unavailable { place: FOLDER.to_owned(), message });
                }
            }
        }
    }

    /// One record; `None` where there is none.
    pub async fn get(&self, key: &str) -> Result<Option<Loaded>, StoreError> {
        let object = self.0.get(&name_of(key)).await?;
        Ok(object.map(|object| (object.bytes, object.etag)))
    }

    /// Writes a record in the place of the version `expected` (`None`: there was none) and returns its new
    /// ETag.
    ///
    /// # Errors
    /// [`StoreError::Lost`] where another version is there: read it before deciding anew.
    pub async fn put(&self, key: &str, bytes: Bytes, expected: Option<&str>) -> Result<String, StoreError> {
        let condition = expected.map_or(Condition::Absent, Condition::Matches);
        match self.0.put(&name_of(key), bytes.clone(), condition).await {
            // Perhaps our own write, whose first answer was lost.
            Err(StoreError::Lost { place }) => match self.0.get(&name_of(key)).await? {
                Some(object) if object.bytes == bytes => Ok(object.etag),
                _ => Err(StoreError::Lost { place }),
            },
            result => result,
        }
    }

    /// Deletes a record; nothing happens where there is none.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(&name_of(key)).await
    }
}

fn name_of(key: &str) -> String {
    format!("{FOLDER}{}{END}", escape(key))
}

/// A key as one segment of an object's key: letters, digits, `.`, `_` and `-` stay, any other byte becomes
/// `!` and two hexadecimal digits. All of these are safe in S3's keys.
pub fn escape(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len() + 8);
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => escaped.push(char::from(byte)),
            byte => escaped.push_str(&format!("!{byte:02x}")),
        }
    }
    escaped
}

/// The key that was [escaped](escape); `None` where it was none.
pub fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut parts = escaped.split('!');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    let key = String::from_utf8(bytes).ok()?;
    (escape(&key) == escaped).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::Pace;
    use crate::testing::FakeS3;

    fn records(s3: &FakeS3) -> Records {
        Records::new(Store::new(s3.s3(Pace::REAL), "state", "ek/"))
    }

    #[test]
    fn escaped_keys_come_back_and_differ() {
        for key in ["main/api", "logs//ecs/my-app", "a!b", "é", "", "!2f", "A_b.c-9"] {
            assert_eq!(unescape(&escape(key)).as_deref(), Some(key), "{}", escape(key));
        }
        assert_eq!(escape("service/main/api"), "service!2fmain!2fapi");
        for wrong in ["a/b", "!", "!2", "!zz", "!2F", "!61"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn all_records_are_loaded_over_many_pages() {
        let s3 = FakeS3::default();
        let records = records(&s3);
        for i in 0..50 {
            let body = Bytes::from(format!("{{\"i\":{i}}}"));
            records.put(&format!("service/main/{i}"), body, None).await.unwrap();
        }
        s3.set("ek/units/strange file", "x");
        s3.set("ek/lease.json", "x");
        let all = records.load_all().await.unwrap();
        assert_eq!(all.len(), 50);
        assert_eq!(&all["service/main/7"].0[..], b"{\"i\":7}");
    }

    #[tokio::test]
    async fn the_second_of_two_writers_loses() {
        let s3 = FakeS3::default();
        let records = records(&s3);
        let first = records.put("k", "1".into(), None).await.unwrap();
        assert!(matches!(records.put("k", "2".into(), None).await, Err(StoreError::Lost { .. })));
        let second = records.put("k", "3".into(), Some(&first)).await.unwrap();
        assert!(matches!(records.put("k", "4".into(), Some(&first)).await, Err(StoreError::Lost { .. })));
        assert_eq!(records.get("k").await.unwrap(), Some(("3".into(), second.clone())));
        records.delete("k").await.unwrap();
        assert!(matches!(records.put("k", "5".into(), Some(&second)).await, Err(StoreError::Lost { .. })));
        assert_eq!(records.load_all().await.unwrap(), BTreeMap::new());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_whose_answer_was_lost_is_not_taken_for_anothers() {
        let s3 = FakeS3::default();
        s3.lose_answers(1);
        let etag = records(&s3).put("k", "1".into(), None).await.unwrap();
        assert_eq!(records(&s3).get("k").await.unwrap(), Some(("1".into(), etag)));
    }
}
