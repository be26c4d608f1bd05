//! Which room is meant.

use lanline_engine::api::{NoParams, RoomSummary, Rooms};

use crate::{device::Device, exit::Failure, plain};

/// As much of a room's id as tells two rooms of one name apart.
const SHORT_ID: usize = 8;
/// How many rooms a sentence lists.
const LISTED: usize = 12;

/// The room of this id, name or beginning of either; or else a sentence that lists what there is.
pub(crate) fn find<'a>(rooms: &'a [RoomSummary], given: &str) -> Result<&'a RoomSummary, String> {
    let given = given.trim();
    let wanted = given.to_lowercase();
    if rooms.is_empty() {
        return Err(NO_ROOMS.to_owned());
    }
    // From what says it best to what might: the first that any room fits decides.
    let fits: [&dyn Fn(&RoomSummary) -> bool; 4] = [
        &|room| room.room == wanted,
        &|room| room.name == given,
        &|room| room.name.to_lowercase() == wanted,
        &|room| !wanted.is_empty() && (room.room.starts_with(&wanted) || room.name.to_lowercase().starts_with(&wanted)),
    ];
    for fits in fits {
        let found: Vec<&RoomSummary> = rooms.iter().filter(|room| fits(room)).collect();
        match found.as_slice() {
            [] => {}
            [room] => return Ok(room),
            several => {
                let meant = plain::excerpt(given);
                return Err(format!("{meant} can be {}: type more of the one you mean.", list(several)));
            }
        }
    }
    let all: Vec<&RoomSummary> = rooms.iter().collect();
    Err(format!("There is no room {} here; there is {}.", plain::excerpt(given), list(&all)))
}

/// The room that was named on the command line.
pub(crate) async fn named(device: &Device, given: &str) -> Result<RoomSummary, Failure> {
    let rooms: Rooms = device.call("rooms", NoParams {}).await?;
    find(&rooms, given).cloned().map_err(Failure::input)
}

/// What to do where there is none.
pub(crate) const NO_ROOMS: &str =
    "There is no room on this device yet: make one with `lanline create NAME`, or join one with `lanline join LINK`.";

/// A room's name, and the beginning of its id.
fn called(room: &RoomSummary) -> String {
    format!("{} ({})", plain::name(&room.name), room.room.get(..SHORT_ID).unwrap_or(&room.room))
}

/// Rooms, as a sentence lists them.
pub(crate) fn list(rooms: &[&RoomSummary]) -> String {
    let mut shown: Vec<String> = rooms.iter().take(LISTED).map(|room| called(room)).collect();
    if rooms.len() > LISTED {
        shown.push(format!("{} more", rooms.len() - LISTED));
    }
    match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(rooms: &[(&str, &str)]) -> Vec<RoomSummary> {
        let room = |(id, name): &(&str, &str)| RoomSummary {
            room: (*id).to_owned(),
            name: (*name).to_owned(),
            members: 1,
            unread: 0,
            frozen: None,
            last: None,
        };
        rooms.iter().map(room).collect()
    }

    #[test]
    fn a_room_is_found_by_its_id_its_name_or_the_beginning_of_either() {
        let rooms = rooms(&[("gaaa2222", "Garden"), ("ba3b3333", "Garage"), ("bab44444", "Ölbild"), ("cccc", "gar")]);
        for (given, id) in [
            ("gaaa2222", "gaaa2222"),
            ("GAAA2222", "gaaa2222"),
            ("garden", "gaaa2222"),
            (" GARDEN ", "gaaa2222"),
            ("gard", "gaaa2222"),
            ("ba3", "ba3b3333"),
            ("ölb", "bab44444"),
            ("ÖLBILD", "bab44444"),
            // All of a name outranks the beginning of others.
            ("gar", "cccc"),
        ] {
            assert_eq!(find(&rooms, given).unwrap().room, id, "{given}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_unknown_is_one_sentence_that_lists_what_there_is() {
        let mut two = rooms(&[("aaaabbbbcccc", "Garden"), ("ddddeeeeffff", "garden")]);
        for given in ["GARDEN", "g"] {
            let said = find(&two, given).unwrap_err();
            assert!(said.contains("<Garden> (aaaabbbb) and <garden> (ddddeeee)"), "{said}");
        }
        assert_eq!(find(&two, "Garden").unwrap().room, "aaaabbbbcccc");
        for given in ["", " ", "kitchen", "aaaabbbbccccd"] {
            let said = find(&two, given).unwrap_err();
            assert!(said.starts_with("There is no room") && said.contains("<Garden>"), "{said}");
        }
        assert_eq!(find(&[], "Garden").unwrap_err(), NO_ROOMS);
        for hostile in plain::HOSTILE {
            two.iter_mut().for_each(|room| (*hostile).clone_into(&mut room.name));
            for given in [hostile, "x\u{1b}\n"] {
                let said = find(&two, given).unwrap_err();
                assert!(said.ends_with('.') && !said.chars().any(char::is_control), "{said:?}");
            }
        }
        let many: Vec<(String, String)> = (0..1000).map(|n| (format!("id{n:06}"), format!("Room {n}"))).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
        let said = find(&rooms(&many), "room").unwrap_err();
        assert!(said.contains("and 988 more") && said.len() < 600, "{said}");
    }
}
