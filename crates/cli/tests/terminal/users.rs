//! Two users of one machine: the other one gets nothing.

use std::{
    fs::{File, Permissions},
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::{
    process::{Gid, Uid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use serde_json::Value;

use crate::process::{Rpc, run};

/// Nobody's, by custom.
const OTHER: u32 = 65534;

/// What another user gets to see, asked on a thread that is that user.
fn as_other<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let (uid, gid) = (Uid::from_raw(OTHER), Gid::from_raw(OTHER));
            set_thread_groups(&[]).unwrap();
            set_thread_res_gid(gid, gid, gid).unwrap();
            set_thread_res_uid(uid, uid, uid).unwrap();
            work()
        });
        thread.join().unwrap()
    })
}

/// Whether somebody at the socket answers a request.
fn is_answered(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rooms\"}\n");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).is_ok_and(|read| read > 0)
}

#[test]
fn another_user_neither_reads_the_folder_nor_reaches_the_device() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can be two users");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    let mut alice = Rpc::start(home.path(), &["--name", "Alice"]);
    alice.ask("create_room", serde_json::json!({"name": "Garden"}));
    let data = home.path().join("data");
    let socket = data.join("socket");
    assert!(is_answered(&socket));

    as_other(|| {
        assert!(std::fs::read_dir(home.path()).is_ok() && std::fs::read_dir(&data).is_err());
        assert!(!is_answered(&socket));
        for name in ["identity.key", "lanline.db", "lock", "socket"] {
            assert!(File::open(data.join(name)).is_err(), "{name}");
        }
    });
    // Her program, run by the other, with her folder: nothing of hers is shown, and nothing is written.
    let program = home.path().join("lanline");
    std::fs::copy(env!("CARGO_BIN_EXE_lanline"), &program).unwrap();
    for args in [["status", "--json"].as_slice(), &["rooms"], &["chat"], &["send", "Garden", "x"], &["call", "status"]]
    {
        let mut command = Command::new(&program);
        command
            .args(args)
            .current_dir(home.path())
            .env("LANLINE_DATA_DIR", &data)
            .env("LANLINE_KEY_STORE", "file")
            .env("LANLINE_DISCOVERY", "off")
            .uid(OTHER)
            .gid(OTHER);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty() && said.contains("cannot be written") && said.lines().count() == 1, "{said}");
    }

    // Even where she opened her folder to others, what is in it is hers alone.
    std::fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let names: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
    as_other(|| {
        assert!(!is_answered(&socket));
        for path in names.iter().filter(|path| path.extension().is_some_and(|kind| kind == "key" || kind == "db")) {
            assert!(File::open(path).is_err(), "{}", path.display());
        }
    });
    // And even where she opened the socket, who connects is looked at.
    std::fs::set_permissions(&socket, Permissions::from_mode(0o777)).unwrap();
    as_other(|| assert!(!is_answered(&socket)));
    assert!(is_answered(&socket));
    let rooms: Value = serde_json::from_slice(&run(home.path(), &["rooms", "--json"]).stdout).unwrap();
    assert_eq!(rooms[0]["name"], "Garden");
}
