/**
 * The program: buffers, kernels and nested steps. What a target prints and a runtime follows; no graph is left in it.
 *
 * Buffers, kernels and extents are named by their index in the program's lists.
 */
import type { Constant } from "../ir/attribute.ts";
import type { Dim } from "../ir/dim.ts";
import type { Location } from "../ir/location.ts";
import type { LoopNest } from "../ir/loop.ts";
import type { DType, TensorType } from "../ir/type.ts";

export type BufferIndex = number;
export type KernelIndex = number;
export type ExtentIndex = number;

export type Storage =
  | { readonly kind: "input" | "output"; readonly index: number }
  /** `offset`: bytes in the weights file, a multiple of 64. */
  | { readonly kind: "constant"; readonly data: Constant; readonly offset: number }
  /** `offset`: bytes inside the slot, a multiple of 64. */
  | { readonly kind: "arena"; readonly slot: number; readonly offset: number };

export interface ProgramBuffer {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  /** Elements the memory must hold, in terms of extents that inputs give; static shapes: their product. */
  readonly capacity: Dim;
  readonly storage: Storage;
}

export interface ProgramKernel {
  readonly nest: LoopNest;
  /** The extent of the outermost loop when it is parallel, else 1; the kernel's `begin` and `end` are in 0 .. count. */
  readonly count: Dim;
  /** Bytes of scratch each thread needs. */
  readonly scratchBytes: number;
  /** Where the ops in it came from. */
  readonly locations: readonly Location[];
  /** Their names, for profiles and listings: `conv+relu`. */
  readonly label: string;
}

export type Step =
  /** `args`: one buffer per parameter of the kernel; `extents`: one per extent of its nest. */
  | { readonly kind: "run"; readonly kernel: KernelIndex; readonly args: readonly BufferIndex[]; readonly extents: readonly ExtentIndex[] }
  /** All of `from` into `to`, from element `iteration value * elements of from` on when `iteration` is given. */
  | { readonly kind: "copy"; readonly from: BufferIndex; readonly to: BufferIndex; readonly iteration?: BufferIndex }
  /** `condition`: a bool scalar. */
  | { readonly kind: "if"; readonly condition: BufferIndex; readonly then: readonly Step[]; readonly else: readonly Step[] }
  /**
   * Runs `steps` while the bool scalar `condition` holds (always, when absent) and fewer than the i64 scalar `limit`
   * iterations were made (no limit, when absent). Before each one its number is stored to the i64 scalar `iteration`;
   * after the last, the number of iterations made.
   */
  | {
      readonly kind: "loop";
      readonly iteration: BufferIndex;
      readonly limit?: BufferIndex;
      readonly condition?: BufferIndex;
      readonly steps: readonly Step[];
    }
  /** The extent takes the value of the i64 scalar `from`. */
  | { readonly kind: "extent"; readonly extent: ExtentIndex; readonly from: BufferIndex };

export interface ProgramExtent {
  readonly name: string;
  /** An axis of an input whose extent it is, or undefined when a step produces it. */
  readonly input?: { readonly index: number; readonly axis: number };
  /** The most it can be where a step produces it. */
  readonly capacity?: Dim;
}

export interface Interface {
  readonly name: string;
  readonly type: TensorType;
  readonly buffer: BufferIndex;
}

export interface Program {
  readonly name: string;
  readonly inputs: readonly Interface[];
  readonly outputs: readonly Interface[];
  readonly extents: readonly ProgramExtent[];
  readonly buffers: readonly ProgramBuffer[];
  readonly kernels: readonly ProgramKernel[];
  readonly steps: readonly Step[];
  /** Bytes of each part of the arena; slot 0 holds everything of static size. Offsets of slots are sums of the sizes before, each rounded up to 64. */
  readonly slots: readonly Dim[];
  /** Bytes of the weights file. */
  readonly weightBytes: number;
}

/** Every step, wholes before parts. */
export function visitSteps(steps: readonly Step[], f: (s: Step) => void): void {
  for (const s of steps) {
    f(s);
    if (s.kind === "loop") visitSteps(s.steps, f);
    if (s.kind === "if") {
      visitSteps(s.then, f);
      visitSteps(s.else, f);
    }
  }
}
