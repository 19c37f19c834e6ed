//! [`Process`]: a script of these tests in a process of its own, which says what there is to know in lines of JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Ends with this value.
pub(crate) struct Process {
    script: &'static str,
    child: Child,
    // The process ends when this is closed, which happens even if these tests are killed.
    stdin: ChildStdin,
    lines: Mutex<mpsc::Receiver<Value>>,
}

/// Ten times what a start, or anything else that is waited for, takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

impl Process {
    /// Starts a script that `tests/interop/run` prepares. With it comes what it says as soon as it is ready.
    pub(crate) fn start(script: &'static str, arguments: &[&str]) -> (Self, Value) {
        // A process of Node was seen to hang as it started: it gets a second chance.
        for _ in 0..2 {
            let process = Self::spawn(script, arguments);
            if let Some(said) = process.hear() {
                return (process, said);
            }
        }
        panic!("{script} did not start; {} says why", log(script).display())
    }

    fn spawn(script: &'static str, arguments: &[&str]) -> Self {
        let home = directory("TOWER_BEARER_INTEROP_DIR");
        let certificate = certificate();
        let mut child =
            if script.ends_with(".py") { Command::new(home.join("python/bin/python")) } else { Command::new("node") }
                .arg(home.join(script))
                .args(arguments)
                .env("REQUESTS_CA_BUNDLE", &certificate)
                .env("NODE_EXTRA_CA_CERTS", &certificate)
                // Proxies have no way to loopback.
                .env("NO_PROXY", "127.0.0.1,localhost")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(File::options().create(true).append(true).open(log(script)).expect("the log can be written"))
                .spawn()
                .unwrap_or_else(|error| panic!("{script} can't be run: {error}"));
        let stdin = child.stdin.take().expect("its input is a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let (said, lines) = mpsc::channel();
        // Ends with the process.
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else { return };
                let _ = said.send(line);
            }
        });
        Self { script, child, stdin, lines: Mutex::new(lines) }
    }

    /// The next line that it says.
    pub(crate) fn next(&self) -> Value {
        self.hear()
            .unwrap_or_else(|| panic!("{} says nothing; {} may say why", self.script, log(self.script).display()))
    }

    pub(crate) fn tell(&mut self, line: &Value) {
        writeln!(self.stdin, "{line}").expect("the process is there");
    }

    /// What it says next after it was told this.
    pub(crate) fn ask(&mut self, line: &Value) -> Value {
        self.tell(line);
        self.next()
    }

    fn hear(&self) -> Option<Value> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(PATIENCE).ok()
    }

    /// Ends it, whatever it is doing.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn log(script: &str) -> PathBuf {
    directory("TOWER_BEARER_INTEROP_DIR").join(format!("{script}.log"))
}

/// A directory that `tests/interop/run` prepares.
pub(crate) fn directory(variable: &str) -> PathBuf {
    let set = std::env::var_os(variable);
    let set = set.unwrap_or_else(|| panic!("{variable} is not set: start the interop tests by `tests/interop/run`"));
    PathBuf::from(set)
}

/// The file with the certificate of all that is on loopback.
pub(crate) fn certificate() -> PathBuf {
    directory("TOWER_BEARER_INTEROP_DIR").join("loopback_certificate.pem")
}
