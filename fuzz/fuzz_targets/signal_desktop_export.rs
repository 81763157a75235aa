#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::signal_desktop_export(data));
