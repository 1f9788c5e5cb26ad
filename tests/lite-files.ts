/** Small MindSpore Lite files for tests, made from messages: one node, with constants as they are given. */
import { writeFlatBuffer } from "../frontend/flatbuffers-writer.ts";
import { liteSchema } from "../frontend/mslite/read.ts";
import { memoryData } from "../ir/data.ts";

/** A file whose one node, `x + w`, has a constant as it is given; `input` adds to what the file says of `x`. */
export function withConstant(constant: Readonly<Record<string, unknown>>, dims: readonly number[], input: object = {}): Uint8Array {
  const real = { dims, dataType: 43 };
  return writeFlatBuffer(liteSchema(2), {
    version: "MindSpore Lite 2.2.0",
    inputIndex: [0],
    outputIndex: [2],
    nodes: [{ name: "add", primitive: { value: { type: "AddFusion", fields: {} } }, inputIndex: [0, 1], outputIndex: [2] }],
    allTensors: [
      { ...real, name: "x", ...input },
      { dims, dataType: 32, name: "w", ...constant },
      { ...real, name: "y" },
    ],
  });
}

export const parameter = (more: object): object => ({ scale: 0.5, zeroPoint: 1, numBits: 8, inited: true, ...more });
export const real = (q: number): number => (q - 1) * 0.5;
export const some = [3, 1, 1, 1, -2, 3, 0, 1, 1, 1, 1, 1, 1, 1, 1, -2, 1, 3, 1, 0];
export const dims = [4, 5];

/** A file of one node, its inputs after the first constants of f32. */
export function withNode(
  type: string,
  fields: object,
  x: readonly number[],
  constants: readonly (readonly [dims: readonly number[], values: readonly number[]])[],
  outputs: number,
): Uint8Array {
  const inputs = constants.map(([dims, values]) => ({
    dataType: 43,
    dims,
    data: memoryData(new Uint8Array(Float32Array.from(values).buffer)),
  }));
  const first = 1 + inputs.length;
  const outputIndex = Array.from({ length: outputs }, (_, i) => first + i);
  return writeFlatBuffer(liteSchema(2), {
    version: "MindSpore Lite 2.2.0",
    inputIndex: [0],
    outputIndex,
    nodes: [{ name: "node", primitive: { value: { type, fields } }, inputIndex: [0, ...inputs.map((_, i) => i + 1)], outputIndex }],
    allTensors: [{ dataType: 43, dims: x, name: "x" }, ...inputs, ...outputIndex.map((i) => ({ dataType: 43, name: `y${i}` }))],
  });
}
