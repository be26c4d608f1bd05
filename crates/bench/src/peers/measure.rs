//! What is measured of the others: what they do that Lanline does, too.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::time::{sleep, timeout};

use super::{Peer, Server};
use crate::audience::Audience;
use crate::book::{
    FAN_OUT, FAN_OUT_1000, IDLE, INGEST_1, INGEST_1_ONE, INGEST_100, LAST_P50, LAST_P99, LATENCY_P50, LATENCY_P99,
};
use crate::drive::{fan_out, ingest, latency};
use crate::figures::percentile;
use crate::link::Link;
use crate::plan::{PAYLOADS, Plan, WINDOW, text};

/// Messages before the slowest of an audience, at most.
const AHEAD: u64 = 1024;

/// A line of IRC holds no more than about this.
const LINE: usize = 400;

const SETTLE: Duration = Duration::from_secs(5);

/// What takes longer than this does not come to an end.
const ENDLESS: Duration = Duration::from_secs(90);

async fn publishers(server: &Server, count: usize, payload: usize) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for index in 0..count {
        links.push(server.publisher(20_000 + index, &text(payload)).await?);
    }
    Ok(links)
}

async fn audience(server: &Server, count: usize, kept: bool) -> Result<Audience> {
    let mut links = Vec::new();
    for index in 0..count {
        links.push(server.subscriber(index, kept).await?);
    }
    Ok(Audience::new(links))
}

/// Everything that is measured of one of them. What fails stands so in the report, and the rest goes on.
pub(crate) async fn measure(plan: &mut Plan, peer: Peer) {
    if peer.acknowledges() && plan.wants("ingest") {
        for (payload, title) in PAYLOADS.into_iter().zip(INGEST_100) {
            part(plan, peer, &[title], async |plan| publishing(plan, peer, (100, payload, WINDOW, title)).await).await;
        }
        for (window, title) in [(1, INGEST_1_ONE), (WINDOW, INGEST_1)] {
            part(plan, peer, &[title], async |plan| publishing(plan, peer, (1, 256, window, title)).await).await;
        }
    }
    if plan.wants("latency") {
        let titles = (LATENCY_P50, LATENCY_P99);
        part(plan, peer, &[titles.0, titles.1], async |plan| to_the_last(plan, peer, 1, titles).await).await;
    }
    if plan.wants("fanout") {
        for (payload, title) in PAYLOADS.into_iter().zip(FAN_OUT) {
            if payload <= LINE || peer != Peer::Ngircd {
                part(plan, peer, &[title], async |plan| delivering(plan, peer, (200, payload, title)).await).await;
            }
        }
    }
    if plan.wants("large") {
        let (large, titles) = (plan.large, (LAST_P50, LAST_P99));
        part(plan, peer, &[titles.0, titles.1], async |plan| to_the_last(plan, peer, large, titles).await).await;
        let title = FAN_OUT_1000;
        part(plan, peer, &[title], async |plan| delivering(plan, peer, (large, 256, title)).await).await;
    }
    // What one of the two needs for a connection, the other does.
    if plan.wants("idle") && peer != Peer::NatsSynced {
        part(plan, peer, &[IDLE], async |plan| idling(plan, peer).await).await;
    }
}

/// Does one part, unless it takes for ever.
async fn part(plan: &mut Plan, peer: Peer, titles: &[&str], measure: impl AsyncFnOnce(&mut Plan) -> Result<()>) {
    let done = timeout(ENDLESS, measure(plan)).await;
    if let Err(error) = done.unwrap_or_else(|_| Err(anyhow!("it did not come to an end"))) {
        for title in titles {
            plan.book.fail(title, peer.name(), &error);
        }
    }
}

fn start(plan: &Plan, peer: Peer, part: &str) -> Result<Server> {
    let folder = plan.folder(&format!("{peer:?}-{part}"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    Server::start(peer, &folder, plan.processors.as_deref())
}

async fn publishing(plan: &mut Plan, peer: Peer, how: (usize, usize, usize, &str)) -> Result<()> {
    let (clients, payload, window, title) = how;
    let server = start(plan, peer, "ingest")?;
    let mut links = publishers(&server, clients, payload).await?;
    for _ in 0..plan.runs {
        let (cpu, begun) = (server.daemon.cpu()?, Instant::now());
        let rate = ingest(&mut links, window, plan.time).await?;
        let cost = (server.daemon.cpu()? - cpu) / (rate * begun.elapsed().as_secs_f64()) * 1e6;
        plan.book.note(title, peer.name(), rate, Some(cost));
    }
    Ok(())
}

async fn to_the_last(plan: &mut Plan, peer: Peer, size: usize, titles: (&str, &str)) -> Result<()> {
    let server = start(plan, peer, "latency")?;
    let mut sender = publishers(&server, 1, 256).await?;
    let audience = audience(&server, size, size == 1).await?;
    sleep(Duration::from_millis(300)).await;
    let count = if size == 1 { plan.samples } else { plan.samples_last };
    for _ in 0..plan.runs {
        let mut samples = latency(&mut sender, &audience, count).await?;
        plan.book.note(titles.0, peer.name(), percentile(&mut samples, 50.0), None);
        plan.book.note(titles.1, peer.name(), percentile(&mut samples, 99.0), None);
    }
    Ok(())
}

async fn delivering(plan: &mut Plan, peer: Peer, how: (usize, usize, &str)) -> Result<()> {
    let (size, payload, title) = how;
    let server = start(plan, peer, "fanout")?;
    let mut sender = publishers(&server, 1, payload).await?;
    let audience = audience(&server, size, false).await?;
    sleep(Duration::from_millis(300)).await;
    for _ in 0..plan.runs {
        let (cpu, begun) = (server.daemon.cpu()?, Instant::now());
        let rate = fan_out(&mut sender, &audience, AHEAD, plan.time).await?;
        let cost = (server.daemon.cpu()? - cpu) / (rate * begun.elapsed().as_secs_f64()) * 1e6;
        plan.book.note(title, peer.name(), rate, Some(cost));
    }
    Ok(())
}

async fn idling(plan: &mut Plan, peer: Peer) -> Result<()> {
    let server = start(plan, peer, "idle")?;
    let before = server.daemon.memory_kib()?;
    let audience = audience(&server, plan.idle, false).await?;
    sleep(SETTLE).await;
    audience.check()?;
    let each = (server.daemon.memory_kib()? - before) / plan.idle as f64;
    eprintln!("bench: {}: {each:.1} KiB for each of {} idle connections", peer.name(), plan.idle);
    plan.book.note(IDLE, peer.name(), 1024.0 * 1024.0 / each, None);
    Ok(())
}
