#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::signal_export_lines(data));
