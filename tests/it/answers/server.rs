//! A server on loopback that answers byte by byte as a script says: well-behaved libraries can't misbehave like that.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// What is done with a connection. After the last step it is closed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Bytes),
    /// The same over and over, so many times at most.
    Repeat(Bytes, u64),
    /// Byte by byte, one a second, over and over.
    Drip(Bytes),
    /// Nothing more, but the connection stays.
    Stall,
    /// The connection is reset.
    Reset,
}

pub(crate) type Script = Vec<Step>;

/// Bytes as they stand.
pub(crate) fn send(text: impl Into<Bytes>) -> Step {
    Step::Send(text.into())
}

/// A whole answer: status line, headers (each with its line end), length and body.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Script {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    vec![send([head.as_bytes(), body].concat())]
}

/// A document as an issuer sends it.
pub(crate) fn document(body: impl AsRef<[u8]>) -> Script {
    answer("200 OK", "content-type: application/json\r\n", body)
}

/// It stops when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Script>>,
    requests: Mutex<HashMap<String, usize>>,
    sent: AtomicU64,
    frozen: AtomicBool,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { address, shared, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What requests for this path get from now on; others get a 404.
    pub(crate) fn on(&self, path: &str, script: Script) {
        self.shared.scripts.lock().unwrap().insert(path.to_owned(), script);
    }

    pub(crate) fn requests(&self, path: &str) -> usize {
        self.shared.requests.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    /// How many bytes have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Time passes by itself again.
    pub(crate) fn thaw(&self) {
        if self.shared.frozen.swap(false, Ordering::Relaxed) {
            tokio::time::resume();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move { shared.serve(stream).await });
        while connections.try_join_next().is_some() {}
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let path = path_of_request(&mut stream).await?;
        *self.requests.lock().unwrap().entry(path.clone()).or_default() += 1;
        let script = self.scripts.lock().unwrap().get(&path).cloned();
        for step in script.unwrap_or_else(|| answer("404 Not Found", "", "")) {
            match step {
                Step::Send(bytes) => self.write(&mut stream, &bytes).await?,
                Step::Repeat(bytes, times) => {
                    for _ in 0..times {
                        self.write(&mut stream, &bytes).await?;
                    }
                }
                Step::Drip(bytes) => {
                    self.freeze();
                    for byte in bytes.iter().cycle() {
                        self.write(&mut stream, &[*byte]).await?;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                Step::Stall => {
                    self.freeze();
                    // Until the client goes away.
                    while stream.read(&mut [0]).await? > 0 {}
                }
                Step::Reset => {
                    stream.set_zero_linger()?;
                    return Ok(());
                }
            }
        }
        stream.shutdown().await
    }

    async fn write(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// From here on the time of the runtime jumps to whatever is waited for.
    fn freeze(&self) {
        if !self.frozen.swap(true, Ordering::Relaxed) {
            tokio::time::pause();
        }
    }
}

/// Reads a request, with its body if it has one: what is left unread would turn the end of the connection into a reset.
async fn path_of_request(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.split_once('\r'));
    let length: usize = length.map_or(0, |(length, _)| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await?;
    Ok(head.split(' ').nth(1).unwrap_or_default().to_owned())
}
