/** Compiles a kernel with a timing loop and runs it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kernelFile } from "../codegen/c/file.ts";
import { Helpers } from "../codegen/c/helpers.ts";
import { printKernel } from "../codegen/c/kernel.ts";
import { machineFlags } from "../codegen/c/machine.ts";
import type { Program } from "../codegen/program.ts";
import { formatDim } from "../ir/dim-text.ts";
import { byteSize } from "../ir/type.ts";

const compilerFlags = ["-O3", "-std=c11", "-D_POSIX_C_SOURCE=199309L", "-ffp-contract=fast", "-fno-math-errno"];

const clock = `static double seconds(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }`;
const headers = ["stdint.h", "string.h", "math.h", "stdio.h", "stdlib.h", "time.h"].map((h) => `#include <${h}>`).join("\n");

/** Runs a C program that prints one number, built for a value of `--mcpu`. */
function runC(source: string, mcpu: string): number {
  const folder = mkdtempSync(join(tmpdir(), "sinter-bench-"));
  try {
    const file = join(folder, "bench.c");
    const program = join(folder, "bench");
    writeFileSync(file, `${headers}\n${clock}\n${source}`);
    execFileSync(process.env["CC"] ?? "gcc", [...compilerFlags, ...machineFlags(mcpu), "-o", program, file, "-lm"]);
    return Number(execFileSync(program, { encoding: "utf8" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Seconds that the step with that label takes at best, over memory filled with small integers. */
export function timeStep(program: Program, label: string, mcpu: string): number {
  const step = program.steps.find((s) => s.kind === "run" && program.kernels[s.kernel]!.label.includes(label));
  if (step?.kind !== "run") throw new Error(`the program has no kernel '${label}'`);
  const kernel = program.kernels[step.kernel]!;
  const helpers = new Helpers();
  const { text } = printKernel(kernel.nest, "kernel", helpers, { vectors: true });
  const bytes = step.args.map((b) => Number(program.buffers[b]!.capacity) * byteSize(program.buffers[b]!.dtype));
  const main = `int main(void) {
  static const long bytes[] = {${bytes.join(", ")}};
  void *roots[${bytes.length}];
  for (int i = 0; i < ${bytes.length}; i++) {
    roots[i] = aligned_alloc(64, (bytes[i] + 127) / 64 * 64);
    for (long j = 0; j < bytes[i] / 4; j++) ((float *)roots[i])[j] = j % 7 - 3;
  }
  double best = 1e9;
  for (int r = 0; r < 15; r++) { double t = seconds(); kernel(roots, 0, 0, ${formatDim(kernel.count)}, 0); t = seconds() - t; if (t < best) best = t; }
  printf("%.9f", best);
}`;
  return runC([kernelFile(helpers, [text]), main].join("\n"), mcpu);
}

/** GFLOP/s of fused multiply-adds that depend on nothing but themselves: what one core can do. */
export function measurePeak(lanes: number, mcpu: string): number {
  const chains = 14;
  const all = (f: (i: number) => string): string => Array.from({ length: chains }, (_, i) => f(i)).join(" ");
  const source = `typedef float vec __attribute__((vector_size(${lanes * 4})));
int main(void) {
  volatile float seed = 1.0f; vec m = {0}, c = {0}; m += seed * 0.999f; c += seed * 1e-3f;
  ${all((i) => `vec a${i} = c + ${i}.0f;`)}
  const long n = 1000000; double best = 1e9;
  for (int r = 0; r < 60; r++) { double t = seconds(); for (long k = 0; k < n; k++) { ${all((i) => `a${i} = a${i} * m + c;`)} __asm__ volatile("" : ${Array.from({ length: chains }, (_, i) => `"+x"(a${i})`).join(", ")}); }
    t = seconds() - t; if (t < best) best = t; }
  vec s = {0}; ${all((i) => `s += a${i};`)} volatile float out = s[0]; (void)out;
  printf("%.3f", 2e-9 * n * ${chains} * ${lanes} / best);
}`;
  return runC(lanes >= 16 ? source.replaceAll('"+x"', '"+v"') : source, mcpu);
}
