//! Resource limits: memory, files, processor time.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::super::{STACK, Setup};
use crate::protocol::Profile;

/// Address space that is taken without being used: the stack, and what the allocator sets aside for each thread.
#[cfg(target_os = "linux")]
const SET_ASIDE: u64 = STACK as u64 + 4 * (128 << 20);

/// Sets what holds for the life of the process; returns the names.
pub(super) fn set(setup: &Setup) -> io::Result<Vec<String>> {
    let (files, written) = match setup.profile {
        Profile::Parser => (32, 0),
        Profile::Tools => (256, setup.max_file_bytes),
    };
    let mut limits = vec![
        ("core", Resource::Core, 0),
        ("nofile", Resource::Nofile, files),
        ("fsize", Resource::Fsize, written),
    ];
    // Elsewhere this limit is accepted and not kept.
    #[cfg(target_os = "linux")]
    {
        let most = address_space()
            .saturating_add(SET_ASIDE)
            .saturating_add(setup.memory_bytes);
        limits.push(("as", Resource::As, most));
    }
    limits
        .into_iter()
        .map(|(name, resource, most)| {
            let both = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            setrlimit(resource, both)?;
            Ok(name.to_owned())
        })
        .collect()
}

/// Lets this process use `seconds` more of processor time, counted in full seconds.
pub(in super::super) fn allow_cpu(seconds: u64) -> io::Result<()> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).tv_sec;
    let most = u64::try_from(used).unwrap_or(0).saturating_add(seconds);
    let limit = Rlimit {
        // Seconds are counted from the one that has begun.
        current: Some(most.saturating_add(1)),
        maximum: None,
    };
    Ok(setrlimit(Resource::Cpu, limit)?)
}

/// What the program takes before it converts anything, in bytes.
#[cfg(target_os = "linux")]
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages: Option<u64> = pages.and_then(|text| text.split(' ').next()?.parse().ok());
    // Where there is no /proc, a generous guess is better than no limit.
    pages.map_or(512 << 20, |pages| {
        pages.saturating_mul(rustix::param::page_size() as u64)
    })
}
