//! What a device or a room may be called.

use crate::api::NAME_MAX;

/// The name without white space around it, if it can be a device's or room's name.
pub(crate) fn valid_name(given: &str) -> Option<String> {
    let name = given.trim();
    (!name.is_empty() && name.len() <= NAME_MAX && !name.chars().any(char::is_control)).then(|| name.to_owned())
}
