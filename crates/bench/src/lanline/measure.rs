//! What is measured of Lanline.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::server::{call, connect};
use super::speech::lock;
use super::{Member, Room, Server, Takes};
use crate::audience::Audience;
use crate::book::{
    BACK, CATCH_UP, CATCH_UP_GROUPS, FAN_OUT, FAN_OUT_1000, FAN_OUT_GROUPS, IDLE, INGEST_1, INGEST_1_GROUPS,
    INGEST_1_ONE, INGEST_100, INGEST_100_GROUPS, LANLINE, LAST_P50, LAST_P99, LATENCY_P50, LATENCY_P99, SERVE_UP,
    SERVE_UP_GROUPS,
};
use crate::drive::{fan_out, ingest, latency, meanwhile};
use crate::figures::percentile;
use crate::link::Link;
use crate::plan::{PAYLOADS, Plan, WINDOW, text};

/// Entries under one signature, where they are not signed singly.
pub(super) const GROUP: usize = 64;

/// Members of each of the rooms whose members are idle.
const IDLE_ROOM: usize = 200;

/// How long after the last of them connected the memory is looked at.
const SETTLE: Duration = Duration::from_secs(5);

/// Messages before the slowest of an audience, at most.
const AHEAD: u64 = 1024;

/// How often it is looked whether a device holds all.
const GLANCE: Duration = Duration::from_millis(20);

type Shared = Arc<Mutex<Member>>;

pub(super) fn members(from: usize, count: usize) -> Vec<Shared> {
    (from..from + count).map(|index| Arc::new(Mutex::new(Member::new(index)))).collect()
}

/// Lets members sign, on both processors.
pub(super) async fn prepare(members: &[Shared], room: &Room, count: usize, group: usize, payload: usize) -> Result<()> {
    let text = text(payload);
    let mut signing = JoinSet::new();
    for part in members.chunks(members.len().div_ceil(2)) {
        let (part, room, text) = (part.to_vec(), room.id, text.clone());
        signing.spawn_blocking(move || part.iter().try_for_each(|m| lock(m).prepare(room, count, group, &text)));
    }
    while let Some(signed) = signing.join_next().await {
        signed??;
    }
    Ok(())
}

/// Their connections, in the same order; some are made at a time.
pub(super) async fn connected(server: &Server, room: &Room, members: &[Shared], takes: Takes) -> Result<Vec<Link>> {
    let mut connecting = JoinSet::new();
    let mut links = Vec::new();
    for (index, member) in members.iter().enumerate() {
        if connecting.len() >= 16 {
            links.push(connecting.join_next().await.context("nobody connected")???);
        }
        let (member, room, address) = (Arc::clone(member), room.clone(), server.address());
        connecting.spawn(async move {
            let link = connect(address, &room, &member, takes).await?;
            anyhow::Ok((index, link))
        });
    }
    while let Some(link) = connecting.join_next().await {
        links.push(link??);
    }
    links.sort_by_key(|(index, _)| *index);
    Ok(links.into_iter().map(|(_, link)| link).collect())
}

/// Everything that is measured of it.
pub(crate) async fn measure(plan: &mut Plan, binary: &Path) -> Result<()> {
    if plan.wants("ingest") {
        publishing(plan, binary).await?;
    }
    if plan.wants("latency") {
        one_to_one(plan, binary).await?;
    }
    if plan.wants("fanout") {
        one_to_many(plan, binary).await?;
    }
    if plan.wants("large") {
        one_to_a_thousand(plan, binary).await?;
    }
    if plan.wants("catchup") {
        coming_late(plan, binary, 1, (SERVE_UP, CATCH_UP)).await?;
        coming_late(plan, binary, GROUP, (SERVE_UP_GROUPS, CATCH_UP_GROUPS)).await?;
    }
    if plan.wants("behind") {
        super::behind::measure(plan, binary).await?;
    }
    if plan.wants("idle") {
        idling(plan, binary).await?;
    }
    if plan.wants("back") {
        coming_back(plan, binary).await?;
    }
    Ok(())
}

pub(super) fn start(plan: &Plan, binary: &Path, name: &str) -> Result<Server> {
    Server::start(binary, &plan.folder(name), plan.processors.as_deref())
}

async fn publishing(plan: &mut Plan, binary: &Path) -> Result<()> {
    let server = start(plan, binary, "lanline-ingest")?;
    let room = server.room("ingest", 100)?;
    let crowd = members(0, 100);
    server.admit(&room, &crowd).await?;
    let mut links = connected(&server, &room, &crowd, Takes::Nothing).await?;
    // Nothing of theirs is left over: a member begins with what it has just prepared.
    for (group, titles, rate) in [(1, INGEST_100, 45_000.0), (GROUP, INGEST_100_GROUPS, 150_000.0)] {
        for (payload, title) in PAYLOADS.into_iter().zip(titles) {
            let rate = if payload > 1024 { rate / 3.0 } else { rate };
            let count = (rate * plan.time.as_secs_f64() / 100.0) as usize;
            for _ in 0..plan.runs {
                meanwhile(&mut links, prepare(&crowd, &room, count, group, payload)).await?;
                one_run(plan, &server, &mut links, WINDOW, title).await?;
                finish(&mut links).await?;
            }
        }
    }
    drop(links);
    let one = crowd.get(..1).context("nobody")?;
    let mut links = connected(&server, &room, one, Takes::Nothing).await?;
    for (group, window, title, rate) in
        [(1, 1, INGEST_1_ONE, 5_000.0), (1, WINDOW, INGEST_1, 45_000.0), (GROUP, WINDOW, INGEST_1_GROUPS, 150_000.0)]
    {
        for _ in 0..plan.runs {
            let count = (rate * plan.time.as_secs_f64()) as usize;
            meanwhile(&mut links, prepare(one, &room, count, group, 256)).await?;
            one_run(plan, &server, &mut links, window, title).await?;
            finish(&mut links).await?;
        }
    }
    Ok(())
}

async fn one_run(plan: &mut Plan, server: &Server, links: &mut Vec<Link>, window: usize, title: &str) -> Result<()> {
    let (cpu, begun) = (server.daemon.cpu()?, Instant::now());
    let rate = ingest(links, window, plan.time).await?;
    let cost = (server.daemon.cpu()? - cpu) / (rate * begun.elapsed().as_secs_f64()) * 1e6;
    plan.book.note(title, LANLINE, rate, Some(cost));
    Ok(())
}

/// Has what is left of the prepared messages sent: a log cannot go on without them.
pub(super) async fn finish(links: &mut Vec<Link>) -> Result<()> {
    ingest(links, WINDOW, Duration::from_secs(60)).await.map(drop)
}

async fn one_to_one(plan: &mut Plan, binary: &Path) -> Result<()> {
    let server = start(plan, binary, "lanline-latency")?;
    let room = server.room("latency", 2)?;
    let crowd = members(0, 2);
    server.admit(&room, &crowd).await?;
    let (one, other) = crowd.split_at(1);
    let mut sender = connected(&server, &room, one, Takes::Nothing).await?;
    let audience = Audience::new(connected(&server, &room, other, Takes::Content).await?);
    for _ in 0..plan.runs {
        meanwhile(&mut sender, prepare(one, &room, plan.samples, 1, 256)).await?;
        let mut samples = latency(&mut sender, &audience, plan.samples).await?;
        plan.book.note(LATENCY_P50, LANLINE, percentile(&mut samples, 50.0), None);
        plan.book.note(LATENCY_P99, LANLINE, percentile(&mut samples, 99.0), None);
    }
    Ok(())
}

/// A room with a sender and an audience, all connected.
async fn gathered(server: &Server, name: &str, size: usize) -> Result<(Room, Vec<Shared>, Vec<Link>, Audience)> {
    let room = server.room(name, size + 1)?;
    let mut crowd = members(0, size + 1);
    server.admit(&room, &crowd).await?;
    let audience = crowd.split_off(1);
    let sender = server.connect(&room, crowd.first().context("nobody")?, Takes::Nothing).await?;
    let audience = Audience::new(connected(server, &room, &audience, Takes::Content).await?);
    Ok((room, crowd, vec![sender], audience))
}

async fn deliver(
    plan: &mut Plan,
    server: &Server,
    sender: (&Room, &[Shared], &mut Vec<Link>),
    audience: &Audience,
    how: (usize, usize, &str),
) -> Result<()> {
    let ((room, crowd, link), (payload, group, title)) = (sender, how);
    for _ in 0..plan.runs {
        let count = (plan.time.as_secs_f64() * 1_000_000.0 / audience.size() as f64) as usize;
        meanwhile(link, prepare(crowd, room, count, group, payload)).await?;
        let (cpu, begun) = (server.daemon.cpu()?, Instant::now());
        let rate = fan_out(link, audience, AHEAD, plan.time).await?;
        let cost = (server.daemon.cpu()? - cpu) / (rate * begun.elapsed().as_secs_f64()) * 1e6;
        plan.book.note(title, LANLINE, rate, Some(cost));
        // What is left of the log is said, too.
        fan_out(link, audience, AHEAD, Duration::from_secs(60)).await?;
    }
    Ok(())
}

async fn one_to_many(plan: &mut Plan, binary: &Path) -> Result<()> {
    let server = start(plan, binary, "lanline-fanout")?;
    let (room, crowd, mut sender, audience) = gathered(&server, "fanout", 200).await?;
    for (payload, title) in PAYLOADS.into_iter().zip(FAN_OUT) {
        deliver(plan, &server, (&room, &crowd, &mut sender), &audience, (payload, 1, title)).await?;
    }
    deliver(plan, &server, (&room, &crowd, &mut sender), &audience, (256, GROUP, FAN_OUT_GROUPS)).await
}

async fn one_to_a_thousand(plan: &mut Plan, binary: &Path) -> Result<()> {
    let server = start(plan, binary, "lanline-large")?;
    let (room, crowd, mut sender, audience) = gathered(&server, "large", plan.large).await?;
    for _ in 0..plan.runs {
        meanwhile(&mut sender, prepare(&crowd, &room, plan.samples_last, 1, 256)).await?;
        let mut samples = latency(&mut sender, &audience, plan.samples_last).await?;
        plan.book.note(LAST_P50, LANLINE, percentile(&mut samples, 50.0), None);
        plan.book.note(LAST_P99, LANLINE, percentile(&mut samples, 99.0), None);
    }
    deliver(plan, &server, (&room, &crowd, &mut sender), &audience, (256, 1, FAN_OUT_1000)).await
}

/// A member, and a whole device, that come when much was said.
async fn coming_late(plan: &mut Plan, binary: &Path, group: usize, titles: (&str, &str)) -> Result<()> {
    let server = start(plan, binary, &format!("lanline-late-{group}"))?;
    let room = server.room("late", 100)?;
    let crowd = members(0, 10);
    server.admit(&room, &crowd).await?;
    let mut links = connected(&server, &room, &crowd, Takes::Nothing).await?;
    let entries = if group == 1 { plan.backlog[0] } else { plan.backlog[1] };
    meanwhile(&mut links, prepare(&crowd, &room, entries / crowd.len(), group, 256)).await?;
    finish(&mut links).await?;
    drop(links);
    for run in 0..plan.runs {
        let late = members(1000 + run, 1);
        server.admit(&room, &late).await?;
        let (cpu, begun) = (server.daemon.cpu()?, Instant::now());
        let link = server.connect(&room, late.first().context("nobody")?, Takes::Content).await?;
        let rate = entries as f64 / begun.elapsed().as_secs_f64();
        let cost = (server.daemon.cpu()? - cpu) / entries as f64 * 1e6;
        drop(link);
        plan.book.note(titles.0, LANLINE, rate, Some(cost));

        let folder = plan.folder(&format!("lanline-late-{group}-{run}"));
        let device = Server::start(binary, &folder, plan.processors.as_deref())?;
        let begun = Instant::now();
        call(binary, &folder, "join", &json!({"link": room.link.to_string()}))?;
        // Said after all the rest, it comes after all the rest. The server is asked whether it arrived: whoever asks the
        // device is told of each message that comes meanwhile, which is work of its own.
        server.call("send_message", &json!({"room": room.text, "text": "the last"}))?;
        while !is_held(&server.call("rooms", &json!({}))?, &room.text) {
            if begun.elapsed() > Duration::from_secs(300) {
                bail!("the device did not catch up");
            }
            sleep(GLANCE).await;
        }
        let (time, cpu) = (begun.elapsed().as_secs_f64(), device.daemon.cpu()?);
        plan.book.note(titles.1, LANLINE, entries as f64 / time, Some(cpu / entries as f64 * 1e6));
        drop(device);
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

/// Whether another device acknowledged the last message of a room.
fn is_held(rooms: &Value, room: &str) -> bool {
    let mut rooms = rooms.as_array().into_iter().flatten();
    let found = rooms.find(|found| found.get("room").and_then(Value::as_str) == Some(room));
    found.and_then(|found| found.pointer("/last/stored_by")?.as_u64()).is_some_and(|devices| devices > 0)
}

async fn idling(plan: &mut Plan, binary: &Path) -> Result<()> {
    for run in 0..plan.runs.min(2) {
        let server = start(plan, binary, &format!("lanline-idle-{run}"))?;
        let mut rooms = Vec::new();
        for first in (0..plan.idle).step_by(IDLE_ROOM) {
            let size = IDLE_ROOM.min(plan.idle - first);
            let (room, crowd) = (server.room(&format!("idle {first}"), size)?, members(first, size));
            server.admit(&room, &crowd).await?;
            rooms.push((room, crowd));
        }
        let before = server.daemon.memory_kib()?;
        let mut audiences = Vec::new();
        for (room, crowd) in &rooms {
            audiences.push(Audience::new(connected(&server, room, crowd, Takes::Content).await?));
        }
        sleep(SETTLE).await;
        let cpu = server.daemon.cpu()?;
        sleep(SETTLE).await;
        let load = (server.daemon.cpu()? - cpu) / SETTLE.as_secs_f64() * 100.0;
        for audience in &audiences {
            audience.check()?;
        }
        let each = (server.daemon.memory_kib()? - before) / plan.idle as f64;
        eprintln!("bench: {each:.1} KiB for each of {} idle connections, {load:.0} % of a processor", plan.idle);
        plan.book.note(IDLE, LANLINE, 1024.0 * 1024.0 / each, None);
    }
    Ok(())
}

/// A client's patience: at once, then after half a second, doubling to five, with a quarter of jitter.
fn pause(tries: u32, index: usize) -> Duration {
    let whole = Duration::from_millis(500 * (1 << tries.min(4))).min(Duration::from_secs(5));
    let hash = blake3::hash(&[index.to_be_bytes().as_slice(), &tries.to_be_bytes()].concat());
    whole.mul_f64(0.75 + f64::from(hash.as_bytes()[0]) / 255.0 * 0.5)
}

async fn coming_back(plan: &mut Plan, binary: &Path) -> Result<()> {
    let mut server = start(plan, binary, "lanline-back")?;
    let room = server.room("back", plan.large)?;
    let crowd = members(0, plan.large);
    server.admit(&room, &crowd).await?;
    for _ in 0..plan.runs {
        let links = connected(&server, &room, &crowd, Takes::Content).await?;
        // Cursors that moved without anything to store are written after a second.
        sleep(Duration::from_secs(2)).await;
        let address = server.address();
        let mut returning = JoinSet::new();
        for (index, mut link) in links.into_iter().enumerate() {
            let (room, member) = (room.clone(), Arc::clone(crowd.get(index).context("nobody")?));
            returning.spawn(async move {
                while link.turn().await.is_ok() {}
                drop(link);
                let mut tries = 0;
                loop {
                    match connect(address, &room, &member, Takes::Content).await {
                        Ok(link) => return (link, Instant::now(), tries),
                        Err(_) => sleep(pause(tries, index)).await,
                    }
                    tries += 1;
                }
            });
        }
        let begun = Instant::now();
        server.daemon.kill();
        server.restart()?;
        let up = begun.elapsed();
        let (mut last, mut most, mut links) = (begun, 0, Vec::new());
        while let Some(back) = returning.join_next().await {
            let (link, at, tries) = back?;
            last = last.max(at);
            most = most.max(tries);
            links.push(link);
        }
        eprintln!("bench: the server listened after {:.0} ms; at most {most} tries failed", up.as_secs_f64() * 1e3);
        plan.book.note(BACK, LANLINE, last.duration_since(begun).as_secs_f64(), None);
        drop(links);
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
