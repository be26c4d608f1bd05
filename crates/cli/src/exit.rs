use std::{fmt::Display, process::ExitCode};

use lanline_engine::api::{ApiError, CallError, ErrorCode};

use crate::{plain, print};

/// Why the program ends: one sentence, and whether what it was given is to blame.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    /// What it was given, or where it was started, cannot work: exit code 2.
    pub(crate) fn input(error: impl Display) -> Self {
        Self { sentence: error.to_string(), code: 2 }
    }

    /// Not all of it was done: exit code 1.
    pub(crate) fn undone(sentence: impl Display) -> Self {
        Self { sentence: sentence.to_string(), code: 1 }
    }

    /// The same, said of something.
    pub(crate) fn about(self, what: &str) -> Self {
        Self { sentence: format!("{what}: {}", self.sentence), ..self }
    }

    /// Says it on standard error.
    pub(crate) fn report(self) -> ExitCode {
        // It may quote what somebody else chose.
        print::aside(&plain::line(&self.sentence));
        ExitCode::from(self.code)
    }
}

impl From<CallError> for Failure {
    /// A command failed: exit code 2 where what was typed is to blame, else 1.
    fn from(error: CallError) -> Self {
        let ApiError { code, message } = error.into();
        let code = match code {
            ErrorCode::InvalidArgument
            | ErrorCode::TooLarge
            | ErrorCode::Unreachable
            | ErrorCode::Expired
            | ErrorCode::Used
            | ErrorCode::Exists
            | ErrorCode::WrongPassphrase
            | ErrorCode::PortInUse
            | ErrorCode::Locked => 2,
            _ => 1,
        };
        Self { sentence: message, code }
    }
}
