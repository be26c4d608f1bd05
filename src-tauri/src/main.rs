//! The app's binary: all it does is in the library, which the mobile systems load by themselves.

// A release on Windows opens no console beside the window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    lanline_app::run()
}
