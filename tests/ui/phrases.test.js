import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import german from "../../ui/locales/de.js";
import english from "../../ui/locales/en.js";
import { chooseLanguage, makePhrases } from "../../ui/logic/phrases.js";

const UI = new URL("../../ui/", import.meta.url);

test("names are isolated, numbers are written the language's way, plurals follow the count", () => {
  const table = { hello: "Hello {name}!", people: { one: "{count} person", other: "{count} people" } };
  const { say, split } = makePhrases(table, table, "en");
  assert.equal(say("hello", { name: "بوب" }), "Hello \u2068بوب\u2069!");
  assert.equal(say("people", { count: 1 }), "1 person");
  assert.equal(say("people", { count: 1200 }), "1,200 people");
  assert.deepEqual(split("hello"), ["Hello ", { name: "name" }, "!"]);
});

test("a name cannot bring in a parameter or markup of its own", () => {
  const { say } = makePhrases({ hello: "{name} {text}" }, {}, "en");
  assert.equal(say("hello", { name: "{text}", text: "<b>" }), "\u2068{text}\u2069 \u2068<b>\u2069");
});

test("what a table lacks comes from the fallback", () => {
  const { say, has } = makePhrases({}, { key: "English" }, "de");
  assert.equal(say("key"), "English");
  assert.equal(has("key"), true);
  assert.equal(has("toString"), false);
});

test("the first offered language of the person's list is taken, with its region", () => {
  assert.deepEqual(chooseLanguage(["fr-FR", "de-AT", "en"], ["en", "de"], "en"), { table: "de", lang: "de-AT" });
  assert.deepEqual(chooseLanguage(["fr"], ["en", "de"], "en"), { table: "en", lang: "en" });
  assert.deepEqual(chooseLanguage([], ["en", "de"], "en"), { table: "en", lang: "en" });
});

const parameters = (phrase) => [...new Set(String(phrase).match(/\{\w+\}/gu) ?? [])].sort();

test("each language has every sentence, with the same parameters and all its plurals", () => {
  for (const [lang, table] of Object.entries({ en: english, de: german })) {
    assert.deepEqual(Object.keys(table).sort(), Object.keys(english).sort(), lang);
    const { pluralCategories } = new Intl.PluralRules(lang).resolvedOptions();
    for (const [key, phrase] of Object.entries(table)) {
      assert.equal(typeof phrase, typeof english[key], `${lang} ${key}`);
      const forms = typeof phrase === "string" ? { other: phrase } : phrase;
      if (typeof phrase !== "string")
        assert.deepEqual(Object.keys(phrase).sort(), [...pluralCategories].sort(), `${lang} ${key}`);
      const expected = typeof english[key] === "string" ? english[key] : english[key].other;
      for (const form of Object.values(forms))
        assert.deepEqual(parameters(form), parameters(expected), `${lang} ${key}`);
    }
  }
});

test("every sentence is used, and every one that is used is there", () => {
  const source = sources(UI)
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const used = new Set([...source.matchAll(/"([a-z]+(?:\.\w+)+)"/gu)].map(([, key]) => key));
  const prefixes = [...source.matchAll(/`([a-z]+(?:\.\w+)*\.)\$\{/gu)].map(([, prefix]) => prefix);
  for (const key of Object.keys(english)) {
    const known = used.has(key) || prefixes.some((prefix) => key.startsWith(prefix)) || key.startsWith("empty.");
    assert.ok(known, `${key} is used nowhere`);
  }
  const groups = new Set(Object.keys(english).map((key) => key.split(".")[0]));
  for (const key of used) {
    if (/\.(?:js|svg)$/u.test(key) || !groups.has(key.split(".")[0])) continue;
    const known = Object.hasOwn(english, key) || Object.keys(english).some((other) => other.startsWith(`${key}.`));
    assert.ok(known, `${key} is missing`);
  }
});

/** The page's own modules, without the locales. */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return entry.name === "locales" ? [] : sources(new URL(`${entry.name}/`, folder));
    return entry.name.endsWith(".js") ? [new URL(entry.name, folder)] : [];
  });
}

test("each language has a sentence for every word that the engine can give as a reason", () => {
  const source = readFileSync(new URL("../../crates/engine/src/net/close.rs", import.meta.url), "utf8");
  const words = [...source.matchAll(/Self::\w+(?:\(_\))? => "(\w+)"/gu)].map(([, word]) => word);
  assert.ok(words.length >= 15, "the engine's list is not where it was");
  for (const table of [english, german]) {
    const told = Object.keys(table).filter((key) => key.startsWith("reason."));
    assert.deepEqual(told.sort(), [...words, "other"].map((word) => `reason.${word}`).sort());
  }
});

test("each language has another word for each picture that two devices can show", () => {
  const document = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const [, section] = document.split("The pictures by their numbers");
  const rows = section.split("\n## ")[0].split("\n").filter((line) => /^\| \d/u.test(line));
  const words = rows.flatMap((row) => [...row.matchAll(/\p{Emoji_Presentation} (\w+)/gu)].map(([, word]) => word));
  assert.equal(words.length, 64);
  for (const table of [english, german]) {
    const keys = words.map((word) => `picture.${word}`);
    assert.deepEqual(Object.keys(table).filter((key) => key.startsWith("picture.")).sort(), keys.sort());
    assert.equal(new Set(keys.map((key) => table[key])).size, 64);
  }
});

test("each language has a sentence for every word of the engine's that the page tells by one", () => {
  for (const [file, name, group] of [
    ["api/compare", "CompareEnd", "compare.over"],
    ["api/known", "Verified", "devices.verified"],
    ["discovery/mod", "Via", "nearby.via"],
    ["api/diagnosis", "CheckName", "doctor.check"],
    ["api/diagnosis", "CheckState", "doctor.state"],
  ]) {
    const source = readFileSync(new URL(`../../crates/engine/src/${file}.rs`, import.meta.url), "utf8");
    const [body] = source.split(`pub enum ${name} {`)[1].split("\n}");
    const words = [...body.matchAll(/^    (\w+),$/gmu)].map(([, word]) =>
      word.replace(/(?!^)([A-Z])/gu, "_$1").toLowerCase(),
    );
    assert.ok(words.length >= 3, name);
    const expected = [...words, ...(name === "Verified" ? ["no"] : [])].map((word) => `${group}.${word}`);
    for (const table of [english, german]) {
      assert.deepEqual(Object.keys(table).filter((key) => key.startsWith(`${group}.`)).sort(), expected.sort());
    }
  }
});
