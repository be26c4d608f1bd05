//! A network namespace: what one machine sees of the network.

use std::{
    fs::File,
    io::Write,
    os::fd::AsFd,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// What the names of all of them begin with; the maker's process follows.
const PREFIX: &str = "lanline-net-";

/// Where `ip netns` keeps them.
const FOLDER: &str = "/run/netns";

/// Gone when dropped, with all that is in it, once no process is there any more.
#[derive(Debug)]
pub(crate) struct Namespace(String);

impl Namespace {
    /// A new one, with loopback and nothing else.
    pub(crate) fn new(name: &str) -> Self {
        let namespace = Self(fresh(name));
        run("ip", &["netns", "add", &namespace.0]);
        // An address is good at once: nobody else has it.
        namespace.inside(|| {
            for kind in ["default", "all"] {
                std::fs::write(format!("/proc/sys/net/ipv6/conf/{kind}/accept_dad"), "0").unwrap();
                // As systemd has it: a second address of a network stays when the first goes.
                std::fs::write(format!("/proc/sys/net/ipv4/conf/{kind}/promote_secondaries"), "1").unwrap();
            }
        });
        namespace.ip(&["link set lo up".to_owned()]);
        namespace
    }

    /// Its name for `ip`.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Has `ip` do these here, one after the other.
    #[track_caller]
    pub(crate) fn ip(&self, commands: &[String]) {
        feed(Command::new("ip").args(["-n", &self.0, "-batch", "-"]), &commands.join("\n"));
    }

    /// What `ip` prints of this namespace.
    #[track_caller]
    pub(crate) fn ask_ip(&self, words: &[&str]) -> String {
        run("ip", &[&["-n", &self.0], words].concat())
    }

    /// Has `nft` take these rules here.
    #[track_caller]
    pub(crate) fn nft(&self, rules: &str) {
        feed(self.command("nft").args(["-f", "-"]), rules);
    }

    /// Passes on packets that are for others.
    pub(super) fn forward(&self) {
        self.inside(|| {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
        });
    }

    /// A program that runs here.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }

    /// Does something here, on a thread of its own: the sockets that it makes stay here.
    #[track_caller]
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(Path::new(FOLDER).join(&self.0)).unwrap();
        std::thread::scope(|scope| {
            let working = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            working.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes the namespaces of processes that are no more.
pub(super) fn sweep() {
    let Ok(entries) = std::fs::read_dir(FOLDER) else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker).exists()) {
            remove(&name);
        }
    }
}

/// Whether this user may make one; the error says what is needed.
pub(super) fn are_allowed() -> Result<(), String> {
    let name = fresh("allowed");
    let made = Command::new("ip").args(["netns", "add", &name]).output();
    remove(&name);
    match made {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("root, to make namespaces ({})", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("`ip` ({error})")),
    }
}

/// A name that no other has.
fn fresh(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{PREFIX}{}-{}-{name}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Whether a program is on the path, or where the system keeps the administrator's own.
pub(super) fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|folder| folder.join(name).is_file())
}

fn remove(name: &str) {
    let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
}

/// Runs it to its end, and gives what it printed.
#[track_caller]
pub(super) fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    let line = || format!("{program} {}", words.join(" "));
    assert!(output.status.success(), "`{}` failed: {}", line(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it to its end with this as its input.
#[track_caller]
fn feed(command: &mut Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?} failed: {}\n{input}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_a_run_left_behind_that_was_killed_is_gone_with_the_next() {
    if crate::story::lab("what a run left behind").is_none() {
        return;
    }
    let mut run = Command::new("true").spawn().unwrap();
    run.wait().unwrap();
    let (left, own) = (format!("{PREFIX}{}-0-alice", run.id()), Namespace::new("alice"));
    self::run("ip", &["netns", "add", &left]);
    sweep();
    assert!(!Path::new(FOLDER).join(left).exists() && Path::new(FOLDER).join(own.name()).exists());
}
