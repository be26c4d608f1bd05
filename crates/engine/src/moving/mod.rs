//! Moving a device: its identity and rooms in one encrypted file, and back.

mod export;
mod import;
mod sealed;
#[cfg(test)]
mod tests;

pub(crate) use export::export;
pub(crate) use import::{finish, stage};

use crate::api::{ApiError, ErrorCode};

/// What a disk said while one file was made of another.
fn failed(what: &str, error: &std::io::Error) -> ApiError {
    use std::io::ErrorKind as Kind;
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
