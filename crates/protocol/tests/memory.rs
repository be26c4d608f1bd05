//! How much memory a frame takes while it is read, whatever is in it. One test, alone in its process: what is counted is
//! all that is taken meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use lanline_protocol::checked::Checking;
use lanline_protocol::frame::Frame;
use lanline_protocol::limits;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// As the fuzz target `frame` has it: so many bytes for each of the frame's, and besides.
const TIMES: usize = 8;
const BESIDES: usize = 256 * 1024;

/// A frame with as many of these items as fit it, between what stands before and behind them.
fn full_of(item: &[u8], before: &[u8], behind: &[u8]) -> Vec<u8> {
    let count = (limits::DATA_FRAME - before.len() - behind.len() - 5) / item.len();
    let head = match u32::try_from(count).unwrap() {
        count @ 0x1_0000.. => [&[0x9a][..], &count.to_be_bytes()].concat(),
        count => [&[0x99][..], &count.to_be_bytes()[2..]].concat(),
    };
    [before, &head, &item.repeat(count), behind].concat()
}

#[test]
fn no_frame_takes_much_more_memory_than_it_is_long() {
    let header = [&[0x58, 0x61][..], &[7; limits::SHORTEST_HEADER]].concat();
    let signature = [&[0x58, 0x40][..], &[7; 64]].concat();
    let entries: &[(&str, Vec<u8>)] = &[
        ("of no entry", vec![0xa0]),
        ("of an empty header", vec![0xa1, 0x00, 0x40]),
        ("of null", vec![0xf6]),
        ("of the shortest header", [&[0xa1, 0x00][..], &header].concat()),
        ("of that and an empty body", [&[0xa2, 0x00][..], &header, &[0x01, 0x40]].concat()),
        ("of that and a signature", [&[0xa2, 0x00][..], &header, &[0x02], &signature].concat()),
    ];
    let record = [&[0xa2, 0x00, 0x40, 0x01][..], &signature].concat();
    let id = [&[0x58, 0x20][..], &[7; 32]].concat();
    let tag = [&[0xa2, 0x00, 0x00, 0x01][..], &id].concat();
    let mut frames = vec![
        ("records".to_owned(), full_of(&record, b"\x82\x0a\xa5\x00\x00\x01\x01\x02\x80\x03", b"\x06\xf4")),
        ("rooms".to_owned(), full_of(&tag, b"\x82\x05\xa1\x00", b"")),
        ("heads".to_owned(), full_of(&[0xa0], b"\x82\x09\xa4\x00\x00\x01\x01\x02", b"\x03\xf5")),
        ("wanted entries".to_owned(), full_of(&id, b"\x82\x0f\xa2\x00\x00\x01", b"")),
        ("nothing known".to_owned(), full_of(&[0x80], b"\x82\x18\x63", b"")),
        ("nothing at all".to_owned(), full_of(&[0xa0], b"\x82\x0a\xa1\x07", b"")),
    ];
    for (what, entry) in entries {
        let batch = full_of(entry, b"\x82\x0a\xa5\x00\x00\x01\x01\x02", b"\x03\x80\x06\xf4");
        frames.push((format!("a batch {what}"), batch));
        let answer = full_of(entry, b"\x82\x10\xa3\x00\x00\x01", b"\x02\xf5");
        frames.push((format!("an answer {what}"), answer));
    }
    for (what, frame) in &frames {
        assert!(frame.len() > limits::DATA_FRAME - 200 && frame.len() <= limits::DATA_FRAME, "{what}");
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        drop(Frame::decode(frame));
        if let Some(mut checking) = Checking::begin(frame) {
            while matches!(checking.step(), Ok(false)) {}
        }
        let most = MEMORY.peak_usage().saturating_sub(before);
        assert!(most <= frame.len() * TIMES + BESIDES, "{what}: {most} bytes for {}", frame.len());
    }
    // What is measured is measured.
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    drop(std::hint::black_box(vec![0_u8; 16 * limits::DATA_FRAME]));
    assert!(MEMORY.peak_usage() - before >= 16 * limits::DATA_FRAME);
}
