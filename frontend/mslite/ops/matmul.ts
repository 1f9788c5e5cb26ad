/** Matrix products. */
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Matmul } from "../../../ir/ops/matmul.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { activated } from "./activation.ts";

/** The axis with a scale each of quantised weights: of the rows of the result for `a`, of its columns for `b`. */
function channelAxis(n: NodeContext, i: number, isTransposed: boolean): number {
  const rank = n.tensor(i)?.dims.length ?? 2;
  const isLast = i === 0 ? isTransposed : !isTransposed;
  if (n.scope.release < 106) return isLast ? 1 : 0;
  return isLast ? rank - 1 : rank - 2;
}

function matrix(n: NodeContext, i: number, isTransposed: boolean): Value {
  const x = n.weight(i, { axis: channelAxis(n, i, isTransposed) });
  const rank = x.tensor.shape.length;
  if (!isTransposed || rank < 2) return x;
  return n.create(Transpose, { x }, { perm: x.tensor.shape.map((_, d) => (d === rank - 1 ? rank - 2 : d === rank - 2 ? rank - 1 : d)) });
}

function withBias(n: NodeContext, y: Value): Value {
  return activated(n, n.has(2) ? n.create(Add, { a: y, b: n.input(2) }) : y);
}

const matmul: Lowering = (n) => {
  const [a, b] = [matrix(n, 0, n.bool("transpose_a")), matrix(n, 1, n.bool("transpose_b"))];
  return withBias(n, n.create(Matmul, { a, b }));
};

/** `x` as a matrix, axes from `axis` on as one, times the transpose of the weights [out, in]. */
const fullConnection: Lowering = (n) => {
  const x = n.input(0);
  const w = n.weight(1, { axis: 0 });
  const b = n.create(Transpose, { x: w }, { perm: [1, 0] });
  const { shape } = x.tensor;
  const axis = n.bool("use_axis") ? n.int("axis", 1) : 1;
  const lead = n.bool("use_axis") ? shape.slice(0, axis) : [dim.exactDiv(dim.product(shape), w.tensor.shape[1]!) ?? shape[0]!];
  const a = n.reshape(x, [...lead, w.tensor.shape[1]!]);
  return withBias(n, n.create(Matmul, { a, b }));
};

export const matmulLowerings: Lowerings = { MatMulFusion: matmul, MatMul: matmul, FullConnection: fullConnection };
