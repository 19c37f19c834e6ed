#![no_main]

mod memory;

libfuzzer_sys::fuzz_target!(|data: &[u8]| memory::stays_linear(data, tower_bearer_fuzz::pem));
