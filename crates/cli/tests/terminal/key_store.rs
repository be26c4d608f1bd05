//! The key in a real key store: GNOME's, on a bus of the test's own.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{
    process::{assert_failed, lanline},
    secrets::assert_absent,
};

/// Starts a key store that a password opened, and runs what follows beside it.
const OPEN: &str = r#"
printf 'a password' | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1 || exit 97
"$@"
"#;

/// The same with the key store that is there locked, and no screen to ask for the password on.
const LOCKED: &str = r#"
gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1 || exit 97
"$@"
"#;

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A home of somebody who may have a key store.
struct Home(tempfile::TempDir);

impl Home {
    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// `lanline` for which this machine's own bus and key store are not there.
    fn lanline(&self, args: &[&str]) -> Command {
        let mut command = lanline(self.0.path(), args);
        command.env("HOME", self.0.path()).env("XDG_RUNTIME_DIR", self.0.path()).env_remove("DISPLAY");
        command.env_remove("XDG_DATA_HOME").env_remove("WAYLAND_DISPLAY").env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.env("LANLINE_KEY_STORE", "system").stdin(Stdio::null());
        command
    }

    fn without_store(&self, args: &[&str]) -> Output {
        self.lanline(args).output().unwrap()
    }

    /// The same on a bus with an open key store, whose own files are in this home.
    fn with_store(&self, args: &[&str], choice: &str) -> Output {
        self.in_session(OPEN, args, choice)
    }

    fn in_session(&self, session: &str, args: &[&str], choice: &str) -> Output {
        let inner = self.lanline(args);
        let mut command = Command::new("dbus-run-session");
        command.args(["--", "sh", "-c", session, "sh"]).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .env("LANLINE_KEY_STORE", choice)
            .env("LANLINE_LOG", "trace")
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        assert_ne!(output.status.code(), Some(97), "the key store does not start: {output:?}");
        output
    }
}

#[track_caller]
fn status(output: &Output) -> (String, String) {
    assert!(output.status.success(), "{output:?}");
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |name: &str| status[name].as_str().unwrap().to_owned();
    (text("device_id"), text("key_at"))
}

fn holds(folder: &Path, secret: &[u8]) -> bool {
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.into_iter().any(|path| std::fs::read(path).unwrap().windows(secret.len()).any(|part| part == secret))
}

#[test]
fn the_key_moves_into_the_store_stays_there_and_comes_back() {
    if !["dbus-run-session", "gnome-keyring-daemon"].into_iter().all(is_there) {
        // Not with `eprintln!`, which the test harness swallows.
        let _ = writeln!(std::io::stderr(), "skipped: needs dbus-run-session and gnome-keyring-daemon");
        return;
    }
    let home = Home(tempfile::tempdir().unwrap());
    let key = home.data().join("identity.key");

    // Where there is no store, it is in its file.
    let (id, place) = status(&home.without_store(&["status", "--json"]));
    assert_eq!(place, "file");
    let seed = std::fs::read(&key).unwrap();
    assert_eq!(seed.len(), 32);

    // Once there is one, it is there, and nowhere in the folder.
    for _ in 0..2 {
        let output = home.with_store(&["status", "--json"], "system");
        assert_eq!(status(&output), (id.clone(), "key_store".to_owned()));
        assert!(!holds(&home.data(), &seed));
        assert_absent(&output.stderr, &seed, "a log");
    }
    let note = std::fs::read(&key).unwrap();

    // Without the store there is no device, rather than another one.
    for args in [["status"].as_slice(), &["rpc"], &["serve"]] {
        assert_failed(&home.without_store(args), 2, &["key store", "desktop session"]);
        assert_eq!(std::fs::read(&key).unwrap(), note);
    }
    let locked = home.in_session(LOCKED, &["status"], "system");
    let said = String::from_utf8_lossy(&locked.stderr).into_owned();
    assert!(locked.status.code() == Some(2) && said.contains("unlocked"), "{said}");
    assert_eq!(std::fs::read(&key).unwrap(), note);
    let said = home.with_store(&["status"], "system");
    assert!(String::from_utf8_lossy(&said.stdout).contains("in the system's key store"), "{said:?}");

    // A new device never has it on the disk at all, and does not touch the other's.
    let mut other = home.with_store(&["status", "--json", "--data-dir", "other"], "system");
    let (other_id, place) = status(&other);
    assert!(other_id != id && place == "key_store");
    assert!(std::fs::read(home.0.path().join("other/identity.key")).unwrap().len() > 32);
    other = home.with_store(&["status", "--json"], "system");
    assert_eq!(status(&other).0, id);

    // The setting takes it back.
    assert_eq!(status(&home.with_store(&["status", "--json"], "file")), (id.clone(), "file".to_owned()));
    assert_eq!(std::fs::read(&key).unwrap(), seed);
    assert_eq!(status(&home.without_store(&["status", "--json"])), (id, "file".to_owned()));
}

#[test]
fn a_bus_that_says_nothing_holds_nobody_up_for_long() {
    let home = Home(tempfile::tempdir().unwrap());
    let socket = home.0.path().join("bus");
    // Whoever connects is in its queue, and never hears anything.
    let _bus = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let begun = std::time::Instant::now();
    let mut command = home.lanline(&["status", "--json"]);
    command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", socket.display()));
    assert_eq!(status(&command.output().unwrap()).1, "file");
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}
