// @ts-check
/** @import {Check} from "../types.js" */

/**
 * What is to be read first and what only for completeness, each in the order given.
 * @param {Check[]} checks where an address was given and there is a cause, that is the first
 * @param {boolean} addressed whether one was
 */
export function sorted(checks, addressed) {
  const cause = addressed && checks[0]?.state === "fail" ? checks[0] : null;
  const hinders = (/** @type {Check} */ { state }) => state === "fail" || state === "warn";
  return {
    cause,
    problems: checks.filter((check) => hinders(check) && check !== cause),
    others: checks.filter((check) => !hinders(check)),
  };
}

/**
 * How it is told in one line what came of it: the plural's key and its count.
 * @param {Check[]} checks
 * @returns {{key: "fail" | "warn" | "ok" | "nothing", count: number}}
 */
export function verdict(checks) {
  for (const state of /** @type {const} */ (["fail", "warn", "ok"])) {
    const count = checks.filter((check) => check.state === state).length;
    if (count > 0) return { key: state, count };
  }
  return { key: "nothing", count: 0 };
}

/** Words that lead up to a command, or only join two of them. */
const LEADS = /:\s*$/u;
const JOINS = /^[\s.,;]*$/u;

/**
 * A remedy as words and commands, which stand between backticks. What a sentence leads up to is a line of its own, to be
 * copied, and what is only mentioned in it stays where it is. What joins or ends the sentence around such a line is left
 * out.
 * @param {string} remedy
 * @returns {Piece[]}
 */
export function pieces(remedy) {
  /** @type {Piece[]} */
  const made = [];
  /** @type {Run[]} */
  let runs = [];
  const end = () => {
    const words = trimmed(runs);
    if (words.length > 0) made.push({ words });
    runs = [];
  };
  for (const [at, part] of parts(remedy).entries()) {
    if (at % 2 === 0) {
      const after = runs.length === 0 && made.length > 0;
      const text = after ? part.replace(/^[\s.,;:]+/u, "") : part;
      if (text !== "") runs.push({ text });
      continue;
    }
    const last = runs.at(-1);
    const led = last && "text" in last && LEADS.test(last.text);
    const joined = made.length > 0 && "command" in (made.at(-1) ?? {}) && runs.every((run) => "text" in run && JOINS.test(run.text));
    if (led || joined || (runs.length === 0 && made.length === 0)) {
      end();
      made.push({ command: part.trim() });
    } else {
      runs.push({ code: part.trim() });
    }
  }
  end();
  return made;
}

/**
 * Words and commands in turn. Without a partner a backtick is one, and between two of them there is something.
 * @param {string} remedy
 */
function parts(remedy) {
  const split = remedy.replace(/`\s*`/gu, "").split("`");
  return split.length % 2 === 1 ? split : [...split.slice(0, -2), split.slice(-2).join("`")];
}

/**
 * @param {Run[]} runs
 * @returns {Run[]} none where they are blank
 */
function trimmed(runs) {
  const all = runs.map((run) => ("text" in run ? run.text : run.code)).join("");
  if (JOINS.test(all)) return [];
  return runs.map((run, at) => {
    if (!("text" in run)) return run;
    const start = at === 0 ? run.text.trimStart() : run.text;
    return { text: at === runs.length - 1 ? start.trimEnd() : start };
  });
}

/**
 * @typedef {{text: string} | {code: string}} Run
 * @typedef {{words: Run[]} | {command: string}} Piece
 */
