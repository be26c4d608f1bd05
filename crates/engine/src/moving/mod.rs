//! Moving a device: its identity and rooms in one encrypted file, and back.

mod export;
mod import;
mod sealed;
#[cfg(test)]
mod tests;

use std::io::{self, Read};

use tokio_util::sync::CancellationToken;

pub(crate) use export::export;
pub(crate) use import::{Staged, finish, stage};

use crate::api::{ApiError, ErrorCode};

/// What is read until it is to be stopped.
struct Until<'a, R> {
    from: R,
    stop: &'a CancellationToken,
}

impl<R: Read> Read for Until<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::Error::other("it was stopped"));
        }
        self.from.read(buffer)
    }
}

/// What a disk said while one file was made of another.
fn failed(what: &str, error: &io::Error) -> ApiError {
    use io::ErrorKind as Kind;
    let (code, advice) = match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => (ErrorCode::ReadOnly, "free some space on its disk, then try again"),
        Kind::NotFound => (ErrorCode::NotFound, "check the path"),
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
            (ErrorCode::ReadOnly, "choose a folder that you may write to")
        }
        Kind::NotADirectory | Kind::IsADirectory | Kind::InvalidFilename | Kind::InvalidInput => {
            (ErrorCode::InvalidArgument, "give the path of a file")
        }
        _ => (ErrorCode::ReadOnly, "check its disk"),
    };
    ApiError::new(code, format!("{what} failed ({error}): {advice}."))
}
