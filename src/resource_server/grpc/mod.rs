//! gRPC: how a rejection is said in it, and what each of its methods requires.

mod answer;
mod details;
mod methods;
mod path;

pub(crate) use self::answer::OWN_HEADERS;
pub use self::methods::{GrpcMethods, GrpcMethodsService};
pub(crate) use self::path::{is_in, is_method, is_service};
