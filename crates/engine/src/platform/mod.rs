//! What differs by system.

mod files;
mod folders;
mod host;
mod pin;
mod socket;
mod space;

pub(crate) use files::{create_private_dir, create_private_file, is_private, remove_file, sync_dir};
pub(crate) use folders::{default_data_dir, default_downloads_dir};
pub(crate) use host::host_name;
pub(crate) use pin::Pin;
pub(crate) use socket::{for_this_user, is_same_user, make_private, remove_socket, socket_elsewhere, socket_in};
pub(crate) use space::is_full;
