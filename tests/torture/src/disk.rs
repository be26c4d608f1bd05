//! A device whose disk fails at one call after another: whatever it answered is there after a clean start, what it
//! refused is not half there, nobody else holds what it acknowledged and lost, and it says how it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    chance::Chance,
    cycle::come_back,
    device::Device,
    ledger::{Ledger, Page},
    process::Process,
    strace::{Fault, Strace},
};

const ALICE: usize = 0;

/// Which calls fail, and how.
const FAULTS: [(&str, &str); 12] = [
    ("pwrite64", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("fsync", "EIO"),
    ("fdatasync", "EIO"),
    ("ftruncate", "EIO"),
    ("openat", "EMFILE"),
    ("openat", "EIO"),
    ("write", "ENOSPC"),
    ("rename", "EIO"),
    ("mkdir", "ENOSPC"),
    ("pread64", "EIO"),
    ("mmap", "ENOMEM"),
];

/// How many points are tried at a time: most of the time they wait.
const WORKERS: usize = 6;

/// How soon writing goes on once the disk works again.
const RECOVERED: Duration = Duration::from_secs(20);

/// How soon after a clean start everything is everywhere.
const SETTLED: Duration = Duration::from_secs(40);

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program.
    pub lanline: PathBuf,
    /// How many points are tried, spread evenly; 0: all.
    pub points: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// How many points there are.
    pub all: usize,
    /// What became of the device, and at how many of those that were tried.
    pub ends: BTreeMap<&'static str, usize>,
    /// Where something was wrong, what, and the folder that was left.
    pub failures: Vec<(String, PathBuf)>,
    /// Since the beginning.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried: usize = self.ends.values().sum::<usize>() + self.failures.len();
        write!(f, "disk: {tried} of {} points in {:.0?}", self.all, self.took)?;
        for (end, count) in &self.ends {
            write!(f, ", {count} {end}")?;
        }
        write!(f, "; {} failed", self.failures.len())?;
        for (what, folder) in &self.failures {
            write!(f, "\nFAILED: {what}\ndata: {}", folder.display())?;
        }
        Ok(())
    }
}

/// Where a call fails.
#[derive(Clone, Debug)]
struct Point {
    /// From the program's first call on, or from when it answers.
    opening: bool,
    fault: Fault,
}

/// Whether strace is there, and may follow a process here.
pub fn is_possible() -> bool {
    Command::new("strace").args(["-o", "/dev/null", "true"]).output().is_ok_and(|output| output.status.success())
}

/// Tries points until the end. `say` hears what became of each.
///
/// # Errors
/// Where it cannot begin.
pub fn run(options: &Options, say: impl Fn(&str) + Sync) -> Result<Report> {
    let begun = Instant::now();
    let mut points = Vec::new();
    for opening in [true, false] {
        points.extend(points_of(options, opening)?);
    }
    let all = points.len();
    let tried = if options.points == 0 { all } else { options.points.min(all) };
    let chosen: Vec<&Point> = (0..tried).filter_map(|number| points.get(number * all / tried.max(1))).collect();
    let (next, report) = (AtomicUsize::new(0), Mutex::new(Report { all, ..Report::default() }));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(point) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tried = try_point(options, point);
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    match tried {
                        Ok(end) => {
                            say(&format!("{point:?}: {end}"));
                            *report.ends.entry(end).or_default() += 1;
                        }
                        Err(failure) => {
                            say(&format!("{point:?}: FAILED: {}", failure.0));
                            report.failures.push((format!("{point:?}: {}", failure.0), failure.1));
                        }
                    }
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.took = begun.elapsed();
    Ok(report)
}

/// As many of each call as a device makes to whose disk nothing happens.
fn points_of(options: &Options, opening: bool) -> Result<Vec<Point>> {
    let folder = tempfile::Builder::new().prefix("lanline-disk-").tempdir()?;
    let (scene, _) = Scene::play(&options.lanline, folder.path(), opening, None)?;
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for line in scene.strace.calls() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(rest)) = (words.next(), words.next()) else { continue };
        if let Some((call, _)) = FAULTS.iter().find(|(call, _)| rest.starts_with(&format!("{call}("))) {
            *counts.entry((thread.to_owned(), call)).or_default() += 1;
        }
    }
    if counts.is_empty() {
        bail!("strace saw no call");
    }
    let mut points = Vec::new();
    for (call, error) in FAULTS {
        let most = counts.iter().filter(|((_, counted), _)| *counted == call).map(|(_, count)| *count).max();
        for nth in 1..=most.unwrap_or(0) {
            for lasting in [false, true] {
                points.push(Point { opening, fault: Fault { call, error, nth, lasting } });
            }
        }
    }
    Ok(points)
}

/// What became of the device; or what was wrong, and where its data was left.
fn try_point(options: &Options, point: &Point) -> Result<&'static str, (String, PathBuf)> {
    let folder = match tempfile::Builder::new().prefix("lanline-disk-").tempdir() {
        Ok(folder) => folder,
        Err(error) => return Err((error.to_string(), PathBuf::new())),
    };
    let tried = Scene::play(&options.lanline, folder.path(), point.opening, Some(&point.fault))
        .and_then(|(scene, end)| scene.look().map(|()| if scene.was_hit() { end } else { "not reached" }));
    tried.map_err(|error| (format!("{error:#}"), folder.keep()))
}

/// Alice, whose disk fails, and bob, whose does not.
struct Scene {
    alice: Device,
    bob: Device,
    ledger: Arc<Ledger>,
    strace: Strace,
    named: bool,
    room: Option<String>,
    joined: bool,
}

impl Scene {
    /// Plays until alice has ended. Gives what became of her.
    fn play(lanline: &Path, folder: &Path, opening: bool, fault: Option<&Fault>) -> Result<(Self, &'static str)> {
        let ledger = Arc::new(Ledger::of_failing_disks());
        let alice = Device::new(ALICE, lanline, folder, None, &ledger)?;
        let bob = Device::new(1, lanline, folder, None, &ledger)?;
        come_back(&bob)?;
        let all: Vec<&str> = FAULTS.iter().map(|(call, _)| *call).collect();
        let calls = fault.map_or(all, |fault| vec![fault.call]);
        let strace = Strace::new(folder.join("calls"), &alice.data(), &calls, fault);
        let mut scene = Self { alice, bob, ledger, strace, named: false, room: None, joined: false };
        let end = scene.run(opening)?;
        Ok((scene, end))
    }

    fn run(&mut self, opening: bool) -> Result<&'static str> {
        if opening {
            self.alice.start_under(&self.strace.words())?;
        } else {
            self.alice.start()?;
        }
        let Some(process) = self.alice.process() else { return self.did_not_start(None) };
        if process.try_ask("status", &Value::Null).is_err() {
            return self.did_not_start(Some(&process));
        }
        process.may_refuse();
        if !opening {
            self.strace.attach(&process)?;
        }
        let refused = self.talk(&process)?;
        let state = self.state(&process)?;
        let told = self.ledger.stores(ALICE);
        if refused && !told.iter().any(|told| told.get("state").and_then(Value::as_str) != Some("ok")) {
            bail!("alice refused something and did not tell that her store is not well");
        }
        let end = match state.as_str() {
            "ok" if told.is_empty() && !refused => "not disturbed",
            "ok" => "recovered",
            "read_only" => {
                Strace::stop(&process)?;
                self.recovers(&process)?;
                "recovered"
            }
            "failed" => {
                if let Some(room) = &self.room {
                    let answered = self.ledger.count();
                    self.alice.say(&process, room, "");
                    process.until_waiting(0, Instant::now() + RECOVERED);
                    if self.ledger.count() > answered {
                        bail!("alice answered though her store has failed");
                    }
                }
                "stopped"
            }
            state => bail!("no such state: {state}"),
        };
        // Half of them end as if nothing were wrong.
        if self.strace.calls().len().is_multiple_of(2) {
            process.kill();
        } else {
            process.end_input();
            if process.ended(RECOVERED)?.is_none() {
                bail!("alice does not end");
            }
        }
        Ok(end)
    }

    /// She says why, in one sentence.
    fn did_not_start(&self, process: Option<&Process>) -> Result<&'static str> {
        let ended = process.map(|process| process.ended(RECOVERED)).transpose()?.flatten();
        if let Some(status) = ended
            && status.code() != Some(2)
        {
            bail!("alice did not start, and ended with {status}: {}", self.alice.log());
        }
        let log = self.alice.log();
        if !log.lines().last().is_some_and(|line| line.ends_with('.')) {
            bail!("alice did not start, and did not say why: {log}");
        }
        Ok("did not start")
    }

    /// Both do what devices do. Whether alice refused anything.
    fn talk(&mut self, process: &Process) -> Result<bool> {
        let mut refused = false;
        let mut ask = |method: &str, params: Value| -> Result<Option<Value>> {
            match process.try_ask(method, &params)? {
                Ok(result) => Ok(Some(result)),
                Err(error) if error.pointer("/data/code").and_then(Value::as_str) == Some("read_only") => {
                    refused = true;
                    Ok(None)
                }
                Err(error) => bail!("alice refused {method} otherwise than `read_only`: {error}"),
            }
        };
        let string = |value: Option<Value>, name: &str| Some(value?.get(name)?.as_str()?.to_owned());
        self.named = ask("set_profile", json!({"name": "Alice"}))?.is_some();
        self.room = string(ask("create_room", json!({"name": "Kitchen"}))?, "room");
        let Some(room) = self.room.clone() else { return Ok(refused) };
        let listens = ask("start_server", json!({"port": 0}))?;
        listens.iter().for_each(|answer| self.alice.listens(answer));
        let link = if listens.is_some() { string(ask("invite", json!({"room": room}))?, "link") } else { None };
        if let Some(link) = link {
            let bob = self.bob.process().context("bob does not run")?;
            self.joined = bob.try_ask("join", &json!({"link": link}))?.is_ok();
        }
        let deadline = Instant::now() + RECOVERED;
        for rest in ["", "", &format!(" {}", "x".repeat(9000))] {
            self.alice.say(process, &room, rest);
            if self.joined
                && let Some(bob) = self.bob.process()
            {
                self.bob.say(&bob, &room, rest);
                bob.until_waiting(0, deadline);
            }
            process.until_waiting(0, deadline);
        }
        // What bob said is on its way.
        std::thread::sleep(Duration::from_millis(200));
        if let Some(id) = self.ledger.to_mark(ALICE)
            && ask("mark_read", json!({"room": room, "id": id}))?.is_some()
        {
            self.ledger.read(ALICE, &id);
        }
        std::thread::sleep(Duration::from_millis(200));
        Ok(refused)
    }

    /// How alice says that her store is.
    fn state(&self, process: &Process) -> Result<String> {
        let status = process.ask("status", &Value::Null)?;
        let state = status.pointer("/store/state").and_then(Value::as_str).context("no state")?;
        let reason = status.pointer("/store/reason").and_then(Value::as_str);
        if state != "ok" && !reason.is_some_and(|reason| reason.ends_with('.')) {
            bail!("alice is {state} and does not say why in a sentence: {reason:?}");
        }
        Ok(state.to_owned())
    }

    /// Writing goes on by itself.
    fn recovers(&self, process: &Process) -> Result<()> {
        let deadline = Instant::now() + RECOVERED;
        loop {
            match self.state(process)?.as_str() {
                "ok" => return Ok(()),
                "failed" => bail!("alice waited for her disk, and gave up once it worked again"),
                _ if Instant::now() >= deadline => bail!("alice does not recover"),
                _ => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// After a clean start: is everything there that was answered?
    fn look(&self) -> Result<()> {
        come_back(&self.alice).context("after that")?;
        let name = self.alice.ask_for("status", &Value::Null, "name")?;
        // The flag names a device that was not named yet.
        if self.named && name != "Alice" {
            bail!("alice's name was answered, and now it is {name}");
        }
        let rooms = self.alice.ask("rooms", &Value::Null)?;
        let rooms: Vec<&str> =
            rooms.as_array().into_iter().flatten().filter_map(|room| room.get("room")?.as_str()).collect();
        let Some(room) = &self.room else { return self.nothing_wrong() };
        if !rooms.contains(&room.as_str()) {
            bail!("alice's room was answered, and is not there");
        }
        let devices = if self.joined { vec![&self.alice, &self.bob] } else { vec![&self.alice] };
        let ids = devices.iter().map(|device| device.ask_for("status", &Value::Null, "device_id"));
        let ids: Vec<String> = ids.collect::<Result<_>>()?;
        let again = self.alice.say_again(room, &mut Chance::new(0))?;
        let again: BTreeSet<(usize, u32)> = again.into_iter().map(|number| (ALICE, number)).collect();
        let texts: Vec<Vec<String>> = devices.iter().map(|device| device.texts()).collect();
        let deadline = Instant::now() + SETTLED;
        loop {
            let pages: Vec<Page> = devices.iter().map(|device| device.page(room, &ids)).collect::<Result<_>>()?;
            let wrong = self.ledger.check(&pages, &texts, &again);
            if wrong.is_nothing() {
                return self.nothing_wrong();
            }
            if Instant::now() >= deadline {
                bail!("after a clean start: {wrong}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn nothing_wrong(&self) -> Result<()> {
        let never = self.ledger.take_wrong();
        if !never.is_empty() {
            bail!("{}", never.join("; "));
        }
        Ok(())
    }

    /// Whether any call failed.
    fn was_hit(&self) -> bool {
        self.strace.calls().iter().any(|line| line.contains("(INJECTED)"))
    }
}
