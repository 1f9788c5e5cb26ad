/** What the command shows of results. */
import { expect } from "chai";
import { summarize } from "../cli/tensor-summary.ts";
import { Tensor } from "../runtime/node/session.ts";

describe("summaries of tensors", () => {
  it("leave NaN out, and know of nothing else where there is nothing else", () => {
    const x = new Tensor("f32", Float32Array.of(NaN, -0.5, Infinity, 2), [4]);
    expect(summarize("x", x)).to.deep.equal({
      name: "x",
      dtype: "f32",
      shape: [4],
      min: -0.5,
      max: Infinity,
      mean: Infinity,
      nan: 1,
      first: [NaN, -0.5, Infinity, 2],
    });
    expect(summarize("x", new Tensor("f32", Float32Array.of(NaN), [1]))).not.to.have.any.keys("min", "max", "mean");
    expect(summarize("x", new Tensor("i64", BigInt64Array.of(3n, -4n), [2]))).to.include({ min: -4n, max: 3n, mean: -0.5, nan: 0 });
    expect(summarize("x", new Tensor("f32", new Float32Array(0), [0]))).to.deep.include({ nan: 0, first: [] });
  });

  it("take tensors of more elements than an array holds", () => {
    const data = new Uint8Array(120_000_000);
    data[data.length - 1] = 0x38;
    expect(summarize("x", new Tensor("f8e4m3fn", data, [data.length]))).to.include({ min: 0, max: 1, mean: 1 / data.length });
  });
});
