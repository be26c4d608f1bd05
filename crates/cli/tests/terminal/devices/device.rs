//! One device: its folder, its running process, and what that said.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Rpc, lanline};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Device {
    /// First, so that it has ended when its folder is removed.
    rpc: Option<Rpc>,
    pub(crate) name: &'static str,
    pub(crate) home: TempDir,
    pub(crate) id: String,
    next_id: u64,
    answers: BTreeMap<u64, Value>,
    events: Vec<Value>,
    port: u64,
}

impl Device {
    pub(crate) fn start(name: &'static str) -> Self {
        let mut device = Self {
            name,
            home: tempfile::tempdir().unwrap(),
            id: String::new(),
            rpc: None,
            next_id: 0,
            answers: BTreeMap::new(),
            events: Vec::new(),
            port: 0,
        };
        device.resume();
        device.id = text(&device.ask("status", json!({}))["device_id"]);
        device
    }

    /// A device with a running server.
    pub(crate) fn start_server(name: &'static str) -> Self {
        let mut device = Self::start(name);
        device.listen();
        device
    }

    /// Starts the process.
    pub(crate) fn resume(&mut self) {
        let mut command = lanline(self.home.path(), &["rpc", "--port", "0", "--name", self.name]);
        command.env("LANLINE_LISTEN", "127.0.0.1");
        self.rpc = Some(Rpc::spawn(command));
    }

    /// Starts the server, on the same port as the last time.
    pub(crate) fn listen(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_ask("start_server", json!({"port": self.port})) {
                Ok(listening) => {
                    self.port = listening["port"].as_u64().unwrap();
                    return;
                }
                // Another test's connection may have the port for a moment.
                Err(error) => assert!(error["data"]["code"] == "port_in_use" && Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills the process, as `kill -9` does, and gives what it had said by then: answers not fetched and events.
    pub(crate) fn kill(&mut self) {
        let mut rpc = self.rpc.take().unwrap();
        rpc.child.kill().unwrap();
        rpc.child.wait().unwrap();
        while let Some(line) = rpc.read_until(Instant::now() + Duration::from_secs(1)) {
            self.sort(line);
        }
    }

    /// Ends the process by the end of its input.
    pub(crate) fn end(&mut self) {
        let (status, lines, said) = self.rpc.take().unwrap().end();
        assert!(status.success(), "{}: {said}", self.name);
        for line in lines {
            self.sort(line);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.rpc.as_ref().unwrap().child), signal).unwrap();
    }

    /// Asks, and does not wait for the answer.
    pub(crate) fn put(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params});
        self.rpc.as_mut().unwrap().write(format!("{request}\n").as_bytes());
        self.next_id
    }

    /// The answer to [`Self::put`].
    #[track_caller]
    pub(crate) fn answer(&mut self, id: u64) -> Result<Value, Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(mut answer) = self.answers.remove(&id) {
                return match answer.get_mut("error") {
                    Some(error) => Err(error.take()),
                    None => Ok(answer["result"].take()),
                };
            }
            assert!(self.listen_until(deadline), "{} does not answer", self.name);
        }
    }

    /// The answer to [`Self::put`], if it came already.
    pub(crate) fn answered(&mut self, id: u64) -> Option<Value> {
        self.answers.remove(&id).and_then(|mut answer| answer.get_mut("result").map(Value::take))
    }

    /// Takes in one line. `false`: there was none in time.
    pub(crate) fn listen_until(&mut self, deadline: Instant) -> bool {
        let line = self.rpc.as_mut().unwrap().read_until(deadline);
        line.map(|line| self.sort(line)).is_some()
    }

    fn sort(&mut self, line: Value) {
        match line["id"].as_u64() {
            Some(id) => drop(self.answers.insert(id, line)),
            None => self.events.push(line),
        }
    }

    #[track_caller]
    pub(crate) fn try_ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.put(method, params);
        self.answer(id)
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let name = self.name;
        self.try_ask(method, params).unwrap_or_else(|error| panic!("{name}: {method}: {error}"))
    }

    /// Asks for what must fail with this code, and with a sentence.
    #[track_caller]
    pub(crate) fn refused(&mut self, method: &str, params: Value, code: &str) {
        let error = self.try_ask(method, params).unwrap_err();
        assert_eq!(error["data"]["code"], code, "{error}");
        let sentence = error["message"].as_str().unwrap();
        assert!(sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
        let number = if code == "invalid_argument" { -32602 } else { -32000 };
        assert_eq!(error["code"], number, "{error}");
    }

    /// The first event that was not fetched yet, of this name and with these words; waits for it.
    #[track_caller]
    pub(crate) fn event(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut looked_at = 0;
        loop {
            let mut new = self.events.iter().skip(looked_at);
            if let Some(index) = new.position(|event| event["method"] == name && wanted(&event["params"])) {
                return self.events.remove(looked_at + index)["params"].take();
            }
            looked_at = self.events.len();
            assert!(self.listen_until(deadline), "{} tells of no {name}: {:?}", self.name, self.events.last());
        }
    }

    /// The events of this name that came, without waiting.
    pub(crate) fn events(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["method"] == name).map(|event| &event["params"])
    }

    pub(crate) fn forget_events(&mut self) {
        self.events.clear();
    }

    /// Waits until the room looks as wanted.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut wanted: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !wanted(self) {
            assert!(Instant::now() < deadline, "{}: {what} does not come about", self.name);
            // Whatever happens, an event may tell of it.
            self.listen_until(Instant::now() + Duration::from_millis(50));
        }
    }

    /// All messages of a room, oldest first, paged.
    pub(crate) fn all(&mut self, room: &str) -> Vec<Value> {
        let mut pages = Vec::new();
        let mut before = Value::Null;
        loop {
            let mut page = self.ask("messages", json!({"room": room, "limit": 500, "before": before}));
            let messages = std::mem::take(page["messages"].as_array_mut().unwrap());
            before = messages.first().map_or(Value::Null, |first| first["id"].clone());
            pages.push(messages);
            if page["more"] != true {
                break;
            }
            assert_eq!(pages.last().unwrap().len(), 500);
        }
        pages.into_iter().rev().flatten().collect()
    }

    /// The texts of a room, oldest first.
    pub(crate) fn texts(&mut self, room: &str) -> Vec<String> {
        self.all(room).iter().filter(|message| message["kind"] == "text").map(|m| text(&m["text"])).collect()
    }

    #[track_caller]
    pub(crate) fn say(&mut self, room: &str, words: &str) -> String {
        text(&self.ask("send_message", json!({"room": room, "text": words}))["id"])
    }

    /// Waits until a text is held.
    #[track_caller]
    pub(crate) fn hears(&mut self, room: &str, words: &str) {
        self.until(words, |device| device.texts(room).iter().any(|text| text == words));
    }

    #[track_caller]
    pub(crate) fn create_room(&mut self) -> String {
        text(&self.ask("create_room", json!({"name": "Home"}))["room"])
    }

    #[track_caller]
    pub(crate) fn invite(&mut self, room: &str) -> String {
        text(&self.ask("invite", json!({"room": room, "uses": 10}))["link"])
    }

    #[track_caller]
    pub(crate) fn join(&mut self, link: &str) {
        let joined = self.ask("join", json!({"link": link}));
        assert_eq!((&joined["name"], &joined["pending"]), (&json!("Home"), &json!(false)));
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Alice, who listens and made the room; Bob, who joined it; and the room.
pub(crate) fn alice_and_bob() -> (Device, Device, String) {
    let mut alice = Device::start_server("Alice");
    let mut bob = Device::start("Bob");
    let room = alice.create_room();
    let link = alice.invite(&room);
    bob.join(&link);
    (alice, bob, room)
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u32);

impl Dice {
    pub(crate) fn throw(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % sides
    }
}
