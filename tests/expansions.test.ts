/** Ops made of others give what the ops themselves do, at ends, at infinities and for what is no number too. */
import { expect } from "chai";
import { expansionOf } from "../frontend/expansions/index.ts";
import { legalize } from "../frontend/legalize.ts";
import { Problems } from "../frontend/problems.ts";
import type { Graph } from "../ir/graph.ts";
import { evaluateGraph, type TensorResult } from "./evaluate-graph.ts";
import { parsed } from "./file-commands.ts";

const powersOfTen = Array.from({ length: 25 }, (_, i) => 10 ** (i - 12));
const near = [0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999, 1, 1.0001, 1.5, 2, 3, 5, 10, 50, 88.9];
const positive = [0, ...powersOfTen, ...near];
const values = [...positive, ...positive.map((v) => -v), Infinity, -Infinity, NaN];

/** Relative errors that a few roundings make. */
const tolerances = { f32: 1e-6, f64: 1e-14 } as const;

/** `op` without ops of its name. */
function expanded(graph: Graph, name: string): Graph {
  const problems = new Problems();
  legalize(graph, (op) => op.name !== name, problems, expansionOf);
  problems.throwIfErrors();
  return graph;
}

const given = (elements: readonly number[], dtype: string): TensorResult => ({
  kind: "tensor",
  shape: [elements.length],
  elements: dtype === "f32" ? elements.map(Math.fround) : elements,
});

function expectSame(text: string, name: string, dtype: "f32" | "f64", inputs: TensorResult[]): void {
  const run = (graph: Graph): number[] => (evaluateGraph(graph, inputs)[0] as TensorResult).elements.map(Number);
  const [wanted, found] = [run(parsed(text, name)), run(expanded(parsed(text, name), name))];
  wanted.forEach((want, i) => {
    const got = found[i]!;
    const what = `${name}(${inputs.map((x) => String(x.elements[i])).join(", ")}) is ${got}, not ${want}`;
    const isNear = Math.abs(got - want) <= tolerances[dtype] * Math.abs(want);
    expect(Object.is(got, want) || (want !== 0 && isNear), what).to.equal(true);
  });
}

describe("elementary functions made of others", () => {
  for (const dtype of ["f32", "f64"] as const) {
    for (const name of ["expm1", "sinh", "cosh", "asinh", "acosh", "atanh", "atan", "asin", "acos"]) {
      it(`${name} of ${dtype}`, () => {
        const type = `${dtype}[${values.length}]`;
        const text = `graph @main(%x: ${type}) -> (${type}) {\n  %y = ${name}(%x) : ${type}\n  return %y\n}\n`;
        expectSame(text, name, dtype, [given(values, dtype)]);
      });
    }
  }

  for (const test of ["is_nan(%x)", "is_inf(%x)", "is_inf(%x) {negative = false}", "is_inf(%x) {positive = false}"]) {
    it(test, () => {
      const n = values.length;
      const text = `graph @main(%x: f32[${n}]) -> (bool[${n}]) {\n  %y = ${test} : bool[${n}]\n  return %y\n}\n`;
      expectSame(text, test.split("(")[0]!, "f32", [given(values, "f32")]);
    });
  }

  for (const name of ["xlogy", "xdivy", "div_no_nan"]) {
    it(`${name} of each pair`, () => {
      const some = [0, -0, 1, -2.5, Infinity, -Infinity, NaN];
      const [a, b] = [some.flatMap((v) => some.map(() => v)), some.flatMap(() => some)];
      const type = `f32[${a.length}]`;
      const text = `graph @main(%a: ${type}, %b: ${type}) -> (${type}) {\n  %y = ${name}(%a, %b) : ${type}\n  return %y\n}\n`;
      expectSame(text, name, "f32", [given(a, "f32"), given(b, "f32")]);
    });
  }
});
