// What the dashboard copies, and the pictures that it draws.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";

import { ask, browser, control, emulatorOn, endEmulators, freePort, openNewest, POLICY, sdk, traffic } from "./dashboard-support.mjs";

const seed = readFileSync(process.env.ENDPOINT_POLICY, "utf8");

let chrome;
before(async () => {
  chrome = await browser();
});
after(async () => {
  await chrome.close();
  endEmulators();
});

/** What a button puts on the clipboard */
async function copied(page, name) {
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await page.getByRole("button", { name, exact: true }).click();
  // Some texts are asked for first.
  return page.evaluate(async () => {
    for (;;) {
      const text = await navigator.clipboard.readText();
      if (text) return text;
      await new Promise(requestAnimationFrame);
    }
  });
}

test("what is copied is what it says", async () => {
  await traffic();
  const page = await chrome.page({ permissions: ["clipboard-read", "clipboard-write"] });
  const entry = await openNewest(page, "explicitDeny");
  assert.equal(await copied(page, "message"), entry.message);
  assert.match(await copied(page, "curl"), /^curl --aws-sigv4 'aws:amz:us-west-2:lookoutvision' --user "\$AWS_ACCESS_KEY_ID:\$AWS_SECRET_ACCESS_KEY" --request 'DELETE' --globoff 'https:\/\/.*\/2020-11-20\/projects\/myProject\/models\/1'$/);
  const simulated = await ask("POST", "/simulate", await copied(page, "simulate line"));
  assert.deepEqual([simulated.id, simulated.decision, simulated.message], [entry.request_id, "explicitDeny", entry.message]);
  const testCase = await copied(page, "test case");
  assert.doesNotMatch(testCase, /UserAgent/);
  assert.equal(await copied(page, "Copy test case"), testCase, "both buttons copy one case");
  const folder = mkdtempSync(`${tmpdir()}/dashboard-case-`);
  writeFileSync(`${folder}/tests.yaml`, `policies: {vpc_endpoint: endpoint.json}\ntests:\n${testCase}\n`);
  writeFileSync(`${folder}/endpoint.json`, seed);
  const run = spawnSync(process.env.EMULATOR, ["policy", "test", `${folder}/tests.yaml`], { encoding: "utf8", env: { PATH: process.env.PATH } });
  assert.equal(run.status, 0, `${testCase}\n${run.stdout}${run.stderr}`);
  await page.context().close();
});

test("nothing that a client without credentials sends is run by the shell, or leads the keys to it", async () => {
  await ask("POST", "/reset");
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_ENDPOINT_URL_LOOKOUTVISION: url, AWS_CA_BUNDLE: bundle } = process.env;
  const folder = mkdtempSync(`${tmpdir()}/dashboard-shell-`);
  // A method is a token (RFC 9110, section 5.6.2), in which shells find backquotes, pipes and ampersands.
  const sent = ["-s", "--cacert", bundle, "--request", "`touch$IFS$0`&touch|x'", "--header", "host: elsewhere.example", `${url}/2020-11-20/projects`];
  spawnSync("curl", sent, { encoding: "utf8" });
  const [entry] = await ask("GET", "/requests");
  assert.equal(entry.host, "elsewhere.example");
  const page = await chrome.page({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.see(`/dashboard?request=${entry.request_id}`);
  const line = await copied(page, "curl");
  // What a shell makes of it is one command with these words.
  const shell = spawnSync("sh", ["-c", `curl() { printf '%s\\n' "$@"; }; ${line}`], { cwd: folder, encoding: "utf8", env: { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } });
  const words = shell.stdout.trimEnd().split("\n");
  assert.equal(words[words.indexOf("--request") + 1], entry.method, line);
  assert.equal(words.at(-1), `${url}/2020-11-20/projects`);
  assert.deepEqual(readdirSync(folder), []);
  await page.context().close();
});

test("the line that is copied says of a role's trust policy what the emulator said", async () => {
  await ask("POST", "/reset");
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_ENDPOINT_URL_STS: url, AWS_CA_BUNDLE: bundle } = process.env;
  const form = ["Action=AssumeRole", "Version=2011-06-15", "RoleArn=arn:aws:iam::123456789012:role/line", "RoleSessionName=session"].flatMap((part) => ["--data-urlencode", part]);
  const call = spawnSync("curl", ["-s", "--cacert", bundle, "--aws-sigv4", "aws:amz:us-west-2:sts", "--user", `${id}:${secret}`, ...form, url], { encoding: "utf8" });
  assert.match(call.stdout, /is not authorized to perform: sts:AssumeRole/);
  const page = await chrome.page({ permissions: ["clipboard-read", "clipboard-write"] });
  const entry = await openNewest(page, "implicitDeny");
  assert.match(await page.locator(".verdict").innerText(), /No statement of the role trust policy allows this\./);
  const simulated = await ask("POST", "/simulate", await copied(page, "simulate line"));
  assert.deepEqual([simulated.decision, simulated.message !== null], [entry.decision, true]);
  await page.context().close();
});

test("a draft is copied as the commands that ask what if and that attach it", async () => {
  await ask("POST", "/reset");
  await sdk().detect("1").catch(() => {});
  const page = await chrome.page({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.see("/dashboard/policies");
  await page.locator("#edit").click();
  await page.locator("#draft").fill((await page.locator("#draft").inputValue()).replace("myProject/myModel", "myProject/*"));
  const bin = mkdtempSync(`${tmpdir()}/dashboard-bin-`);
  symlinkSync(process.env.EMULATOR, `${bin}/lookoutvision-emulator`);
  const run = (command) => spawnSync("sh", ["-c", command], { encoding: "utf8", env: { PATH: `${bin}:${process.env.PATH}` } });
  const asked = run(await copied(page, "what-if"));
  assert.match(asked.stdout, /^1 call: 0 would be denied, 1 would be allowed, 0 unchanged\n/, asked.stderr);
  const draft = await page.locator("#draft").inputValue();
  run(await copied(page, "attach"));
  assert.equal((await (await fetch(`${control}${POLICY}`)).text()).trim(), draft.trim());
  await ask("POST", "/reset");
  await page.context().close();
});

test("the mask of an answer lies over its image", async () => {
  await ask("POST", "/reset");
  await sdk().detect("myModel");
  const page = await chrome.page();
  await openNewest(page, "allowed");
  const canvas = page.locator(".picture canvas");
  await canvas.waitFor();
  const pixels = () => canvas.evaluate((drawn) => [...drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.height).data]);
  const masked = await pixels();
  assert.match(await page.locator(".legend").innerText(), /scratch\s+#23A436, 1\.5 %[\s\S]*dent\s+#FF7A00, 5\.0 %/);
  await page.getByLabel("Mask over the image").uncheck();
  const bare = await pixels();
  const differ = bare.filter((_, at) => at % 4 === 0 && [0, 1, 2].some((channel) => bare[at + channel] !== masked[at + channel])).length;
  // Two regions, of 0.30 by 0.05 and 0.20 by 0.25 of the image
  const share = differ / (bare.length / 4);
  assert.ok(Math.abs(share - 0.065) < 0.006, `${share} of the picture is under the mask`);
  await page.context().close();
});

const MASKED = `
projects:
  - name: myProject
    models: [{version: "1", detect_anomalies: [{then: {is_anomalous: true, confidence: 0.9, anomalies: [{name: hole, color: "#23A436", regions: [{x: 0.1, y: 0.1, width: 0.5, height: 0.5}]}]}}]}]
`;

test("where the image is not kept the mask is shown alone, and a configuration that is not valid is told on each page", async () => {
  const port = await freePort();
  const folder = mkdtempSync(`${tmpdir()}/dashboard-`);
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(`${folder}/emulator.yaml`, MASKED);
  const emulator = await emulatorOn(port, folder);
  // It trusts another emulator's CA.
  await sdk({ endpoint: emulator.endpoint, requestHandler: { httpsAgent: new Agent({ rejectUnauthorized: false }) } }).detect("1");
  const [entry] = await ask("GET", "/requests", undefined, url);
  const page = await chrome.page({ url });
  await page.see(`/dashboard?request=${entry.request_id}`);
  const canvas = page.locator(".picture canvas");
  await canvas.waitFor();
  const green = await canvas.evaluate((drawn) => [...drawn.getContext("2d").getImageData(drawn.width * 0.3, drawn.height * 0.3, 1, 1).data]);
  assert.deepEqual(green, [0x23, 0xa4, 0x36, 255]);
  await page.getByText("The mask alone: a larger limits.journal_body_bytes_max keeps the image, too.").waitFor();

  const notice = page.locator("#notice");
  assert.equal(await notice.isHidden(), true);
  writeFileSync(`${folder}/emulator.yaml`, `nams: []\n${MASKED}`);
  await notice.getByText(/is not valid, so the one before stays in force: .*emulator\.yaml:1:1: \/nams: /).waitFor();
  // So is whoever comes later.
  await page.see("/dashboard/faults");
  await notice.getByText(/\/nams: /).waitFor();
  writeFileSync(`${folder}/emulator.yaml`, MASKED);
  await notice.waitFor({ state: "hidden" });
  await page.context().close();
  await emulator.stop();
});

test("no page has loaded from elsewhere, broken its policy, or thrown", () => {
  assert.deepEqual(chrome.complaints, []);
});
