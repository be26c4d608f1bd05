//! F: how long this disk takes to keep a page.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::figures::percentile;

const PAGE: usize = 4096;
const SAMPLES: usize = 300;

/// A disk's own fsync, in milliseconds: appending 4 KiB and `fdatasync`, one at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fsync {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Measures it in a folder.
pub(crate) fn fsync(folder: &Path) -> Result<Fsync> {
    let path = folder.join("fsync");
    let mut file = File::create(&path)?;
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        file.write_all(&[7; PAGE])?;
        file.sync_data()?;
        samples.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    std::fs::remove_file(&path)?;
    Ok(Fsync { p50: percentile(&mut samples, 50.0), p99: percentile(&mut samples, 99.0) })
}

/// The device that a folder is on, and its file system.
pub(crate) fn device(folder: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, Path::new(words.next()?), words.next()?))
        })
        .filter(|(_, at, _)| folder.starts_with(at))
        .max_by_key(|(_, at, _)| at.components().count())
        .map_or_else(|| "unknown".to_owned(), |(device, _, kind)| format!("{device} ({kind})"))
}
