//! [`Families`]: which tokens there are for one person, as one for more scopes does for fewer.

use std::sync::{Arc, PoisonError, Weak};

use moka::policy::EvictionPolicy;

use super::grant::{Grant, Request};
use super::target::Target;
use crate::sync::Mutex;

/// How many requests are remembered for one person. Beyond it the oldest is forgotten, and only costs a token request.
const MEMBERS: usize = 16;

/// The requests that were made for each person, by all but their scopes. Clones share them.
#[derive(Clone)]
pub(super) struct Families(moka::sync::Cache<Arc<Request>, Arc<Mutex<Members>>>);

/// Those whose tokens have left the cache are gone.
type Members = Vec<Weak<Request>>;

impl Families {
    pub(super) fn new(capacity: u64) -> Self {
        let policy = EvictionPolicy::lru();
        Self(moka::sync::Cache::builder().max_capacity(capacity).eviction_policy(policy).build())
    }

    /// Remembers a request that is made for a person.
    pub(super) fn add(&self, request: &Arc<Request>) {
        if let Some(family) = family(request) {
            let members = self.0.get_with(Arc::new(family), Arc::default);
            let mut members = members.lock().unwrap_or_else(PoisonError::into_inner);
            members.retain(|member| member.strong_count() > 0);
            if members.iter().filter_map(Weak::upgrade).any(|member| member == *request) {
                return;
            }
            if members.len() >= MEMBERS {
                members.remove(0);
            }
            members.push(Arc::downgrade(request));
        }
    }

    /// The requests that were made for the same person.
    pub(super) fn of(&self, request: &Request) -> Vec<Arc<Request>> {
        let Some(members) = family(request).and_then(|family| self.0.get(&family)) else { return Vec::new() };
        let members = members.lock().unwrap_or_else(PoisonError::into_inner);
        members.iter().filter_map(Weak::upgrade).collect()
    }
}

/// The request without scopes; none where no person is acted for.
fn family(request: &Request) -> Option<Request> {
    match request.grant {
        Grant::ClientCredentials => None,
        Grant::OnBehalfOf { .. } | Grant::TokenExchange { .. } => {
            let target = Arc::new(Target::clone(&request.target).without_scopes());
            Some(Request { target, ..request.clone() })
        }
    }
}
