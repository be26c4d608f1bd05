// @ts-check
/** @import {Session} from "../session.js" */
/** @import {Peer} from "../types.js" */
import { avatar } from "../avatar.js";
import { call } from "../backend.js";
import { copyButton } from "../copy-button.js";
import { h, named, redraw } from "../element.js";
import { FailureLine } from "../failure.js";
import { say } from "../locale.js";
import { called } from "../logic/face.js";
import { whyNot } from "../why-not.js";
import { openDevices } from "./devices.js";
import { field, openDialog } from "./dialog.js";
import { openExport } from "./export.js";
import { openNearby } from "./nearby.js";

/**
 * This device: its name and id, where it can be reached, and what is connected to it.
 * @param {Session} session
 */
export function openDevice(session) {
  const addresses = h("ul", { class: "addresses" });
  const peers = h("ul", { class: "people" });
  const failure = new FailureLine();
  let shown = "";
  const showAddresses = () => {
    const { server } = session.status;
    if (JSON.stringify(server) === shown) return;
    shown = JSON.stringify(server);
    if (!server.running) addresses.replaceChildren(h("li", { class: "quiet" }, say("device.addresses.none")));
    else if (server.addresses.length === 0)
      addresses.replaceChildren(h("li", { class: "quiet" }, say("server.noAddress")));
    else addresses.replaceChildren(...server.addresses.map(address));
  };
  const showPeers = () => {
    redraw(
      peers,
      session.peers.length === 0
        ? [h("li", { class: "quiet" }, say("device.peers.none"))]
        : session.peers.map((peer) => row(session, peer, failure)),
    );
  };
  showAddresses();
  showPeers();
  session.addEventListener("status", showAddresses);
  session.addEventListener("peers", showPeers);
  const { device_id, key_at, version, protocol } = session.status;
  openDialog(
    {
      testid: "device-dialog",
      title: [say("device.title")],
      onClose: () => {
        session.removeEventListener("status", showAddresses);
        session.removeEventListener("peers", showPeers);
      },
    },
    session.writable ? profile(session) : null,
    session.writable ? reading() : null,
    h("section", { class: "dialog-stack" }, h("h3", {}, say("device.addresses")), addresses),
    h(
      "section",
      { class: "dialog-stack" },
      h("h3", {}, say("device.peers")),
      peers,
      failure,
      h(
        "div",
        { class: "device-ways" },
        way("devices-open", say("devices.open"), () => openDevices(session)),
        way("device-nearby", say("nearby.title"), () => openNearby(session)),
      ),
    ),
    connect(session),
    h(
      "section",
      { class: "dialog-stack" },
      h("h3", {}, say("device.id")),
      h(
        "div",
        { class: "address" },
        h("span", { class: "mono breakable", testid: "device-id", dir: "ltr" }, device_id),
        copyButton(() => device_id, { label: say("device.id.copy"), testid: "device-id-copy" }),
      ),
      h("p", { class: "quiet small", testid: "key-place" }, say(`device.key.${key_at}`)),
      h(
        "div",
        {},
        h(
          "button",
          { type: "button", class: "button", testid: "export-open", on: { click: openExport } },
          say("export.open"),
        ),
      ),
    ),
    h("p", { class: "quiet small" }, say("device.version", { version, protocol: String(protocol) })),
  );
}

/**
 * @param {string} testid
 * @param {string} label
 * @param {() => void} open
 */
function way(testid, label, open) {
  return h("button", { type: "button", class: "button", testid, on: { click: open } }, label);
}

/** @param {string} text */
function address(text) {
  return h(
    "li",
    { class: "address" },
    h("span", { class: "mono breakable", testid: "device-address", dir: "ltr" }, text),
    copyButton(() => text, { label: `${say("server.copy")} ${text}`, testid: "device-address-copy" }),
  );
}

/**
 * @param {Session} session
 * @param {Peer} peer
 * @param {FailureLine} failure
 */
function row(session, peer, failure) {
  const name = called(peer.name, peer.device_id);
  const disconnect = h(
    "button",
    {
      type: "button",
      class: "button button-small",
      testid: "peer-disconnect",
      data: { device: peer.device_id },
      "aria-label": say("device.disconnect.named", { name }),
    },
    say("device.disconnect"),
  );
  disconnect.addEventListener("click", () =>
    failure.during(disconnect, async () => {
      await call("disconnect", { device_id: peer.device_id });
      await session.pullPeers();
    }),
  );
  return h(
    "li",
    { class: "person", testid: "peer", data: { device: peer.device_id, direction: peer.direction } },
    avatar(peer.device_id, name, { online: true }),
    h(
      "div",
      { class: "person-text" },
      h("p", { class: "person-name" }, named(name)),
      h(
        "p",
        { class: "quiet small" },
        h("span", { class: "mono breakable", dir: "ltr" }, peer.address),
        " · ",
        say(`device.peer.${peer.direction}`),
      ),
    ),
    disconnect,
  );
}

/** @param {Session} session */
function profile(session) {
  const name = h("input", { type: "text", testid: "profile-name-input", autocomplete: "off", dir: "auto" });
  name.value = session.status.name;
  const save = h("button", { type: "submit", class: "button", testid: "profile-name-save" }, say("action.save"));
  const failure = new FailureLine();
  const progress = h("p", { class: "quiet small", role: "status" });
  const form = h(
    "form",
    { class: "dialog-stack" },
    h("div", { class: "field-action" }, field(name, say("device.name"), say("device.name.help")), save),
    progress,
    failure,
  );
  name.addEventListener("input", () => progress.replaceChildren());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    progress.replaceChildren();
    await failure.during(save, async () => {
      await call("set_profile", { name: name.value.trim() });
      await session.pullStatus();
      name.value = session.status.name;
      progress.textContent = say("action.saved");
    });
  });
  return form;
}

/** Whether others are told what is read here. Shown once it is known what was chosen. */
function reading() {
  const help = h("p", { class: "quiet small", id: "tell-read-help" }, say("device.tellRead.help"));
  const box = h("input", {
    type: "checkbox",
    role: "switch",
    class: "switch",
    testid: "tell-read",
    "aria-describedby": help.id,
  });
  const failure = new FailureLine();
  const section = h(
    "section",
    { hidden: true },
    h("label", { class: "setting" }, h("span", {}, say("device.tellRead")), box),
    help,
    failure,
  );
  failure.during(null, async () => {
    box.checked = (await call("settings")).tell_read;
    section.hidden = false;
  });
  box.addEventListener("change", async () => {
    const wanted = box.checked;
    const chosen = await failure.during(null, () => call("set_settings", { tell_read: wanted }));
    box.checked = chosen ? chosen.tell_read : !wanted;
  });
  return section;
}

/** @param {Session} session */
function connect(session) {
  const input = h("input", {
    type: "text",
    class: "mono",
    testid: "connect-input",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "ltr",
    placeholder: say("device.connect.placeholder"),
  });
  const submit = h(
    "button",
    { type: "submit", class: "button", testid: "connect-submit" },
    say("device.connect.submit"),
  );
  const failure = new FailureLine();
  const progress = h("p", { class: "quiet small", role: "status" });
  const form = h(
    "form",
    { class: "dialog-stack" },
    h("div", { class: "field-action" }, field(input, say("device.connect"), say("device.connect.help")), submit),
    progress,
    failure,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    progress.textContent = say("device.connect.busy");
    const address = input.value.trim();
    const done = await failure.during(
      submit,
      () => call("connect", { address }),
      (error) => whyNot(error, address),
    );
    progress.textContent = done ? say("device.connect.done") : "";
    if (done) await session.pullPeers();
  });
  return form;
}
