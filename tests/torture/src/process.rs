//! A running `lanline rpc`: what it is asked, and what becomes of the questions.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use crate::{ledger::Ledger, place::Place};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// Ends when it is killed, or the device it belongs to is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Mutex<Child>,
    /// `None`: its input has ended.
    requests: Mutex<Option<ChildStdin>>,
    questions: Mutex<Questions>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Questions {
    last: u64,
    waiting: BTreeMap<u64, Question>,
    /// It was asked to end, or its disk fails: it may refuse.
    may_refuse: bool,
    ended: bool,
}

#[derive(Debug)]
enum Question {
    /// The text with this number.
    Say(u32),
    /// To mark all up to this message as read.
    Read(String),
    Call(Sender<Result<Value, Value>>),
}

impl Process {
    /// Starts it there; what it says goes into the ledger as this device's.
    pub(crate) fn start(
        place: Option<&Place>,
        mut command: Command,
        log: File,
        device: usize,
        ledger: &Arc<Ledger>,
    ) -> Result<Arc<Self>> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let spawned = match place {
            Some(place) => place.run(move || command.spawn())?,
            None => command.spawn(),
        };
        let mut child = spawned.context("`lanline` cannot be started")?;
        let requests = Mutex::new(child.stdin.take());
        let output = child.stdout.take().context("it has no output")?;
        let process =
            Arc::new(Self { child: Mutex::new(child), requests, questions: Mutex::default(), news: Condvar::new() });
        let (listening, ledger) = (Arc::clone(&process), Arc::clone(ledger));
        std::thread::spawn(move || listening.listen(output, device, &ledger));
        Ok(process)
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, output: ChildStdout, device: usize, ledger: &Ledger) {
        let mut output = BufReader::new(output);
        let mut line = String::new();
        while output.read_line(&mut line).is_ok_and(|count| count > 0) {
            // The last line of a process that was killed may be cut.
            if line.ends_with('\n') {
                match serde_json::from_str::<Value>(&line) {
                    Ok(value) => self.take(value, device, ledger),
                    Err(_) => ledger.wrong(format!("not JSON on standard output: {line}")),
                }
            }
            line.clear();
        }
        let mut questions = self.questions();
        questions.ended = true;
        questions.waiting.clear();
        drop(questions);
        self.news.notify_all();
    }

    fn take(&self, mut line: Value, device: usize, ledger: &Ledger) {
        let Some(id) = line.get("id").and_then(Value::as_u64) else {
            if line.get("method").is_none() {
                return ledger.wrong(format!("device {device} answered a question that nobody asked: {line}"));
            }
            let params = line.get("params").unwrap_or(&Value::Null);
            return ledger.told(device, line.get("method").and_then(Value::as_str).unwrap_or_default(), params);
        };
        let mut questions = self.questions();
        let (question, may_refuse) = (questions.waiting.remove(&id), questions.may_refuse);
        drop(questions);
        self.news.notify_all();
        let mut part = |name| line.get_mut(name).map(Value::take);
        let answer = match part("error") {
            Some(error) => Err(error),
            None => Ok(part("result").unwrap_or_default()),
        };
        match (question, answer) {
            (Some(Question::Say(number)), Ok(result)) => ledger.answered(device, number, &result),
            (Some(Question::Read(id)), Ok(_)) => ledger.read(device, &id),
            // Whoever asked may have given up.
            (Some(Question::Call(answered)), answer) => drop(answered.send(answer)),
            (Some(Question::Say(number)), Err(error)) if may_refuse => ledger.refused(device, number, &error),
            (Some(_), Err(_)) if may_refuse => {}
            (Some(_), Err(error)) => ledger.wrong(format!("device {device} refused a request: {error}")),
            (None, _) => ledger.wrong(format!("device {device} answered {id}, which nobody waits for")),
        }
    }

    /// Whether it was written to the process, which may die before it reads it.
    fn request(&self, question: Question, method: &str, params: &Value) -> bool {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(input) = requests.as_mut() else { return false };
        let id = {
            let mut questions = self.questions();
            if questions.ended {
                return false;
            }
            questions.last += 1;
            let id = questions.last;
            questions.waiting.insert(id, question);
            id
        };
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        input.write_all(format!("{request}\n").as_bytes()).is_ok()
    }

    /// Has it say a text, whose name for the device is its first two words.
    pub(crate) fn say(&self, room: &str, number: u32, text: &str) -> bool {
        let name = text.match_indices(' ').nth(1).and_then(|(end, _)| text.get(..end)).unwrap_or(text);
        self.request(Question::Say(number), "send_message", &json!({"room": room, "text": text, "client_id": name}))
    }

    /// Has it mark all up to a message as read.
    pub(crate) fn mark_read(&self, room: &str, id: &str) -> bool {
        self.request(Question::Read(id.to_owned()), "mark_read", &json!({"room": room, "id": id}))
    }

    /// Asks, and gives the result, or what was answered instead.
    pub(crate) fn try_ask(&self, method: &str, params: &Value) -> Result<Result<Value, Value>> {
        let (answer, answered) = channel();
        if !self.request(Question::Call(answer), method, params) {
            return Err(anyhow!("{method} cannot be asked: the process has ended"));
        }
        answered.recv_timeout(ANSWER).ok().with_context(|| format!("{method} is not answered"))
    }

    /// Asks, and gives the result.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Result<Value> {
        self.try_ask(method, params)?.map_err(|error| anyhow!("{method} failed: {error}"))
    }

    /// Waits until no more than so many questions are without an answer, or it has ended, or the time is over.
    pub(crate) fn until_waiting(&self, most: usize, deadline: Instant) {
        let mut questions = self.questions();
        while questions.waiting.len() > most && !questions.ended {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return };
            let waited = self.news.wait_timeout(questions, left);
            questions = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether it is over, and all that it said was heard.
    pub(crate) fn has_ended(&self) -> bool {
        self.questions().ended
    }

    /// As when it crashes: no goodbye, nothing finished. What it had said is heard when this returns.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
        drop(child);
        self.until_heard();
    }

    /// Waits until all that it said before it ended was heard.
    fn until_heard(&self) {
        let ended = self.news.wait_timeout_while(self.questions(), ANSWER, |questions| !questions.ended);
        drop(ended.unwrap_or_else(PoisonError::into_inner));
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = Command::new("kill").args(["-s", name, &child.id().to_string()]).stderr(Stdio::null()).status();
    }

    /// From now on it may refuse: it is to end, or its disk to fail.
    pub(crate) fn may_refuse(&self) {
        self.questions().may_refuse = true;
    }

    /// Its number in the system.
    pub(crate) fn id(&self) -> u32 {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Ends its input.
    pub(crate) fn end_input(&self) {
        self.may_refuse();
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until it has ended by itself, and gives how; `None` where it does not.
    pub(crate) fn ended(&self, within: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + within;
        loop {
            let status = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait()?;
            match status {
                Some(status) => {
                    self.until_heard();
                    return Ok(Some(status));
                }
                None if Instant::now() >= deadline => return Ok(None),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}
