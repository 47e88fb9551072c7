// The life of a project through the AWS SDK for JavaScript v3, as programs for the real service are written: create,
// poll, use, delete. Credentials, Region, endpoint and trust come from the environment alone; the first argument is an
// image, and the emulator's configuration is `life-cycle/emulator.yaml`. A failed assertion ends the program. Where
// LOOKOUTVISION_EMULATOR_CONTROL_URL is set everything takes ten minutes, and the program puts the emulator's clock forward.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import * as sdk from "@aws-sdk/client-lookoutvision";

const client = new sdk.LookoutVisionClient({});
const image = readFileSync(process.argv[2]);
const send = (operation, input) => client.send(new sdk[`${operation}Command`](input));

async function expect(exception, operation, input) {
  await assert.rejects(send(operation, input), (error) => {
    assert(error instanceof sdk[exception], `${operation}: ${error.name}: ${error.message}`);
    return true;
  });
}

const controlUrl = process.env.LOOKOUTVISION_EMULATOR_CONTROL_URL;

async function wait() {
  if (controlUrl === undefined) return setTimeout(50);
  const body = JSON.stringify({ seconds: 600 });
  const answer = await fetch(`${controlUrl}/clock/advance`, { method: "POST", body });
  assert(answer.ok, await answer.text());
}

async function poll(status, running, done) {
  for (let looked = 0; looked < 100; looked += 1) {
    const found = await status();
    if (found !== running) {
      assert.equal(found, done);
      assert(controlUrl === undefined || looked === 1, `${running} for ${looked} steps of the clock`);
      return;
    }
    await wait();
  }
  assert.fail(`${running} for ever`);
}

async function all(paginate, input, items, pageSize) {
  const found = [];
  // The paginators write their tokens into the input.
  for await (const page of paginate({ client, pageSize }, { ...input })) found.push(...page[items]);
  return found;
}

const line = (number) =>
  JSON.stringify({
    "source-ref": `s3://images/${number}.jpg`,
    "anomaly-label": number % 2,
    "anomaly-label-metadata": {
      "class-name": number % 3 === 0 ? "anomaly" : "normal",
      "human-annotated": "yes",
      type: "groundtruth/image-classification",
      "creation-date": "2023-01-02T03:04:05.678",
    },
  });

const project = { ProjectName: "line-7" };
const created = (await send("CreateProject", project)).ProjectMetadata;
assert(created.CreationTimestamp instanceof Date && created.CreationTimestamp.getFullYear() >= 2020);
await expect("ConflictException", "CreateProject", project);
await expect("ResourceNotFoundException", "DescribeProject", { ProjectName: "nobody" });
await expect("ValidationException", "DescribeDataset", { ...project, DatasetType: "neither" });
await expect("ServiceQuotaExceededException", "CreateProject", { ProjectName: "one-too-many" });

for (const DatasetType of ["train", "test"]) {
  const dataset = { ...project, DatasetType };
  const S3Object = { Bucket: "images", Key: `${DatasetType}.manifest` };
  const answer = await send("CreateDataset", { ...dataset, DatasetSource: { GroundTruthManifest: { S3Object } } });
  assert.equal(answer.DatasetMetadata.Status, "CREATE_IN_PROGRESS");
  const describe = async () => (await send("DescribeDataset", dataset)).DatasetDescription;
  await poll(async () => (await describe()).Status, "CREATE_IN_PROGRESS", "CREATE_COMPLETE");
  assert.deepEqual((await describe()).ImageStats, { Total: 2, Labeled: 2, Normal: 1, Anomaly: 1 });
}

const train = { ...project, DatasetType: "train" };
const numbers = Array.from({ length: 30 }, (_, index) => 100 + index);
const Changes = Buffer.from(numbers.map(line).join("\n"));
assert.equal((await send("UpdateDatasetEntries", { ...train, Changes })).Status, "UPDATE_IN_PROGRESS");
const dataset = async () => (await send("DescribeDataset", train)).DatasetDescription.Status;
await poll(dataset, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE");
const entries = await all(sdk.paginateListDatasetEntries, train, "DatasetEntries", 7);
assert.equal(new Set(entries.map((entry) => JSON.parse(entry)["source-ref"])).size, 32);
const since = { ...train, AfterCreationDate: new Date("2023-01-02T03:04:05.677Z"), Labeled: true };
assert.equal((await send("ListDatasetEntries", since)).DatasetEntries.length, 30);

const OutputConfig = { S3Location: { Bucket: "results", Prefix: "" } };
const model = { ...project, ModelVersion: "latest" };
const describe = async () => (await send("DescribeModel", model)).ModelDescription;
for (const version of ["1", "2", "3"]) {
  const answer = await send("CreateModel", { ...project, OutputConfig, Tags: [{ Key: "line", Value: "7" }] });
  assert.equal(answer.ModelMetadata.Status, "TRAINING");
  await poll(async () => (await describe()).Status, "TRAINING", "TRAINED");
  assert.equal((await describe()).ModelVersion, version);
}
const models = await all(sdk.paginateListModels, project, "Models", 2);
assert.deepEqual(models.map((found) => found.ModelVersion), ["3", "2", "1"]);

const ResourceArn = (await describe()).ModelArn;
await send("TagResource", { ResourceArn, Tags: [{ Key: "shift", Value: "night" }] });
await send("UntagResource", { ResourceArn, TagKeys: ["line", "absent"] });
assert.deepEqual((await send("ListTagsForResource", { ResourceArn })).Tags, [{ Key: "shift", Value: "night" }]);

const detect = { ...model, ContentType: "image/png", Body: image };
await expect("ConflictException", "DetectAnomalies", detect);
assert.equal((await send("StartModel", { ...model, MinInferenceUnits: 1 })).Status, "STARTING_HOSTING");
await poll(async () => (await describe()).Status, "STARTING_HOSTING", "HOSTED");
assert.equal((await send("DetectAnomalies", detect)).DetectAnomalyResult.IsAnomalous, true);

for (const ComponentVersion of ["1.0.0", "1.0.1", "1.0.2"]) {
  const Greengrass = {
    TargetDevice: "jetson_xavier",
    S3OutputLocation: { Bucket: "results" },
    ComponentName: "line-7",
    ComponentVersion,
  };
  const { JobName } = await send("StartModelPackagingJob", { ...model, Configuration: { Greengrass } });
  const job = () => send("DescribeModelPackagingJob", { ...project, JobName });
  await poll(async () => (await job()).ModelPackagingDescription.Status, "RUNNING", "SUCCEEDED");
}
const jobs = await all(sdk.paginateListModelPackagingJobs, project, "ModelPackagingJobs", 2);
assert.equal(jobs.length, 3);

assert.equal((await send("StopModel", model)).Status, "STOPPING_HOSTING");
await poll(async () => (await describe()).Status, "STOPPING_HOSTING", "TRAINED");
for (const { ModelVersion } of models) {
  await send("DeleteModel", { ...project, ModelVersion });
  await expect("ResourceNotFoundException", "DescribeModel", { ...project, ModelVersion });
}
for (const DatasetType of ["train", "test"]) await send("DeleteDataset", { ...project, DatasetType });
assert.equal((await send("DeleteProject", project)).ProjectArn, created.ProjectArn);
const names = await all(sdk.paginateListProjects, {}, "Projects", 1);
assert.deepEqual(names.map((found) => found.ProjectName), ["declared"]);
await expect("AccessDeniedException", "DescribeProject", { ProjectName: "forbidden" });
const declared = { ProjectName: "declared", ContentType: "image/png", Body: image };
await expect("InternalServerException", "DetectAnomalies", { ...declared, ModelVersion: "1" });
await expect("ThrottlingException", "DetectAnomalies", { ...declared, ModelVersion: "2" });
client.destroy();
console.log("done");
