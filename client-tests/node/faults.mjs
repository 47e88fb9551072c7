// Faults as the SDK for JavaScript sees them: typed exceptions, tried again as against AWS, and what a broken connection or a
// bad certificate is to it. Run under `lookoutvision-emulator exec`, which sets the variables.

import assert from "node:assert/strict";

import * as sdk from "@aws-sdk/client-lookoutvision";

const control = process.env.LOOKOUTVISION_EMULATOR_CONTROL_URL;
const send = (method, path, body) => fetch(control + path, { method, body: body && JSON.stringify(body) });
const fault = async (effect, members = {}) => {
  const answer = await send("PUT", "/faults", [{ name: "f", fault: effect, ...members }]);
  assert.equal(answer.status, 200, await answer.text());
};
const attempts = async () => {
  const entries = await (await send("GET", "/requests?fault=f")).json();
  await send("DELETE", "/requests");
  return entries.length;
};
const client = (settings = {}) => new sdk.LookoutVisionClient(settings);
const start = () =>
  new sdk.StartModelCommand({ ProjectName: "myProject", ModelVersion: "1", MinInferenceUnits: 1 });
const raised = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail("nothing was raised");
};

// StartModel has every error of the API model. The SDK makes three attempts where the service or the rate is at fault.
for (const [name, status, expected] of [
  ["AccessDeniedException", 403, 1],
  ["ConflictException", 409, 1],
  ["InternalServerException", 500, 3],
  ["ResourceNotFoundException", 404, 1],
  ["ServiceQuotaExceededException", 402, 1],
  ["ThrottlingException", 429, 3],
  ["ValidationException", 400, 1],
]) {
  await fault({ error: name, message: "m" }, { stage: "instead_of_operation" });
  const error = await raised(client().send(start()));
  assert.ok(error instanceof sdk[name], `${name}: ${error}`);
  assert.equal(error.Message ?? error.message, "m");
  assert.equal(error.$metadata.httpStatusCode, status);
  assert.equal(error.$metadata.attempts, expected, name);
  assert.equal(await attempts(), expected, name);
}

const list = () => new sdk.ListProjectsCommand({});
await fault({ error: "ThrottlingException" }, { times: 2 });
assert.equal((await client().send(list())).$metadata.attempts, 3);
assert.equal(await attempts(), 2);

for (const [effect, code] of [
  [{ connection: "reset" }, "ECONNRESET"],
  [{ connection: "close" }, "ECONNRESET"],
  [{ connection: "truncate" }, "ECONNRESET"],
  [{ tls: "expired_certificate" }, "CERT_HAS_EXPIRED"],
  [{ tls: "not_yet_valid" }, "CERT_NOT_YET_VALID"],
  [{ tls: "wrong_name" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
  [{ tls: "unknown_authority" }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  [{ tls: "reset_in_handshake" }, "ECONNRESET"],
]) {
  await fault(effect);
  const error = await raised(client({ maxAttempts: 1 }).send(list()));
  assert.equal(error.code, code, `${JSON.stringify(effect)}: ${error.code} ${error}`);
  assert.equal(await attempts(), 1);
}
await send("DELETE", "/faults");
await client().send(list());
console.log("done");
