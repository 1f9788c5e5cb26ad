/** Reductions, places of extremes, running sums, the greatest elements; resizing. */
import type { Dim } from "../../../ir/dim.ts";
import { reductions } from "../ops/reduce.ts";
import { attribute, axesOf, axisFor, axisOf, layoutOf, rank, type Row, type Rows } from "./row.ts";

/** An image stays in its order of axes where they stay, or where height and width go. */
const reduction = (mode: string): Row => ({
  accepts: (op) => attribute<readonly number[]>(op, "axes").length > 0 && (op.result.tensor.dtype !== "bool") === (mode !== "ReduceAll"),
  emit(e, op) {
    const x = op.operand(0)!;
    const keepdims = attribute<boolean>(op, "keepdims");
    const axes = axesOf(op);
    const isSpatial = rank(x) === 4 && axes.length === 2 && axes.includes(2) && axes.includes(3);
    const layout = keepdims || isSpatial ? layoutOf(e, [x]) : "second";
    const list = e.ints(axes.map((a) => axisFor(layout, a)));
    const output = e.result(op.result, keepdims ? layout : "second");
    e.node("ReduceFusion", { keep_dims: keepdims, mode, coeff: 1 }, [e.get(x, layout), list], [output]);
  },
});

const place = (type: string): Row => ({
  accepts: (op) => !attribute<boolean>(op, "last") && ["i32", "i64"].includes(op.result.tensor.dtype),
  emit(e, op) {
    const fields = {
      axis: axisOf(op),
      top_k: 1,
      keep_dims: attribute<boolean>(op, "keepdims"),
      out_max_value: false,
    };
    e.node(type, fields, [e.get(op.operand(0)!)], [e.result(op.result)]);
  },
});

const topK: Row = {
  accepts: (op) => typeof op.attributes["k"] === "number",
  emit(e, op) {
    const fields = { axis: axisOf(op), sorted: true, largest: attribute<boolean>(op, "largest") ? 1 : 0 };
    e.node(
      "TopKFusion",
      fields,
      [e.get(op.operand(0)!), e.int(attribute<number>(op, "k"))],
      op.results.map((r) => e.result(r)),
    );
  },
};

const cumsum: Row = {
  emit(e, op) {
    const fields = { exclusive: attribute<boolean>(op, "exclusive"), reverse: attribute<boolean>(op, "reverse") };
    e.node("CumSum", fields, [e.get(op.operand(0)!), e.int(axisOf(op))], [e.result(op.result)]);
  },
};

const coordinates: Readonly<Record<string, string>> = {
  asymmetric: "ASYMMETRIC",
  align_corners: "ALIGN_CORNERS",
  half_pixel: "HALF_PIXEL",
};
const methods: Readonly<Record<string, string>> = { nearest: "NEAREST", linear: "LINEAR", cubic: "CUBIC" };
const nearestModes: Readonly<Record<string, string>> = {
  floor: "FLOOR",
  ceil: "CEIL",
  round_prefer_floor: "ROUND_HALF_DOWN",
  round_prefer_ceil: "ROUND_HALF_UP",
};

/** Of images to a given height and width. */
const resize: Row = {
  accepts(op) {
    const x = op.operand(0)!;
    const shape = attribute<readonly Dim[]>(op, "shape");
    const fits =
      rank(x) === 4 &&
      shape[0] === x.tensor.shape[0] &&
      shape[1] === x.tensor.shape[1] &&
      shape.slice(2).every((d) => typeof d === "number");
    const isPlain = attribute<readonly number[]>(op, "scales").length === 0 && !attribute<boolean>(op, "antialias");
    return (
      fits &&
      isPlain &&
      coordinates[attribute<string>(op, "coordinates")] !== undefined &&
      nearestModes[attribute<string>(op, "nearest_mode")] !== undefined
    );
  },
  emit(e, op) {
    const [height, width] = attribute<readonly number[]>(op, "shape").slice(2);
    const mode = attribute<string>(op, "mode");
    const fields = {
      format: "NHWC",
      method: methods[mode],
      new_height: height,
      new_width: width,
      coordinate_transform_mode: coordinates[attribute<string>(op, "coordinates")],
      cubic_coeff: attribute<number>(op, "cubic_coeff_a"),
      exclude_outside: attribute<boolean>(op, "exclude_outside") ? 1 : 0,
      nearest_mode: mode === "nearest" ? nearestModes[attribute<string>(op, "nearest_mode")] : "NORMAL",
    };
    e.node("Resize", fields, [e.get(op.operand(0)!, "last")], [e.result(op.result, "last")]);
  },
};

const names: Readonly<Record<string, string>> = { ReduceASum: "reduce_l1", ReduceSumSquare: "reduce_sum_square", ReduceL2: "reduce_l2" };
const nameOf = (mode: string): string => names[mode] ?? mode.replace(/^Reduce(\w+)$/, (_, rest: string) => `reduce_${rest.toLowerCase()}`);

export const reduceRows: Rows = {
  ...Object.fromEntries(Object.keys(reductions).map((mode) => [nameOf(mode), reduction(mode)])),
  argmax: place("ArgMaxFusion"),
  argmin: place("ArgMinFusion"),
  top_k: topK,
  cumsum,
  resize,
};
