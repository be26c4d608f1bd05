//! What is cut short is said, and is no success.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Write},
    process::{Child, Stdio},
};

use crate::{
    people::{alice, texts},
    process::{assert_failed, ended, lanline, run},
};
use rustix::process::{Pid, Signal, kill_process};

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_line_that_a_chat_did_not_send() {
    let home = alice();
    let mut child = lanline(home.path(), &["chat", "--port", "0"]).spawn().unwrap();
    let lines = format!("good\n{}\nbetter\n", "x".repeat(20_000));
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "One line was not sent.\n");
    assert_eq!(texts(home.path()), ["good", "better"]);
}

#[test]
fn lines_that_a_signal_kept_from_being_read() {
    let home = alice();
    let mut child = lanline(home.path(), &["send", "garden"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"good\n").unwrap();
    while texts(home.path()).is_empty() {}
    signal(&child, Signal::TERM);
    assert_eq!(ended(&mut child).code(), Some(1));
    assert_failed(&child.wait_with_output().unwrap(), 1, &["ended before its input did"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_a_full_disk_did_not_take() {
    let home = alice();
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    for arguments in [&["messages", "garden", "--json"][..], &["status"], &["call", "status"]] {
        let output = lanline(home.path(), arguments).stdout(full()).spawn().unwrap().wait_with_output().unwrap();
        assert_failed(&output, 1, &["Not all could be written to standard output"]);
    }
    // What is only a remark is no failure, and no panic.
    let mut child = lanline(home.path(), &["send", "garden", "kept"]).stderr(full()).spawn().unwrap();
    assert!(ended(&mut child).success());
    assert_eq!(texts(home.path()), ["kept"]);
}

#[test]
fn a_command_to_a_process_that_was_stopped() {
    let home = alice();
    let mut command = lanline(home.path(), &["serve", "--port", "0"]);
    let mut serve = command.env("LANLINE_LISTEN", "127.0.0.1").spawn().unwrap();
    let mut listening = String::new();
    BufReader::new(serve.stdout.take().unwrap()).read_line(&mut listening).unwrap();
    signal(&serve, Signal::STOP);
    assert_failed(&run(home.path(), &["rooms"]), 2, &["does not answer", "Ctrl-Z"]);
    signal(&serve, Signal::CONT);
    assert!(run(home.path(), &["rooms"]).status.success());
    signal(&serve, Signal::TERM);
    assert!(ended(&mut serve).success());
}
