/** `.npy` files as NumPy writes them, and as they break. */
import { expect } from "chai";
import { InputError } from "../cli/failure.ts";
import { formatNpy, parseNpy } from "../cli/npy.ts";

/** A file with the given header text and data. */
function npy(version: number, descr: string, shape: string, data: readonly number[], fortran = "False"): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, ...Buffer.from("NUMPY"), version, 0, ...length, ...Buffer.from(text), ...data]);
}

describe("npy", () => {
  for (const version of [1, 2, 3]) {
    it(`reads version ${version}`, () => {
      expect(parseNpy(npy(version, "<i2", "(2,)", [1, 0, 255, 255]), "x")).to.deep.equal({
        dtype: "i16",
        dims: [2],
        bytes: Uint8Array.of(1, 0, 255, 255),
      });
    });
  }

  it("reads big-endian elements", () => {
    expect([...parseNpy(npy(1, ">u4", "(2,)", [0, 0, 0, 1, 1, 2, 3, 4]), "x").bytes]).to.deep.equal([1, 0, 0, 0, 4, 3, 2, 1]);
  });

  it("reads bools, half floats, scalars, empty tensors and the bits of foreign types", () => {
    expect(parseNpy(npy(1, "|b1", "(2, 1)", [1, 0]), "x")).to.deep.equal({ dtype: "bool", dims: [2, 1], bytes: Uint8Array.of(1, 0) });
    expect(parseNpy(npy(1, "<f2", "()", [0, 60]), "x")).to.deep.equal({ dtype: "f16", dims: [], bytes: Uint8Array.of(0, 60) });
    expect(parseNpy(npy(1, "<f8", "(3, 0)", []), "x")).to.deep.equal({ dtype: "f64", dims: [3, 0], bytes: new Uint8Array(0) });
    expect(parseNpy(npy(1, "<V2", "(1L,)", [128, 63]), "x")).to.deep.equal({ dtype: "u16", dims: [1], bytes: Uint8Array.of(128, 63) });
  });

  it("reads Fortran's order", () => {
    const { bytes, dims } = parseNpy(npy(1, "|u1", "(2, 3)", [1, 4, 2, 5, 3, 6], "True"), "x");
    expect([dims, [...bytes]]).to.deep.equal([
      [2, 3],
      [1, 2, 3, 4, 5, 6],
    ]);
  });

  it("refuses what is broken", () => {
    const whole = npy(1, "<f4", "(2,)", [0, 0, 0, 0, 0, 0, 0, 0]);
    const broken = [
      ...[0, 5, 9, 11, 40, whole.length - 1].map((n) => whole.subarray(0, n)),
      npy(4, "<f4", "()", [0, 0, 0, 0]),
      npy(1, "|O", "(1,)", [0]),
      npy(1, "<c8", "(1,)", [0, 0, 0, 0, 0, 0, 0, 0]),
      npy(1, "<f4", "(-1,)", []),
      npy(1, "<f4", "(9007199254740991, 9007199254740991)", []),
      npy(1, "<f4", "('a',)", []),
    ];
    for (const file of broken) expect(() => parseNpy(file, "x.npy")).to.throw(InputError, "'x.npy'");
  });

  it("writes what it reads, with the data at a multiple of 64 bytes", () => {
    for (const [dtype, dims, length] of [
      ["f32", [2, 3], 24],
      ["bool", [], 1],
      ["i64", [0], 0],
      ["f16", [5], 10],
    ] as const) {
      const array = { dtype, dims: [...dims], bytes: Uint8Array.from({ length }, (_, i) => i % 2) };
      const file = formatNpy(array);
      expect(parseNpy(file, "x")).to.deep.equal(array);
      expect((file.length - length) % 64).to.equal(0);
    }
  });
});
