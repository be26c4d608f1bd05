use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use super::*;

/// A key store in memory, which can be gone, locked or forgetful.
#[derive(Default)]
pub(crate) struct Drawer {
    pub(crate) kept: RefCell<BTreeMap<String, Vec<u8>>>,
    trouble: RefCell<Option<KeyStoreError>>,
    forgets: bool,
    /// How often it was asked for something.
    asked: Cell<usize>,
}

impl Drawer {
    fn absent() -> Self {
        Self { trouble: RefCell::new(Some(KeyStoreError::Absent("no bus".to_owned()))), ..Self::default() }
    }

    fn locked() -> Self {
        Self { trouble: RefCell::new(Some(KeyStoreError::Refused("locked".to_owned()))), ..Self::default() }
    }

    fn check(&self) -> Result<(), KeyStoreError> {
        self.asked.set(self.asked.get() + 1);
        self.trouble.borrow().clone().map_or(Ok(()), Err)
    }
}

impl KeyStore for Drawer {
    fn read(&self, account: &str) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        self.check()?;
        self.kept.borrow().get(account).cloned().map(Zeroizing::new).ok_or(KeyStoreError::Empty)
    }

    fn keep(&self, account: &str, secret: &[u8]) -> Result<(), KeyStoreError> {
        self.check()?;
        if self.forgets {
            return Err(KeyStoreError::Refused("forgotten".to_owned()));
        }
        self.kept.borrow_mut().insert(account.to_owned(), secret.to_vec());
        Ok(())
    }

    fn remove(&self, account: &str) -> Result<(), KeyStoreError> {
        self.check()?;
        self.kept.borrow_mut().remove(account).map(drop).ok_or(KeyStoreError::Empty)
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir) -> Vec<u8> {
    std::fs::read(folder.path().join(KEY_FILE)).unwrap()
}

/// Whether any file of the folder holds this.
fn is_in(folder: &tempfile::TempDir, secret: &[u8]) -> bool {
    let files = folder.path().read_dir().unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|file| file.windows(secret.len()).any(|part| part == secret))
}

#[test]
fn the_key_is_drawn_once_and_kept_in_the_store_alone() {
    let (folder, drawer) = (folder(), Drawer::default());
    let first = open(folder.path(), &drawer, KeyChoice::System).unwrap();
    let again = open(folder.path(), &drawer, KeyChoice::System).unwrap();
    assert_eq!((first.place, again.place), (KeyPlace::KeyStore, KeyPlace::KeyStore));
    assert_eq!(first.seed, again.seed);
    assert_eq!(drawer.kept.borrow().values().collect::<Vec<_>>(), [first.seed.as_slice()]);
    assert!(!is_in(&folder, first.seed.as_slice()));
}

#[test]
fn folders_have_entries_of_their_own() {
    let (one, other, drawer) = (folder(), folder(), Drawer::default());
    let keys = [&one, &other].map(|folder| open(folder.path(), &drawer, KeyChoice::System).unwrap().seed);
    assert_ne!(keys[0], keys[1]);
    assert_eq!(drawer.kept.borrow().len(), 2);
    assert_eq!(open(one.path(), &drawer, KeyChoice::System).unwrap().seed, keys[0]);
}

#[test]
fn without_a_store_the_key_is_in_a_file_and_moves_when_there_is_one() {
    let folder = folder();
    std::fs::write(folder.path().join(NEW_KEY_FILE), "half").unwrap();
    let drawn = open(folder.path(), &Drawer::absent(), KeyChoice::System).unwrap();
    assert_eq!(drawn.place, KeyPlace::File);
    assert_eq!(file(&folder), drawn.seed.as_slice());
    assert!(!folder.path().join(NEW_KEY_FILE).exists());
    assert_eq!(open(folder.path(), &Drawer::absent(), KeyChoice::System).unwrap().seed, drawn.seed);

    let drawer = Drawer::default();
    for _ in 0..2 {
        let moved = open(folder.path(), &drawer, KeyChoice::System).unwrap();
        assert_eq!((moved.place, &moved.seed), (KeyPlace::KeyStore, &drawn.seed));
        assert!(!is_in(&folder, drawn.seed.as_slice()));
    }
}

#[test]
fn a_store_that_refuses_is_asked_once() {
    for drawer in [Drawer::locked(), Drawer { forgets: true, ..Drawer::default() }] {
        let folder = folder();
        let drawn = open(folder.path(), &drawer, KeyChoice::System).unwrap();
        assert_eq!((drawn.place, file(&folder).as_slice()), (KeyPlace::File, drawn.seed.as_slice()));
        assert_eq!(drawer.asked.get(), 1, "each answer may take a minute");
        let willing = Drawer::default();
        assert_eq!(open(folder.path(), &willing, KeyChoice::System).unwrap().place, KeyPlace::File);
        std::fs::remove_file(folder.path().join(REFUSED_FILE)).unwrap();
        let moved = open(folder.path(), &willing, KeyChoice::System).unwrap();
        assert_eq!((moved.place, moved.seed), (KeyPlace::KeyStore, drawn.seed));
    }
}

#[test]
fn a_key_in_a_store_that_cannot_be_read_makes_no_new_device() {
    let (folder, drawer) = (folder(), Drawer::default());
    let drawn = open(folder.path(), &drawer, KeyChoice::System).unwrap();
    let note = file(&folder);
    for (store, word) in [(Drawer::absent(), "no bus"), (Drawer::locked(), "locked"), (Drawer::default(), "import")] {
        for choice in [KeyChoice::System, KeyChoice::File] {
            let said = open(folder.path(), &store, choice).err().unwrap().to_string();
            assert!(said.contains(word) && said.contains("key store") && said.ends_with('.'), "{said}");
            assert!(!said.contains('\n'), "{said}");
        }
        assert_eq!(file(&folder), note, "nothing was changed");
    }
    // Another device's key under its account is not taken for its own.
    let account = Note::read(&note).unwrap().account;
    for other in [vec![9; 32], vec![9; 31], Vec::new()] {
        let store = Drawer { kept: RefCell::new([(account.clone(), other)].into()), ..Drawer::default() };
        assert!(matches!(open(folder.path(), &store, KeyChoice::System), Err(FolderError::KeyNotInStore(_))));
    }
    assert_eq!(open(folder.path(), &drawer, KeyChoice::System).unwrap().seed, drawn.seed);
}

#[test]
fn the_setting_brings_the_key_back_into_its_file() {
    let (folder, drawer) = (folder(), Drawer::default());
    let drawn = open(folder.path(), &drawer, KeyChoice::System).unwrap();
    for _ in 0..2 {
        let moved = open(folder.path(), &drawer, KeyChoice::File).unwrap();
        assert_eq!((moved.place, &moved.seed), (KeyPlace::File, &drawn.seed));
        assert_eq!(file(&folder), drawn.seed.as_slice());
    }
}

#[test]
fn no_copy_of_a_folder_takes_the_key_from_another() {
    let (original, copy, drawer) = (folder(), folder(), Drawer::default());
    let drawn = open(original.path(), &drawer, KeyChoice::System).unwrap();
    std::fs::copy(original.path().join(KEY_FILE), copy.path().join(KEY_FILE)).unwrap();
    // It takes the key out, puts it back in, becomes another device, and throws away an import.
    open(copy.path(), &drawer, KeyChoice::File).unwrap();
    open(copy.path(), &drawer, KeyChoice::System).unwrap();
    std::fs::copy(original.path().join(KEY_FILE), copy.path().join(KEY_FILE)).unwrap();
    let other = tempfile::tempdir_in(copy.path()).unwrap();
    put(other.path(), &drawer, KeyChoice::System, Zeroizing::new([7; 32])).unwrap();
    move_in(other.path(), copy.path()).unwrap();
    put(other.path(), &drawer, KeyChoice::System, Zeroizing::new([8; 32])).unwrap();
    discard(other.path(), &drawer);
    assert_eq!(open(original.path(), &drawer, KeyChoice::System).unwrap().seed, drawn.seed);
    assert_eq!(*open(copy.path(), &drawer, KeyChoice::System).unwrap().seed, [7; 32]);
    assert!(!drawer.kept.borrow().values().any(|kept| *kept == [8; 32]), "nobody ever was that device");
}

#[test]
fn another_key_takes_the_place_of_the_one_before() {
    for choice in [KeyChoice::System, KeyChoice::File] {
        let (folder, drawer) = (folder(), Drawer::default());
        open(folder.path(), &drawer, choice).unwrap();
        let other = tempfile::tempdir_in(folder.path()).unwrap();
        put(other.path(), &drawer, choice, Zeroizing::new([7; 32])).unwrap();
        move_in(other.path(), folder.path()).unwrap();
        assert_eq!(*open(folder.path(), &drawer, choice).unwrap().seed, [7; 32]);
    }
}

#[test]
fn a_note_is_read_as_it_was_written_and_nothing_else_is_one() {
    let note = Note { account: new_account().unwrap(), device: DeviceKey::from_seed(&[1; 32]).public().device_id() };
    let text = note.text();
    assert!(text.len() > 32 && text.len() < FILE_MAX as usize);
    assert_eq!(Note::read(text.as_bytes()), Some(note));
    for length in 0..text.len() - 1 {
        assert_eq!(Note::read(&text.as_bytes()[..length]), None, "{length}");
    }
    assert_eq!(Note::read(b"\xff"), None);
}

#[test]
fn a_key_of_the_wrong_length_is_refused_and_kept() {
    let folder = folder();
    let path = folder.path().join(KEY_FILE);
    for length in [0, 31, 33, 4096] {
        let mut file = platform::create_private_file(&path).unwrap();
        file.write_all(&vec![1; length]).unwrap();
        let refused = open(folder.path(), &Drawer::default(), KeyChoice::System);
        assert!(matches!(refused, Err(FolderError::KeyDamaged(_))), "{length}");
        assert_eq!(std::fs::read(&path).unwrap().len(), length);
        std::fs::remove_file(&path).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused_and_a_note_is_closed_to_them() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, drawer) = (folder(), Drawer::default());
    let path = folder.path().join(KEY_FILE);
    let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
    let open_to = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(folder.path(), &drawer, KeyChoice::File).unwrap();
    assert_eq!(mode(), 0o600);
    for wide in [0o640, 0o604, 0o660] {
        open_to(wide);
        assert!(matches!(open(folder.path(), &drawer, KeyChoice::System), Err(FolderError::KeyExposed(_))));
    }
    open_to(0o600);
    open(folder.path(), &drawer, KeyChoice::System).unwrap();
    open_to(0o644);
    open(folder.path(), &drawer, KeyChoice::System).unwrap();
    assert_eq!(mode(), 0o600);
}
