use proptest::prelude::*;

use super::*;

/// As little as Argon2 takes, since the tests are about what is around it.
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

const PASSPHRASE: &[u8] = "correct höre".as_bytes();

fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    seal(PASSPHRASE, CHEAP, &mut &*plain, &mut out).unwrap();
    out
}

fn unsealed(passphrase: &[u8], sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
    let mut unsealing = Unsealing::begin(passphrase, sealed)?;
    let mut plain = Vec::new();
    while let Some(chunk) = unsealing.next()? {
        plain.extend_from_slice(&chunk);
    }
    Ok(plain)
}

fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

#[test]
fn what_was_put_in_comes_out_whatever_its_length() {
    for length in [0, 1, 32, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7] {
        let plain = plain(length);
        let file = sealed(&plain);
        let chunks = length.div_ceil(CHUNK).max(1);
        assert_eq!(file.len(), HEADER + CHECKSUM + length + chunks * TAG);
        assert_eq!(unsealed(PASSPHRASE, &file).unwrap(), plain, "{length}");
    }
}

#[test]
fn another_passphrase_is_told_from_a_damaged_file() {
    let file = sealed(&plain(100));
    for wrong in [b"".as_slice(), b"correct", &[PASSPHRASE, b" "].concat()] {
        assert!(matches!(unsealed(wrong, &file), Err(UnsealError::WrongPassphrase)));
    }
    for other in [b"".as_slice(), b"lanline", b"SQLite format 3\0", &[0; 200]] {
        assert!(matches!(unsealed(PASSPHRASE, other), Err(UnsealError::Foreign)));
    }
    let mut newer = file.clone();
    newer[MAGIC.len()] = b'2';
    assert!(matches!(unsealed(PASSPHRASE, &newer), Err(UnsealError::Newer)));
}

#[test]
fn an_export_cut_anywhere_is_damaged() {
    let file = sealed(&plain(2 * CHUNK + 5));
    let chunks = [HEADER + CHECKSUM, HEADER + CHECKSUM + CHUNK + TAG, HEADER + CHECKSUM + 2 * (CHUNK + TAG)];
    let around = chunks.into_iter().flat_map(|at| [at - 1, at, at + 1, at + 20]);
    for length in around.chain(MAGIC.len()..HEADER + CHECKSUM + 40).chain([file.len() - 1]) {
        assert!(matches!(unsealed(PASSPHRASE, &file[..length]), Err(UnsealError::Damaged)), "{length}");
    }
    let longer = [file.as_slice(), &[0]].concat();
    assert!(matches!(unsealed(PASSPHRASE, &longer), Err(UnsealError::Damaged)));
}

#[test]
fn chunks_in_another_order_are_damaged() {
    let file = sealed(&plain(3 * CHUNK));
    let (head, chunks) = file.split_at(HEADER + CHECKSUM);
    let mut chunks: Vec<&[u8]> = chunks.chunks(CHUNK + TAG).collect();
    chunks.swap(0, 1);
    let swapped = [head, &chunks.concat()].concat();
    assert!(matches!(unsealed(PASSPHRASE, &swapped), Err(UnsealError::Damaged)));
    // Those of another export, too.
    let other = sealed(&plain(3 * CHUNK));
    let mixed = [head, &other[head.len()..]].concat();
    assert!(matches!(unsealed(PASSPHRASE, &mixed), Err(UnsealError::Damaged)));
}

#[test]
fn costs_that_would_fill_the_memory_are_refused_before_it_is_taken() {
    let most = Cost::MOST;
    for cost in [
        Cost { memory_kib: most.memory_kib + 1, ..CHEAP },
        Cost { memory_kib: u32::MAX, ..CHEAP },
        Cost { passes: most.passes + 1, ..CHEAP },
        Cost { passes: u32::MAX, ..CHEAP },
        Cost { lanes: u32::MAX, memory_kib: 1024, passes: 1 },
        Cost { lanes: 0, ..CHEAP },
        Cost { passes: 0, ..CHEAP },
        Cost { memory_kib: 0, ..CHEAP },
        Cost { lanes: 16, ..CHEAP },
    ] {
        let mut header = sealed(b"x")[..HEADER].to_vec();
        for (at, number) in [cost.memory_kib, cost.passes, cost.lanes].into_iter().enumerate() {
            header[MAGIC.len() + 1 + 4 * at..][..4].copy_from_slice(&number.to_be_bytes());
        }
        // Whoever makes it hostile makes its checksum right.
        let hostile = [header.as_slice(), &checksum(&header), &[0; 100]].concat();
        assert!(matches!(unsealed(PASSPHRASE, &hostile), Err(UnsealError::Damaged)), "{cost:?}");
    }
    assert!(Cost::CHOSEN.is_bounded());
}

#[test]
fn two_exports_of_the_same_have_nothing_in_common() {
    let (one, other) = (sealed(&plain(1000)), sealed(&plain(1000)));
    let costs = MAGIC.len() + 13;
    assert_eq!(one[..costs], other[..costs]);
    let same = one[costs..].iter().zip(&other[costs..]).filter(|(a, b)| a == b).count();
    assert!(same < 40, "{same} bytes are the same");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_bit_that_flips_is_noticed(at in 0_usize..4000, bit in 0_u8..8) {
        let plain = plain(4000 - HEADER - CHECKSUM - TAG);
        let mut file = sealed(&plain);
        file[at] ^= 1 << bit;
        prop_assert!(unsealed(PASSPHRASE, &file).is_err());
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(
        head in prop_oneof![Just(Vec::new()), Just(MAGIC.to_vec()), Just([MAGIC.as_slice(), b"1"].concat())],
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        prop_assert!(unsealed(PASSPHRASE, &[head, rest].concat()).is_err());
    }
}
