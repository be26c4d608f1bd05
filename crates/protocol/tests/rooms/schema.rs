//! `docs/protocol.cddl`, against which everything that goes over a wire is held.

use std::sync::LazyLock;

use cddl_cat::cbor::validate_cbor;
use cddl_cat::context::BasicContext;
use cddl_cat::flatten::flatten_from_str;
use ciborium::Value;

static SCHEMA: LazyLock<BasicContext> = LazyLock::new(|| {
    let text = include_str!("../../../../docs/protocol.cddl");
    BasicContext::new(flatten_from_str(text).expect("protocol.cddl is CDDL"))
});

/// The rule of a frame's body, by the frame's type; the rule of the whole frame ends in `-frame`.
const FRAMES: [&str; 26] = [
    "goodbye",
    "ping",
    "pong",
    "hello",
    "open",
    "unknown",
    "resume",
    "want-heads",
    "heads",
    "batch",
    "ack",
    "digest",
    "join",
    "joined",
    "want-entries",
    "entries",
    "pair",
    "pair-answer",
    "pair-proof",
    "paired",
    "compare",
    "compare-answer",
    "compare-reveal",
    "compare-end",
    "reach",
    "reached",
];

/// The rule of a body, by the kind of its entry.
const BODIES: [(u64, &str); 12] = [
    (1, "create"),
    (2, "admit"),
    (3, "remove"),
    (4, "appoint"),
    (5, "change-settings"),
    (6, "beacon"),
    (32, "add"),
    (33, "invite"),
    (34, "leave"),
    (35, "cast"),
    (64, "profile"),
    (65, "text-message"),
];

/// The rule of a record's value, by the record's name.
const RECORDS: [(u64, &str); 3] = [(1, "receipts"), (2, "addresses"), (3, "counts")];

/// What is wrong with one item, by the rule of this name.
pub(crate) fn item(rule: &str, bytes: &[u8]) -> Result<(), String> {
    value(rule, &read(bytes)?)
}

/// What is wrong with a frame, or with anything in it, however deep.
pub(crate) fn frame(bytes: &[u8]) -> Result<(), String> {
    let frame = read(bytes)?;
    let pair = frame.as_array().ok_or("no array")?;
    let kind = pair.first().and_then(number).ok_or("no type")?;
    let rule = usize::try_from(kind).ok().and_then(|kind| FRAMES.get(kind.checked_sub(1)?));
    let rule = rule.ok_or_else(|| format!("type {kind} is not described"))?;
    value(&format!("{rule}-frame"), &frame)?;
    let Some(batch) = pair.get(1).filter(|_| *rule == "batch") else { return Ok(()) };
    for entry in field(batch, 2).and_then(Value::as_array).into_iter().flatten() {
        let header = read(field(entry, 0).and_then(Value::as_bytes).ok_or("no header")?)?;
        let kind = field(&header, 6).and_then(number).ok_or("no kind")?;
        if let (Some(body), Some(rule)) = (field(entry, 1).and_then(Value::as_bytes), rule_of(&BODIES, kind)) {
            item(rule, body.get(16..).ok_or("no random bytes")?)?;
        }
    }
    for record in field(batch, 3).and_then(Value::as_array).into_iter().flatten() {
        let content = read(field(record, 0).and_then(Value::as_bytes).ok_or("no content")?)?;
        let name = field(&content, 3).and_then(number).ok_or("no name")?;
        if let (Some(bytes), Some(rule)) = (field(&content, 5).and_then(Value::as_bytes), rule_of(&RECORDS, name)) {
            item(rule, bytes)?;
        }
    }
    Ok(())
}

fn value(rule: &str, value: &Value) -> Result<(), String> {
    let definition = SCHEMA.rules.get(rule).ok_or_else(|| format!("protocol.cddl has no rule {rule}"))?;
    validate_cbor(definition, value, &*SCHEMA).map_err(|error| format!("not a {rule}: {error}"))
}

fn read(mut bytes: &[u8]) -> Result<Value, String> {
    let value = ciborium::from_reader(&mut bytes).map_err(|error| format!("no CBOR: {error}"))?;
    if bytes.is_empty() { Ok(value) } else { Err(format!("{} bytes after the item", bytes.len())) }
}

fn rule_of(rules: &[(u64, &'static str)], number: u64) -> Option<&'static str> {
    rules.iter().find(|(of, _)| *of == number).map(|(_, rule)| *rule)
}

fn number(value: &Value) -> Option<u64> {
    u64::try_from(value.as_integer()?).ok()
}

fn field(map: &Value, key: u64) -> Option<&Value> {
    map.as_map()?.iter().find(|(of, _)| number(of) == Some(key)).map(|(_, value)| value)
}
