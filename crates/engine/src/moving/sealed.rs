//! The format of an export, which is described in `docs/export.md`: Argon2id (RFC 9106) makes a key of the passphrase,
//! and XChaCha20-Poly1305 in the STREAM construction encrypts chunk by chunk, so that memory stays small and a file that
//! was cut is noticed as one that was altered is.

use std::io::{self, Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::XChaCha20Poly1305;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How each export begins; the version follows.
const MAGIC: &[u8; 15] = b"lanline-export/";
const VERSION: u8 = b'1';

/// How much of what is encrypted is in one chunk; only the last has less.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

const SALT: usize = 16;
const NONCE: usize = 19;
const CHECK: usize = 16;
const CHECKSUM: usize = 16;
/// Magic, version, costs, salt, nonce, check.
const HEADER: usize = MAGIC.len() + 1 + 12 + SALT + NONCE + CHECK;

/// What it costs to make a key of a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Cost {
    /// RFC 9106, section 4, the second recommended choice.
    pub(super) const CHOSEN: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

    /// Above this an export is not opened: it may have been made to fill the memory, or to take for ever.
    pub(super) const MOST: Self = Self { memory_kib: 256 * 1024, passes: 16, lanes: 16 };

    fn is_bounded(self) -> bool {
        self.memory_kib <= Self::MOST.memory_kib && self.passes <= Self::MOST.passes && self.lanes <= Self::MOST.lanes
    }
}

/// Why an export cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnsealError {
    #[error("the file cannot be read")]
    Read(#[from] io::Error),
    #[error("it is no export")]
    Foreign,
    #[error("it is of a newer version")]
    Newer,
    #[error("it is damaged")]
    Damaged,
    #[error("the passphrase is another")]
    WrongPassphrase,
}

/// The system has no random numbers, or no memory for the key.
#[derive(Debug, thiserror::Error)]
pub(super) enum SealError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    System(String),
}

/// What a passphrase opens: the key, and what shows that it is the right one.
struct Keys {
    key: Zeroizing<[u8; 32]>,
    check: [u8; CHECK],
}

impl Keys {
    fn derive(passphrase: &[u8], salt: &[u8], cost: Cost) -> Result<Self, argon2::Error> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32 + CHECK))?;
        let mut out = Zeroizing::new([0; 32 + CHECK]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
            passphrase,
            salt,
            out.as_mut_slice(),
        )?;
        let (mut key, mut check) = (Zeroizing::new([0; 32]), [0; CHECK]);
        for (to, from) in key.iter_mut().chain(&mut check).zip(out.iter()) {
            *to = *from;
        }
        Ok(Self { key, check })
    }
}

/// Encrypts all of `plain`.
pub(super) fn seal(
    passphrase: &[u8],
    cost: Cost,
    plain: &mut impl Read,
    out: &mut impl Write,
) -> Result<(), SealError> {
    let mut random = [0; SALT + NONCE];
    getrandom::fill(&mut random).map_err(|error| SealError::System(error.to_string()))?;
    let (salt, nonce) = random.split_at(SALT);
    let keys = Keys::derive(passphrase, salt, cost).map_err(|error| SealError::System(error.to_string()))?;
    let mut header = Vec::with_capacity(HEADER + CHECKSUM);
    header.extend_from_slice(MAGIC);
    header.push(VERSION);
    for number in [cost.memory_kib, cost.passes, cost.lanes] {
        header.extend_from_slice(&number.to_be_bytes());
    }
    header.extend_from_slice(&random);
    header.extend_from_slice(&keys.check);
    out.write_all(&header)?;
    out.write_all(&checksum(&header))?;

    let nonce = nonce.try_into().map_err(|_| SealError::System("a nonce of another length".to_owned()))?;
    let mut stream = EncryptorBE32::<XChaCha20Poly1305>::new((&*keys.key).into(), &nonce);
    let too_long = |_| SealError::System("there is too much of it".to_owned());
    let mut chunk = next_chunk(plain, CHUNK)?;
    loop {
        let next = next_chunk(plain, CHUNK)?;
        if next.is_empty() {
            stream.encrypt_last_in_place(&header, &mut *chunk).map_err(too_long)?;
            return Ok(out.write_all(&chunk)?);
        }
        stream.encrypt_next_in_place(&header, &mut *chunk).map_err(too_long)?;
        out.write_all(&chunk)?;
        chunk = next;
    }
}

/// An export that the passphrase opens.
pub(super) struct Unsealing<R> {
    sealed: R,
    header: Vec<u8>,
    /// `None` once all was read.
    stream: Option<DecryptorBE32<XChaCha20Poly1305>>,
    /// Read and not yet decrypted: only who sees that nothing follows knows that it is the last.
    chunk: Zeroizing<Vec<u8>>,
}

impl<R: Read> Unsealing<R> {
    /// Reads the header and tries the passphrase.
    pub(super) fn begin(passphrase: &[u8], mut sealed: R) -> Result<Self, UnsealError> {
        let header = next_chunk(&mut sealed, HEADER)?.to_vec();
        let Some(rest) = header.strip_prefix(MAGIC.as_slice()) else { return Err(UnsealError::Foreign) };
        let said = next_chunk(&mut sealed, CHECKSUM)?;
        let Some((version, rest)) = rest.split_first() else { return Err(UnsealError::Damaged) };
        if *version != VERSION {
            // A newer version says so even where all that follows means something else.
            return Err(if version.is_ascii_digit() { UnsealError::Newer } else { UnsealError::Damaged });
        }
        if header.len() != HEADER || said.as_slice() != checksum(&header) {
            return Err(UnsealError::Damaged);
        }
        let mut rest = rest;
        let mut number = || take(&mut rest).map(u32::from_be_bytes);
        let cost = Cost { memory_kib: number()?, passes: number()?, lanes: number()? };
        let (salt, nonce): ([u8; SALT], [u8; NONCE]) = (take(&mut rest)?, take(&mut rest)?);
        let check: [u8; CHECK] = take(&mut rest)?;
        if !cost.is_bounded() {
            return Err(UnsealError::Damaged);
        }
        let keys = Keys::derive(passphrase, &salt, cost).map_err(|error| match error {
            argon2::Error::OutOfMemory => UnsealError::Read(io::ErrorKind::OutOfMemory.into()),
            _ => UnsealError::Damaged,
        })?;
        if !bool::from(keys.check.ct_eq(&check)) {
            return Err(UnsealError::WrongPassphrase);
        }
        let stream = DecryptorBE32::new((&*keys.key).into(), &nonce.into());
        let chunk = next_chunk(&mut sealed, CHUNK + TAG)?;
        Ok(Self { sealed, header, stream: Some(stream), chunk })
    }

    /// The next part of what was encrypted; `None` after the last, which nothing follows.
    pub(super) fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, UnsealError> {
        let Some(mut stream) = self.stream.take() else { return Ok(None) };
        let next = next_chunk(&mut self.sealed, CHUNK + TAG)?;
        let mut chunk = std::mem::replace(&mut self.chunk, next);
        let opened = if self.chunk.is_empty() {
            stream.decrypt_last_in_place(&self.header, &mut *chunk)
        } else {
            let opened = stream.decrypt_next_in_place(&self.header, &mut *chunk);
            self.stream = Some(stream);
            opened
        };
        opened.map_err(|_| UnsealError::Damaged)?;
        Ok(Some(chunk))
    }
}

fn checksum(header: &[u8]) -> [u8; CHECKSUM] {
    let hash = blake3::hash(header);
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], UnsealError> {
    let (first, more) = rest.split_first_chunk().ok_or(UnsealError::Damaged)?;
    *rest = more;
    Ok(*first)
}

/// As many bytes, or as there are left, in a vector that has room for the tag: one that grows would leave a copy behind.
fn next_chunk(from: &mut impl Read, size: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut chunk = Zeroizing::new(Vec::with_capacity(CHUNK.max(size) + TAG));
    from.take(size as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

#[cfg(test)]
mod tests;
