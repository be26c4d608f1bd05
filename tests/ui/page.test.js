import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

/** What the page promises as a whole: no markup from text, no inline code, one module that speaks to Tauri. */

const UI = new URL("../../ui/", import.meta.url);

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(new URL(`${entry.name}/`, folder)) : [new URL(entry.name, folder)],
  );
}

const all = files(UI);
const modules = all.filter(({ pathname }) => pathname.endsWith(".js"));
const read = (file) => readFileSync(file, "utf8");
const name = ({ pathname }) => pathname.slice(UI.pathname.length);

test("text never becomes markup, and text never becomes code", () => {
  const forbidden =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTMLUnsafe|\beval\b|new Function|srcdoc/u;
  for (const file of modules) assert.doesNotMatch(read(file), forbidden, name(file));
});

test("only the backend module speaks to Tauri", () => {
  for (const file of modules) if (name(file) !== "backend.js") assert.doesNotMatch(read(file), /__TAURI/u, name(file));
});

test("the page needs nothing that its content security policy forbids", () => {
  const page = read(new URL("index.html", UI)).replace(/<!--[\s\S]*?-->/gu, "");
  assert.doesNotMatch(page, /<style|\sstyle=|\son\w+=|javascript:|https?:/u);
  for (const [script] of page.matchAll(/<script[\s\S]*?<\/script>/gu))
    assert.match(script, /src="[\w.]+"><\/script>$/u);
  for (const file of modules) assert.doesNotMatch(read(file), /setAttribute\("style"|style:\s*["'`]/u, name(file));
});

test("every file that is named is there, every drawing that is named is drawn, and none is drawn for nothing", () => {
  const page = read(new URL("index.html", UI));
  for (const [, path] of page.matchAll(/(?:href|src)="([^"]+)"/gu)) assert.ok(existsSync(new URL(path, UI)), path);
  for (const file of modules) {
    for (const [, path] of read(file).matchAll(/(?:from|import\() ?"(\.[^"]+\.js)"/gu)) {
      const there = [path, path.replace(/\.js$/u, ".d.ts")].some((candidate) => existsSync(new URL(candidate, file)));
      assert.ok(there, `${name(file)}: ${path}`);
    }
  }
  const sprite = read(new URL("icons.svg", UI));
  const drawn = [...sprite.matchAll(/<symbol id="([\w-]+)"/gu)].map(([, id]) => id);
  const source = modules.map(read).join("\n");
  for (const [, id] of source.matchAll(/\bicon\("([\w-]+)"\)/gu)) assert.ok(drawn.includes(id), `no drawing ${id}`);
  for (const id of drawn) assert.match(source, new RegExp(`"${id}"`, "u"), `${id} is drawn for nothing`);
});

test("every hook in the page is promised in index.html", () => {
  const promised = read(new URL("index.html", UI)).match(/<!--[\s\S]*?-->/u)?.[0] ?? "";
  const source = modules.map(read).join("\n");
  const hooks = [...source.matchAll(/testid: "([\w-]+)"|dataset\.testid = "([\w-]+)"/gu)].map(([, a, b]) => a ?? b);
  for (const hook of hooks) assert.match(promised, new RegExp(`\\b${hook}\\b`, "u"), hook);
});
