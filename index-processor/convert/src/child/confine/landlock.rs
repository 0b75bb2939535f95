//! Landlock: which files can be opened, and no network. The kernel offers it since 5.13, more of it later.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::super::Setup;
use crate::protocol::{Profile, Strength};

/// The newest that the policy was written for.
const VERSION: ABI = ABI::V7;

/// Devices that programs expect to be there.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/// Restricts this process; what the kernel does not know is left out.
pub(super) fn restrict(setup: &Setup) -> Strength {
    match try_restrict(setup) {
        Ok(RulesetStatus::FullyEnforced) => Strength::Full,
        Ok(RulesetStatus::PartiallyEnforced) => Strength::Partial,
        Ok(RulesetStatus::NotEnforced) | Err(_) => Strength::None,
    }
}

fn try_restrict(setup: &Setup) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(Scope::from_all(VERSION))?
        .create()?;
    let ruleset = match setup.profile {
        Profile::Parser => ruleset,
        Profile::Tools => {
            let read = AccessFs::from_read(VERSION);
            let read_and_write = AccessFs::WriteFile | AccessFs::ReadFile;
            ruleset
                .add_rules(path_beneath_rules(&setup.readable, read))?
                .add_rules(path_beneath_rules(DEVICES, read_and_write))?
                .add_rules(path_beneath_rules(&setup.temp_dir, in_temp_dir()))?
        }
    };
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Everything but to run what was written there, and devices.
fn in_temp_dir() -> BitFlags<AccessFs> {
    let never = AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock;
    AccessFs::from_all(VERSION) & !never
}
