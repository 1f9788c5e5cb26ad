/** Pools. */
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { AdaptiveAvgPool, AvgPool, MaxPool, MaxPoolIndices } from "../../../ir/ops/pool.ts";
import type { tensor } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { type ExportNode, row, type Written } from "../export-node.ts";
import type { Attributes } from "../graph-writer.ts";
import type { Lowering, NodeContext } from "../node.ts";
import { asImage, emitImage, widened } from "./conv.ts";
import type { Family } from "./family.ts";
import {
  channelsBack,
  channelsSecond,
  isChannelsLast,
  isSamePads,
  orOnes,
  orZeros,
  type Pair,
  padPairs,
  samePads,
  spatialEntries,
  withOnes,
} from "./window.ts";

interface PoolWindow {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly pads: readonly Pair[];
  readonly ceil_mode: boolean;
}

/** `mode` is the attribute that names the kind of padding. */
function poolWindow(n: NodeContext, x: Value, isLast: boolean, mode: string): PoolWindow {
  const spatial = x.tensor.shape.slice(2);
  const [kernel, strides] = ["ksize", "strides"].map((name) => spatialEntries(n, name, spatial.length, isLast)) as [number[], number[]];
  const padding = n.text(mode).toUpperCase();
  if (n.has("global_pooling") && n.bool("global_pooling")) return { kernel: spatial, strides: [], pads: [], ceil_mode: false };
  if (padding === "SAME") return { kernel, strides, pads: samePads(spatial, kernel, strides), ceil_mode: false };
  if (padding === "VALID") return { kernel, strides, pads: [], ceil_mode: false };
  if (padding !== "CALCULATED") return n.unsupported(`the padding '${padding}' is unknown`);
  return { kernel, strides, pads: padPairs(n, "pads", spatial.length), ceil_mode: n.bool("ceil_mode") };
}

const maxPool =
  (mode: string): Lowering =>
  (n) => {
    const isLast = isChannelsLast(n);
    const x = channelsSecond(n, n.input("x"), isLast);
    return channelsBack(n, n.create(MaxPool, { x }, poolWindow(n, x, isLast, mode)), isLast);
  };

/** `counts`: whether elements of the padding count. */
const avgPool =
  (mode: string, counts: (n: NodeContext) => boolean): Lowering =>
  (n) => {
    const isLast = isChannelsLast(n);
    const x = channelsSecond(n, n.input("x"), isLast);
    const window = poolWindow(n, x, isLast, mode);
    const divisor = mode === "padding" ? 0 : n.int("divisor_override");
    const y = n.create(AvgPool, { x }, { ...window, count_include_pad: divisor > 0 || counts(n) });
    return channelsBack(n, divided(n, y, window.kernel, divisor), isLast);
  };

function divided(n: NodeContext, y: Value, kernel: readonly Dim[], divisor: number): Value {
  if (divisor <= 0) return y;
  return new Formula(n).mul(y, kernel.reduce<number>((a, b) => a * Number(b), 1) / divisor);
}

const avgPool3d: Lowering = (n) => {
  const isLast = isChannelsLast(n);
  const x = channelsSecond(n, n.input("x"), isLast);
  const rank = x.tensor.shape.length - 2;
  const [kernel, strides] = ["ksize", "strides"].map((name) => spatialEntries(n, name, rank, isLast)) as [number[], number[]];
  const divisor = n.int("divisor_override");
  const count_include_pad = divisor > 0 || n.bool("count_include_pad");
  const window = { kernel, strides, pads: padPairs(n, "pads", rank), ceil_mode: n.bool("ceil_mode"), count_include_pad };
  return channelsBack(n, divided(n, n.create(AvgPool, { x }, window), kernel, divisor), isLast);
};

/** Lists are (1, h, w, 1), or (1, 1, h, w) of newer files. */
const withArgmax: Lowering = (n) => {
  const x = n.input("x");
  const [kernel, strides] = ["ksize", "strides"].map((name) => {
    const given = n.ints(name);
    return given.length === 4 && given[3] === 1 && given[1] !== 1 ? given.slice(1, 3) : spatialEntries(n, name, 2, false);
  }) as [readonly number[], readonly number[]];
  const pads = n.text("padding").toUpperCase() === "SAME" ? samePads(x.tensor.shape.slice(2), kernel, strides) : [];
  return n.createAll(MaxPoolIndices, { x }, { kernel, strides, pads, within: "plane", dtype: n.declared(1) ?? "i32" });
};

interface PoolAttributes extends PoolWindow {
  readonly dilations: readonly number[];
}

/** A window that is described as GE does; `padding` is "" for explicit pads. */
function described(e: ExportNode, a: PoolAttributes) {
  const spatial = e.in(0).type.shape.slice(2);
  const rank = spatial.length;
  if (a.dilations.some((d) => d !== 1)) e.refuse("its window is dilated");
  const strides = orOnes(a.strides, rank);
  const pads = orZeros(a.pads, rank);
  const isPlain = !a.ceil_mode || rank === 3;
  const isValid = pads.every((p) => p[0] === 0 && p[1] === 0);
  const isSame = isSamePads(pads, samePads(spatial, a.kernel, strides));
  const padding = isPlain && !a.ceil_mode && isValid ? "VALID" : isPlain && !a.ceil_mode && isSame ? "SAME" : "";
  const kernel = e.fixed(a.kernel, "the window");
  return {
    rank,
    padding,
    ksize: withOnes(widened(kernel, 1, rank)),
    strides: withOnes(widened(strides, 1, rank)),
    pads: e.fixed(widened(pads, [0, 0], rank).flat(), "the padding"),
  };
}

const explicit = { padding_mode: "CALCULATED", data_format: "NCHW" };

function writeMaxPool(e: ExportNode, a: PoolAttributes): Written {
  const { rank, padding, ksize, strides, pads } = described(e, a);
  const x = asImage(e, e.in(0));
  if (rank === 3) {
    const attributes: Attributes = {
      ksize,
      strides,
      padding: padding || "CALCULATED",
      pads,
      ceil_mode: Number(a.ceil_mode),
      data_format: "NCDHW",
    };
    return e.emit("MaxPool3D", { x }, attributes);
  }
  if (rank > 3) return e.refuse(`it has ${rank} spatial axes`);
  if (padding !== "") return emitImage(e, "MaxPool", { x }, { ksize, strides, padding, data_format: "NCHW" }, rank);
  return emitImage(e, "MaxPoolV3", { x }, { ksize, strides, pads, ceil_mode: a.ceil_mode, ...explicit }, rank);
}

function writeAvgPool(e: ExportNode, a: PoolAttributes & { readonly count_include_pad: boolean }): Written {
  const { rank, padding, ksize, strides, pads } = described(e, a);
  const x = asImage(e, e.in(0));
  const { ceil_mode, count_include_pad } = a;
  if (rank === 3) return e.emit("AvgPool3D", { x }, { ksize, strides, pads, ceil_mode, count_include_pad, data_format: "NCDHW" });
  if (rank > 3) return e.refuse(`it has ${rank} spatial axes`);
  if (padding === "VALID" || (padding === "SAME" && !count_include_pad))
    return emitImage(e, "AvgPool", { x }, { ksize, strides, padding, data_format: "NCHW" }, rank);
  return emitImage(e, "AvgPoolV2", { x }, { ksize, strides, pads, ceil_mode, exclusive: !count_include_pad, ...explicit }, rank);
}

export const poolFamily: Family = {
  imports: {
    AdaptiveAvgPool2d: (n) => n.create(AdaptiveAvgPool, { x: n.input("x") }, { output: n.ints("output_size") }),
    AvgPool: avgPool("padding", () => false),
    AvgPoolV2: avgPool("padding_mode", (n) => !n.bool("exclusive")),
    AvgPool3D: avgPool3d,
    MaxPool: maxPool("padding"),
    MaxPool3D: maxPool("padding"),
    MaxPoolV3: maxPool("padding_mode"),
    MaxPoolWithArgmax: withArgmax,
  },
  exports: [
    row(AdaptiveAvgPool, (e, { output }) => {
      const size = e.fixed(output, "the size of the result");
      return size.length === 2
        ? e.emit("AdaptiveAvgPool2d", { x: e.in(0) }, { output_size: size })
        : e.refuse(`it has ${size.length} spatial axes`);
    }),
    row(AvgPool, (e, a) => writeAvgPool(e, a)),
    row(MaxPool, (e, a) => writeMaxPool(e, a)),
    row(MaxPoolIndices, (e, a) => {
      const { rank, padding, ksize, strides } = described(e, a);
      if (rank !== 2 || padding === "" || a.within !== "plane" || a.order !== "row") return e.refuse("positions of this kind");
      const last = (list: readonly number[]): number[] => [1, list[2]!, list[3]!, 1];
      const [y, at] = e.types as [ReturnType<typeof tensor>, ReturnType<typeof tensor>];
      return e.emit("MaxPoolWithArgmax", { x: e.in(0) }, { ksize: last(ksize), strides: last(strides), padding }, [y, at]);
    }),
  ],
};
