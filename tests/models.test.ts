/**
 * Real MindIR and ONNX models against the outputs that MindSpore gave: compiled to JavaScript and to C, from the file
 * and from the graph's own text.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { importModel } from "../frontend/import.ts";
import { writeSir } from "../frontend/sir.ts";
import { expectRuns } from "./expect-runs.ts";
import { type RecordedModel, recordedModels } from "./recorded-runs.ts";
import { withSharedModels } from "./shared-models.ts";

function suite({ path, runs, options }: RecordedModel): void {
  const name = basename(path);
  for (const target of ["js", "c"]) {
    it(`${name} on ${target}`, async () => {
      await expectRuns((await importModel(path, options)).graph, target, runs);
    });
    it(`${name} on ${target}, by way of its text`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "sinter-text-"));
      try {
        const text = join(folder, "model.sir");
        writeSir((await importModel(path, options)).graph, text);
        await expectRuns((await importModel(text)).graph, target, runs);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
}

withSharedModels("real models with MindSpore's outputs", (folder) => {
  describe("models", function () {
    this.timeout(120000);
    recordedModels(join(folder, "mindir")).forEach(suite);
  });
});
