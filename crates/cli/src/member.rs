//! Which member, or which device that was met, is meant.

use lanline_engine::api::{KnownDevice, Member};

use crate::{line, plain};

/// How many members a sentence lists.
const LISTED: usize = 12;

/// Whom people name by an id or a name.
pub(crate) trait Named {
    /// Where one is looked for, as a sentence ends.
    const AMONG: &str;
    /// Its id.
    fn id(&self) -> &str;
    /// What it is called here.
    fn name(&self) -> &str;
}

impl Named for Member {
    const AMONG: &str = "member in this room";

    fn id(&self) -> &str {
        &self.device_id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for KnownDevice {
    const AMONG: &str = "device that this one has met";

    fn id(&self) -> &str {
        &self.device_id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// The one of this id, name or beginning of either; or else a sentence that lists who there is.
pub(crate) fn find<'a, T: Named>(all: &'a [T], given: &str) -> Result<&'a T, String> {
    let given = given.trim();
    let wanted = given.to_lowercase();
    let id: String = wanted.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let plain_id = |one: &T| one.id().to_lowercase().replace('-', "");
    // From what says it best to what might: the first that anybody fits decides.
    let fits: [&dyn Fn(&T) -> bool; 4] =
        [&|one| plain_id(one) == id, &|one| one.name() == given, &|one| one.name().to_lowercase() == wanted, &|one| {
            !id.is_empty() && (plain_id(one).starts_with(&id) || one.name().to_lowercase().starts_with(&wanted))
        }];
    for fits in fits {
        let found: Vec<&T> = all.iter().filter(|one| fits(one)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one),
            several => {
                let meant = plain::excerpt(given);
                return Err(format!("{meant} can be {}: type more of the id of the one you mean.", list(several)));
            }
        }
    }
    let (what, there) = T::AMONG.split_once(' ').unwrap_or((T::AMONG, ""));
    let given = plain::excerpt(given);
    Err(match all.iter().collect::<Vec<_>>().as_slice() {
        [] => format!("There is no {what} {given} {there}; there is none."),
        all => format!("There is no {what} {given} {there}; there is {}.", list(all)),
    })
}

/// Members, as a sentence lists them: each with the beginning of its id, since names are not unique.
fn list<T: Named>(members: &[&T]) -> String {
    let called = |one: &&T| line::called_with_id(one.id(), one.name());
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
