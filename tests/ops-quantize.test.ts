import { expect } from "chai";
import fc from "fast-check";
import { OpError } from "../ir/diagnostic.ts";
import { rint } from "../ir/scalar.ts";
import type { DType } from "../ir/type.ts";
import { DequantizeLinear, DynamicQuantizeLinear, QuantizeLinear } from "../ir/ops/quantize.ts";
import { runOp } from "./run-op.ts";
import { check, extents, flat, given, points, size, Table } from "./tables.ts";

const ranges: readonly (readonly [DType, number, number])[] = [
  ["i2", -2, 1],
  ["u2", 0, 3],
  ["i4", -8, 7],
  ["u4", 0, 15],
  ["i8", -128, 127],
  ["u8", 0, 255],
  ["i16", -32768, 32767],
  ["u16", 0, 65535],
];
const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

interface Case {
  readonly shape: readonly number[];
  readonly range: readonly [DType, number, number];
  readonly per: "tensor" | "axis" | "block";
  readonly axis: number;
  readonly block: number;
  readonly symbolic: boolean;
  readonly numbers: readonly number[];
}
const cases: fc.Arbitrary<Case> = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }).chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    range: fc.constantFrom(...ranges),
    per: fc.constantFrom("tensor", "axis", "block"),
    axis: fc.integer({ min: -shape.length, max: shape.length - 1 }),
    block: fc.integer({ min: 1, max: 3 }),
    symbolic: fc.boolean(),
    numbers: fc.array(
      fc.integer({ min: -400, max: 400 }).map((n) => n / 4),
      { minLength: size(shape), maxLength: size(shape) },
    ),
  }),
);

/** Shape of the scales, and which one an element has. */
function parameters(c: Case): { shape: number[]; of: (at: readonly number[]) => number } {
  const axis = c.axis < 0 ? c.axis + c.shape.length : c.axis;
  if (c.per === "tensor") return { shape: [], of: () => 0 };
  if (c.per === "axis") return { shape: [c.shape[axis]!], of: (at) => at[axis]! };
  const shape = c.shape.map((n, d) => (d === axis ? Math.ceil(n / c.block) : n));
  return {
    shape,
    of: (at) =>
      flat(
        shape,
        at.map((i, d) => (d === axis ? Math.floor(i / c.block) : i)),
      ),
  };
}

const attributesOf = (c: Case) => ({ axis: c.axis, block_size: c.per === "block" ? c.block : 0 });

describe("quantisation", () => {
  it("rounds to even, moves, saturates; and comes back", () => {
    check(cases, (c) => {
      const [dtype, low, high] = c.range;
      const { shape, of } = parameters(c);
      const scales = Array.from({ length: size(shape) }, (_, i) => 2 ** ((i % 3) - 1));
      const zeros = Array.from({ length: size(shape) }, (_, i) => clamp(i - 1, low, high));
      const x = new Table(c.shape, c.numbers);
      const scale = { dtype: "f32" as const, shape, values: scales };
      const zero_point = { dtype, shape, values: zeros };
      const [y] = runOp(
        QuantizeLinear,
        { x: given(x, c.symbolic && c.per !== "block"), scale, zero_point },
        { ...attributesOf(c), to: dtype },
        extents,
      );
      const want = points(c.shape).map((at) => clamp(rint(x.at(at) / scales[of(at)]!) + zeros[of(at)]!, low, high) + 0);
      expect(y!.values).to.deep.equal(want);
      const [back] = runOp(DequantizeLinear, { x: { dtype, shape: c.shape, values: want }, scale, zero_point }, attributesOf(c));
      expect(back!.values).to.deep.equal(points(c.shape).map((at, i) => (want[i]! - zeros[of(at)]!) * scales[of(at)]! + 0));
    });
  });

  it("to narrow floats saturates, or overflows to what the format has", () => {
    const x = { dtype: "f32" as const, shape: [4], values: [1000, -1e6, 3, 0.5] };
    const scale = { dtype: "f32" as const, shape: [], values: [2] };
    const quantized = (to: string, saturate: boolean): number[] => [...runOp(QuantizeLinear, { x, scale }, { to, saturate })[0]!.values];
    expect(quantized("f8e4m3fn", true)).to.deep.equal([448, -448, 1.5, 0.25]);
    expect(quantized("f8e4m3fn", false)).to.deep.equal([NaN, NaN, 1.5, 0.25]);
    expect(quantized("f8e5m2", false)).to.deep.equal([512, -Infinity, 1.5, 0.25]);
    expect(quantized("f4e2m1", true)).to.deep.equal([6, -6, 1.5, 0]);
  });

  it("finds its own range, which holds zero", () => {
    const quantized = (values: number[]): number[][] =>
      runOp(DynamicQuantizeLinear, { x: { dtype: "f32", shape: [values.length], values } }).map((r) => [...r.values]);
    expect(quantized([0, 51, 255])).to.deep.equal([[0, 51, 255], [1], [0]]);
    expect(quantized([-255, -51])).to.deep.equal([[0, 204], [1], [255]]);
    expect(quantized([0, 0])).to.deep.equal([[0, 0], [1], [0]]);
  });

  it("refuses scales that do not fit", () => {
    const x = given(Table.counting([2, 4]));
    expect(() => runOp(QuantizeLinear, { x, scale: given(Table.counting([3])) }, { axis: 1 })).to.throw(OpError, "does not fit");
    expect(() => runOp(DequantizeLinear, { x, scale: given(Table.counting([2, 3])) }, { axis: 1, block_size: 2 })).to.throw(
      OpError,
      "does not fit",
    );
  });
});
