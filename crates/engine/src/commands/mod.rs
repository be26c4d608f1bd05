//! The commands, by noun: each checks its arguments and asks the core.

mod by_code;
mod compare;
mod device;
mod diagnose;
mod join;
mod known;
mod message;
mod moving;
mod nearby;
mod peer;
mod preferences;
mod present;
mod qr;
mod room;

use std::str::FromStr;

use lanline_protocol::{
    id::{EntryId, RoomId},
    identity::DeviceId,
    link::InviteLink,
};

use crate::{
    api::{ApiError, ErrorCode, NAME_MAX},
    core::sentence,
    name::valid_name,
};

/// A device's or room's name as it is kept.
fn checked_name(given: &str) -> Result<String, ApiError> {
    if given.trim().len() > NAME_MAX {
        return Err(ApiError::new(
            ErrorCode::TooLarge,
            format!("A name may have {NAME_MAX} bytes: choose a shorter one."),
        ));
    }
    valid_name(given)
        .ok_or_else(|| ApiError::invalid("A name needs at least one visible character and no control characters."))
}

fn room_id(given: &str) -> Result<RoomId, ApiError> {
    parsed(given, "room's")
}

fn message_id(given: &str) -> Result<EntryId, ApiError> {
    parsed(given, "message's")
}

fn device_id(given: &str) -> Result<DeviceId, ApiError> {
    parsed(given, "device's")
}

fn invite_link(given: &str) -> Result<InviteLink, ApiError> {
    given.parse().map_err(|error| ApiError::invalid(sentence(&format!("{error}"))))
}

fn parsed<T: FromStr>(given: &str, whose: &str) -> Result<T, ApiError> {
    given.parse().map_err(|_| {
        let shown: String = given.chars().take(80).collect();
        ApiError::invalid(format!("{shown:?} is not a {whose} id: copy it again, whole."))
    })
}
