//! The contenders that other crates make, each set up once, as fast and as strict as its API allows.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use jwt_authorizer::{AuthError, IntoLayer, JwtAuthorizer};
use tower::util::MapResponseLayer;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use crate::tokens::{AUDIENCE, Caller, ISSUER, Tokens};

/// `jwt-authorizer`, which verifies by ring through jsonwebtoken 9, with the JWK Set as text. It checks `nbf` once asked to, but takes a
/// token that names no issuer or no audience: nothing but `exp` can be required.
pub async fn jwt_authorizer(tokens: &Tokens) -> Router {
    async fn handler(FromTokenData(caller): FromTokenData) -> String {
        caller.oid
    }
    let validation = jwt_authorizer::Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]).nbf(true);
    let algorithm = tokens.algorithm.as_str().parse().expect("it knows these three");
    let authorizer = JwtAuthorizer::<Caller>::from_jwks_text(&tokens.jwks).validation(validation.algs(vec![algorithm]));
    let layer = authorizer.build().await.expect("keys").into_layer();
    Router::new().route("/", get(handler)).route_layer((layer, MapResponseLayer::new(Answer)))
}

/// An answer that `jwt-authorizer` can turn its errors into: it knows the responses of axum 0.7 alone.
struct Answer(Response);

impl From<AuthError> for Answer {
    fn from(error: AuthError) -> Self {
        let theirs: axum::http::Response<_> = error.into();
        Self(theirs.map(Body::new))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}

/// The claims, cloned out of the request as its own extractor does, which is one of axum 0.7.
struct FromTokenData(Caller);

impl<S: Send + Sync> FromRequestParts<S> for FromTokenData {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let data = parts.extensions.get::<jsonwebtoken_9::TokenData<Caller>>();
        data.map(|data| Self(data.claims.clone())).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// `tower-oauth2-resource-server`, which verifies by aws-lc-rs through jsonwebtoken 11, with the JWK Set as text. It requires each of the
/// claims that it checks, `nbf` too.
pub async fn tower_oauth2_resource_server(tokens: &Tokens) -> Router {
    async fn handler(Extension(caller): Extension<Caller>) -> String {
        caller.oid
    }
    let claims = ClaimsValidationSpec::recommended(ISSUER, &vec![AUDIENCE.to_owned()]);
    let tenant = TenantConfiguration::static_builder(&tokens.jwks)
        .claims_validation(claims)
        .allowed_algorithms(&[tokens.their_algorithm()])
        .build()
        .expect("a JWK Set");
    let server = OAuth2ResourceServer::<Caller>::builder().add_tenant(tenant).build().await.expect("a tenant");
    Router::new().route("/", get(handler)).route_layer(server.into_layer::<Body>())
}
