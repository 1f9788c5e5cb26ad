/** Some of ONNX's node tests by way of AIR; `npm run conformance -- --target air` takes all of them. */
import { expect } from "chai";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CompileError } from "../ir/diagnostic.ts";
import { throughAir } from "./air-trip.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { compareNodeTest, loadNodeTest } from "./onnx-node.ts";

/** One in so many is taken. */
const share = 13;

/** Of ops that GE lacks and that are made of others. */
const madeOfOthers = [
  "affine_grid_3d",
  "attention_3d_gqa_softcap",
  "attention_4d_diff_heads_mask4d_padded_kv",
  "attention_4d_with_past_and_present_qk_matmul_bias_4d_mask_causal",
  "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True",
  "bitcast_uint32_to_int32",
  "col2im_pads",
  "deform_conv_with_mask_bias",
  "det_nd",
  "dft_rfft",
  "gridsample_bicubic",
  "gridsample_reflection_padding",
  "linear_attention_gated_delta_gqa",
  "resize_downsample_sizes_cubic_antialias",
  "rotary_embedding_with_interleaved_rotary_dim",
  "stft_with_window",
  "tensorscatter_circular",
];

type Outcome = "pass" | "refused" | { readonly failure: string };

function outcome(folder: string): Outcome {
  try {
    const test = loadNodeTest(folder);
    const wrong = compareNodeTest({ ...test, graph: throughAir(test.graph) });
    return wrong === undefined ? "pass" : { failure: wrong };
  } catch (e) {
    if (e instanceof CompileError && !e.message.startsWith("model.air")) return "refused";
    if (e instanceof Error && e.message.endsWith("is no tensor")) return "refused";
    return { failure: e instanceof Error ? (e.stack ?? e.message) : String(e) };
  }
}

describe("ONNX's node tests by way of AIR", function () {
  this.timeout(200_000);

  it("give the expected outputs, or are refused when they are written", async () => {
    const root = join(await ensureOnnxData(), "node");
    const sample = readdirSync(root).filter((_, i) => i % share === 0);
    const outcomes = sample.map((name) => ({ name, said: outcome(join(root, name)) }));
    const failures = outcomes.flatMap(({ name, said }) => (typeof said === "object" ? [`${name}: ${said.failure}`] : []));
    expect(failures.join("\n")).to.equal("");
    expect(outcomes.filter(({ said }) => said === "pass").length).to.be.greaterThan(outcomes.length / 2);
  });

  it("give the expected outputs where GE has no operator but others that make it", async () => {
    const root = join(await ensureOnnxData(), "node");
    const said = madeOfOthers.map((name) => [name, outcome(join(root, `test_${name}`))] as const);
    expect(said.filter(([, result]) => result !== "pass")).to.deep.equal([]);
  });
});
