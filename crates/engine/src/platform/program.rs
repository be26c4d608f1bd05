//! What other programs of the system say of its network.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// What is read of one answer, at most.
const ANSWER_MAX: u64 = 8 * 1024 * 1024;
/// How often it is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Where programs of the system are that are not for everybody's `PATH`.
#[cfg(unix)]
const FURTHER: &[&str] = &["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/libexec/ApplicationFirewall"];
/// Where programs of the system are that are not for everybody's `PATH`.
#[cfg(not(unix))]
const FURTHER: &[&str] = &[];

/// Why a program said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsaid {
    /// There is no such program.
    Absent,
    /// It does not tell this user.
    NotAllowed,
    /// It failed, or took too long.
    Failed,
}

/// Runs a program that only tells something, and gives what it said to standard output. In English, whatever the user
/// speaks. Blocks for as long as the limit says.
pub(crate) fn told_by(program: &str, arguments: &[&str], limit: Duration) -> Result<String, Unsaid> {
    let path = find(program).ok_or(Unsaid::Absent)?;
    let deadline = Instant::now() + limit;
    let mut command = Command::new(path);
    without_window(&mut command);
    let spawned = command
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Unsaid::NotAllowed,
        io::ErrorKind::NotFound => Unsaid::Absent,
        _ => Unsaid::Failed,
    })?;
    // What it says is read beside: it would wait for that before it ends.
    let (output, errors) = (child.stdout.take().map(read_beside), child.stderr.take().map(read_beside));
    let succeeded = wait(&mut child, deadline).ok_or(Unsaid::Failed)?;
    // Something else that it started may hold its output open, for as long as that runs.
    let left = || deadline.saturating_duration_since(Instant::now()).max(LOOK);
    let said = |beside: Option<mpsc::Receiver<Vec<u8>>>| beside.and_then(|beside| beside.recv_timeout(left()).ok());
    // Half an answer is none.
    let output = said(output).ok_or(Unsaid::Failed)?;
    let errors = said(errors).unwrap_or_default();
    if succeeded {
        return String::from_utf8(output).map_err(|_| Unsaid::Failed);
    }
    let complaint = String::from_utf8_lossy(&errors).to_lowercase() + &String::from_utf8_lossy(&output).to_lowercase();
    let refused =
        ["permission", "permitted", "root", "authoriz", "privilege"].iter().any(|word| complaint.contains(word));
    Err(if refused { Unsaid::NotAllowed } else { Unsaid::Failed })
}

fn read_beside(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (whole, read_whole) = mpsc::channel();
    std::thread::spawn(move || {
        let mut read = Vec::new();
        // Cut short where it says too much: then it is not understood.
        let _ = from.by_ref().take(ANSWER_MAX).read_to_end(&mut read);
        let _ = whole.send(read);
    });
    read_whole
}

/// Whether it succeeded; `None`: it did not end in time, and was ended.
fn wait(child: &mut Child, deadline: Instant) -> Option<bool> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

fn find(program: &str) -> Option<PathBuf> {
    if cfg!(windows) {
        // By its whole path: Windows looks first in the folder that this program is in, which others may write to.
        let root = PathBuf::from(std::env::var_os("SystemRoot")?);
        return Some(of_windows(&root, program)).filter(|path| path.is_absolute() && path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect::<Vec<_>>();
    folders.extend(FURTHER.iter().map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Where a program of Windows is.
fn of_windows(root: &Path, program: &str) -> PathBuf {
    let folder = root.join("System32");
    let folder = if program == "powershell" { folder.join("WindowsPowerShell").join("v1.0") } else { folder };
    folder.join(program).with_extension("exe")
}

/// An app without a console would have one shown for each program that it runs.
#[cfg(windows)]
fn without_window(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NO_WINDOW);
}

/// Elsewhere none is shown.
#[cfg(not(windows))]
fn without_window(_: &mut Command) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn a_program_is_read_and_one_that_does_not_end_is_ended() {
        assert_eq!(told_by("echo", &["two", "words"], LIMIT), Ok("two words\n".to_owned()));
        assert_eq!(told_by("false", &[], LIMIT), Err(Unsaid::Failed));
        assert_eq!(told_by("lanline-no-such-program", &[], LIMIT), Err(Unsaid::Absent));
        assert_eq!(told_by("sh", &["-c", "echo Operation not permitted >&2; exit 1"], LIMIT), Err(Unsaid::NotAllowed));
        let begun = Instant::now();
        assert_eq!(told_by("sleep", &["60"], Duration::from_millis(100)), Err(Unsaid::Failed));
        assert!(begun.elapsed() < LIMIT);
        // What it leaves behind holds its output open.
        let begun = Instant::now();
        assert_eq!(told_by("sh", &["-c", "echo said; sleep 5 &"], Duration::from_secs(1)), Err(Unsaid::Failed));
        assert!(begun.elapsed() < LIMIT);
        assert!(
            of_windows(Path::new("root"), "powershell").ends_with("System32/WindowsPowerShell/v1.0/powershell.exe")
        );
        // More than a pipe holds.
        let much = told_by("sh", &["-c", "head -c 300000 /dev/zero | tr '\\0' x"], LIMIT).unwrap();
        assert_eq!(much.len(), 300_000);
    }
}
