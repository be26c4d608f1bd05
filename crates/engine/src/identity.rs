//! Where this device's key lies: in the system's key store, or where there is none in a file of the data folder.
//!
//! The file `identity.key` says which. It holds either the key's 32 bytes or a note: under which account of the key store
//! the key is, and whose it is. So the key moves with one rename, no crash leaves a folder without it, and a Lanline that
//! knows no key stores calls the note damaged instead of beginning as another device.
//!
//! An entry of the key store that a folder's note ever named is never removed, not even where the key leaves it: a copy of
//! the folder has the same note, and nobody can tell of which there are copies. So an entry that nobody needs any more is
//! left to the person. Removed is only what no note in force named: what was written and then not noted, or for an import
//! that did not come to its end.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use lanline_protocol::identity::{DeviceId, DeviceKey};
use zeroize::Zeroizing;

use crate::{
    api::KeyPlace,
    folder::FolderError,
    platform::{self, KeyStore, KeyStoreError},
    settings::KeyChoice,
};

pub(crate) const KEY_FILE: &str = "identity.key";
const NEW_KEY_FILE: &str = "identity.key.new";

/// Says that the key store did not take the key, so that nobody is asked for a password at every start.
const REFUSED_FILE: &str = "key_store.refused";
const REFUSED_TEXT: &str = "This system's key store did not take the key of this device, which lies in identity.key. \
                            Remove this file to have Lanline try once more.\n";

/// How a note begins. In length it differs from a key.
const NOTE_HEAD: &str = "The key of this device is in the system's key store.";
/// More than a note has.
const FILE_MAX: u64 = 1024;

/// A seed: the secret part of an Ed25519 key (RFC 8032).
pub(crate) type Seed = Zeroizing<[u8; 32]>;

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("place", &self.place).finish_non_exhaustive()
    }
}

/// This device's key, and where it lies.
pub(crate) struct Identity {
    pub(crate) seed: Seed,
    pub(crate) place: KeyPlace,
}

/// Where in the key store a key is, and whose it must be.
#[derive(Debug, PartialEq, Eq)]
struct Note {
    account: String,
    device: DeviceId,
}

/// What the key's file holds.
enum Held {
    Nothing,
    Seed(Seed),
    Note(Note),
}

/// The identity of the device in a folder that this process holds; drawn at first use. Blocks, and may have the system ask
/// the person for a password.
pub(crate) fn open(folder: &Path, store: &impl KeyStore, choice: KeyChoice) -> Result<Identity, FolderError> {
    match (read_file(folder)?, choice) {
        (Held::Nothing, _) => {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(seed.as_mut_slice()).map_err(FolderError::NoRandomness)?;
            put(folder, store, choice, seed)
        }
        (Held::Seed(seed), KeyChoice::File) => Ok(Identity { seed, place: KeyPlace::File }),
        (Held::Seed(seed), KeyChoice::System) => match to_store(folder, store, &seed)? {
            true => Ok(Identity { seed, place: KeyPlace::KeyStore }),
            false => Ok(Identity { seed, place: KeyPlace::File }),
        },
        (Held::Note(note), KeyChoice::System) => {
            Ok(Identity { seed: from_store(folder, store, &note)?, place: KeyPlace::KeyStore })
        }
        (Held::Note(note), KeyChoice::File) => {
            let seed = from_store(folder, store, &note)?;
            write_file(folder, seed.as_slice())?;
            tracing::warn!(
                account = note.account,
                "the key lies in a file of the data folder again; the key store keeps it as well, for copies of the folder"
            );
            Ok(Identity { seed, place: KeyPlace::File })
        }
    }
}

/// Whether the folder holds neither a key nor a note where it is, so that one would be drawn.
pub(crate) fn is_missing(folder: &Path) -> Result<bool, FolderError> {
    Ok(matches!(read_file(folder)?, Held::Nothing))
}

/// Moves a key, or the note of where it is, from one folder to another, in place of what that one has.
pub(crate) fn move_in(from: &Path, to: &Path) -> Result<(), FolderError> {
    let unwritable = |reason| FolderError::Unwritable { path: to.to_owned(), reason };
    // What is damaged stays for somebody to look at.
    read_file(from)?;
    if from.join(REFUSED_FILE).exists() {
        std::fs::rename(from.join(REFUSED_FILE), to.join(REFUSED_FILE)).map_err(unwritable)?;
    }
    std::fs::rename(from.join(KEY_FILE), to.join(KEY_FILE)).map_err(unwritable)
}

/// Has the key store forget the key of a folder that is about to be thrown away, and never was a device's.
pub(crate) fn discard(folder: &Path, store: &impl KeyStore) {
    if let Ok(Held::Note(note)) = read_file(folder) {
        forget(store, &note);
    }
}

/// Whether the key store refused a key of this folder before.
pub(crate) fn was_refused(folder: &Path) -> bool {
    folder.join(REFUSED_FILE).exists()
}

/// Puts a key that lies nowhere yet where it is to be.
pub(crate) fn put(
    folder: &Path,
    store: &impl KeyStore,
    choice: KeyChoice,
    seed: Seed,
) -> Result<Identity, FolderError> {
    if choice == KeyChoice::System && to_store(folder, store, &seed)? {
        return Ok(Identity { seed, place: KeyPlace::KeyStore });
    }
    write_file(folder, seed.as_slice())?;
    Ok(Identity { seed, place: KeyPlace::File })
}

/// Has the key store keep the key, if there is one that takes it and gives it back. Then the file has the note.
fn to_store(folder: &Path, store: &impl KeyStore, seed: &Seed) -> Result<bool, FolderError> {
    if was_refused(folder) {
        return Ok(false);
    }
    let note = Note { account: new_account()?, device: DeviceKey::from_seed(seed).public().device_id() };
    match store.keep(&note.account, seed.as_slice()) {
        Ok(()) => {
            // Where this fails the key would be in two places, of which the folder knows one; but it may fail with the
            // note in its place, and then there is no other.
            write_file(folder, note.text().as_bytes()).inspect_err(|_| {
                let elsewhere = match read_file(folder) {
                    Ok(Held::Note(there)) => there.account != note.account,
                    Ok(Held::Nothing | Held::Seed(_)) => true,
                    Err(_) => false,
                };
                if elsewhere {
                    forget(store, &note);
                }
            })?;
            return Ok(true);
        }
        Err(KeyStoreError::Absent(reason)) => {
            tracing::info!(%reason, "there is no key store here: the key lies in a file of the data folder");
            return Ok(false);
        }
        // Nothing more is asked of it: it may take a minute over each answer.
        Err(error) => {
            tracing::warn!(%error, "the key store did not take the key: it lies in a file of the data folder");
        }
    }
    let refused = folder.join(REFUSED_FILE);
    let noted = platform::create_private_file(&refused).and_then(|mut file| file.write_all(REFUSED_TEXT.as_bytes()));
    noted.map_err(|reason| FolderError::Unwritable { path: refused, reason })?;
    Ok(false)
}

fn from_store(folder: &Path, store: &impl KeyStore, note: &Note) -> Result<Seed, FolderError> {
    let path = folder.join(KEY_FILE);
    let kept = match store.read(&note.account) {
        Ok(kept) => kept,
        Err(KeyStoreError::Empty) => return Err(FolderError::KeyNotInStore(path)),
        Err(KeyStoreError::Absent(reason) | KeyStoreError::Refused(reason)) => {
            return Err(FolderError::KeyStoreClosed { reason });
        }
    };
    let seed = <[u8; 32]>::try_from(kept.as_slice()).map(Zeroizing::new);
    match seed {
        Ok(seed) if DeviceKey::from_seed(&seed).public().device_id() == note.device => Ok(seed),
        _ => Err(FolderError::KeyNotInStore(path)),
    }
}

fn forget(store: &impl KeyStore, note: &Note) {
    if let Err(error) = store.remove(&note.account) {
        tracing::debug!(%error, "an entry of the key store could not be removed");
    }
}

/// A name that no other folder's key has.
fn new_account() -> Result<String, FolderError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(FolderError::NoRandomness)?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

impl Note {
    fn text(&self) -> String {
        format!("{NOTE_HEAD}\n{}\n{}\n", self.account, self.device)
    }

    fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.strip_prefix(NOTE_HEAD)?;
        let mut lines = text.strip_prefix('\n')?.lines();
        let account = lines.next().filter(|account| !account.is_empty())?.to_owned();
        let device = lines.next()?.parse().ok()?;
        Some(Self { account, device })
    }
}

fn read_file(folder: &Path) -> Result<Held, FolderError> {
    let path = folder.join(KEY_FILE);
    let unreadable = |reason| FolderError::KeyUnreadable { path: path.clone(), reason };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Held::Nothing),
        Err(reason) => return Err(unreadable(reason)),
    };
    let private = platform::is_private(&file).map_err(unreadable)?;
    // Of its full size from the start: a vector that grows leaves a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(FILE_MAX as usize + 1));
    file.take(FILE_MAX).read_to_end(&mut content).map_err(unreadable)?;
    if let Some(note) = Note::read(&content) {
        platform::make_private(&path).map_err(unreadable)?;
        return Ok(Held::Note(note));
    }
    if !private {
        return Err(FolderError::KeyExposed(path));
    }
    match <[u8; 32]>::try_from(content.as_slice()) {
        Ok(seed) => Ok(Held::Seed(Zeroizing::new(seed))),
        Err(_) => Err(FolderError::KeyDamaged(path)),
    }
}

/// Written whole beside its place and then moved there, so that a power cut leaves no half key; the folder's lock keeps
/// everyone else from doing the same.
fn write_file(folder: &Path, content: &[u8]) -> Result<(), FolderError> {
    let new: PathBuf = folder.join(NEW_KEY_FILE);
    let write = || {
        platform::remove_file(&new)?;
        let mut file = platform::create_private_file(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&new, folder.join(KEY_FILE))?;
        platform::sync_dir(folder)
    };
    write().map_err(|reason| FolderError::Unwritable { path: folder.to_owned(), reason })
}

#[cfg(test)]
pub(crate) mod tests;
