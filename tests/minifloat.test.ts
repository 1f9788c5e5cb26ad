/** Floats of 16 bits and less: the fast way from values to bits against the definition, and f16 against known patterns. */
import { expect } from "chai";
import fc from "fast-check";
import { decodeFloat, encodeFloat, encoderOf, floatFormats, type MinifloatType } from "../ir/minifloat.ts";
import { readElements, writeElements } from "../ir/storage.ts";

const formats = Object.keys(floatFormats) as MinifloatType[];

/** Every value of the format, the points half way between them, and what lies next to those. */
function* edges(dtype: MinifloatType): Iterable<number> {
  const f = floatFormats[dtype];
  const count = 2 ** (f.exponentBits + f.mantissaBits + (f.signed ? 1 : 0));
  for (let bits = 0; bits < count; bits++) {
    const [value, next] = [decodeFloat(f, bits), decodeFloat(f, bits + 1 < count ? bits + 1 : bits)];
    const middle = (value + next) / 2;
    yield* [value, middle, middle * (1 + Number.EPSILON), middle * (1 - Number.EPSILON), value * 1.0001];
  }
}

describe("floats of few bits", () => {
  for (const dtype of formats) {
    const encode = encoderOf(floatFormats[dtype]);
    const check = (x: number): void => {
      const wanted = encodeFloat(floatFormats[dtype], x);
      if (encode(x) !== wanted) expect.fail(`${dtype}: ${x} becomes ${encode(x)}, not ${wanted}`);
    };

    it(`${dtype}: encoders round as the definition does, around every value`, () => {
      for (const x of edges(dtype)) check(x);
    });

    it(`${dtype}: encoders round as the definition does, any value`, () => {
      fc.assert(fc.property(fc.double(), check), { numRuns: 2000 });
      fc.assert(fc.property(fc.float(), check), { numRuns: 2000 });
    });
  }

  it("f16 has the patterns of IEEE 754", () => {
    const patterns: readonly (readonly [number, number])[] = [
      [0, 0],
      [-0, 0x8000],
      [1, 0x3c00],
      [-2, 0xc000],
      [65504, 0x7bff],
      [65519.99, 0x7bff],
      [65520, 0x7c00],
      [-Infinity, 0xfc00],
      [2 ** -24, 1],
      [2 ** -25, 0],
      [1.5 * 2 ** -24, 2],
      [2 ** -14, 0x0400],
      [0.1, 0x2e66],
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
    ];
    const encode = encoderOf(floatFormats.f16);
    expect(patterns.map(([x]) => encode(x))).to.deep.equal(patterns.map(([, bits]) => bits));
    expect(encode(NaN) & 0x7c00).to.equal(0x7c00);
  });

  it("elements written are read back", () => {
    const values = [0, 1, -2.5, 0.0999755859375];
    for (const dtype of ["f16", "f32", "f64"] as const)
      expect(readElements(dtype, writeElements(dtype, values)).map(Number)).to.deep.equal(
        values.map((x) => (dtype === "f32" ? Math.fround(x) : x)),
      );
    expect(readElements("i8", writeElements("i8", [127, 128, -129]))).to.deep.equal([127, -128, 127]);
    expect(readElements("i4", writeElements("i4", [7, 8, -9]))).to.deep.equal([7, -8, 7]);
    expect(readElements("u2", writeElements("u2", [3, 4, -1]))).to.deep.equal([3, 0, 3]);
    expect(readElements("i64", writeElements("i64", [1, -(2n ** 63n)]))).to.deep.equal([1n, -(2n ** 63n)]);
  });
});
