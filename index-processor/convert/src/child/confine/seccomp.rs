//! Which system calls are left.

mod allowed;
mod denied;

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::protocol::Profile;

/// System calls, each with the arguments that the rule is for; no condition means any.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Puts the filter of the profile in force, for this thread and all that it starts. Returns whether it is.
pub(super) fn filter(profile: Profile) -> bool {
    try_filter(profile).is_ok()
}

fn try_filter(profile: Profile) -> Result<(), seccompiler::Error> {
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let (rules, otherwise, on_match) = match profile {
        Profile::Parser => (allowed::rules()?, denied, SeccompAction::Allow),
        Profile::Tools => (denied::rules()?, SeccompAction::Allow, denied),
    };
    // The flags of `clone3` are in memory, where a filter cannot look. Told that there is none, the C library uses `clone`. And
    // a parser that does not learn how many processors there are does not start a thread for each; the C library, which asks
    // too before it looks for the end of a stack, takes no answer but this one.
    let calls: &[i64] = match profile {
        Profile::Parser => &[libc::SYS_clone3, libc::SYS_sched_getaffinity],
        Profile::Tools => &[libc::SYS_clone3],
    };
    let unknown = program(
        calls.iter().map(|call| (*call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
    )?;
    let of_profile = program(rules, otherwise, on_match)?;
    // In this order: the second one of the parsers lets nobody add a filter.
    seccompiler::apply_filter(&unknown)?;
    seccompiler::apply_filter(&of_profile)
}

fn program(
    rules: Rules,
    otherwise: SeccompAction,
    on_match: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, otherwise, on_match, arch)?.try_into()
}

/// The rule for calls whose arguments at these places compare with these values.
fn when(arguments: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let conditions = arguments.iter().map(|(index, operator, value)| {
        SeccompCondition::new(*index, SeccompCmpArgLen::Qword, operator.clone(), *value)
    });
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}
