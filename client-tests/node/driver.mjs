// Calls DetectAnomalies through the AWS SDK for JavaScript v3: one job on standard input, one outcome on standard
// output. Credentials, Region, endpoint and trust come from the environment alone, as in any program.

import { createReadStream, readFileSync } from "node:fs";
import * as sdk from "@aws-sdk/client-lookoutvision";

const job = JSON.parse(readFileSync(0, "utf8"));
const client = new sdk.LookoutVisionClient({});
process.stdout.write(JSON.stringify(await detect()));
client.destroy();

async function detect() {
  try {
    const response = await client.send(
      new sdk.DetectAnomaliesCommand({
        ProjectName: job.project,
        ModelVersion: job.model_version,
        ContentType: job.content_type,
        Body: job.upload === "file" ? createReadStream(job.image) : readFileSync(job.image),
      }),
    );
    return { result: detection(response) };
  } catch (error) {
    if (error.$response === undefined && error.$metadata?.httpStatusCode === undefined) {
      return { unreachable: { detail: `${error.name}: ${error.message} ${error.code ?? ""}` } };
    }
    return { refusal: refusal(error) };
  }
}

function refusal(error) {
  const modelled = sdk[error.name];
  const retryAfter = error.$response?.headers?.["retry-after"];
  return {
    exception: error.name,
    typed: typeof modelled === "function" && error instanceof modelled,
    status: error.$metadata.httpStatusCode,
    message: error.message,
    retry_after_seconds: retryAfter === undefined ? null : Number(retryAfter),
    request_id: error.$metadata.requestId ?? null,
  };
}

function detection(response) {
  const result = response.DetectAnomalyResult;
  return {
    source_type: result.Source.Type,
    is_anomalous: result.IsAnomalous,
    confidence: result.Confidence,
    anomalies: (result.Anomalies ?? []).map((anomaly) => ({
      name: anomaly.Name,
      color: anomaly.PixelAnomaly.Color,
      total_percentage_area: anomaly.PixelAnomaly.TotalPercentageArea,
    })),
    anomaly_mask: result.AnomalyMask ? Buffer.from(result.AnomalyMask).toString("base64") : null,
    request_id: response.$metadata.requestId ?? null,
  };
}
