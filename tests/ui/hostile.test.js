import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import german from "../../ui/locales/de.js";
import english from "../../ui/locales/en.js";
import { beginning } from "../../ui/logic/excerpt.js";
import { HUES, called, hue, initials } from "../../ui/logic/face.js";
import { tidyLink } from "../../ui/logic/link.js";
import { makePhrases } from "../../ui/logic/phrases.js";

const FILE = new URL("../hostile/payloads.jsonl", import.meta.url);
const PAYLOADS = readFileSync(FILE, "utf8").trim().split("\n").map((line) => JSON.parse(line));

test("what somebody wrote is never taken for a place in a sentence, nor ends its own isolation", () => {
  for (const table of [english, german]) {
    const { say, split } = makePhrases(table, english, "en");
    for (const key of ["system.member_added.whom", "rooms.last.other"]) {
      for (const text of PAYLOADS) {
        const spoken = say(key, { name: text, whom: text, text });
        const places = split(key).filter((piece) => typeof piece !== "string").length;
        assert.equal(spoken.split("\u2068").length - 1, places, JSON.stringify(text));
        assert.equal(spoken.split("\u2069").length - 1, places, JSON.stringify(text));
        assert.ok(!/[\u202a-\u202e\u2066\u2067]/u.test(spoken));
        const kept = text.replace(/[\u202a-\u202e\u2066-\u2069]/gu, "");
        assert.equal(spoken.split(`\u2068${kept}\u2069`).length - 1, places, JSON.stringify(text));
      }
    }
  }
});

test("no sentence is called by a word of the language's own objects", () => {
  const { has } = makePhrases(english, english, "en");
  for (const word of PAYLOADS) assert.equal(has(word), false, word);
});

test("faces, excerpts and links take anything", () => {
  for (const text of PAYLOADS) {
    assert.ok([...initials(text)].length <= 16, text);
    assert.ok(!/[<>"'&]/u.test(initials(text)));
    assert.notEqual(called(text, "ABCDEFG-HIJKLMN"), "");
    assert.ok(hue(text) >= 0 && hue(text) < HUES);
    const line = beginning(text.repeat(100), 160);
    assert.ok(line.length <= 160 && !line.includes("\n"));
    assert.equal(typeof tidyLink(text), "string");
  }
  assert.equal(initials("Bob #ABCDEFG"), "B");
});

test("nothing was added to all objects", () => {
  assert.deepEqual(Object.keys(Object.prototype), []);
  assert.equal({}.owned, undefined);
});
