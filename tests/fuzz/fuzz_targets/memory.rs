//! Counts what a target allocates: memory has to grow no faster than the input.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What a target may hold at once whatever its input, in bytes.
const AT_REST: usize = 1024 * 1024;
/// What it may hold at once for each byte of its input: a JSON value takes 32 bytes for a text of two.
const PER_BYTE: usize = 128;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all work is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs the target and fails where it holds too much at once.
pub fn stays_linear(data: &[u8], target: fn(&[u8])) {
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    target(data);
    let held = PEAK.load(Relaxed).saturating_sub(before);
    let allowed = AT_REST + PER_BYTE * data.len();
    assert!(held <= allowed, "{held} bytes were held at once for an input of {} bytes", data.len());
}
