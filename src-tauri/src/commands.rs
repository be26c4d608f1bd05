//! The page's commands, passed on to the device.
//!
//! There is no list of commands here: the engine's table says what exists, and the capability file
//! `src-tauri/capabilities/main.json` says what the page may call. Tauri looks there first, so only a
//! call that was allowed gets this far. One command is the shell's own: see [`questions`].

use std::sync::Arc;

use lanline_engine::api::{ApiError, COMMANDS};
use serde_json::Value;
use tauri::Manager;
use tauri::ipc::{Invoke, InvokeBody};

use crate::device::Device;
use crate::{events, questions};

/// Answers one call of the page. `false` when there is no such command; Tauri tells the page so.
pub(crate) fn handle(invoke: Invoke, device: &Arc<Device>) -> bool {
    let Invoke { message, resolver, .. } = invoke;
    let command = message.command().to_owned();
    if command == questions::COMMAND {
        resolver.resolve(device.questions().take());
        return true;
    }
    if !COMMANDS.contains(&command.as_str()) {
        return false;
    }
    let params = match message.payload() {
        InvokeBody::Json(params) => params.clone(),
        InvokeBody::Raw(_) => Value::Null,
    };
    if let Ok(node) = device.node() {
        // Put in line here, on the one thread that hears the page, so that calls keep their order.
        let answer = node.submit(&command, params);
        resolver.respond_async(async move { answer.await.map_err(|error| ApiError::from(error).into()) });
    } else {
        let device = Arc::clone(device);
        let app = message.webview_ref().app_handle().clone();
        resolver.respond_async(async move {
            let node = device.reopen(|node| events::forward(node, &app)).await?;
            node.call(&command, params).await.map_err(|error| ApiError::from(error).into())
        });
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_may_call_each_command_of_the_table_and_nothing_else() {
        let capability: Value = serde_json::from_str(include_str!("../capabilities/main.json")).unwrap();
        let permissions: Vec<&str> = capability["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|permission| permission.as_str().unwrap())
            .collect();

        let mut allowed: Vec<String> = permissions
            .iter()
            .filter_map(|permission| Some(permission.strip_prefix("allow-")?.replace('-', "_")))
            .collect();
        let mut table: Vec<String> = COMMANDS.iter().map(|name| name.to_string()).collect();
        table.push(questions::COMMAND.to_owned());
        allowed.sort();
        table.sort();
        assert_eq!(allowed, table);

        let mut others: Vec<&str> =
            permissions.into_iter().filter(|permission| !permission.starts_with("allow-")).collect();
        others.sort();
        assert_eq!(others, ["core:event:allow-listen", "core:event:allow-unlisten"]);
    }
}
