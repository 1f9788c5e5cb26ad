/** The same model gives the same bytes: twice in one process, and in another. */
import { expect } from "chai";
import { basename, join } from "node:path";
import { compileAndHash, compileElsewhere } from "./artifact-hashes.ts";
import { withSharedModels } from "./shared-models.ts";

function suite(models: readonly string[]): void {
  describe("artifacts are the same", function () {
    this.timeout(120_000);
    for (const model of models) {
      for (const target of ["c", "js"]) {
        it(`${basename(model)} on ${target}`, async () => {
          const { hashes } = await compileAndHash(model, target);
          expect((await compileAndHash(model, target)).hashes).to.deep.equal(hashes);
          expect(compileElsewhere(model, target).hashes).to.deep.equal(hashes);
        });
      }
    }
  });
}

suite(["mindir", "onnx"].map((extension) => join("examples", "digits", `digits.${extension}`)));
withSharedModels("whether the artifacts of real models are the same each time", (folder) => {
  suite(["mobilenetv2_w035.mindir", "control_flow_if_while.mindir", "unet_small.onnx"].map((name) => join(folder, "mindir", name)));
});
