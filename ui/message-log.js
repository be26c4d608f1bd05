// @ts-check
/** @import {News, Session} from "./session.js" */
/** @import {Message} from "./types.js" */
/** @import {Row} from "./logic/rows.js" */
import { announce } from "./announcer.js";
import { call } from "./backend.js";
import { h } from "./element.js";
import { FailureLine } from "./failure.js";
import { language, say } from "./locale.js";
import { LogJumps } from "./log-jumps.js";
import { LogRows } from "./log-rows.js";
import { dayLabel } from "./logic/clock.js";
import { coalesce } from "./logic/coalesce.js";
import { Reading } from "./logic/reading.js";
import { makeRows } from "./logic/rows.js";
import { SPARE, Slice } from "./logic/slice.js";
import { Timeline } from "./logic/timeline.js";
import { drawMessage, drawSystem } from "./message-row.js";
import { author, words } from "./message-text.js";
import { drawOutgoing } from "./outgoing-row.js";
import { Stillness } from "./stillness.js";
import { watching } from "./watching.js";

/** So near the end, in CSS pixels, counts as reading the newest. */
const NEAR_END = 60;
/** So near an end of what stands in the page more is put there, before it is missed. */
const NEAR_EDGE = 600;
/** So much is left above a message that is gone to. */
const HEADROOM = 24;
/** As many messages are held while the newest are followed. */
const KEPT = 300;
/** As many new messages at once are read out; of more, only the number. */
const READ_OUT = 3;
/** As many pages are loaded to find a message that a reply points to. */
const SEARCHED_PAGES = 20;

/**
 * The messages of one room. Follows the newest while the person is at the end and nothing unseen would be passed over,
 * keeps its place otherwise, loads older ones towards the top, and marks as read only what was really on screen.
 */
export class MessageLog extends HTMLElement {
  #session;
  #room;
  #actions;
  #timeline;
  #reading;
  #slice = new Slice();
  #stop = new AbortController();
  #top = h("div", { class: "log-top quiet small" });
  #scroller = h("div", { class: "log-scroller" });
  #rows = new LogRows(this.#scroller, (element, row) => this.#drawRow(element, row), this.#stop.signal);
  #jumps = new LogJumps(
    () => void this.#goToUnseen(),
    () => void this.#goToNewest(),
  );
  #failure = new FailureLine();
  /** @type {string | null} */
  #unreadFrom = null;
  /** Whether the person is at the end, and so follows what is new. */
  #following = true;
  #loaded = false;
  #loadingOlder = false;
  #olderFailed = false;
  #shifting = false;
  #stillness = new Stillness();
  /** How far was marked last, and how many were unread then: once more would change nothing. */
  #marked = "";
  /** @type {Map<string, number>} messages of others told of since the last pull, with their `sent_at` */
  #incoming = new Map();

  /**
   * @param {Session} session
   * @param {string} room
   * @param {{
   *   mayWrite: () => boolean,
   *   reply: (message: Message) => void,
   *   details: (message: Message) => void,
   *   takeBack: (clientId: string) => void,
   * }} actions
   */
  constructor(session, room, actions) {
    super();
    this.#session = session;
    this.#room = room;
    this.#actions = actions;
    this.#timeline = new Timeline((before, limit) =>
      call("messages", { room, limit, ...(before === undefined ? {} : { before }) }),
    );
    this.#reading = new Reading(session.status.device_id, (id) => this.#timeline.find(id) !== null);
  }

  connectedCallback() {
    const { signal } = this.#stop;
    const { list } = this.#rows;
    list.dataset.testid = "message-log";
    list.setAttribute("aria-label", say("room.log", { name: this.#session.room(this.#room)?.name ?? "" }));
    this.#top.textContent = say("room.loading");
    this.#scroller.append(this.#top, list);
    this.append(this.#jumps.up, this.#scroller, this.#failure, this.#jumps.down);
    this.#session.addEventListener("room", (event) => this.#news(/** @type {CustomEvent<News>} */ (event).detail), {
      signal,
    });
    const { outbox } = this.#session;
    outbox.addEventListener("change", (event) => this.#posted(/** @type {CustomEvent<string>} */ (event).detail), {
      signal,
    });
    const look = () => this.#look();
    this.#session.addEventListener("rooms", look, { signal });
    this.#scroller.addEventListener("scroll", () => this.#moved(), { signal, passive: true });
    document.addEventListener("visibilitychange", look, { signal });
    window.addEventListener("focus", look, { signal });
    // A dialog hides what is behind it; its end uncovers it again.
    document.addEventListener("close", look, { signal, capture: true });
    const sizes = new ResizeObserver(() => {
      if (this.#following) this.#toEnd();
      this.#look();
    });
    sizes.observe(this.#scroller);
    sizes.observe(list);
    signal.addEventListener("abort", () => sizes.disconnect());
    void this.#refresh();
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  /**
   * @param {string} id
   * @returns {Message | null}
   */
  find(id) {
    return this.#timeline.find(id);
  }

  /** Shows what this device just wrote, wherever the person was. */
  showOwn() {
    this.#unreadFrom = null;
    if (this.#loaded) void this.#goToNewest(false);
    else void this.#refresh();
  }

  /** Draws again, for when what may be done with a message changed. */
  redraw() {
    this.#rows.forget();
    if (this.#loaded) this.#draw();
  }

  /** Pulls again what is shown, for when anything may have changed. */
  refreshAll() {
    this.#timeline.noteAll();
    void this.#refresh();
  }

  /** The place for the keyboard's focus when the line it was in is gone. */
  focusLog() {
    this.#rows.list.focus({ preventScroll: true });
  }

  /**
   * Loads the newest messages for the first time, or anew, where they are too far from those that are held.
   */
  async #open() {
    const anew = this.#loaded;
    if (anew) await this.#session.pullRooms();
    const unread = this.#session.room(this.#room)?.unread ?? 0;
    const sent = this.#session.outbox.sent(this.#room);
    await this.#timeline.open(anew ? 0 : unread + 20);
    if (this.#stop.signal.aborted) return;
    const { messages } = this.#timeline;
    const first = this.#reading.loaded(messages, this.#timeline.unreadBefore);
    if (!this.#timeline.more) this.#reading.complete(messages);
    if (!anew) this.#unreadFrom = first;
    this.#loaded = true;
    this.#slice.follow(messages);
    this.#session.outbox.settle(this.#room, sent);
    this.#draw();
    this.#rows.list.dataset.loaded = "true";
    const line = anew ? null : this.#rows.find("unread");
    if (line) {
      this.#scroller.scrollTop = line.offsetTop - HEADROOM;
      this.#scrolled();
    } else {
      this.#toEnd(true);
    }
  }

  /** @param {News} news */
  #news({ room, message, all, changed, newest }) {
    if (room !== null && room !== this.#room) return;
    if (message) {
      if (message.incoming && !this.#timeline.find(message.id)) this.#incoming.set(message.id, message.sentAt ?? 0);
      if (!this.#timeline.note(message.id, message.sentAt) && !message.incoming) return;
    } else if (all) this.#timeline.noteAll();
    else if (!changed && !newest) return;
    // A room that could not be opened is opened again when the person asks for it.
    if (this.#loaded || this.#failure.code === null) void this.#refresh();
  }

  /** @param {string} room */
  #posted(room) {
    if (room === this.#room && this.#loaded) this.#draw();
  }

  #refresh = coalesce(async () => {
    if (this.#stop.signal.aborted) return;
    const incoming = this.#incoming;
    this.#incoming = new Map();
    const sent = this.#session.outbox.sent(this.#room);
    // Before, and not after: what comes now may be more than that, and all of it is to be seen.
    if (this.#following) this.#timeline.trim(KEPT);
    const newest = this.#timeline.messages.at(-1)?.id ?? null;
    try {
      if (!this.#loaded) {
        await this.#open();
        this.#failure.clear();
        return;
      }
      const fresh = await this.#timeline.refresh(this.#slice.first, this.#slice.last);
      if (this.#stop.signal.aborted) return;
      if (!this.#olderFailed) this.#failure.clear();
      this.#took(fresh, incoming);
    } catch (thrown) {
      for (const [id, sentAt] of incoming) this.#incoming.set(id, sentAt);
      if (!this.#loaded) this.#top.replaceChildren();
      this.#failed(thrown, () => this.#refresh());
      return;
    }
    this.#settle(newest);
    this.#session.outbox.settle(this.#room, sent);
    this.#draw();
  });

  /**
   * Tells what others said, wherever it belongs, and draws the line above it where nobody is looking.
   * @param {Message[]} fresh
   * @param {Map<string, number>} incoming told of: what is not held now is older than what is, or too far ahead
   */
  #took(fresh, incoming) {
    const { messages, behind, more } = this.#timeline;
    const unseen = this.#reading.first(messages);
    const said = this.#reading.came(fresh);
    const first = messages[0]?.sent_at ?? 0;
    const last = messages.at(-1)?.sent_at ?? 0;
    let elsewhere = 0;
    for (const [id, sentAt] of incoming) {
      if (this.#timeline.find(id) || !((more && sentAt < first) || (behind && sentAt >= last))) continue;
      this.#reading.told(id, sentAt);
      elsewhere += 1;
    }
    // The log itself is not a live region: it would read out history that is loaded, and a message again with each state.
    const count = said.length + elsewhere;
    if (count > READ_OUT || elsewhere > 0) announce(say("room.newest.count", { count }));
    else
      for (const message of said) announce(say("room.said", { name: author(message, false), text: words(message) }));
    if (said[0] && unseen === null && !watching()) this.#unreadFrom = said[0].id;
  }

  async #older() {
    if (this.#loadingOlder || !this.#loaded || !this.#timeline.more) return;
    this.#loadingOlder = true;
    this.#top.replaceChildren(say("room.older"));
    try {
      const older = await this.#timeline.older();
      await this.#stillness.wait();
      if (this.#stop.signal.aborted) return;
      this.#olderFailed = false;
      this.#failure.clear();
      const unread = this.#reading.loaded(older, this.#timeline.unreadBefore);
      if (unread) this.#unreadFrom = unread;
      if (!this.#timeline.more) this.#reading.complete(this.#timeline.messages);
      this.#recentre();
      this.#draw();
    } catch (thrown) {
      // Asked for again by the person, not by each step of a scroll.
      this.#olderFailed = true;
      this.#top.replaceChildren();
      this.#failed(thrown, () => this.#older());
    } finally {
      this.#loadingOlder = false;
      // One page may not reach as far as the person scrolled meanwhile.
      if (!this.#olderFailed) this.#scrolled();
    }
  }

  /** Puts another part of what is held into the page, around what is on screen. */
  async #shift() {
    if (this.#shifting) return;
    this.#shifting = true;
    try {
      await this.#stillness.wait();
      if (!this.#stop.signal.aborted && this.#recentre()) this.#draw();
    } finally {
      this.#shifting = false;
    }
  }

  /** @returns {boolean} whether another part is to be drawn */
  #recentre() {
    const { messages } = this.#timeline;
    const at = this.#timeline.indexOf(this.#rows.anchor()?.id ?? null);
    const moved = at >= 0 && this.#slice.around(messages, at);
    if (at < 0) this.#settle();
    if (this.#timeline.isStale(this.#slice.from, this.#slice.to)) void this.#refresh();
    return moved;
  }

  /**
   * @param {string | null} [newest] the last message before there were more
   */
  #settle(newest = null) {
    const { messages } = this.#timeline;
    const at = this.#timeline.indexOf(newest);
    if (!this.#following) this.#slice.settle(messages, (id) => this.#timeline.indexOf(id));
    // More than stands in the page at once: its end is not where the person reads.
    else if (at >= 0 && messages.length - at > SPARE) this.#slice.around(messages, at);
    else this.#slice.follow(messages);
  }

  /**
   * @param {unknown} thrown
   * @param {() => Promise<void>} again
   */
  #failed(thrown, again) {
    if (this.#stop.signal.aborted) return;
    this.#failure.show(thrown, { label: say("action.retry"), run: again });
  }

  /** Whether the newest messages that are held stand in the page. */
  get #atEnd() {
    return this.#slice.last === null;
  }

  /** Brings the page in line with the timeline, touching only what changed and keeping what is seen where it is. */
  #draw() {
    const outgoing = this.#atEnd && !this.#timeline.behind ? this.#session.outbox.of(this.#room) : [];
    const self = this.#session.status.device_id;
    const rows = makeRows(this.#slice.messages(this.#timeline.messages), self, this.#unreadFrom, outgoing);
    const anchor = this.#following ? null : this.#rows.anchor();
    this.#rows.show(rows, (id) => this.find(id));
    this.#top.replaceChildren(this.#timeline.more || this.#slice.from > 0 ? "" : say("room.begin"));
    if (this.#following) this.#toEnd();
    else this.#rows.hold(anchor);
    this.#scrolled();
  }

  /**
   * @param {HTMLElement} element
   * @param {Row} row
   */
  #drawRow(element, row) {
    const self = this.#session.status.device_id;
    const mayWrite = this.#actions.mayWrite();
    if (row.type === "message") {
      const { reply, details } = this.#actions;
      const goTo = (/** @type {string} */ id) => void this.#goTo(id);
      drawMessage(element, row, { find: (id) => this.find(id), self, mayReply: mayWrite, reply, details, goTo });
    } else if (row.type === "outgoing") {
      const retry = () => this.#session.outbox.retry(this.#room);
      drawOutgoing(element, row, { mayWrite, retry, takeBack: this.#actions.takeBack });
    } else if (row.type === "system") {
      drawSystem(element, row.message, self);
    } else {
      const label = row.type === "day" ? dayLabel(row.at, Date.now(), language()) : say("room.unread");
      element.className = row.type === "day" ? "day-line" : "unread-line";
      element.replaceChildren(h("span", {}, label));
    }
  }

  /**
   * Shows a message that a reply points to, loading older ones until it is there.
   * @param {string} id
   */
  async #goTo(id) {
    await this.#loadUntil(() => this.find(id) !== null);
    const at = this.#timeline.indexOf(id);
    if (at < 0) return;
    this.#following = false;
    if (at < this.#slice.from || at >= this.#slice.to) {
      this.#slice.around(this.#timeline.messages, at);
      this.#draw();
    }
    const element = this.#rows.find(id);
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
    element.classList.remove("message-found");
    requestAnimationFrame(() => element.classList.add("message-found"));
  }

  /** Goes up to the oldest message that was never on screen. */
  async #goToUnseen() {
    await this.#loadUntil(() => !this.#reading.reachesBack(this.#timeline.messages));
    const id = this.#reading.first(this.#timeline.messages);
    if (id === null) return;
    await this.#goTo(id);
    const element = this.#rows.find(id);
    if (element) this.#scroller.scrollTop = element.offsetTop - HEADROOM;
  }

  /** @param {() => boolean} found */
  async #loadUntil(found) {
    for (let pages = 0; !found() && this.#timeline.more && pages < SEARCHED_PAGES; pages += 1) {
      this.#following = false;
      const before = this.#timeline.messages.length;
      await this.#older();
      if (this.#timeline.messages.length === before) break;
    }
  }

  /** @param {boolean} [focus] whether the keyboard goes there too */
  async #goToNewest(focus = true) {
    if (this.#timeline.behind) {
      try {
        await this.#open();
      } catch (thrown) {
        this.#failed(thrown, () => this.#goToNewest(focus));
        return;
      }
    } else {
      this.#slice.follow(this.#timeline.messages);
      this.#following = true;
      this.#draw();
    }
    this.#toEnd(true);
    if (focus) this.focusLog();
  }

  #moved() {
    this.#stillness.moved();
    this.#scrolled();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (clientHeight === 0 || !this.#loaded) return;
    const left = scrollHeight - scrollTop - clientHeight;
    this.#following = left < NEAR_END && this.#atEnd && !this.#timeline.behind;
    if (scrollTop < NEAR_EDGE) {
      if (this.#slice.from > 0) void this.#shift();
      else if (!this.#olderFailed) void this.#older();
    }
    if (left < NEAR_EDGE && !this.#atEnd) void this.#shift();
    this.#look();
  }

  /**
   * To the end, but past nothing that was not on screen yet, unless the person asked for that.
   * @param {boolean} [asked]
   */
  #toEnd(asked = false) {
    const scroller = this.#scroller;
    let top = scroller.scrollHeight;
    if (!asked && this.#reading.size > 0) {
      for (const { id } of this.#slice.messages(this.#timeline.messages)) {
        const place = this.#reading.isUnseen(id) ? this.#rows.find(id)?.offsetTop : undefined;
        if (place === undefined || place < scroller.scrollTop) continue;
        top = Math.max(scroller.scrollTop, place - HEADROOM);
        break;
      }
    }
    scroller.scrollTop = top;
  }

  /** Notes what is on screen, while somebody can be looking, and shows what is not. */
  #look() {
    if (!this.#loaded) return;
    const { first, last, ended } = this.#rows.onScreen();
    if (watching()) this.#reading.saw(ended);
    const { messages } = this.#timeline;
    const [from, to] =
      this.#reading.size > 0 ? [this.#timeline.indexOf(first), this.#timeline.indexOf(last) + 1] : [0, 0];
    this.#jumps.show({ ...this.#reading.around(messages, from, to), away: !this.#following });
    void this.#markRead();
  }

  /** Tells the backend how far was read. */
  #markRead = coalesce(async () => {
    const room = this.#session.room(this.#room);
    if (!this.#loaded || !room || room.unread === 0 || !this.#session.writable) return;
    const id = this.#reading.mark(this.#timeline.messages);
    // A late one further up is marked by the same message again.
    if (id === null || this.#marked === `${id} ${room.unread}`) return;
    try {
      await call("mark_read", { room: this.#room, id });
      await this.#session.pullRooms();
      this.#marked = `${id} ${this.#session.room(this.#room)?.unread}`;
    } catch {
      // Said by nobody: the room stays unread in the list, and the next look at it asks again.
    }
  }, 250);
}

customElements.define("message-log", MessageLog);
