/**
 * What networks of attention (Vaswani et al. 2017) share. Sequences of a batch are rows: `[batch * sequence, hidden]`;
 * parameters are f32, layers compute in the element type of what they are given.
 */
import type { Value } from "../../ir/graph.ts";
import { LayerNorm } from "../../ir/ops/norm.ts";
import type { DType } from "../../ir/type.ts";
import type { Cell } from "./cell.ts";
import { add, cast, dense, relu, reshape, shapeOf, softmax } from "./layers.ts";
import { constant, expandDims, formula, gather, matmul, transpose } from "./tensors.ts";

/** Throws a `RangeError` where the heads do not share the hidden units evenly. */
export function expectEvenHeads(network: string, { hidden, heads }: { readonly hidden: number; readonly heads: number }): void {
  if (hidden % heads !== 0)
    throw new RangeError(`the option 'heads' of '${network}' is ${heads}, which does not divide the ${hidden} hidden units`);
}

/** Rows of `table[vocabulary, hidden]`: `[batch, sequence, hidden]` of `ids[batch, sequence]`. */
export function embed(c: Cell, table: Value, ids: Value): Value {
  const [batch, sequence] = shapeOf(ids) as [number, number];
  return reshape(c, gather(c, table, reshape(c, ids, [batch * sequence])), [batch, sequence, shapeOf(table)[1]!]);
}

/** Over the last axis: `gamma`, `beta`. */
export function layerNorm(c: Cell, x: Value): Value {
  const { dtype, shape } = x.tensor;
  const parameter = (name: string, init: "one" | "zero"): Value => cast(c, c.parameter(name, [shape.at(-1) as number], init), dtype);
  const [scale, bias] = [parameter("gamma", "one"), parameter("beta", "zero")];
  return c.createAll(LayerNorm, { x, scale, bias }, { axis: shape.length - 1, epsilon: 1e-7 })[0]!;
}

/** Layer normalization in f32 of what is computed in another type. */
export const preciseLayerNorm = (c: Cell, x: Value): Value => cast(c, layerNorm(c, cast(c, x, "f32")), x.tensor.dtype);

/** Sines and cosines of places, whose wave lengths go from 2 pi to 20000 pi: `f32[positions, hidden]`; `hidden` is even. */
export function sinusoids(c: Cell, positions: number, hidden: number): Value {
  const half = hidden / 2;
  const rates = Array.from({ length: half }, (_, i) => Math.exp((-i * Math.log(10000)) / Math.max(1, half - 1)));
  const rows = Array.from({ length: positions }, (_, p) => [...rates.map((r) => Math.sin(p * r)), ...rates.map((r) => Math.cos(p * r))]);
  return constant(c, "f32", [positions, hidden], rows.flat());
}

/** Two dense layers with a ReLU between them. */
export const feedForward = (first: Cell, second: Cell, x: Value, units: number): Value =>
  dense(second, relu(first, dense(first, x, units)), shapeOf(x)[1]!);

/** Whether tokens see each other, of `present[batch, n]`, which is 1 where there is a token: `[batch, n, n]`. */
export function mutuallyVisible(c: Cell, present: Value): Value {
  const [batch, n] = shapeOf(present) as [number, number];
  return matmul(c, reshape(c, present, [batch, n, 1]), reshape(c, present, [batch, 1, n]));
}

/** What is added to scores: 0 where `visible[batch, m, n]` is 1, -10000 where it is 0; `[batch, 1, m, n]`, one row `m` stands for all. */
export function additiveMask(c: Cell, visible: Value, dtype: DType): Value {
  const f = formula(c);
  return f.mul(f.sub(1, cast(c, expandDims(c, visible, 1), dtype)), -10000);
}

export interface AttentionSpec {
  readonly batch: number;
  readonly heads: number;
  /** Whether the projections have biases. */
  readonly bias: boolean;
  /** What is divided by the root of a head's size. */
  readonly scaled: "query" | "scores";
  /** The types in which scores and mask are added, and of softmax. Default: that of the query. */
  readonly sum?: DType;
  readonly softmax?: DType;
}

/** What rows `query[batch * m, hidden]` see of rows `memory[batch * n, hidden]`, heads joined: `[batch * m, hidden]`. */
export function attention(c: Cell, query: Value, memory: Value, mask: Value, spec: AttentionSpec): Value {
  const f = formula(c);
  const { dtype, shape } = query.tensor;
  const [rows, hidden] = shape as readonly number[] as [number, number];
  const { batch, heads, bias } = spec;
  const size = hidden / heads;
  const project = (name: string, x: Value): Value => dense(c.at(name), x, hidden, { bias });
  const split = (x: Value): Value => transpose(c, reshape(c, x, [batch, shapeOf(x)[0]! / batch, heads, size]), [0, 2, 1, 3]);
  const scale = 1 / Math.sqrt(size);
  const q = project("query_layer", query);
  const [k, v] = [project("key_layer", memory), project("value_layer", memory)];
  const products = matmul(c, split(spec.scaled === "query" ? f.mul(q, scale) : q), split(k), { transposeB: true });
  const sum = spec.sum ?? dtype;
  const scores = add(c, cast(c, mask, sum), cast(c, spec.scaled === "scores" ? f.mul(products, scale) : products, sum));
  const weights = cast(c, softmax(c, cast(c, scores, spec.softmax ?? dtype)), dtype);
  return reshape(c, transpose(c, matmul(c, weights, split(v)), [0, 2, 1, 3]), [rows, hidden]);
}
