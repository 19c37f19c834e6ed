//! [`Reread`]: what stands in files that somebody may replace.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use secrecy::zeroize::Zeroizing;

use crate::error::Error;
use crate::runtime;
use crate::sync::Mutex;

/// What stands in one file. Wiped when it goes, as it may be a key.
pub(super) type Content = Zeroizing<Vec<u8>>;
type ParseFn<T> = dyn Fn(&[Content]) -> Result<T, Error> + Send + Sync;

/// What was last read from some files, together. They are read each time, which costs less than a token request; what changed is
/// told by the bytes, as dates of files are coarse and links are swapped under them.
pub(super) struct Reread<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    paths: Vec<PathBuf>,
    parse: Box<ParseFn<T>>,
    last: Mutex<Read<T>>,
}

struct Read<T> {
    contents: Vec<Content>,
    parsed: Arc<T>,
}

impl<T: Send + Sync + 'static> Reread<T> {
    /// Reads them for the first time.
    pub(super) fn new(
        paths: Vec<PathBuf>,
        parse: impl Fn(&[Content]) -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let contents = read(&paths)?;
        let parsed = Arc::new(parsed(&paths, &parse, &contents)?);
        let last = Mutex::new(Read { contents, parsed });
        Ok(Self { inner: Arc::new(Inner { paths, parse: Box::new(parse), last }) })
    }

    /// What was last read.
    pub(super) fn last(&self) -> Arc<T> {
        self.inner.last()
    }

    /// What they hold now. Where that won't do, it is logged, and what was last read still counts.
    pub(super) async fn current(&self) -> Arc<T> {
        let inner = Arc::clone(&self.inner);
        let Some(read) = runtime::blocking(move || inner.read_again()).await else { return self.last() };
        read.unwrap_or_else(|error| {
            // Here and not where it was read: another thread knows nothing of the subscriber and the spans of this one.
            tracing::warn!(%error, "a client's credential could not be read again; the last one is used");
            self.last()
        })
    }
}

impl<T> Inner<T> {
    fn last(&self) -> Arc<T> {
        Arc::clone(&self.last.lock().unwrap_or_else(PoisonError::into_inner).parsed)
    }

    fn read_again(&self) -> Result<Arc<T>, Error> {
        let contents = read(&self.paths)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if contents != last.contents {
            let parsed = Arc::new(parsed(&self.paths, &*self.parse, &contents)?);
            *last = Read { contents, parsed };
        }
        Ok(Arc::clone(&last.parsed))
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<Content>, Error> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map(Zeroizing::new).map_err(|error| {
            Error::configuration(format!("the file {} could not be read: {}", path.display(), error.kind()))
        })
    };
    paths.iter().map(read).collect()
}

fn parsed<T>(paths: &[PathBuf], parse: &ParseFn<T>, contents: &[Content]) -> Result<T, Error> {
    parse(contents).map_err(|error| Error::configuration(format!("{error} (from {})", names(paths))))
}

fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| Path::display(path).to_string()).collect();
    names.join(" and ")
}
