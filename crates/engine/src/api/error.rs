use serde::{Deserialize, Serialize};

/// Why a command failed, for programs. The names are promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// An argument is missing, malformed or out of its range; or the command is unknown.
    InvalidArgument,
    /// No such room, message or device is known here.
    NotFound,
    /// This device is not, or no longer, a member of the room.
    NotAMember,
    /// Only the room's owner may do this.
    NotOwner,
    /// Nothing answered at the address in time.
    Unreachable,
    /// The other device answered and said no.
    Refused,
    /// The invite's time is over.
    Expired,
    /// The invite was used as often as it allows.
    Used,
    /// What would be made is there already, or something would be lost: a file of that name, the rooms of this device.
    Exists,
    /// The passphrase is not the one that the export was made with.
    WrongPassphrase,
    /// The pairing code is not the one the other device shows.
    WrongCode,
    /// A certain device was dialled and another key answered.
    IdentityChanged,
    /// A text or name is over its limit.
    TooLarge,
    /// Another program listens on the port.
    PortInUse,
    /// The disk is full or failing: nothing can be written.
    ReadOnly,
    /// Another process holds the data folder.
    Locked,
    /// The other device speaks another version of the protocol.
    VersionUnsupported,
    /// A fault of Lanline's own.
    Internal,
}

/// A failed command: what every door shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[error("{message}")]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one sentence that says what to do.
    pub message: String,
}

impl ApiError {
    /// An error of this code with this sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// An argument is missing, malformed or out of its range.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelt_as_promised() {
        let promised = [
            "invalid_argument",
            "not_found",
            "not_a_member",
            "not_owner",
            "unreachable",
            "refused",
            "expired",
            "used",
            "exists",
            "wrong_passphrase",
            "wrong_code",
            "identity_changed",
            "too_large",
            "port_in_use",
            "read_only",
            "locked",
            "version_unsupported",
            "internal",
        ];
        for name in promised {
            let code: ErrorCode = serde_json::from_value(name.into()).unwrap();
            let error = ApiError::new(code, "Try again.");
            assert_eq!(
                serde_json::to_value(error).unwrap(),
                serde_json::json!({"code": name, "message": "Try again."})
            );
        }
    }
}
