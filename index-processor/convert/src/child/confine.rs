//! What a child gives up before it reads a document: each on top of the others, so that one that this kernel lacks leaves the rest.

#[cfg(target_os = "linux")]
mod landlock;
mod limits;
#[cfg(target_os = "linux")]
mod seccomp;

use std::io;

use super::Setup;
use crate::protocol::Confinement;
#[cfg(not(target_os = "linux"))]
use crate::protocol::Strength;

pub(super) use limits::allow_cpu;

/// Confines this process for good. There must be no other thread: most of it is inherited by threads, not shared with them.
///
/// # Errors
/// When a resource limit cannot be set. What the kernel does not know is left out, and the report says so.
pub(super) fn confine(setup: &Setup) -> io::Result<Confinement> {
    let limits = limits::set(setup)?;
    #[cfg(target_os = "linux")]
    {
        // Nobody of the same user looks into its memory, where documents are.
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
        let no_new_privs = rustix::thread::set_no_new_privs(true).is_ok();
        // Landlock opens the directories that it leaves open; with the filter it could not.
        let landlock = landlock::restrict(setup);
        let no_capabilities = drop_capabilities();
        let seccomp = seccomp::filter(setup.profile);
        Ok(Confinement {
            limits,
            no_new_privs,
            no_capabilities,
            landlock,
            seccomp,
        })
    }
    #[cfg(not(target_os = "linux"))]
    Ok(Confinement {
        limits,
        no_new_privs: false,
        no_capabilities: false,
        landlock: Strength::None,
        seccomp: false,
    })
}

/// In a container the worker may well be root. Without capabilities root is somebody who owns many files.
#[cfg(target_os = "linux")]
fn drop_capabilities() -> bool {
    use rustix::thread::{CapabilitySet, CapabilitySets};
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
    .is_ok()
}
