// inspect-parts.mjs IMAGE...: says of each image whether it shows a flaw.
//
//   npm install --prefix emulator/examples/sdks/javascript
//   lookoutvision-emulator exec -- node emulator/examples/sdks/javascript/inspect-parts.mjs \
//       emulator/tests/fixtures/images/normal-1.jpg
//
// Credentials, Region, endpoint and trust come from the environment; nothing here knows whether AWS answers or the emulator.

import { readFile } from "node:fs/promises";

import { DetectAnomaliesCommand, LookoutVisionClient } from "@aws-sdk/client-lookoutvision";

async function hasFlaw(client, image, contentType) {
  const answer = await client.send(
    new DetectAnomaliesCommand({
      ProjectName: "myProject",
      ModelVersion: "1",
      ContentType: contentType,
      Body: image,
    }),
  );
  return answer.DetectAnomalyResult.IsAnomalous;
}

const client = new LookoutVisionClient({});
for (const path of process.argv.slice(2)) {
  const contentType = path.endsWith(".png") ? "image/png" : "image/jpeg";
  const flawed = await hasFlaw(client, await readFile(path), contentType);
  console.log(`${path}: ${flawed ? "flawed" : "good"}`);
}
