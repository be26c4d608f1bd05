// @ts-check
/** @import {Check} from "../types.js" */
import { announce } from "../announcer.js";
import { call } from "../backend.js";
import { checkRow } from "../check-row.js";
import { copyButton } from "../copy-button.js";
import { h, icon, present } from "../element.js";
import { FailureLine } from "../failure.js";
import { say, tell } from "../locale.js";
import { sorted, verdict } from "../logic/doctor.js";
import { field, openDialog } from "./dialog.js";

/**
 * Looks for what keeps this device and others apart, and begins at once. Whoever closes it waits for nothing more.
 * @param {string} [wanted] the address of the device that is not found
 */
export function openDoctor(wanted = "") {
  const address = h("input", {
    type: "text",
    class: "mono",
    testid: "doctor-address",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    dir: "ltr",
    placeholder: say("device.connect.placeholder"),
  });
  address.value = wanted;
  const submit = h("button", { type: "submit", class: "button", testid: "doctor-run" }, say("doctor.run"));
  const busy = h("p", { class: "quiet small", role: "status", testid: "doctor-busy" });
  const bar = h("progress", { class: "progress", hidden: true, "aria-label": say("doctor.bar") });
  const failure = new FailureLine();
  const result = h("div", { class: "dialog-stack", testid: "doctor-result" });
  const form = h(
    "form",
    { class: "dialog-stack", novalidate: true },
    h("div", { class: "field-action" }, field(address, say("doctor.address"), say("doctor.address.help")), submit),
  );
  let turn = 0;
  // Whoever types an address while it looks asked for something else: only the last answer counts.
  const run = async () => {
    const mine = ++turn;
    const asked = address.value.trim();
    result.replaceChildren();
    failure.clear();
    bar.hidden = false;
    busy.textContent = say("doctor.busy");
    const outcome = await call("diagnose", asked ? { address: asked } : {}).then(
      (found) => ({ found }),
      (/** @type {unknown} */ thrown) => ({ thrown }),
    );
    if (mine !== turn || !dialog.open) return;
    bar.hidden = true;
    busy.textContent = "";
    if ("thrown" in outcome) return failure.show(outcome.thrown);
    const { found } = outcome;
    result.replaceChildren(...findings(found.checks, asked), report(found.report));
    announce(summary(found.checks));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void run();
  });
  const { dialog } = openDialog(
    { testid: "doctor-dialog", title: [say("doctor.title")], wide: true },
    h("p", { class: "quiet small" }, say("doctor.lead")),
    form,
    h("div", { class: "dialog-stack doctor-busy" }, busy, bar),
    failure,
    result,
  );
  void run();
}

/** @param {Check[]} checks */
function summary(checks) {
  const { key, count } = verdict(checks);
  return say(`doctor.verdict.${key}`, { count });
}

/**
 * @param {Check[]} checks
 * @param {string} address empty where none was asked for
 */
function findings(checks, address) {
  const { cause, problems, others } = sorted(checks, address !== "");
  const { key } = verdict(checks);
  return present([
    h(
      "p",
      { class: "doctor-verdict", testid: "doctor-verdict", data: { verdict: key } },
      icon(key === "fail" ? "fail" : key === "warn" ? "alert" : key === "ok" ? "check" : "info"),
      h("span", {}, summary(checks)),
    ),
    cause
      ? h(
          "section",
          { class: "dialog-stack" },
          h("h3", {}, ...tell("doctor.cause", { address: h("bdi", { class: "mono breakable", dir: "ltr" }, address) })),
          list([cause]),
        )
      : null,
    problems.length > 0
      ? h("section", { class: "dialog-stack" }, cause ? h("h3", {}, say("doctor.more")) : null, list(problems))
      : null,
    others.length > 0
      ? h(
          "details",
          { class: "doctor-others", open: key === "ok" || key === "nothing" },
          h("summary", { testid: "doctor-others" }, say(cause || problems.length > 0 ? "doctor.others" : "doctor.checks", { count: others.length })),
          list(others),
        )
      : null,
  ]);
}

/** @param {Check[]} checks */
function list(checks) {
  return h("ul", { class: "checks" }, ...checks.map(checkRow));
}

/** @param {string} text */
function report(text) {
  return h(
    "div",
    { class: "dialog-stack doctor-report" },
    h("p", { class: "quiet small" }, say("doctor.report.help")),
    h(
      "div",
      { class: "dialog-actions" },
      copyButton(() => text, { label: say("doctor.report.copy"), testid: "doctor-report-copy", wordy: true }),
    ),
  );
}
