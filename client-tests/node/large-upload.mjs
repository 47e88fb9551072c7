// Uploads a file that is refused while it is still being sent, and ends when its last socket has closed. Whatever goes
// wrong on a socket after the answer is no exception that a program could catch: it ends the process.

import { readFileSync } from "node:fs";
import { DetectAnomaliesCommand, LookoutVisionClient } from "@aws-sdk/client-lookoutvision";

process.on("beforeExit", () => console.log("done"));

const error = await new LookoutVisionClient({ maxAttempts: 1 })
  .send(
    new DetectAnomaliesCommand({
      ProjectName: "myProject",
      ModelVersion: "myModel",
      ContentType: "image/png",
      Body: readFileSync(process.argv[2]),
    }),
  )
  .then(() => new Error("it was taken"), (error) => error);
if (error.name !== "RequestEntityTooLargeException" || error.$metadata?.httpStatusCode !== 413) {
  throw error;
}
