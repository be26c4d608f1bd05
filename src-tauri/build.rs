//! Builds what Tauri compiles in: the access lists, the icons and the Windows resources.
//!
//! The commands that the page may call are read out of the capability file, so that the two lists cannot differ.
//! Without such a list every command would be open to every page the app shows.

use std::error::Error;

const CAPABILITY: &str = "src-tauri/capabilities/main.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={CAPABILITY}");
    // The macro that embeds the pages does not notice a changed page by itself.
    println!("cargo:rerun-if-changed=ui");

    let commands = commands()?;
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/*.json")
        .app_manifest(tauri_build::AppManifest::new().commands(commands));
    tauri_build::try_build(attributes)?;
    Ok(())
}

/// The commands that the capability file allows, in Rust's spelling.
fn commands() -> Result<&'static [&'static str], Box<dyn Error>> {
    let capability: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(CAPABILITY)?)?;
    let permissions = capability
        .get("permissions")
        .and_then(serde_json::Value::as_array)
        .ok_or_else(|| format!("{CAPABILITY} has no list of permissions"))?;
    let commands: Vec<&'static str> = permissions
        .iter()
        .filter_map(|permission| permission.as_str()?.strip_prefix("allow-"))
        .map(|command| &*command.replace('-', "_").leak())
        .collect();
    Ok(commands.leak())
}
