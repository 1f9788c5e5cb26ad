/** Ops that MindSpore has no operators for, written as ones that it has: MindSpore 2.7 computes what ONNX's tests expect. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileSource } from "../frontend/bytes.ts";
import { exportMindir } from "../frontend/mindir/export.ts";
import { importOnnx } from "../frontend/onnx/import.ts";
import { readOnnx } from "../frontend/onnx/read.ts";
import { readElements } from "../ir/storage.ts";
import { parseGraph } from "../ir/text/parse.ts";
import type { DType } from "../ir/type.ts";
import { constantOf, dataSetsOf } from "./conformance/suite.ts";
import { asHostTensor, type HostValue } from "./conformance/values.ts";
import { evaluateGraph, tensorResult } from "./evaluate-graph.ts";
import { expectMindsporeComputes, type MindsporeCase, writeCase } from "./mindspore-runs.ts";
import type { NpyElements } from "./npy-series.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { witnessPython } from "./witness.ts";

/** ONNX's tests, with the inputs whose values the importer must know. */
const nodeTests: Readonly<Record<string, readonly string[]>> = {
  attention_3d_gqa_softcap: [],
  attention_4d_with_past_and_present_qk_matmul_bias_4d_mask_causal: [],
  attention_4d_attn_mask_bool_4d: [],
  attention_4d_diff_heads_mask4d_padded_kv: [],
  linear_attention_gated_delta_gqa: [],
  rotary_embedding_interleaved: [],
  rotary_embedding_with_rotary_dim: [],
  gridsample_bicubic_align_corners_0_additional_1: [],
  gridsample_reflection_padding: [],
  affine_grid_2d: ["size"],
  basic_deform_conv_with_padding: [],
  deform_conv_with_multiple_offset_groups: [],
  dft: ["dft_length", "axis"],
  stft_with_window: ["frame_step", "frame_length"],
  col2im_5d: ["image_shape", "block_shape"],
};

const elements = (v: HostValue): NpyElements => {
  const { dtype, shape, bytes } = asHostTensor(v);
  return { dtype, dims: shape, values: readElements(dtype, bytes) };
};

/** What holds of all draws, whichever they are. */
const draws = `graph @main(%p: f32[6], %logits: f32[2,3]) -> (f32[64], f32[64], f32[6], i32[2,4]) {
  %u = random_uniform() {shape = [64], low = 2.0, high = 3.0, seed = 5} : f32[64]
  %n = random_normal() {shape = [64], mean = 100.0, scale = 0.01, seed = 36} : f32[64]
  %low = floor(%u) : f32[64]
  %near = round(%n) : f32[64]
  %sure = bernoulli(%p) {seed = 7} : f32[6]
  %class = multinomial(%logits) {samples = 4, seed = 9} : i32[2,4]
  return %low, %near, %sure, %class
}
`;

const filled = (dtype: DType, dims: readonly number[], values: readonly number[]): NpyElements => ({
  dtype,
  dims,
  values: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => values[i % values.length]!),
});

function drawsCase(root: string): MindsporeCase {
  const inputs = [filled("f32", [6], [0, 1]), filled("f32", [2, 3], [-1e30, 0, -1e30])];
  const outputs = [filled("f32", [64], [2]), filled("f32", [64], [100]), filled("f32", [6], [0, 1]), filled("i32", [2, 4], [1])];
  return writeCase(root, "draws", exportMindir(parseGraph(draws, "draws"), { name: "model" }), inputs, outputs);
}

/** Queries share keys, and no extent is known but the size of a head. */
const openAttention = `graph @main(%q: f32[b,2,s,4], %k: f32[b,1,t,4], %v: f32[b,1,t,4], %m: f32[s,t]) -> (f32[b,2,s,4]) {
  %y = attention(%q, %k, %v, mask = %m) {is_causal = true} : f32[b,2,s,4]
  return %y
}
`;

function openCase(root: string): MindsporeCase {
  const shapes = [
    [2, 2, 3, 4],
    [2, 1, 5, 4],
    [2, 1, 5, 4],
    [3, 5],
  ];
  const inputs = shapes.map((dims, k) =>
    filled(
      "f32",
      dims,
      Array.from({ length: 40 }, (_, i) => Math.fround(Math.sin(1.7 * i + k))),
    ),
  );
  const graph = () => parseGraph(openAttention, "attention");
  const [y] = evaluateGraph(
    graph(),
    inputs.map(({ dims, values }) => tensorResult(dims, values)),
  );
  if (y?.kind !== "tensor") throw new Error("the interpreter gave no tensor");
  const expected: NpyElements = { dtype: "f32", dims: y.shape, values: y.elements };
  return writeCase(root, "open_attention", exportMindir(graph(), { name: "model" }), inputs, [expected]);
}

function nodeCase(root: string, data: string, name: string, fixed: readonly string[]): MindsporeCase {
  const path = join(data, "node", `test_${name}`, "model.onnx");
  const model = readOnnx(new FileSource(path));
  const [set] = dataSetsOf(path, model);
  const inputValues = new Map(fixed.flatMap((input) => (set!.inputs.has(input) ? [[input, constantOf(set!.inputs.get(input)!)!]] : [])));
  const { graph } = importOnnx(model, { inputValues });
  const inputs = graph.inputs.map((v) => elements(set!.inputs.get(v.name)!));
  return writeCase(root, name, exportMindir(graph, { name: "model" }), inputs, set!.outputs.map(elements));
}

describe("MindIR export: ops made of others", function () {
  this.timeout(300_000);
  const python = witnessPython();
  if (python === undefined) {
    console.log("left out: MindSpore computes ops that are made of others (there is no Python with MindSpore)");
    return;
  }
  const root = mkdtempSync(join(tmpdir(), "sinter-expansions-"));
  after(() => {
    rmSync(root, { recursive: true });
  });

  it("give on MindSpore 2.7 what ONNX's tests and the interpreter expect", async () => {
    const data = await ensureOnnxData();
    const cases = Object.entries(nodeTests).map(([name, fixed]) => nodeCase(root, data, name, fixed));
    expectMindsporeComputes(python, [...cases, drawsCase(root), openCase(root)]);
  });
});
