/**
 * Export to ONNX: what the checker and ONNX Runtime say of ONNX's own tests and of real models, and that our importer
 * reads back what we wrote. All of ONNX's tests: `npm run conformance -- --target onnx`, or `onnx-13`, `onnx-22`.
 */
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { importModel } from "../frontend/import.ts";
import { importOnnx } from "../frontend/onnx/import.ts";
import { readOnnx } from "../frontend/onnx/read.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { MemorySource } from "../ir/data.ts";
import type { Graph } from "../ir/graph.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { writeElements } from "../ir/storage.ts";
import type { DType } from "../ir/type.ts";
import type { Tensor } from "../runtime/node/session.ts";
import { differenceOf, type Tolerance } from "./conformance/compare.ts";
import { exported } from "./conformance/export.ts";
import { expectSample, sample } from "./conformance/sample.ts";
import { conformanceTargets } from "./conformance/targets.ts";
import type { HostTensor } from "./conformance/values.ts";
import { exportedBytes, exportedModel } from "./onnx-exported.ts";
import { optimize, readPassRun } from "./optimize.ts";
import { recordedModels } from "./recorded-runs.ts";
import { withSharedModels } from "./shared-models.ts";
import { witnessPython } from "./witness.ts";

const interpret = conformanceTargets["interpret"]!;

/** Numbers between -2 and 2 that are the same each time. */
function fill(dtype: DType, shape: readonly number[]): HostTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const isInteger = /^[iu]/.test(dtype);
  const values = Array.from({ length: count }, (_, i) => {
    const x = (((i * 7919 + 31) % 101) - 50) / 25;
    return dtype === "bool" ? (i % 3) & 1 : isInteger ? BigInt(Math.trunc(x * 3)) : x;
  });
  const isWide = dtype === "i64" || dtype === "u64" || dtype === "u32";
  return { kind: "tensor", dtype, shape, bytes: writeElements(dtype, isWide ? values : values.map(Number)) };
}

/** What ONNX Runtime, or the importer and interpreter where it lacks something, makes of the text's graph. */
async function expectSame(text: string, opset: number | undefined, tolerance: Tolerance = { rtol: 1e-5, atol: 1e-6 }): Promise<void> {
  const graph = parseGraph(text, "op.sir");
  const inputs = graph.inputs.map((v) =>
    fill(
      v.tensor.dtype,
      v.tensor.shape.map((d) => (typeof d === "number" ? d : 3)),
    ),
  );
  const wanted = await (await interpret(graph))(inputs);
  const got = await (await exported(interpret, opset)(parseGraph(text, "op.sir")))(inputs);
  wanted.forEach((want, i) => {
    expect(differenceOf(got[i], want, tolerance), `${text}, output ${i}`).to.equal(undefined);
  });
}

/** Ops that ONNX's tests do not come by, each on its own. */
const ownOps: readonly (readonly [op: string, inputs: string, result: string])[] = [
  ["expm1(%x)", "%x: f32[7]", "f32[7]"],
  ["log1p(%x)", "%x: f32[7]", "f32[7]"],
  ["trunc(%x)", "%x: f32[7]", "f32[7]"],
  ["rsqrt(%x)", "%x: f64[7]", "f64[7]"],
  ["erfc(%x)", "%x: f32[7]", "f32[7]"],
  ["log_sigmoid(%x)", "%x: f32[7]", "f32[7]"],
  ["atan2(%x, %y)", "%x: f32[7], %y: f32[3,1]", "f32[3,7]"],
  ["xlogy(%x, %y)", "%x: f32[7], %y: f32[3,1]", "f32[3,7]"],
  ["div_no_nan(%x, %y)", "%x: i32[7], %y: i32[3,1]", "i32[3,7]"],
  ["floor_div(%x, %y)", "%x: i32[7], %y: i32[3,1]", "i32[3,7]"],
  ["floor_div(%x, %y)", "%x: f32[7], %y: f32[3,1]", "f32[3,7]"],
  ["floor_mod(%x, %y)", "%x: f32[7], %y: f32[3,1]", "f32[3,7]"],
  ["rem(%x, %y)", "%x: i64[7], %y: i64[3,1]", "i64[3,7]"],
  ["div(%x, %y)", "%x: i32[7], %y: i32[3,1]", "i32[3,7]"],
  ["shift_right(%x, %y)", "%x: i32[7], %y: i32[3,1]", "i32[3,7]"],
  ["shift_left(%x, %y)", "%x: i8[7], %y: i8[3,1]", "i8[3,7]"],
  ["neg(%x)", "%x: u8[7]", "u8[7]"],
  ["relu6(%x)", "%x: f16[7]", "f16[7]"],
  ["is_finite(%x)", "%x: f32[7]", "bool[7]"],
  ["roll(%x) {shifts = [2, -1], axes = [0, 1]}", "%x: f32[n,3]", "f32[n,3]"],
  ["reverse(%x) {axes = [1]}", "%x: f32[2,n]", "f32[2,n]"],
  ['pad(%x) {pads = [[3, 0], [1, 2]], mode = "symmetric"}', "%x: f32[2,3]", "f32[5,6]"],
  ['pad(%x) {pads = [[3, 0], [-1, 2]], mode = "wrap"}', "%x: f32[2,3]", "f32[5,4]"],
  ['pad(%x) {pads = [[0, 0], [7, 2]], mode = "reflect"}', "%x: f32[2,3]", "f32[2,12]"],
  ["pad(%x) {pads = [[0, n], [1, 2*n]]}", "%x: f32[n,n]", "f32[2*n,3*n+1]"],
  ["slice(%x) {starts = [n-1, 0], sizes = [n, 2], steps = [-1, 1]}", "%x: f32[n,3]", "f32[n,2]"],
  ["tile(%x) {shape = [5, 2*n]}", "%x: f32[2,n]", "f32[5,2*n]"],
  ["reshape(%x) {shape = [n, 2, 2*n]}", "%x: f32[n,n,4]", "f32[n,2,2*n]"],
  ["unstack(%x) {axis = 1}", "%x: f32[2,1]", "f32[2]"],
  ["adaptive_avg_pool(%x) {output = [3, 2]}", "%x: f32[1,2,7,5]", "f32[1,2,3,2]"],
  ["adaptive_max_pool(%x) {output = [3, 2]}", "%x: f32[1,2,7,n]", "f32[1,2,3,2]"],
  ["im2col(%x) {kernel = [2, 3], strides = [2, 1], pads = [[1, 0], [1, 1]]}", "%x: f32[1,2,5,4]", "f32[1,12,12]"],
  ["max_pool(%x) {kernel = [2, 2], strides = [2, 2]}", "%x: i32[1,2,5,4]", "i32[1,2,2,2]"],
  ["conv(%x, %w) {pads = [[n, 0]]}", "%x: f32[1,2,n], %w: f32[3,2,2]", "f32[1,3,2*n-1]"],
  ["conv(%x, %w)", "%x: i32[1,2,5], %w: i32[3,2,2]", "i32[1,3,4]"],
  ["gather(%x, %i) {axis = 2, batch_dims = 1}", "%x: f32[2,3,9], %i: i32[2,4]", "f32[2,3,4]"],
  ["moments(%x) {axes = [0, 2]}", "%x: f32[2,3,4]", "f32[3], f32[3]"],
  ["cumprod(%x) {axis = 1, exclusive = true, reverse = true}", "%x: f32[2,5]", "f32[2,5]"],
  ["reduce_mean(%x) {axes = [1]}", "%x: i32[2,5]", "i32[2]"],
  ["reduce_sum(%x) {axes = []}", "%x: f32[2,5]", "f32[2,5]"],
  ["reduce_any(%x) {axes = [1]}", "%x: bool[2,5]", "bool[2]"],
  ["softmax(%x) {axes = [0, 2]}", "%x: f32[2,3,4]", "f32[2,3,4]"],
  ["sort(%x) {axis = 0, descending = true}", "%x: f32[9,2]", "f32[9,2], i64[9,2]"],
  ["nms_with_mask(%x) {iou_threshold = 0.3}", "%x: f32[9,5]", "f32[9,5], i32[9], bool[9]"],
  ["pack(%x) {axis = 1, block = 4}", "%x: f32[2,6,3]", "f32[2,2,3,4]"],
  ["unpack(%x) {axis = 1, extent = 6}", "%x: f32[2,2,3,4]", "f32[2,6,3]"],
  ["conv_packed_integer(%x, %w, padding=%p) {pads = [[1, 0]]}", "%x: u8[1,2,5,8], %w: i8[2,2,2,2,3,4], %p: u8[]", "i32[1,2,5,3]"],
  ["conv_packed_integer(%x, %w) {pads = [[1, 0]], strides = [2]}", "%x: i16[1,1,5,4], %w: i8[1,1,2,2,3,2]", "i32[1,1,3,3]"],
  ["depthwise_packed(%x, %w, b=%b) {pads = [[1, 0]]}", "%x: f32[1,2,5,4], %w: f32[2,2,4], %b: f32[2,4]", "f32[1,2,5,4]"],
  ["depthwise_packed(%x, %w, padding=%p) {pads = [[1, 1]]}", "%x: u8[1,2,5,4], %w: i8[2,3,4], %p: u8[]", "i32[1,2,5,4]"],
  ["depthwise_packed(%x, %w)", "%x: u8[1,2,5,4], %w: i16[2,3,4]", "i32[1,2,3,4]"],
  ["matmul_packed_integer(%a, %b) {columns = 6}", "%a: i8[2,4], %b: i8[2,1,3,4]", "i32[2,6]"],
  ["matmul_packed_integer(%a, %b) {columns = 6}", "%a: i16[2,4], %b: i16[2,2,3,2]", "i32[2,6]"],
  ["gelu(%x)", "%x: f32[7]", "f32[7]"],
  ["swish(%x) {alpha = 0.5}", "%x: f16[7]", "f16[7]"],
  ["add(%x, %x)", "%x: bf16[7]", "bf16[7]"],
  ["extents() {values = [2*n+1, floordiv(n,2), mod(n,2), max(n,7)]}", "%x: f32[n]", "i64[4]"],
];

const graphText = (op: string, inputs: string, result: string): string => {
  const types = result.split(/, (?=[a-z])/);
  const names = types.map((_, i) => `%r${i}`).join(", ");
  return `graph @main(${inputs}) -> (${result}) {\n  ${names} = ${op} : ${result}\n  return ${names}\n}\n`;
};

describe("ONNX export", function () {
  this.timeout(300_000);

  if (witnessPython() === undefined) {
    console.log("left out: what onnx's checker and ONNX Runtime say of exported models (they are not installed)");
    return;
  }

  it("gives ONNX's own tests again that the checker accepts and that compute the same", () => expectSample("onnx", 9, 180));
  it("does so at version 13 of the operator set", () => expectSample("onnx-13", 31, 40));
  it("does so at version 22 of the operator set", () => expectSample("onnx-22", 31, 45));

  for (const opset of [13, 17, 22]) {
    it(`writes ops that ONNX lacks at version ${opset}`, async () => {
      for (const [op, inputs, result] of ownOps) await expectSame(graphText(op, inputs, result), opset);
    });
  }

  it("moves regions whose offset ONNX lacks", async () => {
    const attributes = "{height = 2, width = 3, spatial_scale = 0.5, offset = 0, end_offset = 1}";
    const text = `graph @main(%x: f32[2,3,5,6], %r: f32[4,4]) -> (f32[4,3,2,3]) {
  %i = constant() {data = dense<[0, 1, 1, 0]>} : i32[4]
  %y = roi_align(%x, %r, %i) ${attributes} : f32[4,3,2,3]
  return %y
}
`;
    await expectSame(text, 17);
  });

  withSharedModels("exported models on ONNX Runtime", (folder) => {
    for (const { path, runs, options } of recordedModels(join(folder, "mindir"))) {
      it(`gives ${basename(path)} again with MindSpore's outputs`, async () => {
        const { graph } = await importModel(path, options);
        const run = await exported(interpret)(graph);
        for (const { inputs, outputs } of runs) {
          const got = await run(inputs.map(hostOf));
          outputs.forEach((want, i) => {
            const tolerance = want.dtype === "f16" ? { rtol: 2e-3, atol: 2e-3 } : { rtol: 1e-4, atol: 1e-5 };
            expect(differenceOf(got[i], hostOf(want), tolerance), `output ${i}`).to.equal(undefined);
          });
        }
      });
    }
  });
});

function hostOf({ dtype, dims, data }: Tensor): HostTensor {
  const bytes = new Uint8Array(data.byteLength);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { kind: "tensor", dtype: dtype as DType, shape: dims, bytes };
}

/** Ops, inner ones too, without constants. */
function opsOf(graph: Graph): string[] {
  const own = [...graph.ops()].filter((op) => op.name !== "constant");
  return own.flatMap((op) => [op.name, ...op.regions.flatMap(opsOf)]).sort();
}

/** At version 22 these are what other ops make of them: the importer does not put them together again. */
const writtenAsOthers = new Set([
  "attention",
  "axis_values",
  "bit_cast",
  "dynamic_slice",
  "extents",
  "floor_div",
  "floor_mod",
  "frame",
  "gru",
  "linear_attention",
  "lstm",
  "moments",
  "one_hot",
  "range",
  "rem",
  "rms_norm",
  "rnn",
  "rotary_embedding",
  "shift_left",
  "shift_right",
  "swish",
  "tensor_scatter",
  "unstack",
]);

describe("ONNX export, read back", function () {
  this.timeout(120_000);

  it("bounds loops whose count is data as they were", () => {
    const text = `graph @g(%n: i64[], %x: f32[2]) -> (f32[steps,2]) {
  %most = constant() {data = dense<5>} : i64[]
  %count = min(%n, %most) : i64[]
  %last, %all, %i = loop(count=%count, %x) {body = graph @body(%k: i64[], %on: bool[], %v: f32[2]) {
    %w = add(%v, %v) : f32[2]
    return %on, %w, %v
  }, extent = "steps", most = 5} : f32[2], f32[steps,2], i64[]
  return %all
}
`;
    const back = importOnnx(exportedModel(parseGraph(text, "loop.sir"))).graph;
    expect(opsOf(back)).to.deep.equal(opsOf(parseGraph(text, "loop.sir")));
  });

  it("gives the same ops, but for those that ONNX lacks", async () => {
    const passes = { ...readPassRun(["canonicalize", "cse", "dce"]), verifyEach: false };
    const differing: string[] = [];
    let same = 0;
    for (const { name, model } of await sample(5)) {
      // Integers are divided by what is not zero.
      if (/^test_div_u?int/.test(name)) continue;
      const read = (): Graph => importOnnx(readOnnx(new MemorySource(model, readFileSync(model)))).graph;
      const [before, given] = [attempt(read), attempt(read)];
      if (!before || !given || opsOf(before).some((op) => writtenAsOthers.has(op))) continue;
      const bytes = attempt(() => exportedBytes(given, 22));
      if (!bytes) continue;
      const after = importOnnx(readOnnx(new MemorySource("again.onnx", bytes))).graph;
      for (const graph of [before, after]) optimize(graph, passes);
      if (opsOf(before).join() === opsOf(after).join()) same++;
      else differing.push(`${name}: ${opsOf(before).join()} became ${opsOf(after).join()}`);
    }
    expect(differing.join("\n")).to.equal("");
    expect(same).to.be.at.least(150);
  });
});

/** Undefined where a model is refused, which is another test's matter. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (e) {
    if (e instanceof CompileError) return undefined;
    throw e;
  }
}
