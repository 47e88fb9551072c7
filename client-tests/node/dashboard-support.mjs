// What the tests of the dashboard share: a browser, emulators of their own, and calls through the SDK.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent } from "node:https";

import { DeleteModelCommand, DetectAnomaliesCommand, ListProjectsCommand, LookoutVisionClient } from "@aws-sdk/client-lookoutvision";
import { chromium } from "playwright-core";

export const control = process.env.LOOKOUTVISION_EMULATOR_CONTROL_URL;
/** The policy of the configuration's endpoint */
export const POLICY = "/vpc-endpoints/vpce-0a1b2c3d4e5f67890/policy";
const image = readFileSync(process.env.IMAGE);

/** A browser whose pages fail the test when they load from elsewhere, break the Content-Security-Policy or throw */
export async function browser() {
  const started = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    // A container's root has no sandbox.
    // Text without colours at its edges makes smaller pictures.
    args: ["--disable-lcd-text", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
  });
  const complaints = [];
  return {
    complaints,
    close: () => started.close(),
    async page({ width = 1280, height = 800, scheme = "light", url = control, ...more } = {}) {
      const context = await started.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce", ...more });
      return watch(await context.newPage(), url, complaints);
    },
  };
}

function watch(page, url, complaints) {
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.stack ?? error}`));
  page.on("console", (message) => {
    // A route that refuses is reported by the browser as an error, and by the page to its reader.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`)) complaints.push(`${page.url()} asks for ${request.url()}`);
  });
  page.setDefaultTimeout(20_000);
  page.see = (path) => page.goto(`${url}${path}`);
  return page;
}

/** Calls of the SDK that find everything in their environment */
export function sdk(options = {}) {
  const client = new LookoutVisionClient({ maxAttempts: 1, ...options });
  return {
    detect: (version, project = "myProject") =>
      client.send(new DetectAnomaliesCommand({ ProjectName: project, ModelVersion: version, ContentType: "image/jpeg", Body: image })),
    client,
  };
}

/** Asks the control API */
export async function ask(method, path, body, url = control) {
  const response = await fetch(`${url}${path}`, { method, body: body === undefined || typeof body === "string" ? body : JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The addresses of all pages */
export const pages = [...(await (await fetch(`${control}/dashboard`)).text()).matchAll(/<a href="(\/dashboard[^"]*)"/g)].map(([, path]) => path);

/** Everything as configured, and a journal with a bit of each kind */
export async function traffic() {
  await ask("POST", "/reset");
  await ask("PUT", "/clock", { offset_seconds: 0 });
  await ask("DELETE", "/coverage");
  const [test, alice] = [sdk(), sdk({ credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" } })];
  const wrong = sdk({ credentials: { accessKeyId: "test", secretAccessKey: "wrong" } });
  const calls = [
    () => test.detect("myModel"),
    () => test.detect("1"),
    () => test.detect("myModel"),
    () => test.client.send(new DeleteModelCommand({ ProjectName: "myProject", ModelVersion: "1" })),
    () => test.detect("myModel"),
    () => alice.detect("myModel"),
    () => test.client.send(new ListProjectsCommand({})),
    () => wrong.detect("myModel"),
    () => test.detect("myModel"),
    () => test.detect("1"),
  ];
  for (const call of calls) await call().catch(() => {});
}

/** The rows of the table of requests that are drawn */
export const rows = (page) => page.locator("#requests tbody[role=rowgroup] tr");
export const hasRows = (page, count) => page.waitForFunction((wanted) => document.querySelectorAll("#requests tbody[role=rowgroup] tr").length === wanted, count);
/** Opens the newest request that was decided so, and gives its entry */
export const openNewest = async (page, decision, operation = "") => {
  const entries = await ask("GET", `/requests?order=newest&limit=1&decision=${decision}${operation}`);
  await page.see(`/dashboard?request=${entries[0].request_id}`);
  await page.locator(".verdict").waitFor();
  return entries[0];
};

/** Sends so many unsigned calls, which are refused and stand in the journal */
export async function refusedCalls(count) {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const { request } = await import("node:https");
  const url = new URL("/2020-11-20/projects", process.env.AWS_ENDPOINT_URL_LOOKOUTVISION);
  const one = () =>
    new Promise((resolve, reject) => {
      const call = request(url, { agent }, (answer) => answer.resume().on("end", resolve).on("error", reject));
      call.on("error", reject).end();
    });
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  agent.destroy();
}

const started = new Set();

/** Ends what a test that failed has left running */
export function endEmulators() {
  for (const emulator of started) emulator.kill("SIGKILL");
}

/** An emulator of its own with the control API on a fixed port, to be stopped and started again */
export async function emulatorOn(port, folder) {
  const process_ = spawn(process.env.EMULATOR, ["serve", "--listen", "127.0.0.1:0", "--control", `127.0.0.1:${port}`, "--certs", `${folder}/certs`], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
    env: { PATH: process.env.PATH, HOME: folder },
  });
  started.add(process_);
  let text = "";
  await new Promise((resolve, reject) => {
    process_.stdout.on("data", (data) => {
      text += data;
      if (text.includes("is ready")) resolve();
    });
    process_.on("exit", () => reject(new Error(`the emulator ended: ${text}`)));
  });
  return {
    endpoint: /AWS API\s+(\S+)/.exec(text)[1],
    stop: () =>
      new Promise((resolve) => {
        process_.on("exit", () => {
          started.delete(process_);
          resolve();
        });
        process_.kill("SIGTERM");
      }),
  };
}

/** A port that nothing listens on */
export async function freePort() {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
