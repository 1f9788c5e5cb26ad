/** What stands at the top of every C file. */
import type { Helpers } from "./helpers.ts";

/**
 * `-Wpsabi`: passing vectors would differ between files built for different machines; ours are only passed to inlined functions.
 * `-Wunused-function`: where a machine has an instruction, what it takes the place of is left over.
 */
const quiet = (warnings: readonly string[]): string[] =>
  warnings.length === 0 ? [] : ["#if defined(__GNUC__)", ...warnings.map((w) => `#pragma GCC diagnostic ignored "${w}"`), "#endif"];

/** Compilers for other machines have no such headers. */
const intrinsics = ["#if defined(__SSE2__)", "#include <immintrin.h>", "#elif defined(__ARM_NEON)", "#include <arm_neon.h>", "#endif"];

/** A file of kernels: includes, the helpers they use, the kernels. */
export function kernelFile(helpers: Helpers, kernels: readonly string[], head: readonly string[] = []): string {
  const includes = [
    ...(helpers.usesMath ? ["#include <math.h>"] : []),
    "#include <stddef.h>",
    "#include <stdint.h>",
    "#include <string.h>",
    ...(helpers.usesIntrinsics ? intrinsics : []),
  ];
  const text = helpers.text();
  return [
    ...head,
    ...includes,
    ...quiet([...(helpers.usesVectors ? ["-Wpsabi"] : []), ...(helpers.usesIntrinsics ? ["-Wunused-function"] : [])]),
    "",
    ...(text === "" ? [] : [text, ""]),
    kernels.join("\n\n"),
    "",
  ].join("\n");
}
