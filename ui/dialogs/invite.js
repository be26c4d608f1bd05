// @ts-check
/** @import {Session} from "../session.js" */
import { call } from "../backend.js";
import { BeingVisible } from "../being-visible.js";
import { copyButton } from "../copy-button.js";
import { h } from "../element.js";
import { FailureLine } from "../failure.js";
import { language, say, tell } from "../locale.js";
import { dateAndTime } from "../logic/clock.js";
import { PairingCode } from "../pairing-code.js";
import { qrPicture } from "../qr-picture.js";
import { startServer } from "../start-server.js";
import { field, openDialog } from "./dialog.js";

const USES = [1, 2, 5, 10, 50];
const HOUR_MS = 60 * 60 * 1000;
const HOURS = [1, 24, 7 * 24, 30 * 24];

/**
 * @param {Session} session
 * @param {string} room
 */
export function openInvite(session, room) {
  const name = session.room(room)?.name ?? "";
  const failure = new FailureLine();
  const content = h("div", { class: "dialog-stack" });
  const show = () => {
    const running = String(session.status.server.running);
    if (content.dataset.running === running) return;
    content.dataset.running = running;
    failure.clear();
    content.replaceChildren(...(session.status.server.running ? terms(session, room, failure) : stopped(session, failure)));
    const first = content.querySelector("select, button");
    if (first instanceof HTMLElement && dialog?.open) first.focus();
  };
  /** @type {HTMLDialogElement | undefined} */
  let dialog;
  show();
  session.addEventListener("status", show);
  ({ dialog } = openDialog(
    {
      testid: "invite-dialog",
      title: tell("invite.title", { name }),
      onClose: () => session.removeEventListener("status", show),
    },
    content,
    failure,
  ));
}

/**
 * @param {Session} session
 * @param {FailureLine} failure
 */
function stopped(session, failure) {
  const start = h(
    "button",
    { type: "button", class: "button button-primary", testid: "invite-start-server" },
    say("server.start"),
  );
  start.addEventListener("click", () => startServer(session, failure, start, "invite-start-any"));
  return [h("p", {}, say("invite.stopped")), h("div", { class: "dialog-actions" }, start)];
}

/**
 * @param {Session} session
 * @param {string} room
 * @param {FailureLine} failure
 */
function terms(session, room, failure) {
  const uses = h(
    "select",
    { testid: "invite-uses" },
    ...USES.map((count) => h("option", { value: count }, say("invite.uses.option", { count }))),
  );
  const ttl = h(
    "select",
    { testid: "invite-ttl" },
    ...HOURS.map((hours) =>
      h(
        "option",
        { value: hours, selected: hours === 24 },
        hours > 24 ? say("invite.ttl.days", { count: hours / 24 }) : say("invite.ttl.hours", { count: hours }),
      ),
    ),
  );
  const create = h(
    "button",
    { type: "submit", class: "button button-primary", testid: "invite-create" },
    say("invite.create"),
  );
  // Above the form: what was made is what the person came for, and it fits a small screen so.
  const result = h("div", { class: "dialog-stack invite-result", "aria-live": "polite" });
  const code = new PairingCode(session, room);
  const form = h(
    "form",
    { class: "dialog-stack" },
    h("div", { class: "field-pair" }, field(uses, say("invite.uses")), field(ttl, say("invite.ttl"))),
    h("div", { class: "dialog-actions" }, create),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const count = Number(uses.value);
    const made = await failure.during(create, () =>
      call("invite", { room, uses: count, ttl_ms: Number(ttl.value) * HOUR_MS }),
    );
    if (!made) return;
    code.show({ link: made.link, uses: count }, made);
    const picture = await failure.during(create, () => qr(made.link));
    const link = h("input", { type: "text", class: "mono", readonly: true, testid: "invite-link", dir: "ltr" });
    link.value = made.link;
    link.addEventListener("focus", () => link.select());
    const copy = copyButton(() => made.link, {
      label: say("invite.copy"),
      testid: "invite-copy",
      wordy: true,
      fallback: link,
    });
    copy.classList.add("button-primary");
    result.replaceChildren(
      ...(picture ? [picture] : []),
      field(link, say("invite.link")),
      h(
        "p",
        { class: "quiet small", testid: "invite-terms" },
        ...tell("invite.terms", { count, until: dateAndTime(made.expires_at, language()) }),
      ),
      h("div", { class: "dialog-actions" }, copy),
    );
    create.textContent = say("invite.again");
    create.classList.remove("button-primary");
    copy.focus();
  });
  return [result, code, form, new BeingVisible(session)];
}

/**
 * The link as a picture. In capitals it is the same link, and a code needs fewer modules for it.
 * @param {string} link
 */
async function qr(link) {
  const { modules } = await call("qr_code", { text: link.toUpperCase() });
  return qrPicture(modules, { label: say("invite.qr"), testid: "invite-qr" });
}
