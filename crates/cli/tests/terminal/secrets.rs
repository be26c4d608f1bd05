//! Secrets are where they are meant to be, and nowhere else: real processes with known secrets, logging all they can, and
//! every form that a secret may be written in is looked for in all that they say and keep.

use std::{
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Output,
};

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use serde_json::{Value, json};

use crate::process::{Rpc, ended, lanline};

const PASSPHRASE: &str = "canary-Kohlmeise-Zilpzalp-4711";

/// A seed in which every byte is another.
fn seed(first: u8) -> Vec<u8> {
    (0..32).map(|n| first.wrapping_add(n * 7)).collect()
}

/// The ways in which it may be written, in whole.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let list = |between: &str| secret.iter().map(u8::to_string).collect::<Vec<_>>().join(between).into_bytes();
    let mut forms = vec![secret.to_vec(), list(","), list(", "), list(" "), list(",\n    ")];
    for encoding in [BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER] {
        forms.push(encoding.encode(secret).into_bytes());
    }
    forms.push(BASE32_NOPAD.encode(secret).to_lowercase().into_bytes());
    // Within something longer in base64, its bytes may stand at each of three places.
    for skipped in 1..3 {
        let inner = BASE64_NOPAD.encode(&secret[skipped..skipped + 27]);
        forms.push(inner.into_bytes());
    }
    forms
}

#[track_caller]
pub(crate) fn assert_absent(within: &[u8], secret: &[u8], place: &str) {
    for form in forms(secret) {
        let found = within.windows(form.len()).position(|part| part == form);
        assert_eq!(found, None, "{place} holds {:?}", String::from_utf8_lossy(&form));
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).filter(|path| path.is_file()).collect()
}

/// A home whose device has this key.
fn home(seed: &[u8]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).unwrap();
    let mut file = std::fs::File::options();
    let mut file = file.write(true).create_new(true).mode(0o600).open(data.join("identity.key")).unwrap();
    file.write_all(seed).unwrap();
    home
}

/// Runs it to its end with all that it can log; gives what it said.
fn run(home: &Path, args: &[&str], input: &str) -> Output {
    let mut command = lanline(home, args);
    command.env("LANLINE_LOG", "trace").env("RUST_BACKTRACE", "full").env("LANLINE_LISTEN", "127.0.0.1");
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    output
}

#[test]
fn no_secret_is_in_what_is_said_logged_or_kept() {
    let seeds = [seed(3), seed(101)];
    let homes = seeds.each_ref().map(|seed| home(seed));
    let (alice, bob) = (homes[0].path(), homes[1].path());
    let carol = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    let mut logged = Vec::new();

    let mut command = lanline(alice, &["rpc", "--name", "Alice", "--port", "0"]);
    command.env("LANLINE_LOG", "trace").env("RUST_BACKTRACE", "full").env("LANLINE_LISTEN", "127.0.0.1");
    let mut rpc = Rpc::spawn(command);
    let ask = |rpc: &mut Rpc, method: &str, params: Value| {
        let answer = rpc.ask(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    };
    let listening = ask(&mut rpc, "start_server", json!({}));
    let address = listening["addresses"][0].as_str().unwrap().to_owned();
    let room = ask(&mut rpc, "create_room", json!({"name": "Garden"}))["room"].clone();
    let invited = ask(&mut rpc, "invite", json!({"room": room, "uses": 3}));
    let (link, code) = (invited["link"].as_str().unwrap(), invited["code"].as_str().unwrap());
    said.push(run(bob, &["join", link, "--name", "Bob"], ""));
    // Another code, since one that was shown is for one device.
    let shown = ask(&mut rpc, "show_code", json!({"link": link}))["code"].as_str().unwrap().to_owned();
    said.push(run(carol.path(), &["join", &address, &shown, "--name", "Carol"], ""));
    said.push(run(bob, &["send", "Garden", "hello"], ""));
    said.push(run(bob, &["status"], ""));
    let export = alice.join("alice.export");
    ask(&mut rpc, "export_identity", json!({"path": export, "passphrase": PASSPHRASE}));
    let imported = tempfile::tempdir().unwrap();
    said.push(run(imported.path(), &["import", export.to_str().unwrap()], &format!("{PASSPHRASE}\n")));
    let wrong = format!("{PASSPHRASE}x");
    let mut refused = lanline(imported.path(), &["import", export.to_str().unwrap()]);
    let mut refused = refused.env("LANLINE_LOG", "trace").spawn().unwrap();
    refused.stdin.take().unwrap().write_all(wrong.as_bytes()).unwrap();
    said.push(refused.wait_with_output().unwrap());
    said.push(run(bob, &["export", "bob.export", "--passphrase-file", "-"], PASSPHRASE));

    // It dies as a program does that the system ends for a fault.
    let process = rustix::process::Pid::from_child(&rpc.child);
    rustix::process::kill_process(process, rustix::process::Signal::ABORT).unwrap();
    ended(&mut rpc.child);
    let (_, lines, complaints) = rpc.end();
    assert!(complaints.contains("TRACE") || complaints.contains("DEBUG"), "it logs: {complaints}");
    logged.push(complaints.into_bytes());
    logged.push(lines.iter().map(Value::to_string).collect::<String>().into_bytes());
    logged.extend(said.iter().map(|output| output.stderr.clone()));

    for seed in &seeds {
        for output in &said {
            assert_absent(&output.stdout, seed, "standard output");
        }
        for log in &logged {
            assert_absent(log, seed, "a log");
        }
    }
    for log in &logged {
        let log = String::from_utf8_lossy(log);
        for secret in [PASSPHRASE, link, &link.to_uppercase(), code, &shown] {
            assert!(!log.contains(secret), "{secret} is in a log: {log}");
        }
    }
    // What is on the disk: the key in its own file, and nowhere else; an import's is the one that was exported.
    let mut held = 0;
    for folder in [alice, bob, carol.path(), imported.path()] {
        for path in files(folder) {
            let content = std::fs::read(&path).unwrap();
            assert!(!content.windows(PASSPHRASE.len()).any(|part| part == PASSPHRASE.as_bytes()), "{}", path.display());
            for seed in &seeds {
                if path.ends_with("data/identity.key") {
                    held += usize::from(content == *seed);
                } else {
                    assert_absent(&content, seed, &path.display().to_string());
                }
            }
        }
    }
    assert_eq!(held, 3, "those of Alice, of Bob, and of Alice again");
}
