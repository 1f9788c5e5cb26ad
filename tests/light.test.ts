/**
 * The networks of ONNX's light suite, compiled to C, from the file and from the graph's own text, against ONNX Runtime
 * and the published outputs. Their weights are fills, which keeps the files small and makes all channels alike; those of
 * up to 30 million parameters are tried with weights that differ, too.
 */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatNpy, parseNpy } from "../cli/npy.ts";
import { compileGraph } from "../codegen/compile.ts";
import type { Artifact } from "../codegen/target.ts";
import { findTarget } from "../codegen/targets.ts";
import { importModel } from "../frontend/import.ts";
import { readOnnx } from "../frontend/onnx/read.ts";
import { writeSir } from "../frontend/sir.ts";
import { MemorySource } from "../ir/data.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { buildC } from "../runtime/node/build-c.ts";
import { Session, Tensor } from "../runtime/node/session.ts";
import { dataSetsOf } from "./conformance/suite.ts";
import { randomIntegers } from "./mutations.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { witnessPython } from "./witness.ts";

const small = ["squeezenet", "shufflenet", "inception_v1", "inception_v2", "resnet50", "densenet121"];
const large = ["bvlc_alexnet", "vgg19", "zfnet512"];
const imageDims = [1, 3, 224, 224];
const imageSize = 3 * 224 * 224;
const runScript = join("tests", "witness", "run_onnx.py");

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(bytes.slice().buffer);

async function compile(model: string): Promise<Artifact> {
  const diagnostics = new Diagnostics();
  const { artifact } = compileGraph((await importModel(model)).graph, findTarget("c")!, { name: "network" }, diagnostics);
  diagnostics.throwIfErrors();
  return artifact;
}

async function runArtifact(artifact: Artifact, folder: string, image: Float32Array): Promise<Float32Array> {
  mkdirSync(folder);
  for (const [file, content] of artifact.files) writeFileSync(join(folder, file), content);
  await buildC(folder, artifact.manifest, { flags: ["-O1"] });
  const session = await Session.create(folder);
  const results = await session.run({ [session.inputs[0]!.name]: new Tensor("f32", image, imageDims) });
  await session.dispose();
  return Object.values(results)[0]!.data as Float32Array;
}

/** Within 1e-4 of each value, and within `share` of the largest where a small one may be what is left of large ones. */
function expectClose(actual: Float32Array, wanted: Float32Array, what: string, share = 0): void {
  expect(actual.length, what).to.equal(wanted.length);
  const slack = share * wanted.reduce((m, w) => Math.max(m, Math.abs(w)), 0);
  const bad = wanted.findIndex((w, i) => !(Math.abs(actual[i]! - w) <= slack + 1e-4 * Math.abs(w)));
  expect(bad, `${what}: element ${bad} is ${actual[bad]}, not ${wanted[bad]}`).to.equal(-1);
}

function askWitness(python: string, folder: string, image: Float32Array, model: string, ...varied: readonly string[]): Float32Array {
  const [input, output] = [join(folder, "image.npy"), join(folder, "wanted.npy")];
  writeFileSync(input, formatNpy({ dtype: "f32", dims: imageDims, bytes: new Uint8Array(image.slice().buffer) }));
  execFileSync(python, [runScript, model, input, output, ...varied], { stdio: ["ignore", "ignore", "pipe"] });
  return floats(parseNpy(readFileSync(output), output).bytes);
}

/** The results of the model on the image: from the file, and from its text where that gives another program. */
async function runBoth(model: string, folder: string, image: Float32Array): Promise<readonly Float32Array[]> {
  const text = join(folder, "network.sir");
  writeSir((await importModel(model)).graph, text);
  const [direct, byText] = [await compile(model), await compile(text)];
  const results = [await runArtifact(direct, join(folder, "direct"), image)];
  if (!isSame(direct, byText)) results.push(await runArtifact(byText, join(folder, "by-text"), image));
  return results;
}

const isSame = (a: Artifact, b: Artifact): boolean =>
  a.files.size === b.files.size &&
  [...a.files].every(([name, content]) => Buffer.from(content).equals(Buffer.from(b.files.get(name) ?? "")));

/** What the outputs of light networks were published for. */
function published(model: string): { readonly image: Float32Array; readonly output: Float32Array } {
  const [set] = dataSetsOf(model, readOnnx(new MemorySource(model, readFileSync(model))));
  const [[, image], output] = [[...set!.inputs][0]!, set!.outputs[0]!];
  if (image.kind !== "tensor" || output.kind !== "tensor") throw new Error(`'${model}' takes or gives other things than tensors`);
  return { image: floats(image.bytes), output: floats(output.bytes) };
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sinter-light-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("light networks in C", function () {
  this.timeout(600_000);
  const python = witnessPython();
  if (python === undefined) console.log("left out: the light networks against ONNX Runtime (its Python is not set up)");
  let data = "";
  before(async () => {
    data = join(await ensureOnnxData(), "light");
  });

  for (const name of [...small, ...large]) {
    it(name, () =>
      inFolder(async (folder) => {
        const model = join(data, `light_${name}.onnx`);
        const { image, output } = published(model);
        const wanted = python === undefined ? [] : [askWitness(python, folder, image, model)];
        for (const actual of await runBoth(model, folder, image)) {
          for (const w of [output, ...wanted]) expectClose(actual, w, name);
        }
      }),
    );
  }

  for (const name of python === undefined ? [] : small) {
    it(`${name} with weights that differ`, () =>
      inFolder(async (folder) => {
        const random = randomIntegers(7);
        const image = Float32Array.from({ length: imageSize }, () => random(1 << 20) / (1 << 19) - 1);
        const model = join(folder, "varied.onnx");
        const wanted = askWitness(python!, folder, image, join(data, `light_${name}.onnx`), model);
        for (const actual of await runBoth(model, folder, image)) expectClose(actual, wanted, name, 1e-5);
      }));
  }
});
