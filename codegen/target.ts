/** What a target is: graph passes of its own, how it schedules stages, and how it prints a program. */
import type { Diagnostics } from "../ir/diagnostic.ts";
import type { Stage } from "../ir/stage.ts";
import type { Pass } from "../passes/pass.ts";
import type { Manifest } from "../runtime/manifest.ts";
import type { Program } from "./program.ts";
import type { Schedule } from "./schedule.ts";

/** The machine that schedules are made for. */
export interface Machine {
  readonly name: string;
  /** f32 lanes of a vector register; 1: plain scalar code. */
  readonly lanes: number;
  /** Vector registers. */
  readonly registers: number;
  /** Bytes. */
  readonly l1: number;
  readonly l2: number;
}

export interface TargetOptions {
  /** Name of the model, for file names and symbols. */
  readonly name: string;
  /** One of `mcpus`; meaningful to C alone. */
  readonly mcpu?: string;
  readonly freestanding?: boolean;
  /** Where constants go: a file of their own, C arrays, or an `.incbin`. */
  readonly constants?: "bin" | "c" | "incbin";
  /** Kernels per C file. */
  readonly shardSize?: number;
}

/** Files by name, relative to the artifact's directory. `manifest.json` is among them. */
export interface Artifact {
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly manifest: Manifest;
}

export interface Target {
  readonly name: string;
  readonly summary: string;
  machine(options: TargetOptions): Machine;
  /** Graph passes only this target wants (layouts), after the common ones. */
  passes(options: TargetOptions): readonly Pass[];
  /** How one stage is computed; the first schedule rule that fits. */
  schedule(stage: Stage, machine: Machine): Schedule;
  emit(program: Program, options: TargetOptions, diagnostics: Diagnostics): Artifact;
}
