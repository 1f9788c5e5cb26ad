/**
 * `npm run conformance -- --target js`: ONNX's own tests on a target. Ends with a line of counts; writes
 * `docs/conformance.md` when all tests were run on a target that it has. Exit code 1 when a test does not pass
 * that did when the table was last made.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { ensureOnnxData } from "../onnx-data.ts";
import { runAll } from "./pool.ts";
import type { Outcome } from "./run.ts";
import { findTests, type TestCase } from "./suite.ts";
import { countsText, isRecorded, regressionsOn, noCounts, recordOf, saveRecord } from "./table.ts";
import { conformanceTargets } from "./targets.ts";

const usage = `npm run conformance -- --target TARGET [options]

  --target ${Object.keys(conformanceTargets).join(" | ")}
  --suite DIR     a folder in the layout of onnx/backend/test/data, or one of tests; default: the onnx wheel's
  --filter REGEX  only tests whose name matches
  --jobs N        tests at once; default: one per processor
  --seconds N     a test may take this long; default: 400
  --verbose       a line for every test that does not pass
`;

interface Settings {
  readonly target: string;
  readonly suite: string | undefined;
  readonly filter: RegExp;
  readonly jobs: number;
  readonly seconds: number;
  readonly isVerbose: boolean;
}

/** The command line; undefined where it is wrong. */
function readSettings(args: string[]): Settings | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        target: { type: "string" },
        suite: { type: "string" },
        filter: { type: "string", default: "" },
        jobs: { type: "string", default: String(availableParallelism()) },
        seconds: { type: "string", default: "400" },
        verbose: { type: "boolean", default: false },
      },
    });
    const { target = "", suite, verbose } = values;
    const [jobs, seconds] = [Number(values.jobs), Number(values.seconds)];
    if (!(target in conformanceTargets) || !(jobs >= 1) || !(seconds > 0)) return undefined;
    return { target, suite, filter: new RegExp(values.filter), jobs, seconds, isVerbose: verbose };
  } catch {
    return undefined;
  }
}

async function run(settings: Settings): Promise<number> {
  const { target, suite, filter, isVerbose } = settings;
  const tests = findTests(suite ?? (await ensureOnnxData())).filter((t) => filter.test(t.name));
  const counts = noCounts();
  const results: [TestCase, Outcome][] = [];
  const isTerminal = process.stdout.isTTY;
  await runAll(tests, {
    ...settings,
    done(test, outcome) {
      results.push([test, outcome]);
      counts[outcome.result]++;
      if (isTerminal) process.stdout.write(`\r\x1b[K${results.length}/${tests.length}: ${countsText(counts)}`);
      if (isVerbose && outcome.result !== "pass") {
        process.stdout.write(`${isTerminal ? "\n" : ""}${outcome.result} ${test.name}: ${outcome.reason ?? ""}\n`);
      }
    },
  });
  if (isTerminal) process.stdout.write("\r\x1b[K");
  const isWorse = regressionsOn(target);
  const fresh = results.filter(([test, outcome]) => isWorse(test.name, outcome));
  for (const [test, { result, reason = "" }] of fresh) process.stdout.write(`new: ${result} ${test.name}: ${reason}\n`);
  if (suite === undefined && filter.source === "(?:)" && isRecorded(target)) saveRecord(target, recordOf(results));
  process.stdout.write(`${target}: ${countsText(counts)}\n`);
  return fresh.length > 0 ? 1 : 0;
}

const settings = readSettings(process.argv.slice(2));
if (settings) process.exitCode = await run(settings);
else {
  process.stderr.write(usage);
  process.exitCode = 2;
}
