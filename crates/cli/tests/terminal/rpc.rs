//! JSON-RPC over the real process's streams.

use std::time::{Duration, Instant};

use lanline_engine::api::COMMANDS;
use serde_json::{Value, json};

use crate::process::Rpc;

#[test]
fn it_has_every_command_of_the_table() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Rpc::start(home.path(), &[]);
    for name in COMMANDS {
        let answer = alice.ask(name, json!({"not_an_argument": 1}));
        assert_eq!(answer["error"]["code"], -32602, "{name} is missing: {answer}");
    }
    assert_eq!(alice.ask("no_such_command", Value::Null)["error"]["code"], -32601);
}

#[test]
fn status_says_who_this_is() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Rpc::start(home.path(), &["--name", "Alice", "--port", "0", "--no-discovery"]);
    let status = alice.ask("status", Value::Null)["result"].take();
    assert_eq!(status["name"], "Alice");
    assert_eq!(status["device_id"].as_str().unwrap().len(), 63);
    assert!(!status["default_name"].as_str().unwrap().is_empty());
    assert_eq!(status["server"], json!({"running": false, "addresses": []}));
    assert_eq!(status["store"], json!({"state": "ok"}));
    let (ended, rest, said) = alice.end();
    assert!(ended.success());
    assert_eq!((rest, said.as_str()), (vec![], ""));
    let mut again = Rpc::start(home.path(), &[]);
    assert_eq!(again.ask("status", Value::Null)["result"]["device_id"], status["device_id"]);
}

#[test]
fn nothing_that_is_read_ends_it() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Rpc::start(home.path(), &[]);
    let huge = vec![b'x'; 3 << 20];
    let mut noise = vec![0; 100_000];
    let mut state = 1_u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    let deep = "[".repeat(100_000);
    let lines: [&[u8]; 7] = [b"\xff", b"{}", b"[]", b"\"\"", &huge, &noise, deep.as_bytes()];
    for line in lines {
        alice.write(line);
        alice.write(b"\n");
        assert_eq!(alice.ask("rooms", Value::Null)["result"], json!([]));
    }
    let (ended, _, said) = alice.end();
    assert!(ended.success());
    assert_eq!(said, "");
}

#[test]
fn at_the_end_of_input_it_answers_what_it_read_and_ends() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Rpc::start(home.path(), &[]);
    for id in 0..5000 {
        alice.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"status\"}}\n").as_bytes());
    }
    // No line end: it counts all the same.
    alice.write(br#"{"jsonrpc":"2.0","id":5000,"method":"status"}"#);
    let (ended, answers, said) = alice.end();
    assert!(ended.success(), "{said}");
    let mut ids: Vec<u64> = answers.iter().filter_map(|answer| answer["id"].as_u64()).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..=5000));
}

#[test]
fn at_the_end_of_input_it_ends_even_if_nobody_reads_its_output() {
    use std::io::Write;
    let home = tempfile::tempdir().unwrap();
    let mut child = crate::process::lanline(home.path(), &["rpc"]).spawn().unwrap();
    let mut requests = child.stdin.take().unwrap();
    // As much as fits: it stops reading when its answers are not taken.
    let writer = std::thread::spawn(move || {
        for _ in 0..1000 {
            if requests.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n").is_err() {
                break;
            }
        }
    });
    writer.join().unwrap();
    let since = Instant::now();
    assert!(crate::process::ended(&mut child).success());
    // What api.md promises is 5 s; the rest is for a machine that is busy with other tests.
    assert!(since.elapsed() < Duration::from_secs(15));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_cleanly() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let home = tempfile::tempdir().unwrap();
        let mut alice = Rpc::start(home.path(), &[]);
        alice.ask("status", Value::Null);
        kill_process(Pid::from_child(&alice.child), signal).unwrap();
        assert!(crate::process::ended(&mut alice.child).success());
        assert!(!home.path().join("data").join("socket").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_it_at_once() {
    use rustix::process::{Pid, Signal, kill_process};
    let home = tempfile::tempdir().unwrap();
    let mut child = crate::process::lanline(home.path(), &["rpc"]).spawn().unwrap();
    // Its answers are not read, so that it waits for a while before it gives up on them.
    let mut requests = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        for _ in 0..100_000 {
            if requests.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n").is_err() {
                break;
            }
        }
    });
    // All but the first: now it hears signals.
    let mut answers = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut answers, &mut String::new()).unwrap();
    let deadline = Instant::now() + crate::process::SOON;
    // As often as it takes: two that come together count as one.
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(1));
    writer.join().unwrap();
}
