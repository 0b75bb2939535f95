//! What parsers need: memory, threads, time, randomness, and the pipes that are open already.

use seccompiler::BackendError;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};

use super::{Rules, when};

const ANY: &[i64] = &[
    // The pipes.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_ppoll,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads.
    libc::SYS_futex,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_sched_yield,
    libc::SYS_membarrier,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    // Signals, for stack overflows.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time, where the vDSO does not tell it, and use of resources.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_getcpu,
    libc::SYS_getrandom,
];

pub(super) fn rules() -> Result<Rules, BackendError> {
    let mut rules: Rules = ANY.iter().map(|call| (*call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_poll, Vec::new());
    // Answered by the filter beside this one.
    rules.insert(libc::SYS_clone3, Vec::new());
    rules.insert(libc::SYS_sched_getaffinity, Vec::new());
    // Threads are not processes.
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    rules.insert(libc::SYS_clone, vec![when(&[(0, MaskedEq(thread), thread)])?]);
    // No memory becomes code.
    let executable = libc::PROT_EXEC.unsigned_abs().into();
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![when(&[(2, MaskedEq(executable), 0)])?]);
    }
    // Its own signals: to abort, and to take along what it started.
    let own = u64::from(std::process::id());
    let kill = libc::SIGKILL.unsigned_abs().into();
    rules.insert(libc::SYS_tgkill, vec![when(&[(0, Eq, own)])?]);
    rules.insert(libc::SYS_kill, vec![when(&[(0, Eq, 0), (1, Eq, kill)])?]);
    // Limits may be read, and its own on processor time set, for every document anew.
    let cpu = u64::from(libc::RLIMIT_CPU);
    rules.insert(
        libc::SYS_prlimit64,
        vec![
            when(&[(0, Eq, 0), (2, Eq, 0)])?,
            when(&[(0, Eq, 0), (1, Eq, cpu)])?,
        ],
    );
    // Names of threads; whether a file is open, which debug builds ask before they close it.
    let set_name = libc::PR_SET_NAME.unsigned_abs().into();
    rules.insert(libc::SYS_prctl, vec![when(&[(0, Eq, set_name)])?]);
    let is_open = libc::F_GETFD.unsigned_abs().into();
    rules.insert(libc::SYS_fcntl, vec![when(&[(1, Eq, is_open)])?]);
    Ok(rules)
}
