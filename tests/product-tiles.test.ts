/** Products keep their register tiles whatever is done with their results: heads of attention, split, moved and transposed. */
import { expect } from "chai";
import { cTarget } from "../codegen/c/target.ts";
import { optimize, programFor } from "../codegen/compile.ts";
import { Builder } from "../ir/define.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { Graph } from "../ir/graph.ts";
import type { Stmt } from "../ir/loop.ts";
import { constantValue, Matmul, Relu, Reshape, Transpose } from "../ir/ops/index.ts";
import { tensor } from "../ir/type.ts";

/** The modes of all loops. */
const modesIn = (body: readonly Stmt[]): string[] => body.flatMap((s) => (s.kind === "for" ? [s.mode, ...modesIn(s.body)] : []));

/** The modes of the loops of the product of `[2, 10]` rows by `heads` heads of `size` columns, moved into the order `perm`. */
function productModes(heads: number, size: number, perm: readonly number[]): string[] {
  const graph = new Graph("main");
  const b = new Builder(graph);
  const columns = heads * size;
  const a = graph.addInput("a", tensor("f32", [20, 32]));
  const w = constantValue(
    b,
    "f32",
    [32, columns],
    Array.from({ length: 32 * columns }, (_, i) => (i % 5) - 2),
  );
  const split = b.create(Reshape, { x: b.create(Matmul, { a, b: w }) }, { shape: [2, 10, heads, size] });
  graph.setOutputs([b.create(Relu, { x: b.create(Transpose, { x: split }, { perm }) })]);
  const options = { name: "m", mcpu: "x86-64-v3" };
  optimize(graph, cTarget, options, new Diagnostics());
  const kernel = programFor(graph, cTarget, options).kernels.find((k) => k.label.includes("matmul_packed"));
  return modesIn(kernel!.nest.body);
}

describe("tiles of products", () => {
  for (const [what, heads, size, perm] of [
    ["in their own order", 4, 32, [0, 1, 2, 3]],
    ["with heads outside", 4, 32, [0, 2, 1, 3]],
    ["with heads that several blocks make", 2, 64, [0, 2, 1, 3]],
    ["with heads that blocks cross", 4, 24, [0, 2, 1, 3]],
    ["transposed", 4, 32, [0, 2, 3, 1]],
  ] as const) {
    it(`${what}, stay`, () => {
      expect(productModes(heads, size, perm))
        .to.include("vector")
        .and.include("unroll");
    });
  }
});
