use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

use super::*;
use crate::{
    Flags, KeyChoice, Node, Settings,
    api::StoreCondition,
    core::DATABASE,
    folder::{Folder, FolderError, Stay},
    identity::{self, KEY_FILE, Seed, tests::Drawer},
    platform::SystemKeyStore,
    socket::Client,
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
    let staged = stage(held(&folder), DATABASE, path, PASSPHRASE, &CancellationToken::new()).unwrap();
    staged.settle(&SystemKeyStore, KeyChoice::File).unwrap();
    folder
}

fn held(folder: &Path) -> Arc<Folder> {
    Arc::new(Folder::open(folder, Stay::Lasting).unwrap())
}

/// What was read of alice's export for a device that runs.
fn staged_for(bob: &Node, path: &Path) -> Staged {
    stage(bob.folder().unwrap(), DATABASE, path, PASSPHRASE, &CancellationToken::new()).unwrap()
}

#[tokio::test]
async fn a_room_that_comes_while_an_export_is_read_is_not_lost() {
    let home = tempfile::tempdir().unwrap();
    let (_, path) = alice(home.path()).await;
    let folder = home.path().join("bob");
    let bob = device(&folder).await;
    let bobs_id = id(&bob).await;
    let staged = staged_for(&bob, &path);
    // As by a `join` that was under way before.
    bob.core().write(|machine, now| machine.replica.create_room(now, "Yard")).await.unwrap();
    assert!(!bob.begin_anew(staged).await.unwrap());
    assert!(!folder.join("import").exists() && !folder.join("import.new").exists());
    bob.call("create_room", json!({"name": "Kitchen"})).await.unwrap();
    bob.close().await;
    let bob = device(&folder).await;
    assert_eq!((id(&bob).await, bob.call("rooms", Value::Null).await.unwrap().as_array().unwrap().len()), (bobs_id, 2));
    bob.close().await;
}

#[tokio::test]
async fn a_device_that_cannot_become_what_was_imported_says_so_and_keeps_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let (_, path) = alice(home.path()).await;
    let folder = home.path().join("bob");
    let bob = device(&folder).await;
    let staged = staged_for(&bob, &path);
    std::fs::write(folder.join("import.new").join(DATABASE), "damaged in this very moment ".repeat(100)).unwrap();
    let error = bob.begin_anew(staged).await.unwrap_err();
    assert!(error.message.contains("damaged") && error.message.ends_with('.'), "{error}");
    let rooms = ApiError::from(bob.call("rooms", Value::Null).await.unwrap_err());
    assert_eq!(rooms.message, error.message);
    let client = Client::connect(&folder).await.expect("the socket is its own still");
    let store = client.call("status", &Value::Null).await.unwrap()["store"].take();
    assert_eq!(store, json!({"state": StoreCondition::Failed, "reason": error.message}));
    let other = Folder::open(&folder, Stay::Lasting);
    assert!(matches!(other, Err(FolderError::Locked(_))), "{other:?}");
    bob.close().await;
    assert!(Client::connect(&folder).await.is_none());
    held(&folder);
}

#[tokio::test]
async fn nobody_takes_a_folder_while_something_is_at_work_in_it() {
    let home = tempfile::tempdir().unwrap();
    let (_, path) = alice(home.path()).await;
    let folder = home.path().join("bob");
    let bob = device(&folder).await;
    let at_work = bob.folder().unwrap();
    bob.close().await;
    let other = Folder::open(&folder, Stay::Lasting);
    assert!(matches!(other, Err(FolderError::Locked(_))), "{other:?}");
    assert!(bob.folder().is_err() && bob.closing().is_cancelled());
    // What is at work hears of it.
    stage(Arc::clone(&at_work), DATABASE, &path, PASSPHRASE, &bob.closing()).unwrap_err();
    let out = home.path().join("bob.export");
    export(&folder, &folder.join(DATABASE), &Seed::new([5; 32]), &out, PASSPHRASE, &bob.closing()).unwrap_err();
    assert!(!folder.join("import.new").exists() && !folder.join("export.db").exists() && !out.exists());
    drop(at_work);
    held(&folder);
}

#[tokio::test]
async fn what_is_exported_is_not_imported_into_meanwhile() {
    let home = tempfile::tempdir().unwrap();
    let (_, path) = alice(home.path()).await;
    let bob = device(&home.path().join("bob")).await;
    let exporting = bob.moving().lock_owned().await;
    let import = json!({"path": path, "passphrase": PASSPHRASE});
    let refused = ApiError::from(bob.call("import_identity", import.clone()).await.unwrap_err());
    assert_eq!(refused.code, ErrorCode::Refused);
    drop(exporting);
    bob.call("import_identity", import).await.unwrap();
    bob.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let bob = device(&home.path().join("bob")).await;
    let pipe = home.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), home.path(), Path::new("/dev/zero")] {
        let import = bob.call("import_identity", json!({"path": path, "passphrase": PASSPHRASE}));
        let import = tokio::time::timeout(std::time::Duration::from_secs(20), import);
        let refused = ApiError::from(import.await.expect("it waits for whoever writes there").unwrap_err());
        assert_eq!(refused.code, ErrorCode::InvalidArgument);
        assert!(
            refused.message.contains("no file") && refused.message.ends_with("give the path of a file."),
            "{refused}"
        );
    }
    bob.close().await;
}

#[test]
fn the_key_of_an_import_that_did_not_end_is_not_left_in_the_key_store() {
    let (folder, drawer) = (tempfile::tempdir().unwrap(), Drawer::default());
    let put = |name: &str| {
        let place = folder.path().join(name);
        std::fs::create_dir(&place).unwrap();
        identity::put(&place, &drawer, KeyChoice::System, Seed::new([7; 32])).unwrap();
    };
    put("import.new");
    finish(folder.path(), DATABASE, &drawer).unwrap();
    assert!(drawer.kept.borrow().is_empty() && !folder.path().join("import.new").exists());
    // What was to take its place does so.
    put("import");
    finish(folder.path(), DATABASE, &drawer).unwrap();
    assert_eq!(*identity::open(folder.path(), &drawer, KeyChoice::System).unwrap().seed, [7; 32]);
}

#[tokio::test]
async fn a_device_that_lost_its_key_is_not_begun_as_another_one() {
    let home = tempfile::tempdir().unwrap();
    let (alices_id, _) = alice(home.path()).await;
    let folder = home.path().join("alice");
    let (key, away) = (folder.join(KEY_FILE), home.path().join("away"));
    std::fs::rename(&key, &away).unwrap();
    for _ in 0..2 {
        let flags = Flags { data_dir: Some(folder.clone()), ..Flags::default() };
        let said = Node::open(Settings::load(flags).unwrap()).await.unwrap_err().to_string();
        assert!(said.contains(key.to_str().unwrap()) && said.contains("import") && said.ends_with('.'), "{said}");
        assert!(!said.contains('\n') && !key.exists(), "{said}");
    }
    std::fs::rename(&away, &key).unwrap();
    let alice = device(&folder).await;
    assert_eq!(id(&alice).await, alices_id);
    alice.close().await;

    // Where nobody was ever met, there is nothing to lose.
    let folder = home.path().join("bob");
    device(&folder).await.close().await;
    std::fs::remove_file(folder.join(KEY_FILE)).unwrap();
    device(&folder).await.close().await;
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
        let refused = stage(held(&folder), DATABASE, &path, PASSPHRASE, &CancellationToken::new()).unwrap_err();
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
