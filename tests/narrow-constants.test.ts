/** Weights of 4 bits and of 8-bit floats go into formats that have no such types as the floats that they stand for. */
import { expect } from "chai";
import { parseGraph } from "../ir/text/parse.ts";
import { airTrip, mindirTrip } from "./conformance/file.ts";
import { evaluateGraph, tensorResult } from "./evaluate-graph.ts";

const text = `graph @main(%x: f32[1,2]) -> (f32[1,3], f32[3]) {
  %w = constant() {data = dense<[-8, -1, 0, 1, 2, 7]>} : i4[2,3]
  %scale = constant() {data = dense<[0.5, 1.0, 2.0]>} : f32[3]
  %zero = constant() {data = dense<[1, 0, -1]>} : i4[3]
  %e = constant() {data = dense<[0.5, -448.0, 1.125]>} : f8e4m3fn[3]
  %wide = dequantize_linear(%w, %scale, zero_point = %zero) {axis = 1} : f32[2,3]
  %y = matmul(%x, %wide) : f32[1,3]
  %z = cast(%e) {to = f32} : f32[3]
  return %y, %z
}
`;

describe("narrow constants", () => {
  for (const [name, trip] of Object.entries({ AIR: airTrip, MindIR: mindirTrip("2"), "MindIR 1.1": mindirTrip("1.1") })) {
    it(`through ${name}`, () => {
      const again = trip.read(trip.write(parseGraph(text, "text")));
      const [y, z] = evaluateGraph(again, [tensorResult([1, 2], [1, 10])]);
      // Rows (w - zero) * scale: -4.5, -1, 2 and 0, 2, 16.
      expect(y).to.deep.include({ elements: [-4.5, 19, 162] });
      expect(z).to.deep.include({ elements: [0.5, -448, 1.125] });
    });
  }
});
