//! `lanline send`: through the process that runs and without one, words and the lines of standard input.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Output},
};

use serde_json::{Value, json};

use crate::{
    people::{alice, texts},
    process::{Rpc, SOON, ended, lanline, run},
};

/// Sends what is written to it.
fn pipe(home: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = lanline(home, args).spawn().unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn without_a_process_it_says_that_the_message_is_kept() {
    let home = alice();
    let output = run(home.path(), &["send", "garden", "on", "my", "way"]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(said(&output).contains("kept, and goes out when this device next runs"), "{}", said(&output));
    let output = pipe(home.path(), &["send", "garden"], b"one\r\n\n  two \nthree");
    assert!(output.status.success() && said(&output).contains("kept"), "{}", said(&output));
    assert_eq!(texts(home.path()), ["on my way", "one", "  two ", "three"]);
}

#[test]
fn with_one_it_goes_through_it_and_says_nothing() {
    let home = alice();
    let mut alice = Rpc::start(home.path(), &[]);
    alice.ask("status", Value::Null);
    for args in [["send", "garden", "hello"].as_slice(), &["send", "garden"], &["send", "garden", "-"]] {
        let output = pipe(home.path(), args, b"from a pipe\n");
        assert!(output.status.success());
        assert_eq!((output.stdout.len(), said(&output).as_str()), (0, ""));
    }
    assert_eq!(texts(home.path()), ["hello", "from a pipe", "from a pipe"]);
}

#[test]
fn each_line_is_answered_with_an_object_in_order() {
    let home = alice();
    let mut alice = Rpc::start(home.path(), &[]);
    alice.ask("status", Value::Null);
    let lines: Vec<String> = (0..400).map(|n| n.to_string()).collect();
    let output = pipe(home.path(), &["send", "garden", "--json"], lines.join("\n").as_bytes());
    let ids: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).unwrap()["id"].take())
        .collect();
    assert_eq!((ids.len(), texts(home.path())), (400, lines));
    let page = run(home.path(), &["messages", "Garden", "--json", "--limit", "400"]);
    let page: Value = serde_json::from_slice(&page.stdout).unwrap();
    assert!(page["messages"].as_array().unwrap().iter().map(|message| &message["id"]).eq(&ids));
}

/// Reads its answers one by one.
fn answers(child: &mut Child) -> std::sync::mpsc::Receiver<Value> {
    let (sender, answers) = std::sync::mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = sender.send(serde_json::from_str(&line).unwrap());
        }
    });
    answers
}

#[test]
fn a_line_is_sent_when_it_comes_and_not_when_the_input_ends() {
    let home = alice();
    let mut child = lanline(home.path(), &["send", "garden", "--json"]).spawn().unwrap();
    let (mut input, answers) = (child.stdin.take().unwrap(), answers(&mut child));
    for n in 0..3 {
        writeln!(input, "line {n}").unwrap();
        answers.recv_timeout(SOON).unwrap();
        // Meanwhile it is a whole device, which others reach.
        assert_eq!(texts(home.path()).len(), n + 1);
    }
    drop(input);
    assert!(ended(&mut child).success());
}

#[test]
fn a_line_that_cannot_be_sent_ends_it_and_is_named() {
    let home = alice();
    let long = "x".repeat(20_000);
    let longer = "x".repeat(200_000);
    for (bad, code, words) in
        [(long.as_bytes(), 2, "16384"), (longer.as_bytes(), 2, "65536"), (b"\xff\xfe".as_slice(), 2, "UTF-8")]
    {
        let output = pipe(home.path(), &["send", "garden"], &[b"good\n", bad, b"\n"].concat());
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains("Line 2") && said.contains(words) && said.lines().count() == 1, "{said}");
    }
    assert_eq!(texts(home.path()), ["good", "good", "good"]);
    let output = run(home.path(), &["send", "garden", &long]);
    assert_eq!((output.status.code(), said(&output).lines().count()), (Some(2), 1));
    let output = run(home.path(), &["send", "garden", ""]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn what_was_sent_without_a_process_arrives_once_one_runs() {
    let home = alice();
    let mut command = lanline(home.path(), &["rpc", "--port", "0"]);
    command.env("LANLINE_LISTEN", "127.0.0.1");
    let mut alice = Rpc::spawn(command);
    alice.ask("start_server", Value::Null);
    let link = run(home.path(), &["invite", "Garden"]).stdout;
    let bob = tempfile::tempdir().unwrap();
    assert!(run(bob.path(), &["join", String::from_utf8(link).unwrap().trim(), "--name", "Bob"]).status.success());
    assert!(run(bob.path(), &["send", "Garden", "written alone"]).status.success());
    let mut bobs = Rpc::start(bob.path(), &[]);
    bobs.ask("status", Value::Null);
    loop {
        let told = alice.read();
        if told["method"] == "incoming_message" && told["params"]["message"]["text"] == json!("written alone") {
            break;
        }
    }
}
