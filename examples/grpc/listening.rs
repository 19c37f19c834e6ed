//! [`Listening`]: a free port of 127.0.0.1, for a server of tonic.

use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

/// Connections are taken from now on, and served when a server is there.
pub(crate) struct Listening {
    pub(crate) origin: String,
    pub(crate) incoming: TcpIncoming,
}

impl Listening {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        Ok(Self { origin, incoming: TcpIncoming::from(listener) })
    }
}
