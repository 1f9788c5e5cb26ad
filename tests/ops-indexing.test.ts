import { expect } from "chai";
import fc from "fast-check";
import { OpError } from "../ir/diagnostic.ts";
import { extent } from "../ir/dim.ts";
import { Gather, GatherElements, GatherNd } from "../ir/ops/gather.ts";
import { Eye, Meshgrid, OneHot, Range, Trilu } from "../ir/ops/generate.ts";
import { ScatterElements, ScatterNd, TensorScatter } from "../ir/ops/scatter.ts";
import type { DType } from "../ir/type.ts";
import { type Given, runOp } from "./run-op.ts";
import { anyIndices, check, clamp, expectResult, extents, flat, given, indicesOf, points, shapes, size, Table } from "./tables.ts";

describe("gather", () => {
  it("gather picks slices, with indices of any value", () => {
    check(
      fc.tuple(shapes(1, 3), fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }), fc.nat(), anyIndices(9), fc.boolean()),
      ([shape, picked, at, ids, symbolic]) => {
        const a = at % shape.length;
        const x = Table.counting(shape);
        const indices = new Table(picked, ids.slice(0, size(picked)));
        const y = Table.of(shape.toSpliced(a, 1, ...picked), (p) => {
          const i = indices.at(p.slice(a, a + picked.length));
          return x.at([...p.slice(0, a), clamp(i, shape[a]!), ...p.slice(a + picked.length)]);
        });
        expectResult(runOp(Gather, { x: given(x, symbolic), indices: indicesOf(indices) }, { axis: a - shape.length }, extents)[0], y);
      },
    );
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
    check(
      fc.tuple(shapes(1, 3), fc.nat(), fc.integer({ min: 0, max: 4 }), anyIndices(64), fc.boolean()),
      ([shape, at, n, ids, symbolic]) => {
        const a = at % shape.length;
        const x = Table.counting(shape);
        const picked = shape.with(a, n);
        const indices = new Table(
          picked,
          Array.from({ length: size(picked) }, (_, k) => ids[k % 64]!),
        );
        const y = Table.of(picked, (p) => x.at(p.with(a, clamp(indices.at(p), shape[a]!))));
        expectResult(
          runOp(GatherElements, { x: given(x, symbolic), indices: given(indices, symbolic, "i32") }, { axis: a }, extents)[0],
          y,
        );
      },
    );
  });

  it("gather_nd", () => {
    check(fc.tuple(shapes(1, 3), fc.nat(), fc.nat(), fc.integer({ min: 0, max: 3 }), anyIndices(48)), ([shape, b, k, n, ids]) => {
      const batch = b % (shape.length + 1);
      const count = k % (shape.length - batch + 1);
      const x = Table.counting(shape);
      const lead = [...shape.slice(0, batch), n];
      const indices = new Table(
        [...lead, count],
        Array.from({ length: size(lead) * count }, (_, i) => ids[i % 48]!),
      );
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
    check(
      fc.tuple(shapes(1, 3), fc.nat(), fc.integer({ min: 0, max: 3 }), anyIndices(48), reductions, fc.boolean()),
      ([shape, at, n, ids, how, symbolic]) => {
        const a = at % shape.length;
        const x = Table.counting(shape);
        const picked = shape.with(a, n);
        const indices = new Table(
          picked,
          Array.from({ length: size(picked) }, (_, k) => ids[k % 48]!),
        );
        const updates = Table.counting(picked, 2);
        const y = scattered(
          x,
          how,
          points(picked).map((p) => [p.with(a, indices.at(p)), updates.at(p)]),
        );
        const operands = {
          x: given(x, symbolic, "i64"),
          indices: given(indices, symbolic, "i64"),
          updates: given(updates, symbolic, "i64"),
        };
        expectResult(runOp(ScatterElements, operands, { axis: a - shape.length, reduction: how }, extents)[0], y);
      },
    );
  });

  it("scatter_nd", () => {
    check(fc.tuple(shapes(1, 3), fc.nat(), fc.integer({ min: 0, max: 4 }), anyIndices(12), reductions), ([shape, k, n, ids, how]) => {
      const count = 1 + (k % shape.length);
      const x = Table.counting(shape);
      const indices = new Table([n, count], ids.slice(0, n * count));
      const updates = Table.counting([n, ...shape.slice(count)], 2);
      const vector = (i: number): number[] => Array.from({ length: count }, (_, c) => indices.at([i, c]));
      const y = scattered(
        x,
        how,
        points(updates.shape).map((p) => [[...vector(p[0]!), ...p.slice(1)], updates.at(p)]),
      );
      const operands = { x: given(x, false, "i32"), indices: indicesOf(indices), updates: given(updates, false, "i32") };
      expectResult(runOp(ScatterNd, operands, { reduction: how })[0], y);
    });
  });

  it("tensor_scatter", () => {
    check(
      fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), anyIndices(2), fc.boolean()),
      ([n, length, starts, circular]) => {
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
      },
    );
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
    ij.forEach((y, k) =>
      expectResult(
        y,
        Table.of([2, 3, 1], (p) => xs[k]!.at([p[k]!])),
      ),
    );
    const xy = runOp(Meshgrid, { xs: xs.map((x) => given(x)) }, { indexing: "xy" });
    xy.forEach((y, k) =>
      expectResult(
        y,
        Table.of([3, 2, 1], (p) => xs[k]!.at([p[[1, 0, 2][k]!]!])),
      ),
    );
  });
});
