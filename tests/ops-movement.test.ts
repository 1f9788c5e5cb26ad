import { expect } from "chai";
import fc from "fast-check";
import { Builder } from "../ir/define.ts";
import { OpError } from "../ir/diagnostic.ts";
import { type Dim, extent, floordiv, formatDim, mul, sub } from "../ir/dim.ts";
import { dimContent } from "../ir/content.ts";
import { Graph } from "../ir/graph.ts";
import { constantValue } from "../ir/ops/constant.ts";
import { Gather, GatherElements, GatherNd } from "../ir/ops/gather.ts";
import { Eye, Meshgrid, OneHot, Range, Trilu } from "../ir/ops/generate.ts";
import { Concat, evenSizes, Split, Stack, Unstack } from "../ir/ops/join.ts";
import { DynamicPad, Pad, type PadMode } from "../ir/ops/pad.ts";
import { ScatterElements, ScatterNd, TensorScatter } from "../ir/ops/scatter.ts";
import { Expand, Reshape, resolveReshape, Shape, Size, squeezeShape, Tile, Transpose, unsqueezeShape } from "../ir/ops/shape.ts";
import { AxisValues, DynamicSlice, Reverse, ReverseSequence, Roll, Slice, sliceRange } from "../ir/ops/slice.ts";
import type { DType } from "../ir/type.ts";
import { tensor } from "../ir/type.ts";
import { type Given, type Ran, runOp } from "./run-op.ts";

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Every index of a shape in row-major order. */
function points(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>((all, n) => all.flatMap((p) => Array.from({ length: n }, (_, i) => [...p, i])), [[]]);
}

const flat = (shape: readonly number[], at: readonly number[]): number => at.reduce((sum, i, d) => sum * shape[d]! + i, 0);

/** An array that is read by indices. */
class Table {
  constructor(
    readonly shape: readonly number[],
    readonly values: readonly number[],
  ) {}
  static counting(shape: readonly number[], from = 1): Table {
    return new Table(shape, Array.from({ length: size(shape) }, (_, i) => from + i));
  }
  static of(shape: readonly number[], f: (at: readonly number[]) => number): Table {
    return new Table(shape, points(shape).map(f));
  }
  at(at: readonly number[]): number {
    return this.values[flat(this.shape, at)]!;
  }
}

/** Extents as numbers, or named `e3` for 3, so that one expectation serves both. */
const extents = new Map(Array.from({ length: 40 }, (_, n) => [`e${n}`, n] as const));
const given = (t: Table, symbolic = false, dtype: DType = "f32"): Given => ({
  dtype,
  shape: t.shape.map((n): Dim => (symbolic && n !== 1 ? extent(`e${n}`) : n)),
  values: t.values,
});
const indicesOf = (t: Table): Given => given(t, false, "i64");
const dimsOf = (shape: readonly number[], symbolic: boolean): Dim[] => [...given(new Table(shape, []), symbolic).shape];

function expectResult(ran: Ran | undefined, table: Table): void {
  expect(ran?.shape).to.deep.equal(table.shape);
  expect(ran?.values).to.deep.equal(table.values);
}

const shapes = (least = 0, rank = 4): fc.Arbitrary<number[]> => fc.array(fc.integer({ min: least, max: 4 }), { minLength: 1, maxLength: rank });
const check = <T>(arbitrary: fc.Arbitrary<T>, f: (value: T) => void): void => {
  fc.assert(fc.property(arbitrary, f), { numRuns: 60 });
};
const clamp = (i: number, n: number): number => Math.min(Math.max(i < 0 ? i + n : i, 0), n - 1);
const anyIndices = (count: number): fc.Arbitrary<number[]> => fc.array(fc.integer({ min: -9, max: 9 }), { minLength: count, maxLength: count });

describe("movement", () => {
  it("reshape keeps the row-major order", () => {
    check(fc.tuple(shapes(), shapes(1, 3), fc.boolean()), ([a, b, joined]) => {
      const total = size(a) * size(b);
      const from = joined ? [size(a), ...b] : [...a, size(b)];
      for (const to of [[...a, ...b], [total], [...b, ...a], [1, total, 1]]) {
        const x = Table.counting(from);
        expectResult(runOp(Reshape, { x: given(x) }, { shape: to })[0], new Table(to, x.values));
      }
    });
  });

  it("reshape joins and splits named extents", () => {
    const [n, m] = [extent("e3"), extent("e4")];
    const x = Table.counting([3, 4, 2]);
    for (const shape of [[mul(n, m), 2], [n, mul(2, m)], [mul(2, mul(n, m))], [2, m, n]]) {
      const [y] = runOp(Reshape, { x: { dtype: "f32", shape: [n, m, 2], values: x.values } }, { shape }, extents);
      expect(y?.values).to.deep.equal(x.values);
    }
  });

  it("a reshape's -1 and 0 are resolved", () => {
    const n = extent("n");
    expect(resolveReshape([n, 3, 4], [0, -1])).to.deep.equal([n, 12]);
    expect(resolveReshape([mul(n, 6)], [-1, 3])).to.deep.equal([mul(n, 2), 3]);
    expect(resolveReshape([0, 3], [3, 0], true)).to.deep.equal([3, 0]);
    expect(resolveReshape([2, 0], [0, -1])).to.deep.equal([2, 0]);
    expect(() => resolveReshape([n, 3], [2, -1])).to.throw(OpError);
    expect(() => resolveReshape([4], [-1, -1])).to.throw(OpError);
    expect(() => resolveReshape([4], [4, 0])).to.throw(OpError);
  });

  it("squeeze and unsqueeze shapes", () => {
    expect(squeezeShape([1, 3, 1])).to.deep.equal([3]);
    expect(squeezeShape([1, 3, 1], [-1])).to.deep.equal([1, 3]);
    expect(unsqueezeShape([3, 4], [0, -1])).to.deep.equal([1, 3, 4, 1]);
    expect(() => squeezeShape([2], [0])).to.throw(OpError);
    expect(() => unsqueezeShape([2], [0, 0])).to.throw(OpError);
  });

  it("transpose", () => {
    check(fc.tuple(shapes(), fc.boolean(), fc.integer()), ([shape, symbolic, seed]) => {
      const x = Table.counting(shape);
      const perm = shape.map((_, d) => d).sort((a, b) => ((a * 7 + seed) % 5) - ((b * 7 + seed) % 5));
      const y = Table.of(
        perm.map((p) => shape[p]!),
        (at) => x.at(shape.map((_, d) => at[perm.indexOf(d)]!)),
      );
      expectResult(runOp(Transpose, { x: given(x, symbolic) }, { perm }, extents)[0], y);
    });
  });

  it("expand and tile", () => {
    check(fc.tuple(shapes(), fc.boolean(), fc.integer({ min: 0, max: 15 })), ([to, symbolic, ones]) => {
      const x = Table.counting(to.map((n, d) => ((ones >> d) & 1 ? 1 : n)));
      const y = Table.of(to, (at) => x.at(at.map((i, d) => (x.shape[d] === 1 ? 0 : i))));
      expectResult(runOp(Expand, { x: given(x, symbolic) }, { shape: dimsOf(to, symbolic) }, extents)[0], y);
      const long = to.map((n) => 2 * n + 1);
      if (size(x.shape) === 0) return;
      const tiled = Table.of(long, (at) => x.at(at.map((i, d) => i % x.shape[d]!)));
      expectResult(runOp(Tile, { x: given(x, symbolic) }, { shape: dimsOf(long, symbolic) }, extents)[0], tiled);
    });
  });

  it("expand repeats a named extent that turns out to be one", () => {
    const [y] = runOp(Expand, { x: { dtype: "f32", shape: [extent("e1")], values: [7] } }, { shape: [3] }, extents);
    expect(y?.values).to.deep.equal([7, 7, 7]);
  });

  it("slice takes what a loop from start to end takes", () => {
    const bound = fc.oneof(fc.integer({ min: -7, max: 7 }), fc.constantFrom(2 ** 31 - 1, -(2 ** 63)));
    check(fc.tuple(fc.integer({ min: 0, max: 5 }), bound, bound, fc.constantFrom(1, 2, 3, -1, -2, -4), fc.boolean()), ([n, start, end, step, symbolic]) => {
      const whole = Array.from({ length: n }, (_, i) => i);
      const [low, high] = step > 0 ? [0, n] : [-1, n - 1];
      const fix = (b: number): number => Math.min(Math.max(b < 0 ? b + n : b, low), high);
      // ONNX moves the start of a backward slice to the first element; a named extent follows Python.
      const from = step < 0 && !symbolic && n > 0 ? Math.max(0, fix(start)) : fix(start);
      const expected: number[] = [];
      for (let i = from; step > 0 ? i < fix(end) : i > fix(end); i += step) expected.push(whole[i]!);
      const [length] = dimsOf([n], symbolic && n !== 1);
      const range = sliceRange(length!, start, end, step);
      const x = given(new Table([n], whole), symbolic);
      const [y] = runOp(Slice, { x }, { starts: [range.start], sizes: [range.size], steps: [step] }, extents);
      expect(y?.values).to.deep.equal(expected);
      const starts = indicesOf(new Table([1], [start]));
      const steps = indicesOf(new Table([1], [step]));
      if (n === 0 || (step < 0 && symbolic) || Math.abs(start) > 100) return;
      const [dynamic] = runOp(DynamicSlice, { x, starts, steps }, { shape: [expected.length] }, extents);
      expect(dynamic?.values).to.deep.equal(expected);
    });
  });

  it("slices with named bounds stay polynomials", () => {
    const n = extent("n");
    const show = (start: Dim, end: Dim, step: number): string => {
      const r = sliceRange(n, start, end, step);
      return `${formatDim(r.start)} ${formatDim(r.size)}`;
    };
    expect(show(0, 2 ** 31 - 1, 1)).to.equal("0 n");
    expect(show(-1, -(2 ** 31), -1)).to.equal("n-1 n");
    expect(show(0, sub(n, 1), 1)).to.equal("0 max(n-1,0)");
    expect(show(0, floordiv(n, 2), 1)).to.equal("0 min(n,floordiv(n,2))");
  });

  it("a run-time slice never leaves the tensor", () => {
    check(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -20, max: 20 }), fc.integer({ min: -5, max: 5 })), ([n, start, step]) => {
      const operands = { x: given(Table.counting([n])), starts: indicesOf(new Table([1], [start])), steps: indicesOf(new Table([1], [step])) };
      expect(runOp(DynamicSlice, operands, { shape: [6] })[0]?.values).to.have.length(6);
    });
  });

  it("axis_values spreads values over axes", () => {
    const [y] = runOp(AxisValues, { values: indicesOf(new Table([3], [5, 6, 7])), axes: indicesOf(new Table([3], [-1, 1, 1])) }, { rank: 4, fallback: 1 });
    expect(y?.values).to.deep.equal([1, 7, 1, 5]);
  });

  it("concat and split are inverses", () => {
    check(fc.tuple(shapes(), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }), fc.nat(), fc.boolean()), ([shape, sizes, at, negative]) => {
      const a = at % shape.length;
      const axis = negative ? a - shape.length : a;
      const total = sizes.reduce((x, y) => x + y, 0);
      const x = Table.counting(shape.with(a, total));
      let offset = 0;
      const parts = sizes.map((n) => {
        const begin = offset;
        offset += n;
        return Table.of(shape.with(a, n), (p) => x.at(p.with(a, p[a]! + begin)));
      });
      runOp(Split, { x: given(x) }, { axis, sizes }).forEach((part, k) => expectResult(part, parts[k]!));
      expectResult(runOp(Concat, { xs: parts.map((p) => given(p)) }, { axis })[0], x);
    });
  });

  it("stack and unstack are inverses", () => {
    check(fc.tuple(shapes(0, 3), fc.integer({ min: 1, max: 3 }), fc.nat(), fc.boolean()), ([shape, count, at, symbolic]) => {
      const a = at % (shape.length + 1);
      const x = Table.counting(shape.toSpliced(a, 0, count));
      const parts = Array.from({ length: count }, (_, k) => Table.of(shape, (p) => x.at(p.toSpliced(a, 0, k))));
      expectResult(runOp(Stack, { xs: parts.map((p) => given(p, symbolic)) }, { axis: a }, extents)[0], x);
      runOp(Unstack, { x: given(x) }, { axis: a }).forEach((part, k) => expectResult(part, parts[k]!));
    });
  });

  it("even sizes add up", () => {
    expect(evenSizes(7, 3)).to.deep.equal([3, 3, 1]);
    expect(evenSizes(5, 4)).to.deep.equal([2, 2, 1, 0]);
    expect(evenSizes(mul(2, extent("n")), 2)).to.deep.equal([extent("n"), extent("n")]);
    const x = given(Table.counting([5]), true);
    const parts = runOp(Split, { x }, { axis: 0, sizes: evenSizes(extent("e5"), 2) }, extents);
    expect(parts.map((p) => p.values)).to.deep.equal([[1, 2, 3], [4, 5]]);
  });

  it("reverse, roll", () => {
    check(fc.tuple(shapes(), fc.nat(), fc.integer({ min: -9, max: 9 }), fc.boolean()), ([shape, at, shift, symbolic]) => {
      const x = Table.counting(shape);
      const a = at % shape.length;
      const n = shape[a]!;
      const reversed = Table.of(shape, (p) => x.at(p.with(a, n - 1 - p[a]!)));
      expectResult(runOp(Reverse, { x: given(x, symbolic) }, { axes: [a - shape.length] }, extents)[0], reversed);
      const rolled = Table.of(shape, (p) => x.at(p.with(a, (((p[a]! - shift) % n) + n) % n)));
      expectResult(runOp(Roll, { x: given(x, symbolic) }, { axes: [a], shifts: [shift] }, extents)[0], rolled);
    });
  });

  it("reverse_sequence, whatever the lengths", () => {
    check(fc.tuple(fc.integer({ min: 0, max: 4 }), anyIndices(3), fc.boolean()), ([time, lengths, symbolic]) => {
      const x = Table.counting([3, time, 2]);
      const y = Table.of(x.shape, ([b, t, c]) => {
        const n = Math.min(lengths[b!]!, time);
        return x.at([b!, t! < n ? Math.max(0, Math.min(lengths[b!]! - 1 - t!, time - 1)) : t!, c!]);
      });
      const operands = { x: given(x, symbolic), lengths: given(new Table([3], lengths), symbolic, "i64") };
      expectResult(runOp(ReverseSequence, operands, { time_axis: 1, batch_axis: 0 }, extents)[0], y);
    });
  });

  it("shapes and sizes are values", () => {
    const x = given(Table.counting([2, 3, 4]), true);
    expect(runOp(Shape, { x }, {}, extents)[0]?.values).to.deep.equal([2, 3, 4]);
    expect(runOp(Shape, { x }, { start: -2, end: -1 }, extents)[0]?.values).to.deep.equal([3]);
    expect(runOp(Size, { x }, {}, extents)[0]?.values).to.deep.equal([24]);
  });

  it("shape arithmetic is known at compile time", () => {
    const graph = new Graph("g");
    const b = new Builder(graph);
    const x = graph.addInput("x", tensor("f32", [extent("n"), 3, extent("h")]));
    const shape = b.create(Shape, { x });
    const h = b.create(Gather, { x: shape, indices: constantValue(b, "i64", [1], [-1n]) });
    const joined = b.create(Concat, { xs: [b.create(Slice, { x: shape }, { starts: [0], sizes: [1], steps: [1] }), h, h] }, { axis: 0 });
    expect(dimContent(joined)?.map(formatDim)).to.deep.equal(["n", "h", "h"]);
    const [first] = b.createAll(Unstack, { x: joined }, {});
    const filled = b.create(Expand, { x: b.create(Reshape, { x: first! }, { shape: [1] }) }, { shape: [2] });
    expect(dimContent(b.create(Reverse, { x: filled }, { axes: [0] }))?.map(formatDim)).to.deep.equal(["n", "n"]);
  });
});

/** Walks from `i` back into 0 .. n-1 the way a pad mode says. */
function inside(mode: PadMode, i: number, n: number): number {
  while (i < 0 || i >= n) {
    if (mode === "edge") i = i < 0 ? 0 : n - 1;
    else if (mode === "wrap") i += i < 0 ? n : -n;
    else if (mode === "symmetric") i = i < 0 ? -1 - i : 2 * n - 1 - i;
    else i = n === 1 ? 0 : i < 0 ? -i : 2 * (n - 1) - i;
  }
  return i;
}

describe("pad", () => {
  const pads = fc.tuple(fc.integer({ min: -1, max: 6 }), fc.integer({ min: -1, max: 6 }));
  const cases = fc.tuple(shapes(3, 2), pads, pads, fc.constantFrom<PadMode>("constant", "edge", "reflect", "symmetric", "wrap"), fc.boolean());

  function padded(x: Table, all: readonly (readonly [number, number])[], mode: PadMode): Table {
    const shape = x.shape.map((n, d) => n + all[d]![0] + all[d]![1]);
    return Table.of(shape, (at) => {
      const from = at.map((i, d) => i - Math.max(0, all[d]![0]));
      const left = x.shape.map((n, d) => n + Math.min(0, all[d]![0]) + Math.min(0, all[d]![1]));
      if (mode === "constant" && from.some((i, d) => i < 0 || i >= left[d]!)) return -5;
      return x.at(from.map((i, d) => Math.max(0, -all[d]![0]) + inside(mode, i, left[d]!)));
    });
  }

  it("adds and crops in every mode, by attributes and by data", () => {
    check(cases, ([shape, p0, p1, mode, symbolic]) => {
      const x = Table.counting(shape);
      const all = shape.map((_, d) => [p0, p1][d]!);
      const y = padded(x, all, mode);
      const value = mode === "constant" ? { value: given(new Table([], [-5])) } : {};
      expectResult(runOp(Pad, { x: given(x, symbolic), ...value }, { pads: all, mode }, extents)[0], y);
      const begins = indicesOf(new Table([shape.length], all.map(([begin]) => begin)));
      expectResult(runOp(DynamicPad, { x: given(x, symbolic), begins, ...value }, { shape: y.shape, mode }, extents)[0], y);
    });
  });

  it("data cannot read outside", () => {
    check(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -20, max: 20 }), fc.constantFrom("constant", "edge", "reflect", "symmetric", "wrap")), ([n, begin, mode]) => {
      const operands = { x: given(Table.counting([n]), true), begins: indicesOf(new Table([1], [begin])) };
      expect(runOp(DynamicPad, operands, { shape: [5], mode }, extents)[0]?.values).to.have.length(5);
    });
  });

  it("refuses what cannot be", () => {
    const x = given(Table.counting([2]));
    expect(() => runOp(Pad, { x }, { pads: [[-2, -1]] })).to.throw(OpError, "take away more");
    expect(() => runOp(Pad, { x }, { pads: [[-2, 1]], mode: "edge" })).to.throw(OpError, "no element");
    expect(() => runOp(Pad, { x, value: given(new Table([1], [0])) }, { pads: [[1, 1]] })).to.throw(OpError);
  });
});

describe("gather", () => {
  it("gather picks slices, with indices of any value", () => {
    check(fc.tuple(shapes(1, 3), fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }), fc.nat(), anyIndices(9), fc.boolean()), ([shape, picked, at, ids, symbolic]) => {
      const a = at % shape.length;
      const x = Table.counting(shape);
      const indices = new Table(picked, ids.slice(0, size(picked)));
      const y = Table.of(shape.toSpliced(a, 1, ...picked), (p) => {
        const i = indices.at(p.slice(a, a + picked.length));
        return x.at([...p.slice(0, a), clamp(i, shape[a]!), ...p.slice(a + picked.length)]);
      });
      expectResult(runOp(Gather, { x: given(x, symbolic), indices: indicesOf(indices) }, { axis: a - shape.length }, extents)[0], y);
    });
  });

  it("gather shares leading axes", () => {
    const x = Table.counting([2, 3, 4]);
    const indices = new Table([2, 2], [0, 2, 1, -1]);
    const y = Table.of([2, 2, 4], ([b, i, c]) => x.at([b!, clamp(indices.at([b!, i!]), 3), c!]));
    expectResult(runOp(Gather, { x: given(x), indices: indicesOf(indices) }, { axis: 1, batch_dims: 1 })[0], y);
  });

  it("an axis without elements gives zeros", () => {
    const x = given(new Table([0], []), true);
    expect(runOp(Gather, { x, indices: indicesOf(new Table([2], [0, 3])) }, {}, extents)[0]?.values).to.deep.equal([0, 0]);
  });

  it("gather_elements", () => {
    check(fc.tuple(shapes(1, 3), fc.nat(), fc.integer({ min: 0, max: 4 }), anyIndices(64), fc.boolean()), ([shape, at, n, ids, symbolic]) => {
      const a = at % shape.length;
      const x = Table.counting(shape);
      const picked = shape.with(a, n);
      const indices = new Table(picked, Array.from({ length: size(picked) }, (_, k) => ids[k % 64]!));
      const y = Table.of(picked, (p) => x.at(p.with(a, clamp(indices.at(p), shape[a]!))));
      expectResult(runOp(GatherElements, { x: given(x, symbolic), indices: given(indices, symbolic, "i32") }, { axis: a }, extents)[0], y);
    });
  });

  it("gather_nd", () => {
    check(fc.tuple(shapes(1, 3), fc.nat(), fc.nat(), fc.integer({ min: 0, max: 3 }), anyIndices(48)), ([shape, b, k, n, ids]) => {
      const batch = b % (shape.length + 1);
      const count = k % (shape.length - batch + 1);
      const x = Table.counting(shape);
      const lead = [...shape.slice(0, batch), n];
      const indices = new Table([...lead, count], Array.from({ length: size(lead) * count }, (_, i) => ids[i % 48]!));
      const y = Table.of([...lead, ...shape.slice(batch + count)], (p) => {
        const vector = Array.from({ length: count }, (_, i) => clamp(indices.at([...p.slice(0, lead.length), i]), shape[batch + i]!));
        return x.at([...p.slice(0, batch), ...vector, ...p.slice(lead.length)]);
      });
      expectResult(runOp(GatherNd, { x: given(x), indices: indicesOf(indices) }, { batch_dims: batch })[0], y);
    });
  });
});

const reductions = fc.constantFrom("none", "add", "mul", "max", "min");
const reduce = (how: string, a: number, b: number): number =>
  how === "add" ? a + b : how === "mul" ? a * b : how === "max" ? Math.max(a, b) : how === "min" ? Math.min(a, b) : b;

describe("scatter", () => {
  /** A copy of `x` updated in order; updates outside are dropped. */
  function scattered(x: Table, how: string, updates: readonly (readonly [at: readonly number[], value: number])[]): Table {
    const values = [...x.values];
    for (const [at, value] of updates) {
      const fixed = at.map((i, d) => (i < 0 ? i + x.shape[d]! : i));
      if (fixed.some((i, d) => i < 0 || i >= x.shape[d]!)) continue;
      const k = flat(x.shape, fixed);
      values[k] = reduce(how, values[k]!, value);
    }
    return new Table(x.shape, values);
  }

  it("scatter_elements", () => {
    check(fc.tuple(shapes(1, 3), fc.nat(), fc.integer({ min: 0, max: 3 }), anyIndices(48), reductions, fc.boolean()), ([shape, at, n, ids, how, symbolic]) => {
      const a = at % shape.length;
      const x = Table.counting(shape);
      const picked = shape.with(a, n);
      const indices = new Table(picked, Array.from({ length: size(picked) }, (_, k) => ids[k % 48]!));
      const updates = Table.counting(picked, 2);
      const y = scattered(x, how, points(picked).map((p) => [p.with(a, indices.at(p)), updates.at(p)]));
      const operands = { x: given(x, symbolic, "i64"), indices: given(indices, symbolic, "i64"), updates: given(updates, symbolic, "i64") };
      expectResult(runOp(ScatterElements, operands, { axis: a - shape.length, reduction: how }, extents)[0], y);
    });
  });

  it("scatter_nd", () => {
    check(fc.tuple(shapes(1, 3), fc.nat(), fc.integer({ min: 0, max: 4 }), anyIndices(12), reductions), ([shape, k, n, ids, how]) => {
      const count = 1 + (k % shape.length);
      const x = Table.counting(shape);
      const indices = new Table([n, count], ids.slice(0, n * count));
      const updates = Table.counting([n, ...shape.slice(count)], 2);
      const vector = (i: number): number[] => Array.from({ length: count }, (_, c) => indices.at([i, c]));
      const y = scattered(x, how, points(updates.shape).map((p) => [[...vector(p[0]!), ...p.slice(1)], updates.at(p)]));
      const operands = { x: given(x, false, "i32"), indices: indicesOf(indices), updates: given(updates, false, "i32") };
      expectResult(runOp(ScatterNd, operands, { reduction: how })[0], y);
    });
  });

  it("tensor_scatter", () => {
    check(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), anyIndices(2), fc.boolean()), ([n, length, starts, circular]) => {
      const cache = Table.counting([2, n, 2]);
      const update = Table.counting([2, Math.min(length, n), 2], 100);
      const values = [...cache.values];
      for (const [b, t, c] of points(update.shape)) {
        const to = starts[b!]! + t!;
        const place = circular ? ((to % n) + n) % n : to;
        if (place >= 0 && place < n) values[flat(cache.shape, [b!, place, c!])] = update.at([b!, t!, c!]);
      }
      const operands = { cache: given(cache), update: given(update), starts: indicesOf(new Table([2], starts)) };
      const attributes = { axis: 1, mode: circular ? "circular" : "linear" };
      expectResult(runOp(TensorScatter, operands, attributes)[0], new Table(cache.shape, values));
    });
  });

  it("refuses updates that do not fit", () => {
    const x = given(Table.counting([3]));
    const indices = indicesOf(new Table([2], [0, 1]));
    expect(() => runOp(ScatterElements, { x, indices, updates: given(Table.counting([3])) })).to.throw(OpError, "do not fit");
    expect(() => runOp(ScatterElements, { x, indices: given(Table.counting([2])), updates: x })).to.throw(OpError, "cannot be indices");
  });
});

describe("generate", () => {
  const scalar = (value: number, dtype: DType = "f32"): Given => ({ dtype, shape: [], values: [value] });

  it("range, eye, one_hot", () => {
    expect(runOp(Range, { start: scalar(3, "i32"), delta: scalar(-2, "i32") }, { length: 4 })[0]?.values).to.deep.equal([3, 1, -1, -3]);
    expect(runOp(Range, { start: scalar(0), delta: scalar(0.5) }, { length: extent("e3") }, extents)[0]?.values).to.deep.equal([0, 0.5, 1]);
    expect(runOp(Eye, {}, { shape: [2, 3], k: 1, dtype: "u8" })[0]?.values).to.deep.equal([0, 1, 0, 0, 0, 1]);
    const indices = indicesOf(new Table([3], [1, -1, 7]));
    const one = { indices, on: scalar(5), off: scalar(2) };
    expectResult(runOp(OneHot, one, { depth: 2, from_end: true })[0], new Table([3, 2], [2, 5, 2, 5, 2, 2]));
    expectResult(runOp(OneHot, one, { depth: 2, axis: 0 })[0], new Table([2, 3], [2, 2, 2, 5, 2, 2]));
  });

  it("trilu", () => {
    check(fc.tuple(shapes(0, 2), shapes(0, 2), fc.integer({ min: -4, max: 4 }), fc.boolean()), ([a, b, k, upper]) => {
      const x = Table.counting([...a, ...b]);
      if (x.shape.length < 2) return;
      const y = Table.of(x.shape, (p) => {
        const apart = p.at(-1)! - p.at(-2)!;
        return (upper ? apart >= k : apart <= k) ? x.at(p) : 0;
      });
      expectResult(runOp(Trilu, { x: given(x) }, { k, upper })[0], y);
      expectResult(runOp(Trilu, { x: given(x, true), offset: scalar(k, "i64") }, { upper }, extents)[0], y);
    });
  });

  it("meshgrid", () => {
    const xs = [Table.counting([2]), Table.counting([3], 10), Table.counting([1], 20)];
    const ij = runOp(Meshgrid, { xs: xs.map((x) => given(x)) });
    ij.forEach((y, k) => expectResult(y, Table.of([2, 3, 1], (p) => xs[k]!.at([p[k]!]))));
    const xy = runOp(Meshgrid, { xs: xs.map((x) => given(x)) }, { indexing: "xy" });
    xy.forEach((y, k) => expectResult(y, Table.of([3, 2, 1], (p) => xs[k]!.at([p[[1, 0, 2][k]!]!]))));
  });
});
