// @ts-check
/** @import {Status} from "./types.js" */
import { AppShell } from "./app-shell.js";
import { ApiError, call, present } from "./backend.js";
import { Comparisons } from "./comparisons.js";
import { h, icon } from "./element.js";
import { firstStart } from "./first-start.js";
import { keepPage } from "./keep-page.js";
import { language, loadLocale, say } from "./locale.js";
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

/** What starting again cannot change: what the app was started with. */
const FINAL = new Set(["invalid_argument", "version_unsupported"]);

/** @param {unknown} thrown */
function fatal(thrown) {
  const error = ApiError.from(thrown);
  const retry = h(
    "button",
    { type: "button", class: "button button-primary", testid: "fatal-retry", autofocus: true },
    say("app.fatal.retry"),
  );
  retry.addEventListener("click", () => {
    retry.setAttribute("aria-disabled", "true");
    retry.setAttribute("aria-busy", "true");
    void start();
  });
  const lang = error.local ? language() : "en";
  show(
    h(
      "div",
      { class: "full-page", testid: "fatal", role: "alert" },
      h("span", { class: "brand brand-fatal" }, icon("alert")),
      h("h1", {}, say("app.fatal.title")),
      h("p", { testid: "fatal-message", data: { code: error.code }, lang, dir: "auto" }, error.message),
      present() && !FINAL.has(error.code) ? retry : null,
    ),
  );
}

/** @type {Promise<void> | null} */
let starting = null;

/** Shows the page that fits this device. At most one start at a time: two would leave two sessions listening. */
function start() {
  starting ??= begin().finally(() => {
    starting = null;
  });
  return starting;
}

async function begin() {
  try {
    if (!present()) throw new ApiError("internal", say("app.absent"), true);
    await questions.start();
    const status = await call("status");
    if (status.name === "") show(firstStart(status, questions.notice, start));
    else await open(status);
  } catch (thrown) {
    fatal(thrown);
  }
}

/** @param {Status} status */
async function open(status) {
  const session = new Session(status);
  try {
    await session.start();
  } catch (thrown) {
    session.stop();
    throw thrown;
  }
  show(new AppShell(session));
  new Comparisons(session);
  questions.ready(session);
}

await loadLocale();
keepPage();
page.replaceChildren(
  h(
    "div",
    { class: "full-page" },
    h("span", { class: "brand" }, icon("brand")),
    h("p", { class: "quiet" }, say("app.loading")),
  ),
);
await start();
