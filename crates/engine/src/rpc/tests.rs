use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::*;
use crate::{Flags, Settings, api::Event};

async fn alice() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags { data_dir: Some(folder.path().into()), name: Some("Alice".into()), ..Flags::default() };
    let node = Node::open(Settings::load(flags).unwrap()).await.unwrap();
    (folder, node)
}

/// Everything that answers this input, in the order it came.
async fn answers(input: &[u8]) -> Vec<Value> {
    let (_folder, node) = alice().await;
    let mut output = Vec::new();
    serve(&node, input, &mut output, std::future::pending()).await.unwrap();
    node.close().await;
    output.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

fn fault(answer: &Value) -> (i64, Value, Value) {
    assert_eq!(answer["jsonrpc"], "2.0");
    assert!(answer["error"]["message"].as_str().unwrap().ends_with('.'), "{answer}");
    (answer["error"]["code"].as_i64().unwrap(), answer["id"].clone(), answer["error"]["data"]["code"].clone())
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_the_next_line_is_served() {
    for (line, number) in [
        (b"{".as_slice(), -32700),
        (b"\xff\xfe", -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"status\"}", -32700),
        (b"nonsense", -32700),
        (b"[]", -32600),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"status"}]"#, -32600),
        (b"42", -32600),
        (b"{}", -32600),
        (br#"{"jsonrpc":"2.0","id":null,"method":"status"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":{},"method":"status"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":true,"method":"status"}"#, -32600),
    ] {
        let input = [line, b"\n", br#"{"jsonrpc":"2.0","id":7,"method":"status"}"#, b"\n"].concat();
        let answers = answers(&input).await;
        let [first, second] = answers.as_slice() else { panic!("{answers:?}") };
        let (wrong, right) = if first["id"].is_null() { (first, second) } else { (second, first) };
        assert_eq!(fault(wrong), (number, Value::Null, json!("invalid_argument")));
        assert_eq!((&right["id"], &right["result"]["name"]), (&json!(7), &json!("Alice")));
    }
}

#[tokio::test]
async fn a_bad_request_with_an_id_is_answered_under_it() {
    for (line, number) in [
        (json!({"id": "a", "method": "status"}), -32600),
        (json!({"jsonrpc": "1.0", "id": "a", "method": "status"}), -32600),
        (json!({"jsonrpc": "2.0", "id": "a", "method": 1}), -32600),
        (json!({"jsonrpc": "2.0", "id": "a", "method": "no_such"}), -32601),
        (json!({"jsonrpc": "2.0", "id": "a", "method": "m".repeat(100_000)}), -32601),
        (json!({"jsonrpc": "2.0", "id": "a", "method": "status", "params": []}), -32602),
        (json!({"jsonrpc": "2.0", "id": "a", "method": "status", "params": {"x": 1}}), -32602),
        (json!({"jsonrpc": "2.0", "id": "a", "method": "create_room"}), -32602),
        (json!({"jsonrpc": "2.0", "id": "a", "method": "start_server", "params": {"port": 70000}}), -32602),
        (json!({"jsonrpc": "2.0", "id": "a", "method": "messages", "params": {"room": "r", "limit": 0}}), -32602),
    ] {
        let answers = answers(line.to_string().as_bytes()).await;
        assert_eq!(fault(&answers[0]), (number, json!("a"), json!("invalid_argument")), "{line}");
        assert!(answers[0].to_string().len() < 1000);
    }
    let long = json!({"jsonrpc": "2.0", "id": 1.5, "method": "set_profile", "params": {"name": "n".repeat(200)}});
    assert_eq!(fault(&answers(long.to_string().as_bytes()).await[0]), (-32000, json!(1.5), json!("too_large")));
}

#[tokio::test]
async fn a_line_over_the_limit_is_skipped() {
    let mut input = vec![b' '; 3 * LINE_MAX];
    input.extend_from_slice(b"\n\n  \r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"params\":null}");
    let answers = answers(&input).await;
    assert_eq!(answers.len(), 2);
    assert_eq!(fault(&answers[0]), (-32700, Value::Null, json!("invalid_argument")));
    assert_eq!(answers[1]["id"], 1);
}

#[tokio::test]
async fn a_notification_is_run_and_not_answered() {
    let lines = [
        json!({"jsonrpc": "2.0", "method": "set_profile", "params": {"name": "Bob"}}),
        json!({"jsonrpc": "2.0", "method": "no_such"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "status"}),
    ];
    let answers = answers(lines.map(|line| line.to_string()).join("\n").as_bytes()).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["result"]["name"], "Bob");
}

#[tokio::test]
async fn pipelined_lines_take_effect_in_their_order_and_each_is_answered_once() {
    let mut input = String::new();
    for n in 0..2000 {
        let (name, id) = (format!("Alice {n}"), format!("s{n}"));
        input += &json!({"jsonrpc": "2.0", "id": n, "method": "set_profile", "params": {"name": name}}).to_string();
        input += "\n";
        input += &json!({"jsonrpc": "2.0", "id": id, "method": "status"}).to_string();
        input += "\n";
    }
    // Each name is made durable, which a busy disk takes its time for: the input ends only once all are answered.
    let (_folder, node) = alice().await;
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (from, to) = tokio::io::split(far);
    let serving = tokio::spawn(async move { serve(&node, from, to, std::future::pending()).await });
    let (lines, mut requests) = tokio::io::split(near);
    let asking = tokio::spawn(async move {
        requests.write_all(input.as_bytes()).await.unwrap();
        requests
    });
    let (mut lines, mut answers) = (BufReader::new(lines).lines(), Vec::new());
    while answers.len() < 4000 {
        let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        answers.extend(answer.get("id").is_some().then_some(answer));
    }
    asking.await.unwrap().shutdown().await.unwrap();
    serving.await.unwrap().unwrap();
    let by_id: BTreeMap<String, &Value> = answers.iter().map(|a| (a["id"].to_string(), &a["result"])).collect();
    for n in 0..2000 {
        assert_eq!(by_id[&n.to_string()], &Value::Null);
        assert_eq!(by_id[&format!("\"s{n}\"")]["name"], format!("Alice {n}"));
    }
}

#[tokio::test]
async fn events_are_notifications() {
    let (_folder, node) = alice().await;
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (input, output) = tokio::io::split(far);
    let serving = tokio::spawn({
        let node = node.clone();
        async move { serve(&node, input, output, std::future::pending()).await }
    });
    let (answers, mut requests) = tokio::io::split(near);
    let mut answers = BufReader::new(answers).lines();
    requests.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rooms\"}\n").await.unwrap();
    let answer: Value = serde_json::from_str(&answers.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 1, "result": []}));
    node.board().emit(Event::RoomChanged { room: "r".into() });
    let event: Value = serde_json::from_str(&answers.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(event, json!({"jsonrpc": "2.0", "method": "room_changed", "params": {"room": "r"}}));
    requests.shutdown().await.unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_does_not_read_its_answers_is_not_read_from() {
    let (_folder, node) = alice().await;
    let (mut requests, input) = tokio::io::duplex(1024);
    let (output, mut unread) = tokio::io::duplex(1024);
    let serving = tokio::spawn({
        let node = node.clone();
        async move { serve(&node, input, output, std::future::pending()).await }
    });
    let line = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";
    let mut taken = 0_usize;
    // Far more than may be in flight; a timeout here means that the stream is full, which is what is asked for.
    while let Ok(written) = timeout(Duration::from_millis(300), requests.write_all(line)).await {
        written.unwrap();
        taken += 1;
        assert!(taken < 20_000, "it reads without end");
    }
    drop(requests);
    let mut all = Vec::new();
    unread.read_to_end(&mut all).await.unwrap();
    // The last line was cut by the timeout, perhaps in the middle.
    assert!((taken..=taken + 1).contains(&all.iter().filter(|byte| **byte == b'\n').count()));
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn it_stops_when_told_or_when_nobody_can_read_the_answers() {
    let (_folder, node) = alice().await;
    let (_requests, input) = tokio::io::duplex(1024);
    let (output, _answers) = tokio::io::duplex(1024);
    serve(&node, input, output, async {}).await.unwrap();
    let (mut requests, input) = tokio::io::duplex(1024);
    let (output, answers) = tokio::io::duplex(1024);
    drop(answers);
    requests.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n").await.unwrap();
    serve(&node, input, output, std::future::pending()).await.unwrap_err();
}
