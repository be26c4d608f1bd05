// @ts-check
/** @import {Events, Message, Peer, Room, Status} from "./types.js" */
import { ApiError, call, on } from "./backend.js";
import { coalesce } from "./logic/coalesce.js";
import { Drafts } from "./logic/drafts.js";

/**
 * What the page knows of this device: pulled as events say that it changed, and told on as events of its own.
 *
 * `status`, `rooms` and `peers` say that the property of that name was pulled again; `trouble` that pulling fails, or no
 * longer does; `connection` that a device came or
 * went; `room` (a `CustomEvent<News>`) that something in one room changed.
 */
export class Session extends EventTarget {
  /** @type {Room[]} */
  rooms = [];
  /** @type {Peer[]} */
  peers = [];
  /** @type {Connection | null} the last device that came or went */
  connection = null;
  drafts = new Drafts(() => crypto.getRandomValues(new Uint32Array(4)).join("-"));

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
    await Promise.all([
      on("incoming_message", ({ message }) => this.#message(message)),
      on("message_changed", ({ message }) => this.#message(message)),
      on("message_status", ({ id }) => this.#news({ room: null, message: id })),
      on("receipts_changed", ({ room }) => this.#news({ room, receipts: true })),
      on("room_changed", ({ room }) => {
        this.#news({ room, all: true });
        void this.pullRooms();
      }),
      on("peer_connected", (peer) => this.#connected(peer)),
      on("peer_disconnected", (peer) => this.#disconnected(peer)),
      on("server_changed", () => void this.pullStatus()),
      on("store_changed", () => void this.pullStatus()),
      on("events_lost", () => this.pullAll()),
    ]);
    await Promise.all([this.pullStatus(), this.pullRooms(), this.pullPeers()]);
    this.#watchDay();
  }

  /** At midnight "today" means another day: what is shown is drawn again. */
  #watchDay() {
    let day = new Date().toDateString();
    setInterval(() => {
      if (new Date().toDateString() === day) return;
      day = new Date().toDateString();
      this.pullAll();
    }, 30_000);
  }

  /** Asks again for all that is shown. */
  pullAll() {
    void this.pullStatus();
    void this.pullRooms();
    void this.pullPeers();
    this.#news({ room: null, all: true });
  }

  pullStatus = this.#pulling("status", async () => {
    this.status = await call("status");
  });

  pullRooms = this.#pulling("rooms", async () => {
    this.rooms = await call("rooms");
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

  /** @param {Message} message */
  #message(message) {
    this.#news({ room: message.room, since: message.sent_at, message: message.id });
    void this.pullRooms();
  }

  /** @param {Events["peer_connected"]} peer */
  #connected({ device_id, name }) {
    this.#names.set(device_id, name);
    this.#connection({ device: device_id, name, connected: true, reason: "" });
  }

  /** @param {Events["peer_disconnected"]} peer */
  #disconnected({ device_id, reason }) {
    // Another connection to the same device took over: nobody left.
    if (reason === "replaced") {
      void this.pullPeers();
      return;
    }
    const name = this.#names.get(device_id) ?? "";
    this.#connection({ device: device_id, name, connected: false, reason: reason ?? "" });
  }

  /** @param {Connection} connection */
  #connection(connection) {
    this.connection = connection;
    this.#tell("connection");
    this.#news({ room: null, people: true });
    void this.pullPeers();
  }

  /** @param {News} news */
  #news(news) {
    this.dispatchEvent(new CustomEvent("room", { detail: news }));
  }

  /** @param {string} what */
  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}

/**
 * @typedef {{device: string, name: string, connected: boolean, reason: string}} Connection
 *
 * What changed in a room: `room` null means any may be meant. `message`: this one; `since`: it belongs at this time;
 * `receipts`: who has what; `people`: who is online; `all`: anything.
 * @typedef {{room: string | null, message?: string, since?: number, receipts?: boolean, people?: boolean, all?: boolean}} News
 */
