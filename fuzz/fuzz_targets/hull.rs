#![no_main]

// A panic of a library that the program turns into an error is no finding: only one that leaves the target ends the run.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |data: &[u8]| hullscope_fuzz::hull(data)
);
