#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::telegram_answer(data));
