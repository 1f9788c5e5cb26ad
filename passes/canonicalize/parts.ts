/** Ops that take tensors apart and put them together: slice, pad, concat, split, stack, unstack, gather by known indices. */
import * as dim from "../../ir/dim.ts";
import type { Dim } from "../../ir/dim.ts";
import { normalizeAxis } from "../../ir/axis.ts";
import { attributesOf, type OpOf } from "../../ir/define.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Gather } from "../../ir/ops/gather.ts";
import { Concat, Split, Stack, Unstack } from "../../ir/ops/join.ts";
import { Pad } from "../../ir/ops/pad.ts";
import { Expand, Reshape } from "../../ir/ops/shape.ts";
import { Slice } from "../../ir/ops/slice.ts";
import { isUsedOnce } from "../pattern.ts";
import { kebab, opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { broadcast, integersOf, isSameTensor, reshaped, splatOf } from "./known.ts";

const shapeOf = (v: Value): readonly Dim[] => v.tensor.shape;
const axisOf = (op: Op, rank: number): number => normalizeAxis(op.attributes["axis"] as number, rank);
const operandsOf = (op: Op): readonly Value[] => op.operands as readonly Value[];

/** A box of a tensor: `sizes` elements per axis from `starts` in `steps`. */
interface Box {
  readonly x: Value;
  readonly starts: readonly Dim[];
  readonly sizes: readonly Dim[];
  readonly steps: readonly number[];
}

const partOf = (x: Value, axis: number, start: Dim, size: Dim): Box => ({
  x,
  starts: shapeOf(x).map((_, d) => (d === axis ? start : 0)),
  sizes: shapeOf(x).with(axis, size),
  steps: shapeOf(x).map(() => 1),
});

/** The box that a slice or a part of a split is; any other value is the whole of itself. */
function boxOf(v: Value): Box {
  const { op } = v;
  if (op?.definition === Slice) return { x: op.operand(0)!, ...attributesOf(op as OpOf<typeof Slice>) };
  if (op?.definition === Split) {
    const x = op.operand(0)!;
    const { sizes } = attributesOf(op as OpOf<typeof Split>);
    return partOf(x, axisOf(op, shapeOf(x).length), dim.add(0, ...sizes.slice(0, v.index)), sizes[v.index]!);
  }
  return { x: v, starts: shapeOf(v).map(() => 0), sizes: shapeOf(v), steps: shapeOf(v).map(() => 1) };
}

const isWhole = ({ x, starts, sizes, steps }: Box): boolean =>
  sizes.every((s, d) => s === shapeOf(x)[d] && starts[d] === 0 && (steps[d] === 1 || s === 1));

const sliced = (r: Rewriter, box: Box): Value =>
  isWhole(box) ? box.x : r.create(Slice, { x: box.x }, { starts: box.starts, sizes: box.sizes, steps: box.steps });

/** A slice of everything is its operand. */
const noOpSlice = opRule("no-op-slice", "exact", Slice, (op) => (isWhole(boxOf(op.result)) ? op.operand(0) : undefined));

/** Start and step of the inner one, scaled: `x[s1 + (s2 + i * t2) * t1]`. */
const sliceOfSlice = opRule("slice-of-slice", "exact", Slice, (op, r) => {
  const outer = boxOf(op.result);
  const inner = boxOf(outer.x);
  if (inner.x === outer.x) return undefined;
  return sliced(r, {
    x: inner.x,
    starts: outer.starts.map((s, d) => dim.add(inner.starts[d]!, dim.mul(s, inner.steps[d]!))),
    sizes: outer.sizes,
    steps: outer.steps.map((t, d) => t * inner.steps[d]!),
  });
});

/** The first and the last index that a slice touches on an axis. */
function reachOf(box: Box, axis: number): readonly [Dim, Dim] {
  const last = dim.add(box.starts[axis]!, dim.mul(box.steps[axis]!, dim.sub(box.sizes[axis]!, 1)));
  return box.steps[axis]! > 0 ? [box.starts[axis]!, last] : [last, box.starts[axis]!];
}

/** A slice of a concatenation that lies within one operand is a slice of it. */
const sliceOfConcat = opRule("slice-of-concat", "exact", Slice, (op, r) => {
  const box = boxOf(op.result);
  const join = box.x.op;
  if (join?.definition !== Concat) return undefined;
  const axis = axisOf(join, shapeOf(box.x).length);
  const [first, last] = reachOf(box, axis);
  let offset: Dim = 0;
  for (const x of operandsOf(join)) {
    const end = dim.add(offset, shapeOf(x)[axis]!);
    const fits = dim.isNonNegative(dim.sub(first, offset)) && dim.isNonNegative(dim.sub(dim.sub(end, 1), last));
    if (fits) return sliced(r, { ...box, x, starts: box.starts.with(axis, dim.sub(box.starts[axis]!, offset)) });
    offset = end;
  }
  return undefined;
});

/** `slice(expand(x)) = expand(slice(x))`: an axis that is repeated is repeated fewer times. */
const sliceOfExpand = opRule("slice-of-expand", "exact", Slice, (op, r) => {
  const box = boxOf(op.result);
  const inner = box.x.op;
  const x = inner?.operand(0);
  if (inner?.definition !== Expand || !x) return undefined;
  const from = shapeOf(x);
  const whole = shapeOf(box.x);
  const lead = whole.length - from.length;
  const repeated = from.map((d, a) => d === 1 && whole[lead + a] !== 1);
  if (!from.every((d, a) => repeated[a] || d === whole[lead + a])) return undefined;
  const cut = <T>(list: readonly T[], unit: T): T[] => from.map((_, a) => (repeated[a] ? unit : list[lead + a]!));
  const part = sliced(r, { x, starts: cut(box.starts, 0), sizes: cut(box.sizes, 1), steps: cut(box.steps, 1) });
  return broadcast(r, part, op.result.tensor);
});

/** Pads of nothing. */
const noOpPad = opRule("no-op-pad", "exact", Pad, (op) =>
  attributesOf(op as OpOf<typeof Pad>).pads.every((p) => p.every((n) => n === 0)) ? op.operand(0) : undefined,
);

/** Two pads with one value are one, where neither takes anything away. */
const padOfPad = opRule("pad-of-pad", "exact", Pad, (op, r) => {
  const inner = op.operand(0)!.op;
  if (inner?.definition !== Pad) return undefined;
  const [a, b] = [attributesOf(inner as OpOf<typeof Pad>), attributesOf(op as OpOf<typeof Pad>)];
  const isSameValue =
    inner.operand(1) === op.operand(1) ||
    (splatOf(inner.operand(1)) !== undefined && Object.is(splatOf(inner.operand(1)), splatOf(op.operand(1))));
  const grows = [...a.pads, ...b.pads].every((p) => p.every(dim.isNonNegative));
  if (a.mode !== b.mode || (a.mode !== "constant" && a.mode !== "edge") || !grows || (a.mode === "constant" && !isSameValue))
    return undefined;
  const pads = a.pads.map(([begin, end], d) => [dim.add(begin, b.pads[d]![0]), dim.add(end, b.pads[d]![1])] as const);
  return r.create(Pad, { x: inner.operand(0)!, value: op.operand(1) }, { pads, mode: a.mode });
});

/** Pads that only take away are a slice. */
const padThatCrops = opRule("pad-that-crops", "exact", Pad, (op, r) => {
  const x = op.operand(0)!;
  const { pads } = attributesOf(op as OpOf<typeof Pad>);
  if (!pads.every((p) => p.every((n) => dim.range(n)[1] <= 0))) return undefined;
  return r.create(Slice, { x }, { starts: pads.map(([begin]) => dim.neg(begin)), sizes: shapeOf(op.result), steps: pads.map(() => 1) });
});

/** One operand alone, and operands without elements, need no concatenation. */
const shortConcat = opRule("concat-of-one", "exact", Concat, (op, r) => {
  const xs = operandsOf(op);
  if (xs.length === 1) return xs[0];
  const axis = axisOf(op, shapeOf(op.result).length);
  const solid = xs.filter((x) => shapeOf(x)[axis] !== 0);
  return solid.length > 0 && solid.length < xs.length ? r.create(Concat, { xs: solid }, { axis }) : undefined;
});

/** Concatenations along one axis are one. */
const concatOfConcat = opRule("concat-of-concat", "exact", Concat, (op, r) => {
  const axis = axisOf(op, shapeOf(op.result).length);
  const isInner = (x: Value): boolean => x.op?.definition === Concat && isUsedOnce(x) && axisOf(x.op, shapeOf(x).length) === axis;
  const xs = operandsOf(op);
  if (!xs.some(isInner)) return undefined;
  return r.create(Concat, { xs: xs.flatMap((x) => (isInner(x) ? operandsOf(x.op!) : [x])) }, { axis });
});

/** Neighbouring slices of one tensor along the axis are one slice, perhaps all of it. */
const concatOfSlices = opRule("concat-of-slices", "exact", Concat, (op, r) => {
  const axis = axisOf(op, shapeOf(op.result).length);
  const xs = operandsOf(op);
  if (!xs.some((x) => x.op?.definition === Slice || x.op?.definition === Split)) return undefined;
  const boxes: Box[] = [];
  for (const x of xs) {
    const box = boxOf(x);
    const before = boxes.at(-1);
    const joined = before && joinBoxes(before, box, axis);
    if (joined) boxes[boxes.length - 1] = joined;
    else boxes.push(box);
  }
  if (boxes.length === xs.length) return undefined;
  const parts = boxes.map((b) => sliced(r, b));
  return parts.length === 1 ? parts[0] : r.create(Concat, { xs: parts }, { axis });
});

function joinBoxes(a: Box, b: Box, axis: number): Box | undefined {
  if (a.x !== b.x) return undefined;
  const isAligned = a.starts.every((s, d) => a.steps[d] === b.steps[d] && (d === axis || (s === b.starts[d] && a.sizes[d] === b.sizes[d])));
  const next = dim.add(a.starts[axis]!, dim.mul(a.steps[axis]!, a.sizes[axis]!));
  if (!isAligned || next !== b.starts[axis]) return undefined;
  return { ...a, sizes: a.sizes.with(axis, dim.add(a.sizes[axis]!, b.sizes[axis]!)) };
}

/** A split into one part is its operand. */
const splitIntoOne = opRule("split-into-one", "exact", Split, (op) => (op.results.length === 1 ? op.operand(0) : undefined));

/** A split of a concatenation at its seams gives its operands. */
const splitOfConcat = opRule("split-of-concat", "exact", Split, (op) => {
  const join = op.operand(0)!.op;
  const rank = shapeOf(op.operand(0)!).length;
  if (join?.definition !== Concat || axisOf(join, rank) !== axisOf(op, rank)) return undefined;
  const xs = operandsOf(join);
  return xs.length === op.results.length && xs.every((x, i) => isSameTensor(x.tensor, op.results[i]!.tensor)) ? xs : undefined;
});

/** A stack of one tensor has an extent of one more; an axis of extent one is taken apart by dropping it. */
const stackOfOne = [Stack, Unstack].map((d) =>
  opRule(`${kebab(d)}-of-one`, "exact", d, (op, r) => {
    const count = d === Stack ? op.operands.length : op.results.length;
    return count === 1 ? r.create(Reshape, { x: op.operand(0)! }, { shape: shapeOf(op.result) }) : undefined;
  }),
);

/** `stack(unstack(x)) = x`, `unstack(stack(xs)) = xs` along one axis. */
const stackOfUnstack = opRule("stack-of-unstack", "exact", Stack, (op) => {
  const apart = op.operand(0)?.op;
  if (apart?.definition !== Unstack || apart.results.length !== op.operands.length) return undefined;
  const rank = shapeOf(op.result).length;
  const fits = axisOf(apart, rank) === axisOf(op, rank) && op.operands.every((v, i) => v === apart.results[i]);
  return fits ? apart.operand(0) : undefined;
});
const unstackOfStack = opRule("unstack-of-stack", "exact", Unstack, (op) => {
  const x = op.operand(0)!;
  const rank = shapeOf(x).length;
  return x.op?.definition === Stack && axisOf(x.op, rank) === axisOf(op, rank) ? operandsOf(x.op) : undefined;
});

/** Indices at equal distances are a slice; one index drops the axis too. */
const gatherOfRange = opRule("gather-of-range", "exact", Gather, (op, r) => {
  const [x, indices] = operandsOf(op) as [Value, Value];
  const { batch_dims } = attributesOf(op as OpOf<typeof Gather>);
  const axis = axisOf(op, shapeOf(x).length);
  const extent = shapeOf(x)[axis];
  const given = integersOf(indices);
  if (batch_dims > 0 || !given || given.length === 0 || typeof extent !== "number") return undefined;
  const at = given.map((i) => (i < 0 ? i + extent : i));
  const step = at.length > 1 ? at[1]! - at[0]! : 1;
  const isRange = step !== 0 && at.every((i, k) => i >= 0 && i < extent && i === at[0]! + k * step);
  if (!isRange) return undefined;
  const box = partOf(x, axis, at[0]!, at.length);
  return reshaped(r, sliced(r, { ...box, steps: box.steps.with(axis, step) }), shapeOf(op.result));
});

export const partRules: readonly Rule[] = [
  noOpSlice,
  sliceOfSlice,
  sliceOfConcat,
  sliceOfExpand,
  noOpPad,
  padOfPad,
  padThatCrops,
  shortConcat,
  concatOfConcat,
  concatOfSlices,
  splitIntoOne,
  splitOfConcat,
  ...stackOfOne,
  stackOfUnstack,
  unstackOfStack,
  gatherOfRange,
];
