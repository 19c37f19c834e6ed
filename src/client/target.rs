//! [`Target`]: which API a token is for, and what it shall allow there.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::form::Form;
use crate::error::Error;
use crate::issuer::{Issuer, is_guid};
use crate::scope::is_scope_token;

/// What a token is asked for: scopes (RFC 6749 §3.3), resources (RFC 8707), audiences (RFC 8693 §2.1, and Auth0).
///
/// Mostly an array of scopes will do; a [`Resource`] alone is taken as well:
///
/// ```
/// use tower_bearer::{Resource, Target};
///
/// let scopes = Target::from(["orders.read", "orders.write"]);
/// let resource = Target::from(Resource("https://stock.example.com"));
/// let both = Target::new().scope("read").resource("https://stock.example.com").audience("stock");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// Sorted, each once: their order means nothing.
    scopes: Vec<Box<str>>,
    resources: Vec<Box<str>>,
    audiences: Vec<Box<str>>,
}

/// The App ID URI of an API at the endpoint of version 1 of [`Entra`](crate::Entra), elsewhere a resource indicator (RFC 8707).
#[derive(Clone, Copy, Debug)]
pub struct Resource<'r>(
    /// The URI.
    pub &'r str,
);

impl Target {
    /// Nothing yet: whatever the issuer gives without being asked.
    pub fn new() -> Self {
        Self::default()
    }

    /// And this scope.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        insert(&mut self.scopes, scope.into());
        self
    }

    /// And this resource (RFC 8707 §2).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        insert(&mut self.resources, resource.into());
        self
    }

    /// And this audience (RFC 8693 §2.1).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        insert(&mut self.audiences, audience.into());
        self
    }

    /// The same, as the issuer wants it where an application asks for itself.
    pub(super) fn of_application(self, issuer: &Issuer) -> Result<Self, Error> {
        self.check()?;
        if issuer.asks_as_microsoft() { self.of_microsofts_application(issuer) } else { Ok(self) }
    }

    /// The same, unless it is none that can be asked for.
    pub(super) fn checked(self) -> Result<Self, Error> {
        self.check()?;
        Ok(self)
    }

    /// The same, as the issuer wants it where an application asks for a person.
    pub(super) fn of_person(self, issuer: &Issuer) -> Result<Self, Error> {
        self.check()?;
        if issuer.asks_as_microsoft() { self.of_microsofts_person(issuer) } else { Ok(self) }
    }

    /// At version 2 scopes, of which an App ID URI stands for all that the person consented to; at version 1 a resource.
    fn of_microsofts_person(self, issuer: &Issuer) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Err(Error::configuration(format!(
                "{why}: with Microsoft, ask for scopes of one API, such as api://stock/Items.Read, or for a Resource at the endpoint of \
                 version 1"
            )))
        };
        if !self.audiences.is_empty() {
            return wrong("an audience is given");
        }
        let is_v1 = self.is_for_v1(issuer);
        match (&*self.scopes, &*self.resources) {
            ([], []) => wrong("no API is given"),
            ([], [uri]) if is_v1 => match without_default(uri) {
                "" => wrong("no API is given"),
                uri => Ok(Self::new().resource(uri)),
            },
            ([uri], []) if is_v1 && is_alone(without_default(uri)) => Ok(Self::new().resource(without_default(uri))),
            (_, []) if is_v1 => wrong("scopes are given for the endpoint of version 1"),
            (_, []) => {
                let whole = |scope: &str| if is_alone(scope) { format!("{scope}{DEFAULT}") } else { scope.to_owned() };
                Ok(self.scopes.iter().map(|scope| whole(scope)).fold(Self::new(), Self::scope))
            }
            _ => wrong("a Resource is given beside others, or the token endpoint is not that of version 1"),
        }
    }

    /// Whether a token for this does for the other too, where it was given these scopes: `None` for those that were asked for.
    pub(super) fn covers<'s>(&'s self, other: &Self, mut given: Option<impl Iterator<Item = &'s str> + Clone>) -> bool {
        let has = |scope: &str| match &mut given {
            Some(given) => given.clone().any(|one| one == scope),
            None => self.scopes.iter().any(|one| **one == *scope),
        };
        let all = other.scopes.iter().map(AsRef::as_ref).all(has);
        all && !other.scopes.is_empty() && self.resources == other.resources && self.audiences == other.audiences
    }

    pub(super) fn without_scopes(self) -> Self {
        Self { scopes: Vec::new(), ..self }
    }

    fn check(&self) -> Result<(), Error> {
        if !self.scopes.iter().all(|scope| is_scope_token(scope)) {
            return Err(Error::configuration(
                "a scope is empty or has a space, a quotation mark or a character in it that is not ASCII (RFC 6749 §3.3): give each \
                 scope by itself",
            ));
        }
        if self.resources.iter().chain(&self.audiences).any(|one| one.is_empty()) {
            return Err(Error::configuration("a resource or an audience is empty"));
        }
        Ok(())
    }

    /// One App ID URI: at version 2 as the scope `<App ID URI>/.default`, at version 1 as the resource.
    fn of_microsofts_application(self, issuer: &Issuer) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Err(Error::configuration(format!(
                "{why}: with Microsoft, client_credentials(..) takes the App ID URI of one API, such as api://stock. An application that \
                 acts as itself has what it was given there, its app roles, and no single scopes. An App ID URI that looks like a scope is \
                 taken with /.default after it"
            )))
        };
        if !self.audiences.is_empty() {
            return wrong("an audience is given");
        }
        let resources = self.resources.iter().map(|uri| without_default(uri));
        let mut named: Vec<&str> = resources.filter(|uri| !uri.is_empty()).collect();
        for scope in &self.scopes {
            match app_id_uri(scope) {
                Some(uri) => named.push(uri),
                None => return wrong("a scope for a single permission is given"),
            }
        }
        named.dedup();
        let [uri] = *named else {
            return wrong(if named.is_empty() { "no API is given" } else { "several APIs are given" });
        };
        if self.is_for_v1(issuer) {
            return Ok(Self::new().resource(uri));
        }
        if !self.resources.is_empty() {
            return wrong("a Resource is given, and the token endpoint is not that of version 1");
        }
        Ok(Self::new().scope(format!("{uri}{DEFAULT}")))
    }

    /// Whether this is asked for at Microsoft's endpoint of version 1: that of the issuer, or where there are two the one for resources.
    pub(super) fn is_for_v1(&self, issuer: &Issuer) -> bool {
        issuer.asks_as_microsoft_v1() || (!self.resources.is_empty() && issuer.has_both_versions())
    }

    /// `besides` is a scope that is asked for too, and is not about the API.
    pub(super) fn write(&self, form: &mut Form, besides: Option<&str>) {
        let besides = besides.filter(|besides| self.scopes.iter().all(|scope| **scope != **besides));
        let scopes: Vec<&str> = self.scopes.iter().map(AsRef::as_ref).chain(besides).collect();
        if !scopes.is_empty() {
            form.add("scope", scopes.join(" "));
        }
        self.resources.iter().for_each(|resource| form.add("resource", &**resource));
        self.audiences.iter().for_each(|audience| form.add("audience", &**audience));
    }
}

/// All that an application may do at an API.
const DEFAULT: &str = "/.default";

fn without_default(uri: &str) -> &str {
    uri.strip_suffix(DEFAULT).unwrap_or(uri)
}

/// The App ID URI, if the text is one or the scope that stands for all of its API.
fn app_id_uri(text: &str) -> Option<&str> {
    if let Some(uri) = text.strip_suffix(DEFAULT) {
        return (!uri.is_empty()).then_some(uri);
    }
    is_app_id_uri(text).then_some(text)
}

/// Whether this looks like an App ID URI and not like a scope, which is an App ID URI with a name after it.
///
/// By Microsoft's rules App ID URIs look like `api://stock`, `api://<guid>/stock`, `api://stock/<guid>`, `https://stock.contoso.example` or
/// `https://contoso.example/stock`. A scope can have any name, so that some can't be told from those; but nearly all have one like
/// `Items.Read` or `user_impersonation`, or OpenID Connect's.
fn is_app_id_uri(text: &str) -> bool {
    if is_guid(text) {
        return true; // a client id, which Entra takes as well
    }
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| !scheme.is_empty()) else { return false };
    match rest.strip_suffix('/').unwrap_or(rest).split_once('/') {
        None => !matches!(rest, "" | "/"),
        Some((host, path)) if scheme.eq_ignore_ascii_case("api") => {
            is_guid(path) || (is_guid(host) && !looks_like_a_scope(path))
        }
        Some((host, path)) => !host.is_empty() && !looks_like_a_scope(path),
    }
}

/// Whether this can be nothing but an App ID URI. Azure's own ends with a slash.
fn is_alone(text: &str) -> bool {
    let host = text.split_once("://").map(|(_, rest)| rest.strip_suffix('/').unwrap_or(rest));
    is_guid(text) || host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
}

fn looks_like_a_scope(path: &str) -> bool {
    path.is_empty() || path.contains(['/', '.', '_']) || matches!(path, "email" | "openid" | "profile")
}

fn insert(sorted: &mut Vec<Box<str>>, one: String) {
    let one = one.into_boxed_str();
    if let Err(place) = sorted.binary_search(&one) {
        sorted.insert(place, one);
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Target {
    fn from(scopes: [S; N]) -> Self {
        scopes.into_iter().fold(Self::new(), Self::scope)
    }
}

impl<S: Into<String>> From<Vec<S>> for Target {
    fn from(scopes: Vec<S>) -> Self {
        scopes.into_iter().fold(Self::new(), Self::scope)
    }
}

impl From<Resource<'_>> for Target {
    fn from(Resource(uri): Resource<'_>) -> Self {
        Self::new().resource(uri)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("audiences", &self.audiences)
            .finish()
    }
}
