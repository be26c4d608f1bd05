//! The check against the CDDL bites: whatever is altered in a frame, or in what it carries, is noticed.

use ciborium::Value;

use crate::{bytes, names, schema};

/// A place in an item: at each step, which element of an array, or which pair of a map.
type Path = Vec<usize>;

/// Every place in it, the whole included.
fn places(value: &Value, here: &Path, found: &mut Vec<Path>) {
    found.push(here.clone());
    let inner: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Map(pairs) => pairs.iter().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    };
    for (index, value) in inner.into_iter().enumerate() {
        places(value, &[here.as_slice(), &[index]].concat(), found);
    }
}

fn value_at<'a>(value: &'a mut Value, path: &[usize]) -> &'a mut Value {
    let Some((index, rest)) = path.split_first() else { return value };
    match value {
        Value::Array(items) => value_at(&mut items[*index], rest),
        Value::Map(pairs) => value_at(&mut pairs[*index].1, rest),
        other => panic!("nothing in {other:?}"),
    }
}

/// What could stand there instead and must not.
fn alterations(value: &Value) -> Vec<Value> {
    let mut altered = vec![Value::Float(1.5)];
    match value {
        Value::Map(pairs) => {
            let more = pairs.iter().cloned().chain([(Value::from(99), Value::from(0))]);
            altered.push(Value::Map(more.collect()));
            altered.push(Value::Array(Vec::new()));
        }
        Value::Array(items) => {
            altered.push(Value::Array(items.iter().cloned().chain([Value::Float(1.5)]).collect()));
            altered.push(Value::Map(Vec::new()));
        }
        Value::Bytes(bytes) => {
            altered.push(Value::Bytes([bytes.as_slice(), &[0]].concat()));
            altered.push(Value::Bytes(bytes[1..].to_vec()));
            altered.push(Value::Text("x".into()));
        }
        Value::Text(_) => altered.extend([Value::Bytes(vec![0]), Value::Text("x".repeat(20_000))]),
        Value::Integer(_) => altered.extend([Value::from(-1), Value::Text("x".into())]),
        Value::Bool(_) => altered.extend([Value::from(0), Value::Null]),
        other => panic!("{other:?} is in no frame"),
    }
    altered
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// Alters every place of an item; `check` is to refuse each.
fn alter_everywhere(item: &[u8], what: &str, check: &dyn Fn(&[u8]) -> Result<(), String>) {
    assert_eq!(check(item), Ok(()), "{what}");
    let whole: Value = ciborium::from_reader(item).unwrap();
    let mut found = Vec::new();
    places(&whole, &Vec::new(), &mut found);
    for path in found {
        let before = value_at(&mut whole.clone(), &path).clone();
        for alteration in alterations(&before) {
            let mut altered = whole.clone();
            *value_at(&mut altered, &path) = alteration.clone();
            assert!(check(&encode(&altered)).is_err(), "{what}: {alteration:?} at {path:?} is taken");
        }
    }
}

/// A record in a frame of its own, so that it is found out there.
fn in_batch(content: &[u8]) -> Vec<u8> {
    let record = vec![(Value::from(0), Value::Bytes(content.to_vec())), (Value::from(1), Value::Bytes(vec![0; 64]))];
    let fields = [
        Value::from(0),
        Value::from(1),
        Value::Array(Vec::new()),
        Value::Array(vec![Value::Map(record)]),
        Value::from(1),
        Value::Bytes(vec![0; 32]),
        Value::Bool(true),
    ];
    let map = (0_u64..).zip(fields).map(|(key, value)| (Value::from(key), value)).collect();
    encode(&Value::Array(vec![Value::from(10), Value::Map(map)]))
}

#[test]
fn a_frame() {
    for name in names("/frames") {
        alter_everywhere(&bytes(&format!("/frames/{name}")), name, &schema::frame);
    }
}

#[test]
fn a_header() {
    for name in names("/entries") {
        alter_everywhere(&bytes(&format!("/entries/{name}/header")), name, &|bytes| schema::item("header", bytes));
    }
}

#[test]
fn a_body() {
    for name in names("/bodies") {
        let rule = match name.as_str() {
            "settings" => "change-settings",
            "text" | "text_reply" => "text-message",
            name => name,
        };
        alter_everywhere(&bytes(&format!("/bodies/{name}/content")), name, &|bytes| schema::item(rule, bytes));
    }
}

/// Also what stands in byte strings of what stands in byte strings.
#[test]
fn a_record_in_a_batch() {
    for name in names("/records") {
        let content = bytes(&format!("/records/{name}/content"));
        alter_everywhere(&content, name, &|content| schema::frame(&in_batch(content)));
        let value = bytes(&format!("/records/{name}/value"));
        alter_everywhere(&value, name, &|value| schema::item(name, value));
    }
}

#[test]
fn a_link_a_claim_and_a_ballot() {
    for (place, rule) in
        [("/invite/payload", "invite-link"), ("/connection/claim", "join-claim"), ("/ballot/bytes", "ballot")]
    {
        alter_everywhere(&bytes(place), rule, &|bytes| schema::item(rule, bytes));
    }
}
