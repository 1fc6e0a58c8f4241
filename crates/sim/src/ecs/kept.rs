//! The services of the account, each with the text that DescribeServices shows of it: pollers ask for the same
//! again and again, and a service changes seldom.

use super::Key;
use super::services::Service;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Services by cluster and name. Whoever may change one has its text written anew.
#[derive(Clone, Default)]
pub struct Services(BTreeMap<Key, Kept>);

#[derive(Clone)]
struct Kept {
    service: Service,
    text: OnceCell<Arc<str>>,
}

impl Services {
    /// The service of this cluster and name.
    pub fn get(&self, key: &Key) -> Option<&Service> {
        self.0.get(key).map(|it| &it.service)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: &Key) -> Option<&mut Service> {
        let kept = self.0.get_mut(key)?;
        kept.text.take();
        Some(&mut kept.service)
    }

    /// Whether there is one.
    pub fn contains_key(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    /// Puts a service in its place.
    pub fn insert(&mut self, key: Key, service: Service) {
        self.0.insert(key, Kept { service, text: OnceCell::new() });
    }

    /// Takes a service out, to forget it or to put it back changed.
    pub fn remove(&mut self, key: &Key) -> Option<Service> {
        self.0.remove(key).map(|it| it.service)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Service)> {
        self.0.iter().map(|(key, it)| (key, &it.service))
    }

    /// All of them, without their keys.
    pub fn values(&self) -> impl Iterator<Item = &Service> {
        self.0.values().map(|it| &it.service)
    }

    /// Those of a cluster, by name.
    pub fn in_cluster<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = (&'a String, &'a Service)> {
        self.0
            .range((cluster.to_owned(), String::new())..)
            .take_while(move |((of, _), _)| of == cluster)
            .map(|((_, name), it)| (name, &it.service))
    }

    /// What is shown of a service, written where that is not known yet.
    pub fn text(&self, key: &Key, write: impl FnOnce(&Service) -> String) -> Option<Arc<str>> {
        let kept = self.0.get(key)?;
        Some(kept.text.get_or_init(|| write(&kept.service).into()).clone())
    }

    /// Has everything written anew.
    pub fn forget_texts(&mut self) {
        self.0.values_mut().for_each(|it| drop(it.text.take()));
    }
}
