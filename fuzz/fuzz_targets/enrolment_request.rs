#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::enrolment_request(data));
