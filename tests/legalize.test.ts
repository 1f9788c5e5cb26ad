/** Replacing ops by smaller ones ends, whatever the ways to do so are. */
import { expect } from "chai";
import { legalize } from "../frontend/legalize.ts";
import { Problems } from "../frontend/problems.ts";
import type { Builder } from "../ir/define.ts";
import type { Value } from "../ir/graph.ts";
import { Gelu } from "../ir/ops/activation.ts";
import { Abs, Neg } from "../ir/ops/elementwise.ts";
import { parsed } from "./file-commands.ts";

const graphOf = (op: string) => parsed(`graph @main(%x: f32[2]) -> (f32[2]) {\n  %y = ${op}(%x) : f32[2]\n  return %y\n}\n`, "legalize");
const named = (operands: unknown): { readonly x: Value } => operands as { readonly x: Value };

describe("legalize", () => {
  it("takes the ways that are given before the ops' own", () => {
    const [graph, problems] = [graphOf("gelu"), new Problems()];
    legalize(
      graph,
      (op) => op.definition === Neg,
      problems,
      (op) => (op.definition === Gelu ? (o, _, b: Builder) => b.create(Neg, named(o)) : undefined),
    );
    problems.throwIfErrors();
    expect([...graph.ops()].map((op) => op.name)).to.deep.equal(["neg"]);
  });

  it("reports an op that is made of itself, and one that is made of nothing", () => {
    for (const isCircular of [true, false]) {
      const problems = new Problems();
      legalize(
        graphOf("abs"),
        () => false,
        problems,
        () => (isCircular ? (o, _, b: Builder) => b.create(Abs, named(o)) : undefined),
      );
      expect(() => {
        problems.throwIfErrors();
      }).to.throw("'abs'");
    }
  });
});
