//! A campaign: many cycles, and after every few of them a look whether all devices show what was answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    chance::Chance,
    cycle::{self, Tally, come_back},
    device::{Device, MOST},
    fault::Plan,
    ledger::{Ledger, Page, Wrong},
    place::Place,
    relay::Relay,
};

/// Cycles with the same devices; then others begin, so that a room stays small enough to look at again and again.
const ERA: u64 = 25;

/// How long after all faults have stopped everything must be everywhere.
const SETTLED: Duration = Duration::from_secs(90);

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program.
    pub lanline: PathBuf,
    /// How often something befalls the devices.
    pub cycles: u64,
    /// What everything is drawn from.
    pub seed: u64,
    /// How many there are: 2 to 8.
    pub devices: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// How many devices there were.
    pub devices: usize,
    /// How often something befell them.
    pub cycles: u64,
    /// How often a process was killed.
    pub kills: u64,
    /// How often a process stood still for a while.
    pub stops: u64,
    /// How often a process or its server was asked to end.
    pub ends: u64,
    /// How often a cable broke.
    pub breaks: u64,
    /// How often two groups of devices could not reach each other.
    pub partitions: u64,
    /// Texts that were answered.
    pub answered: u64,
    /// Those that were said again since they had not been answered.
    pub again: u64,
    /// How often all faults stopped, and everything was looked at.
    pub looks: u64,
    /// The longest time until everything was everywhere after that.
    pub slowest: Duration,
    /// Since the beginning.
    pub took: Duration,
    /// Why the cables held, where they could not be broken.
    pub whole: Option<String>,
    /// What was wrong, where something was.
    pub failure: Option<Failure>,
}

/// What was wrong.
#[derive(Debug)]
pub struct Failure {
    /// The seed that begins with the era in which it was.
    pub seed: u64,
    /// How many cycles lead to it.
    pub cycles: u64,
    /// What it was.
    pub what: String,
    /// Messages that were answered, or told of, and are not there.
    pub lost: usize,
    /// Messages that are there more than once.
    pub doubled: usize,
    /// Messages that one device shows and another does not.
    pub gaps: usize,
    /// Where the devices' data was left.
    pub folder: PathBuf,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lost, doubled, gaps) =
            self.failure.as_ref().map_or((0, 0, 0), |failure| (failure.lost, failure.doubled, failure.gaps));
        write!(
            f,
            "torture: {} cycles in {:.0?}: {} kills, {} stops, {} clean ends, {} broken cables, {} partitions; {} \
             messages answered, {} of them asked again; {lost} lost, {doubled} duplicates, {gaps} gaps; everywhere \
             after at most {:.1?}, {} looks",
            self.cycles,
            self.took,
            self.kills,
            self.stops,
            self.ends,
            self.breaks,
            self.partitions,
            self.answered,
            self.again,
            self.slowest,
            self.looks,
        )?;
        if let Some(reason) = &self.whole {
            write!(f, "\nno cable was broken: {reason}")?;
        }
        if let Some(failure) = &self.failure {
            write!(
                f,
                "\nFAILED: {}\nreplay: cargo xtask torture --devices {} --seed {} --cycles {}\ndata: {}",
                failure.what,
                self.devices,
                failure.seed,
                failure.cycles,
                failure.folder.display()
            )?;
        }
        Ok(())
    }
}

/// Runs it until its end, or until something is wrong. Says after each era how it is going.
///
/// # Errors
/// Where it cannot begin.
pub fn run(options: &Options, mut say: impl FnMut(&Report)) -> Result<Report> {
    if !(2..=MOST).contains(&options.devices) {
        bail!("there are 2 to {MOST} devices");
    }
    let begun = Instant::now();
    let mut report = Report { devices: options.devices, ..Report::default() };
    let mut seed = options.seed;
    while report.cycles < options.cycles {
        let cycles = ERA.min(options.cycles - report.cycles);
        let folder = tempfile::Builder::new().prefix("lanline-torture-").tempdir()?;
        let before = report.cycles;
        let mut era = Era::begin(options, folder.path().to_owned(), seed, &mut report)?;
        let done = era.run(cycles, &mut report);
        let wrong = era.wrong.clone();
        drop(era);
        report.took = begun.elapsed();
        if let Err(error) = done {
            report.failure = Some(Failure {
                seed,
                cycles: report.cycles - before,
                what: format!("{error:#}"),
                lost: wrong.lost.len(),
                doubled: wrong.doubled.len(),
                gaps: wrong.gaps.len(),
                folder: folder.keep(),
            });
            return Ok(report);
        }
        say(&report);
        // The one after it begins where the numbers of this one would go on.
        seed = seed.wrapping_add(1);
    }
    Ok(report)
}

/// One set of devices, in one room.
struct Era {
    devices: Vec<Device>,
    /// Before the places, whose listeners it ends.
    relay: Option<Relay>,
    cables: Vec<(usize, usize)>,
    room: String,
    ids: Vec<String>,
    ledger: Arc<Ledger>,
    chance: Chance,
    tally: Tally,
    again: BTreeSet<(usize, u32)>,
    /// How many texts were answered in the eras before, and how many said again.
    before: (u64, u64),
    /// What was found to be wrong last.
    wrong: Wrong,
}

impl Era {
    fn begin(options: &Options, folder: PathBuf, seed: u64, report: &mut Report) -> Result<Self> {
        let places: Result<Vec<Place>> = (0..options.devices).map(|_| Place::make(options.devices)).collect();
        let (places, relay) = match places {
            Ok(places) => {
                let places = Arc::new(places);
                let relay = Relay::lay(&places)?;
                (Some(places), Some(relay))
            }
            Err(error) => {
                report.whole = Some(format!("{error:#}"));
                (None, None)
            }
        };
        let ledger = Arc::<Ledger>::default();
        let devices: Vec<Device> = (0..options.devices)
            .map(|number| Device::new(number, &options.lanline, &folder, places.clone(), &ledger))
            .collect::<Result<_>>()?;
        let room = cycle::meet(&devices).context("they could not meet")?;
        let ids = devices.iter().map(|device| device.ask_for("status", &Value::Null, "device_id"));
        let ids = ids.collect::<Result<_>>()?;
        let cables = relay.iter().flat_map(Relay::cables).map(|(ends, _)| ends).collect();
        let before = (report.answered, report.again);
        let (tally, again, wrong) = (Tally::default(), BTreeSet::new(), Wrong::default());
        Ok(Self { devices, relay, cables, room, ids, ledger, chance: Chance::new(seed), tally, again, before, wrong })
    }

    fn run(&mut self, cycles: u64, report: &mut Report) -> Result<()> {
        let mut until_look = 0;
        for left in (0..cycles).rev() {
            let plan = Plan::draw(self.devices.len(), &self.cables, &mut self.chance);
            report.cycles += 1;
            let (relay, tally) = (self.relay.as_ref(), &self.tally);
            cycle::run(&self.devices, relay, &self.room, &plan, &mut self.chance, tally)
                .with_context(|| format!("{plan:?}"))?;
            if until_look == 0 || left == 0 {
                report.looks += 1;
                let took = self.settle().with_context(|| format!("after {plan:?}"));
                self.add_to(report);
                report.slowest = report.slowest.max(took?);
                until_look = self.chance.below(5);
            } else {
                until_look -= 1;
            }
        }
        Ok(())
    }

    fn add_to(&self, report: &mut Report) {
        let tally = &self.tally;
        for (count, total) in [
            (&tally.kills, &mut report.kills),
            (&tally.stops, &mut report.stops),
            (&tally.ends, &mut report.ends),
            (&tally.breaks, &mut report.breaks),
            (&tally.partitions, &mut report.partitions),
        ] {
            *total += count.swap(0, Ordering::Relaxed);
        }
        report.answered = self.before.0 + self.ledger.count() as u64;
        report.again = self.before.1 + self.again.len() as u64;
    }

    /// Stops all faults, starts everyone, and waits until everything is everywhere. Gives how long that took.
    fn settle(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        for (_, cable) in self.relay.iter().flat_map(Relay::cables) {
            cable.mend();
            // Otherwise what was held back is all delivered now.
            if self.chance.one_in(3) {
                cable.cut();
            }
        }
        for device in &self.devices {
            come_back(device)?;
            let again = device.say_again(&self.room, &mut self.chance)?;
            self.again.extend(again.into_iter().map(|number| (device.number, number)));
        }
        let deadline = begun + SETTLED;
        for process in self.devices.iter().filter_map(Device::process) {
            process.until_waiting(0, deadline);
        }
        let texts: Vec<Vec<String>> = self.devices.iter().map(Device::texts).collect();
        loop {
            let pages: Vec<Page> =
                self.devices.iter().map(|device| device.page(&self.room, &self.ids)).collect::<Result<_>>()?;
            self.wrong = self.ledger.check(&pages, &texts, &self.again);
            let never = self.ledger.take_wrong();
            if !never.is_empty() {
                bail!("{}", never.join("; "));
            }
            if self.wrong.is_nothing() {
                self.check_read(&pages)?;
                return Ok(begun.elapsed());
            }
            if Instant::now() >= deadline {
                bail!("after {:?} it still is so: {}", SETTLED, self.wrong);
            }
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// Holds who is said to have read what against who was asked to mark it so.
    fn check_read(&self, pages: &[Page]) -> Result<()> {
        let marked = self.ledger.marked();
        let mut readers = BTreeMap::new();
        for (device, page) in self.devices.iter().zip(pages) {
            for own in page.own.iter().filter(|own| marked.contains(&own.id)) {
                let receipts = device.ask("receipts", &json!({"id": own.id}))?;
                let read = receipts.get("read").and_then(Value::as_array).into_iter().flatten();
                let number = |id: &Value| self.ids.iter().position(|known| Some(known.as_str()) == id.as_str());
                readers.insert(own.id.clone(), read.filter_map(number).collect());
            }
        }
        let wrong = pages.first().map(|page| self.ledger.check_read(page, &readers)).unwrap_or_default();
        if !wrong.is_empty() {
            bail!("{wrong:?}");
        }
        Ok(())
    }
}
