//! What a person left is found again: the focus, the draft, the count in the title.

use anyhow::Result;
use serde_json::json;

use crate::meeting::{in_a_room, send_many};
use crate::window::Window;

#[tokio::test]
async fn what_is_unread_stands_in_the_title_of_the_window() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    // Without a window manager the focus is where the pointer is, in the middle of the screen: in Alice's window.
    let garden = alice.visible("[data-testid=\"room-item\"]").await?.attr("data-room").await?.unwrap_or_default();
    alice.click("room-create-open").await?;
    alice.fill("room-name-input", "Shed").await?;
    alice.click("room-create").await?;
    alice.visible(&format!("[data-testid=\"conversation\"]:not([data-room=\"{garden}\"])")).await?;
    alice.is_called("Lanline").await?;
    send_many(&bob, 1, 3).await?;
    alice.is_called("(3) Lanline").await?;
    alice.click_on(&format!("[data-testid=\"room-item\"][data-room=\"{garden}\"]")).await?;
    alice.is_called("Lanline").await?;
    Ok(())
}

#[tokio::test]
async fn the_focus_comes_back_to_the_message_and_the_draft_stays() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    send_many(&alice, 1, 60).await?;
    bob.sees("jump-newest").await?;
    bob.click("jump-newest").await?;
    let last = "return [...document.querySelectorAll('[data-testid=\"message-text\"]')].at(-1)?.textContent;";
    bob.gives(last, &json!("Message 60")).await?;
    bob.fill("composer-input", "half a thought").await?;

    // The dialog's opener is drawn anew while it is open, as any change of its message does.
    let found = bob
        .script(
            "const message = [...document.querySelectorAll('[data-testid=\"message\"]')].at(-3); \
             const button = message.querySelector('[data-testid=\"message-details\"]'); \
             button.focus({ preventScroll: true }); button.click(); \
             const before = document.querySelector('.log-scroller').scrollTop; \
             button.replaceWith(button.cloneNode(true)); \
             document.querySelector('dialog[open] [data-testid=\"dialog-close\"]').click(); \
             await new Promise((done) => setTimeout(done, 200)); \
             return [document.activeElement.closest('[data-id]')?.dataset.id === message.dataset.id, \
             document.querySelector('.log-scroller').scrollTop === before];",
        )
        .await?;
    assert_eq!(found, json!([true, true]));

    // As where writing becomes impossible for a while.
    let forms = bob
        .script(
            "const composer = document.querySelector('message-composer'); const foot = composer.parentElement; \
             composer.remove(); foot.append(composer); return composer.querySelectorAll('form').length;",
        )
        .await?;
    assert_eq!(forms, json!(1));
    assert_eq!(bob.value("composer-input").await?, "half a thought");
    bob.click("composer-send").await?;
    bob.visible("[data-testid=\"message\"][data-own=\"true\"]").await?;
    assert_eq!(bob.value("composer-input").await?, "");
    Ok(())
}

#[tokio::test]
async fn a_slip_does_not_load_the_page_anew() -> Result<()> {
    let alice = Window::open("alice").await?;
    alice.sees("name-input").await?;
    let prevented = alice
        .script(
            "const fire = (target, event) => !target.dispatchEvent(event); \
             const on = (target) => fire(target, new MouseEvent('contextmenu', { bubbles: true, cancelable: true })); \
             const key = (fields) => fire(document.body, new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...fields })); \
             return [on(document.body), on(document.querySelector('input')), key({ key: 'F5' }), \
             key({ key: 'r', ctrlKey: true }), key({ key: 'r' })];",
        )
        .await?;
    assert_eq!(prevented, json!([true, false, true, true, false]));
    Ok(())
}
