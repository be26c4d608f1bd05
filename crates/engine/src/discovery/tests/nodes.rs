//! Whole devices that find each other, on loopback and on networks that the kernel makes for a test.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lanline_protocol::identity::DeviceKey;
use serde_json::{Value, json};

use super::super::Heard;
use super::super::announcement::Announcement;
use super::super::message::Message;
use super::super::tag::recognise;
use super::device::{Device, PORTS};
use crate::api::{Event, NearbyDevice, NoParams, SetVisible, StartServer};
use crate::net::{Address, ConnectionEvent, Link, LinkAddress, Net, Timeouts};
use crate::{Flags, Node, Settings};

const PATIENCE: Duration = Duration::from_secs(30);

fn settings(folder: &Path, name: &str, listen: Option<Ipv4Addr>) -> Settings {
    let flags = Flags { data_dir: Some(folder.into()), name: Some(name.into()), port: Some(0), ..Flags::default() };
    let mut settings = Settings::load(flags).unwrap();
    settings.listen = listen.into_iter().map(|ip| (ip, 0).into()).collect();
    settings.discovery = true;
    settings
}

async fn open(settings: Settings) -> Node {
    let node = Node::open(settings).await.unwrap();
    // Nobody is to be waited for.
    drop(node.subscribe());
    node
}

/// On loopback alone. None where this system lets it hear nothing, which is said.
async fn device(folder: &Path, name: &str) -> Option<Node> {
    let node = open(settings(folder, name, Some(Ipv4Addr::LOCALHOST))).await;
    let links = || node.discovery().unwrap().transports().unwrap().traffic().links;
    until("it looks for its interfaces", async || !links().is_empty()).await;
    if let Some(trouble) = links().iter().find_map(|link| link.deaf.or(link.outside)) {
        eprintln!("SKIPPED: nothing is heard on loopback here: {trouble:?}");
        node.close().await;
        return None;
    }
    Some(node)
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

async fn serve(node: &Node) -> u16 {
    node.start_server(StartServer { port: Some(0) }).await.unwrap().port
}

async fn nearby(node: &Node) -> Vec<NearbyDevice> {
    node.nearby(NoParams {}).await.unwrap()
}

/// What stands in the list for who listens at a port of this machine.
async fn at_port(node: &Node, port: u16) -> Option<NearbyDevice> {
    let address = format!("127.0.0.1:{port}");
    nearby(node).await.into_iter().find(|near| near.addresses.contains(&address))
}

async fn sees(node: &Node, other: &Node, port: u16) -> bool {
    let id = other.device_id().to_string();
    at_port(node, port).await.is_some_and(|near| near.device_id == Some(id))
}

/// A room of alice's with bob in it.
async fn room_of(alice: &Node, bob: &Node) -> Value {
    let room = alice.call("create_room", json!({"name": "Garden"})).await.unwrap()["room"].take();
    let link = alice.call("invite", json!({"room": room})).await.unwrap()["link"].take();
    bob.call("join", json!({"link": link})).await.unwrap();
    room
}

async fn is_connected(node: &Node, other: &Node) -> bool {
    let id = other.device_id().to_string();
    node.peers(NoParams {}).await.unwrap().iter().any(|peer| peer.device_id == id)
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_found_by_who_they_are_and_strangers_see_a_name_only_while_it_is_shown() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [home, bobs, carols] = folders.each_ref().map(|folder| folder.path());
    let Some(alice) = device(home, "Alice").await else { return };
    let (Some(bob), Some(carol)) = (device(bobs, "Bob").await, device(carols, "Carol").await) else { return };
    let ports = (serve(&alice).await, serve(&bob).await);
    let room = room_of(&alice, &bob).await;
    until("members know each other", async || sees(&alice, &bob, ports.1).await && sees(&bob, &alice, ports.0).await)
        .await;
    let near = at_port(&alice, ports.1).await.unwrap();
    assert_eq!(near.name.as_deref(), Some("Bob"));

    until("a stranger sees that somebody is there", async || at_port(&carol, ports.0).await.is_some()).await;
    let near = at_port(&carol, ports.0).await.unwrap();
    assert_eq!((near.name, near.device_id), (None, None));
    let mut events = carol.subscribe();
    let visible = alice.set_visible(SetVisible { ttl_ms: 60_000 }).await.unwrap();
    assert!(visible.visible_until.is_some());
    assert_eq!(alice.status(NoParams {}).await.unwrap().visible_until, visible.visible_until);
    let shown = async || at_port(&carol, ports.0).await.and_then(|near| near.name);
    until("the name is seen", async || shown().await.as_deref() == Some("Alice")).await;
    let told = async { while !matches!(events.next().await, Some(Event::NearbyChanged {})) {} };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    alice.set_visible(SetVisible { ttl_ms: 0 }).await.unwrap();
    until("it is seen no more", async || shown().await.is_none()).await;

    // Bob is removed, and the name of the day is another one, which he has nothing to know by.
    let id = bob.device_id().to_string();
    alice.call("remove_member", json!({"room": room, "device_id": id})).await.unwrap();
    let stranger = async |node: &Node, port| at_port(node, port).await.is_some_and(|near| near.device_id.is_none());
    until("neither knows the other", async || stranger(&bob, ports.0).await && stranger(&alice, ports.1).await).await;

    alice.close().await;
    until("who takes leave is gone at once", async || at_port(&carol, ports.0).await.is_none()).await;
    bob.close().await;
    carol.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_moved_while_nobody_was_told_is_found() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [home, bobs] = folders.each_ref().map(|folder| folder.path());
    let Some(alice) = device(home, "Alice").await else { return };
    let Some(bob) = device(bobs, "Bob").await else { return };
    serve(&alice).await;
    let room = room_of(&alice, &bob).await;
    bob.close().await;
    alice.call("stop_server", json!({})).await.unwrap();
    serve(&alice).await;
    alice.call("send_message", json!({"room": room, "text": "I am elsewhere"})).await.unwrap();
    let Some(bob) = device(bobs, "Bob").await else { return };
    until("they meet", async || is_connected(&bob, &alice).await).await;
    until("what was said is there", async || {
        let page = bob.call("messages", json!({"room": room})).await.unwrap();
        page["messages"].as_array().unwrap().iter().any(|message| message["text"] == "I am elsewhere")
    })
    .await;
    alice.close().await;
    bob.close().await;
}

fn loopback() -> Vec<Link> {
    let lo = if_addrs::get_if_addrs().unwrap().into_iter().find(|interface| interface.ip() == Ipv4Addr::LOCALHOST);
    let lo = lo.unwrap();
    let address = LinkAddress { ip: lo.ip(), prefix: 8, broadcast: None };
    let (index, name) = (lo.index.unwrap(), lo.name);
    vec![Link { index, name, loopback: true, point_to_point: false, addresses: vec![address] }]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_again_what_a_member_said_is_told_nothing() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [home, bobs] = folders.each_ref().map(|folder| folder.path());
    let Some(alice) = device(home, "Alice").await else { return };
    let Some(bob) = device(bobs, "Bob").await else { return };
    let mut mallory = Device::start_on(PORTS, loopback());
    let port = serve(&alice).await;
    room_of(&alice, &bob).await;
    until("bob found alice", async || sees(&bob, &alice, port).await).await;
    let circles = bob.core().read(|machine| Ok(machine.replica.circles())).await.unwrap();
    let knows = |said: &Announcement| recognise(&circles, said.instance, &said.tags).is_some();
    let is_alices = |heard: &Heard| matches!(&heard.what, Message::Announce(said) if said.port == port && knows(said));
    let Message::Announce(mut said) = mallory.hears("alice", is_alices).await.what else { unreachable!() };
    let id = alice.device_id();
    alice.close().await;

    let key = DeviceKey::from_seed(&[66; 32]);
    let opened = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&opened);
    let net = Net::new(&key, tokio::runtime::Handle::current(), Timeouts::default(), move |event: ConnectionEvent| {
        told.lock().unwrap().push(format!("{event:?}"));
    });
    let net = net.unwrap();
    let listener = net.listen(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))], 0).unwrap();
    said.port = listener.port();
    let address = Address::Socket((Ipv4Addr::LOCALHOST, said.port).into());
    let noted = async || {
        mallory.transports.announce(&said);
        tokio::time::sleep(Duration::from_millis(100)).await;
        bob.core().impostors().without(id, vec![address.clone()], tokio::time::Instant::now()).is_empty()
    };
    until("bob dialled mallory as alice", noted).await;
    assert!(opened.lock().unwrap().is_empty(), "{:?}", opened.lock().unwrap());
    let status = bob.status(NoParams {}).await.unwrap();
    assert!(status.notices.is_empty(), "anybody could alarm him: {:?}", status.notices);
    bob.close().await;
    net.shutdown().await;
}

#[tokio::test]
async fn a_device_for_one_command_looks_around_and_says_nothing() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [home, bobs] = folders.each_ref().map(|folder| folder.path());
    let Some(alice) = device(home, "Alice").await else { return };
    let port = serve(&alice).await;
    let bob = Node::open_alone(settings(bobs, "Bob", Some(Ipv4Addr::LOCALHOST))).await.unwrap();
    until("alice is found", async || at_port(&bob, port).await.is_some()).await;
    assert!(bob.set_visible(SetVisible { ttl_ms: 1 }).await.is_err());
    bob.close().await;
    alice.close().await;
}

#[tokio::test]
async fn where_discovery_is_off_nothing_is_opened_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let off = Settings { discovery: false, ..settings(folder.path(), "Alice", Some(Ipv4Addr::LOCALHOST)) };
    let alice = open(off).await;
    for (name, params) in [("nearby", json!({})), ("probe", json!({})), ("set_visible", json!({"ttl_ms": 1}))] {
        let error = alice.call(name, params).await.unwrap_err().to_string();
        assert!(error.contains("LANLINE_DISCOVERY") && error.ends_with('.'), "{error}");
    }
    assert_eq!(alice.status(NoParams {}).await.unwrap().visible_until, None);
    alice.close().await;
}

#[tokio::test]
async fn nobody_is_visible_for_longer_than_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let alice = open(settings(folder.path(), "Alice", Some(Ipv4Addr::LOCALHOST))).await;
    for (ttl_ms, fine) in [(3_600_000, true), (3_600_001, false), (u64::MAX, false)] {
        assert_eq!(alice.call("set_visible", json!({"ttl_ms": ttl_ms})).await.is_ok(), fine);
    }
    alice.close().await;
}

#[cfg(target_os = "linux")]
mod changing {
    use super::super::lab::{Machine, pair};
    use super::*;

    /// With its threads on the machine.
    fn runtime(machine: &Machine) -> tokio::runtime::Runtime {
        std::thread::scope(|scope| {
            let built = scope.spawn(|| {
                machine.enter();
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
            });
            built.join().unwrap()
        })
    }

    struct Host {
        runtime: tokio::runtime::Runtime,
        node: Node,
        _folder: tempfile::TempDir,
    }

    impl Host {
        fn new(machine: &Machine, name: &str) -> Self {
            let (runtime, folder) = (runtime(machine), tempfile::tempdir().unwrap());
            let opened = runtime.spawn(open(settings(folder.path(), name, None)));
            let node = runtime.block_on(opened).unwrap();
            Self { runtime, node, _folder: folder }
        }

        fn call(&self, name: &str, params: Value) -> Value {
            self.runtime.block_on(self.node.call(name, params)).unwrap()
        }

        fn holds(&self, room: &Value, text: &str) -> bool {
            let page = self.call("messages", json!({"room": room}));
            page["messages"].as_array().unwrap().iter().any(|message| message["text"] == text)
        }
    }

    /// How long it takes until it is so.
    fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    #[test]
    fn a_conversation_goes_on_when_either_device_has_another_address() {
        let Some((home, bobs)) = pair() else { return };
        let (alice, bob) = (Host::new(&home, "Alice"), Host::new(&bobs, "Bob"));
        until("alice has an address", || {
            let listening = alice.call("start_server", json!({"port": 4000}));
            listening["addresses"].as_array().unwrap().iter().any(|address| address == "10.77.0.1:4000")
        });
        let room = alice.call("create_room", json!({"name": "Garden"}))["room"].take();
        let link = alice.call("invite", json!({"room": room}))["link"].take();
        bob.call("join", json!({"link": link}));
        bob.call("send_message", json!({"room": room, "text": "before"}));
        until("they talk", || alice.holds(&room, "before"));
        // A connection that has just begun is not doubted.
        std::thread::sleep(Duration::from_secs(5));
        let mut events = bob.node.subscribe();
        let mut took = BTreeMap::new();
        for (who, machine, before, after) in
            [("bob", &bobs, "10.77.0.2", "10.77.0.22"), ("alice", &home, "10.77.0.1", "10.77.0.11")]
        {
            // IPv6 would carry on.
            machine.ip("addr flush dev eth0 scope link");
            machine.ip(&format!("addr del {before}/24 dev eth0"));
            machine.ip(&format!("addr add {after}/24 dev eth0"));
            let (said, answered) = (format!("{who} moved"), format!("{who} moved, I see"));
            bob.call("send_message", json!({"room": room, "text": said}));
            alice.call("send_message", json!({"room": room, "text": answered}));
            let both = || alice.holds(&room, &said) && bob.holds(&room, &answered);
            took.insert(who, until("they talk on", both));
        }
        eprintln!("talking on took {took:?}");
        // Without notice of it, a connection is given up after seven seconds of silence.
        assert!(took.values().all(|took| *took < Duration::from_secs(6)), "{took:?}");
        let reasons = std::iter::from_fn(|| events.try_next()).filter_map(|event| match event {
            Event::PeerDisconnected { reason, .. } => Some(reason),
            _ => None,
        });
        assert!(reasons.collect::<Vec<_>>().contains(&"network_changed".to_owned()));
    }
}
