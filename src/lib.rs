//! Guards web APIs with bearer tokens.
//!
//! A [`BearerLayer`] takes the token from a request's `Authorization` header, checks its signature, issuer, audience,
//! times and scopes against the issuer's keys, which are fetched once and kept fresh, and puts the [`VerifiedToken`] into
//! the request's extensions. It is a plain [tower](https://docs.rs/tower) layer, which answers calls of gRPC in their own
//! language; extractors for axum come with the feature `axum`, and what services of tonic need with `tonic`.
//!
//! ```
//! use axum::{Router, http::StatusCode, routing::{get, post}};
//! use tower_bearer::{BearerLayer, Issuer, Rejection, VerifiedToken, any_of, require, role, scope};
//!
//! let issuer = Issuer::new("https://login.example.com/realms/acme")?; // fetches nothing yet
//! let app: Router = Router::new()
//!     .route("/orders", get(list))
//!     .route("/orders/new", post(place).route_layer(require(scope("orders.write"))))
//!     .route_layer(BearerLayer::new(issuer.validator("api://orders")));
//!
//! async fn list(token: VerifiedToken) -> String {
//!     format!("orders of {}", token.subject().unwrap_or("?"))
//! }
//!
//! async fn place(token: VerifiedToken) -> Result<StatusCode, Rejection> {
//!     token.require(any_of([scope("orders.rush"), role("Manager")]))?;
//!     Ok(StatusCode::CREATED)
//! }
//! # Ok::<(), tower_bearer::Error>(())
//! ```
//!
//! And outwards: a [`Client`] gets tokens of the same issuer to call the next API with, and an [`AddBearerLayer`] puts them on
//! requests.
//!
//! # The parts
//! * [`Issuer`]: an authorization server that you trust. Its metadata and keys are found by OpenID Connect Discovery or
//!   RFC 8414, or given.
//!   [`Entra`], [`keycloak`](Issuer::keycloak), [`auth0`](Issuer::auth0), [`okta`](Issuer::okta), [`cognito`](Issuer::cognito),
//!   [`google`](Issuer::google), [`entra_external_id`](Issuer::entra_external_id) and [`azure_ad_b2c`](Issuer::azure_ad_b2c) set what
//!   differs with these.
//! * [`Validator`]: the fixed procedure by which a token is accepted or rejected. Its page lists the checks in order.
//!   [`any_of`](Validator::any_of) several takes tokens of several issuers; [`AllowedIssuers`] those of issuers that are found out as
//!   their tokens come.
//! * [`BearerLayer`]: the layer. Its page lists what happens to a request.
//! * [`VerifiedToken`]: proof that a token was checked. Nothing else makes one.
//! * [`Requirement`]: what a token must allow, as a value: [`scope`], [`role`], [`any_of`] … It guards routes by
//!   [`require`] and serves in handlers by [`VerifiedToken::require`].
//! * [`GrpcMethods`]: what each method of gRPC services requires. [`VerifiedToken::until_expiry`] binds a stream to its token.
//! * [`Rejection`]: why a request is turned away, and how that is said (RFC 6750 §3). [`Respond`] says it your way.
//! * [`Validator::explain`]: for developers, why a token is refused, check by check, with advice: an [`Explanation`].
//! * [`ProtectedResource`]: the document that tells clients whose tokens this API takes (RFC 9728).
//! * [`Client`]: an application that is registered with an issuer and proves who it is by a [`Credential`]. It gets
//!   [`AccessToken`]s: as itself by [`client_credentials`](Client::client_credentials), and as the person who calls by
//!   [`on_behalf_of`](Client::on_behalf_of) and [`token_exchange`](Client::token_exchange). [`AddBearerLayer`] puts them on outgoing requests;
//!   a [`TokenError`] says who has to act where none can be had.
//! * [`testing`]: an issuer for the tests of your handlers, with real signatures and a clock in hand.
//! * [`jose`]: keys and signatures as such.
//! * [`manual`]: the [threat model](manual::threats), the [defaults](manual::defaults), the
//!   [insecure choices](manual::dangerous), [calling further APIs](manual::calling), [gRPC](manual::grpc), and what to set at each provider: [Entra](manual::entra),
//!   [Keycloak](manual::keycloak), [Auth0](manual::auth0), [Okta](manual::okta), [Cognito](manual::cognito),
//!   [Google](manual::google), [External ID and B2C](manual::external_id).
//!
//! # What is open, and stays open
//! * axum: a layer guards the routes that were added *before* it. Add it last; routes added after it are open.
//! * `route_layer` guards routes. A fallback is guarded by `layer` only, whenever it was added.
//! * A `CorsLayer` goes outside, that is, is added after: browsers send preflight requests without a token.
//!
//! # Features
//! | feature | default | what it brings |
//! |---|---|---|
//! | `aws-lc-rs` | yes | signatures by AWS-LC; needs a C compiler |
//! | `rust-crypto` | | signatures by RustCrypto, without any C, where `aws-lc-rs` is off; RSA keys up to 4096 bits ([differences](jose#cryptography)) |
//! | `client` | yes | [`Client`] and what belongs to it |
//! | `reqwest` | yes | an HTTP client; without it give each issuer a [`transport`](Issuer::transport) |
//! | `axum` | | extractors, and [`Rejection`] as a response |
//! | `testing` | | [`testing::TestIssuer`], [`testing::TestClock`] |
//! | `tonic` | | `tonic::Status` from [`Rejection`], the names of guarded services, and [`TokenError::from_status`]; calls of gRPC are guarded without it, too |

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "client")]
mod client;
mod clock;
mod error;
mod issuer;
pub mod jose;
mod kept_fresh;
pub mod manual;
mod resource_server;
mod runtime;
mod scope;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tonic")]
mod tonic;
mod transport;

/// The README's code runs as doctests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "axum")]
pub use self::axum::Claims;
#[cfg(feature = "client")]
pub use self::client::{
    AccessToken, AddBearer, AddBearerFuture, AddBearerLayer, AddBearerService, BearerSource, ClaimsChallenge, Client,
    ClientCredentials, Credential, OboSession, OnBehalfOf, Replay, ReplayClone, ReplayEmpty, ReplayNever, Resource,
    SessionKey, Target, TokenError, TokenErrorKind, TokenExchange, TokenType,
};
pub use self::error::Error;
pub use self::issuer::{Entra, Issuer, IssuerStatus, KeyStatus, Metadata};
pub use self::resource_server::{
    AllowedIssuers, BearerLayer, BearerService, Check, CheckOutcome, Explanation, GrpcMethods, GrpcMethodsService,
    ProtectedResource, Rejection, RejectionKind, RequireFuture, RequireLayer, RequireService, Requirement, Respond,
    ResponseFuture, TokenSource, UntilExpiry, Validator, VerifiedToken, Verifier, all_of, any_of, application, claim,
    client_id, delegated, require, role, role_in, satisfies, scope, tenant,
};
