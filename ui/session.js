// @ts-check
/** @import {Events, KnownDevice, MessageHint, Notice, Peer, Pictures, Room, Status} from "./types.js" */
import { ApiError, call, on } from "./backend.js";
import { coalesce } from "./logic/coalesce.js";
import { Drafts } from "./logic/drafts.js";
import { Outbox } from "./logic/outbox.js";

/**
 * What the page knows of this device: pulled as events say that it changed, and told on as events of its own.
 *
 * `status`, `rooms`, `peers` and `devices` say that the property of that name was pulled again; `trouble` that pulling fails, or no
 * longer does; `connection` that a device came or
 * went; `room` (a `CustomEvent<News>`) that something in one room changed; `code` (a `CustomEvent<Events["code_ended"]>`)
 * that the code that was shown for a room is over; `resync` that events were lost, of which what is shown may depend on;
 * `compare-asked` and `compare-ended` (a `CustomEvent` of the event of that
 * name) what two people compare; `nearby` that other devices are nearby than before, which whoever shows them asks for.
 */
export class Session extends EventTarget {
  /** @type {Room[]} */
  rooms = [];
  /** @type {Peer[]} */
  peers = [];
  /** @type {KnownDevice[]} met in a room of both, connected or not */
  devices = [];
  /** @type {Connection | null} the last device that came or went */
  connection = null;
  drafts = new Drafts(() => crypto.getRandomValues(new Uint32Array(4)).join("-"));
  outbox = new Outbox(({ room, text, replyTo, clientId }) =>
    call("send_message", { room, text, client_id: clientId, ...(replyTo ? { reply_to: replyTo } : {}) }),
  );

  /** @type {(() => void)[]} */
  #stops = [];
  /** @type {Map<string, ApiError>} by what could not be pulled */
  #troubles = new Map();
  /** @type {Map<string, string>} names of devices that were connected, to be told when they go */
  #names = new Map();

  /** @param {Status} status */
  constructor(status) {
    super();
    this.status = status;
  }

  /** Whether anything can be written to this device's disk, and so be sent. */
  get writable() {
    return this.status.store.state === "ok";
  }

  /** Listens first and pulls second, so that nothing falls between. */
  async start() {
    this.outbox.addEventListener("sent", (event) => {
      this.#news({ room: /** @type {CustomEvent<string>} */ (event).detail, newest: true });
      void this.pullRooms();
    });
    const listening = await Promise.allSettled([
      on("incoming_message", ({ message }) => this.#message(message, true)),
      on("message_sent", ({ message }) => this.#message(message)),
      on("message_changed", ({ message }) => this.#message(message)),
      on("message_status", ({ id }) => this.#news({ room: null, message: { id } })),
      on("receipts_changed", ({ room }) => this.#news({ room, receipts: true })),
      on("room_read", () => void this.pullRooms()),
      on("room_changed", ({ room }) => {
        this.#news({ room, changed: true });
        void this.pullRooms();
        // It may be somebody's name, and this device's own too.
        void this.pullPeers();
        void this.pullDevices();
        void this.pullStatus();
      }),
      on("code_ended", (ended) => this.#tellOf("code", ended)),
      on("compare_asked", (asked) => this.#tellOf("compare-asked", asked)),
      on("compare_ended", (ended) => {
        this.#tellOf("compare-ended", ended);
        void this.pullDevices();
      }),
      on("peer_connected", (peer) => this.#connected(peer)),
      on("peer_disconnected", (peer) => this.#disconnected(peer)),
      on("nearby_changed", () => this.#tell("nearby")),
      on("server_changed", () => void this.pullStatus()),
      on("store_changed", () => void this.pullStatus()),
      on("notice", (notice) => this.#noticed(notice)),
      on("events_lost", () => {
        this.pullAll();
        this.#tell("resync");
      }),
    ]);
    for (const result of listening) if (result.status === "fulfilled") this.#stops.push(result.value);
    for (const result of listening) if (result.status === "rejected") throw result.reason;
    await Promise.all([this.pullStatus(), this.pullRooms(), this.pullPeers(), this.pullDevices()]);
    this.#watchDay();
  }

  /** Hears nothing any more. */
  stop() {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** At midnight "today" means another day: what is shown is drawn again. */
  #watchDay() {
    let day = new Date().toDateString();
    const watch = setInterval(() => {
      if (new Date().toDateString() === day) return;
      day = new Date().toDateString();
      this.pullAll();
    }, 30_000);
    this.#stops.push(() => clearInterval(watch));
  }

  /** Asks again for all that is shown. */
  pullAll() {
    void this.pullStatus();
    void this.pullRooms();
    void this.pullPeers();
    void this.pullDevices();
    this.#news({ room: null, all: true });
  }

  pullStatus = this.#pulling("status", async () => {
    this.status = await call("status");
  });

  pullRooms = this.#pulling("rooms", async () => {
    this.rooms = await call("rooms");
  });

  pullDevices = this.#pulling("devices", async () => {
    this.devices = await call("devices");
  });

  pullPeers = this.#pulling("peers", async () => {
    this.peers = await call("peers");
    for (const peer of this.peers) this.#names.set(peer.device_id, peer.name);
  });

  /**
   * Asks the page to show a room; told on as `open` (a `CustomEvent<string>`).
   * @param {string} room
   */
  open(room) {
    this.dispatchEvent(new CustomEvent("open", { detail: room }));
  }

  /** @param {string} device */
  device(device) {
    return this.devices.find((known) => known.device_id === device) ?? null;
  }

  /** @param {string} device */
  isConnected(device) {
    return this.peers.some((peer) => peer.device_id === device);
  }

  /**
   * Asks the page to show what was asked for to compare; told on as `compare` (a `CustomEvent`).
   * @param {string} device
   * @param {Pictures} pictures
   */
  compare(device, pictures) {
    this.#tellOf("compare", { device, pictures });
  }

  /** @param {string} room */
  room(room) {
    return this.rooms.find((known) => known.room === room) ?? null;
  }

  /**
   * A pull that events ask for. A failed one leaves what is shown as it was, and `trouble` says so.
   * @param {string} what the event that tells of it
   * @param {() => Promise<void>} pull
   * @returns {() => Promise<void>} never rejects
   */
  #pulling(what, pull) {
    return coalesce(async () => {
      try {
        await pull();
        if (this.#troubles.delete(what)) this.#tell("trouble");
        this.#tell(what);
      } catch (thrown) {
        this.#troubles.set(what, ApiError.from(thrown));
        this.#tell("trouble");
      }
    });
  }

  /** Why what is shown may be out of date; null when it is not. */
  get trouble() {
    return this.#troubles.values().next().value ?? null;
  }

  /**
   * @param {MessageHint} message
   * @param {boolean} [incoming] whether another said it
   */
  #message({ room, id, sent_at }, incoming = false) {
    this.#news({ room, message: { id, sentAt: sent_at, incoming } });
    void this.pullRooms();
  }

  /** @param {Notice} notice */
  #noticed({ kind, room }) {
    void this.pullStatus();
    // What came back is shown again, wherever it stands.
    if (kind === "damaged" || kind === "repaired") this.#news({ room: room ?? null, all: true });
  }

  /** @param {Events["peer_connected"]} peer */
  #connected({ device_id, name }) {
    this.#names.set(device_id, name);
    this.#connection({ device: device_id, name, connected: true, reason: "" });
  }

  /** @param {Events["peer_disconnected"]} peer */
  #disconnected({ device_id, reason }) {
    const name = this.#names.get(device_id) ?? "";
    this.#connection({ device: device_id, name, connected: false, reason: reason ?? "" });
  }

  /** @param {Connection} connection */
  #connection(connection) {
    this.connection = connection;
    this.#tell("connection");
    this.#news({ room: null, people: true });
    void this.pullPeers();
    void this.pullDevices();
  }

  /** @param {News} news */
  #news(news) {
    this.#tellOf("room", news);
  }

  /**
   * @param {string} what
   * @param {unknown} detail
   */
  #tellOf(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  /** @param {string} what */
  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}

/**
 * @typedef {{device: string, name: string, connected: boolean, reason: string}} Connection
 *
 * What changed in a room: `room` null means any may be meant. `message`: this one, with where it belongs if that is known;
 * `newest`: there are more; `receipts`: who has what; `people`: who is connected; `changed`: its name, members or what is told of them; `all`:
 * anything.
 * @typedef {{
 *   room: string | null,
 *   message?: {id: string, sentAt?: number, incoming?: boolean},
 *   receipts?: boolean,
 *   people?: boolean,
 *   newest?: boolean,
 *   changed?: boolean,
 *   all?: boolean,
 * }} News
 */
