import { expect } from "chai";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CompileError } from "../ir/diagnostic.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { compareNodeTest, loadNodeTest } from "./onnx-node.ts";

/** What the test says: "pass", why it is refused, or what is wrong. */
function outcome(folder: string): { kind: "pass" | "refused" | "fail"; text: string } {
  try {
    const wrong = compareNodeTest(loadNodeTest(folder));
    return wrong === undefined ? { kind: "pass", text: "" } : { kind: "fail", text: wrong };
  } catch (e) {
    if (e instanceof CompileError || (e instanceof Error && e.message.endsWith("is no tensor")))
      return { kind: "refused", text: e.message };
    return { kind: "fail", text: e instanceof Error ? (e.stack ?? e.message) : String(e) };
  }
}

describe("ONNX's node tests on the interpreter", function () {
  this.timeout(600_000);

  it("give the expected outputs or are refused", async () => {
    const root = join(await ensureOnnxData(), "node");
    const outcomes = readdirSync(root).map((name) => ({ name, ...outcome(join(root, name)) }));
    const failed = outcomes.filter((o) => o.kind === "fail").map((o) => `${o.name}: ${o.text}`);
    expect(failed.join("\n")).to.equal("");
    expect(outcomes.filter((o) => o.kind === "pass").length).to.be.at.least(1000);
  });
});
