use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::LINE_MAX;
use crate::api::{Answer, ApiError, CallError, ErrorCode, Event};

/// The error codes on the wire: the specification's, section 5.1, and one of ours.
mod code {
    /// The line is not JSON.
    pub(crate) const PARSE_ERROR: i64 = -32700;
    /// The line is JSON, but not a request.
    pub(crate) const INVALID_REQUEST: i64 = -32600;
    /// No such command.
    pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
    /// Not the arguments the command takes.
    pub(crate) const INVALID_PARAMS: i64 = -32602;
    /// The command failed; `data.code` says how.
    pub(crate) const APPLICATION: i64 = -32000;
}

/// The most bytes of an id that is a string: it is kept until the answer.
const ID_MAX: usize = 1024;

/// A request to run.
#[derive(Debug)]
pub(crate) struct Request {
    /// `None` where no answer is wanted.
    pub(crate) id: Option<Value>,
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// A line as a request, or else the line that answers it.
pub(crate) fn parse(text: &[u8]) -> Result<Request, Vec<u8>> {
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        fault(&Value::Null, code::PARSE_ERROR, &format!("This line is not JSON ({error}): send one object a line."))
    })?;
    let Value::Object(mut fields) = value else {
        return Err(invalid(&Value::Null, "A request is one JSON object a line, and batches are not taken."));
    };
    let id = match fields.remove("id") {
        None => None,
        Some(id @ Value::Number(_)) => Some(id),
        Some(Value::String(id)) if id.len() <= ID_MAX => Some(Value::String(id)),
        Some(_) => {
            return Err(invalid(&Value::Null, "An id is a number or a string of at most 1024 bytes."));
        }
    };
    let shown = id.as_ref().unwrap_or(&Value::Null);
    if fields.remove("jsonrpc") != Some(Value::String("2.0".to_owned())) {
        return Err(invalid(shown, "A request has \"jsonrpc\": \"2.0\"."));
    }
    let Some(Value::String(method)) = fields.remove("method") else {
        return Err(invalid(shown, "A request has a \"method\", a string."));
    };
    Ok(Request { id, method, params: fields.remove("params").unwrap_or_default() })
}

/// What answers a line over the limit.
pub(crate) fn too_long() -> Vec<u8> {
    fault(
        &Value::Null,
        code::PARSE_ERROR,
        &format!("This line has more than {LINE_MAX} bytes and was skipped: send shorter ones."),
    )
}

/// The line that answers a request.
pub(crate) fn answer(id: &Value, answer: Answer) -> Vec<u8> {
    match answer {
        Ok(result) => line(&json!({"jsonrpc": "2.0", "id": id, "result": result})),
        Err(error) => {
            let number = match error {
                CallError::UnknownCommand(_) => code::METHOD_NOT_FOUND,
                CallError::BadArguments(_) => code::INVALID_PARAMS,
                CallError::Failed(_) => code::APPLICATION,
            };
            let ApiError { code, message } = error.into();
            line(&json!({
                "jsonrpc": "2.0",
                "id": id,
                "error": {"code": number, "message": message, "data": {"code": code}},
            }))
        }
    }
}

/// The line that tells of an event.
pub(crate) fn notification(event: &Event) -> Vec<u8> {
    #[derive(Serialize)]
    struct Notification<'a> {
        jsonrpc: &'static str,
        method: &'static str,
        params: &'a Event,
    }
    line(&Notification { jsonrpc: "2.0", method: event.name(), params: event })
}

/// The line that asks for a command.
pub(crate) fn call(id: u64, method: &str, params: &Value) -> Vec<u8> {
    line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// What a device writes to whoever calls it.
#[derive(Debug)]
pub(crate) enum Told {
    /// The answer to the request of this id.
    Answer(u64, Answer),
    /// Something happened.
    Event(Event),
}

/// A line that a device wrote. `None` where it is neither of the two, or an event of a newer version.
pub(crate) fn read(text: &[u8]) -> Option<Told> {
    #[derive(Deserialize)]
    struct Written {
        id: Option<u64>,
        method: Option<String>,
        #[serde(default)]
        params: Value,
        #[serde(default)]
        result: Value,
        error: Option<Fault>,
    }
    #[derive(Deserialize)]
    struct Fault {
        code: i64,
        message: String,
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        code: Value,
    }
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    let written: Written = match serde_json::from_slice(text) {
        Ok(written) => written,
        // Whoever waits for it must not wait for ever.
        Err(error) => {
            let Numbered { id } = serde_json::from_slice(text).ok()?;
            let sentence = format!("What the running Lanline answered cannot be read ({error}): start it again.");
            return Some(Told::Answer(id, Err(CallError::Failed(ApiError::new(ErrorCode::Internal, sentence)))));
        }
    };
    if let Some(name) = written.method {
        return match Event::from_parts(&name, written.params) {
            Ok(event) => event.map(Told::Event),
            // It holds something that only a newer version knows; asking again shows what can be shown of it.
            Err(error) => {
                tracing::warn!(%name, %error, "an event could not be read");
                Some(Told::Event(Event::EventsLost { count: 1 }))
            }
        };
    }
    let answer = match written.error {
        None => Ok(written.result),
        Some(fault) => {
            // A newer version may have codes that this one does not know; the sentence says what to do all the same.
            let code = fault.data.and_then(|data| serde_json::from_value(data.code).ok());
            let code = code.unwrap_or(ErrorCode::Internal);
            let error = ApiError::new(code, fault.message);
            Err(match fault.code {
                code::METHOD_NOT_FOUND => CallError::UnknownCommand(String::new()),
                code::INVALID_PARAMS => CallError::BadArguments(error),
                _ => CallError::Failed(error),
            })
        }
    };
    Some(Told::Answer(written.id?, answer))
}

fn invalid(id: &Value, message: &str) -> Vec<u8> {
    fault(id, code::INVALID_REQUEST, message)
}

fn fault(id: &Value, number: i64, message: &str) -> Vec<u8> {
    line(&json!({
        "jsonrpc": "2.0",
        "id": id,
        "error": {"code": number, "message": message, "data": {"code": ErrorCode::InvalidArgument}},
    }))
}

/// A value as one line, its end included.
fn line(value: &impl Serialize) -> Vec<u8> {
    // These types have string keys and no failing serialiser, so there is no error to pass on.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
