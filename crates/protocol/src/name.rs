//! Names as people are shown them. What is signed stays as it is.
//!
//! A name is text that somebody else chose, and stands where a person looks to see who speaks. So nothing of it is shown
//! that cannot be seen, or that changes what stands beside it, and two that look alike are told apart by their ids.

use std::collections::BTreeMap;
use std::fmt::Display;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

use crate::identity::PublicKey;

/// Marks on one letter, above which they reach into other lines. Writing that needs most of them, Burmese, has six.
const MARKS: usize = 6;
/// As much of an id as tells two of one name apart: a device's first group.
const SHORT_ID: usize = 7;
/// As much as tells two apart whose ids begin alike, which somebody may have tried keys for: a device's first two groups.
const LONG_ID: usize = 15;
/// What stands between a name and the beginning of an id.
const TAG: char = '#';

/// The name without what cannot be seen: in composed form (NFC), on one line, with single spaces. Empty where nothing is
/// left.
///
/// Taken out are controls, bidirectional and interlinear formatting, and what Unicode lets a font leave out
/// (`Default_Ignorable_Code_Point`), but for joiners inside of emoji and of writing that has them and for variation
/// selectors behind what they vary; Braille's blank; and marks without a letter or beyond six on one.
pub fn clean(name: &str) -> String {
    let mut name = name.to_owned();
    loop {
        // What is left when something is taken out may compose, or stand beside what it must not.
        let next = pass(&name);
        if next == name {
            return name;
        }
        name = next;
    }
}

/// The name as it is shown; where nothing of it can be seen, the beginning of the id.
pub fn shown(name: &str, id: &impl Display) -> String {
    let clean = clean(name);
    if clean.is_empty() { beginning(id, SHORT_ID) } else { clean }
}

/// A device's name as it is shown; empty where none of it is known.
pub(crate) fn of_device(name: &str, key: &PublicKey) -> String {
    if name.is_empty() { String::new() } else { shown(name, key) }
}

/// Each name as it is shown; where one looks like another, with the beginning of its id. What another is told apart by is
/// in nobody's name: who has it there is shown without, and with the beginning of its own.
pub fn told_apart<K: Ord + Copy + Display>(names: impl IntoIterator<Item = (K, String)>) -> BTreeMap<K, String> {
    let names: BTreeMap<K, String> = names.into_iter().map(|(id, name)| (id, shown(&name, &id))).collect();
    let ids = count(names.keys().map(|id| seen_as(&beginning(id, SHORT_ID))));
    let looks: BTreeMap<K, Vec<String>> = names.iter().map(|(id, name)| (*id, looks(name))).collect();
    let seen = count(looks.values().flatten());
    let told = |id: &K, name: &String| {
        let own = seen_as(&beginning(id, SHORT_ID));
        let forged = carries_another(name, &own, &ids);
        if !forged && looks.get(id).into_iter().flatten().all(|look| seen.get(&look) == Some(&1)) {
            return name.clone();
        }
        let name = if forged { before_tags(name) } else { name.clone() };
        let tag = beginning(id, if ids.get(&own) == Some(&1) { SHORT_ID } else { LONG_ID });
        format!("{name} {TAG}{tag}").trim_start().to_owned()
    };
    names.iter().map(|(id, name)| (*id, told(id, name))).collect()
}

fn beginning(id: &impl Display, characters: usize) -> String {
    id.to_string().chars().take(characters).collect()
}

fn count<T: Ord>(all: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    all.fold(BTreeMap::new(), |mut counted, one| {
        *counted.entry(one).or_default() += 1;
        counted
    })
}

/// Whether a sign stands in a name, and behind it what looks like the beginning of an id that is not its own alone.
fn carries_another(name: &str, own: &str, ids: &BTreeMap<String, usize>) -> bool {
    if !plain(name).contains(TAG) {
        return false;
    }
    let seen = seen_as(name);
    seen.split(TAG).skip(1).any(|behind| {
        // What one character looks like may be two.
        let ends = behind.char_indices().map(|(at, character)| at + character.len_utf8()).take(2 * SHORT_ID);
        let mut beginnings = ends.filter_map(|end| behind.get(..end));
        beginnings.any(|begins| ids.get(begins).is_some_and(|known| begins != own || *known > 1))
    })
}

/// What stands before the first sign.
fn before_tags(name: &str) -> String {
    clean(plain(name).split(TAG).next().unwrap_or_default())
}

/// The plain characters that compatible ones stand for: of full width, in circles, as ciphers.
fn plain(name: &str) -> String {
    name.nfkc().collect()
}

/// What a tag is seen as (UTS 39), whatever the case, and whatever is put between its characters.
fn seen_as(text: &str) -> String {
    let seen: String = skeleton(&plain(text).to_lowercase()).collect();
    seen.chars().filter(|character| character.is_alphanumeric() || *character == TAG).collect()
}

/// What a name looks like (UTS 39), whatever the case. Both ways, since a capital I looks like an l and is an i.
fn looks(name: &str) -> Vec<String> {
    let plain = plain(name);
    // What looks like the beginning of an id behind a name must not make it another, however often it stands there.
    let is_group = |group: &str| group.chars().count() == SHORT_ID && group.chars().all(char::is_alphanumeric);
    let mut name = plain.as_str();
    while let Some((before, end)) = name.rsplit_once(TAG)
        && end.trim_start().split('-').all(is_group)
    {
        name = before.trim_end();
    }
    let folded: String = skeleton(&name.to_lowercase()).collect();
    let mut looks = vec![skeleton(name).collect::<String>().to_lowercase(), folded];
    looks.dedup();
    looks
}

fn pass(name: &str) -> String {
    let mut clean = String::with_capacity(name.len());
    let (mut last, mut marks) = (None, 0);
    let mut rest = name.nfc().peekable();
    while let Some(character) = rest.next() {
        let kept = match character {
            blank if blank.is_whitespace() => last.is_some_and(|last| last != ' '),
            '\u{200c}' | '\u{200d}' => last.zip(rest.peek().copied()).is_some_and(|(a, b)| may_join(a, b)),
            selector if is_selector(selector) => last.is_some_and(|last| last != ' ' && !is_selector(last)),
            hidden if is_hidden(hidden) => false,
            mark if is_combining_mark(mark) => last.is_some_and(|last| last != ' ') && marks < MARKS,
            _ => true,
        };
        if !kept {
            continue;
        }
        let character = if character.is_whitespace() { ' ' } else { character };
        marks = if is_combining_mark(character) { marks + 1 } else { 0 };
        clean.push(character);
        last = Some(character);
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Whether a joiner between the two does something that is seen: in emoji, and in writing from Arabic to the Indic ones,
/// where it is part of spelling.
fn may_join(before: char, after: char) -> bool {
    let is_drawn = |c| matches!(c, '\u{fe0f}' | '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}');
    let is_joined = |c| matches!(c, '\u{600}'..='\u{1cff}') && !is_hidden(c);
    is_drawn(before) && is_drawn(after) || is_joined(before) && is_joined(after)
}

fn is_selector(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether nothing is to be seen of a character, or it changes how others are shown. Unicode reserves whole ranges for
/// those to come, so that the list stays as it is.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_shown_that_cannot_be_seen() {
        for (name, expected) in [
            ("Alice", "Alice"),
            ("  Alice \t\u{a0}\u{3000} Liddell\u{2003}", "Alice Liddell"),
            ("Alice\n12:00 Bob", "Alice 12:00 Bob"),
            ("Al\0i\u{1b}[2Jce\u{7f}\u{9b}", "Ali[2Jce"),
            ("\u{202e}ecilA\u{202c}", "ecilA"),
            ("\u{2066}A\u{2067}l\u{2068}i\u{2069}c\u{200e}e\u{200f}\u{61c}", "Alice"),
            ("Al\u{200b}ice\u{2060}\u{feff}\u{ad}", "Alice"),
            ("A\u{200d}lice\u{200c}", "Alice"),
            ("\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}\u{180e}", ""),
            ("Alice\u{e0041}\u{e007f}", "Alice"),
            ("Alice\u{2028}\u{2029}Bob", "Alice Bob"),
            ("\u{fe0f}Alice \u{fe0f}Bob", "Alice Bob"),
            ("\u{301}Alice \u{301}Bob", "Alice Bob"),
            ("A\u{34f}\u{301}lice", "Álice"),
            ("A\u{301}lice", "Álice"),
            ("Alice \u{200b} \u{200b} Liddell", "Alice Liddell"),
            ("", ""),
            ("\u{200d}", ""),
        ] {
            assert_eq!(clean(name), expected, "{name:?}");
        }
        assert_eq!(clean(&format!("a{}", "\u{316}".repeat(40))).chars().count(), 1 + MARKS);
        assert_eq!(shown("\u{200b}\u{3164}", &"abcdefghij"), "abcdefg");
    }

    #[test]
    fn names_of_all_writing_stay_what_they_are() {
        for name in [
            "Zoë O’Neill-D'Arcy",
            "日本語 葛\u{e0100}城",
            "שלום",
            "عبد\u{200c}الله",
            "නිශ\u{dca}\u{200d}ශංක",
            "မြန်မာ",
            "Nguyễn Thị Hằng",
            "👩\u{200d}👩\u{200d}👧\u{200d}👦",
            "🏳\u{fe0f}\u{200d}🌈 ❤\u{fe0f}",
            "🤷🏽\u{200d}♀\u{fe0f}",
            "한글",
            "Team #1 <b>{name}</b> %s __proto__",
        ] {
            assert_eq!(clean(name), name);
        }
    }

    #[test]
    fn two_that_look_alike_carry_their_ids() {
        let told = |names: &[&str]| -> Vec<String> {
            let names = names.iter().enumerate().map(|(n, name)| (n + 1_000_000, (*name).to_owned()));
            told_apart(names).into_values().collect()
        };
        assert_eq!(told(&["Alice", "Bob"]), ["Alice", "Bob"]);
        for other in [
            "Alice",
            "alice",
            "ALICE",
            "Al\u{200b}ice",
            " Alice\u{2060}",
            "AIice",
            "Аlice",
            "Αlice",
            "Ａｌｉｃｅ",
            "𝐀lice",
            "Al\u{456}ce",
            "Alice #1000002",
            "Alice#AAAAAAA",
            "Alice ＃1000002",
            "Alice ﹟1000002",
            "Alice # １０００００２",
            "Alice #1000002 #1000003",
            "Alice #1000002-1000003 ＃AAAAAAA#BBBBBBB",
        ] {
            let both = told(&["Alice", other]);
            assert_eq!(both[0], "Alice #1000000", "{other}");
            assert!(both[1].ends_with(" #1000001"), "{other}: {both:?}");
        }
        for other in ["Alicia", "Alíce", "Alice B", "Team #2", "アリス"] {
            assert_eq!(told(&["Alice", other, "Team #1"]), ["Alice", other, "Team #1"]);
        }
        // Nothing to be seen is not alike.
        assert_eq!(told(&["\u{3164}", "\u{200b}"]), ["1000000", "1000001"]);
    }

    /// As a device's id is written.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    struct Id(&'static str);

    impl Display for Id {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str(self.0)
        }
    }

    /// Of two of them somebody tried keys until they began alike; of two, what they begin with looks alike in part.
    const IDS: [Id; 5] = [
        Id("ABCDEFG-HIJKLMN-OPQRSTU"),
        Id("ABCDEFG-2222222-OPQRSTU"),
        Id("RNABCDE-FGHIJKL-MNOPQRS"),
        Id("MABCDEF-GHIJKLM-NOPQRST"),
        Id("QQQQQQQ-RRRRRRR-SSSSSSS"),
    ];

    fn told(names: [&str; 5]) -> [String; 5] {
        let mut told = told_apart(IDS.into_iter().zip(names.map(str::to_owned)));
        IDS.map(|id| told.remove(&id).unwrap())
    }

    #[test]
    fn nobody_is_shown_with_what_another_is_told_apart_by() {
        let carol = IDS[4];
        for forged in [
            "Alice #QQQQQQQ",
            "Alíce #QQQQQQQ",
            "Alice ＃QQQQQQQ",
            "Alice ﹟ＱＱＱＱＱＱＱ",
            "Alice #qqqqqqq #XXXXXXX",
            "Alice #QQQQQQQ (at work)",
            "Alice # Q Q Q Q Q Q Q",
            "Alice #QQQ-QQQQ",
            "Alice #Q\u{332}QQQQQQ",
            "#QQQQQQQ",
        ] {
            let mut names = told_apart([(IDS[2], forged.to_owned()), (carol, "Carol".to_owned())]);
            let shown = names.remove(&IDS[2]).unwrap();
            assert!(shown.ends_with("RNABCDE") && !shown.contains('Q') && !shown.contains('q'), "{forged}: {shown}");
            assert_eq!(names.remove(&carol).unwrap(), "Carol");
        }
        // Who keeps the beginning of its own id in its name, or something else there, is not touched.
        for own in ["Bob #RNABCDE", "Bob #release", "Team #1"] {
            assert_eq!(told_apart([(IDS[2], own.to_owned()), (carol, "Carol".to_owned())])[&IDS[2]], own);
        }
        // Where the ids begin alike, more of them is shown; nor is that taken from anybody.
        let both = told(["Alice", "Alice #ABCDEFG", "a", "b", "c"]);
        assert_eq!(both[..2], ["Alice #ABCDEFG-HIJKLMN", "Alice #ABCDEFG-2222222"]);
        let both = told(["Alice", "Álice #ABCDEFG-HIJKLMN", "a", "b", "c"]);
        assert_eq!(both[..2], ["Alice", "Álice #ABCDEFG-2222222"]);
    }

    fn forged() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            prop::sample::select(vec![
                "Alice", "alice", "Bob", "x", " ", "\u{200b}", "\u{301}", "-", "#", "＃", "﹟", " #"
            ]),
            prop::sample::select(vec!["ABCDEFG", "abcdefg", "ＡＢＣＤＥＦＧ", "RNABCDE", "mabcdef", "QQQQQQQ"]),
            prop::sample::select(vec!["ABCDEFG-HIJKLMN", "ABCDEFG-2222222", "MABCDEF-GHIJKLM", "2222222", "XXXXXXX"]),
        ];
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    fn hostile() -> impl Strategy<Value = String> {
        let of_interest = prop::sample::select(vec![
            '\u{200d}',
            '\u{200c}',
            '\u{202e}',
            '\u{2069}',
            '\u{fe0f}',
            '\u{301}',
            '\u{34f}',
            '\u{1160}',
            '\u{1100}',
            '\u{1161}',
            '\u{958}',
            '\u{e0020}',
            '\u{2800}',
            ' ',
            '\n',
            'a',
            '\u{94d}',
            '\u{915}',
            '\u{1f468}',
            '\u{200b}',
        ]);
        let character = prop_oneof![3 => of_interest, 1 => any::<char>()];
        prop::collection::vec(character, 0..40).prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn no_name_carries_what_another_is_told_apart_by(names in prop::array::uniform5(forged())) {
            let told = told(names.each_ref().map(String::as_str));
            let tags = IDS.map(|id| beginning(&id, if id.0.starts_with('A') { LONG_ID } else { SHORT_ID }));
            for (of, shown) in told.iter().enumerate() {
                let read: String = plain(shown).to_uppercase().chars().filter(|c| !c.is_whitespace()).collect();
                for (other, tag) in tags.iter().enumerate().filter(|(other, _)| *other != of) {
                    prop_assert!(!read.contains(&format!("#{tag}")), "{of} is shown as {shown}, as {other}");
                }
            }
            let apart: std::collections::BTreeSet<&String> = told.iter().collect();
            prop_assert_eq!(apart.len(), told.len());
        }

        #[test]
        fn what_is_shown_is_never_empty_and_holds_nothing_hidden(name in hostile()) {
            let shown = shown(&name, &"abcdefghij");
            prop_assert!(!shown.trim().is_empty());
            prop_assert_eq!(&super::shown(&shown, &"abcdefghij"), &shown);
            prop_assert!(!shown.starts_with(' ') && !shown.ends_with(' ') && !shown.contains("  "));
            prop_assert!(shown.nfc().eq(shown.chars()));
            for character in shown.chars().filter(|c| !is_selector(*c) && !matches!(c, '\u{200c}' | '\u{200d}')) {
                prop_assert!(!is_hidden(character), "{character:?}");
                prop_assert!(character == ' ' || !character.is_whitespace(), "{character:?}");
            }
        }
    }
}
