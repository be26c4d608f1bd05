use lanline_engine::api::{CompareEnd, MessageKind, Role, ServerState, StoreState};

use super::*;
use crate::{
    line::tests::{NOON, look, message},
    plain::HOSTILE,
};

const ALICE: &str = "ALICE-ID";
const BOB: &str = "BOBBOB-ID";

fn member(device: &str, name: &str, online: bool) -> Member {
    let (device_id, name) = (device.to_owned(), name.to_owned());
    Member { device_id, name, role: Role::Member, voter: true, online, last_seen_at: None }
}

fn said(id: &str, author: &str, text: &str) -> Message {
    let mut said = message(id, author, MessageKind::Text, text);
    said.author_name = if author == ALICE { "Alice" } else { "Bob" }.to_owned();
    said
}

fn page(messages: &[Message], more: bool) -> MessagePage {
    MessagePage { messages: messages.to_vec(), more, unread_before: 0 }
}

fn incoming(message: Message) -> Event {
    Event::IncomingMessage { message: Box::new(message) }
}

fn status(id: &str, status: MessageStatus) -> Event {
    Event::MessageStatus { id: id.into(), status, stored_by: 1, delivered_to: 0, read_by: 0 }
}

/// What was shown, as printed.
fn lines(steps: &[Step]) -> Vec<String> {
    let shown = steps.iter().filter_map(|step| match step {
        Step::Show(line) => Some(line.print(&look(), NOON)),
        _ => None,
    });
    shown.collect()
}

fn questions(steps: &[Step]) -> Vec<&Step> {
    steps.iter().filter(|step| !matches!(step, Step::Show(_))).collect()
}

/// Alice's view of a room with Bob, entered with these messages.
fn entered(messages: &[Message]) -> Conversation {
    let mut conversation = Conversation::new(ALICE.into(), "garden".into(), false);
    conversation.members(&[member(ALICE, "Alice", true), member(BOB, "Bob", false)], NOON);
    let steps = conversation.page(page(messages, true), NOON);
    if questions(&steps).iter().any(|step| matches!(step, Step::Mark(_))) {
        conversation.marked();
    }
    conversation
}

#[test]
fn on_entering_the_last_messages_are_shown_with_how_far_ones_own_got_and_marked_as_read() {
    let mut conversation = Conversation::new(ALICE.into(), "garden".into(), false);
    conversation.members(&[member(ALICE, "Alice", true), member(BOB, "Bob", false)], NOON);
    let mut own = said("2", ALICE, "hi");
    own.status = MessageStatus::Delivered;
    let steps = conversation.page(page(&[said("1", BOB, "hello"), own], true), NOON);
    assert_eq!(lines(&steps), ["12:00 <Bob> hello", "12:00 <Alice> hi  [delivered]"]);
    assert_eq!(questions(&steps), [&Step::Mark("1".into())]);
}

#[test]
fn what_is_unread_is_shown_on_entering_however_far_up_it_stands_or_nothing_is_marked() {
    let at = |n: u64, unread| Message {
        sent_at: NOON + n,
        unread: Some(unread),
        ..said(&n.to_string(), BOB, &n.to_string())
    };
    let enter = || {
        let mut conversation = Conversation::new(ALICE.into(), "garden".into(), false);
        let newest = MessagePage { unread_before: 2, ..page(&[at(8, false), at(9, true)], true) };
        assert_eq!(conversation.page(newest, NOON), [Step::Page(Some("8".into()))]);
        let before = MessagePage { unread_before: 1, ..page(&[at(6, true), at(7, false)], true) };
        (conversation.page(before, NOON), conversation)
    };
    let (steps, mut conversation) = enter();
    assert_eq!(steps, [Step::Page(Some("6".into()))]);
    assert_eq!(conversation.event(&incoming(at(10, true)), NOON), []);
    let steps = conversation.page(page(&[at(2, true), at(3, false)], true), NOON);
    assert_eq!(lines(&steps), [2, 6, 8, 9, 10].map(|n| format!("12:00 <Bob> {n}")));
    assert_eq!(questions(&steps), [&Step::Mark("10".into())]);

    let (_, mut conversation) = enter();
    let mut steps = Vec::new();
    for _ in 2..super::ENTERING_PAGES {
        assert!(questions(&steps).iter().all(|step| matches!(step, Step::Page(_))));
        let before = MessagePage { unread_before: 1, ..page(&[at(1, false)], true) };
        steps = conversation.page(before, NOON);
    }
    assert!(lines(&steps)[0].contains("Not all that is unread is shown"), "{steps:?}");
    assert_eq!(questions(&steps), [&Step::Page(None); 0]);
    assert!(questions(&conversation.event(&incoming(at(11, true)), NOON)).is_empty(), "the rest would be marked, too");
}

#[test]
fn what_stood_first_on_entering_may_be_gone_when_all_since_is_asked_for() {
    let at = |n: u64| Message { sent_at: NOON + n, ..said(&n.to_string(), BOB, &n.to_string()) };
    let mut conversation = entered(&[at(3), at(4)]);
    conversation.event(&Event::EventsLost { count: 1 }, NOON);
    let steps = conversation.page(page(&[at(1), at(2), at(4), at(5)], true), NOON);
    assert_eq!(lines(&steps), ["12:00 <Bob> 5"], "what stood before it is history");
    assert!(!questions(&steps).iter().any(|step| matches!(step, Step::Page(_))));
}

#[test]
fn each_message_is_shown_once_whether_it_comes_as_an_event_or_on_a_page() {
    let mut conversation = Conversation::new(ALICE.into(), "garden".into(), false);
    conversation.members(&[member(BOB, "Bob", true)], NOON);
    // Before the page that was asked for came, and after; on it or not.
    for id in ["2", "3"] {
        assert_eq!(conversation.event(&incoming(said(id, BOB, id)), NOON), []);
    }
    let steps = conversation.page(page(&[said("1", BOB, "1"), said("2", BOB, "2")], false), NOON);
    assert_eq!(lines(&steps), ["12:00 <Bob> 1", "12:00 <Bob> 2", "12:00 <Bob> 3"]);
    assert_eq!(conversation.event(&incoming(said("3", BOB, "3")), NOON), []);
    assert_eq!(lines(&conversation.event(&incoming(said("4", BOB, "4")), NOON)), ["12:00 <Bob> 4"]);
    let mut elsewhere = said("5", BOB, "5");
    elsewhere.room = "kitchen".into();
    assert_eq!(conversation.event(&incoming(elsewhere), NOON), []);
}

#[test]
fn marking_as_read_waits_for_the_last_mark_and_loses_none() {
    let mut conversation = entered(&[]);
    let steps = conversation.event(&incoming(said("1", BOB, "1")), NOON);
    assert_eq!(questions(&steps), [&Step::Mark("1".into())]);
    for id in ["2", "3"] {
        assert!(questions(&conversation.event(&incoming(said(id, BOB, id)), NOON)).is_empty());
    }
    assert_eq!(conversation.marked(), [Step::Mark("3".into())]);
    assert_eq!(conversation.marked(), []);
    // One that was written earlier and comes late: what is marked is still the newest.
    let mut late = said("0", BOB, "late");
    late.sent_at -= 1000;
    assert_eq!(questions(&conversation.event(&incoming(late), NOON)), [&Step::Mark("3".into())]);
}

#[test]
fn after_lost_events_everything_since_entering_is_asked_for_and_what_is_new_is_shown_in_order() {
    let texts: Vec<Message> = (0..10).map(|n| said(&n.to_string(), BOB, &n.to_string())).collect();
    let mut conversation = entered(&texts[3..5]);
    conversation.event(&incoming(texts[9].clone()), NOON);
    let steps = conversation.event(&Event::EventsLost { count: 4 }, NOON);
    assert_eq!(steps, [Step::Members, Step::Page(None)]);
    assert_eq!(conversation.page(page(&texts[7..10], true), NOON), [Step::Page(Some("7".into()))]);
    assert_eq!(conversation.page(page(&texts[5..7], true), NOON), [Step::Page(Some("5".into()))]);
    // What stands before the first that was shown is history.
    // What comes meanwhile waits for what stands before it.
    assert_eq!(conversation.event(&incoming(said("10", BOB, "10")), NOON), []);
    let steps = conversation.page(page(&texts[1..5], true), NOON);
    assert_eq!(lines(&steps), [5, 6, 7, 8, 10].map(|n| format!("12:00 <Bob> {n}")));
    assert_eq!(conversation.event(&incoming(texts[6].clone()), NOON), []);
}

#[test]
fn events_lost_while_entering_or_while_catching_up_are_caught_up_with_too() {
    let mut conversation = Conversation::new(ALICE.into(), "garden".into(), false);
    conversation.members(&[member(BOB, "Bob", true)], NOON);
    assert_eq!(conversation.event(&Event::EventsLost { count: 1 }, NOON), [Step::Members]);
    let steps = conversation.page(page(&[said("1", BOB, "1")], false), NOON);
    assert!(questions(&steps).contains(&&Step::Page(None)), "{steps:?}");
    assert_eq!(conversation.event(&Event::EventsLost { count: 1 }, NOON), [Step::Members]);
    let steps = conversation.page(page(&[said("1", BOB, "1"), said("2", BOB, "2")], false), NOON);
    assert_eq!(lines(&steps), ["12:00 <Bob> 2"]);
    assert!(questions(&steps).contains(&&Step::Page(None)), "{steps:?}");
    assert_eq!(lines(&conversation.page(page(&[said("2", BOB, "2")], false), NOON)), [""; 0]);
}

#[test]
fn own_messages_are_told_of_as_they_advance_several_in_one_line() {
    let mut conversation = entered(&[]);
    for (id, text) in [("1", "one"), ("2", "two"), ("3", "three")] {
        conversation.sending();
        assert_eq!(conversation.sent(id, text, NOON), []);
    }
    assert_eq!(conversation.event(&status("1", MessageStatus::Stored), NOON), []);
    conversation.event(&status("1", MessageStatus::Delivered), NOON + 10);
    conversation.event(&status("2", MessageStatus::Stored), NOON + 20);
    conversation.event(&status("3", MessageStatus::Stored), NOON + 30);
    assert_eq!(lines(&conversation.tick(NOON + 100)), [""; 0]);
    let due = conversation.due().unwrap();
    let told = lines(&conversation.tick(due));
    assert_eq!(told, ["12:00 * Stored by another member: 2 messages, the last “three”", "12:00 * Delivered: “one”"]);
    // Never backwards, and never twice.
    conversation.event(&status("1", MessageStatus::Stored), NOON + 1000);
    conversation.event(&status("2", MessageStatus::Stored), NOON + 1000);
    assert_eq!(lines(&conversation.tick(NOON + 2000)), [""; 0]);
    conversation.event(&status("1", MessageStatus::Read), NOON + 4000);
    assert_eq!(lines(&conversation.tick(NOON + 5000)), ["12:00 * Read: “one”"]);
    assert_eq!(conversation.due(), None);
    assert_eq!(conversation.kept(), 0);
}

#[test]
fn a_status_that_outruns_the_answer_is_told_once_the_answer_is_there() {
    let mut conversation = entered(&[]);
    conversation.sending();
    assert_eq!(conversation.event(&status("1", MessageStatus::Stored), NOON), []);
    assert_eq!(conversation.sent("1", "one", NOON), []);
    let due = conversation.due().unwrap();
    assert_eq!(lines(&conversation.tick(due)), ["12:00 * Stored by another member: “one”"]);
}

#[test]
fn what_this_device_said_through_another_door_is_looked_for_and_shown_once() {
    let first = said("0", BOB, "0");
    let mut conversation = entered(std::slice::from_ref(&first));
    assert_eq!(conversation.event(&status("1", MessageStatus::Stored), NOON), [Step::Page(None)]);
    let mut own = said("1", ALICE, "from the app");
    own.status = MessageStatus::Stored;
    let steps = conversation.page(page(&[first.clone(), own], true), NOON);
    assert_eq!(lines(&steps), ["12:00 <Alice> from the app  [stored]"]);
    assert_eq!(conversation.event(&status("1", MessageStatus::Stored), NOON), []);
    // Of another room: looked for once.
    assert_eq!(conversation.event(&status("x", MessageStatus::Stored), NOON), [Step::Page(None)]);
    assert_eq!(conversation.page(page(&[first], true), NOON), []);
    assert_eq!(conversation.event(&status("x", MessageStatus::Read), NOON), []);
}

#[test]
fn that_nobody_holds_it_yet_is_said_once_and_only_if_it_is_so() {
    let mut conversation = entered(&[]);
    for n in 0..3 {
        conversation.sending();
        conversation.sent(&n.to_string(), "hello", NOON);
    }
    assert_eq!(lines(&conversation.tick(NOON + 1000)), [""; 0]);
    let due = conversation.due().unwrap();
    let told = lines(&conversation.tick(due));
    assert!(told.len() == 1 && told[0].contains("Nobody else holds"), "{told:?}");
    conversation.sending();
    conversation.sent("4", "hello?", NOON + 4000);
    assert_eq!(conversation.due(), None);
    assert_eq!(conversation.kept(), 4);

    let mut quick = entered(&[]);
    quick.sending();
    quick.sent("1", "hello", NOON);
    quick.event(&status("1", MessageStatus::Stored), NOON);
    quick.tick(NOON + 500);
    assert_eq!(lines(&quick.tick(NOON + 10_000)), [""; 0]);

    let mut alone = Conversation::new(ALICE.into(), "garden".into(), false);
    alone.members(&[member(ALICE, "Alice", true)], NOON);
    alone.page(page(&[], false), NOON);
    alone.sending();
    alone.sent("1", "hello", NOON);
    let told = lines(&alone.tick(NOON + 10_000));
    assert!(told.len() == 1 && told[0].contains("/invite"), "{told:?}");
}

#[test]
fn own_words_are_echoed_only_where_they_are_not_on_the_screen() {
    let mut conversation = Conversation::new(ALICE.into(), "garden".into(), true);
    conversation.members(&[member(ALICE, "Alice", true)], NOON);
    conversation.page(page(&[], false), NOON);
    conversation.sending();
    assert_eq!(lines(&conversation.sent("1", "hello", NOON)), ["12:00 <Alice> hello"]);
}

#[test]
fn people_come_and_go_by_name_if_they_are_of_this_room() {
    let mut conversation = entered(&[]);
    let come = |device: &str| Event::PeerConnected {
        device_id: device.into(),
        name: "Bob".into(),
        address: "10.0.0.2:1".into(),
    };
    let gone = |device: &str| Event::PeerDisconnected { device_id: device.into(), reason: "server_stopped".into() };
    assert_eq!(lines(&conversation.event(&come(BOB), NOON)), ["12:00 * <Bob> is connected."]);
    assert_eq!(lines(&conversation.event(&come(BOB), NOON)), [""; 0]);
    let told = lines(&conversation.event(&gone(BOB), NOON));
    assert_eq!(told, ["12:00 * <Bob> is no longer connected (server stopped)."]);
    for event in [gone(BOB), come("stranger"), gone("stranger")] {
        assert_eq!(conversation.event(&event, NOON), []);
    }
    assert_eq!(lines(&conversation.event(&come(BOB), NOON)), ["12:00 * <Bob> is connected."]);
    let moved = Event::PeerDisconnected { device_id: BOB.into(), reason: "surplus".into() };
    assert_eq!(conversation.event(&moved, NOON), [], "that is no news to people");
    let steps = conversation.event(&Event::RoomChanged { room: "garden".into() }, NOON);
    assert_eq!(steps, [Step::Members, Step::Page(None)]);
    assert_eq!(conversation.event(&Event::RoomChanged { room: "kitchen".into() }, NOON), []);
    let told = conversation.members(&[member(ALICE, "Alice", true), member(BOB, "Robert", true)], NOON);
    assert_eq!(lines(&told), ["12:00 * <Bob> is called <Robert> now.", "12:00 * <Robert> is connected."]);
}

#[test]
fn the_server_and_the_disk_are_told_of() {
    let mut conversation = entered(&[]);
    let listening = ServerState { running: true, port: Some(1), addresses: vec!["10.0.0.1:1".into()], failure: None };
    let full = StoreState { state: StoreCondition::ReadOnly, reason: Some("the disk is full.".into()) };
    for (event, words) in [
        (Event::ServerChanged(listening), "listens on 10.0.0.1:1"),
        (Event::ServerChanged(ServerState::default()), "no longer listens"),
        (Event::StoreChanged(full), "the disk is full"),
    ] {
        let told = lines(&conversation.event(&event, NOON));
        assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
    }
}

#[test]
fn words_that_were_missing_are_shown_when_they_come() {
    let mut missing = said("1", BOB, "");
    (missing.text, missing.state) = (None, Some(lanline_engine::api::MessageState::Missing));
    let mut conversation = entered(std::slice::from_ref(&missing));
    conversation.event(&Event::EventsLost { count: 1 }, NOON);
    assert_eq!(lines(&conversation.page(page(&[missing], false), NOON)), [""; 0]);
    let come = Event::MessageChanged { message: Box::new(said("1", BOB, "here")) };
    assert_eq!(lines(&conversation.event(&come, NOON)), ["12:00 <Bob> here"]);
    assert_eq!(conversation.event(&come, NOON), []);
}

#[test]
fn whatever_peers_chose_is_harmless() {
    for text in HOSTILE {
        let mut conversation = entered(&[]);
        conversation.members(&[member(ALICE, "Alice", true), member(BOB, text, true)], NOON);
        let mut steps = conversation.event(&incoming(said("1", BOB, text)), NOON);
        steps.extend(
            conversation.event(&Event::PeerDisconnected { device_id: BOB.into(), reason: (*text).to_owned() }, NOON),
        );
        let name = (*text).to_owned();
        steps.extend(
            conversation.event(&Event::PeerConnected { device_id: BOB.into(), name, address: "1".into() }, NOON),
        );
        conversation.sending();
        conversation.sent("2", text, NOON);
        conversation.event(&status("2", MessageStatus::Stored), NOON);
        steps.extend(conversation.tick(NOON + 300));
        let shown = lines(&steps);
        assert_eq!(shown.len(), 4, "{shown:?}");
        for line in shown {
            assert!(line.starts_with("12:00 "), "{line}");
            assert!(!line.chars().any(|character| character != '\n' && character.is_control()), "{line:?}");
            assert!(line.lines().skip(1).all(|line| line.starts_with("      ")), "{line}");
        }
    }
}

#[test]
fn the_end_of_a_comparison_is_told_by_name_also_of_one_whose_name_the_room_does_not_tell() {
    let mut conversation = entered(&[]);
    conversation.members(&[member(ALICE, "Alice", true), member(BOB, "", true)], NOON);
    for device in [BOB, "CAROL-ID"] {
        let (device_id, name) = (device.to_owned(), "Robert".to_owned());
        let ended = Event::CompareEnded { device_id, name, reason: CompareEnd::Same };
        let shown = lines(&conversation.event(&ended, NOON));
        assert!(shown.len() == 1 && shown[0].contains("<Robert> is verified now"), "{shown:?}");
    }
}
