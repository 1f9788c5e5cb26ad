/**
 * What must not compile. The build checks this file: an error that is missing where one is announced fails it. Nothing
 * here runs but the assertion that the build came this far.
 */
import { expect } from "chai";
import { attributesOf, type Builder, defineOp, isOp, operand, optionalOperand, variadicOperand } from "../ir/define.ts";
import * as attribute from "../ir/attribute.ts";
import { Graph, type Op, type Value } from "../ir/graph.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { Cast } from "../ir/ops/cast.ts";
import { Matmul } from "../ir/ops/matmul.ts";
import { pointwise } from "../ir/stage.ts";
import { f32, load } from "../ir/expr.ts";
import { tensor } from "../ir/type.ts";

/** Never called. */
export function mustNotCompile(b: Builder, x: Value, op: Op): void {
  b.create(Matmul, { a: x, b: x });
  // @ts-expect-error an operand that the op does not have
  b.create(Matmul, { a: x, b: x, c: x });
  // @ts-expect-error an operand that is no value
  b.create(Matmul, { a: x, b: 1 });
  // @ts-expect-error an attribute that the op does not have
  b.create(Cast, { x }, { to: "f32", from: "f64" });
  // @ts-expect-error an attribute of the wrong type
  b.create(ConstantOp, {}, { data: 1 });
  // @ts-expect-error an input without a type
  new Graph("g").addInput("x");

  if (isOp(op, ConstantOp)) {
    attributesOf(op).data.type.shape;
    // @ts-expect-error an attribute that the op does not have
    attributesOf(op).value;
  }
  if (isOp(op, Matmul)) {
    // @ts-expect-error an op without attributes
    attributesOf(op).alpha;
  }
}

/** Never called: it would register the op. */
export function mustNotDefine(b: Builder, x: Value): void {
  const Sample = defineOp({
    name: "sample",
    summary: "Has operands and attributes of all arities.",
    operands: { x: operand, bias: optionalOperand, more: variadicOperand },
    attributes: {
      axis: attribute.int(0),
      mode: attribute.choice(["a", "b"], "a"),
      scale: attribute.maybe(attribute.float()),
      sizes: attribute.dims(),
    },
    infer({ x, bias, more }, { axis, mode, scale, sizes }) {
      // @ts-expect-error an optional operand may be absent
      bias.dtype;
      // @ts-expect-error a variadic operand is a list
      more.dtype;
      // @ts-expect-error an optional attribute may be absent
      scale.toFixed();
      // @ts-expect-error no such choice
      if (mode === "c") return x;
      // @ts-expect-error an extent may be an expression
      const first: number = sizes[0]!;
      return tensor(x.dtype, [axis, first]);
    },
    compute({ operands, results: [y] }) {
      // @ts-expect-error an operand that the op does not have
      operands.y;
      return [pointwise(y!, (at) => load(operands.x, at))];
    },
  });
  b.create(Sample, { x, more: [x, x] }, { mode: "b", sizes: [1] });
  // @ts-expect-error no such choice
  b.create(Sample, { x }, { mode: "c" });
  // @ts-expect-error a variadic operand is a list
  b.create(Sample, { x, more: x });
  // @ts-expect-error an attribute of the wrong type
  b.create(Sample, { x }, { axis: "0" });

  const declared = { name: "other", summary: "", operands: { x: operand }, attributes: {}, infer: () => tensor("f32", []) } as const;
  // @ts-expect-error an op without a meaning
  defineOp(declared);
  // @ts-expect-error an op with two meanings
  defineOp({ ...declared, structural: true, compute: () => [] });
  // @ts-expect-error a stage is not an expression
  defineOp({ ...declared, compute: () => [f32(0)] });
}

describe("types", () => {
  it("refuse what they should, or this would not have been built", () => {
    expect(mustNotCompile).to.be.a("function");
    expect(mustNotDefine).to.be.a("function");
  });
});
