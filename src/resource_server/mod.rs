//! Inbound: is this caller's token good for this API?

mod allowed_issuers;
mod challenge;
mod check;
mod claims;
mod context;
mod explanation;
mod future;
mod grpc;
mod guard;
mod language;
mod layer;
mod metadata;
mod outcome;
mod payload;
mod rejection;
mod require;
mod requirement;
mod respond;
mod retold;
mod rules;
mod service;
mod stop;
mod token_kind;
mod token_source;
mod until_expiry;
mod validator;
mod verification;
mod verified;
mod verified_cache;
mod verified_token;
mod verifier;

pub use self::allowed_issuers::AllowedIssuers;
pub use self::check::Check;
pub use self::explanation::{CheckOutcome, Explanation};
pub use self::future::ResponseFuture;
pub use self::grpc::{GrpcMethods, GrpcMethodsService};
pub use self::layer::BearerLayer;
pub use self::metadata::ProtectedResource;
pub use self::rejection::{Rejection, RejectionKind};
pub use self::require::{RequireFuture, RequireLayer, RequireService, require};
pub use self::requirement::{
    Requirement, all_of, any_of, application, claim, client_id, delegated, role, role_in, satisfies, scope, tenant,
};
pub use self::respond::Respond;
pub use self::service::BearerService;
pub use self::token_source::TokenSource;
pub use self::until_expiry::UntilExpiry;
pub use self::validator::Validator;
pub use self::verified_token::VerifiedToken;
pub use self::verifier::Verifier;
