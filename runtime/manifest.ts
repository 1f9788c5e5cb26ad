/**
 * `manifest.json` of an artifact: what a runtime that knows nothing of the compiler needs in order to run it.
 * Imports nothing; every runtime may import it.
 */

export interface TensorInfo {
  readonly name: string;
  /** As in the text form: `f32`, `i64`, `bool`, ... */
  readonly dtype: string;
  /** Numbers, or expressions in named extents such as `n` and `2*n+1`. */
  readonly shape: readonly (number | string)[];
}

export interface ManifestBuffer {
  readonly name: string;
  readonly dtype: string;
  /** In elements, when static. */
  readonly shape: readonly (number | string)[];
  /** Elements that its memory must have room for, where the target asks for buffers by itself (WebGPU). */
  readonly capacity?: number | string;
  readonly storage:
    | { readonly kind: "input" | "output"; readonly index: number }
    | { readonly kind: "constant"; readonly offset: number }
    | { readonly kind: "arena"; readonly slot: number; readonly offset: number };
}

/** See `codegen/program.ts`; buffers, kernels and extents by index. */
export type ManifestStep =
  | { readonly kind: "run"; readonly kernel: number; readonly args: readonly number[]; readonly extents: readonly number[] }
  | { readonly kind: "copy"; readonly from: number; readonly to: number; readonly iteration?: number }
  | { readonly kind: "if"; readonly condition: number; readonly then: readonly ManifestStep[]; readonly else: readonly ManifestStep[] }
  | {
      readonly kind: "loop";
      readonly iteration: number;
      readonly limit?: number;
      readonly condition?: number;
      readonly steps: readonly ManifestStep[];
    }
  | { readonly kind: "extent"; readonly extent: number; readonly from: number };

export interface ManifestKernel {
  /** Name of the function. */
  readonly entry: string;
  /** The ops in it: `conv+relu`. */
  readonly label: string;
  readonly scratchBytes: number;
  /** WGSL: the file whose entry point it is. */
  readonly file?: string;
  /**
   * WGSL: workgroups along x, y and z, numbers or expressions in extents. Where x is more than 65535, y and z are one,
   * and the workgroups are to be spread over x and y: some may be too many.
   */
  readonly workgroups?: readonly [number | string, number | string, number | string];
  /** WGSL: the extents in the uniform structure that is bound behind the buffers, each an i32; none: no structure. */
  readonly extents?: readonly string[];
}

export interface Manifest {
  readonly format: 1;
  readonly generator: string;
  readonly model: string;
  readonly target: string;
  /** Options that shaped the artifact, such as `mcpu`. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Named extents; `input` and `axis` say where the value of one comes from, neither is there for those a step produces. */
  readonly extents: readonly { readonly name: string; readonly input?: number; readonly axis?: number }[];
  /** Bytes, or null when they depend on extents. */
  readonly arenaBytes: number | null;
  readonly weights: { readonly file: string; readonly bytes: number; readonly sha256: string };
  readonly files: readonly string[];
  /** Present where the runtime walks the program itself (JavaScript, WebGPU). */
  readonly buffers?: readonly ManifestBuffer[];
  readonly kernels?: readonly ManifestKernel[];
  readonly steps?: readonly ManifestStep[];
}
