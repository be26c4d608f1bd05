//! A member that writes as fast as it can, and what becomes of the others.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{PATIENCE, texts};
use crate::{Flags, Node, Settings, api::NoticeKind};

async fn device(folder: &std::path::Path, name: &str) -> Node {
    let flags =
        Flags { data_dir: Some(folder.into()), name: Some(name.into()), no_discovery: Some(true), ..Flags::default() };
    let mut settings = Settings::load(flags).unwrap();
    settings.listen = vec!["127.0.0.1:0".parse().unwrap()];
    Node::open(settings).await.unwrap()
}

/// Says the same many times, all in one burst: the quicker it is said, the more of it is too much.
async fn say(who: &Node, room: &Value, text: &str, times: usize) {
    let said: Vec<_> = (0..times).map(|_| who.submit("send_message", json!({"room": room, "text": text}))).collect();
    for one in said {
        one.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_waits_for_itself_and_the_person_is_told() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (alice, bob, mallory) = (
        device(folders[0].path(), "Alice").await,
        device(folders[1].path(), "Bob").await,
        device(folders[2].path(), "Mallory\u{202e}").await,
    );
    alice.call("start_server", json!({"port": 0})).await.unwrap();
    let room = alice.call("create_room", json!({"name": "Garden"})).await.unwrap()["room"].take();
    let invite = alice.call("invite", json!({"room": room, "uses": 2})).await.unwrap();
    for member in [&bob, &mallory] {
        member.call("join", json!({"link": invite["link"]})).await.unwrap();
    }
    // Half a share more than is taken at once.
    let text = "x".repeat(16 * 1024);
    let many = super::super::allowance::AT_ONCE as usize * 3 / 2 / text.len();
    say(&mallory, &room, &text, many).await;
    let held = async |of: &Node| {
        let page = of.call("messages", json!({"room": room, "limit": 500})).await.unwrap();
        page["messages"].as_array().unwrap().iter().filter(|message| message["text"] == text.as_str()).count()
    };
    let notice = timeout(PATIENCE, async {
        loop {
            let status = alice.call("status", json!({})).await.unwrap();
            let notices = status["notices"].as_array().unwrap().clone();
            if let Some(notice) = notices.into_iter().find(|notice| notice["kind"] == json!(NoticeKind::Slowed)) {
                return notice;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    let notice: Value = notice.await.expect("nobody was told");
    assert!(notice["text"].as_str().unwrap().starts_with("Mallory wrote"), "{notice}");

    // What bob says comes at once, though not all of mallory's is there.
    bob.call("send_message", json!({"room": room, "text": "hello"})).await.unwrap();
    let heard = async {
        while !texts(&alice, &room).await.contains(&"hello".to_owned()) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, heard).await.expect("bob waits for mallory");
    let early = held(&alice).await;
    assert!(early < many, "all of it was taken at once");
    // It is not refused: it comes, slowly.
    let more = async {
        while held(&alice).await <= early {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, more).await.expect("nothing more of it came");
    for node in [alice, bob, mallory] {
        node.close().await;
    }
}

/// Each connection brings as much as may be on its way before any of it is acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_again_and_again_gets_no_more_through() {
    const TIMES: usize = 8;
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (alice, mallory) = (device(folders[0].path(), "Alice").await, device(folders[1].path(), "Mallory").await);
    alice.call("start_server", json!({"port": 0})).await.unwrap();
    let room = alice.call("create_room", json!({"name": "Garden"})).await.unwrap()["room"].take();
    let invite = alice.call("invite", json!({"room": room})).await.unwrap();
    mallory.call("join", json!({"link": invite["link"]})).await.unwrap();
    let host = json!({"device_id": alice.device_id().to_string()});
    mallory.call("disconnect", host.clone()).await.unwrap();
    let text = "x".repeat(16 * 1024);
    let at_once = super::super::allowance::AT_ONCE as usize / text.len();
    say(&mallory, &room, &text, 3 * at_once).await;
    let held = async || {
        let page = alice.call("messages", json!({"room": room, "limit": 500})).await.unwrap();
        page["messages"].as_array().unwrap().iter().filter(|message| message["text"] == text.as_str()).count()
    };
    let begun = Instant::now();
    for time in 0..TIMES {
        mallory.call("connect", host.clone()).await.unwrap();
        // The first time it is all that may come at once, however long this machine takes.
        let deadline = Instant::now() + PATIENCE;
        while time == 0 && held().await < at_once / 2 {
            assert!(Instant::now() < deadline, "not even what may come at once came");
            sleep(Duration::from_millis(20)).await;
        }
        // Longer than a window takes.
        sleep(Duration::from_millis(150)).await;
        // Alice may not have read yet that the one before is over, and have decided for that.
        let _ = mallory.call("disconnect", host.clone()).await;
    }
    // What is taken later, and one batch that nobody owed for.
    let since = begun.elapsed().as_secs() as usize + 1;
    let may = at_once + 64 * 1024 * since / text.len() + 2 * 256 * 1024 / text.len();
    let came = held().await;
    assert!((at_once / 2..may).contains(&came), "{came} of {at_once} at once, and no more than {may}");
    for node in [alice, mallory] {
        node.close().await;
    }
}
