//! What a hostile peer may write: through every place where it is shown, it is text, and nothing comes of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use lanline_engine::{Flags, Node, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::processes::second_start;
use crate::window::Window;

/// One a line, each a JSON string; also put through the page's logic in node and through the terminal.
const PAYLOADS: &str = include_str!("../hostile/payloads.jsonl");

/// Looks at all that is put into the page from now on, and at all that the page asks for.
const WATCH: &str = r#"
    const watch = { odd: [], asked: [], violated: [], dialogs: 0, left: 0, href: location.href };
    const PLAIN = new Set(("body main div p span bdi button svg use path rect h1 h2 h3 ul ol li time " +
        "form label input textarea select option header section aside nav footer dialog a small strong em hr article fieldset legend output code progress").split(" "));
    const LEADING = new Set(["href", "src", "srcset", "action", "formaction", "data", "poster", "background", "ping", "srcdoc"]);
    const look = (element) => {
        const name = element.localName;
        if (!PLAIN.has(name) && customElements.get(name) === undefined) watch.odd.push(`<${name}>`);
        for (const { localName: attribute, value } of element.attributes) {
            const leads = LEADING.has(attribute) && !/^(icons\.svg)?#[\w-]+$/u.test(value);
            if (attribute.startsWith("on") || leads) watch.odd.push(`<${name} ${attribute}=${value}>`);
        }
    };
    new MutationObserver((changes) => {
        for (const { target, addedNodes } of changes) {
            if (target instanceof Element) look(target);
            for (const node of addedNodes) {
                if (!(node instanceof Element)) continue;
                look(node);
                node.querySelectorAll("*").forEach(look);
            }
        }
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
    document.addEventListener("securitypolicyviolation", (event) => {
        watch.violated.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`);
    });
    for (const asks of ["alert", "confirm", "prompt", "print", "open"]) window[asks] = () => { watch.dialogs += 1; return null; };
    addEventListener("pagehide", () => { watch.left += 1; });
    const fetches = window.fetch;
    window.fetch = (...request) => { watch.asked.push(String(request[0]?.url ?? request[0])); return fetches(...request); };
    window.watch = watch;
    return null;
"#;

/// What came of it.
const SEEN: &str = r#"
    const { odd, asked, violated, dialogs, left, href } = window.watch;
    const owned = window.owned !== undefined || {}.owned !== undefined;
    return { odd, violated, dialogs, left, moved: location.href !== href, owned, title: document.title,
        asked: [...new Set(asked)].sort() };
"#;

/// How many elements of each name there are in the conversation.
const ELEMENTS: &str = "const count = {}; for (const { localName } of document.querySelectorAll('room-conversation *')) \
     count[localName] = (count[localName] ?? 0) + 1; return count;";

/// As many messages as the page certainly has in it at once.
const SHOWN: usize = 200;

/// What the page asks for by itself while it is looked at and typed in.
const ASKED: &[&str] = &[
    "create_room",
    "devices",
    "invite",
    "join",
    "mark_read",
    "members",
    "messages",
    "nearby",
    "opened_link",
    "peers",
    "receipts",
    "room_votes",
    "rooms",
    "set_visible",
    "settings",
    "status",
];

fn payloads() -> Result<Vec<String>> {
    PAYLOADS.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// A device without a window, which says what it is told to.
pub(crate) struct Mallory {
    node: Node,
    _folder: TempDir,
}

impl Mallory {
    pub(crate) async fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let flags = Flags {
            data_dir: Some(folder.path().into()),
            name: Some("Mallory".into()),
            no_discovery: Some(true),
            ..Flags::default()
        };
        Ok(Self { node: Node::open(Settings::load(flags)?).await?, _folder: folder })
    }

    pub(crate) async fn call(&self, command: &str, params: Value) -> Result<Value> {
        self.node.call(command, params).await.map_err(|error| anyhow::anyhow!("{command}: {error:?}"))
    }

    /// Says so many words, as fast as it can.
    pub(crate) async fn chatter(&self, room: &str, count: usize) -> Result<()> {
        let say = |number| json!({ "room": room, "text": format!("Words {number}") });
        let said: Vec<_> = (0..count).map(|number| self.node.submit("send_message", say(number))).collect();
        for said in said {
            said.await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        }
        Ok(())
    }

    /// Says each, and gives those that could be said.
    pub(crate) async fn say(&self, room: &str, texts: &[String]) -> Result<Vec<String>> {
        let mut said = Vec::new();
        for text in texts {
            match self.call("send_message", json!({ "room": room, "text": text })).await {
                Ok(_) => said.push(text.clone()),
                // Nothing but blanks is no message.
                Err(error) => ensure!(text.trim().is_empty(), "{text:?}: {error}"),
            }
        }
        Ok(said)
    }
}

/// Makes a room in Alice's device, and gives its id.
async fn room(alice: &Window, mallory: &Mallory, name: &str) -> Result<String> {
    let script = format!(
        "const {{ invoke }} = window.__TAURI__.core; const {{ room }} = await invoke('create_room', {{ name: '{name}' }}); \
         return [room, (await invoke('invite', {{ room }})).link];"
    );
    let (room, link): (String, String) = serde_json::from_value(alice.script(&script).await?)?;
    mallory.call("join", json!({ "link": link })).await?;
    Ok(room)
}

async fn enter(alice: &Window, room: &str) -> Result<()> {
    alice.click_on(&format!("[data-testid=\"room-item\"][data-room=\"{room}\"]")).await?;
    alice.shows("conversation", "data-room", room).await?;
    alice.shows("message-log", "data-loaded", "true").await
}

async fn elements(alice: &Window) -> Result<BTreeMap<String, usize>> {
    alice.comes_to_rest().await?;
    Ok(serde_json::from_value(alice.script(ELEMENTS).await?)?)
}

fn taken(seen: &mut Value, what: &str) -> Value {
    seen.get_mut(what).map(Value::take).unwrap_or_default()
}

/// That nothing came of all that was shown.
async fn is_unharmed(alice: &Window, title: &str) -> Result<()> {
    let mut seen = alice.script(SEEN).await?;
    let asked: Vec<String> = serde_json::from_value(taken(&mut seen, "asked"))?;
    for url in asked {
        let command = url.rsplit('/').next().unwrap_or_default();
        ensure!(url.starts_with("ipc://localhost/") && ASKED.contains(&command), "the page asked for {url}");
    }
    let shown = taken(&mut seen, "title");
    ensure!(shown.as_str().is_some_and(|shown| shown.ends_with(title)), "the window is called {shown}");
    let nothing = json!({
        "odd": [], "violated": [], "dialogs": 0, "left": 0, "moved": false, "owned": false, "title": null, "asked": null,
    });
    ensure!(seen == nothing, "{seen}");
    Ok(())
}

#[tokio::test]
async fn nothing_that_a_peer_writes_is_more_than_text() -> Result<()> {
    let payloads = payloads()?;
    let (alice, mallory) = (Window::open("alice").await?, Mallory::new().await?);
    alice.resize(1280, 800).await?;
    alice.invites("Alice", "Garden").await?;
    alice.close_dialog().await?;
    alice.script(WATCH).await?;

    // Messages: as they were written, in the same elements as any.
    let sayable: Vec<String> = payloads.iter().filter(|text| !text.trim().is_empty()).cloned().collect();
    for (number, texts) in sayable.chunks(SHOWN).enumerate() {
        let plain: Vec<String> = (0..texts.len()).map(|number| format!("Words {number}")).collect();
        let mut counts = Vec::new();
        for (name, texts) in [("Plain", plain.as_slice()), ("Hostile", texts)] {
            let room = room(&alice, &mallory, &format!("{name} {number}")).await?;
            enter(&alice, &room).await?;
            mallory.say(&room, texts).await?;
            alice.reads(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await?;
            alice.fits().await?;
            counts.push(elements(&alice).await?);
        }
        alice.picture(&format!("hostile-texts-{number}"))?;
        let (plain, hostile) = (counts.first(), counts.last());
        assert_eq!(plain, hostile);
        is_unharmed(&alice, "Lanline").await?;
    }

    // Long ones, and marks upon marks: they stay in their place.
    let names = &room(&alice, &mallory, "Names").await?;
    let huge = ["x".repeat(16_000), "\u{301}".repeat(8_000), "W\u{fdfd}".repeat(3_000), "\n".repeat(400) + "."];
    mallory.say(names, &huge).await?;
    enter(&alice, names).await?;
    mallory.say(names, &["after it".to_owned()]).await?;
    alice.reads(&[&huge[0], &huge[1], &huge[2], &huge[3], "after it"]).await?;
    alice.fits().await?;
    alice.picture("hostile-long")?;

    // The device's name, as everybody is shown it.
    // Some look like Alice's, and carry what tells the two apart.
    let author = "const names = document.querySelectorAll('.bubble-author'); \
         return names[names.length - 1]?.textContent.replace(/ #[A-Z2-7]{7}$/u, '');";
    for (number, payload) in payloads.iter().enumerate() {
        let named = mallory.call("set_profile", json!({ "name": payload })).await;
        // The page draws what it comes to; that it comes to the newest is seen now and then, since each takes a while.
        if named.is_ok() && number % 5 == 0 {
            let name = mallory.call("status", json!({})).await?["name"].take();
            alice.gives(author, &name).await?;
        }
    }
    alice.click("people-open").await?;
    alice.sees("people-dialog").await?;
    alice.close_dialog().await?;
    is_unharmed(&alice, "Lanline").await?;

    // What is typed where a link or a code belongs.
    alice.click("join-open").await?;
    for (way, field) in [("join-by-link", "join-input"), ("join-by-code", "join-address")] {
        alice.click(way).await?;
        let typed = format!(
            "const find = (id) => document.querySelector(`[data-testid=\"${{id}}\"]`); \
             const field = find('{field}'); const code = find('join-code'); \
             for (const text of {}) {{ \
                 field.value = text; field.dispatchEvent(new Event('input', {{ bubbles: true }})); \
                 if ('{field}' === 'join-address') {{ code.value = text; code.dispatchEvent(new Event('input', {{ bubbles: true }})); }} \
                 find('join-submit').click(); await new Promise((later) => setTimeout(later, 5)); \
             }} return null;",
            serde_json::to_string(&payloads)?
        );
        alice.script(&typed).await?;
        alice.visible("dialog[open] [data-testid=\"error\"]").await?;
    }
    alice.close_dialog().await?;

    // Links that are opened outside the app: a question or a sentence, and never a deed.
    for link in payloads.iter().filter(|text| text.to_lowercase().starts_with("lanline:")) {
        let mut command = second_start(alice.folder(), Some(link));
        command.env_remove("DISPLAY");
        let ended = tokio::task::spawn_blocking(move || command.output()).await??;
        assert_eq!(ended.status.code(), Some(2), "{link}");
        alice.sees("join-dialog").await?;
        alice.sees("error").await?;
        alice.click("join-refuse").await?;
    }
    is_unharmed(&alice, "Lanline").await?;

    // The names of rooms, in the list and where one is open.
    let listed = "return document.querySelectorAll('[data-testid=\"room-item\"]').length;";
    let before = alice.script(listed).await?.as_u64().context("no rooms")?;
    let script = format!(
        "const {{ invoke }} = window.__TAURI__.core; let made = 0; \
         for (const name of {}) await invoke('create_room', {{ name }}).then(() => {{ made += 1; }}, () => {{}}); return made;",
        serde_json::to_string(&payloads)?
    );
    let made = alice.script(&script).await?.as_u64().context("no rooms")?;
    ensure!(made > 250, "only {made} of the payloads can be the name of a room");
    alice.gives(listed, &json!(before + made)).await?;
    alice
        .script(
            "for (const room of [...document.querySelectorAll('[data-testid=\"room-item\"]')].slice(0, 40)) { \
             room.click(); await new Promise((later) => setTimeout(later, 30)); } return null;",
        )
        .await?;
    alice.fits().await?;
    alice.picture("hostile-rooms")?;
    is_unharmed(&alice, "Lanline").await?;
    mallory.node.close().await;
    Ok(())
}

/// What code in the page could try, had it got there.
#[tokio::test]
async fn the_page_goes_nowhere_and_reaches_nothing_but_the_device() -> Result<()> {
    let alice = Window::open("alice").await?;
    crate::meeting::introduce(&alice, "Alice").await?;
    let tried = alice
        .script(
            r#"
            const came = {};
            const tries = async (name, attempt) => {
                try { came[name] = (await attempt()) ?? null; } catch { came[name] = "refused"; }
            };
            const element = (tag, set) => new Promise((done) => {
                const made = Object.assign(document.createElement(tag), set);
                made.onload = () => done("loaded");
                made.onerror = () => done("refused");
                setTimeout(() => done("refused"), 500);
                document.body.append(made);
            });
            await tries("eval", () => (0, eval)("1"));
            await tries("function", () => new Function("return 1")());
            await tries("timer", () => new Promise((done) => { window.ran = done; setTimeout("ran('ran')", 0); setTimeout(() => done("refused"), 100); }));
            await tries("network", () => fetch("https://example.org/").then(() => "reached"));
            await tries("loopback", () => fetch("http://127.0.0.1:1/").then(() => "reached"));
            await tries("socket", () => new Promise((done) => { const socket = new WebSocket("ws://127.0.0.1:1/"); socket.onopen = () => done("reached"); socket.onerror = () => done("refused"); }));
            await tries("inline", () => new Promise((done) => { window.ran = done; const script = document.createElement("script"); script.textContent = "ran('ran')"; document.body.append(script); setTimeout(() => done("refused"), 100); }));
            await tries("script", () => element("script", { src: "data:text/javascript,1" }));
            await tries("image", () => element("img", { src: "data:image/gif;base64,R0lGODlhAQABAAAAACw=" }));
            await tries("worker", () => new Promise((done) => { const worker = new Worker("main.js"); worker.onerror = () => done("refused"); setTimeout(() => done("refused"), 300); }));
            await tries("window", () => window.open("https://example.org/") === null ? "refused" : "opened");
            await tries("prototype", () => { "use strict"; Object.prototype.owned = 1; return {}.owned === 1 ? "changed" : "refused"; });
            for (const command of ["plugin:window|close", "plugin:webview|create_webview_window", "plugin:shell|open", "plugin:fs|read_file", "plugin:event|emit", "plugin:app|version", "plugin:path|resolve_directory", "sign_out"]) {
                await tries(command, () => window.__TAURI__.core.invoke(command, {}).then(() => "answered"));
            }
            for (const away of ["https://example.org/", "data:text/html,x", "file:///etc/passwd", "javascript:void(window.ran = 'link')", "about:blank", "lanline:j/x"]) {
                const link = Object.assign(document.createElement("a"), { href: away });
                document.body.append(link);
                link.click();
                await new Promise((later) => setTimeout(later, 100));
                came[away] = location.href.startsWith("tauri://localhost") && window.ran !== "link" ? "refused" : "left";
            }
            return came;
            "#,
        )
        .await?;
    let came: BTreeMap<String, Value> = serde_json::from_value(tried)?;
    ensure!(came.len() > 20, "{came:?}");
    for (tried, came) in &came {
        ensure!(came == "refused", "{tried}: {came}");
    }
    alice.sees("app").await?;
    Ok(())
}
