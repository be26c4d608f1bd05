// @ts-check
/** @import {Session} from "../session.js" */
/** @import {Commands, NearbyDevice, OpenedInvite, OpenedLink} from "../types.js" */
import { announce } from "../announcer.js";
import { call } from "../backend.js";
import { composes, h, named } from "../element.js";
import { FailureLine } from "../failure.js";
import { language, say, tell } from "../locale.js";
import { dateAndTime } from "../logic/clock.js";
import { tidyCode } from "../logic/code.js";
import { SHORT_ID } from "../logic/face.js";
import { tidyLink } from "../logic/link.js";
import { inviting } from "../logic/nearby.js";
import { NearbyList } from "../nearby-list.js";
import { whyNot } from "../why-not.js";
import { field, openDialog } from "./dialog.js";

/** How many devices nearby are shown at once beside the fields. */
const NEARBY_SHOWN = 3;

/**
 * Asks the person what to join by: a link, or a code and an address.
 * @param {Session} session
 * @param {NearbyDevice} [found] the device to join by the code that it shows
 */
export function openJoin(session, found) {
  const link = byLink(say("join.help"));
  const code = byCode(session, found);
  (found ? code : link).input.setAttribute("autofocus", "");
  (found ? link : code).fields.hidden = true;
  const wanted = h("input", { type: "radio", name: "join-by", testid: "join-by-code", checked: Boolean(found) });
  const choices = h(
    "div",
    { class: "choice", role: "radiogroup", "aria-label": say("join.way") },
    h(
      "label",
      {},
      h("input", { type: "radio", name: "join-by", testid: "join-by-link", checked: !found }),
      h("span", {}, say("join.link")),
    ),
    h("label", {}, wanted, h("span", {}, say("join.code"))),
  );
  const { failure, form } = joining(
    session,
    [choices, link.fields, code.fields],
    () => (wanted.checked ? code : link).asked(),
    () => close(),
  );
  choices.addEventListener("change", () => {
    link.fields.hidden = wanted.checked;
    code.fields.hidden = !wanted.checked;
    showAround();
    failure.clear();
  });
  // Below the button: it is there to fill in what is above it, and may be long.
  const showAround = () => (wanted.checked ? form.after(code.around) : code.around.remove());
  const { close } = openDialog({ testid: "join-dialog", title: [say("join.title")] }, form);
  showAround();
}

/**
 * Asks the person about a link that was opened outside the app. Nothing is done before they say so, and the focus is
 * where a key that was meant for something else does nothing.
 * @param {Session} session
 * @param {OpenedLink} opened
 * @param {() => void} answered
 */
export function askToJoin(session, opened, answered) {
  const invite = "invite" in opened ? opened.invite : null;
  const { input, fields, asked } = byLink(invite ? undefined : say("join.help"));
  const { failure, actions, form } = joining(session, [fields], asked, () => close());
  if (invite) input.value = invite.link;
  else input.setAttribute("autofocus", "");
  actions.prepend(
    h(
      "button",
      { type: "button", class: "button", testid: "join-refuse", on: { click: () => close() } },
      say(invite ? "join.refuse" : "action.cancel"),
    ),
  );
  const { close } = openDialog(
    { testid: "join-dialog", title: [say(invite ? "join.question" : "join.title")], onClose: answered },
    ...(invite ? [about(session, invite)] : []),
    form,
  );
  if ("failure" in opened) failure.show(opened.failure);
}

/**
 * What the link itself tells. Names are only those this device knew before.
 * @param {Session} session
 * @param {OpenedInvite} invite
 */
function about(session, { room, expires_at, hosts }) {
  const until = dateAndTime(expires_at, language());
  const name = session.room(room)?.name;
  return h(
    "div",
    { class: "dialog-stack", testid: "join-about", tabindex: "-1", autofocus: true },
    h("p", {}, ...(name ? tell("join.question.known", { name, until }) : tell("join.question.room", { until }))),
    h(
      "div",
      {},
      h("p", { class: "small" }, say("join.question.hosts", { count: hosts.length })),
      h("ul", { class: "join-hosts" }, ...hosts.map((host) => hostRow(session, host))),
    ),
    h("p", { class: "quiet small" }, say("join.question.care")),
  );
}

/**
 * @param {Session} session
 * @param {OpenedInvite["hosts"][number]} host
 */
function hostRow(session, { device_id, addresses: [address, ...more] }) {
  const name = session.peers.find((peer) => peer.device_id === device_id)?.name.trim();
  return h(
    "li",
    { testid: "join-host", data: { device: device_id } },
    name ? h("span", {}, named(name), " ") : null,
    h("span", { class: "mono", dir: "ltr", title: device_id }, device_id.slice(0, SHORT_ID)),
    address ? h("span", { class: "mono quiet breakable", dir: "ltr" }, address) : null,
    more.length > 0 ? h("span", { class: "quiet small" }, say("join.more", { count: more.length })) : null,
  );
}

/** @typedef {Commands["join"]["takes"]} Asked what to join by */

/** @param {string} [help] */
function byLink(help) {
  const input = h("textarea", {
    testid: "join-input",
    class: "mono",
    rows: 3,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "ltr",
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || composes(event)) return;
    event.preventDefault();
    input.form?.requestSubmit();
  });
  return {
    input,
    fields: field(input, say("join.link"), help),
    /** @returns {Asked} */
    asked: () => ({ link: tidyLink(input.value) }),
  };
}

/**
 * The fields stand in the order in which the other device shows what goes there. The devices nearby are looked for only
 * while these fields are shown.
 * @param {Session} session
 * @param {NearbyDevice} [found] the one that is meant
 */
function byCode(session, found) {
  const plain = {
    type: "text",
    class: "mono",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "ltr",
  };
  const code = h("input", { ...plain, testid: "join-code", inputmode: "numeric" });
  const address = h("input", { ...plain, testid: "join-address", placeholder: say("device.connect.placeholder") });
  address.value = found?.addresses[0] ?? "";
  const typed = () => address.value.trim();
  const nearby = new NearbyList(session, {
    offers: ({ addresses }, standing) => {
      if (standing === "blocked") return [];
      const chosen = addresses.includes(typed());
      return [
        {
          testid: "nearby-choose",
          label: say(chosen ? "nearby.chosen" : "nearby.choose"),
          chosen,
          run: () => {
            address.value = addresses[0] ?? "";
            nearby.show();
            // Where it went, and what is missing, is above.
            code.focus();
            code.closest(".dialog-body")?.scrollTo({ top: 0 });
          },
        },
      ];
    },
    order: inviting,
    limit: NEARBY_SHOWN,
    address: typed,
  });
  address.addEventListener("input", () => nearby.show());
  const around = h("section", { class: "join-nearby dialog-stack" }, h("h3", {}, say("nearby.choose.title")), nearby);
  return {
    input: code,
    fields: h(
      "div",
      { class: "dialog-stack" },
      field(code, say("join.code"), say("join.code.help")),
      field(address, say("join.address"), say("join.address.help")),
    ),
    around,
    /** @returns {Asked} */
    asked: () => ({ address: typed(), code: tidyCode(code.value) }),
  };
}

/**
 * The form that joins, for all.
 * @param {Session} session
 * @param {HTMLElement[]} fields
 * @param {() => Asked} asked
 * @param {() => void} close
 */
function joining(session, fields, asked, close) {
  const submit = h(
    "button",
    { type: "submit", class: "button button-primary", testid: "join-submit" },
    say("join.submit"),
  );
  const failure = new FailureLine();
  const progress = h("p", { class: "quiet small", role: "status" });
  const actions = h("div", { class: "dialog-actions" }, submit);
  const form = h("form", { novalidate: true }, ...fields, progress, failure, actions);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    progress.textContent = say("join.busy");
    const by = asked();
    const joined = await failure.during(
      submit,
      () => call("join", by),
      // Who says no was reached.
      (error) => (error.code === "refused" ? null : whyNot(error, "address" in by ? by.address : undefined)),
    );
    progress.textContent = "";
    if (!joined) return;
    await session.pullRooms();
    announce(say(joined.pending ? "join.pending" : "join.done", { name: joined.name }));
    // Who closed the dialog meanwhile is doing something else: the room is in the list, but does not jump into view.
    if (!form.isConnected) return;
    close();
    session.open(joined.room);
  });
  return { failure, actions, form };
}
