import { expect } from "chai";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CompileError } from "../ir/diagnostic.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { difference, runNodeTest } from "./onnx-values.ts";

const families =
  /^test_(top_k|unique|compress|nonmax|nonzero|if|loop|scan|sequence|split_to|optional|identity_(seq|opt)|lstm|gru|rnn|simple_rnn|dft(?!_inverse)|stft|hann|hamming|blackman|mel|det_)/;

/** Refused whatever is known at compile time: how long a sequence is, or what rank its elements have, is for data to say. */
const refused = /_(sequence_insert|sequence_map|loop13|loop16|identity_sequence)/;

describe("ONNX's sorting, control flow, sequences, recurrent layers and signals", () => {
  for (const inputs of ["constants", "inputs"] as const) {
    it(`give the expected outputs with tensors as ${inputs}, or are refused`, async () => {
      const root = await ensureOnnxData();
      const folders = ["node", "simple"].flatMap((suite) => readdirSync(join(root, suite)).map((name) => join(root, suite, name)));
      const outcomes = folders
        .filter((f) => families.test(f.slice(f.lastIndexOf("test_"))))
        .map((folder) => outcome(folder, inputs === "constants"));
      expect(outcomes.filter((o) => o.startsWith("fail")).join("\n")).to.equal("");
      expect(outcomes.filter((o) => o === "pass").length).to.be.at.least(inputs === "constants" ? 86 : 70);
    });
  }
});

function outcome(folder: string, inputsAreConstants: boolean): string {
  try {
    const { results, expected } = runNodeTest(folder, inputsAreConstants);
    const wrong = expected.map((e, i) => difference(results[i], e)).find((d) => d !== undefined);
    return wrong === undefined ? "pass" : `fail: ${folder}: ${wrong}`;
  } catch (e) {
    if (!(e instanceof CompileError)) return `fail: ${folder}: ${e instanceof Error ? (e.stack ?? "") : String(e)}`;
    return !inputsAreConstants || refused.test(folder) ? "refused" : `fail: ${folder}: ${e.message}`;
  }
}
