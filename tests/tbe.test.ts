/**
 * Printed TBE operators, run by Python on a stand-in for the tensor DSL (`tests/tbe`) that holds them to its rules, and
 * compared with the reference interpreter.
 */
import { expect } from "chai";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type KernelTensor, operatorInfo } from "../codegen/tbe/print.ts";
import type { Constant } from "../ir/attribute.ts";
import { alignedBytes } from "../ir/data.ts";
import { type Soc, socs } from "../codegen/tbe/support.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { roundScalar, type Scalar } from "../ir/scalar.ts";
import { readElements } from "../ir/storage.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { staticShape } from "../ir/type.ts";
import { evaluateGraph, tensorResult } from "./evaluate-graph.ts";
import { tbeKernels } from "./print-tbe.ts";

const folder = join("tests", "cases", "tbe");
const hasPython = spawnSync("python3", ["--version"]).status === 0;

interface Case {
  readonly name: string;
  readonly soc: Soc;
  readonly graph: Graph;
}

/** The graphs of the file tests; those of refused ones are left out. */
function cases(): Case[] {
  return readdirSync(folder)
    .filter((f) => f.endsWith(".test") && !f.startsWith("refused"))
    .map((name) => {
      const [input] = readFileSync(join(folder, name), "utf8").split("// ---- expected\n");
      const soc = socs.find((s) => input!.split("\n")[0]!.includes(s)) ?? "Ascend910";
      return { name, soc, graph: parseGraph(input!, name) };
    });
}

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The same numbers in every run, between -2 and 2. */
function valuesOf(v: Value, seed: number): Scalar[] {
  let state = 777 + seed;
  return Array.from({ length: count(staticShape(v.tensor.shape)!) }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const x = (state / 2 ** 32 - 0.5) * 4;
    return v.tensor.dtype === "i32" ? Math.trunc(x * 10) : roundScalar(v.tensor.dtype, Math.fround(x));
  });
}

const describeTensor = (t: KernelTensor): object => ({
  name: t.name,
  type: t.type,
  format: t.format,
  shape: staticShape(t.value.tensor.shape)!,
  packed: t.shape,
});

function constantValues(v: Value): Scalar[] {
  return readElements(v.tensor.dtype, alignedBytes((v.op!.attributes["data"] as Constant).data));
}

/** The graph's outputs, kernel after kernel. */
function runKernels({ graph, soc }: Case, inputs: readonly (readonly Scalar[])[], dir: string): Scalar[][] {
  const memory = new Map<Value, readonly Scalar[]>(graph.inputs.map((v, i) => [v, inputs[i]!]));
  for (const k of tbeKernels(graph, soc)) {
    const file = join(dir, `${k.name}.py`);
    writeFileSync(file, k.text);
    const job = {
      soc,
      name: k.name,
      file,
      inputs: k.inputs.map((t) => ({ ...describeTensor(t), data: memory.get(t.value) ?? constantValues(t.value) })),
      outputs: k.outputs.map(describeTensor),
    };
    const text = execFileSync("python3", ["-B", resolve("tests", "tbe", "run.py")], {
      input: JSON.stringify([job]),
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
    });
    const [results] = JSON.parse(text) as Scalar[][][];
    k.outputs.forEach((t, i) => memory.set(t.value, results![i]!));
  }
  return graph.outputs.map((v) => [...memory.get(v)!]);
}

/** Half precision somewhere in the kernel, be it for the chip's sake, leaves three digits. */
const toleranceOf = (c: Case): number => (c.soc === "Ascend310" || c.graph.inputs.some((v) => v.tensor.dtype === "f16") ? 4e-3 : 1e-5);

function check(c: Case): void {
  const dir = mkdtempSync(join(tmpdir(), "sinter-tbe-"));
  try {
    const inputs = c.graph.inputs.map((v, i) => valuesOf(v, i));
    const want = evaluateGraph(
      c.graph,
      c.graph.inputs.map((v, i) => tensorResult(staticShape(v.tensor.shape)!, inputs[i]!)),
    );
    const got = runKernels(c, inputs, dir);
    want.forEach((w, i) => {
      if (w.kind !== "tensor") throw new Error("no tensor");
      const far = w.elements.findIndex(
        (x, k) => !(Math.abs(Number(got[i]![k]) - Number(x)) <= toleranceOf(c) * Math.max(1, Math.abs(Number(x)))),
      );
      expect(far, `output ${i}: element ${far} is ${got[i]![far]}, not ${w.elements[far]}`).equal(-1);
      expect(got[i]!.length).equal(w.elements.length);
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe("tbe", () => {
  it("describes every operator to the graph engine", () => {
    for (const { graph, soc } of cases()) {
      const kernels = tbeKernels(graph, soc);
      const info = JSON.parse(operatorInfo(kernels)) as Record<string, Record<string, { name?: string; value?: string }>>;
      expect(Object.values(info).map((o) => o["opFile"]!.value)).deep.equal(kernels.map((k) => k.name));
    }
  });
});

if (!hasPython) console.log("left out: running TBE operators (there is no python3)");
else {
  describe("tbe on a stand-in for the tensor DSL", () => {
    for (const c of cases()) {
      it(`${c.name} agrees with the interpreter`, () => {
        check(c);
      });
    }
  });
}
