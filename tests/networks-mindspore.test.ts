/** Networks of ours, compiled to C, against MindSpore: its own primitives called as recorded, on the same random weights. */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatNpy } from "../cli/npy.ts";
import { writeModel } from "../cli/write-model.ts";
import { compileGraph } from "../codegen/compile.ts";
import { findTarget } from "../codegen/targets.ts";
import { weightsOf } from "../frontend/bind-weights.ts";
import { findNetwork } from "../frontend/networks/index.ts";
import { buildNetwork, seededParameters } from "../frontend/networks/network.ts";
import { writeNpz } from "../frontend/npz/write.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { writeElements } from "../ir/storage.ts";
import { Session, Tensor } from "../runtime/node/session.ts";
import { randomIntegers } from "./mutations.ts";
import { readTensor } from "./recorded-runs.ts";
import { withRecordings } from "./shared-models.ts";
import { witnessPython } from "./witness.ts";

const python = witnessPython();

function randomImage(shape: readonly number[]): Float32Array {
  const random = randomIntegers(1);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random(2001) / 1000 - 1);
}

/** What the network gives, in C, and MindSpore, of one image. */
async function both(name: string, recording: string, folder: string): Promise<readonly [ours: Float32Array, theirs: Float32Array]> {
  const { graph } = buildNetwork(findNetwork(name)!, {}, seededParameters(1));
  const shape = graph.inputs[0]!.tensor.shape as readonly number[];
  const image = randomImage(shape);
  writeModel(writeNpz(weightsOf(graph), { name: "weights.npz" }), join(folder, "weights.npz"));
  writeFileSync(join(folder, "input.npy"), formatNpy({ dtype: "f32", dims: shape, bytes: writeElements("f32", Array.from(image)) }));
  execFileSync(python!, [join("tests", "witness", "run_recording.py"), recording, folder], { stdio: ["ignore", "ignore", "pipe"] });
  const { artifact } = compileGraph(graph, findTarget("c")!, { name: "network" }, new Diagnostics());
  for (const [file, content] of artifact.files) writeFileSync(join(folder, file), content);
  const session = await Session.create(folder);
  const results = await session.run({ image: new Tensor("f32", image, shape) });
  await session.dispose();
  return [results[session.outputs[0]!.name]!.data as Float32Array, readTensor(join(folder, "output.npy")).data as Float32Array];
}

withRecordings("networks against MindSpore's primitives", (recordings) => {
  if (python === undefined) {
    console.log("left out: networks against MindSpore's primitives (its Python is not set up)");
    return;
  }
  describe("networks compute what MindSpore does", function () {
    this.timeout(300_000);
    for (const name of ["lenet", "mobilenetv2", "cnnctc"]) {
      it(name, async () => {
        const folder = mkdtempSync(join(tmpdir(), "sinter-network-"));
        try {
          const [ours, theirs] = await both(name, join(recordings, `${name}.json`), folder);
          expect(ours.length).to.equal(theirs.length);
          const largest = theirs.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
          ours.forEach((x, i) => {
            expect(Math.abs(x - theirs[i]!), `element ${i}`).to.be.at.most(1e-5 * largest);
          });
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      });
    }
  });
});
