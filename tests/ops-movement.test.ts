import { expect } from "chai";
import fc from "fast-check";
import { Builder } from "../ir/define.ts";
import { OpError } from "../ir/diagnostic.ts";
import { type Dim, extent, floordiv, mul, sub } from "../ir/dim.ts";
import { formatDim } from "../ir/dim-text.ts";
import { dimContent } from "../ir/content.ts";
import { Graph } from "../ir/graph.ts";
import { constantValue } from "../ir/ops/constant.ts";
import { Gather } from "../ir/ops/gather.ts";
import { Concat, evenSizes, Split, Stack, Unstack } from "../ir/ops/join.ts";
import { DynamicPad, Pad, type PadMode } from "../ir/ops/pad.ts";
import { Expand, Reshape, resolveReshape, Shape, Size, squeezeShape, Tile, Transpose, unsqueezeShape } from "../ir/ops/shape.ts";
import { AxisValues, DynamicSlice, Reverse, ReverseSequence, Roll, Slice, sliceRange } from "../ir/ops/slice.ts";
import { tensor } from "../ir/type.ts";
import { type Given, runOp } from "./run-op.ts";
import { anyIndices, check, dimsOf, expectResult, extents, given, indicesOf, shapes, size, Table } from "./tables.ts";

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
    check(
      fc.tuple(fc.integer({ min: 0, max: 5 }), bound, bound, fc.constantFrom(1, 2, 3, -1, -2, -4), fc.boolean()),
      ([n, start, end, step, symbolic]) => {
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
      },
    );
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
    check(
      fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -20, max: 20 }), fc.integer({ min: -5, max: 5 })),
      ([n, start, step]) => {
        const operands = {
          x: given(Table.counting([n])),
          starts: indicesOf(new Table([1], [start])),
          steps: indicesOf(new Table([1], [step])),
        };
        expect(runOp(DynamicSlice, operands, { shape: [6] })[0]?.values).to.have.length(6);
      },
    );
  });

  it("axis_values spreads values over axes", () => {
    const [y] = runOp(
      AxisValues,
      { values: indicesOf(new Table([3], [5, 6, 7])), axes: indicesOf(new Table([3], [-1, 1, 1])) },
      { rank: 4, fallback: 1 },
    );
    expect(y?.values).to.deep.equal([1, 7, 1, 5]);
  });

  it("concat and split are inverses", () => {
    check(
      fc.tuple(shapes(), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }), fc.nat(), fc.boolean()),
      ([shape, sizes, at, negative]) => {
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
      },
    );
  });

  it("concat trusts named extents to be equal, but never reads outside", () => {
    const row = (name: string, values: readonly number[]): Given => ({ dtype: "f32", shape: [extent(name), 1], values });
    const xs = [row("e3", [1, 2, 3]), row("e2", [4, 5])];
    expectResult(runOp(Concat, { xs }, { axis: 1 }, extents)[0], new Table([3, 2], [1, 4, 2, 5, 3, 5]));
    expect(() => runOp(Concat, { xs: [given(Table.counting([2, 1])), given(Table.counting([3, 1]))] }, { axis: 1 })).to.throw(
      OpError,
      "cannot join",
    );
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
    expect(parts.map((p) => p.values)).to.deep.equal([
      [1, 2, 3],
      [4, 5],
    ]);
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
  const cases = fc.tuple(
    shapes(3, 2),
    pads,
    pads,
    fc.constantFrom<PadMode>("constant", "edge", "reflect", "symmetric", "wrap"),
    fc.boolean(),
  );

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
      const begins = indicesOf(
        new Table(
          [shape.length],
          all.map(([begin]) => begin),
        ),
      );
      expectResult(runOp(DynamicPad, { x: given(x, symbolic), begins, ...value }, { shape: y.shape, mode }, extents)[0], y);
    });
  });

  it("data cannot read outside", () => {
    check(
      fc.tuple(
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: -20, max: 20 }),
        fc.constantFrom("constant", "edge", "reflect", "symmetric", "wrap"),
      ),
      ([n, begin, mode]) => {
        const operands = { x: given(Table.counting([n]), true), begins: indicesOf(new Table([1], [begin])) };
        expect(runOp(DynamicPad, operands, { shape: [5], mode }, extents)[0]?.values).to.have.length(5);
      },
    );
  });

  it("refuses what cannot be", () => {
    const x = given(Table.counting([2]));
    expect(() => runOp(Pad, { x }, { pads: [[-2, -1]] })).to.throw(OpError, "take away more");
    expect(() => runOp(Pad, { x }, { pads: [[-2, 1]], mode: "edge" })).to.throw(OpError, "no element");
    expect(() => runOp(Pad, { x, value: given(new Table([1], [0])) }, { pads: [[1, 1]] })).to.throw(OpError);
  });
});
