import assert from "node:assert/strict";
import { test } from "node:test";
import { tidyLink } from "../../ui/logic/link.js";

const LINK = "lanline:j/MFRGGZDFMZTWQ2LKNNWG23TPOA";

for (const [what, pasted] of [
  ["itself", LINK],
  ["blanks around it", `  \n\t${LINK} \r\n`],
  ["angle brackets", `<${LINK}>`],
  ["quotes", `“${LINK}”`],
  ["invisible characters", `\ufeff\u200b${LINK.slice(0, 20)}\u00ad${LINK.slice(20)}\u200e`],
  ["a sentence around it", `Join us: ${LINK}, please.`],
  ["the end of a sentence", `Here: ${LINK}.`],
  ["a line broken by a mail program", `${LINK.slice(0, 18)}\n${LINK.slice(18)}`],
  ["a line broken on Windows", `<${LINK.slice(0, 18)}\r\n${LINK.slice(18)}>`],
]) {
  test(`finds the link: ${what}`, () => assert.equal(tidyLink(pasted), LINK));
}

test("upper case stays as it is, for codes that were scanned", () => {
  assert.equal(tidyLink(` ${LINK.toUpperCase()} `), LINK.toUpperCase());
});

test("text without a link is only trimmed: the backend says what is wrong with it", () => {
  assert.equal(tidyLink("  hello there "), "hello there");
  assert.equal(tidyLink("   "), "");
});
