//! The resident memory of this process, as the kernel counts it (proc(5): `VmRSS` and `VmHWM` of `status`).

use anyhow::Context;

/// Resident memory in MiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resident {
    pub(crate) now: f64,
    /// The most since the last [`forget_peak`].
    pub(crate) peak: f64,
}

impl Resident {
    /// Reads it.
    pub(crate) fn look() -> anyhow::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let of = |name: &str| mib(&status, name).with_context(|| format!("/proc/self/status has no {name}"));
        Ok(Self {
            now: of("VmRSS:")?,
            peak: of("VmHWM:")?,
        })
    }
}

fn mib(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

/// From here on the peak is counted anew.
pub(crate) fn forget_peak() -> anyhow::Result<()> {
    std::fs::write("/proc/self/clear_refs", "5").context("the peak of memory cannot be reset")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mib() {
        let status = "VmPeak:\t 9999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(mib(status, "VmHWM:"), Some(2.0));
        assert_eq!(mib(status, "VmRSS:"), Some(1.0));
        assert_eq!(mib(status, "VmSwap:"), None);
    }
}
