//! A running `lanline rpc`: what it is asked, what it answers, what it tells and what it logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take before a test fails.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// How long it may take until a device is told that another is gone, or a stranger is shown out.
pub(crate) const GONE: Duration = Duration::from_secs(10);

/// One device: its folder lasts as long as this, its process may come and go. Killed when dropped.
pub(crate) struct Device {
    /// First, so that it has ended when its folder is removed.
    process: Process,
    pub(crate) name: &'static str,
    pub(crate) id: String,
    folder: TempDir,
    data: PathBuf,
    namespace: Option<String>,
    /// Whether it looks for others and is announced.
    discovers: bool,
    /// How many texts it was given to say.
    said: Mutex<u32>,
    /// The texts that it answered to have.
    answered: Mutex<BTreeSet<String>>,
}

struct Process {
    child: Mutex<Child>,
    requests: Mutex<ChildStdin>,
    next: AtomicU64,
    heard: Arc<Heard>,
}

/// What came from a process, and who waits for more.
#[derive(Default)]
struct Heard {
    all: Mutex<All>,
    news: Condvar,
}

#[derive(Default)]
struct All {
    answers: BTreeMap<u64, Value>,
    /// The last request that was answered, by number.
    answered: u64,
    events: Vec<(Instant, Value)>,
    log: Vec<String>,
    ended: bool,
}

/// A text that a device was given to say and has perhaps not answered.
pub(crate) struct Utterance {
    request: u64,
    text: String,
}

impl Device {
    /// On this machine's loopback, where nobody else is.
    pub(crate) fn start(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self::begin(name, folder, data, None, false)
    }

    /// With its data in this folder.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_on(name: &'static str, data: PathBuf) -> Self {
        Self::begin(name, tempfile::tempdir().unwrap(), data, None, false)
    }

    /// In a network namespace, on all of its addresses.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_in(name: &'static str, namespace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self::begin(name, folder, data, Some(namespace.to_owned()), false)
    }

    /// As [`Self::start_in`], and it finds others and is found.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_found(name: &'static str, namespace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self::begin(name, folder, data, Some(namespace.to_owned()), true)
    }

    fn begin(name: &'static str, folder: TempDir, data: PathBuf, namespace: Option<String>, discovers: bool) -> Self {
        let process = Process::start(command(name, &folder, &data, namespace.as_deref(), discovers));
        let mut device = Self {
            process,
            name,
            id: String::new(),
            folder,
            data,
            namespace,
            discovers,
            said: Mutex::new(0),
            answered: Mutex::default(),
        };
        device.id = text(&device.ask("status", Value::Null)["device_id"]);
        device
    }

    /// As the power fails: no goodbye, nothing finished.
    pub(crate) fn kill(&self) {
        self.process.end();
    }

    /// Starts it again in the same folder.
    pub(crate) fn start_again(&mut self) {
        let (namespace, discovers) = (self.namespace.as_deref(), self.discovers);
        self.process = Process::start(command(self.name, &self.folder, &self.data, namespace, discovers));
    }

    /// Listens; gives the port.
    #[track_caller]
    pub(crate) fn serve(&self, port: u16) -> u16 {
        u16::try_from(self.ask("start_server", json!({"port": port}))["port"].as_u64().unwrap()).unwrap()
    }

    /// Asks, and gives the result.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        match self.try_ask(method, params) {
            Ok(result) => result,
            Err(error) => panic!("{}: {method} failed: {error}\n{}", self.name, self.log()),
        }
    }

    /// Asks, and gives the result or the error.
    #[track_caller]
    pub(crate) fn try_ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        let request = self.process.request(method, params).expect("it takes requests");
        let answer = self.process.heard.wait(Instant::now() + SOON, |all| all.answers.remove(&request));
        let mut answer = answer.unwrap_or_else(|| panic!("{} does not answer {method}\n{}", self.name, self.log()));
        match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["result"].take()),
        }
    }

    /// Says its next text, and waits for the answer.
    #[track_caller]
    pub(crate) fn say(&self, room: &str) -> String {
        let spoken = self.speak(room, "").expect("it takes requests");
        let answered = self.listen(&spoken);
        answered.unwrap_or_else(|error| panic!("{} cannot say anything: {error}\n{}", self.name, self.log()));
        spoken.text
    }

    /// Gives it its next text, `alice 7` and what is to follow, without waiting for the answer. `None` if it is dead.
    pub(crate) fn speak(&self, room: &str, rest: &str) -> Option<Utterance> {
        // Held until it is given: it gets them in their order, whoever has it say something.
        let mut said = self.said.lock().unwrap();
        let text = format!("{} {said} {rest}", self.name).trim_end().to_owned();
        *said += 1;
        let request = self.process.request("send_message", json!({"room": room, "text": text}))?;
        Some(Utterance { request, text })
    }

    /// Waits for the answer; the error is what was answered, or null if it died before.
    #[track_caller]
    pub(crate) fn listen(&self, spoken: &Utterance) -> Result<(), Value> {
        let deadline = Instant::now() + SOON;
        let answer = self
            .process
            .heard
            .wait(deadline, |all| all.answers.remove(&spoken.request).or_else(|| all.ended.then_some(Value::Null)));
        let answer = answer.unwrap_or_else(|| panic!("{} does not answer\n{}", self.name, self.log()));
        if answer["result"]["id"].is_string() {
            self.answered.lock().unwrap().insert(spoken.text.clone());
            return Ok(());
        }
        Err(answer["error"].clone())
    }

    /// Says many texts as fast as it takes them; stops when it dies. All but what it had not answered then is answered.
    #[track_caller]
    pub(crate) fn flood(&self, room: &str, count: usize) {
        let spoken: Vec<Utterance> = (0..count).map_while(|_| self.speak(room, "")).collect();
        for spoken in spoken {
            if let Err(error) = self.listen(&spoken) {
                assert!(error.is_null(), "{}: {error}", self.name);
            }
        }
    }

    /// Waits until it answered this request, by number, or one after it.
    #[track_caller]
    pub(crate) fn until_answered(&self, request: u64) {
        let answered = self.process.heard.wait(Instant::now() + SOON, |all| (all.answered >= request).then_some(()));
        assert!(answered.is_some(), "{} does not answer", self.name);
    }

    /// The number of the last request it was given since it started.
    pub(crate) fn asked(&self) -> u64 {
        self.process.next.load(Ordering::Relaxed)
    }

    /// The texts that it answered to have, in no order that matters.
    pub(crate) fn answered(&self) -> BTreeSet<String> {
        self.answered.lock().unwrap().clone()
    }

    /// How many events it told of since it started: a place to look on from.
    pub(crate) fn mark(&self) -> usize {
        self.process.heard.all.lock().unwrap().events.len()
    }

    /// Waits for an event that was told after the mark; gives when it was, and its fields.
    #[track_caller]
    pub(crate) fn event(&self, mark: usize, name: &str, fits: impl Fn(&Value) -> bool) -> (Instant, Value) {
        let mut place = mark;
        let found = self.process.heard.wait(Instant::now() + SOON, |all| {
            while let Some((at, event)) = all.events.get(place) {
                place += 1;
                if event["method"] == name && fits(&event["params"]) {
                    return Some((*at, event["params"].clone()));
                }
            }
            None
        });
        found.unwrap_or_else(|| panic!("{} does not tell of {name}\n{}", self.name, self.log()))
    }

    /// Waits until it tells that another is connected.
    #[track_caller]
    pub(crate) fn until_connected(&self, mark: usize, other: &Self) {
        self.event(mark, "peer_connected", |event| event["device_id"] == other.id);
    }

    /// Asserts that it tells in time that another is gone, and for one of these reasons.
    #[track_caller]
    pub(crate) fn assert_gone(&self, mark: usize, other: &Self, since: Instant, reasons: &[&str]) {
        let (at, event) = self.event(mark, "peer_disconnected", |event| event["device_id"] == other.id);
        let after = at.saturating_duration_since(since);
        assert!(after <= GONE, "{} said only after {after:?} that {} is gone", self.name, other.name);
        let reason = text(&event["reason"]);
        assert!(reasons.contains(&reason.as_str()), "{} is gone because {reason:?}", other.name);
    }

    /// Waits for a line of its log that holds all of these words.
    #[track_caller]
    pub(crate) fn until_logged(&self, words: &[&str]) {
        let holds = |line: &String| words.iter().all(|word| line.contains(word));
        let logged = self.process.heard.wait(Instant::now() + SOON, |all| all.log.iter().any(holds).then_some(()));
        assert!(logged.is_some(), "{} did not log {words:?}:\n{}", self.name, self.log());
    }

    /// What it logged since it started.
    pub(crate) fn log(&self) -> String {
        self.process.heard.all.lock().unwrap().log.join("\n")
    }

    /// Memory in use, in KiB, and how many files are open, connections included.
    #[cfg(target_os = "linux")]
    pub(crate) fn use_of(&self) -> (u64, usize) {
        let process = PathBuf::from("/proc").join(self.process.child.lock().unwrap().id().to_string());
        let status = std::fs::read_to_string(process.join("status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let memory = memory.split_whitespace().next().unwrap().parse().unwrap();
        (memory, std::fs::read_dir(process.join("fd")).unwrap().count())
    }

    /// The time that processors have spent on it so far.
    #[cfg(target_os = "linux")]
    pub(crate) fn processor(&self) -> Duration {
        let process = PathBuf::from("/proc").join(self.process.child.lock().unwrap().id().to_string());
        let stat = std::fs::read_to_string(process.join("stat")).unwrap();
        // Behind the program's name, which may hold anything, `utime` is the twelfth field and `stime` the next; both count
        // threads that have ended as well (proc_pid_stat(5)).
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let child = self.process.child.lock().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
    }
}

impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let requests = Mutex::new(child.stdin.take().unwrap());
        let heard = Arc::new(Heard::default());
        let output = BufReader::new(child.stdout.take().unwrap());
        let errors = BufReader::new(child.stderr.take().unwrap());
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            hearing.listen(output);
            hearing.change(|all| all.ended = true);
        });
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                hearing.change(|all| all.log.push(line));
            }
        });
        Self { child: Mutex::new(child), requests, next: AtomicU64::new(0), heard }
    }

    fn end(&self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Asks; gives the request's number, or `None` if the process is dead.
    fn request(&self, method: &str, params: Value) -> Option<u64> {
        let mut requests = self.requests.lock().unwrap();
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        requests.write_all(format!("{request}\n").as_bytes()).ok().map(|()| id)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl Heard {
    fn listen(&self, mut output: impl BufRead) {
        let mut line = String::new();
        while output.read_line(&mut line).is_ok_and(|count| count > 0) {
            // The last line of a process that was killed may be cut.
            if line.ends_with('\n') {
                let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON on stdout: {line}"));
                self.change(|all| match value["id"].as_u64() {
                    Some(id) => {
                        all.answered = all.answered.max(id);
                        assert!(all.answers.insert(id, value).is_none(), "{id} was answered twice");
                    }
                    None => all.events.push((Instant::now(), value)),
                });
            }
            line.clear();
        }
    }

    fn change(&self, change: impl FnOnce(&mut All)) {
        change(&mut self.all.lock().unwrap());
        self.news.notify_all();
    }

    /// Looks at what was heard, again and again as more comes; `None` when the time is over.
    fn wait<T>(&self, deadline: Instant, mut look: impl FnMut(&mut All) -> Option<T>) -> Option<T> {
        let mut all = self.all.lock().unwrap();
        loop {
            if let Some(found) = look(&mut all) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            all = self.news.wait_timeout(all, left).unwrap().0;
        }
    }
}

/// `lanline rpc` with none of this machine's settings.
fn command(name: &str, folder: &TempDir, data: &std::path::Path, namespace: Option<&str>, discovers: bool) -> Command {
    let lanline = env!("CARGO_BIN_EXE_lanline");
    let mut command = match namespace {
        Some(namespace) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace, lanline]);
            command
        }
        None => Command::new(lanline),
    };
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LANLINE_") {
            command.env_remove(name);
        }
    }
    if namespace.is_none() {
        command.env("LANLINE_LISTEN", "127.0.0.1");
    }
    // Not into the key store of whoever runs the tests.
    command.env("LANLINE_KEY_STORE", "file");
    command.arg("rpc").args((!discovers).then_some("--no-discovery")).args(["--name", name]);
    command.current_dir(folder.path()).env("LANLINE_DATA_DIR", data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A value that is a string.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}
