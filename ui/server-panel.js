// @ts-check
/** @import {Session} from "./session.js" */
import { announce } from "./announcer.js";
import { call } from "./backend.js";
import { copyButton } from "./copy-button.js";
import { openDevice } from "./dialogs/device.js";
import { openNearby } from "./dialogs/nearby.js";
import { h, icon, refocus } from "./element.js";
import { FailureLine } from "./failure.js";
import { say, tell, tellReason } from "./locale.js";
import { called } from "./logic/face.js";
import { anyPort, startServer } from "./start-server.js";

/** Whether others can connect to this device, where, and who is connected. */
export class ServerPanel extends HTMLElement {
  #session;
  #state = h("div", { class: "server-state" });
  #action = h("div", { class: "server-action" });
  #address = h("div", {});
  #people = h("div", { class: "server-people" });
  #failure = new FailureLine();
  #nearby = h(
    "button",
    { type: "button", class: "text-button small", testid: "nearby-open", on: { click: () => openNearby(this.#session) } },
    icon("nearby"),
    h("span", {}, say("nearby.open")),
  );
  #notice = h("p", { class: "connection-notice", "aria-live": "off" });
  #shown = "";

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
  }

  connectedCallback() {
    this.dataset.testid = "server-panel";
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", say("device.this"));
    this.append(
      h("div", { class: "server-row" }, this.#state, this.#action),
      this.#address,
      this.#failure,
      h("div", { class: "server-row server-row-people" }, this.#people, this.#nearby, this.#notice),
    );
    this.#session.addEventListener("status", () => this.#showServer());
    this.#session.addEventListener("peers", () => this.#showPeople());
    this.#session.addEventListener("connection", () => this.#showConnection());
    this.#showServer();
    this.#showPeople();
  }

  #showServer() {
    const { running, addresses, failure } = this.#session.status.server;
    // Drawn again only when it changed: a focused button must not vanish under the finger.
    const now = JSON.stringify([running, addresses, failure, this.#session.status.store.state]);
    if (now === this.#shown) return;
    const focused = this.contains(document.activeElement) ? document.activeElement : null;
    const acting = this.#action.contains(focused) || this.#failure.contains(focused);
    this.#shown = now;
    this.dataset.running = String(running);
    this.#failure.clear();
    this.#state.replaceChildren(
      h(
        "p",
        { class: "server-title" },
        h("span", { class: "dot", "aria-hidden": "true" }),
        say(running ? "server.running" : "server.stopped"),
      ),
      running ? "" : h("p", { class: "quiet small" }, say("server.stopped.help")),
    );
    this.#address.replaceChildren(...(running ? [this.#addresses(addresses)] : []));
    const button = running
      ? h(
          "button",
          {
            type: "button",
            class: "button button-small",
            testid: "server-stop",
            "aria-label": say("server.stop.label"),
            on: { click: () => this.#stop(button) },
          },
          say("server.stop"),
        )
      : h(
          "button",
          {
            type: "button",
            class: "button button-small",
            testid: "server-start",
            on: { click: () => startServer(this.#session, this.#failure, button, "server-start-any") },
          },
          say("server.start"),
        );
    this.#action.replaceChildren(button);
    if (acting) button.focus();
    else if (focused instanceof HTMLElement && !focused.isConnected) refocus(this, focused);
    if (failure) this.#tellFailure(failure);
  }

  /** @param {string[]} addresses */
  #addresses(addresses) {
    const first = addresses[0];
    if (first === undefined) return h("p", { class: "quiet small" }, say("server.noAddress"));
    return h(
      "div",
      { class: "server-address" },
      h("span", { class: "mono", testid: "server-address", dir: "ltr" }, first),
      copyButton(() => first, { label: say("server.copy"), testid: "server-copy" }),
      addresses.length > 1 &&
        h(
          "button",
          {
            type: "button",
            class: "text-button small",
            testid: "server-more",
            on: { click: () => openDevice(this.#session) },
          },
          say("server.more", { count: addresses.length - 1 }),
        ),
    );
  }

  /**
   * The server ran when the app was closed, and could not be started again with it.
   * @param {{code: string, message: string}} failure
   */
  #tellFailure(failure) {
    this.#failure.show(failure, anyPort(this.#session, this.#failure, "server-start-any", failure));
  }

  /** @param {HTMLButtonElement} button */
  async #stop(button) {
    await this.#failure.during(button, async () => {
      await call("stop_server");
      await this.#session.pullStatus();
      announce(say("server.stopped"));
    });
  }

  #showPeople() {
    const count = this.#session.peers.length;
    this.#people.replaceChildren(
      h(
        "button",
        {
          type: "button",
          class: "text-button small",
          testid: "connected",
          data: { count },
          on: { click: () => openDevice(this.#session) },
        },
        icon("devices"),
        h("span", {}, count === 0 ? say("peers.none") : say("peers.count", { count })),
      ),
    );
  }

  #showConnection() {
    const connection = this.#session.connection;
    if (!connection) return;
    const { device, connected } = connection;
    const reason = tellReason(connection.reason);
    const name = called(connection.name, device);
    const key = connected ? "peers.connected" : reason ? "peers.disconnected.reason" : "peers.disconnected";
    this.#notice.replaceChildren(
      h(
        "span",
        {
          testid: "connection-notice",
          data: { device, state: connected ? "connected" : "disconnected", reason: connection.reason },
        },
        ...tell(key, { name, reason }),
      ),
    );
    announce(say(key, { name, reason }));
  }
}

customElements.define("server-panel", ServerPanel);
