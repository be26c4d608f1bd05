//! Frames in words, for those who read a trace.

use lanline_protocol::entry::Entry;
use lanline_protocol::frame::Frame;

pub(crate) fn frame(bytes: &[u8]) -> String {
    match Frame::decode(bytes) {
        Err(error) => format!("{} bytes that are no frame: {error}", bytes.len()),
        Ok(Frame::Batch(batch)) => {
            let entries: Vec<String> = batch
                .entries
                .into_iter()
                .map(|wire| match Entry::read(wire) {
                    Ok(entry) => {
                        let header = &entry.header;
                        let log = header.log;
                        format!("{:?} = {log:?}#{} kind {}", entry.id, header.seq, header.kind)
                    }
                    Err(error) => error.to_string(),
                })
                .collect();
            let (slot, lane, records) = (batch.slot, batch.lane, batch.records.len());
            let (upto, anchor, end) = (batch.upto, batch.anchor, batch.end);
            format!(
                "batch of {slot} {lane:?} up to {upto:?} at {anchor:?}, end {end}, {records} records, [{}]",
                entries.join(", ")
            )
        }
        Ok(frame) => format!("{frame:?}"),
    }
}
