/** Normalisation. */
import { normalizeAxis } from "../../../../ir/axis.ts";
import { Lrn } from "../../../../ir/ops/lp-norm.ts";
import { BatchNorm, GroupNorm, LayerNorm } from "../../../../ir/ops/norm.ts";
import { tensor } from "../../../../ir/type.ts";
import { literal } from "../graph-writer.ts";
import { type NamedRow, row, since2 } from "../row.ts";
import { float } from "./names.ts";

/** Of five results the first one. */
const batchNorm = row(BatchNorm, ({ x, scale, bias, mean, variance }, { epsilon, axis }, n) => {
  const rank = x.tensor.shape.length;
  if (axis !== 1 || rank < 2 || rank > 4) return n.cannot("of that axis or number of axes");
  const statistics = mean.tensor;
  const types = [n.type(), statistics, statistics, statistics, statistics];
  const attributes = { is_training: false, epsilon: float(epsilon), momentum: float(0.1), format: "NCHW" };
  return n.items("BatchNorm", [x, scale, bias, mean, variance], attributes, types).at(0);
});

const layerNorm = row(LayerNorm, ({ x, scale, bias }, { axis, epsilon, statistics }, n) => {
  const isUsed = [1, 2].some((i) => n.op.results[i]!.uses.size > 0);
  if (!scale || !bias || isUsed) return n.cannot("without scale and bias, or with its statistics");
  const begin = normalizeAxis(axis, x.tensor.shape.length);
  const reduced = tensor(statistics, [...x.tensor.shape.slice(0, begin), ...x.tensor.shape.slice(begin).map(() => 1)]);
  const attributes = { begin_norm_axis: begin, begin_params_axis: begin, epsilon: float(epsilon) };
  return [n.items("LayerNorm", [x, scale, bias], attributes, [n.type(), reduced, reduced]).at(0)];
});

const groupNorm = row(GroupNorm, ({ x, scale, bias }, { groups, epsilon }, n) => {
  if (typeof groups !== "number" || scale.tensor.dtype !== x.tensor.dtype) return n.cannot("with parameters of another type");
  const statistics = tensor("f32", [x.tensor.shape[0]!, groups]);
  const inputs = [x, literal(groups), scale, bias, literal(float(epsilon))];
  return n.items("GroupNorm", inputs, {}, [n.type(), statistics, statistics]).at(0);
});

const lrn = row(Lrn, ({ x }, { size, alpha, beta, bias }, n) => {
  if (size % 2 === 0) return n.cannot("over an even number of channels");
  const attributes = { depth_radius: (size - 1) / 2, bias: float(bias), alpha: float(alpha / size), beta: float(beta) };
  return n.node("LRN", [x], { ...attributes, norm_region: "ACROSS_CHANNELS" });
});

export const normRows: readonly NamedRow[] = [batchNorm, layerNorm, lrn, ...since2(groupNorm)];
