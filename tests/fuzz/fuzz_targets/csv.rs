#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    passerelle_fuzz::csv(input);
});
