/** A process that runs the tests it is sent, one at a time, so that a crash or a hang costs no more than one of them. */
import { runTest } from "./run.ts";
import type { TestCase } from "./suite.ts";
import { conformanceTargets } from "./targets.ts";

const target = conformanceTargets[process.argv[2] ?? ""];
if (!target) throw new Error("there is no such target");

process.on("message", (test: TestCase) => {
  void runTest(test, target).then((outcome) => process.send?.(outcome));
});
