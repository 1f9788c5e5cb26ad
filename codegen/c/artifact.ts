/** A program as a folder of C: header, tables, kernels, weights, runtime headers, build files, manifest. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Diagnostics } from "../../ir/diagnostic.ts";
import type { Manifest } from "../../runtime/manifest.ts";
import { arenaBytes, packWeights, tensorInfo } from "../describe.ts";
import type { Program } from "../program.ts";
import type { Artifact, TargetOptions } from "../target.ts";
import { cmakeLists, commonFlags, makefile } from "./build-files.ts";
import { kernelFile } from "./file.ts";
import { headerText } from "./header.ts";
import { Helpers } from "./helpers.ts";
import { kernelParams, type PrintedKernel, printKernel } from "./kernel.ts";
import { machineFlags, machineFor } from "./machine.ts";
import { programText, type WeightMode } from "./program.ts";
import { identifier } from "./types.ts";

/** Kernels per file when nothing is said. */
const defaultShardSize = 32;

/** The file of the C runtime in `runtime/c`. */
const runtimeFile = (name: string): string => readFileSync(new URL(`../../runtime/c/${name}`, import.meta.url), "utf8");

/** A distinct kernel; its text has `kernelMark` in place of a name. */
interface DistinctKernel {
  readonly entry: string;
  readonly label: string;
  readonly text: string;
  readonly helpers: Helpers;
}

interface Kernels {
  readonly printed: readonly PrintedKernel[];
  /** Name of each kernel's function; equal kernels share one. */
  readonly entries: readonly string[];
  readonly distinct: readonly DistinctKernel[];
}

const kernelMark = "KERNEL";

/**
 * The artifact of a program. Files: `NAME.h`, `NAME.c`, `NAME_kernels_N.c` where there are more kernels than
 * `shardSize`, `NAME.bin` or `NAME_weights.c`, the runtime's headers, `Makefile`, `CMakeLists.txt`, `manifest.json`.
 * An unknown `mcpu` is reported and `generic` taken in its place.
 */
export function emitC(program: Program, options: TargetOptions, diagnostics: Diagnostics): Artifact {
  const mcpu = checkedMcpu(options.mcpu ?? "native", diagnostics);
  return new Emission(program, { ...options, mcpu }).artifact();
}

function checkedMcpu(mcpu: string, diagnostics: Diagnostics): string {
  try {
    machineFor(mcpu);
    return mcpu;
  } catch (e) {
    if (!(e instanceof RangeError)) throw e;
    diagnostics.error("usage", { source: "--mcpu" }, e.message);
    return "generic";
  }
}

class Emission {
  private readonly prefix: string;
  private readonly vectors: boolean;
  private readonly weightMode: WeightMode;
  private readonly freestanding: boolean;
  private readonly files = new Map<string, string | Uint8Array>();

  constructor(
    private readonly program: Program,
    private readonly options: TargetOptions & { readonly mcpu: string },
  ) {
    this.prefix = identifier(options.name);
    this.vectors = machineFor(options.mcpu).lanes > 1;
    this.weightMode = program.weightBytes === 0 ? "none" : (options.constants ?? "bin");
    this.freestanding = options.freestanding ?? false;
  }

  artifact(): Artifact {
    const { prefix, program, freestanding } = this;
    const kernels = this.printKernels();
    const scratchBytes = Math.max(0, ...kernels.printed.map((k) => k.scratchBytes));
    const weights = packWeights(program);
    const sizes = { arenaBytes: arenaBytes(program), scratchBytes, weightBytes: weights.byteLength };
    this.files.set(`${prefix}.h`, headerText(program, sizes, { prefix, freestanding, embeds: this.weightMode !== "bin" }));
    const main = programText(program, {
      ...kernels,
      prefix,
      kernels: kernels.printed,
      scratchBytes,
      freestanding,
      weights: this.weightMode,
    });
    this.emitSources(kernels, main);
    this.emitWeights(weights);
    for (const name of this.runtimeFiles()) this.files.set(name, runtimeFile(name));
    this.emitBuildFiles();
    const manifest = this.manifest(weights, sizes.arenaBytes);
    this.files.set("manifest.json", `${JSON.stringify(manifest, null, 1)}\n`);
    return { files: this.files, manifest };
  }

  /** Kernels with equal text share a function. */
  private printKernels(): Kernels {
    const known = new Map<string, string>();
    const entries: string[] = [];
    const distinct: DistinctKernel[] = [];
    const printed = this.program.kernels.map((k) => {
      const helpers = new Helpers();
      const made = printKernel(k.nest, kernelMark, helpers, { vectors: this.vectors });
      const { text } = made;
      const entry = known.get(text) ?? `${this.prefix}_k${distinct.length}_${identifier(k.label).slice(0, 48)}`;
      if (!known.has(text)) distinct.push({ entry, label: k.label, text, helpers });
      known.set(text, entry);
      entries.push(entry);
      return made;
    });
    return { printed, entries, distinct };
  }

  private runtimeFiles(): string[] {
    if (this.freestanding) return ["sinter_runtime.h"];
    return ["sinter_runtime.h", "sinter_pool.h", ...(this.weightMode === "bin" ? ["sinter_weights.h"] : [])];
  }

  private emitSources({ distinct }: Kernels, main: string): void {
    const shardSize = this.options.shardSize ?? defaultShardSize;
    const isOne = distinct.length <= shardSize;
    const head = [
      `/* ${this.prefix}: generated by Sinter. */`,
      ...(this.freestanding ? [] : ["#if !defined(_POSIX_C_SOURCE)", "#define _POSIX_C_SOURCE 200809L", "#endif", "#include <stdlib.h>"]),
    ];
    const includes = [`#include "${this.prefix}.h"`, ...this.runtimeFiles().map((f) => `#include "${f}"`)];
    const embedded = this.weightMode === "bin" || this.weightMode === "none" ? [] : [`extern const uint64_t ${this.prefix}_weights[];`];
    if (isOne) {
      const helpers = new Helpers();
      const texts = distinct.map((d) => this.kernelText(d, helpers, "static "));
      this.files.set(`${this.prefix}.c`, kernelFile(helpers, [...texts, ...embedded, main], [...head, ...includes]));
      return;
    }
    for (let i = 0; i * shardSize < distinct.length; i++) {
      const helpers = new Helpers();
      const texts = distinct.slice(i * shardSize, (i + 1) * shardSize).map((d) => this.kernelText(d, helpers, ""));
      this.files.set(
        `${this.prefix}_kernels_${i}.c`,
        kernelFile(helpers, texts, [`/* ${this.prefix}: generated by Sinter. */`, `#include "${this.prefix}_kernels.h"`]),
      );
    }
    this.files.set(`${this.prefix}_kernels.h`, this.declarations(distinct.map((d) => d.entry)));
    this.files.set(
      `${this.prefix}.c`,
      kernelFile(new Helpers(), [...embedded, main], [...head, ...includes, `#include "${this.prefix}_kernels.h"`]),
    );
  }

  private declarations(entries: readonly string[]): string {
    const guard = `${this.prefix.toUpperCase()}_KERNELS_H`;
    return [
      `#ifndef ${guard}`,
      `#define ${guard}`,
      "#include <stdint.h>",
      ...entries.map((e) => `void ${e}${kernelParams};`),
      "#endif",
      "",
    ].join("\n");
  }

  private kernelText(k: DistinctKernel, helpers: Helpers, linkage: string): string {
    helpers.merge(k.helpers);
    return `/* ${k.label.replaceAll("*/", "* /")} */\n${linkage}${k.text.replace(kernelMark, k.entry)}`;
  }

  private emitWeights(weights: Uint8Array): void {
    const { prefix } = this;
    if (this.weightMode !== "c") this.files.set(`${prefix}.bin`, weights);
    if (this.weightMode === "c") this.files.set(`${prefix}_weights.c`, weightArray(prefix, weights));
    if (this.weightMode === "incbin") this.files.set(`${prefix}_weights.c`, includedWeights(prefix));
  }

  private get sources(): string[] {
    return [...this.files.keys()].filter((f) => f.endsWith(".c"));
  }

  private emitBuildFiles(): void {
    const build = {
      name: this.prefix,
      sources: this.sources,
      flags: this.flags,
      threads: !this.freestanding,
      includesWeights: this.weightMode === "incbin",
    };
    this.files.set("Makefile", makefile(build));
    this.files.set("CMakeLists.txt", cmakeLists(build));
  }

  private get flags(): string[] {
    return [...commonFlags, ...machineFlags(this.options.mcpu)];
  }

  private manifest(weights: Uint8Array, arena: number | null): Manifest {
    const { program } = this;
    return {
      format: 1,
      generator: "sinter",
      model: this.prefix,
      target: "c",
      options: { mcpu: this.options.mcpu, freestanding: this.freestanding, constants: this.weightMode, flags: this.flags.join(" ") },
      inputs: program.inputs.map(tensorInfo),
      outputs: program.outputs.map(tensorInfo),
      extents: program.extents.map((e) => ({ name: e.name, ...(e.input && { input: e.input.index, axis: e.input.axis }) })),
      arenaBytes: arena,
      weights: {
        file: this.weightMode === "c" ? `${this.prefix}_weights.c` : `${this.prefix}.bin`,
        bytes: weights.byteLength,
        sha256: createHash("sha256").update(weights).digest("hex"),
      },
      files: [...this.files.keys(), "manifest.json"],
    };
  }
}

/** Weights as words, little-endian as every machine we know. */
function weightArray(prefix: string, weights: Uint8Array): string {
  const words = new BigUint64Array(weights.buffer, weights.byteOffset, weights.byteLength / 8);
  const lines: string[] = [];
  for (let i = 0; i < words.length; i += 8) lines.push(`  ${[...words.subarray(i, i + 8)].map((w) => `0x${w.toString(16)}u`).join(", ")},`);
  return `#include <stdint.h>\n\nextern const uint64_t ${prefix}_weights[];\n_Alignas(64) const uint64_t ${prefix}_weights[] = {\n${lines.join("\n")}\n};\n`;
}

/** Weights put in by the assembler, from the folder that is current when it runs or one given by -I. */
const includedWeights = (prefix: string): string => `#include <stdint.h>

#if defined(__APPLE__)
__asm__(".const_data\\n.globl _${prefix}_weights\\n.p2align 6\\n_${prefix}_weights:\\n.incbin \\"${prefix}.bin\\"\\n.text\\n");
#else
__asm__(".section .rodata\\n.globl ${prefix}_weights\\n.balign 64\\n${prefix}_weights:\\n.incbin \\"${prefix}.bin\\"\\n.text\\n");
#endif
extern const uint64_t ${prefix}_weights[];
`;
