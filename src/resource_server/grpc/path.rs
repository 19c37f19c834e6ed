//! Paths of gRPC: `/{service}/{method}`, compared letter by letter, as services do.

/// Whether this is the path of one method.
pub(crate) fn is_method(path: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .is_some_and(|(service, method)| is_name(service) && is_name(method))
}

/// Whether this is what all paths of one service start with, the slash at the end included.
pub(crate) fn is_service(prefix: &str) -> bool {
    prefix.strip_prefix('/').and_then(|prefix| prefix.strip_suffix('/')).is_some_and(is_name)
}

/// Whether this path is the method, or one of the service.
pub(crate) fn is_in(method_or_service: &str, path: &str) -> bool {
    match method_or_service.ends_with('/') {
        true => path.strip_prefix(method_or_service).is_some_and(is_name),
        false => path == method_or_service,
    }
}

/// What can stand in a path as it is, between two slashes, and leads nowhere else for whoever makes paths regular.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.bytes().all(|byte| matches!(byte, b'!'..=b'~') && !b"/?#%*\"<>\\^`{|}".contains(&byte))
}
