// The dashboard in a real browser: what a person reads, does and is spared.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";

import { AccessDeniedException } from "@aws-sdk/client-lookoutvision";

import { ask, browser, control, emulatorOn, endEmulators, freePort, hasRows, openNewest, pages, POLICY, rows, sdk, traffic } from "./dashboard-support.mjs";

const IMAGES = process.env.DASHBOARD_IMAGES;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const seed = readFileSync(process.env.ENDPOINT_POLICY, "utf8");

let chrome;
before(async () => {
  chrome = await browser();
});
after(async () => {
  await chrome.close();
  endEmulators();
});

async function holdsToAxe(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n  ${failureSummary}`).join("\n")}`);
  assert.deepEqual(said, [], what);
}

test("a denied call appears, why is read, the policy is edited, what-if shows the flip, and the next call is allowed", async () => {
  await ask("POST", "/reset");
  const client = sdk();
  const page = await chrome.page();
  await page.see("/dashboard");
  await page.getByText("No request yet.").waitFor();

  await assert.rejects(client.detect("1"), AccessDeniedException);
  await rows(page).first().click();
  await page.getByRole("heading", { name: "No statement of the VPC endpoint policy allows this." }).waitFor();
  assert.match(await page.locator(".verdict").innerText(), /Nearest is statement 0, Line: its Resource names model myModel, the request asked for model 1\./);
  assert.match(await page.locator(".doc > .bad").innerText(), /myProject\/myModel/);
  assert.deepEqual(await page.locator(".doc > .fw > .cmp mark").allInnerTexts(), ["myModel", "1"]);
  assert.match(await page.locator(".said").innerText(), /because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action$/);

  // From the edit that allows it to what it would change.
  await page.getByRole("button", { name: "Try in What if" }).first().click();
  await page.waitForURL(/\/dashboard\/policies/);
  await page.locator(".flip").waitFor();
  assert.match(await page.locator(".tally").innerText(), /0\s+now denied\s+1\s+now allowed/);
  assert.match(await page.locator("#draft").inputValue(), /model\/myProject\/1"/);
  await page.getByRole("button", { name: "Attach draft" }).click();
  await page.getByText("0 recorded calls would now be denied, 1 would now be allowed.").waitFor();
  await page.getByRole("button", { name: "Attach", exact: true }).click();
  await page.getByText("Attached; it holds").waitFor();

  const { DetectAnomalyResult } = await client.detect("1");
  assert.equal(DetectAnomalyResult.IsAnomalous, false);

  // One key puts back what was attached before.
  assert.equal(await page.evaluate(() => document.activeElement.id), "undo");
  await page.keyboard.press("Enter");
  await page.getByText("Put back", { exact: true }).waitFor();
  assert.equal(await ask("GET", POLICY).then(JSON.stringify), JSON.stringify(JSON.parse(seed)));
  await page.context().close();
});

test("what another client attaches is not put out of force unasked", async () => {
  await ask("POST", "/reset");
  const page = await chrome.page();
  await page.see("/dashboard/policies");
  await page.locator("#edit").click();
  await page.locator("#draft").fill((await page.locator("#draft").inputValue()).replace("myProject/myModel", "myProject/*"));
  await page.getByRole("button", { name: "Attach draft" }).click();
  await page.getByRole("button", { name: "Attach", exact: true }).click();
  await page.locator("#undo").waitFor();
  const foreign = { Version: "2012-10-17", Statement: [{ Effect: "Deny", Principal: "*", Action: "*", Resource: "*" }] };
  await ask("PUT", POLICY, foreign);
  await page.locator("#undo").waitFor({ state: "hidden" });
  assert.deepEqual(await ask("GET", POLICY), foreign);
  await ask("POST", "/reset");
  await page.context().close();
});

test("a value without a space in it does not make the page wider than its window", async () => {
  await ask("POST", "/reset");
  await ask("PUT", POLICY, { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: "*", Action: "*", Resource: "*", Condition: { StringEquals: { "aws:UserAgent": "line" } } }] });
  await assert.rejects(sdk({ customUserAgent: "x".repeat(400) }).detect("1"), AccessDeniedException);
  const page = await chrome.page({ width: 1280 });
  await openNewest(page, "implicitDeny");
  await page.locator(".cmp dd mark").last().waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 1280);
  await ask("POST", "/reset");
  await page.context().close();
});

test("lint speaks while one types, and a draft with an error cannot be attached", async () => {
  await ask("POST", "/reset");
  const page = await chrome.page();
  await page.see("/dashboard/policies");
  await page.locator("#edit").click();
  const draft = page.locator("#draft");
  const text = await draft.inputValue();
  await draft.fill(text.replace('"lookoutvision:DetectAnomalies"', '"lookoutvision:DetectAnomaly"'));
  await page.locator("#lint-list li").first().waitFor();
  assert.match(await page.locator("#lint-list").innerText(), /DetectAnomal/);
  await page.locator("#lint-list button").first().click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "draft");
  await draft.fill(text.slice(0, -10));
  await page.locator("#lint-state").getByText("error").waitFor();
  assert.equal(await page.locator("#attach").isDisabled(), true);
  // What is typed is painted at once, whether or not lint has answered.
  await page.route("**/lint?*", () => {});
  await draft.fill("{}");
  assert.match(await page.locator("#paint").innerText(), /^\{\}\s*$/);
  await page.locator("#lint-state").getByText("checking").waitFor();
  await page.locator("#discard").click();
  assert.equal(await page.locator("#editor").isHidden(), true);
  await page.context().close();
});

test("everything about requests can be done by keyboard", async () => {
  await traffic();
  const page = await chrome.page();
  await page.see("/dashboard");
  await rows(page).first().waitFor();
  // Until events come the page may read everything once more, and a table that is away for a moment is no stop.
  await page.getByText("live", { exact: true }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  const isAt = (id) => page.evaluate((wanted) => document.activeElement.id === wanted, id);
  for (let tabs = 0; !(await isAt("requests")); tabs += 1) {
    assert.ok(tabs < 30, "the table is one of the first stops");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("End");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  const active = () => page.evaluate(() => document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.getAttribute("aria-rowindex"));
  assert.equal(await active(), "3");
  await page.keyboard.press("Enter");
  await page.locator(".verdict").waitFor();
  assert.ok(await isAt("detail-h"), "the heading of the detail has the focus");
  assert.match(page.url(), /request=/);
  await page.keyboard.press("Escape");
  assert.ok(await isAt("requests"), "Esc leads back to the table");
  assert.doesNotMatch(page.url(), /request=/);
  await page.keyboard.press("/");
  assert.ok(await isAt("find"));
  await page.keyboard.type("operation=DetectAnomalies status=403");
  await page.waitForFunction(() => location.search.includes("status=403"));
  const found = await ask("GET", "/requests?operation=DetectAnomalies&status=403");
  await hasRows(page, found.length);
  // The address has the filter, so a link keeps it.
  await page.reload();
  await rows(page).first().waitFor();
  assert.equal(await page.locator("#find").inputValue(), "operation=DetectAnomalies status=403");
  await hasRows(page, found.length);
  await page.locator("#find").fill("opration=x");
  await page.getByText("There is no filter opration").waitFor();
  await page.locator("#find").fill("no such thing");
  await page.getByText("No request matches.").waitFor();
  await page.context().close();
});

test("each kind of refusal says in one sentence why", async () => {
  await traffic();
  const page = await chrome.page();
  const verdict = () => page.locator(".verdict").innerText();
  await openNewest(page, "explicitDeny");
  assert.match(await verdict(), /A statement of the VPC endpoint policy denies this\.\s+Statement 1, NoDelete/);
  await openNewest(page, "implicitDeny", "&operation=DetectAnomalies&principal=arn:aws:iam::123456789012:user/test");
  // The name of an action stays as it is written, also where it begins the sentence.
  assert.match(await page.locator(".fold .why").first().textContent(), /^lookoutvision:DetectAnomalies is not lookoutvision:DeleteProject/);
  await openNewest(page, "implicitDeny", "&principal=arn:aws:iam::123456789012:user/alice");
  assert.match(await verdict(), /No statement of the identity-based policy allows this\.\s+Nearest is statement 0, FromTheLine: its Condition on aws:SourceVpce names vpce-0123456789abcdef0, the request had vpce-0a1b2c3d4e5f67890\./);
  await openNewest(page, "allowed", "&status=429");
  assert.match(await verdict(), /The policies allow this; the service refuses it\.\s+Rate exceeded/);
  const [forged] = await ask("GET", "/requests?error_code=InvalidSignatureException");
  await page.see(`/dashboard?request=${forged.request_id}`);
  await page.locator(".verdict").waitFor();
  assert.match(await verdict(), /The signature is not accepted; no policy was asked\./);
  assert.match(await page.locator("#detail").innerText(), /Canonical request[\s\S]*\/2020-11-20\/projects\/myProject\/models\/myModel\/detect/);

  // Where it can be known what the client has signed, the first line that differs is marked.
  const { host } = new URL(process.env.AWS_ENDPOINT_URL_LOOKOUTVISION);
  const proxied = sdk();
  const called = (name, step, priority) =>
    proxied.client.middlewareStack.add(
      (next) => (call) => {
        call.request.headers.host = name;
        return next(call);
      },
      { step, priority },
    );
  called("localhost", "build", "low");
  called(host, "deserialize", "high");
  await proxied.detect("myModel").catch(() => {});
  const [misnamed] = await ask("GET", "/requests?order=newest&limit=1");
  await page.see(`/dashboard?request=${misnamed.request_id}`);
  await page.locator(".verdict").waitFor();
  assert.match(await verdict(), /The client signed the host without its port\. The first line that differs is line \d+ of the canonical request\./);
  assert.equal(await page.locator(".doc > .bad").innerText().then((text) => text.includes(`host:${host}`)), true);
  assert.match(await page.locator(".doc > .fw .cmp").innerText(), new RegExp(`emulator has\\s+host:${host}\\s+client signed\\s+host:localhost\\s`));
  await page.context().close();
});

test("what another policy said stays readable after it was replaced", async () => {
  await ask("POST", "/reset");
  await sdk().detect("1").catch(() => {});
  await ask("DELETE", POLICY);
  const page = await chrome.page();
  await openNewest(page, "implicitDeny");
  await page.getByText("the policy has changed since").waitFor();
  assert.match(await page.locator(".doc > .bad").innerText(), /myModel/);
  await page.context().close();
});

test("names, Sids, user agents and policy texts are texts, whatever stands in them", async () => {
  const markup = `<img src=x onerror="globalThis.struck=1"><script>globalThis.struck=1</script>`;
  const policy = {
    Version: "2012-10-17",
    Statement: [
      { Sid: "Markup", Effect: "Allow", Principal: "*", Action: "lookoutvision:DetectAnomalies", Resource: `arn:aws:lookoutvision:us-west-2:123456789012:model/${markup}/*` },
      { Effect: "Deny", Principal: "*", Action: "lookoutvision:*", Resource: "*", Condition: { StringLike: { "aws:UserAgent": `*${markup}*` }, StringEquals: { "aws:Referer": markup } } },
    ],
  };
  await ask("POST", "/reset");
  await ask("PUT", POLICY, JSON.stringify(policy, null, 2));
  const client = sdk();
  client.client.middlewareStack.add(
    (next) => (call) => {
      call.request.headers["user-agent"] = markup;
      call.request.headers.referer = markup;
      return next(call);
    },
    { step: "build" },
  );
  await client.detect("1").catch(() => {});
  await client.detect("1", "my<Project>").catch(() => {});
  await new Promise((resolve) => {
    request(new URL(`/2020-11-20/projects/${encodeURIComponent(markup)}?x=${encodeURIComponent(markup)}`, process.env.AWS_ENDPOINT_URL_LOOKOUTVISION), { headers: { "user-agent": markup } }, (answer) => answer.resume().on("end", resolve)).end();
  });
  const page = await chrome.page();
  const entries = await ask("GET", "/requests");
  assert.ok(entries.length >= 3);
  for (const { request_id: id } of entries) {
    await page.see(`/dashboard?request=${id}`);
    await page.locator(".verdict").waitFor();
    await page.locator("#detail details").evaluateAll((all) => all.forEach((details) => { details.open = true; }));
  }
  for (const path of pages) {
    await page.see(path);
    await page.waitForTimeout(400);
  }
  await page.see("/dashboard/policies");
  await page.locator("#edit").click();
  await page.locator("#draft").fill(JSON.stringify({ ...policy, Id: markup }, null, 2));
  await page.locator("#lint-state .b").first().waitFor();
  assert.match(await page.locator("#attached-text").innerText(), /<img src=x onerror=/);
  assert.equal(await page.evaluate(() => globalThis.struck), undefined);
  assert.equal(await page.locator("main img, main script").count(), 0);
  await ask("POST", "/reset");
  await page.context().close();
});

test("where there is nothing to cover there is no bar", async () => {
  await ask("POST", "/reset");
  await ask("PUT", POLICY, { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: "*", Action: "*", Resource: "*" }] });
  await ask("DELETE", "/coverage");
  await sdk().detect("1");
  const page = await chrome.page();
  await page.see("/dashboard/coverage");
  const row = page.locator("#documents tbody tr", { hasText: "vpc-endpoint" }).filter({ hasNotText: "replaced" });
  await row.waitFor();
  assert.equal(await row.locator("td[data-h=statements] svg").count(), 1);
  assert.equal(await row.locator("td[data-h=conditions] svg").count(), 0);
  assert.equal(await row.locator("td[data-h=conditions]").innerText(), "none");
  await ask("POST", "/reset");
  await page.context().close();
});

test("no secret is on any page", async () => {
  await traffic();
  const page = await chrome.page();
  for (const path of pages) {
    await page.see(path);
    await page.waitForTimeout(300);
    const text = await page.locator("body").innerText();
    assert.doesNotMatch(text, /wJalrXUtnFEMI|AWS_SECRET_ACCESS_KEY=test/, path);
  }
  await page.context().close();
});

test("no page has a finding of axe, at either width, in either colour, with its details open", async () => {
  await traffic();
  for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [375, "light"], [375, "dark"]]) {
    const page = await chrome.page({ width, scheme });
    for (const path of pages) {
      await page.see(path);
      await page.waitForTimeout(400);
      await holdsToAxe(page, `${path} at ${width}, ${scheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${path} is ${wide} wide at ${width}`);
    }
    for (const decision of ["implicitDeny", "explicitDeny", "allowed"]) {
      await openNewest(page, decision);
      await page.locator("#detail details").evaluateAll((all) => all.forEach((details) => { details.open = true; }));
      await holdsToAxe(page, `a request, ${decision}, at ${width}, ${scheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `a request is ${wide} wide at ${width}`);
    }
    await page.see("/dashboard/policies");
    await page.locator("#edit").click();
    await page.locator("#draft").fill((await page.locator("#draft").inputValue()).replace("myProject/myModel", "*"));
    await page.locator("#lint-state .b").first().waitFor();
    await holdsToAxe(page, `the editor at ${width}, ${scheme}`);
    await page.context().close();
  }
});

test("projects have their models, and a rule that is added answers", async () => {
  await ask("POST", "/reset");
  const page = await chrome.page();
  await page.see("/dashboard/project");
  await page.getByRole("row", { name: /myModel\s+HOSTED/ }).waitFor();
  assert.equal(await page.locator("#restore").isDisabled(), true, "there is nothing to take back");
  const drawing = await page.locator("#drawing").count();
  assert.equal(drawing, 1);
  await page.getByRole("row", { name: /^myModel/ }).click();
  await page.locator("#r-anomaly").fill("hole");
  // The rules above it come later, and move it.
  await page.getByRole("heading", { name: "Answers of myModel" }).waitFor();
  await page.locator("#rules-list").getByText("scratch, dent").waitFor();
  await page.locator("#drawing").scrollIntoViewIfNeeded();
  const box = await page.locator("#drawing").boundingBox();
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height * 0.25);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, box.y + box.height * 0.5, { steps: 3 });
  await page.mouse.up();
  const [x, y, width, height] = (await page.locator("#r-regions").inputValue()).split(" ").map(Number);
  for (const [is, should] of [[x, 0.25], [y, 0.25], [width, 0.5], [height, 0.25]]) assert.ok(Math.abs(is - should) < 0.02, `${is}, ${should}`);
  assert.match(await page.locator("#yaml").innerText(), /is_anomalous: true, confidence: 0\.97, anomalies: \[\{name: hole, color: "#23A436", regions: \[\{x: 0\.2/);
  for (const [field, text] of [["#r-every", "1"], ["#r-scenario", "line=Started"], ["#r-set-scenario", "line=Started"]]) await page.locator(field).fill(text);
  await page.getByRole("button", { name: "Add rule" }).click();
  await page.getByText(/answers from the next call on/).waitFor();
  assert.deepEqual((await ask("GET", "/projects/myProject/models/myModel/detect-anomalies?region=us-west-2"))[0].when, { call: { every: 1 }, scenario: { line: "Started" } });
  await page.waitForFunction(() => !document.querySelector("#restore").disabled);
  const { DetectAnomalyResult: result } = await sdk().detect("myModel");
  assert.deepEqual(result.Anomalies.map(({ Name }) => Name).sort(), ["background", "hole"]);
  await page.getByRole("button", { name: /^Remove r-/ }).click();
  await page.getByText(/is removed/).waitFor();
  await page.context().close();
});

test("a fault is added by a form, met by the SDK, and stopped", async () => {
  await ask("POST", "/reset");
  const page = await chrome.page();
  await page.see("/dashboard/faults");
  await page.getByText("Requests get the service's own answers.").waitFor();
  await page.locator("#f-retry").fill("1");
  await page.locator("#f-times").fill("5");
  assert.match(await page.locator("#file").innerText(), /^faults:\n {2}- name: busy\n {4}when: \{operation: "Detect\*"\}\n {4}times: 5\n {4}ttl_seconds: 60\n {4}fault: \{error: ThrottlingException, retry_after_seconds: 1\}/);
  await page.getByRole("button", { name: "Add fault" }).click();
  await page.getByText("busy is in force").waitFor();
  await assert.rejects(sdk().detect("myModel"), { name: "ThrottlingException" });
  await page.getByRole("row", { name: /busy[\s\S]*4 of 5/ }).waitFor();
  // The next one is proposed a name that is free.
  await page.waitForFunction(() => document.querySelector("#f-name").value === "busy-2");
  await page.locator("#f-name").fill("busy");
  await page.locator("#f-to").fill("9");
  await page.locator("#f-every").fill("3");
  assert.match(await page.locator("#file").innerText(), /when: \{operation: "Detect\*", call: \{to: 9, every: 3\}\}/);
  await page.getByRole("button", { name: "Add fault" }).click();
  await page.locator("#form-wrong").getByText("busy").waitFor();
  assert.equal(await page.locator("#f-name").getAttribute("aria-invalid"), "true");
  // Each kind has its own fields, and the emulator understands what they make.
  for (const [kind, part] of [["delay", "delay_milliseconds: 50"], ["status", "status: 503"], ["connection", "connection: reset"], ["tls", "tls: expired_certificate"]]) {
    await page.locator("#f-name").fill(`a-${kind}`);
    await page.locator("#f-kind").selectOption(kind);
    assert.ok((await page.locator("#file").innerText()).includes(part), kind);
    await page.getByRole("button", { name: "Add fault" }).click();
    await page.getByRole("row", { name: new RegExp(`^a-${kind}`) }).waitFor();
  }
  await page.getByRole("row", { name: /busy/ }).getByRole("link").click();
  await page.waitForURL(/fault=busy/);
  // In the chart, faults are a series of their own.
  await page.locator("#charts path.f-fa").waitFor();
  assert.match(await page.locator("#charts svg").first().getAttribute("aria-label"), / [1-9]\d* faults?; /);
  await rows(page).first().click();
  await page.getByText("The fault busy was put in the way.").waitFor();
  await page.see("/dashboard/faults");
  await page.getByRole("button", { name: "Stop all" }).click();
  await page.locator("#stop-ask").getByRole("button", { name: "Stop all" }).click();
  await page.getByText("Requests get the service's own answers.").waitFor();
  await ask("POST", "/reset");
  await page.context().close();
});

test("the matrix is one stop, and a cell says why", async () => {
  await ask("POST", "/reset");
  const page = await chrome.page();
  await page.see("/dashboard/matrix");
  await page.locator("#matrix button").first().waitFor();
  assert.equal(await page.locator('#matrix button[tabindex="0"]').count(), 1);
  await page.locator('#matrix button[tabindex="0"]').focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.locator(".verdict").waitFor();
  await page.locator("#matrix tr", { hasText: "DetectAnomalies model/myProject/1" }).getByRole("button", { name: /implicit deny/ }).first().click();
  await page.getByText("No statement of the VPC endpoint policy allows this.").waitFor();
  assert.match(await page.locator(".verdict").innerText(), /names model myModel, the request asked for model 1/);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#detail").isHidden(), true);
  await page.context().close();
});

test("two tabs agree, and a paused one holds still", async () => {
  await traffic();
  const page = await chrome.page();
  await page.see("/dashboard");
  await rows(page).first().waitFor();
  const other = await chrome.page();
  await other.see("/dashboard");
  await rows(other).first().waitFor();
  const before = (await ask("GET", "/requests")).length;
  for (const tab of [page, other]) await tab.locator("#n-all").getByText(String(before), { exact: true }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await sdk().detect("1").catch(() => {});
  await other.locator("#n-all").getByText(String(before + 1), { exact: true }).waitFor();
  await page.getByText("paused, 1 new").waitFor();
  assert.equal(await page.locator("#n-all").innerText(), String(before));
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator("#n-all").getByText(String(before + 1), { exact: true }).waitFor();
  await other.getByRole("button", { name: "Clear" }).click();
  await other.getByRole("button", { name: "Clear the journal" }).click();
  for (const tab of [page, other]) await tab.getByText("No request yet.").waitFor();
  for (const tab of [page, other]) await tab.context().close();
});

test("an emulator that was started anew is joined again", async () => {
  const port = await freePort();
  const folder = mkdtempSync(`${tmpdir()}/dashboard-`);
  const url = `http://127.0.0.1:${port}`;
  let emulator = await emulatorOn(port, folder);
  const page = await chrome.page({ url });
  await page.see("/dashboard");
  await page.getByText("live", { exact: true }).waitFor();
  await unsigned(emulator.endpoint);
  await rows(page).first().waitFor();
  await emulator.stop();
  await page.getByText(/^not connected, last \d\d:\d\d:\d\d$/).waitFor();
  assert.equal(await rows(page).count(), 1, "what is there stays readable");
  // A start within the second that uptimes are counted in looks like the same process.
  await page.waitForTimeout(2_600);
  emulator = await emulatorOn(port, folder);
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByText("No request yet.").waitFor();
  await unsigned(emulator.endpoint);
  await unsigned(emulator.endpoint);
  await page.locator("#n-all").getByText("2", { exact: true }).waitFor();
  await page.context().close();
  await emulator.stop();
});

const unsigned = (endpoint) =>
  new Promise((resolve, reject) => {
    // It trusts another emulator's CA; who answers does not matter here.
    request(new URL("/2020-11-20/projects", endpoint), { rejectUnauthorized: false }, (answer) => answer.resume().on("end", resolve)).on("error", reject).end();
  });

test("the pages of the documentation's pictures", async () => {
  mkdirSync(IMAGES, { recursive: true });
  await traffic();
  for (const scheme of ["light", "dark"]) {
    const page = await chrome.page({ scheme, height: 860 });
    const picture = (name) => page.screenshot({ path: `${IMAGES}/dashboard-${name}-${scheme}.png` });
    await openNewest(page, "implicitDeny", "&operation=DetectAnomalies&principal=arn:aws:iam::123456789012:user/test");
    await page.locator(".chart").first().waitFor();
    // As high as it takes to show what would allow the call.
    await page.setViewportSize({ width: 1280, height: 1010 });
    assert.ok(await page.locator(".edit").first().evaluate((edit) => edit.getBoundingClientRect().bottom < innerHeight));
    await picture("requests");
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.see("/dashboard/policies");
    await page.locator("#edit").click();
    await page.locator("#draft").fill((await page.locator("#draft").inputValue()).replace("myProject/myModel", "myProject/1"));
    // Calls that would be lost, and calls that would be won.
    await page.locator(".flip.away").first().waitFor();
    assert.ok((await page.locator(".flip:not(.away)").count()) > 0);
    await page.mouse.click(5, 400);
    await picture("policies");
    await page.locator("#discard").click();
    for (const path of pages.slice(2)) {
      await page.see(path);
      await page.waitForTimeout(500);
      await picture(path.split("/").pop());
    }
    await page.context().close();
  }
});

test("no page has loaded from elsewhere, broken its policy, or thrown", () => {
  assert.deepEqual(chrome.complaints, []);
});
