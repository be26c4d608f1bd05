//! What differs by system.

mod files;
mod folders;
mod host;
mod key_store;
mod network;
mod pin;
mod program;
mod socket;
mod space;
mod system;

pub(crate) use files::{
    create_private_dir, create_private_file, file_number, is_private, is_private_dir, make_private, make_private_dir,
    open_private_file, open_regular_file, remove_file, sync_dir,
};
pub(crate) use folders::{default_data_dir, default_downloads_dir};
pub(crate) use host::host_name;
pub(crate) use key_store::{KeyStore, KeyStoreError, SystemKeyStore};
pub(crate) use network::{PORT_ADVICE, REUSES_ADDRESSES, give_up_after, is_up, keep_to_link, share_port};
pub(crate) use pin::Pin;
pub(crate) use program::{Unsaid, told_by};
pub(crate) use socket::{for_this_user, is_same_user, remove_socket, socket_elsewhere, socket_in};
pub(crate) use space::{free, is_full};
pub(crate) use system::{HIDES_REFUSALS, PERMISSION_ADVICE, SYSTEM, System, is_host_down, is_tunnel};
