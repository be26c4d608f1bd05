use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::{
    Flags, KeyChoice, Node, Settings,
    core::DATABASE,
    identity::{KEY_FILE, Seed},
    platform::SystemKeyStore,
};

const PASSPHRASE: &str = "four or five words";

async fn device(folder: &Path) -> Node {
    let flags = Flags { data_dir: Some(folder.into()), ..Flags::default() };
    let mut settings = Settings::load(flags).unwrap();
    settings.listen = vec!["127.0.0.1:0".parse().unwrap()];
    Node::open(settings).await.unwrap()
}

async fn id(node: &Node) -> Value {
    node.call("status", Value::Null).await.unwrap()["device_id"].take()
}

/// Alice's folder with a room, and her export.
async fn alice(home: &Path) -> (Value, std::path::PathBuf) {
    let alice = device(&home.join("alice")).await;
    alice.call("set_profile", json!({"name": "Alice"})).await.unwrap();
    alice.call("create_room", json!({"name": "Garden"})).await.unwrap();
    let path = home.join("alice.export");
    alice.call("export_identity", json!({"path": path, "passphrase": PASSPHRASE})).await.unwrap();
    let id = id(&alice).await;
    alice.close().await;
    (id, path)
}

#[tokio::test]
async fn an_import_goes_on_for_the_same_doors() {
    let home = tempfile::tempdir().unwrap();
    let (alices_id, path) = alice(home.path()).await;
    let bob = device(&home.path().join("bob")).await;
    let mut events = bob.subscribe();
    let port = bob.call("start_server", json!({"port": 0})).await.unwrap()["port"].take();
    bob.call("import_identity", json!({"path": path, "passphrase": PASSPHRASE})).await.unwrap();
    let status = bob.call("status", Value::Null).await.unwrap();
    assert_eq!((&status["device_id"], &status["name"]), (&alices_id, &json!("Alice")));
    assert_eq!(status["server"]["port"], port, "it listens where it did");
    assert_eq!(bob.call("rooms", Value::Null).await.unwrap()[0]["name"], "Garden");
    while events.next().await.expect("the same events go on").name() != "events_lost" {}
    // Once there are rooms nothing takes their place.
    let again = bob.call("import_identity", json!({"path": path, "passphrase": PASSPHRASE})).await;
    assert_eq!(ApiError::from(again.unwrap_err()).code, ErrorCode::Exists);
    bob.call("create_room", json!({"name": "Yard"})).await.unwrap();
    bob.close().await;

    let bob = device(&home.path().join("bob")).await;
    assert_eq!(
        (id(&bob).await, bob.call("rooms", Value::Null).await.unwrap().as_array().unwrap().len()),
        (alices_id, 2)
    );
    bob.close().await;
}

/// What stands in a folder whose device is about to become another.
async fn staged(home: &Path, path: &Path) -> std::path::PathBuf {
    let folder = home.join("bob");
    device(&folder).await.close().await;
    stage(&folder, DATABASE, &SystemKeyStore, KeyChoice::File, path, PASSPHRASE).unwrap();
    folder
}

#[tokio::test]
async fn an_import_that_was_cut_short_goes_on_at_the_next_start() {
    type Cut = fn(&Path);
    let cuts: [Cut; 4] = [
        |_| {},
        |folder| std::fs::rename(folder.join("import").join(DATABASE), folder.join(DATABASE)).unwrap(),
        |folder| {
            std::fs::rename(folder.join("import").join(DATABASE), folder.join(DATABASE)).unwrap();
            std::fs::rename(folder.join("import").join(KEY_FILE), folder.join(KEY_FILE)).unwrap();
        },
        |folder| finish(folder, DATABASE, &SystemKeyStore).unwrap(),
    ];
    for cut in cuts {
        let home = tempfile::tempdir().unwrap();
        let (alices_id, path) = alice(home.path()).await;
        let folder = staged(home.path(), &path).await;
        cut(&folder);
        let bob = device(&folder).await;
        assert_eq!(id(&bob).await, alices_id);
        assert_eq!(bob.call("rooms", Value::Null).await.unwrap()[0]["name"], "Garden");
        bob.close().await;
        assert!(!folder.join("import").exists());
    }
}

#[tokio::test]
async fn what_did_not_become_whole_is_thrown_away() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("bob");
    let bob = device(&folder).await;
    let bobs_id = id(&bob).await;
    bob.close().await;
    std::fs::create_dir(folder.join("import.new")).unwrap();
    std::fs::write(folder.join("import.new").join(KEY_FILE), [1; 32]).unwrap();
    std::fs::write(folder.join("export.db"), "half").unwrap();
    let bob = device(&folder).await;
    assert_eq!(id(&bob).await, bobs_id);
    assert!(!folder.join("import.new").exists() && !folder.join("export.db").exists());
    bob.close().await;
}

#[tokio::test]
async fn an_export_of_something_else_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (_, whole) = alice(home.path()).await;
    let folder = home.path().join("bob");
    device(&folder).await.close().await;
    let alices = home.path().join("alice").join(DATABASE);
    let seed = Seed::new([5; 32]);
    let text = home.path().join("text");
    std::fs::write(&text, "no database at all, but long enough to be looked at").unwrap();
    // Another's database, and what is none.
    for (number, database) in [&alices, &whole, &text].into_iter().enumerate() {
        let path = home.path().join(format!("{number}.export"));
        seal_file(database, &seed, &path).unwrap();
        let refused = stage(&folder, DATABASE, &SystemKeyStore, KeyChoice::File, &path, PASSPHRASE).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidArgument, "{refused}");
        assert!(!folder.join("import").exists() && !folder.join("import.new").exists());
    }
}

fn seal_file(database: &Path, seed: &Seed, path: &Path) -> std::io::Result<()> {
    use std::io::Read;
    let mut plain = seed.as_slice().chain(std::fs::File::open(database)?);
    let mut out = std::fs::File::create(path)?;
    let cost = sealed::Cost { memory_kib: 8, passes: 1, lanes: 1 };
    sealed::seal(PASSPHRASE.as_bytes(), cost, &mut plain, &mut out).map_err(std::io::Error::other)
}
