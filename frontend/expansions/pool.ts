/** Pools with pads of any size, of other ranks, with dilations. */
import { add, type Dim, mul, product, sub } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Pad } from "../../ir/ops/pad.ts";
import { AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, LpPool, MaxPool } from "../../ir/ops/pool.ts";
import { ReduceMax, ReduceMean } from "../../ir/ops/reduce.ts";
import { Concat } from "../../ir/ops/join.ts";
import { storedExtremes } from "../../ir/ops/reduction.ts";
import { makeWindow, windowExtents, windowSpan } from "../../ir/window.ts";
import { isFloat } from "../../ir/type.ts";
import { type Expander, expansion, fixed, type NamedExpansion } from "./expander.ts";
import { inFront } from "./conv.ts";

type Pair = readonly [Dim, Dim];
interface Pooling {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly Pair[];
  readonly ceil_mode: boolean;
}

/** The pads of a window with those that rounding up adds at the ends. */
function wholePads(x: Value, a: Pooling): Pair[] {
  const input = x.tensor.shape.slice(2);
  const window = makeWindow(input, a.kernel, a, a.ceil_mode);
  const out = windowExtents(input, window);
  return input.map((extent, d) => {
    const [begin] = window.pads[d]!;
    const span = windowSpan(a.kernel[d]!, window.dilations[d]!);
    return [begin, sub(add(mul(sub(out[d]!, 1), window.strides[d]!), span), add(extent, begin))];
  });
}

const isPlain = (a: Pooling): boolean => !a.ceil_mode && a.pads.every((p) => p.every((d) => d === 0));
const strideOf = (a: Pooling, d: number): number => a.strides[d] ?? 1;
const hasDilations = (a: Pooling): boolean => a.dilations.some((d) => d !== 1);

/** The input with a value around it; what is cut off where a pad is negative is not needed. */
function padded(e: Expander, x: Value, pads: readonly Pair[], value: Value): Value {
  const cut = pads.reduce<Value>((v, [, end], d) => {
    if (typeof end !== "number" || end >= 0) return v;
    return e.part(v, d + 2, 0, add(v.tensor.shape[d + 2]!, end));
  }, x);
  const amounts = pads.map(([begin, end]): Pair => [begin, typeof end === "number" ? Math.max(0, end) : end]);
  return amounts.every((p) => p.every((d) => d === 0)) ? cut : e.create(Pad, { x: cut, value }, { pads: [[0, 0], [0, 0], ...amounts] });
}

/** Longer windows would make graphs that nobody wants. */
const mostTaps = 256;

/** The elements of each window of a padded input put together, axis by axis, from slices; undefined where they are too many. */
function combined(e: Expander, x: Value, a: Pooling, combine: (p: Value, q: Value) => Value): Value | undefined {
  const { kernel } = a;
  const input = x.tensor.shape.slice(2);
  if (!fixed(kernel) || kernel.reduce((sum, k) => sum + k, 0) > mostTaps) return undefined;
  const out = windowExtents(input, makeWindow(input, kernel, a, false));
  return kernel.reduce<Value>((y, count, d) => {
    const part = (i: number): Value => e.part(y, d + 2, i * (a.dilations[d] ?? 1), out[d]!, strideOf(a, d));
    return Array.from({ length: count }, (_, i) => part(i)).reduce(combine);
  }, x);
}

const withoutPads = { pads: [], ceil_mode: false } as const;

/** A line as an image of one row. */
function asImage(e: Expander, x: Value, a: Pooling, f: (x: Value, a: Pooling) => Value): Value {
  const [n, c, w] = x.tensor.shape as readonly [Dim, Dim, Dim];
  const wide = {
    ...a,
    kernel: [1, ...a.kernel],
    strides: inFront(a.strides, 1, 1),
    dilations: inFront(a.dilations, 1, 1),
    pads: inFront<Pair>(a.pads, [0, 0], 1),
  };
  const y = f(e.reshape(x, [n, c, 1, w]), wide);
  return e.reshape(y, [n, c, y.tensor.shape[3]!]);
}

const maxPool = expansion(MaxPool, ({ x }, a, e) => {
  const { dtype, shape } = x.tensor;
  if (shape.length === 3) return asImage(e, x, a, (v, w) => e.create(MaxPool, { x: v }, w));
  if (!isPlain(a)) {
    const least = storedExtremes(dtype).least;
    if (least.kind !== "const") return undefined;
    const v = padded(e, x, wholePads(x, a), e.scalar(dtype, Number(least.value)));
    return e.create(MaxPool, { x: v }, { ...a, ...withoutPads });
  }
  if (!hasDilations(a) && shape.length === 4) return undefined;
  return combined(e, x, a, (p, q) => e.f.max(p, q));
});

/** The sum of the window over its count, which is the pool of ones where padding does not count. */
const avgPool = expansion(AvgPool, ({ x }, a, e) => {
  const { shape, dtype } = x.tensor;
  if (!isFloat(dtype)) return undefined;
  if (shape.length === 3) return asImage(e, x, a, (v, w) => e.create(AvgPool, { x: v }, { ...w, count_include_pad: a.count_include_pad }));
  if (!isPlain(a)) return counted(e, x, a, a.count_include_pad);
  if (!hasDilations(a) && shape.length === 4) return undefined;
  const total = combined(e, x, a, (p, q) => e.f.add(p, q));
  return total && e.f.mul(total, 1 / (product(a.kernel) as number));
});

function counted(e: Expander, x: Value, a: Pooling, includesPads: boolean): Value | undefined {
  const { shape, dtype } = x.tensor;
  if (shape.some((d) => typeof d !== "number")) return undefined;
  const all = wholePads(x, a);
  const plain = { ...a, ...withoutPads };
  const pool = (v: Value): Value => e.create(AvgPool, { x: v }, plain);
  const ones = (size: readonly Dim[]): Value => e.expand(e.scalar(dtype, 1), [1, 1, ...size]);
  const zero = e.scalar(dtype, 0);
  const spatial = shape.slice(2);
  const given = all.map(([begin], d): Pair => [begin, a.pads[d]?.[1] ?? 0]);
  const inside = includesPads ? ones(spatial.map((d, i) => add(d, ...given[i]!))) : ones(spatial);
  const around = includesPads ? all.map(([, end], i): Pair => [0, sub(end, given[i]![1])]) : all;
  const share = pool(padded(e, inside, around, zero));
  return e.f.div(pool(padded(e, x, all, zero)), share);
}

/** By way of the average of powers. */
const lpPool = expansion(LpPool, ({ x }, { p, ...a }, e) => {
  const { f } = e;
  const { dtype } = x.tensor;
  const power = p === 1 ? f.abs(x) : p === 2 ? f.square(x) : f.pow(f.abs(x), p);
  const taps = a.kernel.reduce<number>((p, k) => p * (typeof k === "number" ? k : Infinity), 1);
  if (!Number.isFinite(taps)) return undefined;
  const v = isPlain(a) ? power : padded(e, power, wholePads(x, a), e.scalar(dtype, 0));
  const total = f.mul(e.create(AvgPool, { x: v }, { ...a, ...withoutPads }), taps);
  return p === 1 ? total : p === 2 ? f.sqrt(total) : f.pow(total, 1 / p);
});

/** Windows that divide the axes, joined where they differ. */
const adaptive = (definition: typeof AdaptiveAvgPool | typeof AdaptiveMaxPool): NamedExpansion =>
  expansion(definition, ({ x }, { output }, e) => {
    let y = x;
    for (const [i, out] of output.entries()) {
      const extent = x.tensor.shape[i + 2]!;
      if (typeof extent !== "number" || typeof out !== "number" || out > 256) return undefined;
      y = onAxis(e, y, i + 2, extent, out, definition === AdaptiveMaxPool);
    }
    return y;
  });

function onAxis(e: Expander, x: Value, axis: number, extent: number, out: number, isMax: boolean): Value {
  const reduce = (v: Value): Value => e.create(isMax ? ReduceMax : ReduceMean, { x: v }, { axes: [axis], keepdims: true });
  const parts = Array.from({ length: out }, (_, o) => {
    const start = Math.floor((o * extent) / out);
    return reduce(e.part(x, axis, start, Math.ceil(((o + 1) * extent) / out) - start));
  });
  return parts.length === 1 ? parts[0]! : e.create(Concat, { xs: parts }, { axis });
}

export const poolExpansions: readonly NamedExpansion[] = [maxPool, avgPool, lpPool, adaptive(AdaptiveAvgPool), adaptive(AdaptiveMaxPool)];
