/** Normalisations, softmax, and scales per channel. */
import { normalizeAxis } from "../../../ir/axis.ts";
import type { Value } from "../../../ir/graph.ts";
import { Add, Div, Max, Mul, Sqrt } from "../../../ir/ops/elementwise.ts";
import { LpNorm, Lrn } from "../../../ir/ops/lp-norm.ts";
import { BatchNorm, GroupNorm, LayerNorm } from "../../../ir/ops/norm.ts";
import { ReduceSumSquare } from "../../../ir/ops/reduce.ts";
import { LogSoftmax, Softmax } from "../../../ir/ops/softmax.ts";
import { axisSecond, type Layout } from "../layout.ts";
import { type InLayout, type Lowering, type Lowerings, type NodeContext, second } from "../node.ts";
import { activated } from "./activation.ts";

/** An axis of the file's order in the order that `x` has. */
export function axisIn(layout: Layout, axis: number, x: Value): number {
  const at = normalizeAxis(axis, x.tensor.shape.length);
  return layout === "second" ? axisSecond(at) : at;
}

/** Images are normalised with channels second, anything else over its last axis. */
function channelled(n: NodeContext, f: (x: Value, axis: number) => Value): Value | InLayout {
  const isImage = n.isImage(0) || n.input(0).tensor.shape.length === 4;
  if (isImage) return second(f(n.image(0), 1));
  const x = n.input(0);
  return f(x, x.tensor.shape.length - 1);
}

/** x, scale, bias, mean, variance; x, mean, variance alone have neither scale nor bias. */
const batchNorm: Lowering = (n) =>
  channelled(n, (x, axis) => {
    const epsilon = n.float("epsilon");
    if (n.count >= 5) {
      return n.create(BatchNorm, { x, scale: n.input(1), bias: n.input(2), mean: n.input(3), variance: n.input(4) }, { epsilon, axis });
    }
    const [mean, variance] = [n.input(1), n.input(2)];
    const { dtype, shape } = mean.tensor;
    const count = typeof shape[0] === "number" ? shape[0] : n.unsupported("the number of channels is not fixed");
    const filled = (v: number): Value => n.constant(dtype, [count], new Array<number>(count).fill(v));
    return n.create(BatchNorm, { x, scale: filled(1), bias: filled(0), mean, variance }, { epsilon, axis });
  });

/** A vector along one axis, as it broadcasts to `x`. */
function along(n: NodeContext, v: Value, axis: number, x: Value): Value {
  const { shape } = v.tensor;
  if (shape.length === 0) return v;
  return n.reshape(v, [...shape, ...new Array<1>(Math.max(0, x.tensor.shape.length - axis - shape.length)).fill(1)]);
}

/** `x * scale + bias`, scale and bias along the axes from `axis` on. */
const scale: Lowering = (n) => {
  const isVector = n.rank(1) <= 1;
  const layout = isVector && n.isImage(0) ? "second" : "last";
  const x = n.input(0, layout);
  const axis = axisIn(layout, n.int("axis"), x);
  const scaled = n.create(Mul, { a: x, b: along(n, n.input(1), axis, x) });
  const value = n.has(2) ? n.create(Add, { a: scaled, b: along(n, n.input(2), axis, x) }) : scaled;
  return { layout, value: activated(n, value) };
};

/** The bias belongs to the last axis of the file's order. */
const biasAdd: Lowering = (n) => {
  const layout = n.isImage(0) ? "second" : "last";
  return {
    layout,
    value: n.create(Add, { a: n.input(0, layout), b: layout === "second" ? along(n, n.input(1), 1, n.input(0, layout)) : n.input(1) }),
  };
};

const layerNorm: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int("begin_norm_axis"), x.tensor.shape.length);
  return n.create(LayerNorm, { x, scale: n.optional(1), bias: n.optional(2) }, { axis, epsilon: n.float("epsilon") });
};

const instanceNorm: Lowering = (n) => {
  const x = n.image(0);
  return second(
    n.create(GroupNorm, { x, scale: n.input(1), bias: n.input(2) }, { groups: x.tensor.shape[1]!, epsilon: n.float("epsilon") }),
  );
};

/** Channels stand on axis 1 of the file's order. */
const groupNorm: Lowering = (n) =>
  n.create(GroupNorm, { x: n.input(0), scale: n.input(1), bias: n.input(2) }, { groups: n.int("num_groups"), epsilon: n.float("epsilon") });

/** `x / (bias + alpha * sum of the squares of neighbouring channels) ^ beta`. */
const lrn: Lowering = (n) => {
  const size = 2 * n.int("depth_radius") + 1;
  return second(n.create(Lrn, { x: n.image(0) }, { size, alpha: n.float("alpha") * size, beta: n.float("beta"), bias: n.float("bias") }));
};

/** `x / sqrt(max(sum of squares over the axes, epsilon))`. */
const l2Normalize: Lowering = (n) => {
  const x = n.input(0);
  const given = n.ints("axis");
  const axes = (given.length === 0 ? [-1] : given).map((a) => normalizeAxis(a, x.tensor.shape.length));
  const sum = n.create(ReduceSumSquare, { x }, { axes, keepdims: true });
  const bounded = n.create(Max, { a: sum, b: n.scalar(x.tensor.dtype, n.float("epsilon")) });
  return activated(n, n.create(Div, { a: x, b: n.create(Sqrt, { x: bounded }) }));
};

const softmax =
  (definition: typeof Softmax, axesOf: (n: NodeContext) => readonly number[]): Lowering =>
  (n) => {
    const layout = n.isImage(0) ? "second" : "last";
    const x = n.input(0, layout);
    const axes = axesOf(n);
    return { layout, value: n.create(definition, { x }, { axes: (axes.length === 0 ? [-1] : axes).map((a) => axisIn(layout, a, x)) }) };
  };

export const normLowerings: Lowerings = {
  BatchNorm: batchNorm,
  FusedBatchNorm: batchNorm,
  ScaleFusion: scale,
  BiasAdd: biasAdd,
  LayerNormFusion: layerNorm,
  InstanceNorm: instanceNorm,
  GroupNormFusion: groupNorm,
  LRN: lrn,
  L2NormalizeFusion: l2Normalize,
  LpNormalization: (n) => n.create(LpNorm, { x: n.input(0) }, { axis: n.int("axis"), p: n.int("p", 2) }),
  Softmax: softmax(Softmax, (n) => n.ints("axis")),
  LogSoftmax: softmax(LogSoftmax, (n) => [n.int("axis")]),
};
