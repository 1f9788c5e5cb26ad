/**
 * The generated C of real models under the address and undefined-behaviour sanitizers, with inputs, outputs, weights and
 * arena of exactly the sizes that the header gives; and what a freestanding artifact asks of its surroundings.
 */
import { expect } from "chai";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { compileGraph } from "../codegen/compile.ts";
import type { Artifact, TargetOptions } from "../codegen/target.ts";
import { findTarget } from "../codegen/targets.ts";
import { importModel } from "../frontend/import.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { viewBytes, writeElements } from "../ir/storage.ts";
import { Tensor } from "../runtime/node/session.ts";
import { compilers } from "./c-runner.ts";
import { parseNpySeries } from "./npy-series.ts";
import { readTensor, type RecordedModel, recordedModels } from "./recorded-runs.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

/** Arguments: the weights, then a file per run: extents, then each input's size and bytes. */
const mainText = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"
static int64_t number(FILE *f) { int64_t x; if (fread(&x, 8, 1, f) != 1) exit(3); return x; }
static void *aligned(size_t bytes) { void *p = NULL; if (posix_memalign(&p, 64, bytes ? bytes : 1)) exit(4); return p; }
static void fill(void *to, size_t bytes, FILE *f) { if (bytes && fread(to, 1, bytes, f) != bytes) exit(5); }
static void shares(void *user, int64_t count, void (*body)(void *, int64_t, int64_t, int), void *data) {
  (void)user;
  for (int w = 0; w < 3; w++)
    if (count * w / 3 < count * (w + 1) / 3) body(data, count * w / 3, count * (w + 1) / 3, w);
}
static void run(const char *path, model_options options, int threads) {
  FILE *f = fopen(path, "rb");
  if (!f) exit(6);
  int64_t extents[MODEL_EXTENTS + 1], shape[16];
  for (int i = 0; i < MODEL_EXTENTS; i++) extents[i] = number(f);
  const void *inputs[MODEL_INPUTS + 1];
  void *outputs[MODEL_OUTPUTS + 1];
  for (int i = 0; i < MODEL_INPUTS; i++) {
    int64_t bytes = number(f);
    if (bytes != model_input_bytes(i, extents)) exit(7);
    void *input = malloc((size_t)bytes);
    fill(input, (size_t)bytes, f);
    inputs[i] = input;
  }
  for (int i = 0; i < MODEL_OUTPUTS; i++) outputs[i] = malloc((size_t)model_output_bytes(i, extents));
  options.threads = threads;
  options.parallel_for = threads > 1 ? shares : NULL;
  options.arena_bytes = model_arena_bytes(extents, threads);
  options.arena = aligned(options.arena_bytes);
  memset(options.arena, 0xff, options.arena_bytes);
  model_context *context;
  if (model_create(&context, &options) != MODEL_OK) exit(8);
  int status = model_run(context, extents, inputs, outputs);
  if (status != MODEL_OK) { fprintf(stderr, "model_run: %d\\n", status); exit(9); }
  for (int i = 0; i < MODEL_OUTPUTS; i++) model_output_shape(context, i, shape);
  model_destroy(context);
  for (int i = 0; i < MODEL_INPUTS; i++) free((void *)inputs[i]);
  for (int i = 0; i < MODEL_OUTPUTS; i++) free(outputs[i]);
  free(options.arena);
  fclose(f);
}
int main(int argc, char **argv) {
  model_options options = {0};
  void *weights = aligned(MODEL_WEIGHT_BYTES);
  FILE *f = fopen(argv[1], "rb");
  if (f) { fill(weights, MODEL_WEIGHT_BYTES, f); fclose(f); }
  options.weights = weights;
  for (int i = 2; i < argc; i++) { run(argv[i], options, 1); run(argv[i], options, 3); }
  free(weights);
  return 0;
}
`;

async function emit(
  model: Pick<RecordedModel, "path" | "options">,
  folder: string,
  target: Partial<TargetOptions> = {},
): Promise<Artifact> {
  const diagnostics = new Diagnostics();
  const { graph } = await importModel(model.path, model.options);
  const { artifact } = compileGraph(graph, findTarget("c")!, { name: "model", ...target }, diagnostics);
  diagnostics.throwIfErrors();
  for (const [file, content] of artifact.files) writeFileSync(join(folder, file), content);
  return artifact;
}

const words = (list: readonly number[]): Uint8Array => new Uint8Array(BigInt64Array.from(list, BigInt).buffer);

function runFile({ manifest }: Artifact, inputs: readonly Tensor[]): Uint8Array {
  const extents = manifest.extents.flatMap((e) => (e.input === undefined ? [] : [inputs[e.input]!.dims[e.axis!]!]));
  const parts = inputs.slice(0, manifest.inputs.length).flatMap(({ data: d }) => {
    return [words([d.byteLength]), new Uint8Array(d.buffer, d.byteOffset, d.byteLength)];
  });
  return Buffer.concat([words(extents), ...parts]);
}

const sanitizing = ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** Throws what the compiler or a sanitizer says. */
async function runSanitized(model: RecordedModel, folder: string, compiler: string): Promise<void> {
  const artifact = await emit(model, folder);
  writeFileSync(join(folder, "main.c"), `#define _POSIX_C_SOURCE 200809L\n${mainText}`);
  const sources = [...artifact.files.keys()].filter((f) => f.endsWith(".c"));
  const flags = [...String(artifact.manifest.options["flags"]).split(" "), ...sanitizing];
  execFileSync(compiler, [...flags, "-o", "main", "main.c", ...sources, "-lm", "-lpthread"], { cwd: folder, stdio: "pipe" });
  const files = model.runs.map((_, k) => `run_${k}`);
  model.runs.forEach((run, k) => writeFileSync(join(folder, files[k]!), runFile(artifact, run.inputs)));
  const { status, signal, stderr } = spawnSync("./main", ["model.bin", ...files], { cwd: folder, encoding: "utf8" });
  expect({ status, signal, stderr }).to.deep.equal({ status: 0, signal: null, stderr: "" });
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sinter-sanitize-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const digits: RecordedModel = {
  path: join("examples", "digits", "digits.mindir"),
  options: {},
  runs: [{ inputs: [readTensor(join("examples", "digits", "images.npy"))], outputs: [] }],
};

/** The models of `tests/models/mindir`, which hold many operators each. */
const operators = (): RecordedModel[] =>
  filesIn(join("tests", "models", "mindir"), ".mindir").map((path) => {
    const file = path.replace(/\.mindir$/, ".inputs");
    const series = parseNpySeries(readFileSync(file), file);
    const inputs = series.map(({ dtype, dims, values }) => {
      return new Tensor(dtype, viewBytes(dtype, Uint8Array.from(writeElements(dtype, values))), dims);
    });
    return { path, options: {}, runs: [{ inputs, outputs: [] }] };
  });

function suite(models: readonly RecordedModel[]): void {
  describe("generated C under sanitizers", function () {
    this.timeout(600_000);
    models.forEach((model, i) => {
      const compiler = compilers[i % compilers.length];
      if (compiler) it(`${basename(model.path)}, ${compiler}`, () => inFolder((folder) => runSanitized(model, folder, compiler)));
    });
  });
}

suite([digits, ...operators()]);
withSharedModels("the generated C of real models under sanitizers", (folder) => {
  suite(recordedModels(join(folder, "mindir")));
});

const allowed = new Set(
  ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "cos", "cosh", "erf", "exp", "expm1", "fabs", "floor", "fmod", "fma"]
    .concat(["log", "log1p", "pow", "rint", "nearbyint", "round", "sin", "sinh", "sqrt", "tan", "tanh", "trunc", "fmax", "fmin"])
    .flatMap((f) => [f, `${f}f`])
    .concat(["memcpy", "memset", "memmove"]),
);

describe("freestanding C", () => {
  for (const mcpu of ["generic", "native"]) {
    it(`needs memcpy, memset and mathematics alone, ${mcpu}`, function () {
      const [compiler] = compilers;
      if (compiler === undefined || spawnSync("nm", ["--version"]).status !== 0) {
        console.log("left out: freestanding C (no compiler)");
        return;
      }
      return inFolder(async (folder) => {
        const artifact = await emit(digits, folder, { freestanding: true, mcpu });
        const sources = [...artifact.files.keys()].filter((f) => f.endsWith(".c"));
        const flags = String(artifact.manifest.options["flags"]).split(" ");
        execFileSync(compiler, [...flags, "-O2", "-fno-pie", "-r", "-nostdlib", "-o", "model.o", ...sources], {
          cwd: folder,
          stdio: "pipe",
        });
        const needed = execFileSync("nm", ["-u", "model.o"], { cwd: folder, encoding: "utf8" }).split(/\s+/);
        expect(needed.filter((s) => s.length > 1 && !allowed.has(s))).to.deep.equal([]);
      });
    });
  }
});
