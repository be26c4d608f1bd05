//! What others wrote, as text a terminal only shows.
//!
//! A terminal obeys control characters, and bidirectional overrides let a text look like another. Both are made
//! visible instead. Whatever a peer chose (texts, names, the names of rooms) goes through here before it is printed.

use std::{borrow::Cow, fmt::Write};

/// Whether a terminal would do something else with this character than show it in its place: C0, DEL and C1 controls,
/// line and paragraph separators, bidirectional and interlinear formatting, the mark of a byte order.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// On one line: line ends are made visible like every other control character.
pub(crate) fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => shown.push_str("    "),
            // The pictures of controls: ␀ to ␟, and ␡.
            '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(character))),
            '\u{7f}' => shown.push('\u{2421}'),
            _ if is_unsafe(character) => {
                // Writing to a string does not fail.
                let _ = write!(shown, "‹U+{:04X}›", u32::from(character));
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// On as many lines as it has.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.split('\n').map(|part| line(part.strip_suffix('\r').unwrap_or(part)))
}

/// A name in angle brackets, which it cannot contain itself: so nobody's name reads as somebody's words.
pub(crate) fn name(name: &str) -> String {
    format!("<{}>", line(name.trim()).replace('<', "‹").replace('>', "›"))
}

/// The beginning of a text, in quotation marks.
pub(crate) fn excerpt(text: &str) -> String {
    const MOST: usize = 40;
    let text = text.trim();
    let first = text.split('\n').next().unwrap_or_default();
    let mut shown: String = first.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("“{}”", line(&shown))
}

/// JSON with what [`line()`] would make visible escaped; the value stays the same. JSON has none of it outside its strings.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    let is_kept = |character: char| character == '\n' || !is_unsafe(character);
    if json.chars().all(is_kept) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for character in json.chars() {
        if is_kept(character) {
            escaped.push(character);
        } else {
            // All of them have four digits at most; writing to a string does not fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        }
    }
    Cow::Owned(escaped)
}

/// Texts that try to be more than text.
#[cfg(test)]
pub(crate) const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}[1;1Hgone",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]52;c;ZXZpbA==\u{1b}\\",
    "\u{1b}]8;;http://evil/\u{1b}\\click\u{1b}]8;;\u{1b}\\",
    "\u{9b}31mred\u{9c}",
    "\u{90}q\u{9c}",
    "\u{8}\u{8}\u{8}over",
    "\rover the line",
    "\u{7f}\u{0}\u{7}\u{c}\u{b}\u{e}\u{f}",
    "one\n12:00 <Alice> two",
    "one\r\n<Alice> two",
    "\u{85}next\u{2028}line\u{2029}",
    "\u{202e}gnp.exe\u{202c}",
    "\u{2066}a\u{2067}b\u{2068}c\u{2069}\u{200e}\u{200f}\u{61c}",
    "\u{feff}\u{fff9}a\u{fffa}b\u{fffb}",
    "Alice> I owe you. <Bob",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left_and_nothing_is_left_out() {
        for text in HOSTILE {
            let shown = line(text);
            assert!(!shown.chars().any(is_unsafe), "{shown:?}");
            let (harmless, kept) = (text.chars().filter(|c| !is_unsafe(*c)), shown.chars());
            assert!(harmless.clone().all(|character| kept.clone().any(|other| other == character)), "{shown:?}");
            assert!(shown.chars().count() >= text.chars().count(), "{shown:?}");
        }
        assert_eq!(line("\u{1b}[31m\u{7f}\u{9b}\u{202e}x\ty"), "␛[31m␡‹U+009B›‹U+202E›x    y");
        for character in (0..0x11_0000).filter_map(char::from_u32) {
            assert!(!line(&character.to_string()).chars().any(char::is_control), "{character:?}");
        }
    }

    #[test]
    fn ordinary_writing_is_left_alone() {
        for text in ["hello", "héllo wörld", "日本語", "שלום", "👩‍👩‍👧‍👦 🏳️‍🌈", "a\u{300}", "no\u{ad}break\u{a0}"]
        {
            assert_eq!(line(text), text);
            assert_eq!(json(text), text);
        }
        assert_eq!(lines("a\r\nb\n\nc\rd").collect::<Vec<_>>(), ["a", "b", "", "c␍d"]);
    }

    #[test]
    fn a_name_ends_where_it_says() {
        for text in HOSTILE {
            let shown = name(text);
            assert_eq!((shown.matches('<').count(), shown.matches('>').count()), (1, 1), "{shown}");
            assert!(shown.starts_with('<') && shown.ends_with('>') && !shown.contains('\n'), "{shown}");
        }
    }

    #[test]
    fn all_that_the_window_is_tried_with_is_harmless_here() {
        let payloads = include_str!("../../../tests/hostile/payloads.jsonl");
        for payload in payloads.lines().map(|payload| serde_json::from_str::<String>(payload).unwrap()) {
            let shown =
                [line(&payload), name(&payload), excerpt(&payload), lines(&payload).collect::<Vec<_>>().join("|")];
            for shown in shown {
                assert!(!shown.chars().any(is_unsafe), "{payload:?}: {shown:?}");
            }
            let escaped = json(&serde_json::to_string(&payload).unwrap()).into_owned();
            assert!(!escaped.chars().any(is_unsafe));
            assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), payload);
        }
    }

    #[test]
    fn an_excerpt_is_short_and_on_one_line() {
        assert_eq!(excerpt("hello"), "“hello”");
        assert_eq!(excerpt(" one\ntwo"), "“one…”");
        for text in HOSTILE {
            assert!(!excerpt(&text.repeat(100)).chars().any(is_unsafe));
        }
        assert!(excerpt(&"ö".repeat(10_000)).chars().count() < 50);
    }

    #[test]
    fn json_is_escaped_and_means_the_same() {
        for text in HOSTILE {
            let plain = serde_json::to_string_pretty(&[text]).unwrap();
            let escaped = json(&plain);
            assert!(!escaped.chars().any(|character| character != '\n' && is_unsafe(character)), "{escaped:?}");
            assert_eq!(serde_json::from_str::<Vec<String>>(&escaped).unwrap(), [*text]);
        }
    }
}
