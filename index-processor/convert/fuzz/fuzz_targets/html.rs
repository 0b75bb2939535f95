#![no_main]

use convert_fuzz::{FileType, check, keep_panics, libfuzzer_sys};

libfuzzer_sys::fuzz_target!(init: keep_panics(), |bytes: &[u8]| check(FileType::Html, bytes));
