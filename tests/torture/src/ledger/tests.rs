use serde_json::json;

use super::*;

const ALICE: usize = 0;
const BOB: usize = 1;

fn texts() -> Vec<Vec<String>> {
    vec![vec!["alice 0".to_owned(), "alice 1".to_owned()], vec!["bob 0".to_owned()]]
}

/// A page that shows these, each said by who its text begins with; alice's own got to everyone.
fn page(device: usize, texts: &[&str]) -> Page {
    let shown = |text: &&str| Shown {
        id: format!("id of {text}"),
        author: text.split(' ').next().unwrap().to_owned(),
        text: (*text).to_owned(),
    };
    let messages: Vec<Shown> = texts.iter().map(shown).collect();
    let own = messages.iter().filter(|message| message.author == ["alice", "bob"][device]);
    let reached = Reached { stored: 1, delivered: 1, read: 0 };
    let own = own.map(|message| Own { id: message.id.clone(), reached }).collect();
    Page { messages, own }
}

/// Both answered all that they were given to say.
fn ledger() -> Ledger {
    let ledger = Ledger::default();
    ledger.answered(ALICE, 0, &json!({"id": "id of alice 0"}));
    ledger.answered(ALICE, 1, &json!({"id": "id of alice 1"}));
    ledger.answered(BOB, 0, &json!({"id": "id of bob 0"}));
    assert_eq!(ledger.take_wrong(), Vec::<String>::new());
    ledger
}

fn check(alice: &[&str], bob: &[&str]) -> Wrong {
    ledger().check(&[page(ALICE, alice), page(BOB, bob)], &texts(), &BTreeSet::new())
}

const ALL: [&str; 3] = ["alice 0", "bob 0", "alice 1"];

#[test]
fn all_is_well_where_both_show_the_same() {
    assert_eq!(check(&ALL, &ALL), Wrong::default());
}

#[test]
fn what_was_answered_and_is_missing_is_lost() {
    let wrong = check(&ALL, &ALL[..2]);
    assert_eq!((wrong.lost.len(), wrong.gaps.len()), (1, 1));
    assert_eq!(check(&ALL[..2], &ALL[..2]).lost.len(), 1);
}

#[test]
fn what_was_told_of_and_is_missing_is_lost() {
    let ledger = ledger();
    ledger.told(ALICE, "message_status", &json!({"id": "id of carol 0", "stored_by": 1}));
    let message = json!({"id": "id of dave 0", "kind": "text"});
    ledger.told(BOB, "incoming_message", &json!({"message": message}));
    let wrong = ledger.check(&[page(ALICE, &ALL), page(BOB, &ALL)], &texts(), &BTreeSet::new());
    assert_eq!(wrong.lost.len(), 2);
    ledger.told(BOB, "incoming_message", &json!({"message": message}));
    assert_eq!(ledger.take_wrong().len(), 1, "told twice");
}

#[test]
fn what_is_there_twice_is_doubled() {
    let twice = ["alice 0", "bob 0", "alice 1", "alice 1"];
    assert_eq!(check(&twice, &twice).doubled.len(), 1);
    let ledger = ledger();
    ledger.answered(ALICE, 0, &json!({"id": "another"}));
    assert_eq!(ledger.take_wrong().len(), 1, "one text has one id");
}

#[test]
fn another_order_is_noticed_and_one_that_was_asked_again_may_come_later() {
    assert_eq!(check(&ALL, &["bob 0", "alice 0", "alice 1"]).disordered.len(), 2);
    let turned = ["alice 1", "bob 0", "alice 0"];
    assert_eq!(check(&turned, &turned).disordered.len(), 1);
    let pages = [page(ALICE, &turned), page(BOB, &turned)];
    assert!(ledger().check(&pages, &texts(), &BTreeSet::from([(ALICE, 0)])).is_nothing());
    let nobody = ["alice 0", "bob 0", "alice 1", "carol 0"];
    assert_eq!(check(&nobody, &nobody).disordered.len(), 1);
}

#[test]
fn what_got_less_far_than_was_told_is_untrue() {
    let ledger = ledger();
    let read = json!({"id": "id of alice 0", "stored_by": 1, "delivered_to": 1, "read_by": 1});
    ledger.told(ALICE, "message_status", &read);
    let wrong = ledger.check(&[page(ALICE, &ALL), page(BOB, &ALL)], &texts(), &BTreeSet::new());
    assert_eq!(wrong.untrue.len(), 1);
}

#[test]
fn who_has_read_was_asked_to_and_who_answered_so_has() {
    let ledger = ledger();
    let page = page(ALICE, &ALL);
    let by = |id: &str, readers: &[usize]| BTreeMap::from([(id.to_owned(), readers.iter().copied().collect())]);
    assert_eq!(ledger.check_read(&page, &by("id of alice 0", &[BOB])).len(), 1, "nobody asked bob");
    let message = json!({"message": {"id": "id of alice 0", "kind": "text"}});
    ledger.told(BOB, "incoming_message", &message);
    ledger.to_mark(BOB);
    assert_eq!(ledger.check_read(&page, &by("id of alice 0", &[BOB])).len(), 0);
    assert_eq!(ledger.check_read(&page, &by("id of alice 1", &[BOB])).len(), 1, "not that far");
    assert_eq!(ledger.check_read(&page, &by("id of alice 0", &[])).len(), 0, "not answered");
    ledger.read(BOB, "id of alice 0");
    assert_eq!(ledger.check_read(&page, &by("id of alice 0", &[])).len(), 1);
}
