// A test suite that knows nothing of the emulator: endpoint, Region, credentials and trust come from its environment.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { AccessDeniedException, DetectAnomaliesCommand, LookoutVisionClient } from "@aws-sdk/client-lookoutvision";

const client = new LookoutVisionClient({});
const detect = (ModelVersion) =>
  client.send(
    new DetectAnomaliesCommand({
      ProjectName: "myProject",
      ModelVersion,
      ContentType: "image/jpeg",
      Body: readFileSync(process.env.IMAGE),
    }),
  );

test("the model that the policy names answers", async () => {
  const { DetectAnomalyResult } = await detect("myModel");
  assert.equal(DetectAnomalyResult.IsAnomalous, false);
});

test("another model is denied", async () => {
  await assert.rejects(detect("1"), AccessDeniedException);
});
