// @ts-check
/** @import {News, Session} from "./session.js" */
/** @import {Message} from "./types.js" */
/** @import {Row} from "./logic/rows.js" */
/** @import {RowActions} from "./message-row.js" */
import { announce } from "./announcer.js";
import { call } from "./backend.js";
import { h, icon } from "./element.js";
import { FailureLine } from "./failure.js";
import { language, say } from "./locale.js";
import { dayLabel } from "./logic/clock.js";
import { coalesce } from "./logic/coalesce.js";
import { firstUnread, isSpoken, makeRows } from "./logic/rows.js";
import { Timeline } from "./logic/timeline.js";
import { drawMessage, drawSystem } from "./message-row.js";
import { author, words } from "./message-text.js";

/** So near the end, in CSS pixels, counts as reading the newest. */
const NEAR_END = 60;
/** So near the top older messages are loaded, before they are missed. */
const NEAR_TOP = 600;
/** As many messages stay in the page while the newest are followed. */
const KEPT = 300;
/** As many new messages at once are read out; of more, only the number. */
const READ_OUT = 3;
/** As many pages are loaded to find a message that a reply points to. */
const SEARCHED_PAGES = 20;
/** Without a scroll event for so long, the page stands still; it is waited for so long at most. */
const STILL_MS = 100;
const PATIENCE_MS = 1500;

/**
 * The messages of one room. Follows the newest while the person is at the end, keeps its place otherwise, loads older
 * ones towards the top, and marks as read only what was really on screen.
 */
export class MessageLog extends HTMLElement {
  #session;
  #room;
  #actions;
  #timeline;
  #list = h("div", { class: "log-list", role: "log", "aria-live": "off", tabindex: "0" });
  #top = h("div", { class: "log-top quiet small" });
  #scroller = h("div", { class: "log-scroller" });
  #failure = new FailureLine();
  #jump = h("div", { class: "log-jump" });
  /** @type {Map<string, {element: HTMLElement, shown: string}>} */
  #drawn = new Map();
  /** @type {string | null} */
  #unreadFrom = null;
  /** Whether the person is at the end, and so follows what is new. */
  #following = true;
  #loaded = false;
  #loadingOlder = false;
  #scrolledAt = 0;
  /** How many messages of others came while scrolled up. */
  #missed = 0;
  /** @type {string | null} */
  #markedRead = null;
  /** The oldest `sent_at` that may have changed since the last pull. */
  #since = Infinity;
  #stop = new AbortController();

  /**
   * @param {Session} session
   * @param {string} room
   * @param {{mayReply: () => boolean, reply: (message: Message) => void, details: (message: Message) => void}} actions
   */
  constructor(session, room, actions) {
    super();
    this.#session = session;
    this.#room = room;
    this.#actions = actions;
    this.#timeline = new Timeline((before, limit) =>
      call("messages", { room, limit, ...(before === undefined ? {} : { before }) }),
    );
  }

  connectedCallback() {
    const { signal } = this.#stop;
    this.#list.dataset.testid = "message-log";
    this.#list.setAttribute("aria-label", say("room.log", { name: this.#session.room(this.#room)?.name ?? "" }));
    this.#top.textContent = say("room.loading");
    this.#scroller.append(this.#top, this.#list);
    this.append(this.#scroller, this.#failure, this.#jump);
    this.#session.addEventListener("room", (event) => this.#news(/** @type {CustomEvent<News>} */ (event).detail), {
      signal,
    });
    this.#session.addEventListener("rooms", () => this.#markRead(), { signal });
    this.#scroller.addEventListener("scroll", () => this.#moved(), { signal, passive: true });
    this.#list.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#list.addEventListener("focusin", (event) => this.#focused(event.target), { signal });
    document.addEventListener("visibilitychange", () => this.#markRead(), { signal });
    window.addEventListener("focus", () => this.#markRead(), { signal });
    // A dialog hides what is behind it; its end uncovers it again.
    document.addEventListener("close", () => this.#markRead(), { signal, capture: true });
    const sizes = new ResizeObserver(() => {
      if (this.#following) this.#toEnd();
      this.#markRead();
    });
    sizes.observe(this.#scroller);
    sizes.observe(this.#list);
    signal.addEventListener("abort", () => sizes.disconnect());
    void this.#open();
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  get loaded() {
    return this.#loaded;
  }

  /**
   * @param {string} id
   * @returns {Message | null}
   */
  find(id) {
    return this.#timeline.messages.find((message) => message.id === id) ?? null;
  }

  /** Shows a message that this device just wrote, wherever the person was. */
  async showOwn() {
    this.#unreadFrom = null;
    this.#following = true;
    await this.#refresh();
    this.#toEnd();
  }

  /** Draws again, for when what may be done with a message changed. */
  redraw() {
    for (const drawn of this.#drawn.values()) drawn.shown = "";
    if (this.#loaded) this.#draw();
  }

  async #open() {
    const unread = this.#session.room(this.#room)?.unread ?? 0;
    try {
      await this.#timeline.open(unread + 20);
    } catch (thrown) {
      this.#top.replaceChildren();
      this.#failed(thrown, () => this.#open());
      return;
    }
    if (this.#stop.signal.aborted) return;
    this.#failure.clear();
    this.#loaded = true;
    this.#unreadFrom = firstUnread(this.#timeline.messages, this.#session.status.device_id, unread);
    this.#draw();
    this.#list.dataset.loaded = "true";
    const line = this.#drawn.get("unread")?.element;
    if (line) {
      this.#scroller.scrollTop = line.offsetTop - 24;
      this.#scrolled();
    } else {
      this.#toEnd();
    }
    if (this.#since < Infinity) void this.#refresh();
  }

  /** @param {News} news */
  #news(news) {
    if (news.room !== null && news.room !== this.#room) return;
    const held = news.message === undefined ? null : this.find(news.message);
    if (news.all) this.#since = -Infinity;
    else if (news.since !== undefined) this.#since = Math.min(this.#since, news.since, held?.sent_at ?? Infinity);
    else if (held) this.#since = Math.min(this.#since, held.sent_at);
    else if (news.receipts) this.#since = Math.min(this.#since, this.#oldestUnconfirmed());
    else return;
    if (this.#loaded) void this.#refresh();
  }

  /** Where receipts can still change something; the newest page is pulled again in any case. */
  #oldestUnconfirmed() {
    const self = this.#session.status.device_id;
    const open = this.#timeline.messages.find((message) => message.author === self && message.status !== "read");
    return open?.sent_at ?? Number.MAX_SAFE_INTEGER;
  }

  #refresh = coalesce(async () => {
    const since = this.#since;
    this.#since = Infinity;
    const newest = this.#timeline.messages.at(-1)?.id;
    try {
      await this.#timeline.refresh(since, this.#following);
    } catch (thrown) {
      this.#since = Math.min(this.#since, since);
      this.#failed(thrown, () => this.#refresh());
      return;
    }
    if (this.#stop.signal.aborted) return;
    this.#failure.clear();
    this.#count(newest);
    if (this.#following) this.#timeline.trim(KEPT);
    this.#draw();
  });

  /**
   * Tells what others said since `newest`, counts it, and draws the line above it where nobody was looking.
   * @param {string | undefined} newest
   */
  #count(newest) {
    const messages = this.#timeline.messages;
    const self = this.#session.status.device_id;
    const at = messages.findIndex((message) => message.id === newest);
    const fresh = messages.slice(at + 1).filter((message) => message.author !== self && isSpoken(message));
    const first = fresh[0];
    if (!first) return;
    // The log itself is not a live region: it would read out history that is loaded, and a message again with each state.
    if (fresh.length > READ_OUT) announce(say("room.newest.count", { count: fresh.length }));
    else
      for (const message of fresh) announce(say("room.said", { name: author(message, false), text: words(message) }));
    if (!this.#following) this.#missed += fresh.length;
    if (!watching() && (this.#unreadFrom === null || this.#markedRead !== null)) {
      this.#unreadFrom = first.id;
      this.#markedRead = null;
    }
  }

  async #older() {
    if (this.#loadingOlder || !this.#loaded || !this.#timeline.more) return;
    this.#loadingOlder = true;
    this.#top.replaceChildren(say("room.older"));
    try {
      await this.#timeline.older();
      await this.#stillness();
      if (this.#stop.signal.aborted) return;
      this.#failure.clear();
      this.#draw();
    } catch (thrown) {
      this.#failed(thrown, () => this.#older());
    } finally {
      this.#loadingOlder = false;
      // One page may not reach as far as the person scrolled meanwhile.
      if (this.#failure.code === null) this.#scrolled();
    }
  }

  /** Waits until the page does not move: an engine in the middle of a smooth scroll overrides where it is put. */
  async #stillness() {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < Math.min(deadline, this.#scrolledAt + STILL_MS)) {
      await new Promise((done) => setTimeout(done, STILL_MS / 4));
    }
  }

  /**
   * @param {unknown} thrown
   * @param {() => Promise<void>} again
   */
  #failed(thrown, again) {
    if (this.#stop.signal.aborted) return;
    this.#failure.show(thrown);
    const retry = h("button", { type: "button", class: "button button-small" }, say("action.retry"));
    retry.addEventListener("click", () => {
      this.#failure.clear();
      void again();
    });
    this.#failure.append(retry);
  }

  /** Brings the page in line with the timeline, touching only what changed and keeping what is seen where it is. */
  #draw() {
    const rows = makeRows(this.#timeline.messages, this.#session.status.device_id, this.#unreadFrom);
    const anchor = this.#following ? null : this.#anchor();
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, { element }] of this.#drawn) {
      if (keys.has(key)) continue;
      element.remove();
      this.#drawn.delete(key);
    }
    let at = this.#list.firstElementChild;
    for (const row of rows) {
      const element = this.#element(row);
      if (element === at) at = at.nextElementSibling;
      else this.#list.insertBefore(element, at);
    }
    this.#top.replaceChildren(this.#timeline.more ? "" : say("room.begin"));
    if (this.#following) this.#toEnd();
    else if (anchor?.element.isConnected) {
      const moved = anchor.element.getBoundingClientRect().top - anchor.top;
      if (Math.abs(moved) >= 1) this.#scroller.scrollTop += moved;
    }
    this.#showJump();
    this.#scrolled();
  }

  /** The first entry on screen, and where: after drawing it is put there again. Other lines may not outlive drawing. */
  #anchor() {
    const edge = this.#scroller.getBoundingClientRect().top;
    for (const element of this.#list.querySelectorAll(":scope > [data-id]")) {
      const box = element.getBoundingClientRect();
      if (box.bottom > edge) return { element, top: box.top };
    }
    return null;
  }

  /**
   * @param {Row} row
   * @returns {HTMLElement}
   */
  #element(row) {
    const now = Date.now();
    const quoted = row.type === "message" && row.message.reply_to ? this.find(row.message.reply_to) : null;
    const shown = JSON.stringify(row.type === "day" ? dayLabel(row.at, now, language()) : [row, quoted]);
    const known = this.#drawn.get(row.key);
    if (known?.shown === shown) return known.element;
    const element =
      known?.element ?? h(row.type === "message" ? "article" : "div", row.type === "message" ? { tabindex: "-1" } : {});
    const focused = element.contains(document.activeElement);
    if (row.type === "message") drawMessage(element, row, this.#rowActions());
    else if (row.type === "system") drawSystem(element, row.message, this.#session.status.device_id);
    else {
      element.className = row.type === "day" ? "day-line" : "unread-line";
      element.replaceChildren(
        h("span", {}, row.type === "day" ? dayLabel(row.at, now, language()) : say("room.unread")),
      );
    }
    if (focused && row.type === "message") element.focus({ preventScroll: true });
    this.#drawn.set(row.key, { element, shown });
    return element;
  }

  /** @returns {RowActions} */
  #rowActions() {
    return {
      find: (id) => this.find(id),
      self: this.#session.status.device_id,
      mayReply: this.#actions.mayReply(),
      reply: this.#actions.reply,
      details: this.#actions.details,
      goTo: (id) => void this.#goTo(id),
    };
  }

  /**
   * Shows a message that a reply points to, loading older ones until it is there.
   * @param {string} id
   */
  async #goTo(id) {
    for (let pages = 0; !this.find(id) && this.#timeline.more && pages < SEARCHED_PAGES; pages += 1) {
      this.#following = false;
      const before = this.#timeline.messages.length;
      await this.#older();
      if (this.#timeline.messages.length === before) break;
    }
    const element = this.#drawn.get(id)?.element;
    if (!element) return;
    this.#following = false;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
    element.classList.remove("message-found");
    requestAnimationFrame(() => element.classList.add("message-found"));
  }

  #moved() {
    this.#scrolledAt = performance.now();
    this.#scrolled();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (clientHeight === 0) return;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (this.#following) this.#missed = 0;
    if (scrollTop < NEAR_TOP) void this.#older();
    this.#showJump();
    this.#markRead();
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #showJump() {
    if (this.#following || !this.#loaded) {
      this.#jump.replaceChildren();
      return;
    }
    const label = this.#missed > 0 ? say("room.newest.count", { count: this.#missed }) : say("room.newest");
    const known = this.#jump.querySelector("button");
    if (known?.dataset.label === label) return;
    const button = h(
      "button",
      { type: "button", class: "jump-button", testid: "jump-newest", data: { label } },
      icon("down"),
      this.#missed > 0 ? label : h("span", { class: "visually-hidden" }, label),
    );
    button.addEventListener("click", () => {
      this.#following = true;
      this.#toEnd();
      this.#list.focus({ preventScroll: true });
    });
    this.#jump.replaceChildren(button);
  }

  /** Tells the backend how far was read: to the last message whose end is on screen, while somebody can be looking. */
  #markRead = coalesce(async () => {
    const room = this.#session.room(this.#room);
    if (!this.#loaded || !watching() || !room || room.unread === 0 || !this.#session.writable) return;
    const id = this.#lastSeen();
    if (id === null || id === this.#markedRead) return;
    try {
      await call("mark_read", { room: this.#room, id });
      this.#markedRead = id;
      await this.#session.pullRooms();
    } catch {
      // Said by nobody: the room stays unread in the list, and the next look at it asks again.
    }
  }, 250);

  /** @returns {string | null} */
  #lastSeen() {
    const view = this.#scroller.getBoundingClientRect();
    for (let element = this.#list.lastElementChild; element; element = element.previousElementSibling) {
      const box = element.getBoundingClientRect();
      if (box.bottom < view.top) return null;
      if (element instanceof HTMLElement && element.dataset.id && box.bottom <= view.bottom + 4)
        return element.dataset.id;
    }
    return null;
  }

  /**
   * The arrow keys choose a message; its buttons are then one Tab away.
   * @param {KeyboardEvent} event
   */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const messages = [...this.#list.querySelectorAll(":scope > article")];
    const at = messages.findIndex((message) => message.contains(document.activeElement));
    const next = {
      ArrowUp: at < 0 ? messages.length - 1 : at - 1,
      ArrowDown: at < 0 ? messages.length - 1 : at + 1,
      Home: 0,
      End: messages.length - 1,
    }[event.key];
    if (next === undefined) return;
    const message = messages[Math.max(0, Math.min(messages.length - 1, next))];
    if (!(message instanceof HTMLElement)) return;
    event.preventDefault();
    message.focus({ preventScroll: true });
    message.scrollIntoView({ block: "nearest" });
  }

  /** @param {EventTarget | null} target */
  #focused(target) {
    const chosen = target instanceof Element ? target.closest("article") : null;
    for (const control of this.#list.querySelectorAll('article button[tabindex="0"]'))
      control.setAttribute("tabindex", "-1");
    for (const control of chosen?.querySelectorAll("button") ?? []) control.setAttribute("tabindex", "0");
  }
}

/** Whether somebody can be looking at the conversation. */
function watching() {
  return (
    document.visibilityState === "visible" && document.hasFocus() && document.querySelector("dialog[open]") === null
  );
}

customElements.define("message-log", MessageLog);
