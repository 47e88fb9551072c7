// Reads TAP reports as tap-parser does, in strict mode: whatever is no TAP fails.
//
//     node read-tap.mjs REPORT...

import { readFileSync } from "node:fs";
import { Parser } from "tap-parser";

const reports = process.argv.slice(2);
if (reports.length === 0) throw new Error("no report was given");
for (const report of reports) {
  const parser = new Parser({ strict: true });
  let results;
  parser.on("complete", (found) => (results = found));
  parser.end(readFileSync(report));
  // Strict mode counts what is no TAP as a failure without a number.
  const faults = results.failures.filter((failure) => failure.tapError);
  if (faults.length > 0 || results.count === 0 || results.count !== results.plan.end) {
    throw new Error(`${report}: ${JSON.stringify({ count: results.count, plan: results.plan, faults }, null, 1)}`);
  }
}
