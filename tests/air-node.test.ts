/** Some of ONNX's node tests by way of AIR; `npm run conformance -- --target air` takes all of them. */
import { expect } from "chai";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CompileError } from "../ir/diagnostic.ts";
import { throughAir } from "./air-trip.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { compareNodeTest, loadNodeTest } from "./onnx-node.ts";

/** One in so many is taken. */
const share = 13;

type Outcome = "pass" | "refused" | { readonly failure: string };

function outcome(folder: string): Outcome {
  try {
    const test = loadNodeTest(folder);
    const wrong = compareNodeTest({ ...test, graph: throughAir(test.graph) });
    return wrong === undefined ? "pass" : { failure: wrong };
  } catch (e) {
    if (e instanceof CompileError && !e.message.startsWith("model.air")) return "refused";
    if (e instanceof Error && e.message.endsWith("is no tensor")) return "refused";
    return { failure: e instanceof Error ? (e.stack ?? e.message) : String(e) };
  }
}

describe("ONNX's node tests by way of AIR", function () {
  this.timeout(200_000);

  it("give the expected outputs, or are refused when they are written", async () => {
    const root = join(await ensureOnnxData(), "node");
    const sample = readdirSync(root).filter((_, i) => i % share === 0);
    const outcomes = sample.map((name) => ({ name, said: outcome(join(root, name)) }));
    const failures = outcomes.flatMap(({ name, said }) => (typeof said === "object" ? [`${name}: ${said.failure}`] : []));
    expect(failures.join("\n")).to.equal("");
    expect(outcomes.filter(({ said }) => said === "pass").length).to.be.greaterThan(outcomes.length / 2);
  });
});
