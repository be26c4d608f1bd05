//! What cannot start says why in one sentence and exits with 2.

use std::process::Stdio;

use crate::process::{Rpc, assert_failed, lanline, run};

#[test]
fn a_bad_setting_is_named() {
    let home = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("LANLINE_PORT", "http"),
        ("LANLINE_PORT", "65536"),
        ("LANLINE_LISTEN", "everywhere"),
        ("LANLINE_NAME", " "),
        ("LANLINE_LOG", "loud"),
    ] {
        for subcommand in [["rpc"].as_slice(), &["serve"], &["call", "status"]] {
            let output = lanline(home.path(), subcommand).env(name, value).stdin(Stdio::null()).output().unwrap();
            assert_failed(&output, 2, &[name, "must be"]);
        }
    }
    for args in [["rpc", "--port", "x"], ["serve", "--port", "-1"], ["rpc", "--port", "65536"], ["rpc", "--name", " "]]
    {
        assert_failed(&run(home.path(), &args), 2, &[args[1], "must be"]);
    }
    for args in [["dance"].as_slice(), &["rpc", "--colour"], &["call"], &["rpc", "status"]] {
        assert_failed(&run(home.path(), args), 2, &["lanline --help"]);
    }
}

#[cfg(unix)]
#[test]
fn text_that_is_not_utf_8_is_no_setting() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let home = tempfile::tempdir().unwrap();
    let raw = OsStr::from_bytes(b"\xff\xfe");
    for name in ["LANLINE_PORT", "LANLINE_NAME", "LANLINE_LISTEN", "LANLINE_LOG"] {
        let output = lanline(home.path(), &["rpc"]).env(name, raw).stdin(Stdio::null()).output().unwrap();
        assert_failed(&output, 2, &[name]);
    }
    let output = lanline(home.path(), &["rpc", "--name"]).arg(raw).stdin(Stdio::null()).output().unwrap();
    assert_failed(&output, 2, &[]);
}

#[test]
fn dot_env_is_read_from_here_alone_and_outranked_by_the_environment_and_by_flags() {
    let home = tempfile::tempdir().unwrap();
    let below = home.path().join("below");
    std::fs::create_dir(&below).unwrap();
    std::fs::write(home.path().join(".env"), "LANLINE_NAME=\"from a file\"\n").unwrap();
    let name = |mut command: std::process::Command| {
        let output = command.output().unwrap();
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        status["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(name(lanline(home.path(), &["call", "status"])), "from a file");
    let mut from_below = lanline(home.path(), &["call", "status"]);
    // A folder of its own: a name that was set once is kept.
    from_below.current_dir(&below).env("LANLINE_DATA_DIR", &below);
    assert_eq!(name(from_below), "");
    let mut with_variable = lanline(home.path(), &["call", "status"]);
    with_variable.env("LANLINE_NAME", "from the environment");
    assert_eq!(name(with_variable), "from the environment");
    let mut with_flag = lanline(home.path(), &["call", "--name", "from a flag", "status"]);
    with_flag.env("LANLINE_NAME", "from the environment");
    assert_eq!(name(with_flag), "from a flag");
    // As another program's file may be, and as an editor on Windows writes it.
    std::fs::write(home.path().join(".env"), "\u{feff}LANLINE_NAME=Zoe\r\nFOO=bar baz\r\nBAR=\"open\r\n").unwrap();
    assert_eq!(name(lanline(home.path(), &["call", "status"])), "Zoe");
    std::fs::write(home.path().join(".env"), "LANLINE NAME\n").unwrap();
    assert_failed(&run(home.path(), &["rpc"]), 2, &[".env"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("data");
    for folder in [file.to_str().unwrap(), below.to_str().unwrap()] {
        for args in [
            ["rpc", "--data-dir", folder].as_slice(),
            &["serve", "--data-dir", folder],
            &["call", "--data-dir", folder, "status"],
        ] {
            assert_failed(&run(home.path(), args), 2, &[folder, "--data-dir"]);
        }
    }
}

#[test]
fn a_second_process_is_told_that_the_folder_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Rpc::start(home.path(), &[]);
    first.ask("status", serde_json::Value::Null);
    for subcommand in ["rpc", "serve"] {
        assert_failed(&run(home.path(), &[subcommand]), 2, &["Another Lanline", "data"]);
    }
    // The lock dies with the process, however it ends.
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let mut next = Rpc::start(home.path(), &[]);
    next.ask("status", serde_json::Value::Null);
}

#[cfg(unix)]
#[test]
fn a_key_that_is_damaged_or_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    assert!(run(home.path(), &["rpc"]).status.success());
    let key = home.path().join("data").join("identity.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_failed(&run(home.path(), &["rpc"]), 2, &["identity.key", "chmod 600"]);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&key, "short").unwrap();
    assert_failed(&run(home.path(), &["rpc"]), 2, &["identity.key", "damaged"]);
}
