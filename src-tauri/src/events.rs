//! The device's events, passed on to the page under the same names, spelled with hyphens.

use lanline_engine::Node;
use lanline_engine::events::EventStream;
use serde_json::Value;
use tauri::async_runtime::spawn;
use tauri::{AppHandle, Emitter};

/// The longest text, in bytes, that an event carries into the page. Events are source code to the web
/// view, and some keep what they ran for ever, so they stay small; the page asks for the whole message.
const TEXT_LIMIT: usize = 4 * 1024;

/// Passes on, from now on, every event until the device is closed.
pub(crate) fn forward(node: &Node, app: &AppHandle) {
    spawn(pass_on(node.subscribe(), app.clone()));
}

async fn pass_on(mut events: EventStream, app: AppHandle) {
    while let Some(event) = events.next().await {
        let name = event.name().replace('_', "-");
        let sent = serde_json::to_value(&event)
            .map_err(tauri::Error::from)
            .and_then(|fields| app.emit_to(crate::window::LABEL, &name, shorten(fields)));
        if let Err(error) = sent {
            tracing::warn!(%name, %error, "an event did not reach the page");
        }
    }
}

/// Cuts `message.text` at [`TEXT_LIMIT`], between two characters, and then sets `message.text_cut`.
fn shorten(mut fields: Value) -> Value {
    if let Some(message) = fields.get_mut("message").and_then(Value::as_object_mut)
        && let Some(Value::String(text)) = message.get_mut("text")
        && text.len() > TEXT_LIMIT
    {
        text.truncate(text.floor_char_boundary(TEXT_LIMIT));
        message.insert("text_cut".to_owned(), Value::Bool(true));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_text_is_cut_between_characters_and_a_short_one_is_not() {
        let long = format!("a{}", "ö".repeat(TEXT_LIMIT));
        let cut = shorten(json!({ "message": { "id": "m", "text": long } }));
        assert_eq!(cut["message"]["text"].as_str().unwrap().len(), TEXT_LIMIT - 1);
        assert_eq!(cut["message"]["text_cut"], json!(true));

        for fields in [json!({ "message": { "text": "hello" } }), json!({ "message": {} }), json!({})] {
            assert_eq!(shorten(fields.clone()), fields);
        }
    }
}
