/** Some of ONNX's tests of single operators inside other tests. */
import { expect } from "chai";
import { join } from "node:path";
import { ensureOnnxData } from "../onnx-data.ts";
import { runTest } from "./run.ts";
import { findTests, type TestCase } from "./suite.ts";
import { knownShortfalls } from "./table.ts";
import { conformanceTargets } from "./targets.ts";

/** Every `step`-th. */
export async function sample(step: number): Promise<TestCase[]> {
  const tests = findTests(join(await ensureOnnxData(), "node"));
  return tests.filter((_, i) => i % step === 0);
}

/** Expects every `step`-th test to pass on the target, but those that are known not to; and at least so many that do. */
export async function expectSample(target: string, step: number, least: number): Promise<void> {
  const known = knownShortfalls(target);
  const failed: string[] = [];
  let passed = 0;
  for (const test of await sample(step)) {
    const { result, reason } = await runTest(test, conformanceTargets[target]!);
    if (result === "pass") passed++;
    if (result === "fail" && !known.has(test.name)) failed.push(`${test.name}: ${reason}`);
  }
  expect(failed.join("\n")).to.equal("");
  expect(passed).to.be.at.least(least);
}
