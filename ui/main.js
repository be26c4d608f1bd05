// @ts-check
/** @import {Status} from "./types.js" */
import { AppShell } from "./app-shell.js";
import { ApiError, call, present } from "./backend.js";
import { h, icon } from "./element.js";
import { firstStart } from "./first-start.js";
import { loadLocale, say } from "./locale.js";
import { Questions } from "./questions.js";
import { Session } from "./session.js";

const page = /** @type {HTMLElement} */ (document.getElementById("page"));

const questions = new Questions();

/** @param {HTMLElement} content */
function show(content) {
  page.replaceChildren(content);
  page.setAttribute("aria-busy", "false");
  const first = content.querySelector("[autofocus]");
  if (first instanceof HTMLElement) first.focus();
}

/** @param {unknown} thrown */
function fatal(thrown) {
  const { code, message } = ApiError.from(thrown);
  show(
    h(
      "div",
      { class: "full-page", testid: "fatal", role: "alert" },
      h("span", { class: "brand brand-fatal" }, icon("alert")),
      h("h1", {}, say("app.fatal.title")),
      h("p", { testid: "fatal-message", data: { code }, dir: "auto" }, message),
      present()
        ? h(
            "button",
            {
              type: "button",
              class: "button button-primary",
              testid: "fatal-retry",
              autofocus: true,
              on: { click: () => void start() },
            },
            say("app.fatal.retry"),
          )
        : null,
    ),
  );
}

async function start() {
  try {
    if (!present()) throw new ApiError("internal", say("app.absent"));
    await questions.start();
    const status = await call("status");
    if (status.name === "") show(firstStart(status, questions.notice, () => void start()));
    else await open(status);
  } catch (thrown) {
    fatal(thrown);
  }
}

/** @param {Status} status */
async function open(status) {
  const session = new Session(status);
  await session.start();
  show(new AppShell(session));
  questions.ready(session);
}

await loadLocale();
page.replaceChildren(
  h(
    "div",
    { class: "full-page" },
    h("span", { class: "brand" }, icon("brand")),
    h("p", { class: "quiet" }, say("app.loading")),
  ),
);
await start();
