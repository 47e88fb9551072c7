// What the dashboard says of refused signatures, and of what somebody else has changed meanwhile.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { ask, browser, openNewest, POLICY, sdk } from "./dashboard-support.mjs";

const seed = readFileSync(process.env.ENDPOINT_POLICY, "utf8");

let chrome;
before(async () => {
  chrome = await browser();
});
after(async () => {
  await chrome.close();
});

test("of a refused signature the client's message and the journal's stand side by side, with the key", async () => {
  await ask("POST", "/reset");
  const told = await sdk({ credentials: { accessKeyId: "test", secretAccessKey: "wrong" } })
    .detect("myModel")
    .then(() => assert.fail("it was let in"), (error) => error.message);
  const page = await chrome.page({ permissions: ["clipboard-read", "clipboard-write"] });
  const [entry] = await ask("GET", "/requests?order=newest&limit=1");
  await page.see(`/dashboard?request=${entry.request_id}`);
  await page.locator(".verdict").getByText("Probably the secret of key test is another one.").waitFor();
  await page.locator("#detail .top").getByText("Access key test").waitFor();
  const section = page.locator("#detail section", { hasText: "What the answer says" });
  assert.equal(await section.locator("pre").textContent(), told);
  assert.match(await section.innerText(), /What the journal says\s+the signature does not match: probably the secret of key test is another one/);
  await page.getByRole("button", { name: "message", exact: true }).click();
  await page.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), told);
  await page.context().close();
});

test("a denied call says that the policy was replaced since, and its edits begin from the present one", async () => {
  await ask("POST", "/reset");
  await sdk().detect("1").catch(() => {});
  const present = JSON.parse(seed);
  [present.Statement].flat()[0].Sid = "Newer";
  await ask("PUT", POLICY, JSON.stringify(present, null, 2));
  const page = await chrome.page();
  await openNewest(page, "implicitDeny");
  const replaced = page.locator("#replaced");
  assert.match(await replaced.innerText(), /implicit deny The policy of vpce-0a1b2c3d4e5f67890 was replaced since\. The present one says: .*Newer/);
  await page.getByRole("button", { name: "Try in What if" }).first().click();
  await page.waitForURL(/policies/);
  await page.locator("#draft").waitFor();
  assert.match(await page.locator("#draft").inputValue(), /"Newer"/);
  await page.context().close();
  await ask("POST", "/reset");
});

test("what somebody else attached meanwhile is shown before a draft takes its place", async () => {
  await ask("POST", "/reset");
  const page = await chrome.page();
  await page.see("/dashboard/policies");
  await page.locator("#edit").click();
  await page.locator("#draft").fill((await page.locator("#draft").inputValue()).replace("myProject/myModel", "myProject/*"));
  await page.locator("#lint-state .b").first().waitFor();
  const others = JSON.stringify({ Version: "2012-10-17", Statement: [{ Sid: "Others", Effect: "Allow", Principal: "*", Action: "*", Resource: "*" }] });
  await ask("PUT", POLICY, others);
  await page.locator("#attach").click();
  const question = page.locator("#attach-ask");
  await question.getByText("Another policy was attached after this one was begun.").waitFor();
  assert.match(await question.locator("pre").innerText(), /"Sid": "Others"/);
  // A third one, attached while the question stands there, is asked about again.
  await ask("PUT", POLICY, others.replace("Others", "Third"));
  await question.getByRole("button", { name: "Attach", exact: true }).click();
  await question.getByText('"Sid": "Third"').waitFor();
  assert.match(JSON.stringify(await ask("GET", POLICY)), /Third/);
  await question.getByRole("button", { name: "Attach", exact: true }).click();
  await page.getByText("it holds from the next request on").waitFor();
  assert.match(JSON.stringify(await ask("GET", POLICY)), /myProject\/\*/);
  // What is put back is what really was there.
  await page.locator("#undo").click();
  await page.getByText("Put back", { exact: true }).waitFor();
  assert.match(JSON.stringify(await ask("GET", POLICY)), /Third/);
  await page.context().close();
  await ask("POST", "/reset");
});

test("a filter that the route refuses is told in its words, and the control beside it shows the address's decision", async () => {
  await ask("POST", "/reset");
  await sdk().detect("1").catch(() => {});
  const page = await chrome.page();
  await page.see("/dashboard?operation=DetectAnomalous&decision=implicitDeny");
  const refusal = await ask("GET", "/requests?operation=DetectAnomalous").then(() => assert.fail("it was taken"), (error) => error.message);
  const shown = page.locator("#find-wrong");
  await shown.getByText("there is no operation").waitFor();
  assert.ok(refusal.includes(await shown.innerText()), refusal);
  assert.equal(await page.getByText("No request matches.").count(), 0);
  assert.equal(await page.locator("#decision").inputValue(), "im");
  await page.locator("#find").fill("operation=DetectAnomalies");
  await shown.waitFor({ state: "hidden" });
  await page.locator("#requests tbody[role=rowgroup] tr").waitFor();
  await page.context().close();
});

test("a policy on one line is edited with a clause on each, and long lines wrap beside their numbers", async () => {
  await ask("POST", "/reset");
  await ask("PUT", POLICY, JSON.stringify(JSON.parse(seed)));
  const page = await chrome.page();
  await page.see("/dashboard/policies");
  await page.locator("#edit").click();
  const draft = page.locator("#draft");
  assert.equal(await draft.inputValue(), JSON.stringify(JSON.parse(seed), null, 2));
  await page.getByText("the same as the attached text").waitFor();
  await draft.fill(JSON.stringify(JSON.parse(seed)));
  const line = page.locator("#paint > div").first();
  const number = page.locator("#gutter > div").first();
  const [own, beside] = [await line.boundingBox(), await number.boundingBox()];
  assert.ok(own.height > 40 && Math.abs(own.height - beside.height) < 1, `${own.height} and ${beside.height}`);
  assert.ok(await draft.evaluate((area) => area.scrollHeight <= area.clientHeight + 1 && area.scrollWidth <= area.clientWidth), "the area shows all of it");
  await page.getByRole("button", { name: "Format" }).click();
  assert.equal(await draft.inputValue(), JSON.stringify(JSON.parse(seed), null, 2));
  await page.locator("#discard").click();
  await page.context().close();
  await ask("POST", "/reset");
});

test("on a telephone a request keeps its caller, and a clock that was moved says so in the head", async () => {
  await ask("POST", "/reset");
  await sdk().detect("1").catch(() => {});
  await ask("POST", "/clock/advance", { seconds: 5 });
  const page = await chrome.page({ width: 375 });
  await page.see("/dashboard");
  const row = page.locator("#requests tbody[role=rowgroup] tr").first();
  await row.getByText("user/test").waitFor();
  const saysMoved = (wanted) => page.waitForFunction((is) => (document.querySelector("#clock-state").textContent === "moved") === is, wanted);
  await saysMoved(true);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 375);
  await ask("PUT", "/clock", { offset_seconds: 0 });
  await saysMoved(false);
  await page.context().close();
});

test("no page has loaded from elsewhere, broken its policy, or thrown", () => {
  assert.deepEqual(chrome.complaints, []);
});
