//! What a device or a room may be called.

use crate::api::NAME_MAX;

/// The name as others are shown it, if it can be a device's or room's name: what somebody pastes may carry characters that
/// nobody sees. Control characters are no slip of the hand; who types one is told.
pub(crate) fn valid_name(given: &str) -> Option<String> {
    let given = given.trim();
    let name = lanline_protocol::name::clean(given);
    let fits = given.len() <= NAME_MAX && name.len() <= NAME_MAX;
    (fits && !name.is_empty() && !given.chars().any(char::is_control)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_others_see_it() {
        assert_eq!(valid_name(" A\u{200b}lice\u{202e}  Liddell\u{a0}").as_deref(), Some("Alice Liddell"));
        for refused in ["", " \u{2003}", "\u{200b}\u{3164}\u{2800}", "Al\nice", "Al\u{1b}[2Jice"] {
            assert_eq!(valid_name(refused), None, "{refused:?}");
        }
        assert_eq!(valid_name(&"n".repeat(NAME_MAX)).map(|name| name.len()), Some(NAME_MAX));
        assert_eq!(valid_name(&"n".repeat(NAME_MAX + 1)), None);
        // Composed as Unicode has it, this takes twice the bytes.
        assert_eq!(valid_name(&"\u{958}".repeat(NAME_MAX / 3)), None);
    }
}
