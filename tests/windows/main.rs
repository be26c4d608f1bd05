//! Real windows of the app, side by side on one screen, driven as a person would.
//!
//! Each window has a folder and a WebKitWebDriver of its own; they find each other over loopback. What is
//! clicked and read goes by the `data-testid` values that `ui/index.html` promises at its top.
//! Pictures of what was shown are left in the target folder, under `windows/`.

#![cfg(target_os = "linux")]

mod by_code;
mod comparing;
mod conversation;
mod deciding;
mod doctor;
mod driver;
mod failures;
mod history;
mod hostile;
mod invite;
mod keeping;
mod links;
mod meeting;
mod moving;
mod narrow;
mod nearby;
mod pictures;
mod processes;
mod screen;
mod start;
mod terminal;
mod together;
mod trusting;
mod window;
