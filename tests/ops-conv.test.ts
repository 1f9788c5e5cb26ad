import { expect } from "chai";
import fc from "fast-check";
import { OpError } from "../ir/diagnostic.ts";
import { extent } from "../ir/dim.ts";
import { Conv, ConvInteger, QlinearConv } from "../ir/ops/conv.ts";
import { DeformConv } from "../ir/ops/conv-deform.ts";
import { Col2im, ConvTranspose, Im2col } from "../ir/ops/conv-transpose.ts";
import { autoPads, padsForOutput } from "../ir/window.ts";
import { runOp } from "./run-op.ts";
import { check, expectResult, extents, given, points, size, Table } from "./tables.ts";

interface Case {
  readonly rank: number;
  readonly group: number;
  /** Input and output channels of one group. */
  readonly channels: readonly [number, number];
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly (readonly [number, number])[];
  readonly symbolic: boolean;
}

const list = (rank: number, min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min, max }), { minLength: rank, maxLength: rank });

/** Convolutions whose window fits the padded input. */
const cases: fc.Arbitrary<Case> = fc
  .integer({ min: 1, max: 3 })
  .chain((rank) => {
    const pads = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })), { minLength: rank, maxLength: rank });
    return fc.record({
      rank: fc.constant(rank),
      group: fc.integer({ min: 1, max: 3 }),
      channels: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      input: list(rank, 1, rank === 3 ? 3 : 6),
      kernel: list(rank, 1, 3),
      strides: list(rank, 1, 3),
      dilations: list(rank, 1, 2),
      pads,
      symbolic: fc.boolean(),
    });
  })
  .filter((c) => c.input.every((n, a) => n + c.pads[a]![0] + c.pads[a]![1] > c.dilations[a]! * (c.kernel[a]! - 1)));

/** Small integers of both signs, so that sums are exact. */
const values = (shape: readonly number[], seed: number): Table =>
  new Table(
    shape,
    Array.from({ length: size(shape) }, (_, i) => ((i * 7 + seed) % 11) - 5),
  );

const output = (c: Case): number[] =>
  c.input.map((n, a) => Math.floor((n + c.pads[a]![0] + c.pads[a]![1] - c.dilations[a]! * (c.kernel[a]! - 1) - 1) / c.strides[a]!) + 1);

/** Input position of window element `k` at output `o`; undefined in the padding. */
function position(c: Case, o: readonly number[], k: readonly number[]): number[] | undefined {
  const at = o.map((v, a) => v * c.strides[a]! + k[a]! * c.dilations[a]! - c.pads[a]![0]);
  return at.every((v, a) => v >= 0 && v < c.input[a]!) ? at : undefined;
}

const batch = 2;
const attributesOf = ({ strides, dilations, pads, group }: Case) => ({ strides, dilations, pads, group });

function convolve(c: Case, x: Table, w: Table, bias: (m: number) => number): Table {
  const [inner, outer] = c.channels;
  return Table.of([batch, outer * c.group, ...output(c)], ([n, m, ...o]) => {
    const first = Math.floor(m! / outer) * inner;
    let sum = bias(m!);
    for (let channel = 0; channel < inner; channel++) {
      for (const k of points(c.kernel)) {
        const at = position(c, o, k);
        if (at) sum += x.at([n!, first + channel, ...at]) * w.at([m!, channel, ...k]);
      }
    }
    return sum;
  });
}

describe("convolution", () => {
  it("is the sum over channels and window, for any rank, stride, dilation, padding and group", () => {
    check(cases, (c) => {
      const [inner, outer] = c.channels;
      const x = values([batch, inner * c.group, ...c.input], 1);
      const w = values([outer * c.group, inner, ...c.kernel], 2);
      const b = values([outer * c.group], 3);
      const operands = { x: given(x, c.symbolic), w: given(w), b: given(b) };
      expectResult(
        runOp(Conv, operands, attributesOf(c), extents)[0],
        convolve(c, x, w, (m) => b.at([m])),
      );
    });
  });

  it("of integers, with zero points", () => {
    check(cases, (c) => {
      const [inner, outer] = c.channels;
      const x = values([batch, inner * c.group, ...c.input], 1);
      const w = values([outer * c.group, inner, ...c.kernel], 2);
      const wZero = values([outer * c.group], 5);
      const shift = (t: Table, by: (at: readonly number[]) => number): Table => Table.of(t.shape, (at) => t.at(at) - by(at));
      const operands = { x: given(x, c.symbolic, "i8"), w: given(w, false, "i8") };
      const zeros = { x_zero_point: { dtype: "i8" as const, shape: [], values: [3] }, w_zero_point: given(wZero, false, "i8") };
      const want = convolve(
        c,
        shift(x, () => 3),
        shift(w, ([m]) => wZero.at([m!])),
        () => 0,
      );
      expectResult(runOp(ConvInteger, { ...operands, ...zeros }, attributesOf(c), extents)[0], want);
      expect(runOp(Conv, operands, { ...attributesOf(c), to: "i32" }, extents)[0]!.values).to.deep.equal(convolve(c, x, w, () => 0).values);
    });
  });

  it("of quantised tensors scales, rounds to even and saturates", () => {
    const scalar = (dtype: "f32" | "u8", v: number) => ({ dtype, shape: [], values: [v] });
    const x = { dtype: "u8" as const, shape: [1, 1, 4], values: [0, 1, 3, 200] };
    const w = { dtype: "u8" as const, shape: [1, 1, 1], values: [2] };
    const operands = {
      x,
      x_scale: scalar("f32", 0.5),
      x_zero_point: scalar("u8", 1),
      w,
      w_scale: scalar("f32", 0.5),
      w_zero_point: scalar("u8", 0),
      y_scale: scalar("f32", 0.2),
      y_zero_point: scalar("u8", 10),
    };
    // (x - 1) * 2 * 0.25 / 0.2, plus 10
    expect(runOp(QlinearConv, operands)[0]!.values).to.deep.equal([8, 10, 15, 255]);
  });

  it("transposed is the gradient of a convolution", () => {
    check(cases, (c) => {
      const [inner, outer] = c.channels;
      const x = values([batch, inner * c.group, ...output(c)], 4);
      const w = values([inner * c.group, outer, ...c.kernel], 2);
      const padding = c.input.map(
        (n, a) => n - (c.strides[a]! * (output(c)[a]! - 1) + c.dilations[a]! * (c.kernel[a]! - 1) + 1 - c.pads[a]![0] - c.pads[a]![1]),
      );
      const want = new Array<number>(batch * outer * c.group * size(c.input)).fill(0);
      const shape = [batch, outer * c.group, ...c.input];
      for (const [n, channel, ...o] of points(x.shape)) {
        for (const [m, ...k] of points([outer, ...c.kernel])) {
          const at = position(c, o, k);
          const target = Math.floor(channel! / inner) * outer + m!;
          if (at)
            want[[n!, target, ...at].reduce((s, i, d) => s * shape[d]! + i, 0)]! += x.at([n!, channel!, ...o]) * w.at([channel!, m!, ...k]);
        }
      }
      const operands = { x: given(x, c.symbolic), w: given(w) };
      expectResult(runOp(ConvTranspose, operands, { ...attributesOf(c), output_padding: padding }, extents)[0], new Table(shape, want));
    });
  });

  it("columns and images", () => {
    check(cases, (c) => {
      const grid = output(c);
      const x = values([batch, 2, ...c.input], 1);
      const window = { kernel: c.kernel, strides: c.strides, dilations: c.dilations, pads: c.pads };
      const columns = Table.of([batch, 2 * size(c.kernel), size(grid)], ([n, row, column]) => {
        const k = points(c.kernel)[row! % size(c.kernel)]!;
        const at = position(c, points(grid)[column!]!, k);
        return at ? x.at([n!, Math.floor(row! / size(c.kernel)), ...at]) : 0;
      });
      expectResult(runOp(Im2col, { x: given(x, c.symbolic) }, window, extents)[0], columns);
      const seen = Table.of(
        x.shape,
        ([, , ...at]) => points(grid).flatMap((o) => points(c.kernel).filter((k) => String(position(c, o, k)) === String(at))).length,
      );
      const summed = Table.of(x.shape, (at) => seen.at(at) * x.at(at) + 0);
      expectResult(runOp(Col2im, { x: given(columns) }, { ...window, image: c.input })[0], summed);
    });
  });

  it("without offsets, a deformed convolution is a convolution", () => {
    check(
      cases.filter((c) => c.rank === 2),
      (c) => {
        const [inner, outer] = c.channels;
        const x = values([batch, inner * c.group, ...c.input], 1);
        const w = values([outer * c.group, inner, ...c.kernel], 2);
        const offset = Table.of([batch, 2 * size(c.kernel), ...output(c)], () => 0);
        const mask = Table.of([batch, size(c.kernel), ...output(c)], () => 2);
        const [y] = runOp(DeformConv, { x: given(x), w: given(w), offset: given(offset), mask: given(mask) }, attributesOf(c));
        expect(y!.values.map((v) => v / 2)).to.deep.equal(convolve(c, x, w, () => 0).values);
      },
    );
  });

  it("automatic pads keep ceil(extent / stride) outputs, the odd one where it is asked", () => {
    const given = { strides: [2, 1], dilations: [1, 2] };
    expect(autoPads("same_upper", [6, 5], [3, 2], given)).to.deep.equal([
      [0, 1],
      [1, 1],
    ]);
    expect(autoPads("same_lower", [6, 5], [3, 2], given)[0]).to.deep.equal([1, 0]);
    expect(autoPads("same_upper", [8], [1], { strides: [2], dilations: [] })).to.deep.equal([[0, 0]]);
    expect(autoPads("same_upper", [extent("h")], [3], { strides: [], dilations: [] })).to.deep.equal([[1, 1]]);
    expect(padsForOutput([7], [10], true)).to.deep.equal({ pads: [[1, 2]], outputPadding: [0] });
    expect(padsForOutput([12], [10], false)).to.deep.equal({ pads: [[0, 0]], outputPadding: [2] });
  });

  it("automatic pads of named extents are those of numbers", () => {
    const edges = fc.record({
      n: fc.integer({ min: 2, max: 12 }),
      k: fc.integer({ min: 1, max: 4 }),
      s: fc.integer({ min: 1, max: 4 }),
      d: fc.integer({ min: 1, max: 2 }),
    });
    check(fc.tuple(edges, fc.constantFrom("same_upper" as const, "same_lower" as const)), ([{ n, k, s, d }, mode]) => {
      const given_ = { strides: [s], dilations: [d] };
      const named = autoPads(mode, [extent(`e${n}`)], [k], given_);
      const missing = Math.max(0, (Math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n);
      const begin = mode === "same_upper" ? Math.floor(missing / 2) : Math.ceil(missing / 2);
      expect(autoPads(mode, [n], [k], given_)).to.deep.equal([[begin, missing - begin]]);
      const x = given(values([1, 1, n], 1), true);
      const w = given(values([1, 1, k], 2));
      const [y] = runOp(Conv, { x, w }, { ...given_, pads: named }, extents);
      expect(y!.shape).to.deep.equal([1, 1, Math.ceil(n / s)]);
      expect(y!.values).to.deep.equal(runOp(Conv, { x, w }, { ...given_, pads: [[begin, missing - begin]] }, extents)[0]!.values);
    });
  });

  it("refuses what does not fit", () => {
    const [x, w] = [given(values([1, 2, 4], 0)), given(values([1, 3, 2], 0))];
    expect(() => runOp(Conv, { x, w })).to.throw(OpError, "cannot convolve");
    expect(() => runOp(Conv, { x, w: given(values([1, 2, 9], 0)) })).to.throw(OpError, "larger than the padded input");
    expect(() => runOp(Conv, { x, w: given(values([1, 2, 2], 0)) }, { strides: [0] })).to.throw(OpError, "must be positive");
    const [image, kernel, offset] = [given(values([1, 1, 2, 2], 0)), given(values([1, 1, 1, 1], 0)), given(values([1, 2, 2, 2], 0))];
    const whole = { ...image, dtype: "i32" as const };
    expect(() => runOp(DeformConv, { x: whole, w: kernel, offset })).to.throw(OpError, "floats of one type");
  });
});
