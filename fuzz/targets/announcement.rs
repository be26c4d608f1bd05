//! What anybody on the network says of itself: datagrams, and the records of mDNS.

#![no_main]

use lanline_engine::discovery_fuzzing::{BEGINNING, datagram, records};
use lanline_fuzz::memory;
use libfuzzer_sys::fuzz_target;

const TIMES: usize = 64;
const BESIDES: usize = 16 * 1024;

fuzz_target!(|bytes: &[u8]| {
    memory::within(bytes.len() * TIMES + BESIDES, || {
        datagram(bytes);
        datagram(&[BEGINNING.as_slice(), bytes].concat());
        // Thirteen characters of a name, a port, and three values, each behind its length.
        let Some((name, rest)) = bytes.split_at_checked(13) else { return };
        let Some((port, mut rest)) = rest.split_at_checked(2) else { return };
        let mut pairs = Vec::new();
        for key in ["v", "t", "n"] {
            let Some((length, behind)) = rest.split_first() else { break };
            let (value, behind) = behind.split_at(behind.len().min(usize::from(*length)));
            pairs.push((key, value));
            rest = behind;
        }
        records(&String::from_utf8_lossy(name), u16::from_be_bytes([port[0], port[1]]), &pairs);
    });
});
