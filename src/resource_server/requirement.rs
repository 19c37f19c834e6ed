//! [`Requirement`]: what a token must allow, as a value that guards routes and serves inside handlers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::rejection::Rejection;
use super::verified_token::VerifiedToken;
use crate::scope::is_scope_token;

/// What a token must allow: made by [`scope`], [`role`] and the other functions beside them, combined by [`any_of`] and
/// [`all_of`].
///
/// It guards a route by [`require`](super::require), a whole layer by [`BearerLayer::require`](super::BearerLayer::require),
/// and serves inside a handler by [`VerifiedToken::require`].
///
/// ```
/// use tower_bearer::{all_of, any_of, role, scope};
///
/// let clerk = scope("orders.write");
/// let rush = all_of([scope("orders.write"), any_of([scope("orders.rush"), role("Manager")])]);
/// ```
#[derive(Clone)]
pub struct Requirement(Kind);

#[derive(Clone)]
enum Kind {
    Scope(Text),
    Role(Text),
    RoleIn { client: Text, role: Text },
    Claim { name: Text, value: Option<Value> },
    ClientId(Text),
    Tenant(Text),
    Application(bool),
    AnyOf(Vec<Requirement>),
    AllOf(Vec<Requirement>),
    Satisfies(Arc<Check>),
}

type Text = Cow<'static, str>;
type Check = dyn Fn(&VerifiedToken) -> Result<(), Rejection> + Send + Sync;

/// This one scope, among those in `scope` or `scp`; several are combined by [`all_of`] or [`any_of`]. What is no scope token
/// (RFC 6749 §3.3) is held by nobody, and the log says so.
pub fn scope(scope: impl Into<Cow<'static, str>>) -> Requirement {
    let scope = scope.into();
    if !is_scope_token(&scope) {
        tracing::error!(
            "scope(..) was given what is no scope token (RFC 6749 §3.3), so no token is ever let through: write one scope, \
             without a space in it, and combine several by all_of(..) or any_of(..)"
        );
    }
    Requirement(Kind::Scope(scope))
}

/// This role, among those in `roles` and where [`roles_at`](super::Validator::roles_at) points.
pub fn role(role: impl Into<Cow<'static, str>>) -> Requirement {
    Requirement(Kind::Role(role.into()))
}

/// This role at this client, in the shape of Keycloak: `{"resource_access": {client: {"roles": [role]}}}`.
pub fn role_in(client: impl Into<Cow<'static, str>>, role: impl Into<Cow<'static, str>>) -> Requirement {
    Requirement(Kind::RoleIn { client: client.into(), role: role.into() })
}

/// A claim with this value. Where the claim is an array, one of its elements has to be the value. `None` and everything
/// else that is `null` in JSON is the value of no claim.
pub fn claim(name: impl Into<Cow<'static, str>>, value: impl Serialize) -> Requirement {
    // So is what can't be written as JSON.
    let value = serde_json::to_value(value).ok().filter(|value| !value.is_null());
    Requirement(Kind::Claim { name: name.into(), value })
}

/// A token that this client asked for (`client_id`, `azp`, `appid` or `cid`). With [`Entra`](crate::Entra) only one in which the
/// client acts as itself: any person may come by way of any client.
pub fn client_id(client_id: impl Into<Cow<'static, str>>) -> Requirement {
    Requirement(Kind::ClientId(client_id.into()))
}

/// A token of this tenant (`tid`).
pub fn tenant(tenant: impl Into<Cow<'static, str>>) -> Requirement {
    Requirement(Kind::Tenant(tenant.into()))
}

/// A token in which a client acts as itself ([`VerifiedToken::is_application`]): a daemon's. Nobody has it where that can't be told.
pub fn application() -> Requirement {
    Requirement(Kind::Application(true))
}

/// A token in which a client acts for a person. Nobody has it where that can't be told.
pub fn delegated() -> Requirement {
    Requirement(Kind::Application(false))
}

/// At least one of these. Of none: nobody has it.
pub fn any_of(requirements: impl IntoIterator<Item = Requirement>) -> Requirement {
    Requirement(Kind::AnyOf(requirements.into_iter().collect()))
}

/// Each of these. Of none: nobody has it, as a list that came out empty is a mistake more often than a wish.
pub fn all_of(requirements: impl IntoIterator<Item = Requirement>) -> Requirement {
    Requirement(Kind::AllOf(requirements.into_iter().collect()))
}

/// Whatever this function accepts. What it returns as an error is the answer, except inside [`any_of`].
///
/// ```
/// use tower_bearer::{Rejection, RejectionKind, satisfies};
///
/// let known = satisfies(|token| match token.subject() {
///     Some(_) => Ok(()),
///     None => Err(Rejection::new(RejectionKind::InsufficientScope)),
/// });
/// ```
pub fn satisfies<F>(check: F) -> Requirement
where
    F: Fn(&VerifiedToken) -> Result<(), Rejection> + Send + Sync + 'static,
{
    Requirement(Kind::Satisfies(Arc::new(check)))
}

impl Requirement {
    pub(crate) fn check(&self, token: &VerifiedToken) -> Result<(), Rejection> {
        self.evaluate(token).map_err(|own| own.unwrap_or_else(|| Rejection::insufficient(self.scope_hint())))
    }

    /// `Err(Some(_))` where a function of the user's said how to reject.
    fn evaluate(&self, token: &VerifiedToken) -> Result<(), Option<Rejection>> {
        let holds = match &self.0 {
            Kind::Scope(scope) => token.has_scope(scope),
            Kind::Role(role) => token.has_role(role),
            Kind::RoleIn { client, role } => roles_at_client(token, client)
                .is_some_and(|roles| roles.iter().any(|held| held.as_str() == Some(role.as_ref()))),
            Kind::Claim { name, value: Some(value) } => {
                let held = token.all().and_then(|all| all.get(name.as_ref()));
                let contains = |held: &Value| held.as_array().is_some_and(|elements| elements.contains(value));
                held.is_some_and(|held| held == value || contains(held))
            }
            Kind::Claim { value: None, .. } => false,
            Kind::ClientId(client_id) => token.client_id() == Some(client_id) && token.client_may_authorize(),
            Kind::Application(application) => token.is_application() == Some(*application),
            Kind::Tenant(tenant) => token.tenant() == Some(tenant),
            Kind::AnyOf(requirements) => requirements.iter().any(|one| one.evaluate(token).is_ok()),
            Kind::AllOf(requirements) => {
                requirements.iter().try_for_each(|one| one.evaluate(token))?;
                !requirements.is_empty()
            }
            Kind::Satisfies(check) => return check(token).map_err(Some),
        };
        if holds { Ok(()) } else { Err(None) }
    }

    /// The scope for a challenge: the first alternative that is made of scopes alone (RFC 6750 §3).
    pub(crate) fn scope_hint(&self) -> Option<String> {
        let mut scopes = Vec::new();
        self.collect_scopes(&mut scopes).then(|| scopes.join(" "))
    }

    fn collect_scopes<'r>(&'r self, scopes: &mut Vec<&'r str>) -> bool {
        match &self.0 {
            Kind::Scope(scope) if is_scope_token(scope) => {
                scopes.push(scope);
                true
            }
            Kind::AllOf(requirements) => {
                !requirements.is_empty() && requirements.iter().all(|one| one.collect_scopes(scopes))
            }
            Kind::AnyOf(requirements) => requirements.iter().any(|one| {
                let before = scopes.len();
                let found = one.collect_scopes(scopes);
                if !found {
                    scopes.truncate(before);
                }
                found
            }),
            _ => false,
        }
    }
}

fn roles_at_client<'t>(token: &'t VerifiedToken, client: &str) -> Option<&'t Vec<Value>> {
    let member = |object: &'t Map<String, Value>, name: &str| object.get(name).and_then(Value::as_object);
    let clients = member(token.all()?, "resource_access")?;
    member(clients, client)?.get("roles")?.as_array()
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirement").finish_non_exhaustive()
    }
}
