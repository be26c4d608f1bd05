//! Where it was measured.

use std::path::Path;
use std::process::Command;

use crate::disk;

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once([':', '='])?.1.trim().trim_matches('"').to_owned())
}

/// In one sentence: processors, memory, system, disk.
pub(crate) fn describe(work: &Path) -> String {
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = field(&read("/proc/cpuinfo"), "model name").unwrap_or_default();
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kib = memory.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    let system = field(&read("/etc/os-release"), "PRETTY_NAME").unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cpus} processors ({model}), {} GiB, {system}, Linux {}, a virtual machine's disk {}",
        kib / (1024 * 1024),
        kernel.trim(),
        disk::device(work),
    )
}

/// The load of the last minute, which is also what others do on this machine.
pub(crate) fn load() -> f64 {
    read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// What a program says that it is.
pub(crate) fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
