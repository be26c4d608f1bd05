//! What devices answered and told, kept outside of them; and whether what they show later is as they said.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

/// Shared by all who listen to devices.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// The ids that were answered, by device and number of the text.
    answered: BTreeMap<(usize, u32), String>,
    /// Own messages, as far as their author was told that they got.
    told: BTreeMap<String, Reached>,
    /// The messages that each device told to hold, its own and others'.
    held: BTreeMap<usize, BTreeSet<String>>,
    /// Others' message that a device told of last.
    newest: BTreeMap<usize, String>,
    /// The messages up to which a device answered to have read.
    read: BTreeMap<usize, BTreeSet<String>>,
    /// The messages up to which a device was asked to mark as read.
    marked: BTreeMap<usize, BTreeSet<String>>,
    /// What devices told of their stores.
    stores: Vec<(usize, Value)>,
    /// Whether disks fail, and devices may say so.
    disks_fail: bool,
    wrong: Vec<String>,
}

/// By how many others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) stored: u64,
    pub(crate) delivered: u64,
    pub(crate) read: u64,
}

/// A message as a device shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) text: String,
}

/// A message of a device's own, as it shows how far it got.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) id: String,
    pub(crate) reached: Reached,
}

/// What one device shows of a room.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) messages: Vec<Shown>,
    pub(crate) own: Vec<Own>,
}

/// What is wrong with what all devices show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Messages that were answered, or told of, and are not there.
    pub(crate) lost: BTreeSet<String>,
    /// Messages that are there more than once, by id or by what they say.
    pub(crate) doubled: BTreeSet<String>,
    /// Messages that one device shows and another does not.
    pub(crate) gaps: BTreeSet<String>,
    /// Messages that stand in another order than another device's, or than they were said in.
    pub(crate) disordered: BTreeSet<String>,
    /// Messages that got less far than was told.
    pub(crate) untrue: BTreeSet<String>,
    /// Messages that have not got to everyone yet.
    pub(crate) under_way: BTreeSet<String>,
}

impl Wrong {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("gaps", &self.gaps),
            ("disordered", &self.disordered),
            ("untrue", &self.untrue),
            ("under way", &self.under_way),
        ];
        for (name, messages) in parts.into_iter().filter(|(_, messages)| !messages.is_empty()) {
            let some: Vec<&String> = messages.iter().take(8).collect();
            write!(f, "{} {name} {some:?}; ", messages.len())?;
        }
        Ok(())
    }
}

impl Ledger {
    /// Of devices whose disks fail.
    pub(crate) fn of_failing_disks() -> Self {
        Self(Mutex::new(Book { disks_fail: true, ..Book::default() }))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that must never be.
    pub(crate) fn wrong(&self, what: String) {
        self.book().wrong.push(what);
    }

    /// What must never have been, if anything.
    pub(crate) fn take_wrong(&self) -> Vec<String> {
        std::mem::take(&mut self.book().wrong)
    }

    /// A device answered that it holds what it was given to say.
    pub(crate) fn answered(&self, device: usize, number: u32, result: &Value) {
        let mut book = self.book();
        let Some(id) = result.get("id").and_then(Value::as_str) else {
            return book.wrong.push(format!("device {device} answered no id for its text {number}: {result}"));
        };
        if let Some(before) = book.answered.insert((device, number), id.to_owned())
            && before != id
        {
            book.wrong.push(format!("device {device} gave its text {number} two ids: {before} and {id}"));
        }
    }

    /// A device that was asked to end, or whose disk fails, refused what it was given to say.
    pub(crate) fn refused(&self, device: usize, number: u32, error: &Value) {
        let mut book = self.book();
        if book.disks_fail && error.pointer("/data/code").and_then(Value::as_str) != Some("read_only") {
            book.wrong.push(format!("device {device} refused its text {number} otherwise than `read_only`: {error}"));
        }
    }

    /// What a device told of its store, in order.
    pub(crate) fn stores(&self, device: usize) -> Vec<Value> {
        self.book().stores.iter().filter(|(of, _)| *of == device).map(|(_, state)| state.clone()).collect()
    }

    pub(crate) fn is_answered(&self, device: usize, number: u32) -> bool {
        self.book().answered.contains_key(&(device, number))
    }

    /// How many texts were answered.
    pub(crate) fn count(&self) -> usize {
        self.book().answered.len()
    }

    /// A device answered to have read all up to this message.
    pub(crate) fn read(&self, device: usize, id: &str) {
        self.book().read.entry(device).or_default().insert(id.to_owned());
    }

    /// Others' newest message at a device, which is about to be marked as read.
    pub(crate) fn to_mark(&self, device: usize) -> Option<String> {
        let mut book = self.book();
        let id = book.newest.get(&device)?.clone();
        book.marked.entry(device).or_default().insert(id.clone());
        Some(id)
    }

    /// A device told of something.
    pub(crate) fn told(&self, device: usize, event: &str, params: &Value) {
        let mut book = self.book();
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match event {
            "incoming_message" | "message_sent" => {
                let Some(message) = params.get("message") else { return };
                if text(message, "kind") == "text" {
                    let id = text(message, "id");
                    if !book.held.entry(device).or_default().insert(id.clone()) {
                        book.wrong.push(format!("device {device} told twice of {id}"));
                    }
                    if event == "incoming_message" {
                        book.newest.insert(device, id);
                    }
                }
            }
            "message_status" => {
                let now = reached(params);
                let told = book.told.entry(text(params, "id")).or_default();
                told.stored = told.stored.max(now.stored);
                told.delivered = told.delivered.max(now.delivered);
                told.read = told.read.max(now.read);
            }
            "store_changed" => {
                if !book.disks_fail {
                    book.wrong.push(format!("device {device} says of its store: {params}"));
                }
                book.stores.push((device, params.clone()));
            }
            _ => {}
        }
    }

    /// Holds what all devices show against what was answered and told. `texts` are what each was given to say, by
    /// number; `again` tells which of them were asked for a second time, and may stand later than they were first said.
    pub(crate) fn check(&self, pages: &[Page], texts: &[Vec<String>], again: &BTreeSet<(usize, u32)>) -> Wrong {
        let book = self.book();
        let mut wrong = Wrong::default();
        let held: Vec<BTreeSet<&str>> =
            pages.iter().map(|page| page.messages.iter().map(|message| message.id.as_str()).collect()).collect();
        let all: BTreeSet<&str> = held.iter().flatten().copied().collect();
        let by_id: BTreeMap<&str, &Shown> =
            pages.iter().flat_map(|page| &page.messages).map(|message| (message.id.as_str(), message)).collect();

        for ((device, number), id) in &book.answered {
            let said = usize::try_from(*number).ok().and_then(|number| texts.get(*device)?.get(number));
            let shown = by_id.get(id.as_str()).map(|message| &message.text);
            if !held.iter().all(|held| held.contains(id.as_str())) || said != shown {
                wrong.lost.insert(format!("{id} ({})", said.map_or("", String::as_str)));
            }
        }
        let told = book.told.keys().chain(book.held.values().flatten());
        wrong.lost.extend(told.filter(|id| !all.contains(id.as_str())).cloned());
        for (page, held) in pages.iter().zip(&held) {
            let mut seen = BTreeSet::new();
            for message in &page.messages {
                if !seen.insert(&message.id) || !seen.insert(&message.text) {
                    wrong.doubled.insert(format!("{} ({})", message.id, message.text));
                }
            }
            wrong.gaps.extend(all.difference(held).map(|id| (*id).to_owned()));
        }
        if wrong.gaps.is_empty() {
            for (one, other) in pages.iter().zip(pages.iter().skip(1)) {
                let pairs = one.messages.iter().zip(&other.messages);
                wrong.disordered.extend(pairs.filter(|(one, other)| one != other).map(|(one, _)| one.id.clone()));
            }
        }
        if let Some(page) = pages.first() {
            wrong.disordered.extend(out_of_turn(page, texts, again));
        }
        let others = pages.len().saturating_sub(1) as u64;
        for own in pages.iter().flat_map(|page| &page.own) {
            let told = book.told.get(&own.id).copied().unwrap_or_default();
            let now = own.reached;
            if now.stored < told.stored || now.delivered < told.delivered || now.read < told.read {
                wrong.untrue.insert(format!("{} {now:?}, and {told:?} was told", own.id));
            }
            if now.stored < others || now.delivered < others {
                wrong.under_way.insert(own.id.clone());
            }
        }
        wrong
    }

    /// Messages of which their authors say that somebody read them who did not, or did not who answered to have.
    /// `readers` gives who is said to have read a message.
    pub(crate) fn check_read(&self, page: &Page, readers: &BTreeMap<String, BTreeSet<usize>>) -> BTreeSet<String> {
        let book = self.book();
        let place: BTreeMap<&str, usize> =
            page.messages.iter().enumerate().map(|(place, message)| (message.id.as_str(), place)).collect();
        let furthest = |marks: Option<&BTreeSet<String>>| {
            marks.into_iter().flatten().filter_map(|id| place.get(id.as_str())).max().copied()
        };
        let mut wrong = BTreeSet::new();
        for (id, readers) in readers {
            for reader in readers {
                if furthest(book.marked.get(reader)) < place.get(id.as_str()).copied() {
                    wrong.insert(format!("{id} was not read by device {reader}"));
                }
            }
        }
        for (device, ids) in &book.read {
            for id in ids {
                if readers.get(id).is_some_and(|readers| !readers.contains(device)) {
                    wrong.insert(format!("{id} was read by device {device}"));
                }
            }
        }
        wrong
    }

    /// Messages that somebody was asked to mark as read.
    pub(crate) fn marked(&self) -> BTreeSet<String> {
        self.book().marked.values().flatten().cloned().collect()
    }
}

/// The texts that stand before one that their author said earlier.
fn out_of_turn(page: &Page, texts: &[Vec<String>], again: &BTreeSet<(usize, u32)>) -> Vec<String> {
    let mut numbers = BTreeMap::new();
    for (device, texts) in texts.iter().enumerate() {
        numbers.extend(texts.iter().zip(0_u32..).map(|(text, number)| (text.as_str(), (device, number))));
    }
    let mut last = BTreeMap::new();
    let mut found = Vec::new();
    for message in &page.messages {
        let Some((device, number)) = numbers.get(message.text.as_str()) else {
            found.push(format!("{} ({}), which nobody said", message.id, message.text));
            continue;
        };
        if again.contains(&(*device, *number)) {
            continue;
        }
        if last.insert(device, number).is_some_and(|before| before > number) {
            found.push(format!("{} ({})", message.id, message.text));
        }
    }
    found
}

/// How far a message got, as a device shows it.
pub(crate) fn reached(message: &Value) -> Reached {
    let count = |name| message.get(name).and_then(Value::as_u64).unwrap_or(0);
    Reached { stored: count("stored_by"), delivered: count("delivered_to"), read: count("read_by") }
}

#[cfg(test)]
mod tests;
