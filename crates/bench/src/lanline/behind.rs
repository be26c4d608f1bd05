//! A device that joins far behind, while the others of the room go on talking.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::measure::{GROUP, connected, finish, members, prepare, start};
use super::server::call;
use super::{Server, Takes};
use crate::audience::Audience;
use crate::book::{BEHIND, BEHIND_P99, BEHIND_QUIET_P99, LANLINE};
use crate::drive::{latency, meanwhile};
use crate::figures::percentile;
use crate::plan::Plan;

/// Entries that a member signs and says in one go, so that they need not all be held at once.
const PART: usize = 4096;

/// Messages whose latency is measured before and, at a time, while the device catches up.
const SAMPLES: usize = 100;

/// Samples prepared: as many as an hour holds.
const PREPARED: usize = 200_000;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// Once, however many runs there are of the rest.
pub(crate) async fn measure(plan: &mut Plan, binary: &Path) -> Result<()> {
    let server = start(plan, binary, "lanline-behind")?;
    let room = server.room("behind", 100)?;
    let crowd = members(0, 10);
    server.admit(&room, &crowd).await?;
    let mut links = connected(&server, &room, &crowd, Takes::Nothing).await?;
    let mut said = 0;
    while said < plan.behind {
        meanwhile(&mut links, prepare(&crowd, &room, PART, GROUP, 256)).await?;
        finish(&mut links).await?;
        said += PART * crowd.len();
    }
    drop(links);

    let pair = members(1000, 2);
    server.admit(&room, &pair).await?;
    prepare(pair.get(..1).context("nobody")?, &room, PREPARED, 1, 256).await?;
    let mut sender = connected(&server, &room, pair.get(..1).context("nobody")?, Takes::Nothing).await?;
    let audience = Audience::new(connected(&server, &room, pair.get(1..).context("nobody")?, Takes::Content).await?);
    let mut quiet = latency(&mut sender, &audience, SAMPLES).await?;
    plan.book.note(BEHIND_QUIET_P99, LANLINE, percentile(&mut quiet, 99.0), None);

    let folder = plan.folder("lanline-behind-late");
    let device = Server::start(binary, &folder, plan.processors.as_deref())?;
    let begun = Instant::now();
    call(binary, &folder, "join", &json!({"link": room.link.to_string()}))?;
    let mut samples = Vec::new();
    // Said after all the rest, it comes after all the rest.
    let said_last = server.call("send_message", &json!({"room": room.text, "text": "the last"}))?;
    let last = said_last.get("id").context("no id")?;
    while device.call("messages", &json!({"room": room.text, "before": last, "limit": 1})).is_err() {
        if begun.elapsed() > PATIENCE {
            bail!("the device did not catch up");
        }
        samples.extend(latency(&mut sender, &audience, SAMPLES).await?);
    }
    let time = begun.elapsed().as_secs_f64();
    let (host, late) = (server.daemon.peak_kib()?, device.daemon.peak_kib()?);
    eprintln!("bench: {said} entries in {time:.1} s; at most {host:.0} KiB at the server, {late:.0} KiB at the device");
    plan.book.note(BEHIND, LANLINE, time, None);
    plan.book.note(BEHIND_P99, LANLINE, percentile(&mut samples, 99.0), None);
    Ok(())
}
