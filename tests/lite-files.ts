/** Small MindSpore Lite files for tests, made from messages: of one node with constants as they are given, or of graphs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FlatSchema } from "../frontend/flatbuffers-schema.ts";
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

/** The numbers of element types and of the other kinds of tensors. */
const typeIds = { f32: 43, i32: 34, bool: 30, list: 17, function: 23 } as const;

/** A tensor of a file: its type and shape, and its elements where it is a constant. */
export type TensorSpec = readonly [type: keyof typeof typeIds, dims: readonly number[], values?: readonly number[]];
/** A node: its primitive, attributes, inputs and outputs, tensors by name. */
export type NodeSpec = readonly [type: string, fields: object, inputs: readonly string[], outputs: readonly string[]];
export interface GraphSpec {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeSpec[];
}

/** Files of 1.1, whose schema is the older one, and of later versions; in 1.2 While had the number that LSTMGrad has now. */
const schemaOf = (version: string): FlatSchema => {
  if (version === "1.1") return liteSchema(1);
  if (version !== "1.2") return liteSchema(2);
  const text = readFileSync(join("proto", "ms_lite.fbs"), "utf8");
  return new FlatSchema(
    text.replace("LSTMGrad = 167", "While = 167").replace("SwitchLayer = 94", "Merge = 94").replace("SwitchLayer {}", "Merge {}"),
  );
};

function elementBytes(type: keyof typeof typeIds, values: readonly number[]): Uint8Array {
  const list = type === "f32" ? Float32Array.from(values) : type === "i32" ? Int32Array.from(values) : Uint8Array.from(values);
  return new Uint8Array(list.buffer);
}

/** A file of some graphs, the first of which is the main one. */
export function liteFile(version: string, tensors: Readonly<Record<string, TensorSpec>>, graphs: readonly GraphSpec[]): Uint8Array {
  const names = Object.keys(tensors);
  const indices = (list: readonly string[]): number[] =>
    list.map((name) => {
      if (!names.includes(name)) throw new Error(`there is no tensor '${name}'`);
      return names.indexOf(name);
    });
  const nodes = graphs.flatMap((g) => g.nodes);
  const [main] = graphs;
  return writeFlatBuffer(schemaOf(version), {
    version: `MindSpore Lite ${version}.0`,
    inputIndex: indices(main!.inputs),
    outputIndex: indices(main!.outputs),
    nodes: nodes.map(([type, fields, inputs, outputs], i) => ({
      name: `${type}-${i}`,
      primitive: { value: { type, fields } },
      inputIndex: indices(inputs),
      outputIndex: indices(outputs),
    })),
    allTensors: names.map((name) => {
      const [type, dims, values] = tensors[name]!;
      return { name, dims, dataType: typeIds[type], ...(values && { data: memoryData(elementBytes(type, values)) }) };
    }),
    subGraph: graphs.map((g) => ({
      inputIndices: indices(g.inputs),
      outputIndices: indices(g.outputs),
      nodeIndices: g.nodes.map((n) => nodes.indexOf(n)),
    })),
  });
}
