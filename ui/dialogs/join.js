// @ts-check
/** @import {Session} from "../session.js" */
import { announce } from "../announcer.js";
import { call } from "../backend.js";
import { composes, h } from "../element.js";
import { FailureLine } from "../failure.js";
import { say } from "../locale.js";
import { tidyLink } from "../logic/link.js";
import { field, openDialog } from "./dialog.js";

/** @param {Session} session */
export function openJoin(session) {
  const input = h("textarea", {
    testid: "join-input",
    class: "mono",
    rows: 3,
    autofocus: true,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "ltr",
  });
  const submit = h(
    "button",
    { type: "submit", class: "button button-primary", testid: "join-submit" },
    say("join.submit"),
  );
  const failure = new FailureLine();
  const progress = h("p", { class: "quiet small", role: "status" });
  const form = h(
    "form",
    { novalidate: true },
    field(input, say("join.link"), say("join.help")),
    progress,
    failure,
    h("div", { class: "dialog-actions" }, submit),
  );
  const { dialog, close } = openDialog({ testid: "join-dialog", title: [say("join.title")] }, form);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || composes(event)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    progress.textContent = say("join.busy");
    const joined = await failure.during(submit, () => call("join", { link: tidyLink(input.value) }));
    progress.textContent = "";
    if (!joined) return;
    await session.pullRooms();
    announce(say(joined.pending ? "join.pending" : "join.done", { name: joined.name }));
    // Who closed the dialog meanwhile is doing something else: the room is in the list, but does not jump into view.
    if (!dialog.open) return;
    close();
    session.open(joined.room);
  });
}
