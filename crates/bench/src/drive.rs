//! What is done with load clients, whatever they speak.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::audience::Audience;
use crate::link::{Link, PATIENCE};

/// Messages that a client puts in one go.
const CHUNK: usize = 64;

/// How long a link that rests is waited for at a time.
const GLANCE: Duration = Duration::from_millis(100);

/// Between two messages whose latency is measured.
const PACE: Duration = Duration::from_millis(5);

/// Does something that takes long while these go on answering what they are asked: who is silent is hung up on.
pub(crate) async fn meanwhile<T>(links: &mut Vec<Link>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut resting = JoinSet::new();
    for (index, mut link) in links.drain(..).enumerate() {
        let stop = Arc::clone(&stop);
        resting.spawn(async move {
            while !stop.load(Ordering::Acquire) {
                link.turn_within(GLANCE).await?;
            }
            anyhow::Ok((index, link))
        });
    }
    let done = work.await;
    stop.store(true, Ordering::Release);
    let mut rested = Vec::new();
    while let Some(link) = resting.join_next().await {
        rested.push(link??);
    }
    rested.sort_by_key(|(index, _)| *index);
    links.extend(rested.into_iter().map(|(_, link)| link));
    done
}

/// Has all of them publish for a while, each with so many messages unanswered at most. Messages answered for a second.
pub(crate) async fn ingest(links: &mut Vec<Link>, window: usize, time: Duration) -> Result<f64> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    let busy = Arc::new(AtomicUsize::new(links.len()));
    for (index, mut link) in links.drain(..).enumerate() {
        let busy = Arc::clone(&busy);
        tasks.spawn(async move {
            let (acked, last) = publish(&mut link, window, begun + time).await?;
            busy.fetch_sub(1, Ordering::AcqRel);
            // Who is through rests until the others are.
            while busy.load(Ordering::Acquire) > 0 {
                link.turn_within(GLANCE).await?;
            }
            anyhow::Ok((index, link, acked, last))
        });
    }
    let mut rested = Vec::new();
    let (mut total, mut last) = (0_u64, begun);
    while let Some(done) = timeout(PATIENCE, tasks.join_next()).await.context("no answers in time")? {
        let (index, link, acked, at) = done??;
        total += acked;
        last = last.max(at);
        rested.push((index, link));
    }
    rested.sort_by_key(|(index, _)| *index);
    links.extend(rested.into_iter().map(|(_, link)| link));
    Ok(total as f64 / last.duration_since(begun).as_secs_f64())
}

async fn publish(link: &mut Link, window: usize, until: Instant) -> Result<(u64, Instant)> {
    let chunk = CHUNK.min(window);
    let (mut open, mut acked, mut last, mut more) = (0_usize, 0_u64, Instant::now(), true);
    loop {
        while more && open + chunk <= window && Instant::now() < until {
            let published = link.publish(chunk).await?;
            more = published > 0;
            open += published;
        }
        if open == 0 {
            return Ok((acked, last));
        }
        let heard = link.turn().await?.acked;
        if heard > 0 {
            acked += heard;
            open = open.saturating_sub(usize::try_from(heard)?);
            last = Instant::now();
        }
    }
}

/// Has one publish for a while, never further than `ahead` messages before the slowest of the audience. Deliveries a
/// second, all of the audience together.
pub(crate) async fn fan_out(sender: &mut [Link], audience: &Audience, ahead: u64, time: Duration) -> Result<f64> {
    let sender = sender.first_mut().context("nobody sends")?;
    let (before, slowest) = (audience.total(), audience.slowest());
    let (begun, mut sent, mut open) = (Instant::now(), 0_u64, 0_u64);
    let mut more = true;
    audience.want(u64::MAX);
    while begun.elapsed() < time && more {
        audience.check()?;
        let behind = sent - (audience.slowest() - slowest).min(sent);
        if behind + CHUNK as u64 <= ahead {
            let published = sender.publish(CHUNK).await? as u64;
            more = published > 0;
            sent += published;
            open += published;
        } else if open > 0 {
            open -= sender.turn_within(Duration::from_millis(1)).await?.acked.min(open);
        } else {
            sleep(Duration::from_micros(200)).await;
        }
    }
    audience.want(before + sent * audience.size() as u64);
    // Answers come while the last are delivered; who reads none would be cut off for taking nothing.
    let mut waiting = Box::pin(audience.reached());
    let reached = loop {
        tokio::select! {
            reached = &mut waiting => break reached?,
            () = sleep(Duration::from_millis(1)) => {
                open -= sender.turn_within(Duration::from_millis(1)).await?.acked.min(open);
            }
        }
    };
    drain(sender, open).await?;
    Ok((sent * audience.size() as u64) as f64 / reached.duration_since(begun).as_secs_f64())
}

/// One message at a time: how long each took to the last of the audience, in milliseconds.
pub(crate) async fn latency(sender: &mut [Link], audience: &Audience, count: usize) -> Result<Vec<f64>> {
    let sender = sender.first_mut().context("nobody sends")?;
    let mut samples = Vec::new();
    for _ in 0..count {
        audience.want(audience.total() + audience.size() as u64);
        let begun = Instant::now();
        if sender.publish(1).await? == 0 {
            bail!("too few messages were prepared");
        }
        samples.push(audience.reached().await?.duration_since(begun).as_secs_f64() * 1000.0);
        drain(sender, 1).await?;
        sleep(PACE).await;
    }
    Ok(samples)
}

async fn drain(sender: &mut Link, mut open: u64) -> Result<()> {
    while open > 0 {
        let heard = timeout(PATIENCE, sender.turn()).await.context("no answer in time")??;
        open -= heard.acked.min(open);
    }
    Ok(())
}
