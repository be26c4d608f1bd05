//! One cycle: everybody talks, and what the plan says befalls them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    chance::Chance,
    device::Device,
    fault::{Befalls, Breaks, Fall, Plan},
    relay::{Cable, Relay},
};

/// What each device is given to say in one cycle at most.
const TEXTS: usize = 60;

/// How often what befell.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kills: AtomicU64,
    pub(crate) stops: AtomicU64,
    pub(crate) ends: AtomicU64,
    pub(crate) breaks: AtomicU64,
    pub(crate) partitions: AtomicU64,
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Runs it to its end. Some devices may not run then, and some cables stay broken.
pub(crate) fn run(
    devices: &[Device],
    relay: Option<&Relay>,
    room: &str,
    plan: &Plan,
    chance: &mut Chance,
    tally: &Tally,
) -> Result<()> {
    let until = Instant::now() + plan.lasts;
    if plan.parted {
        one_more(&tally.partitions);
    }
    std::thread::scope(|scope| {
        let mut falling = Vec::new();
        for (device, fall) in devices.iter().zip(&plan.falls) {
            let (mut talking, mut falls) = (chance.fork(), chance.fork());
            scope.spawn(move || device.talk(room, until, TEXTS, &mut talking));
            if let Some(fall) = fall {
                falling.push(scope.spawn(move || befall(device, fall, &mut falls, tally)));
            }
        }
        let cables = relay.into_iter().flat_map(Relay::cables);
        for ((_, cable), broken) in cables.zip(&plan.breaks) {
            if let Some(broken) = broken {
                one_more(&tally.breaks);
                scope.spawn(move || breaks(cable, broken));
            }
        }
        falling.into_iter().try_for_each(|fall| fall.join().unwrap_or_else(|_| anyhow::bail!("a fault panicked")))
    })
}

fn befall(device: &Device, fall: &Fall, chance: &mut Chance, tally: &Tally) -> Result<()> {
    std::thread::sleep(fall.after);
    match fall.what {
        Befalls::Killed { again, damaged } => {
            device.kill();
            one_more(&tally.kills);
            if damaged {
                device.damage(chance)?;
            }
            if let Some(again) = again {
                std::thread::sleep(again);
                come_back(device)?;
            }
        }
        Befalls::KilledTwice { again, starting } => {
            device.kill();
            std::thread::sleep(again);
            device.start()?;
            std::thread::sleep(starting);
            device.kill();
            tally.kills.fetch_add(2, Ordering::Relaxed);
        }
        Befalls::Stopped(lasts) => {
            let Some(process) = device.process() else { return Ok(()) };
            process.signal("STOP");
            one_more(&tally.stops);
            std::thread::sleep(lasts);
            process.signal("CONT");
        }
        Befalls::Ended { again } => {
            device.end(Some("TERM"))?;
            one_more(&tally.ends);
            std::thread::sleep(again);
            come_back(device)?;
        }
        Befalls::InputEnded { again } => {
            device.end(None)?;
            one_more(&tally.ends);
            std::thread::sleep(again);
            come_back(device)?;
        }
        Befalls::Deaf(lasts) => {
            if device.process().is_none() {
                return Ok(());
            }
            device.ask("stop_server", &Value::Null)?;
            one_more(&tally.ends);
            std::thread::sleep(lasts);
            device.serve()?;
        }
    }
    Ok(())
}

/// Starts a device, which listens.
pub(crate) fn come_back(device: &Device) -> Result<()> {
    device.start()?;
    device.serve()
}

fn breaks(cable: &Cable, broken: &Breaks) {
    let after = |after: Duration| std::thread::sleep(after);
    match *broken {
        Breaks::Cut(when) => {
            after(when);
            cable.cut();
        }
        Breaks::CutAfter(bytes) => cable.cut_after(bytes),
        Breaks::HalfEnded(when, end) => {
            after(when);
            cable.end(end);
        }
        Breaks::Frozen(when, ends) => {
            after(when);
            (0..).zip(ends).filter(|(_, frozen)| *frozen).for_each(|(end, _)| cable.freeze(end));
        }
        Breaks::Slow(delay) => cable.slow(delay),
        Breaks::Refuses(when) => {
            after(when);
            cable.refuse();
        }
    }
}

/// All but the first join the room that the first makes.
pub(crate) fn meet(devices: &[Device]) -> Result<String> {
    let Some((host, guests)) = devices.split_first() else { anyhow::bail!("nobody to meet") };
    devices.iter().try_for_each(come_back)?;
    let room = host.ask_for("create_room", &json!({"name": "Kitchen"}), "room")?;
    for guest in guests {
        let link = host.ask_for("invite", &json!({"room": room}), "link")?;
        guest.ask("join", &json!({"link": link}))?;
    }
    Ok(room)
}
