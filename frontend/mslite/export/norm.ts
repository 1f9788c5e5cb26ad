/** Normalisations and softmax. */
import { dimKey } from "../../../ir/dim.ts";
import type { Op } from "../../../ir/graph.ts";
import { sameShape } from "../../../ir/type.ts";
import { attribute, axesOf, axisFor, axisOf, layoutOf, rank, type Row, type Rows } from "./row.ts";

const isRow = (op: Op, from: number): boolean => op.operands.slice(from).every((v) => v !== undefined && rank(v) === 1);

/** Of images over their channels, of matrices over their columns. */
const batchNorm: Row = {
  accepts: (op) => (rank(op.operand(0)!) === 4 || rank(op.operand(0)!) === 2) && attribute<number>(op, "axis") === 1 && isRow(op, 1),
  emit(e, op) {
    const layout = rank(op.operand(0)!) === 4 ? "last" : "second";
    const inputs = op.operands.map((v, i) => e.get(v!, i === 0 ? layout : "second"));
    const fields = { epsilon: attribute<number>(op, "epsilon"), mode: 1 };
    e.node("FusedBatchNorm", fields, inputs, [e.result(op.result, layout)]);
  },
};

/** Scale and bias of the normalised axes; the statistics are no results of the primitive. */
const layerNorm: Row = {
  accepts(op) {
    const [x, scale, bias] = op.operands;
    const shape = x!.tensor.shape.slice(axisOf(op));
    const fits = [scale, bias].every((v) => v !== undefined && sameShape(v.tensor.shape, shape));
    return fits && op.results.slice(1).every((r) => r.uses.size === 0);
  },
  emit(e, op) {
    const axis = axisOf(op);
    const fields = { begin_norm_axis: axis, begin_params_axis: axis, epsilon: attribute<number>(op, "epsilon"), elementwise_affine: true };
    e.node(
      "LayerNormFusion",
      fields,
      op.operands.map((v) => e.get(v!)),
      [e.result(op.result)],
    );
  },
};

/** As many groups as channels: of images with channels last; else groups of channels on axis 1. */
const groupNorm: Row = {
  accepts: (op) =>
    rank(op.operand(0)!) === 4 &&
    isRow(op, 1) &&
    op.operand(1)!.tensor.shape[0] === op.operand(0)!.tensor.shape[1] &&
    typeof op.attributes["groups"] === "number",
  emit(e, op) {
    const x = op.operand(0)!;
    const groups = attribute<number>(op, "groups");
    const isInstance = dimKey(groups) === dimKey(x.tensor.shape[1]!);
    const layout = isInstance ? "last" : "second";
    const inputs = [e.get(x, layout), e.get(op.operand(1)!), e.get(op.operand(2)!)];
    const epsilon = attribute<number>(op, "epsilon");
    const fields = isInstance ? { epsilon } : { num_groups: groups, epsilon, affine: true };
    e.node(isInstance ? "InstanceNorm" : "GroupNormFusion", fields, inputs, [e.result(op.result, layout)]);
  },
};

const softmax: Row = {
  emit(e, op) {
    const x = op.operand(0)!;
    const layout = layoutOf(e, [x]);
    e.node("Softmax", { axis: axesOf(op).map((a) => axisFor(layout, a)) }, [e.get(x, layout)], [e.result(op.result, layout)]);
  },
};

const logSoftmax: Row = {
  accepts: (op) => attribute<readonly number[]>(op, "axes").length === 1,
  emit(e, op) {
    const x = op.operand(0)!;
    const layout = layoutOf(e, [x]);
    const [axis] = axesOf(op);
    e.node("LogSoftmax", { axis: axisFor(layout, axis!) }, [e.get(x, layout)], [e.result(op.result, layout)]);
  },
};

/** Over an odd number of channels of images. */
const lrn: Row = {
  accepts: (op) => rank(op.operand(0)!) === 4 && attribute<number>(op, "size") % 2 === 1,
  emit(e, op) {
    const size = attribute<number>(op, "size");
    const fields = {
      depth_radius: (size - 1) / 2,
      alpha: attribute<number>(op, "alpha") / size,
      beta: attribute<number>(op, "beta"),
      bias: attribute<number>(op, "bias"),
      norm_region: "ACROSS_CHANNELS",
    };
    e.node("LRN", fields, [e.get(op.operand(0)!, "last")], [e.result(op.result, "last")]);
  },
};

export const normRows: Rows = {
  batch_norm: batchNorm,
  layer_norm: layerNorm,
  group_norm: groupNorm,
  softmax,
  log_softmax: logSoftmax,
  lrn,
  lp_norm: {
    emit(e, op) {
      e.node("LpNormalization", { axis: axisOf(op), p: attribute<number>(op, "p") }, [e.get(op.operand(0)!)], [e.result(op.result)]);
    },
  },
};
