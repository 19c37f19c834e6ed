//! [`RefreshTokens`]: which refresh tokens there are, whose they are, and what became of them (RFC 9700 §4.14.2).
//!
//! Each is good once: with an answer comes the next one of its chain. When one comes that was used before, somebody has it who
//! should not, and the whole chain is revoked.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Refusal;
use crate::testing::fresh_guid;

/// How long one is good, in seconds: ninety days, as with Microsoft.
const LIFE: u64 = 90 * 24 * 60 * 60;

#[derive(Default)]
pub(in crate::testing) struct RefreshTokens {
    chains: Vec<Chain>,
    /// The place of its chain, by the token.
    issued: HashMap<String, usize>,
}

struct Chain {
    delegation: Delegation,
    /// The one that is good.
    current: String,
    expires: u64,
    is_revoked: bool,
}

/// What a client was given for a person, which goes on.
#[derive(Clone)]
pub(in crate::testing) struct Delegation {
    pub(in crate::testing) client_id: String,
    /// Empty at an issuer without tenants.
    pub(in crate::testing) tenant: String,
    pub(in crate::testing) person: Person,
    pub(in crate::testing) wanted: Wanted,
}

/// A person, by the id that consents are given by, and the claims that say who they are.
#[derive(Clone)]
pub(in crate::testing) struct Person {
    pub(in crate::testing) id: String,
    pub(in crate::testing) claims: Map<String, Value>,
}

/// Which API is asked for, and what of it.
#[derive(Clone)]
pub(in crate::testing) struct Wanted {
    /// An identifier of the API.
    pub(in crate::testing) resource: String,
    /// Their names at the API. None stands for all that was consented to.
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) offline_access: bool,
}

impl RefreshTokens {
    /// The first token of a chain.
    pub(in crate::testing) fn begin(&mut self, delegation: Delegation, now: u64) -> String {
        let token = fresh_token();
        self.issued.insert(token.clone(), self.chains.len());
        self.chains.push(Chain { delegation, current: token.clone(), expires: now + LIFE, is_revoked: false });
        token
    }

    /// What it stands for, if it is good for this client in this tenant. One that was used before ends its chain.
    pub(in crate::testing) fn check(
        &mut self,
        token: &str,
        client_id: &str,
        tenant: &str,
        now: u64,
    ) -> Result<Delegation, Refusal> {
        let chain = self.chain(token).ok_or(Refusal::UnknownRefreshToken)?;
        if chain.delegation.client_id != client_id || chain.delegation.tenant != tenant {
            return Err(Refusal::ForeignRefreshToken);
        }
        if chain.current != token {
            chain.is_revoked = true;
        }
        if chain.is_revoked {
            return Err(Refusal::RevokedRefreshToken);
        }
        if chain.expires <= now { Err(Refusal::ExpiredRefreshToken) } else { Ok(chain.delegation.clone()) }
    }

    /// The next token in place of this one. Where another was faster, this one was used before.
    pub(in crate::testing) fn rotate(&mut self, token: &str, now: u64) -> Result<String, Refusal> {
        let place = self.issued.get(token).copied().ok_or(Refusal::UnknownRefreshToken)?;
        let next = fresh_token();
        let chain = self.chain(token).ok_or(Refusal::UnknownRefreshToken)?;
        if chain.current != token || chain.is_revoked {
            chain.is_revoked = true;
            return Err(Refusal::RevokedRefreshToken);
        }
        chain.current.clone_from(&next);
        chain.expires = now + LIFE;
        self.issued.insert(next.clone(), place);
        Ok(next)
    }

    /// Ends all chains of this person in this tenant.
    pub(in crate::testing) fn revoke(&mut self, person: &str, tenant: &str) {
        let is_theirs = |delegation: &Delegation| delegation.person.id == person && delegation.tenant == tenant;
        self.chains.iter_mut().filter(|chain| is_theirs(&chain.delegation)).for_each(|chain| chain.is_revoked = true);
    }

    fn chain(&mut self, token: &str) -> Option<&mut Chain> {
        self.chains.get_mut(*self.issued.get(token)?)
    }
}

fn fresh_token() -> String {
    format!("refresh.{}.{}", fresh_guid(), fresh_guid())
}
