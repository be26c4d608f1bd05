//! `docs/api.md` is written from the table of commands, the types and their comments; a test fails where it is not
//! what they say.

use std::{fmt::Write as _, path::Path};

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use super::*;
use crate::for_each_command;

/// Set to anything, it has the test write the document instead of comparing it.
const WRITE: &str = "LANLINE_WRITE_DOCS";

const INTRODUCTION: &str = "\
# The API

One set of commands and events, the same through every door:

- the app: Tauri commands (`invoke(\"send_message\", {…})`) and events, spelled with hyphens (`incoming-message`);
- `lanline rpc`: JSON-RPC 2.0 over standard input and output, one object a line, events as notifications;
- the local socket in the data folder: the same JSON-RPC, for other processes of the same user;
- the terminal: `lanline <subcommand>`; `lanline call METHOD JSON` reaches what has no subcommand.

This page is made from the code: `LANLINE_WRITE_DOCS=1 cargo test -p lanline-engine document` writes it, and the same
test without the variable fails where it is not what the code says.

Times are whole numbers: milliseconds since the Unix epoch (`…_at`) or a duration (`…_ms`). Sizes are bytes. Ids are
strings. An optional field is marked `?`; in arguments it may be absent or `null`, in answers it is absent. Arguments
with unknown fields are refused. A command that gives nothing answers `null`.

**Order**: a command *in turn* takes effect after all that was asked before it and before all that is asked later. A
*pipelined* one takes effect in its turn, and others go on while it waits for the disk. One *aside* begins in its turn
and then holds nothing up; it may take seconds.
";

const ERRORS: &str = "
A failed command gives `{code, message}`; `message` is one sentence that says what to do. In JSON-RPC an error's code is
-32602 for `invalid_argument`, -32601 for an unknown command, -32700 for a line that is no JSON, -32600 for JSON that is
no request, else -32000; `data.code` holds the name. Whatever fails, the stream goes on. Every command may fail with
`invalid_argument` (its arguments are wrong), `read_only` (the disk failed) and `internal`; what else is said with it.
";

/// A row of the table of commands.
struct Command {
    order: &'static str,
    name: &'static str,
    comment: String,
    takes: Value,
    gives: Value,
}

macro_rules! rows {
    ($($(#[doc = $doc:literal])* $order:ident $name:ident($params:ident) -> $result:ident;)*) => {
        fn commands(schemas: &mut SchemaGenerator) -> Vec<Command> {
            vec![$(Command {
                order: stringify!($order),
                name: stringify!($name),
                comment: [$($doc),*].map(str::trim).join("\n"),
                takes: schema::<$params>(schemas),
                gives: schema::<$result>(schemas),
            }),*]
        }
    };
}
for_each_command!(rows);

fn schema<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

#[test]
fn the_document_says_what_the_code_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let document = document();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(file, document).unwrap();
        return;
    }
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let difference = document.lines().zip(written.lines()).find(|(says, stands)| says != stands);
    assert!(document == written, "docs/api.md is out of date ({difference:?}): set {WRITE}=1 and run this test again");
}

fn document() -> String {
    let mut schemas = SchemaGenerator::default();
    let commands = commands(&mut schemas);
    let events = schema::<Event>(&mut schemas);
    schema::<ApiError>(&mut schemas);
    let types = schemas.take_definitions(true);

    let mut page = INTRODUCTION.to_owned();
    page += "\n## Limits\n\n| name | value |\n|---|---|\n";
    for (name, value, unit) in [
        ("TEXT_MAX", TEXT_MAX as u64, "bytes of a message's text"),
        ("NAME_MAX", NAME_MAX as u64, "bytes of a device's or a room's name"),
        ("CLIENT_ID_MAX", CLIENT_ID_MAX as u64, "bytes of a `client_id`"),
        ("PAGE_MAX", PAGE_MAX.into(), "messages on a page"),
        ("PAGE_DEFAULT", PAGE_DEFAULT.into(), "messages on a page when not told"),
        ("LINK_MAX", LINK_MAX as u64, "bytes of an invite's link"),
        ("QR_TEXT_MAX", QR_TEXT_MAX as u64, "bytes of a text as a QR code"),
        ("QR_CAPITALS_MAX", QR_CAPITALS_MAX as u64, "bytes of one that is all capitals and digits"),
        ("INVITE_TTL_MAX_MS", INVITE_TTL_MAX_MS, "milliseconds, the longest an invite lives"),
        ("INVITE_TTL_DEFAULT_MS", INVITE_TTL_DEFAULT_MS, "milliseconds an invite lives when not told"),
        (
            "VISIBLE_MAX_MS",
            VISIBLE_MAX_MS,
            "milliseconds, the longest that this device shows its name to everybody near",
        ),
    ] {
        writeln!(page, "| `{name}` | {value} {unit} |").unwrap();
    }

    page += "\n## Commands\n";
    for command in commands {
        let Command { order, name, comment, takes, gives } = command;
        write!(page, "\n### `{name}`\n\n{}\n\nOrder: {}.\n", plain(&comment), order.replace('_', " ")).unwrap();
        let takes = resolve(&takes, &types);
        match takes["properties"].as_object().filter(|fields| !fields.is_empty()) {
            None => page += "\nTakes nothing.\n",
            Some(_) => page += &format!("\nTakes:\n\n{}", fields(&takes)),
        }
        writeln!(
            page,
            "\nGives: {}.",
            match gives["type"].as_str() {
                Some("null") => "nothing (`null`)".to_owned(),
                _ => kind(&gives),
            }
        )
        .unwrap();
    }

    page += "\n## Events\n\nA notification's `params` hold these fields. A reader that is too slow is told so by `events_lost`.\n";
    let variants = events_of(&events, &types);
    assert_eq!(variants.len(), Event::NAMES.len());
    for (name, variant) in Event::NAMES.iter().zip(variants) {
        let comment = plain(variant["description"].as_str().unwrap_or_default());
        write!(page, "\n### `{name}`\n\n{comment}\n").unwrap();
        let variant = resolve(&variant, &types);
        match variant["properties"].as_object().filter(|fields| !fields.is_empty()) {
            None => page += "\nIt has no fields.\n",
            Some(_) => page += &format!("\n{}", fields(&variant)),
        }
    }

    page += "\n## Errors\n";
    page += ERRORS;
    page += "\n| code | meaning |\n|---|---|\n";
    for (value, comment) in values(&types["ErrorCode"]) {
        writeln!(page, "| `{value}` | {comment} |").unwrap();
    }

    page += "\n## Types\n";
    for (name, schema) in types.iter().filter(|(name, _)| !is_arguments(name)) {
        let comment = plain(schema["description"].as_str().unwrap_or_default());
        write!(page, "\n### {name}\n\n{comment}\n\n").unwrap();
        if schema["properties"].is_object() {
            page += &fields(schema);
        } else {
            page += "| value | meaning |\n|---|---|\n";
            for (value, comment) in values(schema) {
                writeln!(page, "| `\"{value}\"` | {comment} |").unwrap();
            }
        }
    }
    page
}

/// Types whose fields stand where they are used, or which have a section of their own.
fn is_arguments(name: &str) -> bool {
    let arguments = [
        "NoParams",
        "DismissNotice",
        "SetProfile",
        "StartServer",
        "Connect",
        "Disconnect",
        "SetVisible",
        "CreateRoom",
        "InRoom",
        "Invite",
        "Join",
        "OfMember",
        "Vote",
        "Present",
        "QrCode",
        "SendMessage",
        "Messages",
        "MarkRead",
        "OfMessage",
    ];
    arguments.contains(&name) || ["Event", "ErrorCode"].contains(&name)
}

fn events_of(events: &Value, types: &Map<String, Value>) -> Vec<Value> {
    resolve(events, types)["anyOf"].as_array().cloned().unwrap_or_default()
}

/// What a reference stands for, with what is said beside the reference.
fn resolve(schema: &Value, types: &Map<String, Value>) -> Value {
    let Some(name) = reference(schema) else { return schema.clone() };
    types[name].clone()
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

/// An object's fields, as a table.
fn fields(schema: &Value) -> String {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut table = "| field | type | meaning |\n|---|---|---|\n".to_owned();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let optional = if required.contains(&name.as_str()) { "" } else { "?" };
        let comment = plain(field["description"].as_str().unwrap_or_default()).replace('\n', " ");
        writeln!(table, "| `{name}{optional}` | {} | {comment} |", kind(field)).unwrap();
    }
    table
}

/// The values of an enum, each with its comment.
fn values(schema: &Value) -> Vec<(String, String)> {
    let variants = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    let of_one = |variant: &Value| {
        let value = variant["const"].as_str().or_else(|| variant["enum"][0].as_str()).unwrap_or_default();
        (value.to_owned(), plain(variant["description"].as_str().unwrap_or_default()).replace('\n', " "))
    };
    variants.into_iter().flatten().map(of_one).collect()
}

/// A type, in a word.
fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for choice in ["anyOf", "allOf"] {
        if let Some(one) = schema[choice].as_array().into_iter().flatten().find(|one| one["type"] != "null") {
            return kind(one);
        }
    }
    let word = match &schema["type"] {
        Value::String(word) => word.as_str(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).find(|word| *word != "null").unwrap_or("any"),
        _ => "any",
    };
    match word {
        "array" => format!("list of {}", kind(&schema["items"])),
        "integer" => "whole number".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        word => word.to_owned(),
    }
}

/// A comment without the links that only rustdoc follows.
fn plain(comment: &str) -> String {
    let mut plain = String::new();
    let mut rest = comment;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else { break };
        plain += &format!("{before}`{}`", name.trim_end_matches("()"));
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    plain + rest
}
