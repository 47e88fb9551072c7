// The dashboard without a mouse, and on paper.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ask, browser, openNewest, pages, traffic } from "./dashboard-support.mjs";

const STOPS_MAX = 250;
/** A4 at 96 pixels an inch */
const PAPER_PIXELS = 794;

let chrome;
before(async () => {
  chrome = await browser();
  await traffic();
  await ask("POST", "/faults", { name: "busy", times: 3, when: { operation: "Detect*" }, fault: { error: "ThrottlingException" } });
});
after(async () => {
  await ask("POST", "/reset");
  await chrome.close();
});

/** Everything that is shown as what the keyboard can be on, with a number that stays with it */
const numberControls = (page) =>
  page.evaluate(() => {
    const controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
    // One choice of several, a row, a cell and a tab are reached by arrows from their one stop.
    const isInside = (control) => control.tabIndex < 0 && control.closest("[role=grid], [role=tablist], table, main[tabindex]");
    const isReached = (control) => !control.disabled && !isInside(control) && control.id !== "main" && control.tabIndex >= 0
      && !(control.type === "radio" && !control.checked) && control.checkVisibility({ visibilityProperty: true });
    let number = 0;
    for (const control of controls) {
      if (isReached(control)) {
        number += 1;
        control.dataset.stop = number;
      }
    }
    return number;
  });

/** Where the focus is: its number, and whether somebody who looks at the page sees it there */
const focused = (page) =>
  page.evaluate(() => {
    const active = document.activeElement;
    if (!active || active === document.body) return null;
    const seen = active.classList.contains("vh") ? active.closest("label") : active;
    const box = seen.getBoundingClientRect();
    const { outlineStyle, outlineWidth } = getComputedStyle(seen);
    const isInSight = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    return { stop: Number(active.dataset.stop ?? 0), what: active.outerHTML.slice(0, 120), isInSight, isMarked: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1 };
  });

test("Tab leads to every control of every page, is seen at each, and is trapped nowhere", async () => {
  const page = await chrome.page();
  for (const path of [...pages, "a request", "a draft"]) {
    if (path === "a request") await openNewest(page, "implicitDeny");
    else if (path === "a draft") {
      await page.see("/dashboard/policies");
      await page.locator("#edit").click();
      await page.locator("#lint-state .b").first().waitFor();
    } else await page.see(path);
    await page.waitForTimeout(600);
    const count = await numberControls(page);
    assert.ok(count > 10, `${path} has ${count} controls`);
    await page.locator(".skip").focus();
    const visited = new Set([1]);
    let isAround = false;
    for (let stops = 0; stops < STOPS_MAX && !isAround; stops += 1) {
      await page.keyboard.press("Tab");
      const at = await focused(page);
      isAround = at === null || at.stop === 1;
      if (isAround) break;
      assert.ok(at.isInSight, `${path}: out of sight: ${at.what}`);
      assert.ok(at.isMarked, `${path}: the focus is not seen: ${at.what}`);
      visited.add(at.stop);
    }
    assert.ok(isAround, `${path}: the way does not end`);
    const missed = await page.evaluate((seen) => [...document.querySelectorAll("[data-stop]")].filter(({ dataset }) => !seen.includes(Number(dataset.stop))).map(({ outerHTML }) => outerHTML.slice(0, 120)), [...visited]);
    assert.deepEqual(missed, [], `${path}: not reached`);
  }
  await page.see("/dashboard/policies");
  await page.evaluate(() => sessionStorage.clear());
  await page.context().close();
});

test("the menus, the tabs and the rows of every page are opened and left by keys", async () => {
  const page = await chrome.page();
  const press = (key) => page.keyboard.press(key);
  const isFocused = (selector) => page.evaluate((wanted) => document.activeElement?.matches(wanted), selector);
  await page.see("/dashboard/project");
  await page.locator("#clock-menu summary").focus();
  await press("Enter");
  await press("Tab");
  assert.ok(await isFocused("#clock-freeze"));
  await press("Enter");
  await page.getByText("stands still").waitFor();
  await press("Tab");
  await press("Enter");
  await page.getByText("runs with the machine").waitFor();
  await press("Tab");
  await page.keyboard.type("0");
  await press("Enter");
  await press("Escape");
  assert.ok(await isFocused("#clock-menu summary"), "Esc leads back to the menu's own button");
  await ask("PUT", "/clock", { offset_seconds: 0 });

  await page.locator("#projects tr[data-model]").first().focus();
  await press("ArrowDown");
  await press("Enter");
  await page.getByRole("heading", { name: "Answers of myModel" }).waitFor();

  await page.see("/dashboard/setup");
  await page.locator("#tab-boto3").focus();
  await press("ArrowRight");
  await page.locator('#tab-cli[aria-selected="true"]').waitFor();
  assert.ok(await isFocused("#tab-cli"));
  await page.locator("#reset").focus();
  await press("Enter");
  await page.locator("#reset-ask").waitFor();
  await press("Escape");
  await page.locator("#reset-ask").waitFor({ state: "hidden" });
  assert.ok(await isFocused("#reset"), "Esc leads back to where it was asked");

  await page.see("/dashboard/coverage");
  await page.locator("#never tbody tr").first().focus();
  await press("Enter");
  await page.waitForURL(/\/dashboard\/policies\?document=.*#line-/);

  await page.see("/dashboard/faults");
  await page.getByRole("button", { name: "Stop busy" }).focus();
  await press("Enter");
  await page.getByText("busy is stopped").waitFor();
  await page.context().close();
});

test("on paper nothing is cut off, no control is left, and what was folded is open", async () => {
  const page = await chrome.page({ width: PAPER_PIXELS });
  for (const path of [...pages, "a request"]) {
    if (path === "a request") await openNewest(page, "implicitDeny");
    else await page.see(path);
    await page.waitForTimeout(600);
    // A browser tells the page before it prints.
    await page.evaluate(() => { globalThis.told = 0; addEventListener("beforeprint", () => { globalThis.told += 1; }); });
    assert.ok((await page.pdf({ format: "A4" })).length > 5_000, path);
    assert.equal(await page.evaluate(() => globalThis.told), 1, path);
    assert.equal(await page.locator(".on-paper").count(), 0, `${path}: afterwards it is as it was`);

    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    const { controls, cut, folded, wide } = await page.evaluate(() => {
      const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
      const told = (elements) => elements.map((element) => element.outerHTML.slice(0, 120));
      const all = [...document.querySelectorAll("main *")].filter(isShown);
      return {
        // The cells of the matrix are words on paper.
        controls: told(all.filter((element) => element.matches("button:not(.mx button), .btn, input, select, textarea"))),
        // What only screen readers have is cut to nothing.
        cut: told(all.filter((element) => !element.matches(".vh") && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 && getComputedStyle(element).overflowX !== "visible")),
        folded: told(all.filter((element) => element.matches("details:not([open])"))),
        wide: document.documentElement.scrollWidth,
      };
    });
    assert.deepEqual({ controls, cut, folded }, { controls: [], cut: [], folded: [] }, path);
    assert.ok(wide <= PAPER_PIXELS, `${path} is ${wide} wide`);
    if (path === "a request") {
      const text = await page.locator("#detail").innerText();
      for (const part of ["No statement of the VPC endpoint policy allows this.", "What would allow it", "Further edits", "aws:SourceVpce", "sha256"]) assert.ok(text.includes(part), `${part} is on paper`);
    }
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    await page.emulateMedia({ media: "screen" });
  }
  await page.context().close();
});

test("on a telephone the page of policies stays short, however long a policy is", async () => {
  const [{ vpc_endpoint_id: id }] = await ask("GET", "/vpc-endpoints");
  const statement = (index) => ({ Sid: `Line${index}`, Effect: "Allow", Principal: "*", Action: "lookoutvision:DetectAnomalies", Resource: `arn:aws:lookoutvision:us-west-2:123456789012:model/line${index}/*` });
  const policy = { Version: "2012-10-17", Statement: Array.from({ length: 30 }, (_, index) => statement(index)) };
  await ask("PUT", `/vpc-endpoints/${id}/policy`, JSON.stringify(policy, null, 2));
  const height = 812;
  const page = await chrome.page({ width: 375, height });
  await page.see("/dashboard/policies");
  await page.locator("#line-200").waitFor();
  const screens = () => page.evaluate(() => document.documentElement.scrollHeight / innerHeight);
  assert.ok((await screens()) < 1.5, `${await screens()} screens`);
  await page.locator("#edit").click();
  await page.locator("#lint-state .b").first().waitFor();
  await page.locator(".tally").waitFor();
  assert.ok((await screens()) < 3, `${await screens()} screens with a draft`);
  await page.locator("#discard").click();
  // A link to a line leads to it.
  await page.goto("about:blank");
  await page.see(`/dashboard/policies?document=${id}#line-200`);
  await page.waitForFunction(() => {
    const box = document.querySelector("#line-200")?.getBoundingClientRect();
    return box && box.top > 0 && box.bottom < innerHeight;
  });
  await page.context().close();
});

test("no page has loaded from elsewhere, broken its policy, or thrown", () => {
  assert.deepEqual(chrome.complaints, []);
});
