//! Frames as they come from a connection: read, held to their limits, and written again.

#![no_main]

use lanline_fuzz::memory;
use lanline_protocol::checked::Checking;
use lanline_protocol::frame::{Frame, PairRefusal, Paired, Refusal};
use lanline_protocol::limits;
use libfuzzer_sys::fuzz_target;

/// What a frame may take while it is read, for each of its bytes, and besides.
const TIMES: usize = 8;
const BESIDES: usize = 16 * 1024;
/// And while its signatures are checked, some at a time.
const SIGNATURES: usize = 256 * 1024;

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > limits::DATA_FRAME {
        return;
    }
    memory::within(bytes.len() * TIMES + BESIDES, || {
        let Ok(frame) = Frame::decode(bytes) else { return };
        assert_eq!(frame, frame.clone());
        again(&frame, bytes);
    });
    memory::within(bytes.len() * TIMES + SIGNATURES, || check(bytes));
});

fn again(frame: &Frame, bytes: &[u8]) {
    // Of these only the beginning is read; what a newer version says is not said again.
    if matches!(frame, Frame::Ping | Frame::Pong | Frame::Other(_)) {
        return;
    }
    let written = frame.encode();
    // Reasons of a newer version are read as one.
    let newer = match frame {
        Frame::Joined(joined) => joined.refusal == Some(Refusal::Unavailable),
        Frame::Paired(Paired { refusal, .. }) => *refusal == Some(PairRefusal::Unavailable),
        _ => false,
    };
    assert!(written == bytes || newer || written.len() < bytes.len(), "{frame:?} was read of as many other bytes");
    assert_eq!(Frame::decode(&written).as_ref(), Ok(frame), "it is read otherwise than it was written");
}

/// As a connection looks through the batches of members.
fn check(bytes: &[u8]) {
    let Some(mut checking) = Checking::begin(bytes) else { return };
    loop {
        match checking.step() {
            Ok(false) => {}
            Ok(true) => break,
            Err(_) => return,
        }
    }
    let checked = checking.finish();
    assert!(checked.is_some_and(|batch| batch.size() <= bytes.len() + 80 * 1024), "more came out than went in");
}
