/** Normalisation. */
import { normalizeAxis } from "../../../ir/axis.ts";
import type { Value } from "../../../ir/graph.ts";
import { Rsqrt } from "../../../ir/ops/elementwise.ts";
import { Lrn } from "../../../ir/ops/lp-norm.ts";
import { BatchNorm, GroupNorm, LayerNorm, Moments, RmsNorm } from "../../../ir/ops/norm.ts";
import { computeType, type DType, type TensorType, tensor } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { type ExportNode, row } from "../export-node.ts";
import type { Ref } from "../graph-writer.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";
import { channelsBack, channelsSecond, isChannelsLast } from "./window.ts";

const real = (x: Value): DType => (computeType(x.tensor.dtype) === "f64" ? "f64" : "f32");

/** The results after the first are what training needs: here the statistics that were used. */
const batchNorm: Lowering = (n) => {
  const isLast = isChannelsLast(n);
  const x = channelsSecond(n, n.input("x"), isLast);
  const [mean, variance] = n.bool("is_training") ? batchStatistics(n, x) : [n.input("mean"), n.input("variance")];
  const operands = { x, scale: n.input("scale"), bias: n.input("offset"), mean, variance };
  const y = n.create(BatchNorm, operands, { epsilon: n.float("epsilon") });
  return [channelsBack(n, y, isLast), mean, variance, mean, variance];
};

function batchStatistics(n: NodeContext, x: Value): readonly [Value, Value] {
  const axes = x.tensor.shape.flatMap((_, d) => (d === 1 ? [] : [d]));
  const [mean, variance] = n.createAll(Moments, { x: n.cast(x, real(x)) }, { axes });
  return [mean!, variance!];
}

/** Without scale or offset they are one and zero. */
const bnInference: Lowering = (n) => {
  const x = n.input("x");
  const f = new Formula(n);
  const [mean, variance] = [n.input("mean"), n.input("variance")];
  const like = (value: number): Value => f.add(f.mul(mean, 0), value);
  const operands = { x, scale: n.optional("scale") ?? like(1), bias: n.optional("offset") ?? like(0), mean, variance };
  return n.create(BatchNorm, operands, { epsilon: n.float("epsilon") });
};

/** Results: the normalised values, the mean and the variance. */
const layerNorm: Lowering = (n) => {
  const x = n.input("x");
  const rank = x.tensor.shape.length;
  const axis = normalizeAxis(n.int("begin_norm_axis"), rank);
  const parameterAxis = normalizeAxis(n.int("begin_params_axis"), rank);
  const epsilon = n.float("epsilon");
  const parameter = (v: Value): Value => n.reshape(v, x.tensor.shape.slice(parameterAxis));
  const operands = { x, scale: parameter(n.input("gamma")), bias: parameter(n.input("beta")) };
  const [y, mean, inverse] = n.createAll(LayerNorm, operands, { axis, epsilon, statistics: real(x) });
  const f = new Formula(n);
  return [y, mean, f.sub(f.div(1, f.square(inverse!)), epsilon)];
};

const groupNorm: Lowering = (n) => {
  const isLast = isChannelsLast(n);
  const x = channelsSecond(n, n.input("x"), isLast);
  const operands = { x, scale: n.input("gamma"), bias: n.input("beta") };
  return [channelsBack(n, n.create(GroupNorm, operands, { groups: n.int("num_groups"), epsilon: n.float("epsilon") }), isLast)];
};

/** `x / sqrt(max(sum x^2, eps))`. */
const l2Normalize: Lowering = (n) => {
  const x = n.input("x");
  const f = new Formula(n);
  const given = n.ints("axis");
  const axes = given.length === 0 ? x.tensor.shape.map((_, d) => d) : given.map((a) => normalizeAxis(a, x.tensor.shape.length));
  return f.mul(x, n.create(Rsqrt, { x: f.max(f.sum(f.square(x), axes, true), n.float("eps")) }));
};

/** The window has `2 * depth_radius + 1` channels, and alpha is not divided by their number. */
const lrn: Lowering = (n) => {
  const size = 2 * n.int("depth_radius") + 1;
  const attributes = { size, alpha: n.float("alpha") * size, beta: n.float("beta"), bias: n.float("bias") };
  return n.create(Lrn, { x: n.input("x") }, attributes);
};

/** Results: the normalised values and one over the root of the mean square. */
const rmsNorm: Lowering = (n) => {
  const [x, scale] = [n.input("x"), n.input("gamma")];
  return [n.create(RmsNorm, { x, scale }, { axis: x.tensor.shape.length - scale.tensor.shape.length, epsilon: n.float("epsilon") })];
};

/** A vector of ones or zeros where an operand is absent. */
const orFilled = (e: ExportNode, given: Ref | undefined, shape: TensorType["shape"], value: number): Ref => {
  if (given) return given;
  const scalar = e.scalar(e.in(0).type.dtype, value);
  return shape.length === 0 ? scalar : e.step("BroadcastTo", { x: scalar, shape: e.sizes(shape) }, {}, tensor(scalar.type.dtype, shape));
};

const used = (e: ExportNode, i: number): boolean => (e.op.results[i]?.uses.size ?? 0) > 0;

export const normFamily: Family = {
  imports: {
    BatchNorm: batchNorm,
    BNInference: bnInference,
    GroupNorm: groupNorm,
    L2Normalize: l2Normalize,
    LayerNorm: layerNorm,
    LRN: lrn,
    RmsNorm: rmsNorm,
  },
  exports: [
    row(BatchNorm, (e, { axis, epsilon }) => {
      const x = e.in(0);
      if (axis !== 1 && !(axis < 0 && axis + x.type.shape.length === 1)) return e.refuse("its channels are not on axis 1");
      const statistics = e.in(1).type;
      const inputs = { x, scale: e.in(1), offset: e.in(2), mean: e.in(3), variance: e.in(4) };
      const results = [e.types[0]!, statistics, statistics, statistics, statistics];
      return e.emit("BatchNorm", inputs, { epsilon, data_format: "NCHW", is_training: false }, results).slice(0, 1);
    }),
    row(GroupNorm, (e, { groups, epsilon }) => {
      const x = e.in(0);
      const [num_groups] = e.fixed([groups], "the number of groups");
      const statistics = tensor("f32", [x.type.shape[0]!, num_groups!]);
      const attributes = { num_groups: num_groups!, epsilon, data_format: "NCHW", is_training: false };
      return e.emit("GroupNorm", { x, gamma: e.in(1), beta: e.in(2) }, attributes, [e.types[0]!, statistics, statistics]).slice(0, 1);
    }),
    row(LayerNorm, (e, { axis, epsilon }) => {
      const x = e.in(0);
      const begin = normalizeAxis(axis, x.type.shape.length);
      const shape = x.type.shape.slice(begin);
      const inputs = { x, gamma: orFilled(e, e.optional(1), shape, 1), beta: orFilled(e, e.optional(2), shape, 0) };
      const attributes = { begin_norm_axis: begin, begin_params_axis: begin, epsilon };
      const [y, mean, variance] = e.emit("LayerNorm", inputs, attributes) as [Ref, Ref, Ref];
      if (!used(e, 2)) return [y, mean, variance];
      const { type } = variance;
      const inner = e.step("Add", { x1: variance, x2: e.scalar(type.dtype, epsilon) }, {}, type);
      return [y, mean, e.step("Rsqrt", { x: inner }, {}, type)];
    }),
    row(Lrn, (e, { size, alpha, beta, bias }) =>
      size % 2 === 1
        ? e.emit("LRN", { x: e.in(0) }, { depth_radius: (size - 1) / 2, alpha: alpha / size, beta, bias, data_format: "NCHW" })
        : e.refuse("its window has an even number of channels"),
    ),
    row(RmsNorm, (e, { axis, epsilon }) => {
      const x = e.in(0);
      const begin = normalizeAxis(axis, x.type.shape.length);
      const gamma = orFilled(e, e.optional(1), x.type.shape.slice(begin), 1);
      const statistics = tensor(
        "f32",
        x.type.shape.map((d, i) => (i < begin ? d : 1)),
      );
      return e.emit("RmsNorm", { x, gamma }, { epsilon }, [e.types[0]!, statistics]).slice(0, 1);
    }),
  ],
};
