/** Operators that are short formulas of other operators. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { IsNan, LogicalNot, NotEqual, Where } from "../../../ir/ops/compare.ts";
import { Max, Reciprocal } from "../../../ir/ops/elementwise.ts";
import { Eye, OneHot } from "../../../ir/ops/generate.ts";
import { NonMaxSuppression } from "../../../ir/ops/nms.ts";
import { BatchNorm } from "../../../ir/ops/norm.ts";
import { Pad } from "../../../ir/ops/pad.ts";
import { ReduceAny, ReduceL2, ReduceSumSquare } from "../../../ir/ops/reduce.ts";
import { Expand, Transpose } from "../../../ir/ops/shape.ts";
import { CosineWindow } from "../../../ir/ops/signal.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import type { DType } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { plainOperator } from "../operator.ts";
import { isKind, isValue, tupleOf } from "../values.ts";
import { Formula } from "../../formula.ts";
import { floats, pair } from "./promote.ts";
import { axesOf } from "./reduce.ts";

const allAxes = (x: Value): number[] => x.tensor.shape.map((_, d) => d);

/** x, dim, keepdim. */
const any: Lowering = (n) => {
  const given = n.input(0);
  const x = n.cast(given, "bool");
  return n.create(ReduceAny, { x }, { axes: axesOf(n, x, [1, "dim"]), keepdims: n.bool([2, "keepdim"], false) });
};

/** x, weight, bias, mean, one over the deviation. */
const batchNormElements: Lowering = (n) => {
  const x = n.input(0);
  const channels = x.tensor.shape[1]!;
  const f = new Formula(n);
  const filled = (value: number): Value => n.create(Expand, { x: n.scalar(x.tensor.dtype, value) }, { shape: [channels] });
  const variance = n.create(Reciprocal, { x: f.square(n.input(4)) });
  return n.create(
    BatchNorm,
    { x, scale: n.optional(1) ?? filled(1), bias: n.optional(2) ?? filled(0), mean: n.input(3), variance },
    { epsilon: 0 },
  );
};

/** A window over as many samples as the constant input says. */
const windowOf =
  (coefficients: (n: NodeContext) => readonly number[]): Lowering =>
  (n) => {
    const attributes = { size: n.dim([0, "length"]), periodic: n.bool([-1, "periodic"], true), dtype: n.declared?.dtype ?? "f32" };
    return n.create(CosineWindow, {}, { ...attributes, coefficients: coefficients(n) });
  };

/** How many boundaries are not above, or below, each element. */
const bucketize: Lowering = (n) => {
  const x = floats(n, 0);
  const boundaries = n.floats([-1, "boundaries"]);
  const f = new Formula(n);
  const rows = n.constant(x.tensor.dtype, [boundaries.length], boundaries);
  const column = n.reshape(x, [...x.tensor.shape, 1]);
  const isAbove = n.cast(f.less(column, rows), "i32");
  return f.sub(f.number(boundaries.length, n.scalar("i32", 0)), f.sum(isAbove, [x.tensor.shape.length]));
};

/** Channels `g * size + c` become `c * groups + g`. */
const channelShuffle: Lowering = (n) => {
  const x = n.input(0);
  const groups = n.int([-1, "group"]);
  const [images, channels, ...rest] = x.tensor.shape as readonly [Dim, Dim, ...Dim[]];
  const apart = n.reshape(x, [images, groups, dim.floordiv(channels, groups), ...rest]);
  const perm = apart.tensor.shape.map((_, d) => (d === 1 ? 2 : d === 2 ? 1 : d));
  return n.reshape(n.create(Transpose, { x: apart }, { perm }), x.tensor.shape);
};

const equalCount: Lowering = (n) => {
  const [a, b] = pair(n);
  const f = new Formula(n);
  return n.reshape(f.sum(n.cast(f.equal(a, b), a.tensor.dtype), allAxes(a)), [1]);
};

/** x, axes. */
const euclideanNorm: Lowering = (n) => {
  const x = n.input(0);
  return n.create(ReduceL2, { x }, { axes: axesOf(n, x, [1, "axes"]), keepdims: n.bool([-1, "keep_dims"], false) });
};

const fillDiagonal: Lowering = (n) => {
  const x = n.input(0);
  const { shape } = x.tensor;
  if (shape.length !== 2 || n.bool([-1, "wrap"], false)) return n.unsupported("only the diagonal of a matrix is filled, without wrapping");
  const condition = n.create(Eye, {}, { shape, dtype: "bool" });
  return new Formula(n).where(condition, n.float([-1, "fill_value"]), x);
};

/** x, axis, indices, value. */
const indexFill: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([1, "dim"]), x.tensor.shape.length);
  const extent = x.tensor.shape[axis]!;
  const given = n.input(2);
  const [on, off] = [n.scalar("bool", 1), n.scalar("bool", 0)];
  const rows = n.create(
    OneHot,
    { indices: n.reshape(given, [dim.product(given.tensor.shape)]), on, off },
    { depth: extent, from_end: true },
  );
  const hit = n.create(ReduceAny, { x: rows }, { axes: [0] });
  const condition = n.reshape(
    hit,
    x.tensor.shape.map((_, d) => (d === axis ? extent : 1)),
  );
  const item = n.items[3];
  const value = n.cast(
    item === undefined ? n.scalar(x.tensor.dtype, 0) : n.tensorOf(item, isValue(item) ? undefined : x.tensor.dtype),
    x.tensor.dtype,
  );
  return n.create(Where, { condition, a: n.reshape(value, []), b: x });
};

/** Layer normalisation whose third result is one over the deviation. */
const layerNormV3: Lowering = (n) => {
  const result = n.scope.apply({ ...n.operator, name: "LayerNorm" }, n.items);
  if (!isKind(result, "tuple")) return result;
  const [y, mean, variance] = result.elements as readonly [Value, Value, Value];
  const f = new Formula(n);
  const deviation = f.sqrt(f.add(variance, n.float([5, "epsilon"], 1e-7)));
  return [y, mean, n.create(Reciprocal, { x: deviation })];
};

/** `log(e^a + e^b)`, in base two where asked. */
const logAddExp =
  (base: number): Lowering =>
  (n) => {
    const [a, b] = pair(n);
    const f = new Formula(n);
    const greatest = n.create(Max, { a, b });
    const scale = Math.log(base);
    const power = (x: Value): Value => f.exp(scale === 1 ? x : f.mul(x, scale));
    const sum = f.add(power(f.sub(a, greatest)), power(f.sub(b, greatest)));
    return f.add(greatest, scale === 1 ? f.log(sum) : f.mul(f.log(sum), 1 / scale));
  };

/** `log(x / (1 - x))`, the input kept `eps` away from zero and one where that is not negative. */
const logit: Lowering = (n) => {
  const given = n.input(0);
  const f = new Formula(n);
  const eps = n.float([1, "eps"], -1);
  const x = eps < 0 ? given : f.min(f.max(given, eps), 1 - eps);
  return f.log(f.div(x, f.sub(1, x)));
};

/** x, dim, keepdim, dtype: what is no number counts as zero. */
const nanSum: Lowering = (n) => {
  const x = n.has([3, "dtype"]) ? n.cast(n.input(0), n.dtype([3, "dtype"])) : n.input(0);
  const f = new Formula(n);
  const axes = axesOf(n, x, [1, "dim", "axis"]);
  return f.sum(f.where(n.create(IsNan, { x }), 0, x), axes, n.bool([2, "keepdim", "keep_dims"], false));
};

/** x, size, dtype (after a value for `NewFull`): the element type is that of `x` where none is given. */
const newFilled =
  (value: number | undefined): Lowering =>
  (n) => {
    const at = value === undefined ? 3 : 2;
    const type: DType = n.has([at, "dtype"]) ? n.dtype([at, "dtype"]) : n.type(0).dtype;
    const filling = value ?? n.items[2];
    const scalar = typeof filling === "number" ? n.scalar(type, filling) : n.cast(n.tensorOf(filling ?? { kind: "none" }, type), type);
    const shape = n.dims([1, "size"]);
    return shape.length === 0 ? scalar : n.create(Expand, { x: n.reshape(scalar, []) }, { shape });
  };

const emptyLike: Lowering = (n) => {
  const { dtype, shape } = n.type(0);
  const zero = n.scalar(n.has([1, "dtype"]) ? n.dtype([1, "dtype"]) : dtype, 0);
  return shape.length === 0 ? zero : n.create(Expand, { x: zero }, { shape });
};

/** Boxes, scores, the most that are kept, two thresholds: the places of the boxes kept. */
const nonMaxSuppression: Lowering = (n) => {
  const [boxes, scores] = [n.input(0), n.input(1)];
  const count = boxes.tensor.shape[0]!;
  const limit = (i: number): Value => n.reshape(n.cast(n.input(i), boxes.tensor.dtype), []);
  const operands = {
    boxes: n.reshape(boxes, [1, count, 4]),
    scores: n.reshape(n.cast(scores, boxes.tensor.dtype), [1, 1, count]),
    max_output: n.reshape(n.cast(n.input(2), "i64"), []),
    iou_threshold: limit(3),
    score_threshold: limit(4),
  };
  const [selected] = n.createAll(NonMaxSuppression, operands, { extent: n.freshExtent("kept").name });
  const kept = selected!.tensor.shape[0]!;
  const places = n.create(Slice, { x: selected! }, { starts: [0, 2], sizes: [kept, 1], steps: [1, 1] });
  return n.cast(n.reshape(places, [kept]), "i32");
};

const softMarginLoss: Lowering = (n) => {
  const [x, target] = pair(n);
  const f = new Formula(n);
  const loss = f.log(f.add(f.exp(f.neg(f.mul(target, x))), 1));
  const how = n.string([2, "reduction"], "mean", ["sum", "mean", "none"]);
  return how === "none" ? loss : n.scope.apply(plainOperator(how === "mean" ? "MeanExt" : "SumExt"), [loss]);
};

/** The part of `x` from begin to end, by steps of one, replaced by a value that broadcasts to it. */
const copySlices: Lowering = (n) => {
  const x = n.input(0);
  const { shape } = x.tensor;
  const [begin, end, steps] = [n.dims([2, "begin"]), n.dims([3, "end"]), n.ints([4, "strides"], [])];
  if (steps.some((s) => s !== 1)) return n.unsupported("a slice with steps cannot be replaced");
  const pads = shape.map((extent, d) => [begin[d] ?? 0, dim.sub(extent, end[d] ?? extent)] as const);
  const part = shape.map((extent, d) => dim.sub(extent, dim.add(...pads[d]!)));
  const given = n.cast(n.input(1), x.tensor.dtype);
  const value = n.create(Expand, { x: given }, { shape: part });
  const inside = n.create(Expand, { x: n.scalar("bool", 1) }, { shape: part });
  const condition = n.create(Pad, { x: inside }, { pads });
  return n.create(Where, { condition, a: n.create(Pad, { x: value }, { pads }), b: x });
};

/** How many of each sorted row are less (lower bound) or not greater (upper bound). */
const bound =
  (isUpper: boolean): Lowering =>
  (n) => {
    const to = n.declared?.dtype ?? "i32";
    const flags = { right: { kind: "bool", value: isUpper }, dtype: { kind: "dtype", dtype: to } } as const;
    return n.scope.apply({ name: "SearchSorted", attributes: new Map(Object.entries(flags)) }, n.items.slice(0, 2));
  };

const squareSums: Lowering = (n) => [n.input(0), n.input(1)].map((x) => n.create(ReduceSumSquare, { x }, { axes: allAxes(x) }));

/** Gradient of softmax: dout, the softmax, dim. */
const softmaxBackward: Lowering = (n) => {
  const [dy, y] = [n.input(0), n.input(1)];
  const f = new Formula(n);
  const axis = normalizeAxis(n.int([2, "dim"], -1), y.tensor.shape.length);
  return f.mul(y, f.sub(dy, f.sum(f.mul(y, dy), [axis], true)));
};

/** Whether two tensors are equal in every element. */
const allEqual: Lowering = (n) => {
  const [a, b] = pair(n);
  return n.create(LogicalNot, { x: n.create(ReduceAny, { x: n.create(NotEqual, { a, b }) }, { axes: allAxes(a) }) });
};

export const compositions: Lowerings = {
  Any: any,
  AnyExt: any,
  BatchNormElemt: batchNormElements,
  BlackmanWindow: windowOf(() => [0.42, 0.5, 0.08]),
  HammingWindow: windowOf((n) => [n.float([-1, "alpha"], 0.54), n.float([-1, "beta"], 0.46)]),
  Bucketize: bucketize,
  ChannelShuffle: channelShuffle,
  EmptyLike: emptyLike,
  EqualCount: equalCount,
  EqualExt: allEqual,
  EuclideanNorm: euclideanNorm,
  FillDiagonal: fillDiagonal,
  IdentityN: (n) => tupleOf(n.tensors(0)),
  IndexFill: indexFill,
  IndexFillScalar: indexFill,
  IndexFillTensor: indexFill,
  LayerNormV3: layerNormV3,
  LogAddExp: logAddExp(Math.E),
  LogAddExp2: logAddExp(2),
  Logit: logit,
  LowerBound: bound(false),
  UpperBound: bound(true),
  Nansum: nanSum,
  NewZeros: newFilled(0),
  NewOnes: newFilled(1),
  NewFull: newFilled(undefined),
  NonMaxSuppressionV3: nonMaxSuppression,
  SoftMarginLoss: softMarginLoss,
  SoftmaxBackward: softmaxBackward,
  SquareSumAll: squareSums,
  TensorCopySlices: copySlices,
  TypeAs: (n) => n.cast(n.input(0), n.type(1).dtype),
  ViewAs: (n) => n.reshape(n.input(0), n.type(1).shape),
};
