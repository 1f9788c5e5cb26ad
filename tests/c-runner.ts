/**
 * Runs printed kernels outside this process: one C program with all kernels of a test, built with sanitizers, each
 * buffer allocated for itself so that an access beyond its end is found.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Interpreter } from "../codegen/interpret.ts";
import { runLoops } from "../codegen/interpret-loops.ts";
import { kernelFile } from "../codegen/c/file.ts";
import { Helpers } from "../codegen/c/helpers.ts";
import { printKernel } from "../codegen/c/kernel.ts";
import type { Buffer as Memory } from "../ir/expr.ts";
import type { LoopNest } from "../ir/loop.ts";
import { readElements, writeElements } from "../ir/storage.ts";
import type { Scalar } from "../ir/scalar.ts";

export interface KernelRun {
  readonly nest: LoopNest;
  /** Elements of every parameter before the run, as values of the compute type. */
  readonly roots: readonly (readonly Scalar[])[];
  readonly extents?: Readonly<Record<string, number>>;
  /** Default: 0 and the extent of the outermost loop, in one piece. */
  readonly pieces?: readonly (readonly [number, number])[];
}

const runner = `
#include <stdio.h>
#include <stdlib.h>
typedef void kernel(void *const *, const int64_t *, int64_t, int64_t, void *);
static int64_t number(FILE *f) { int64_t x; if (fread(&x, 8, 1, f) != 1) exit(3); return x; }
int main(int argc, char **argv) {
  if (argc != 3) return 2;
  FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
  for (int64_t runs = number(in); runs > 0; runs--) {
    kernel *k = kernels[number(in)];
    int64_t extents[16], pieces[64];
    int64_t count = number(in);
    for (int64_t i = 0; i < count; i++) extents[i] = number(in);
    int64_t piece_count = number(in);
    for (int64_t i = 0; i < 2 * piece_count; i++) pieces[i] = number(in);
    size_t scratch_bytes = (size_t)number(in);
    void *scratch = scratch_bytes ? aligned_alloc(64, scratch_bytes) : NULL;
    if (scratch) memset(scratch, 0xcd, scratch_bytes);
    int64_t roots = number(in);
    void *root[64];
    size_t sizes[64];
    for (int64_t i = 0; i < roots; i++) {
      sizes[i] = (size_t)number(in);
      root[i] = malloc(sizes[i]);
      if (sizes[i] && fread(root[i], 1, sizes[i], in) != sizes[i]) return 4;
    }
    for (int64_t i = 0; i < piece_count; i++) k(root, extents, pieces[2 * i], pieces[2 * i + 1], scratch);
    for (int64_t i = 0; i < roots; i++) { fwrite(root[i], 1, sizes[i], out); free(root[i]); }
    free(scratch);
  }
  fclose(in);
  fclose(out);
  return 0;
}
`;

export interface BuildOptions {
  readonly compiler?: string;
  readonly flags?: readonly string[];
  readonly vectors?: boolean;
  /** Runs the program, where this machine cannot. */
  readonly emulator?: string;
}

export const warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror"];
export const sanitizers = ["-g1", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** Whether a command is installed. */
export const isInstalled = (command: string): boolean => spawnSync(command, ["--version"]).status === 0;

/** The compilers that are there, of gcc and clang. */
export const compilers = ["gcc", "clang"].filter((name) => {
  const is = isInstalled(name);
  if (!is) console.log(`  tests with ${name} are left out: it is not installed`);
  return is;
});

const words = (list: readonly (number | bigint)[]): Uint8Array => new Uint8Array(BigInt64Array.from(list, BigInt).buffer);

/** The elements of every parameter after each run. Throws what the compiler or a sanitizer says. */
export function runKernels(runs: readonly KernelRun[], options: BuildOptions = {}): Scalar[][][] {
  const folder = mkdtempSync(join(tmpdir(), "sinter-c-"));
  try {
    const helpers = new Helpers();
    const printed = runs.map((r, i) => printKernel(r.nest, `k${i}`, helpers, { vectors: options.vectors ?? true }));
    const table = `static kernel *const kernels[] = {${runs.map((_, i) => `k${i}`).join(", ")}};`;
    const source =
      kernelFile(
        helpers,
        printed.map((p) => `static ${p.text}`),
      ) + runner.replace("static int64_t number", `${table}\nstatic int64_t number`);
    writeFileSync(join(folder, "k.c"), source);
    const flags = [...warnings, ...(options.flags ?? sanitizers)];
    execFileSync(options.compiler ?? "gcc", [...flags, "-o", join(folder, "k"), join(folder, "k.c"), "-lm"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    writeFileSync(
      join(folder, "in"),
      Buffer.concat(
        input(
          runs,
          printed.map((p) => p.scratchBytes),
        ),
      ),
    );
    const command = [
      ...(options.emulator === undefined ? [] : [options.emulator]),
      ...["k", "in", "out"].map((name) => join(folder, name)),
    ];
    const ran = spawnSync(command[0]!, command.slice(1), { encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`exit ${ran.status}\n${ran.stderr}\n${source}`);
    return output(runs, readFileSync(join(folder, "out")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function input(runs: readonly KernelRun[], scratch: readonly number[]): Uint8Array[] {
  return [
    words([runs.length]),
    ...runs.flatMap((r, i) => {
      const extents = r.nest.extents.map((e) => r.extents![e.name]!);
      const pieces = r.pieces ?? [[0, outerCount(r)]];
      const roots = r.nest.params.map(({ buffer }, k) => writeElements(buffer.dtype, r.roots[k]!));
      return [
        words([i, extents.length, ...extents, pieces.length, ...pieces.flat(), scratch[i]!, roots.length]),
        ...roots.flatMap((bytes) => [words([bytes.byteLength]), bytes]),
      ];
    }),
  ];
}

function outerCount(r: KernelRun): number {
  const outer = r.nest.body.find((s) => s.kind === "for");
  return outer?.kind === "for" ? new Interpreter(new Map(Object.entries(r.extents ?? {}))).dim(outer.loop.extent) : 1;
}

function output(runs: readonly KernelRun[], bytes: Uint8Array): Scalar[][][] {
  let offset = 0;
  return runs.map((r) =>
    r.nest.params.map(({ buffer }, k) => {
      const size = writeElements(buffer.dtype, r.roots[k]!).byteLength;
      const part = Uint8Array.from(bytes.subarray(offset, offset + size));
      offset += size;
      return readElements(buffer.dtype, part);
    }),
  );
}

/** What the loops mean: the same run by the interpreter. */
export function interpret(r: KernelRun): Scalar[][] {
  const on = new Interpreter(new Map(Object.entries(r.extents ?? {})));
  const elements = (b: Memory, k: number): Scalar[] => readElements(b.dtype, writeElements(b.dtype, r.roots[k]!));
  r.nest.params.forEach(({ buffer }, k) => on.memory.set(buffer, elements(buffer, k)));
  runLoops(on, r.nest.body);
  return r.nest.params.map(({ buffer }) => on.elements(buffer));
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

/** Floats between two f32 values; 0 for equal ones, two NaN, and zeros of either sign. */
export function ulps(a: number, b: number): number {
  if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  const order = (x: number): number => {
    float[0] = x;
    return floatBits[0]! < 0 ? -2147483648 - floatBits[0]! : floatBits[0]!;
  };
  return Number.isNaN(a) || Number.isNaN(b) ? Infinity : Math.abs(order(a) - order(b));
}
