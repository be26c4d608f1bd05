//! Which member is meant.

use lanline_engine::api::Member;

use crate::{line, plain};

/// How many members a sentence lists.
const LISTED: usize = 12;

/// The member of this id, name or beginning of either; or else a sentence that lists who there is.
pub(crate) fn find<'a>(members: &'a [Member], given: &str) -> Result<&'a Member, String> {
    let given = given.trim();
    let wanted = given.to_lowercase();
    let id: String = wanted.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let plain_id = |member: &Member| member.device_id.to_lowercase().replace('-', "");
    // From what says it best to what might: the first that any member fits decides.
    let fits: [&dyn Fn(&Member) -> bool; 4] = [
        &|member| plain_id(member) == id,
        &|member| member.name == given,
        &|member| member.name.to_lowercase() == wanted,
        &|member| {
            !id.is_empty() && (plain_id(member).starts_with(&id) || member.name.to_lowercase().starts_with(&wanted))
        },
    ];
    for fits in fits {
        let found: Vec<&Member> = members.iter().filter(|member| fits(member)).collect();
        match found.as_slice() {
            [] => {}
            [member] => return Ok(member),
            several => {
                let meant = plain::excerpt(given);
                return Err(format!("{meant} can be {}: type more of the id of the one you mean.", list(several)));
            }
        }
    }
    let all: Vec<&Member> = members.iter().collect();
    Err(format!("There is no member {} in this room; there is {}.", plain::excerpt(given), list(&all)))
}

/// Members, as a sentence lists them: each with the beginning of its id, since names are not unique.
fn list(members: &[&Member]) -> String {
    let called = |member: &&Member| line::called_with_id(&member.device_id, &member.name);
    let mut shown: Vec<String> = members.iter().take(LISTED).map(called).collect();
    if members.len() > LISTED {
        shown.push(format!("{} more", members.len() - LISTED));
    }
    match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use lanline_engine::api::Role;

    use super::*;

    fn member(device_id: &str, name: &str) -> Member {
        let (device_id, name) = (device_id.to_owned(), name.to_owned());
        Member { device_id, name, role: Role::Member, voter: true, online: false, last_seen_at: None }
    }

    #[test]
    fn a_member_is_found_by_id_or_name_and_never_guessed() {
        let members = [member("AAAAAAA-BBBBBBB", "Bob"), member("AAAAAAC-BBBBBBB", "bob"), member("CCCCCCC", "Carol")];
        let found = |given: &str| find(&members, given).map(|member| member.device_id.as_str());
        assert_eq!(found("Bob"), Ok("AAAAAAA-BBBBBBB"));
        assert_eq!(found("aaaaaac"), Ok("AAAAAAC-BBBBBBB"));
        assert_eq!(found("AAAAAAC-BBB"), Ok("AAAAAAC-BBBBBBB"));
        assert_eq!(found("car"), Ok("CCCCCCC"));
        for unclear in ["BOB", "aaaa", "dave", "", "-"] {
            let said = find(&members, unclear).unwrap_err();
            assert!(said.ends_with('.') && !said.contains('\n'), "{said}");
        }
    }
}
