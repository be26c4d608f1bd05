// @ts-check
/** @import {Check} from "./types.js" */
import { commandLine } from "./command-line.js";
import { h, icon } from "./element.js";
import { has, say } from "./locale.js";
import { pieces } from "./logic/doctor.js";

/** @type {Record<Check["state"], string>} */
const DRAWING = { ok: "check", warn: "alert", fail: "fail", skipped: "skipped" };

/**
 * What was checked, how it is, and what to do about it. The device writes what it found in English.
 * @param {Check} check
 */
export function checkRow({ name, state, finding, remedy }) {
  const key = `doctor.check.${name}`;
  return h(
    "li",
    { class: "check", testid: "doctor-check", data: { check: name, state } },
    icon(DRAWING[state] ?? "info"),
    h(
      "div",
      { class: "check-text" },
      h(
        "p",
        { class: "check-heading" },
        h("span", { class: "check-name" }, has(key) ? say(key) : name),
        h("span", { class: "check-state small" }, say(`doctor.state.${state}`)),
      ),
      h("p", { lang: "en", dir: "auto", testid: "doctor-finding" }, finding),
      remedy
        ? h(
            "div",
            { class: "check-remedy", lang: "en", testid: "doctor-remedy" },
            ...pieces(remedy).map((piece) =>
              "command" in piece
                ? commandLine(piece.command)
                : h(
                    "p",
                    { dir: "auto" },
                    ...piece.words.map((run) =>
                      "code" in run ? h("code", { class: "mono", dir: "ltr" }, run.code) : run.text,
                    ),
                  ),
            ),
          )
        : null,
    ),
  );
}
