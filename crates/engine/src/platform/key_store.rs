//! The system's key store: the Keychain on macOS, the Credential Manager on Windows, and the Secret Service elsewhere.
//! Android's and iOS's are not spoken to yet; there an app's folder is closed to all other apps.

use std::{sync::Arc, sync::mpsc, time::Duration};

use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

/// Under which name the system lists what this program keeps there.
const SERVICE: &str = "lanline";

/// How long the store may take to be there.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may take to answer: it may have to ask a person for a password first.
const ANSWER: Duration = Duration::from_secs(60);

/// Small secrets by an account's name, kept by the system for this user.
pub(crate) trait KeyStore {
    /// What is kept for an account.
    fn read(&self, account: &str) -> Result<Zeroizing<Vec<u8>>, KeyStoreError>;
    /// Keeps it for a new account, and sees to it that it is given back; else nothing is kept.
    fn keep(&self, account: &str, secret: &[u8]) -> Result<(), KeyStoreError>;
    /// Keeps nothing for the account any more.
    fn remove(&self, account: &str) -> Result<(), KeyStoreError>;
}

/// What a key store said, or that it says nothing. None of it names a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyStoreError {
    /// There is none that this process could reach.
    #[error("{0}")]
    Absent(String),
    /// It is there, and holds nothing for the account.
    #[error("it holds no such key")]
    Empty,
    /// It is there, and did not do it: it is locked, or a person said no.
    #[error("{0}")]
    Refused(String),
}

/// The store of the system that this runs on. Each call blocks, for a minute at most.
#[derive(Debug)]
pub(crate) struct SystemKeyStore;

impl KeyStore for SystemKeyStore {
    fn read(&self, account: &str) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        ask(account, |entry| entry.get_secret().map(Zeroizing::new), |_| {})
    }

    fn keep(&self, account: &str, secret: &[u8]) -> Result<(), KeyStoreError> {
        let secret = Zeroizing::new(secret.to_vec());
        if ask(account, move |entry| keep(entry, &secret), drop_entry)? {
            return Ok(());
        }
        Err(KeyStoreError::Refused("it does not give back what it was given".to_owned()))
    }

    fn remove(&self, account: &str) -> Result<(), KeyStoreError> {
        ask(account, Entry::delete_credential, |_| {})
    }
}

/// Whether the store gives back what it was given. If not, it is to keep nothing.
fn keep(entry: &Entry, secret: &[u8]) -> Result<bool, Error> {
    entry.set_secret(secret)?;
    let kept = entry.get_secret().map(Zeroizing::new).map(|kept| kept.as_slice() == secret);
    if !matches!(kept, Ok(true)) {
        drop_entry(entry);
    }
    kept
}

fn drop_entry(entry: &Entry) {
    if let Err(error) = entry.delete_credential() {
        tracing::debug!(error = said(&error), "an entry of the key store could not be removed");
    }
}

/// How far the store's thread is.
enum Step<T> {
    Connected,
    Done(Result<T, Error>),
}

/// Has the system's store work on an account's entry; where that is done too late to be of use, `late` sees to the rest.
fn ask<T: Send + 'static>(
    account: &str,
    work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    late: impl FnOnce(&Entry) + Send + 'static,
) -> Result<T, KeyStoreError> {
    let account = account.to_owned();
    within(CONNECT, ANSWER, move || entry(system()?.as_ref(), &account), work, late)
}

/// Works on a thread of its own: the stores block for as long as they like, and some bring a runtime along that must not
/// be started within another one. Where it takes too long, the thread is left to itself.
fn within<E, T: Send + 'static>(
    connect: Duration,
    answer: Duration,
    open: impl FnOnce() -> Result<E, Error> + Send + 'static,
    work: impl FnOnce(&E) -> Result<T, Error> + Send + 'static,
    late: impl FnOnce(&E) + Send + 'static,
) -> Result<T, KeyStoreError> {
    // What is told is taken or fails to be: nothing is under way when the time is over.
    let (tell, told) = mpsc::sync_channel(0);
    let run = move || {
        let entry = match open() {
            Ok(entry) => entry,
            Err(error) => return drop(tell.send(Step::Done(Err(error)))),
        };
        // Fails where nobody waits any more.
        if tell.send(Step::Connected).is_ok() && tell.send(Step::Done(work(&entry))).is_err() {
            late(&entry);
        }
    };
    let thread = std::thread::Builder::new().name("lanline-key-store".to_owned()).spawn(run);
    thread.map_err(|error| KeyStoreError::Absent(error.to_string()))?;
    match told.recv_timeout(connect) {
        Ok(Step::Connected) => {}
        Ok(Step::Done(Ok(done))) => return Ok(done),
        Ok(Step::Done(Err(error))) => return Err(KeyStoreError::Absent(said(&error))),
        Err(_) => return Err(KeyStoreError::Absent("it does not answer".to_owned())),
    }
    match told.recv_timeout(answer) {
        Ok(Step::Done(Ok(done))) => Ok(done),
        Ok(Step::Done(Err(Error::NoEntry))) => Err(KeyStoreError::Empty),
        Ok(Step::Done(Err(error))) => Err(KeyStoreError::Refused(said(&error))),
        Ok(Step::Connected) | Err(_) => Err(KeyStoreError::Refused("it does not answer".to_owned())),
    }
}

/// What an error says, on one line and without the full stop that ends our own sentence. Never by `Debug`, which shows
/// what was read.
fn said(error: &Error) -> String {
    let said = error.to_string();
    said.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

#[cfg(target_os = "macos")]
fn system() -> Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn system() -> Result<Arc<CredentialStore>, Error> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(all(unix, not(any(target_vendor = "apple", target_os = "android"))))]
fn system() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(any(target_os = "android", all(target_vendor = "apple", not(target_os = "macos"))))]
fn system() -> Result<Arc<CredentialStore>, Error> {
    Err(Error::NoDefaultStore)
}

/// An account's entry. On Windows it stays on this machine; unless told, it would roam with the user's profile.
fn entry(store: &CredentialStore, account: &str) -> Result<Entry, Error> {
    let persistence = [("persistence", "Local")].into();
    let label = format!("Lanline device {account}");
    let label = [("label", label.as_str())].into();
    let modifiers = if cfg!(windows) {
        Some(&persistence)
    } else if cfg!(all(unix, not(any(target_vendor = "apple", target_os = "android")))) {
        Some(&label)
    } else {
        None
    };
    store.build(SERVICE, account, modifiers)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use keyring_core::mock;

    use super::*;

    fn mocked() -> (Arc<CredentialStore>, Entry) {
        let store: Arc<CredentialStore> = mock::Store::new().unwrap();
        let entry = store.build(SERVICE, "account", None).unwrap();
        (store, entry)
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let (_store, entry) = mocked();
        assert!(keep(&entry, &[1; 32]).unwrap());
        assert_eq!(entry.get_secret().unwrap(), [1; 32]);
        let fail = |error| entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(error);
        fail(Error::NoEntry);
        keep(&entry, &[2; 32]).unwrap_err();
        assert_eq!(entry.get_secret().unwrap(), [1; 32]);
    }

    #[test]
    fn a_store_that_does_not_answer_is_waited_for_once_and_keeps_nothing_when_it_does() {
        let (store, _) = mocked();
        let (go_on, gate) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let begun = Instant::now();
        let kept = within(
            Duration::from_secs(20),
            Duration::from_millis(100),
            move || store.build(SERVICE, "account", None),
            move |entry: &Entry| {
                let _ = gate.recv();
                keep(entry, &[1; 32])
            },
            move |entry: &Entry| {
                drop_entry(entry);
                tell.send(matches!(entry.get_secret(), Err(Error::NoEntry))).unwrap();
            },
        );
        assert_eq!(kept, Err(KeyStoreError::Refused("it does not answer".to_owned())));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        // A person types the password after all.
        go_on.send(()).unwrap();
        assert!(told.recv_timeout(Duration::from_secs(20)).unwrap(), "what came too late is not left there");
    }
}
