//! [`Context`]: how a layer answers, which it hands down with the request so that everybody after it answers the same.

use std::any::Any;
use std::sync::Arc;

use super::challenge::Challenges;
use super::language::Language;

/// How one layer answers callers who speak one language.
#[derive(Clone, Default)]
pub(crate) struct Context {
    pub(crate) language: Language,
    /// Quoted for a header already.
    pub(crate) realm: Option<String>,
    /// A URL, which needs no quoting.
    pub(crate) resource_metadata: Option<String>,
    /// The scope that the layer itself requires.
    pub(crate) scope: Option<String>,
    /// A `Responder<B>`, for whatever body `B` it answers with. It is not asked in gRPC.
    pub(crate) responder: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) challenges: Challenges,
}

/// The contexts of one layer, made when it is built: they differ in the language alone.
#[derive(Clone)]
pub(crate) struct Contexts {
    http: Arc<Context>,
    grpc: Arc<Context>,
    grpc_web: Arc<Context>,
    grpc_web_text: Arc<Context>,
}

impl Contexts {
    pub(crate) fn new(context: &Context) -> Self {
        let speaking = |language| Arc::new(Context { language, ..context.clone() });
        Self {
            http: speaking(Language::Http),
            grpc: speaking(Language::Grpc),
            grpc_web: speaking(Language::GrpcWeb),
            grpc_web_text: speaking(Language::GrpcWebText),
        }
    }

    #[inline]
    pub(crate) fn of(&self, language: Language) -> &Arc<Context> {
        match language {
            Language::Http => &self.http,
            Language::Grpc => &self.grpc,
            Language::GrpcWeb => &self.grpc_web,
            Language::GrpcWebText => &self.grpc_web_text,
        }
    }

    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Context)) {
        let mut context = Context::clone(&self.http);
        change(&mut context);
        *self = Self::new(&context);
    }
}
