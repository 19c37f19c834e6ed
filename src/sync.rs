//! Where threads meet: the locks and atomics of the caches, in one place so that `tests/concurrency` can put in others, of whose
//! interleavings it tries many.

#[cfg(not(tower_bearer_shuttle))]
mod primitives {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

    pub(crate) use arc_swap::{ArcSwapOption, Guard};
}

#[cfg(tower_bearer_shuttle)]
#[path = "../tests/concurrency/primitives.rs"]
mod primitives;

pub(crate) use self::primitives::*;
