//! What becomes of a device whose store or core fails while it runs.

use std::path::Path;

use lanline_protocol::{command::CommandError, store::StoreError};
use serde_json::{Value, json};

use crate::{
    Flags, Node, Settings,
    api::{ApiError, CallError, ErrorCode, Event, NoParams, StoreCondition},
    events::EventStream,
};

async fn alice(folder: &Path) -> Node {
    let flags = Flags { data_dir: Some(folder.into()), name: Some("Alice".into()), ..Flags::default() };
    Node::open(Settings::load(flags).unwrap()).await.unwrap()
}

/// A device with a room and a message in it.
async fn alice_in_a_garden(folder: &Path) -> (Node, Value) {
    let alice = alice(folder).await;
    let room = alice.call("create_room", json!({"name": "Garden"})).await.unwrap()["room"].take();
    alice.call("send_message", json!({"room": room, "text": "kept"})).await.unwrap();
    (alice, room)
}

async fn texts(alice: &Node, room: &Value) -> Vec<String> {
    let page = alice.call("messages", json!({"room": room})).await.unwrap();
    let messages = page["messages"].as_array().unwrap();
    messages.iter().filter_map(|message| Some(message["text"].as_str()?.to_owned())).collect()
}

async fn store_state(events: &mut EventStream) -> StoreCondition {
    loop {
        if let Event::StoreChanged(store) = events.next().await.expect("the device was closed") {
            return store.state;
        }
    }
}

async fn refused(alice: &Node, method: &str, params: Value) -> ApiError {
    match alice.call(method, params).await {
        Err(CallError::Failed(error)) => error,
        other => panic!("{method} answered {other:?}"),
    }
}

/// Nothing works any more and all of it says so, in a sentence; `status` still answers, and closing ends.
async fn is_out_of_order(alice: &Node, room: &Value, code: ErrorCode) {
    for (method, params) in [
        ("send_message", json!({"room": room, "text": "lost"})),
        ("messages", json!({"room": room})),
        ("rooms", json!({})),
    ] {
        let error = refused(alice, method, params).await;
        assert!(error.code == code && error.message.contains("start") && error.message.ends_with('.'), "{error:?}");
    }
    let store = alice.status(NoParams {}).await.unwrap().store;
    assert!(store.state == StoreCondition::Failed && store.reason.is_some(), "{store:?}");
    alice.close().await;
}

#[tokio::test]
async fn a_store_that_fails_stops_the_device_and_answers_nothing_it_did_not_keep() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, room) = alice_in_a_garden(folder.path()).await;
    let mut events = alice.subscribe();
    // What is asked in one burst with the failure is not kept, and not answered as if it were.
    let sent = alice.submit("send_message", json!({"room": room, "text": "with it"}));
    let failed =
        alice.core().write::<(), _>(|_, _| Err(CommandError::Store(StoreError::Failed("fsync failed".to_owned()))));
    assert_eq!(failed.await.unwrap_err().code, ErrorCode::ReadOnly);
    let sent = sent.await.is_ok();
    assert_eq!(store_state(&mut events).await, StoreCondition::Failed);
    is_out_of_order(&alice, &room, ErrorCode::ReadOnly).await;

    let alice = self::alice(folder.path()).await;
    let kept = texts(&alice, &room).await;
    assert_eq!(kept, if sent { vec!["kept", "with it"] } else { vec!["kept"] });
    alice.close().await;
}

#[tokio::test]
async fn a_database_broken_under_a_running_device_is_told_and_ends_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, room) = alice_in_a_garden(folder.path()).await;
    let mut events = alice.subscribe();
    let other = rusqlite::Connection::open(folder.path().join(super::DATABASE)).unwrap();
    other.execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE tips;").unwrap();
    let error = refused(&alice, "send_message", json!({"room": room, "text": "lost"})).await;
    assert_eq!(error.code, ErrorCode::ReadOnly);
    assert_eq!(store_state(&mut events).await, StoreCondition::Failed);
    is_out_of_order(&alice, &room, ErrorCode::ReadOnly).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_data_folder_deleted_under_a_running_device_is_told_and_nothing_is_answered_as_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, room) = alice_in_a_garden(&folder.path().join("data")).await;
    let mut events = alice.subscribe();
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    let error = refused(&alice, "send_message", json!({"room": room, "text": "lost"})).await;
    assert!(error.code == ErrorCode::ReadOnly && error.message.contains("deleted"), "{error:?}");
    assert_eq!(store_state(&mut events).await, StoreCondition::Failed);
    is_out_of_order(&alice, &room, ErrorCode::ReadOnly).await;
}

#[tokio::test]
async fn a_panic_of_the_core_is_told_and_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, room) = alice_in_a_garden(folder.path()).await;
    let mut events = alice.subscribe();
    let died = alice.core().write::<(), _>(|_, _| panic!("a fault of ours, on purpose"));
    assert_eq!(died.await.unwrap_err().code, ErrorCode::Internal);
    assert_eq!(store_state(&mut events).await, StoreCondition::Failed);
    is_out_of_order(&alice, &room, ErrorCode::Internal).await;

    let alice = self::alice(folder.path()).await;
    assert_eq!(texts(&alice, &room).await, ["kept"]);
    alice.close().await;
}
