//! One device: its folder and its place last, its process comes and goes.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    chance::Chance,
    ledger::{Ledger, Own, Page, Shown, reached},
    place::{PORT, Place, address},
    process::Process,
};

/// How long a process may take to end once it is asked to.
const END: Duration = Duration::from_secs(20);

/// How many texts may be without an answer.
const IN_FLIGHT: usize = 24;

const NAMES: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

/// How many devices there may be.
pub(crate) const MOST: usize = NAMES.len();

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) number: usize,
    lanline: PathBuf,
    folder: PathBuf,
    places: Option<Arc<Vec<Place>>>,
    ledger: Arc<Ledger>,
    process: Mutex<Option<Arc<Process>>>,
    /// The port it listens on, once it does.
    port: Mutex<u16>,
    /// What it was given to say, by number.
    texts: Mutex<Vec<String>>,
}

impl Device {
    /// Its data below this folder, in its place of several, or on loopback where there are none.
    pub(crate) fn new(
        number: usize,
        lanline: &Path,
        folder: &Path,
        places: Option<Arc<Vec<Place>>>,
        ledger: &Arc<Ledger>,
    ) -> Result<Self> {
        let name = NAMES.get(number).context("too many devices")?;
        let folder = folder.join(name);
        std::fs::create_dir(&folder)?;
        let port = Mutex::new(if places.is_some() { PORT } else { 0 });
        Ok(Self {
            number,
            lanline: lanline.to_owned(),
            folder,
            places,
            ledger: Arc::clone(ledger),
            process: Mutex::default(),
            port,
            texts: Mutex::default(),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        NAMES.get(self.number).copied().unwrap_or_default()
    }

    /// What it was given to say, by number.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What its processes logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its process, where one runs.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.slot().clone().filter(|process| !process.has_ended())
    }

    /// Starts its process, where none runs. It does not listen yet.
    pub(crate) fn start(&self) -> Result<()> {
        self.start_under(&[])
    }

    /// As [`Self::start`], by another program that is given these words before the command.
    pub(crate) fn start_under(&self, words: &[String]) -> Result<()> {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|process| !process.has_ended()) {
            return Ok(());
        }
        // The one before has let go of the folder then.
        *slot = None;
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        let place = self.places.as_ref().and_then(|places| places.get(self.number));
        *slot = Some(Process::start(place, self.command(words), log, self.number, &self.ledger)?);
        Ok(())
    }

    /// `lanline rpc` with none of this machine's settings.
    fn command(&self, words: &[String]) -> Command {
        let mut command = match words.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.lanline);
                command
            }
            None => Command::new(&self.lanline),
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LANLINE_") {
                command.env_remove(name);
            }
        }
        let listen: IpAddr =
            if self.places.is_some() { address(self.number).into() } else { Ipv4Addr::LOCALHOST.into() };
        command.args(["rpc", "--no-discovery"]).current_dir(&self.folder);
        // Later it knows its name.
        if !self.data().exists() {
            command.args(["--name", self.name()]);
        }
        command.env("LANLINE_DATA_DIR", self.data()).env("LANLINE_LISTEN", listen.to_string());
        // Not into the key store of whoever runs this.
        command.env("LANLINE_KEY_STORE", "file").env("LANLINE_DISCOVERY", "off");
        command
    }

    /// Asks, and gives the result.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Result<Value> {
        let process = self.process().with_context(|| format!("{} does not run", self.name()))?;
        process.ask(method, params).with_context(|| self.name())
    }

    /// Asks, and gives one string of the result.
    pub(crate) fn ask_for(&self, method: &str, params: &Value, field: &str) -> Result<String> {
        let result = self.ask(method, params)?;
        let found = result.get(field).and_then(Value::as_str);
        Ok(found.with_context(|| format!("{}: {method} gave no {field}", self.name()))?.to_owned())
    }

    /// Listens, always on the same port.
    pub(crate) fn serve(&self) -> Result<()> {
        let mut port = self.port.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.ask("start_server", &json!({"port": *port}))?;
        *port = result.get("port").and_then(Value::as_u64).and_then(|port| port.try_into().ok()).context("no port")?;
        Ok(())
    }

    /// From now on it listens on the port that it answered.
    pub(crate) fn listens(&self, answer: &Value) {
        let port = answer.get("port").and_then(Value::as_u64).and_then(|port| port.try_into().ok());
        *self.port.lock().unwrap_or_else(PoisonError::into_inner) = port.unwrap_or(0);
    }

    /// Ends its process with this signal, or at the end of its input, and waits for it.
    pub(crate) fn end(&self, signal: Option<&str>) -> Result<()> {
        let Some(process) = self.process() else { return Ok(()) };
        match signal {
            Some(signal) => {
                process.may_refuse();
                process.signal(signal);
            }
            None => process.end_input(),
        }
        if !process.ended(END)?.is_some_and(|status| status.success()) {
            bail!("{} was asked to end ({}), and does not, or fails", self.name(), signal.unwrap_or("end of input"));
        }
        Ok(())
    }

    /// Kills its process, where one runs.
    pub(crate) fn kill(&self) {
        if let Some(process) = self.slot().as_ref() {
            process.kill();
        }
    }

    /// Says texts until the time is over, as fast as it takes them or slower, through whichever process runs.
    pub(crate) fn talk(&self, room: &str, until: Instant, most: usize, chance: &mut Chance) {
        let hurry = chance.one_in(3);
        for _ in 0..most {
            let Some(process) = self.process() else {
                if Instant::now() >= until {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            self.say(&process, room, "");
            if chance.one_in(12)
                && let Some(id) = self.ledger.to_mark(self.number)
            {
                process.mark_read(room, &id);
            }
            process.until_waiting(IN_FLIGHT, until);
            if !hurry {
                std::thread::sleep(chance.ms(0, 12));
            }
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// Has it say its next text, with something more behind it.
    pub(crate) fn say(&self, process: &Process, room: &str, rest: &str) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(number) = u32::try_from(texts.len()) else { return };
        let text = format!("{} {number}{rest}", self.name());
        texts.push(text.clone());
        drop(texts);
        process.say(room, number, &text);
    }

    /// Has it say again what it was given and did not answer, some of it twice. Gives the numbers.
    pub(crate) fn say_again(&self, room: &str, chance: &mut Chance) -> Result<Vec<u32>> {
        let process = self.process().with_context(|| format!("{} does not run", self.name()))?;
        let mut again = Vec::new();
        for (number, text) in (0_u32..).zip(self.texts()) {
            if self.ledger.is_answered(self.number, number) || chance.one_in(4) {
                continue;
            }
            again.push(number);
            for _ in 0..1 + u8::from(chance.one_in(3)) {
                process.say(room, number, &text);
            }
        }
        Ok(again)
    }

    /// What it shows of the room; `devices` are the ids of all.
    pub(crate) fn page(&self, room: &str, devices: &[String]) -> Result<Page> {
        let own_id = devices.get(self.number).context("no such device")?;
        let mut parts: Vec<Vec<Value>> = Vec::new();
        let mut before = Value::Null;
        loop {
            let mut part = self.ask("messages", &json!({"room": room, "limit": 500, "before": before}))?;
            let more = part.get("more").and_then(Value::as_bool).unwrap_or(false);
            let messages = part.get_mut("messages").and_then(Value::as_array_mut).map(std::mem::take);
            let messages = messages.with_context(|| format!("{} gave no messages", self.name()))?;
            before = messages.first().and_then(|message| message.get("id")).cloned().unwrap_or_default();
            let last = messages.is_empty() || !more;
            parts.push(messages);
            if last {
                break;
            }
        }
        let mut page = Page { messages: Vec::new(), own: Vec::new() };
        let text = |message: &Value, name: &str| message.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        for message in parts.iter().rev().flatten().filter(|message| text(message, "kind") == "text") {
            let shown = Shown { id: text(message, "id"), author: text(message, "author"), text: text(message, "text") };
            if shown.author == *own_id {
                page.own.push(Own { id: shown.id.clone(), reached: reached(message) });
            }
            page.messages.push(shown);
        }
        Ok(page)
    }

    /// Leaves its files, while no process runs, as a power cut may besides: its shared index is anything or not there,
    /// and its log ends in what was never finished.
    pub(crate) fn damage(&self, chance: &mut Chance) -> Result<()> {
        let data = self.data();
        let (index, log) = (data.join("lanline.db-shm"), data.join("lanline.db-wal"));
        match chance.below(3) {
            0 => drop(std::fs::remove_file(&index)),
            1 => {
                if let Ok(mut file) = OpenOptions::new().write(true).open(&index) {
                    write_noise(&mut file, 32 * 1024, chance)?;
                }
            }
            _ => {}
        }
        // An empty one would not begin with a header then.
        if chance.one_in(2)
            && let Ok(mut file) = OpenOptions::new().write(true).open(&log)
            && file.seek(SeekFrom::End(0))? > 0
        {
            let length = 1 + chance.below(9000);
            write_noise(&mut file, length, chance)?;
        }
        Ok(())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.kill();
    }
}

fn write_noise(file: &mut File, length: u64, chance: &mut Chance) -> Result<()> {
    let words = length.div_ceil(8);
    let noise: Vec<u8> = (0..words).flat_map(|_| chance.next().to_le_bytes()).collect();
    let length = usize::try_from(length)?;
    Ok(file.write_all(noise.get(..length).unwrap_or_default())?)
}
