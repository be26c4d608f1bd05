//! What becomes of a device whose store or core fails while it runs.

mod flooding;

use std::{path::Path, time::Duration};

use lanline_protocol::{command::CommandError, id::EntryId, identity::DeviceKey, store::StoreError};
use serde_json::{Value, json};

use crate::{
    Flags, Node, Settings,
    api::{
        ApiError, CallError, ErrorCode, Event, NoParams, Notice, NoticeKind, ServerState, StartServer, StoreCondition,
    },
    events::EventStream,
    net::{Address, CloseReason, ConnectionEvent, Net, Timeouts},
};

/// However busy the machine: what takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(20);

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
async fn whether_a_code_is_shown_is_told_also_while_nothing_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, _) = alice_in_a_garden(folder.path()).await;
    let mut events = alice.subscribe();
    let full = alice.core().write::<(), _>(|_, _| Err(CommandError::Store(StoreError::Full)));
    assert_eq!(full.await.unwrap_err().code, ErrorCode::ReadOnly);
    assert_eq!(store_state(&mut events).await, StoreCondition::ReadOnly);
    alice.shown_code(NoParams {}).await.unwrap();
    assert_eq!(alice.hide_code(NoParams {}).await.unwrap_err().code, ErrorCode::ReadOnly);
    alice.close().await;
}

#[tokio::test]
async fn who_answers_in_anothers_place_is_told_also_while_nothing_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, _) = alice_in_a_garden(folder.path()).await;
    let mut events = alice.subscribe();
    let full = alice.core().write::<(), _>(|_, _| Err(CommandError::Store(StoreError::Full)));
    assert_eq!(full.await.unwrap_err().code, ErrorCode::ReadOnly);
    assert_eq!(store_state(&mut events).await, StoreCondition::ReadOnly);
    let [bob, mallory] = [2, 3].map(|seed| DeviceKey::from_seed(&[seed; 32]).public().device_id());
    let at = [Address::parse("10.0.0.1:1", 1).unwrap()];
    for _ in 0..2 {
        alice.core().answered_by_another(bob, &at, at[0].to_string(), mallory).await;
    }
    let told = alice.status(NoParams {}).await.unwrap().notices;
    assert_eq!(told.iter().map(|notice| notice.kind).collect::<Vec<_>>(), [NoticeKind::IdentityChanged]);
    assert!(matches!(events.next().await, Some(Event::Notice(notice)) if notice == told[0]));
    assert!(matches!(events.next().await, Some(Event::StoreChanged(store)) if store.state == StoreCondition::Ok));
    alice.close().await;

    let alice = self::alice(folder.path()).await;
    assert_eq!(alice.status(NoParams {}).await.unwrap().notices, told);
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
async fn what_was_committed_is_answered_as_done_even_where_what_follows_cannot_be_read() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (alice, room) = alice_in_a_garden(folders[0].path()).await;
    let bob = self::alice(folders[1].path()).await;
    alice.start_server(StartServer { port: Some(0) }).await.unwrap();
    let link = alice.call("invite", json!({"room": room})).await.unwrap()["link"].take();
    bob.call("join", json!({"link": link})).await.unwrap();
    let mut events = alice.subscribe();
    // From now on each entry is damaged as it is written, beyond telling which it was: it cannot be read to be sent.
    let other = rusqlite::Connection::open(folders[0].path().join(super::DATABASE)).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER damage AFTER INSERT ON entries BEGIN
                 UPDATE entries SET header = zeroblob(length(header)), log = -1 WHERE arrival = NEW.arrival;
             END",
        )
        .unwrap();
    let sent = alice.call("send_message", json!({"room": room, "text": "committed"})).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(store_state(&mut events).await, StoreCondition::Failed);
    let id: Vec<u8> = other.query_row("SELECT id FROM entries ORDER BY arrival DESC", [], |row| row.get(0)).unwrap();
    let shown = EntryId::new(id.try_into().unwrap()).to_string();
    assert_eq!(sent.unwrap()["id"], json!(shown), "it is in the database");
    is_out_of_order(&alice, &room, ErrorCode::ReadOnly).await;
    bob.close().await;
}

#[tokio::test]
async fn a_database_that_another_program_holds_is_told_and_writing_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, room) = alice_in_a_garden(folder.path()).await;
    let mut events = alice.subscribe();
    let other = rusqlite::Connection::open(folder.path().join(super::DATABASE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = refused(&alice, "send_message", json!({"room": room, "text": "not kept"})).await;
    assert!(error.code == ErrorCode::ReadOnly && error.message.contains("Another program"), "{error:?}");
    assert_eq!(store_state(&mut events).await, StoreCondition::ReadOnly);
    assert_eq!(texts(&alice, &room).await, ["kept"], "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store_state(&mut events).await, StoreCondition::Ok);
    alice.call("send_message", json!({"room": room, "text": "again"})).await.unwrap();
    assert_eq!(texts(&alice, &room).await, ["kept", "again"]);
    alice.close().await;
}

#[tokio::test]
async fn a_panic_of_the_core_ends_what_others_see_and_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, room) = alice_in_a_garden(folder.path()).await;
    let port = alice.start_server(StartServer { port: Some(0) }).await.unwrap().port;
    let mut events = alice.subscribe();
    let died = alice.core().write::<(), _>(|_, _| panic!("a fault of ours, on purpose"));
    // In line with it: whether it is taken in before the panic or after it, nobody is shutting down.
    let beside = alice.core().write::<(), _>(|_, _| Ok(()));
    for error in [died.await.unwrap_err(), beside.await.unwrap_err()] {
        assert!(error.code == ErrorCode::Internal && error.message.contains("failed inside"), "{error:?}");
    }
    assert_eq!(store_state(&mut events).await, StoreCondition::Failed);
    loop {
        if let Event::ServerChanged(server) = events.next().await.expect("the device was closed") {
            assert_eq!(server, ServerState::default());
            break;
        }
    }
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens there");
    let error = refused(&alice, "start_server", json!({"port": 0})).await;
    assert!(error.code == ErrorCode::Internal && error.message.contains("failed inside"), "{error:?}");
    let flags = Flags { data_dir: Some(folder.path().into()), ..Flags::default() };
    let second = Node::open(Settings::load(flags).unwrap()).await.unwrap_err();
    assert_eq!(second.code(), ErrorCode::Locked, "the folder stays held");
    is_out_of_order(&alice, &room, ErrorCode::Internal).await;

    let alice = self::alice(folder.path()).await;
    assert_eq!(texts(&alice, &room).await, ["kept"]);
    alice.close().await;
}

/// Waits until as many connections are open.
async fn until_open(alice: &Node, count: usize) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while alice.core().read(|machine| Ok(machine.connections.open.len())).await.unwrap() != count {
        assert!(std::time::Instant::now() < deadline, "there never are {count} connections");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn only_members_that_said_goodbye_are_left_alone_and_of_strangers_nothing_is_kept() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (alice, room) = alice_in_a_garden(folders[0].path()).await;
    let bob = self::alice(folders[1].path()).await;
    let port = alice.start_server(StartServer { port: Some(0) }).await.unwrap().port;
    let address = Address::Socket(([127, 0, 0, 1], port).into());
    for seed in 1..=3 {
        let (sender, mut opened) = tokio::sync::mpsc::unbounded_channel();
        let sink = move |event| {
            if let ConnectionEvent::Opened { handle, .. } = event {
                sender.send(handle).unwrap();
            }
        };
        let runtime = tokio::runtime::Handle::current();
        let stranger = Net::new(&DeviceKey::from_seed(&[seed; 32]), runtime, Timeouts::default(), sink).unwrap();
        stranger.dial(std::slice::from_ref(&address), None, PATIENCE).await.unwrap();
        until_open(&alice, 1).await;
        opened.recv().await.unwrap().close(CloseReason::Disconnected);
        until_open(&alice, 0).await;
    }
    let link = alice.call("invite", json!({"room": room})).await.unwrap()["link"].take();
    bob.call("join", json!({"link": link})).await.unwrap();
    bob.call("disconnect", json!({"device_id": alice.device_id().to_string()})).await.unwrap();
    until_open(&alice, 0).await;
    let held = alice.core().read(|machine| Ok(machine.connections.held.clone())).await.unwrap();
    assert_eq!(held.into_iter().collect::<Vec<_>>(), [bob.device_id()]);
    alice.close().await;
    bob.close().await;
}

#[tokio::test]
async fn a_disk_that_does_not_answer_does_not_keep_a_device_from_being_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, _) = alice_in_a_garden(folder.path()).await;
    let (answer, answered) = std::sync::mpsc::channel::<()>();
    let stuck = alice.core().write(move |_, _| {
        let _ = answered.recv();
        Ok(())
    });
    tokio::time::timeout(PATIENCE, alice.close()).await.expect("it is closed all the same");
    let flags = Flags { data_dir: Some(folder.path().into()), ..Flags::default() };
    let second = Node::open(Settings::load(flags).unwrap()).await.unwrap_err();
    assert_eq!(second.code(), ErrorCode::Locked, "who is not done holds the folder");
    drop(answer);
    stuck.await.unwrap();
}

#[tokio::test]
async fn nothing_is_taken_in_between_a_last_look_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, room) = alice_in_a_garden(folder.path()).await;
    let core = alice.core();
    assert!(!core.close_if(|machine| Ok(machine.replica.rooms()?.is_empty())).await.unwrap());
    alice.call("send_message", json!({"room": room, "text": "still here"})).await.unwrap();
    // All in one burst, as far as that is possible.
    let before = core.write(|machine, now| machine.replica.create_room(now, "before"));
    let ended = core.close_if(|machine| Ok(machine.replica.rooms()?.len() == 2));
    let after = core.write(|machine, now| machine.replica.create_room(now, "after"));
    before.await.unwrap();
    assert!(ended.await.unwrap());
    assert!(after.await.unwrap_err().message.contains("import"));
    alice.close().await;
    let alice = self::alice(folder.path()).await;
    let rooms = alice.call("rooms", json!({})).await.unwrap();
    let names: Vec<&str> = rooms.as_array().unwrap().iter().filter_map(|room| room["name"].as_str()).collect();
    assert!(names.len() == 2 && !names.contains(&"after"), "{names:?}");
    alice.close().await;
}

async fn notice(events: &mut EventStream, wanted: NoticeKind) -> Notice {
    let found = async {
        loop {
            match events.next().await.expect("the device was closed") {
                Event::Notice(notice) if notice.kind == wanted => return notice,
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("nothing was noticed")
}

#[tokio::test]
async fn what_more_a_disk_damaged_is_told_with_what_it_had_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, room) = alice_in_a_garden(folder.path()).await;
    alice.call("send_message", json!({"room": room, "text": "and said"})).await.unwrap();
    alice.close().await;
    for count in 1..=2 {
        let spoil = "UPDATE entries SET header = zeroblob(length(header)) WHERE arrival =
            (SELECT min(arrival) FROM entries WHERE kind = 65 AND body IS NOT NULL)";
        let database = folder.path().join(super::DATABASE);
        assert_eq!(rusqlite::Connection::open(database).unwrap().execute(spoil, []).unwrap(), 1);
        let alice = self::alice(folder.path()).await;
        texts(&alice, &room).await;
        alice.call("send_message", json!({"room": room, "text": "more"})).await.unwrap();
        let notices = alice.status(NoParams {}).await.unwrap().notices;
        assert_eq!(
            notices.iter().map(|told| (told.kind, told.count)).collect::<Vec<_>>(),
            [(NoticeKind::Damaged, Some(count))]
        );
        assert!(notices[0].text.contains(&format!("{count} message")), "{}", notices[0].text);
        alice.close().await;
    }
}

#[tokio::test]
async fn what_a_disk_damaged_is_told_and_comes_back_from_a_member() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (alice, room) = alice_in_a_garden(folders[0].path()).await;
    let bob = self::alice(folders[1].path()).await;
    alice.start_server(StartServer { port: Some(0) }).await.unwrap();
    let link = alice.call("invite", json!({"room": room})).await.unwrap()["link"].take();
    let mut heard = bob.subscribe();
    bob.call("join", json!({"link": link})).await.unwrap();
    alice.call("send_message", json!({"room": room, "text": "and said"})).await.unwrap();
    while texts(&bob, &room).await.len() < 2 {
        heard.next().await.unwrap();
    }
    bob.close().await;
    let database = folders[1].path().join(super::DATABASE);
    let damaged = rusqlite::Connection::open(database)
        .unwrap()
        .execute("UPDATE entries SET header = zeroblob(length(header)) WHERE lane = 1 AND kind = 65", [])
        .unwrap();
    assert_eq!(damaged, 2);
    let bob = self::alice(folders[1].path()).await;
    let mut events = bob.subscribe();
    let told = notice(&mut events, NoticeKind::Damaged).await;
    assert_eq!((told.room.as_deref(), told.count), (room.as_str(), Some(2)));
    assert!(told.text.contains("2 messages or changes in \"Garden\"") && told.text.ends_with('.'), "{}", told.text);
    notice(&mut events, NoticeKind::Repaired).await;
    assert_eq!(texts(&bob, &room).await, ["kept", "and said"]);
    let kept = bob.status(NoParams {}).await.unwrap().notices;
    assert_eq!(kept.iter().map(|notice| notice.kind).collect::<Vec<_>>(), [NoticeKind::Repaired], "it says it all");
    bob.close().await;
    let bob = self::alice(folders[1].path()).await;
    assert_eq!(
        bob.status(NoParams {}).await.unwrap().notices,
        kept,
        "who was not there hears of it after the next start"
    );
    bob.call("dismiss_notice", json!({"id": kept[0].id})).await.unwrap();
    bob.close().await;
    let bob = self::alice(folders[1].path()).await;
    assert_eq!(bob.status(NoParams {}).await.unwrap().notices, [], "and never again once it was put away");
    bob.close().await;
    alice.close().await;
}
