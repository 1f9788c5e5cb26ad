import { expect } from "chai";
import fc from "fast-check";
import { AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, LpPool, MaxPool, MaxPoolIndices } from "../ir/ops/pool.ts";
import { MaxUnpool } from "../ir/ops/unpool.ts";
import { runOp } from "./run-op.ts";
import { check, expectResult, extents, flat, given, points, size, Table } from "./tables.ts";

interface Case {
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly (readonly [number, number])[];
  readonly ceil_mode: boolean;
  readonly symbolic: boolean;
}

/** Pads smaller than the window, as pools ask. */
const axis = fc
  .record({
    n: fc.integer({ min: 1, max: 7 }),
    k: fc.integer({ min: 1, max: 3 }),
    s: fc.integer({ min: 1, max: 3 }),
    d: fc.integer({ min: 1, max: 2 }),
    p: fc.tuple(fc.nat(2), fc.nat(2)),
  })
  .filter(({ n, k, d, p }) => p[0] < k && p[1] < k && n + p[0] + p[1] > d * (k - 1));
const cases: fc.Arbitrary<Case> = fc
  .tuple(fc.array(axis, { minLength: 1, maxLength: 2 }), fc.boolean(), fc.boolean())
  .map(([axes, ceil_mode, symbolic]) => ({
    input: axes.map((a) => a.n),
    kernel: axes.map((a) => a.k),
    strides: axes.map((a) => a.s),
    dilations: axes.map((a) => a.d),
    pads: axes.map((a) => a.p),
    ceil_mode,
    symbolic,
  }));

function output(c: Case): number[] {
  return c.input.map((n, a) => {
    const [begin, end] = c.pads[a]!;
    const stride = c.strides[a]!;
    const steps = (n + begin + end - c.dilations[a]! * (c.kernel[a]! - 1) - 1) / stride;
    if (!c.ceil_mode) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    // ONNX Runtime: the last window starts inside the input or the padding before it.
    return (count - 1) * stride >= n + begin ? count - 1 : count;
  });
}

/** Positions of a window's elements, those in the padding too. */
const windowAt = (c: Case, o: readonly number[]): number[][] =>
  points(c.kernel).map((k) => k.map((v, a) => o[a]! * c.strides[a]! + v * c.dilations[a]! - c.pads[a]![0]));
const windowOf = ({ kernel, strides, dilations, pads, ceil_mode }: Case) => ({ kernel, strides, dilations, pads, ceil_mode });
const isInside = (c: Case, at: readonly number[]): boolean => at.every((v, a) => v >= 0 && v < c.input[a]!);
const isPadded = (c: Case, at: readonly number[]): boolean => at.every((v, a) => v < c.input[a]! + c.pads[a]![1]);

const pool = (c: Case, x: Table, f: (inside: number[], counted: number) => number): Table =>
  Table.of([...x.shape.slice(0, 2), ...output(c)], ([n, m, ...o]) => {
    const window = windowAt(c, o);
    const inside = window.filter((at) => isInside(c, at)).map((at) => x.at([n!, m!, ...at]));
    return Math.fround(f(inside, window.filter((at) => isPadded(c, at)).length));
  });

const image = (c: Case): Table =>
  new Table(
    [2, 2, ...c.input],
    Array.from({ length: 4 * size(c.input) }, (_, i) => ((i * 7) % 13) - 6),
  );
const sumOf = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

describe("pools", () => {
  it("the greatest element, and where it is", () => {
    check(cases, (c) => {
      const x = image(c);
      const want = pool(c, x, (inside) => Math.max(...inside));
      expectResult(runOp(MaxPool, { x: given(x, c.symbolic) }, windowOf(c), extents)[0], want);
      const [y, rows] = runOp(MaxPoolIndices, { x: given(x, c.symbolic) }, windowOf(c), extents);
      expectResult(y, want);
      points(want.shape).forEach(([n, m, ...o], i) => {
        const inside = windowAt(c, o).filter((at) => isInside(c, at));
        const found = inside.find((at) => x.at([n!, m!, ...at]) === want.values[i]);
        if (found) expect(rows!.values[i]).to.equal(flat(x.shape, [n!, m!, ...found]));
      });
    });
  });

  it("positions by columns and in planes", () => {
    const x = new Table([1, 2, 2, 3], [1, 2, 3, 4, 9, 6, 9, 2, 3, 4, 5, 6]);
    const attributes = { kernel: [2, 3] };
    expect(runOp(MaxPoolIndices, { x: given(x) }, attributes)[1]!.values).to.deep.equal([4, 6]);
    expect(runOp(MaxPoolIndices, { x: given(x) }, { ...attributes, order: "column" })[1]!.values).to.deep.equal([3, 6]);
    const [, planes] = runOp(MaxPoolIndices, { x: given(x) }, { ...attributes, within: "plane", dtype: "i32" });
    expect(planes).to.deep.equal({ dtype: "i32", shape: [1, 2, 1, 1], values: [4, 0] });
  });

  it("padding never wins, in no type", () => {
    for (const [dtype, least] of [
      ["i8", -128],
      ["u8", 0],
      ["f16", -Infinity],
      ["i32", -(2 ** 31)],
    ] as const) {
      const x = { dtype, shape: [1, 1, 2], values: [least, least] };
      const [y, at] = runOp(MaxPoolIndices, { x }, { kernel: [3], pads: [[1, 1]] });
      expect(y!.values, dtype).to.deep.equal([least, least]);
      expect(at!.values, dtype).to.deep.equal([0, 0]);
    }
  });

  it("means, with and without the padding", () => {
    check(cases, (c) => {
      const x = image(c);
      const operands = { x: given(x, c.symbolic) };
      expectResult(
        runOp(AvgPool, operands, windowOf(c), extents)[0],
        pool(c, x, (inside) => (inside.length === 0 ? 0 : sumOf(inside) / inside.length)),
      );
      expectResult(
        runOp(AvgPool, operands, { ...windowOf(c), count_include_pad: true }, extents)[0],
        pool(c, x, (inside, counted) => sumOf(inside) / counted),
      );
    });
  });

  it("norms", () => {
    check(cases, (c) => {
      const x = image(c);
      const operands = { x: given(x, c.symbolic) };
      expectResult(
        runOp(LpPool, operands, { ...windowOf(c), p: 1 }, extents)[0],
        pool(c, x, (inside) => sumOf(inside.map(Math.abs))),
      );
      expectResult(
        runOp(LpPool, operands, windowOf(c), extents)[0],
        pool(c, x, (inside) => Math.sqrt(sumOf(inside.map((v) => v * v)))),
      );
    });
  });

  it("adaptive windows", () => {
    check(
      fc.record({
        input: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 2 }),
        output: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 2 }),
        symbolic: fc.boolean(),
      }),
      (c) => {
        const out = c.output.slice(0, c.input.length);
        const x = new Table(
          [1, 2, ...c.input],
          Array.from({ length: 2 * size(c.input) }, (_, i) => (i * 5) % 7),
        );
        const window = (o: readonly number[]): number[][] =>
          points(c.input).filter((at) =>
            at.every((v, a) => v >= Math.floor((o[a]! * c.input[a]!) / out[a]!) && v < Math.ceil(((o[a]! + 1) * c.input[a]!) / out[a]!)),
          );
        const of = (f: (values: number[]) => number): Table =>
          Table.of([1, 2, ...out], ([n, m, ...o]) => Math.fround(f(window(o).map((at) => x.at([n!, m!, ...at])))));
        const operands = { x: given(x, c.symbolic) };
        expectResult(
          runOp(AdaptiveAvgPool, operands, { output: out }, extents)[0],
          of((v) => sumOf(v) / v.length),
        );
        expectResult(
          runOp(AdaptiveMaxPool, operands, { output: out }, extents)[0],
          of((v) => Math.max(...v)),
        );
      },
    );
  });

  it("a max pool is undone at its positions", () => {
    const x = new Table(
      [1, 1, 4, 4],
      Array.from({ length: 16 }, (_, i) => (i * 7) % 16),
    );
    const window = { kernel: [2, 2], strides: [2, 2] };
    for (const within of ["tensor", "plane"] as const) {
      const [y, at] = runOp(MaxPoolIndices, { x: given(x) }, { ...window, within });
      const [back] = runOp(
        MaxUnpool,
        { x: { dtype: "f32", shape: y!.shape, values: y!.values }, indices: { dtype: "i64", shape: at!.shape, values: at!.values } },
        { shape: x.shape, within },
      );
      expectResult(
        back,
        Table.of(x.shape, (i) => (y!.values.includes(x.at(i)) ? x.at(i) : 0)),
      );
    }
    const outside = { x: given(new Table([1, 1, 2], [5, 6])), indices: { dtype: "i64" as const, shape: [1, 1, 2], values: [-1, 9] } };
    expect(runOp(MaxUnpool, outside, { shape: [1, 1, 3] })[0]!.values).to.deep.equal([0, 0, 0]);
  });
});
