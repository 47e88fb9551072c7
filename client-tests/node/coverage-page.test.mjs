// The page of a coverage report: from disk, without a network, on every screen and on paper.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { browser } from "./dashboard-support.mjs";

const IMAGES = process.env.DASHBOARD_IMAGES;
const PAGE = `file://${process.env.COVERAGE_PAGE}`;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let chrome;
before(async () => {
  chrome = await browser();
});
after(() => chrome.close());

/** The page as it lies on the disk; whatever else it asks for is a complaint */
async function open(options) {
  const page = await chrome.page({ url: "file://", ...options });
  await page.goto(PAGE);
  return page;
}

const background = (page, row) => page.locator(`.document tr.${row}`).first().evaluate((element) => getComputedStyle(element).backgroundColor);

for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 375]) {
    test(`it reads in ${scheme} colours at ${width} pixels`, async () => {
      const page = await open({ scheme, width });
      await page.getByRole("heading", { level: 1, name: /^Policy coverage: \d+.%$/ }).waitFor();
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, "nothing is beside the screen");
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
      const colours = await Promise.all(["green", "yellow", "red"].map((row) => background(page, row)));
      assert.equal(new Set(colours).size, 3, `${colours}`);
      await page.context().close();
    });
  }
}

test("on paper it keeps its colours, dark on white", async () => {
  const page = await open({ scheme: "light" });
  await page.emulateMedia({ media: "print" });
  const row = page.locator(".document tr.red").first();
  assert.equal(await row.evaluate((element) => getComputedStyle(element).printColorAdjust), "exact");
  assert.notEqual(await background(page, "red"), await background(page, "green"));
  // A dark page would be printed on a sheet of ink.
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
  assert.ok((await page.pdf({ format: "A4" })).length > 1_000);
  await page.context().close();
});

test("the picture of the documentation", async () => {
  mkdirSync(IMAGES, { recursive: true });
  const page = await open({ width: 900, height: 760 });
  await page.screenshot({ path: `${IMAGES}/coverage-report-light.png` });
  await page.context().close();
});

test("it has loaded nothing from elsewhere", () => {
  assert.deepEqual(chrome.complaints, []);
});
