//! One command from the terminal: through the process that holds the folder, or without one.

use serde_json::{Value, json};

use crate::process::{Rpc, assert_failed, run};

fn result(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn it_calls_through_the_process_that_holds_the_folder() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Rpc::start(home.path(), &["--name", "Alice"]);
    let status = alice.ask("status", Value::Null)["result"].take();
    assert_eq!(result(&run(home.path(), &["call", "status"])), status);
    assert_eq!(result(&run(home.path(), &["call", "set_profile", r#"{"name": "Bob"}"#])), Value::Null);
    assert_eq!(alice.ask("status", Value::Null)["result"]["name"], "Bob");
}

#[test]
fn it_opens_the_folder_itself_where_nobody_holds_it() {
    let home = tempfile::tempdir().unwrap();
    let first = result(&run(home.path(), &["call", "--name", "Alice", "status"]));
    assert_eq!(first["name"], "Alice");
    assert_eq!(result(&run(home.path(), &["call", "status"]))["device_id"], first["device_id"]);
    assert_eq!(result(&run(home.path(), &["call", "rooms", "{}"])), json!([]));
}

#[test]
fn many_at_once_wait_for_each_other() {
    let home = tempfile::tempdir().unwrap();
    let calls: Vec<_> = (0..8)
        .map(|_| crate::process::lanline(home.path(), &["call", "status"]).spawn().unwrap())
        .map(|child| std::thread::spawn(move || result(&child.wait_with_output().unwrap())))
        .collect();
    let ids: Vec<Value> = calls.into_iter().map(|call| call.join().unwrap()["device_id"].take()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
}

#[test]
fn bad_input_is_one_sentence_and_exit_code_2_and_a_failed_command_1() {
    let home = tempfile::tempdir().unwrap();
    let long = json!({"name": "n".repeat(200)}).to_string();
    let nowhere = json!({"room": "a".repeat(52)}).to_string();
    let check = || {
        assert_failed(&run(home.path(), &["call", "no_such_command"]), 2, &["no_such_command"]);
        assert_failed(&run(home.path(), &["call", "status", "{"]), 2, &["JSON"]);
        assert_failed(&run(home.path(), &["call", "status", "[]"]), 2, &["status"]);
        assert_failed(&run(home.path(), &["call", "status", r#"{"x": 1}"#]), 2, &["status", "x"]);
        assert_failed(&run(home.path(), &["call", "join", r#"{"link": null}"#]), 2, &["link"]);
        let code = r#"{"address": "10.0.0.1", "code": "123"}"#;
        assert_failed(&run(home.path(), &["call", "join", code]), 2, &["six digits"]);
        assert_failed(&run(home.path(), &["call", "set_profile", &long]), 2, &["128"]);
        assert_failed(&run(home.path(), &["call", "messages", &nowhere]), 1, &["room"]);
    };
    check();
    let mut alice = Rpc::start(home.path(), &[]);
    alice.ask("status", Value::Null);
    check();
}

#[test]
fn what_needs_a_device_that_stays_is_refused_without_one() {
    let home = tempfile::tempdir().unwrap();
    for args in [["start_server", "{}"], ["stop_server", "{}"], ["connect", r#"{"address": "10.0.0.1"}"#]] {
        assert_failed(&run(home.path(), &["call", args[0], args[1]]), 2, &["lanline serve"]);
    }
}
