/** Some of ONNX's tests of single operators inside other tests. */
import { expect } from "chai";
import { join } from "node:path";
import { ensureOnnxData } from "../onnx-data.ts";
import { runTest } from "./run.ts";
import { findTests, type TestCase } from "./suite.ts";
import { regressionsOn } from "./table.ts";
import { conformanceTargets } from "./targets.ts";

/** Every `step`-th. */
export async function sample(step: number): Promise<TestCase[]> {
  const tests = findTests(join(await ensureOnnxData(), "node"));
  return tests.filter((_, i) => i % step === 0);
}

/** Expects no outcome of every `step`-th test on the target to be worse than recorded, and at least so many passes. */
export async function expectSample(target: string, step: number, least: number): Promise<void> {
  const isWorse = regressionsOn(target);
  const failed: string[] = [];
  let passed = 0;
  for (const test of await sample(step)) {
    const outcome = await runTest(test, conformanceTargets[target]!);
    if (outcome.result === "pass") passed++;
    if (isWorse(test.name, outcome)) failed.push(`${test.name}: ${outcome.reason}`);
  }
  expect(failed.join("\n")).to.equal("");
  expect(passed).to.be.at.least(least);
}
