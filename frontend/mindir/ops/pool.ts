/** Pooling. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Range } from "../../../ir/ops/generate.ts";
import { AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, LpPool, MaxPool, MaxPoolIndices } from "../../../ir/ops/pool.ts";
import { MaxUnpool } from "../../../ir/ops/unpool.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { tupleOf } from "../values.ts";
import { Formula } from "../../formula.ts";
import { channelsBack, channelsSecond, isChannelsLast, samePads, spatialEntries } from "./nn.ts";

type Pads = readonly (readonly [Dim, Dim])[];
const padModes = ["pad", "same", "valid"];

interface PoolWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: Pads;
  readonly ceil_mode: boolean;
}

/** Where the arguments of a pool stand that are inputs since 2.3. */
interface Places {
  readonly kernel: number;
  readonly strides: number;
  readonly mode: number;
  readonly format: number;
}
const attributesOnly: Places = { kernel: -1, strides: -1, mode: -1, format: -1 };
const afterInput: Places = { kernel: 1, strides: 2, mode: 3, format: 4 };

function poolWindow(n: NodeContext, x: Value, isLast: boolean, places: Places): PoolWindow {
  const rank = x.tensor.shape.length - 2;
  const kernel = spatialEntries(n, n.ints([places.kernel, "kernel_size", "ksize"], [1]), rank, isLast);
  const strides = spatialEntries(n, n.ints([places.strides, "strides", "stride"], [1]), rank, isLast);
  const mode = n.string([places.mode, "pad_mode", "padding"], "valid", padModes);
  const ceil_mode = n.int([-1, "ceil_mode"], 0) === 1;
  const ones = kernel.map(() => 1);
  if (mode === "same") return { kernel, strides, pads: samePads(x.tensor.shape.slice(2), kernel, strides, ones), ceil_mode: false };
  const isPadded = mode === "pad" || mode === "calculated";
  return { kernel, strides, pads: isPadded ? listedPads(n, rank) : kernel.map(() => [0, 0] as const), ceil_mode };
}

function listedPads(n: NodeContext, rank: number): Pads {
  const flat = n.ints([-1, "pad_list", "pad", "pads"], [0]);
  if (flat.length === 2 * rank) return Array.from({ length: rank }, (_, d) => [flat[2 * d] as number, flat[2 * d + 1] as number] as const);
  return spatialEntries(n, flat, rank, false).map((p) => [p, p] as const);
}

const maxPool: Lowering = (n) => {
  const isLast = isChannelsLast(n);
  const x = channelsSecond(n, n.input(0), isLast);
  return channelsBack(n, n.create(MaxPool, { x }, poolWindow(n, x, isLast, attributesOnly)), isLast);
};

const avgPool =
  (places: Places): Lowering =>
  (n) => {
    const isLast = isChannelsLast(n, places.format);
    const x = channelsSecond(n, n.input(0), isLast);
    const window = poolWindow(n, x, isLast, places);
    const divisor = n.int([-1, "divisor_override"], 0);
    const count_include_pad = n.bool([-1, "count_include_pad"], n.operator.name === "AvgPool3D");
    const y = divided(
      n,
      n.create(AvgPool, { x }, { ...window, count_include_pad: divisor > 0 || count_include_pad }),
      window.kernel,
      divisor,
    );
    return channelsBack(n, y, isLast);
  };

/** The mean over a window with another divisor; the mean is over all of it then. */
function divided(n: NodeContext, y: Value, kernel: readonly number[], divisor: number): Value {
  return divisor > 0 ? new Formula(n).mul(y, kernel.reduce((a, b) => a * b, 1) / divisor) : y;
}

/** Kernel and strides are (1, h, w, 1) in old files, (1, 1, h, w) in newer ones of the same name. */
const maxPoolWithArgmax: Lowering = (n) => {
  const x = n.input(0);
  const entries = (...names: string[]): readonly number[] => {
    const given = n.ints([-1, ...names], [1]);
    return given.length === 4 && given[1] !== 1 && given[3] === 1 ? given.slice(1, 3) : spatialEntries(n, given, 2, false);
  };
  const [kernel, strides] = [entries("kernel_size", "ksize"), entries("strides")];
  const mode = n.string([-1, "pad_mode", "padding"], "valid", padModes);
  const pads = mode === "same" ? samePads(x.tensor.shape.slice(2), kernel, strides, [1, 1]) : [];
  const [y, indices] = n.createAll(
    MaxPoolIndices,
    { x },
    { kernel, strides, pads, within: "plane", dtype: n.declaredAt(1)?.dtype ?? "i32" },
  );
  return [y!, inImage(n, indices!, x)];
};

/** Positions in a plane as those in an image: the planes of the channels stand one behind the other. */
function inImage(n: NodeContext, indices: Value, x: Value): Value {
  const [, channels, height, width] = x.tensor.shape;
  const { dtype } = indices.tensor;
  const plane = n.tensorOf({ kind: "int", value: dim.mul(height!, width!), dtype }, dtype);
  const starts = n.create(Range, { start: n.scalar(dtype, 0), delta: plane }, { length: channels! });
  return new Formula(n).add(indices, n.reshape(starts, [channels!, 1, 1]));
}

/** x, argmax: zeros but at the places that the pool took its elements from. */
const maxUnpool: Lowering = (n) => {
  const [x, indices] = [n.input(0), n.input(1)];
  const rank = x.tensor.shape.length - 2;
  const asked = n.dims([-1, "output_shape"], []);
  const entries = (names: readonly string[], fallback: readonly number[]): readonly number[] =>
    spatialEntries(n, n.ints([-1, ...names], fallback), rank, false);
  const [kernel, strides, pads] = [entries(["ksize"], [1]), entries(["strides"], [1]), entries(["pads"], [0])];
  const spatial = x.tensor.shape
    .slice(2)
    .map((d, i) => dim.add(dim.mul(dim.sub(d, 1), strides[i] as number), (kernel[i] as number) - 2 * (pads[i] as number)));
  const shape =
    asked.length === 0
      ? [...x.tensor.shape.slice(0, 2), ...spatial]
      : asked.length === rank
        ? [...x.tensor.shape.slice(0, 2), ...asked]
        : asked;
  return n.create(MaxUnpool, { x, indices }, { shape, within: "plane" });
};

/** Pads, dilation and ceil mode are explicit; the indices are those in a plane. */
const maxPoolWithIndices: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length - 2;
  const entries = (at: number, names: readonly string[], fallback: readonly number[]): readonly number[] => {
    const given = n.ints([at, ...names], fallback);
    return spatialEntries(n, given.length === 0 ? fallback : given, rank, false);
  };
  const kernel = entries(1, ["kernel_size", "ksize"], [1]);
  const strides = entries(2, ["strides"], kernel);
  const pads = entries(3, ["pads"], [0]).map((p) => [p, p] as const);
  const dilations = entries(4, ["dilation"], [1]);
  const ceil_mode = n.bool([5, "ceil_mode"], false);
  const dtype = n.declaredAt(1)?.dtype ?? n.dtype([6, "argmax_type"], "i64");
  return n.createAll(MaxPoolIndices, { x }, { kernel, strides, pads, dilations, ceil_mode, within: "plane", dtype });
};

/** Averages of the functional interface; kernel, stride, padding, ceil mode, whether padding counts, divisor as inputs. */
const avgPoolExt =
  (rank: number): Lowering =>
  (n) => {
    const given = n.input(0);
    const x = given.tensor.shape.length === rank + 2 ? given : n.reshape(given, [1, ...given.tensor.shape]);
    const entries = (at: number, name: string, fallback: readonly number[]): readonly number[] => {
      const values = n.ints([at, name], fallback);
      return spatialEntries(n, values.length === 0 ? fallback : values, rank, false);
    };
    const kernel = entries(1, "kernel_size", [1]);
    const divisor = n.int([6, "divisor_override"], 0);
    const window = {
      kernel,
      strides: entries(2, "stride", kernel),
      pads: entries(3, "padding", [0]).map((p) => [p, p] as const),
      ceil_mode: n.bool([4, "ceil_mode"], false),
    };
    const pooled = n.create(AvgPool, { x }, { ...window, count_include_pad: divisor > 0 || n.bool([5, "count_include_pad"], true) });
    const y = divided(n, pooled, kernel, divisor);
    return given === x ? y : n.reshape(y, y.tensor.shape.slice(1));
  };

/** Sizes of the result; None keeps the input's. */
function adaptiveOutput(n: NodeContext, x: Value, rank: number): readonly Dim[] {
  const spatial = x.tensor.shape.slice(-rank);
  const asked = n.dims([1, "output_size"], spatial);
  if (asked.length === 1 && rank > 1) return spatial.map(() => asked[0]!);
  return asked.map((d, i) => (typeof d === "number" && d < 0 ? spatial[i]! : d));
}

const adaptive =
  (definition: typeof AdaptiveAvgPool | typeof AdaptiveMaxPool, rank: number): Lowering =>
  (n) => {
    const given = n.input(0);
    const x = given.tensor.shape.length === rank + 2 ? given : n.reshape(given, [1, ...given.tensor.shape]);
    const y = n.create(definition, { x }, { output: adaptiveOutput(n, x, rank) });
    return given === x ? y : n.reshape(y, y.tensor.shape.slice(1));
  };

/** The places of the greatest elements are for training. */
const adaptiveMax =
  (rank: number): Lowering =>
  (n) =>
    tupleOf([adaptive(AdaptiveMaxPool, rank)(n) as Value, { kind: "python", text: "the places of an adaptive pool's elements" }]);

const lpPool: Lowering = (n) => {
  const x = n.input(0);
  return n.create(LpPool, { x }, { ...poolWindow(n, x, false, attributesOnly), p: n.int([-1, "p", "norm_type"], 2) });
};

const globalMean: Lowering = (n) => {
  const x = n.input(0);
  return n.create(AdaptiveAvgPool, { x }, { output: x.tensor.shape.slice(2).map(() => 1) });
};

export const pool: Lowerings = {
  MaxPool: maxPool,
  MaxPool3D: maxPool,
  AvgPool: avgPool(afterInput),
  AvgPool3D: avgPool(attributesOnly),
  MaxPoolWithArgmax: maxPoolWithArgmax,
  MaxPoolWithArgmaxV2: maxPoolWithIndices,
  MaxPoolWithMask: maxPoolWithIndices,
  MaxPoolWithIndices: maxPoolWithIndices,
  AvgPool1D: avgPoolExt(1),
  AvgPool2D: avgPoolExt(2),
  AvgPool3DExt: avgPoolExt(3),
  AdaptiveAvgPool1D: adaptive(AdaptiveAvgPool, 1),
  AdaptiveAvgPool2D: adaptive(AdaptiveAvgPool, 2),
  AdaptiveAvgPool2DExt: adaptive(AdaptiveAvgPool, 2),
  AdaptiveAvgPool3D: adaptive(AdaptiveAvgPool, 3),
  AdaptiveAvgPool3DExt: adaptive(AdaptiveAvgPool, 3),
  AdaptiveMaxPool1D: adaptive(AdaptiveMaxPool, 1),
  AdaptiveMaxPool2D: adaptiveMax(2),
  AdaptiveMaxPool3D: adaptiveMax(3),
  MaxPool3DWithArgmax: maxPoolWithIndices,
  MaxUnpool2D: maxUnpool,
  MaxUnpool3D: maxUnpool,
  LPPool: lpPool,
  GlobalAvgPool: globalMean,
};
