//! How many children there are, and what each may take.

use std::path::PathBuf;
use std::time::Duration;

/// How many children there are, and what each may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSettings {
    /// The program that is started as child, which calls [`run_if_asked`](crate::child::run_if_asked); `None` means this one.
    pub executable: Option<PathBuf>,
    /// Most children that convert with parsers of this program.
    pub parsers: usize,
    /// Most children that run other programs.
    pub tools: usize,
    /// Memory of a conversion in bytes, beside what the program takes by itself. Each program that it runs may take as much.
    pub memory_bytes: u64,
    /// Longest conversion of an empty file.
    pub wall: Duration,
    /// What each MiB of the file adds to it.
    pub wall_per_mib: Duration,
    /// Processor time of an empty file.
    pub cpu: Duration,
    /// What each MiB of the file adds to it.
    pub cpu_per_mib: Duration,
    /// Longest Markdown or largest image that is taken from a child, in bytes.
    pub max_output_bytes: u64,
    /// Largest file that the programs of a conversion may write, in bytes.
    pub max_file_bytes: u64,
    /// Documents after which a child is replaced.
    pub recycle_after: u32,
    /// Percentage of the memory that a child may hold on to between documents; one that has more is replaced.
    pub recycle_above_percent: u8,
    /// Longest start of a child.
    pub start_timeout: Duration,
    /// Where children that run programs get a directory each; `None` means the system's directory for temporary files.
    pub temp_dir: Option<PathBuf>,
    /// What children that run programs may read and run, beside their own directory.
    pub tools_readable: Vec<PathBuf>,
    /// The environment of children that run programs; those that only parse have none.
    pub tools_environment: Vec<(String, String)>,
}

/// Where systems keep programs, libraries, fonts and language data. Of `/etc` only what loading a program takes, since
/// settings with secrets are there too.
const READABLE: [&str; 15] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/sys/devices/system/cpu",
];

/// One document has one core, so `tesseract` is told not to start a thread for each.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"),
    ("LC_ALL", "C.UTF-8"),
    ("OMP_THREAD_LIMIT", "1"),
];

impl Default for SandboxSettings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            executable: None,
            parsers: cores,
            tools: cores,
            memory_bytes: 1 << 30,
            wall: Duration::from_secs(60),
            wall_per_mib: Duration::from_secs(2),
            cpu: Duration::from_secs(60),
            cpu_per_mib: Duration::from_secs(2),
            max_output_bytes: 64 << 20,
            max_file_bytes: 1 << 30,
            recycle_after: 500,
            recycle_above_percent: 50,
            start_timeout: Duration::from_secs(30),
            temp_dir: None,
            tools_readable: READABLE.map(PathBuf::from).to_vec(),
            tools_environment: ENVIRONMENT
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        }
    }
}

impl SandboxSettings {
    /// Longest conversion of a file of `bytes`.
    #[must_use]
    pub fn wall_of(&self, bytes: usize) -> Duration {
        scaled(self.wall, self.wall_per_mib, bytes)
    }

    /// Processor time of a file of `bytes`.
    #[must_use]
    pub fn cpu_of(&self, bytes: usize) -> Duration {
        scaled(self.cpu, self.cpu_per_mib, bytes)
    }
}

fn scaled(base: Duration, per_mib: Duration, bytes: usize) -> Duration {
    let mib = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
    base.saturating_add(per_mib.saturating_mul(mib))
}
