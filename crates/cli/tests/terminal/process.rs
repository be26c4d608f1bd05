//! A running `lanline` and what it said.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// How long anything may take before a test fails.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// `lanline` with these arguments, its data in this folder, and none of this machine's settings.
pub(crate) fn lanline(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lanline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LANLINE_") {
            command.env_remove(name);
        }
    }
    command.args(args).current_dir(home).env("LANLINE_DATA_DIR", home.join("data"));
    // Not into the key store of whoever runs the tests.
    command.env("LANLINE_KEY_STORE", "file").env("LANLINE_DISCOVERY", "off");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end, with no input.
pub(crate) fn run(home: &Path, args: &[&str]) -> Output {
    lanline(home, args).stdin(Stdio::null()).output().unwrap()
}

/// As [`run`], with this on standard input.
pub(crate) fn run_with(home: &Path, args: &[&str], input: &str) -> Output {
    let mut command = lanline(home, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Asserts that it ended with this code, said one sentence on standard error that holds these words, and nothing else.
#[track_caller]
pub(crate) fn assert_failed(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(output.stdout.is_empty());
    assert!(said.ends_with(".\n") && said.lines().count() == 1, "not one sentence: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
}

/// Waits for a process to end by itself.
#[track_caller]
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running `lanline rpc`; killed when dropped.
pub(crate) struct Rpc {
    pub(crate) child: Child,
    requests: Option<ChildStdin>,
    lines: Receiver<Value>,
    complaints: Option<JoinHandle<String>>,
}

impl Rpc {
    pub(crate) fn start(home: &Path, args: &[&str]) -> Self {
        Self::spawn(lanline(home, &[&["rpc"], args].concat()))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let requests = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                let line = line.unwrap();
                let value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON on stdout: {line}"));
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        let mut errors = child.stderr.take().unwrap();
        let complaints = std::thread::spawn(move || {
            let mut said = String::new();
            errors.read_to_string(&mut said).unwrap();
            said
        });
        Self { child, requests, lines, complaints: Some(complaints) }
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let requests = self.requests.as_mut().unwrap();
        requests.write_all(bytes).unwrap();
        requests.flush().unwrap();
    }

    /// The next line of its output.
    #[track_caller]
    pub(crate) fn read(&mut self) -> Value {
        self.lines.recv_timeout(SOON).expect("it says nothing more")
    }

    /// The next line of its output, if there is one in time.
    pub(crate) fn read_until(&mut self, deadline: Instant) -> Option<Value> {
        self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// Asks, and gives the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": method, "method": method, "params": params});
        self.write(format!("{request}\n").as_bytes());
        loop {
            let line = self.read();
            if line["id"] == method {
                return line;
            }
        }
    }

    /// Ends its input; gives how it ended, the lines not read yet, and what it said on standard error.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<Value>, String) {
        self.requests = None;
        let status = ended(&mut self.child);
        (status, self.lines.iter().collect(), self.complaints.take().unwrap().join().unwrap())
    }
}

impl Drop for Rpc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
