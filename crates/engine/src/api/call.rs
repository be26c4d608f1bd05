//! From a command's name and JSON to its typed method on [`Node`], and back.

use std::{future::Future, pin::Pin};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::*;
use crate::{Node, for_each_command};

/// Why a call by name failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No command has this name.
    #[error("There is no command `{0}`.")]
    UnknownCommand(String),
    /// The arguments are not those the command takes.
    #[error("{0}")]
    BadArguments(ApiError),
    /// The command failed.
    #[error("{0}")]
    Failed(ApiError),
}

impl From<ApiError> for CallError {
    /// An argument a command refuses is a bad argument, whoever found it.
    fn from(error: ApiError) -> Self {
        match error.code {
            ErrorCode::InvalidArgument => Self::BadArguments(error),
            _ => Self::Failed(error),
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::UnknownCommand(_) => Self::invalid(error.to_string()),
            CallError::BadArguments(error) | CallError::Failed(error) => error,
        }
    }
}

/// When a command takes effect beside others; see [`for_each_command`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    InTurn,
    Pipelined,
    Aside,
}

impl Order {
    const fn in_turn() -> Self {
        Self::InTurn
    }
    const fn pipelined() -> Self {
        Self::Pipelined
    }
    const fn aside() -> Self {
        Self::Aside
    }
}

pub(crate) type Answer = Result<Value, CallError>;

/// A command with its arguments checked, ready to run.
pub(crate) struct Job {
    pub(crate) order: Order,
    pub(crate) run: Pin<Box<dyn Future<Output = Answer> + Send>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("order", &self.order).finish_non_exhaustive()
    }
}

macro_rules! table {
    ($($(#[$doc:meta])* $order:ident $name:ident($params:ident) -> $result:ident;)*) => {
        /// The names of all commands, in the table's order.
        pub const COMMANDS: &[&str] = &[$(stringify!($name)),*];

        impl Job {
            /// Checks name and arguments; nothing runs yet.
            pub(crate) fn new(node: &Node, name: &str, params: Value) -> Result<Self, CallError> {
                match name {
                    $(stringify!($name) => {
                        let params: $params = arguments(name, params)?;
                        let node = node.clone();
                        Ok(Self {
                            order: Order::$order(),
                            run: Box::pin(async move {
                                let result: $result = node.$name(params).await?;
                                encode(&result)
                            }),
                        })
                    })*
                    _ => Err(CallError::UnknownCommand(name.chars().take(64).collect())),
                }
            }
        }
    };
}
for_each_command!(table);

fn arguments<P: DeserializeOwned>(name: &str, params: Value) -> Result<P, CallError> {
    let params = match params {
        Value::Null => Value::Object(serde_json::Map::new()),
        Value::Object(_) => params,
        _ => {
            return Err(CallError::BadArguments(ApiError::invalid(format!(
                "`{name}` takes its arguments as one object with named fields."
            ))));
        }
    };
    serde_json::from_value(params).map_err(|error| {
        // It may quote what was given, which may be long.
        let error: String = error.to_string().chars().take(200).collect();
        CallError::BadArguments(ApiError::invalid(format!("The arguments of `{name}` are wrong: {error}.")))
    })
}

fn encode<R: Serialize>(result: &R) -> Answer {
    serde_json::to_value(result).map_err(|error| {
        CallError::Failed(ApiError::new(
            ErrorCode::Internal,
            format!("The answer could not be written as JSON: {error}."),
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments_of<P: DeserializeOwned>(params: Value) -> Result<P, ApiError> {
        arguments("it", params).map_err(ApiError::from)
    }

    #[test]
    fn absent_arguments_are_none_and_an_optional_one_may_be_null() {
        for params in [Value::Null, json!({})] {
            arguments_of::<NoParams>(params.clone()).unwrap();
            assert_eq!(arguments_of::<StartServer>(params).unwrap().port, None);
        }
        assert_eq!(arguments_of::<StartServer>(json!({"port": null})).unwrap().port, None);
        assert_eq!(arguments_of::<StartServer>(json!({"port": 65535})).unwrap().port, Some(65535));
        let send: SendMessage = arguments_of(json!({"room": "r", "text": "t", "reply_to": null})).unwrap();
        assert_eq!((send.reply_to, send.client_id), (None, None));
    }

    #[test]
    fn wrong_arguments_are_one_sentence() {
        let long = "x".repeat(100_000);
        for error in [
            arguments_of::<StartServer>(json!({"port": 65536})).unwrap_err(),
            arguments_of::<StartServer>(json!({"port": -1})).unwrap_err(),
            arguments_of::<StartServer>(json!({"port": "80"})).unwrap_err(),
            arguments_of::<NoParams>(json!({long.clone(): 1})).unwrap_err(),
            arguments_of::<NoParams>(json!([])).unwrap_err(),
            arguments_of::<SendMessage>(json!({"room": 1, "text": long})).unwrap_err(),
        ] {
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            let said = error.message;
            assert!(said.starts_with("The arguments of `it` are wrong: ") || said.starts_with("`it` takes"), "{said}");
            assert!(said.ends_with('.') && !said.contains('\n') && said.len() < 400, "{said}");
        }
        let port = arguments_of::<StartServer>(json!({"port": 70000})).unwrap_err();
        assert!(port.message.contains("port must be a whole number from 0 to 65535"), "{port}");
    }
}
