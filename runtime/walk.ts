/**
 * Runs a program whose kernels are JavaScript functions: memory, steps, extents. For Node, browsers and the compiler.
 */
import type { ManifestBuffer, ManifestStep } from "./manifest.ts";

export type TypedArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

interface ArrayType {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
}

/** The typed array over memory of a dtype; f16, bf16 and narrower floats appear as their bits. */
export function arrayType(dtype: string): ArrayType {
  const types: Readonly<Record<string, ArrayType>> = {
    f32: Float32Array,
    f64: Float64Array,
    i8: Int8Array,
    i16: Int16Array,
    i32: Int32Array,
    i64: BigInt64Array,
    i2: Int8Array,
    i4: Int8Array,
    u16: Uint16Array,
    u32: Uint32Array,
    u64: BigUint64Array,
    f16: Uint16Array,
    bf16: Uint16Array,
  };
  return types[dtype] ?? Uint8Array;
}

/** One kernel: the roots it takes, its extents, scratch memory. */
export type Kernel = (roots: readonly TypedArray[], extents: readonly number[], scratch: ArrayBuffer) => void;

/** Sizes that depend on extents: bytes of each slot, elements each buffer can hold, and its shape. */
export interface Plan {
  readonly slots: readonly number[];
  readonly capacities: readonly number[];
  readonly shapes: readonly (readonly number[])[];
}

export interface WalkedProgram {
  readonly buffers: readonly ManifestBuffer[];
  readonly steps: readonly ManifestStep[];
  readonly kernels: readonly Kernel[];
  readonly scratchBytes: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly extents: readonly { readonly input?: number; readonly axis?: number }[];
  plan(extents: readonly number[]): Plan;
}

/** A tensor outside the program: elements in row-major order. */
export interface WalkedTensor {
  readonly data: TypedArray;
  readonly dims: readonly number[];
}

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Runs `program` once. `weights` holds the constants; inputs are in the program's order and of its dtypes. */
export function walk(
  program: WalkedProgram,
  weights: ArrayBufferLike,
  weightsOffset: number,
  inputs: readonly WalkedTensor[],
): WalkedTensor[] {
  return new Walk(program, weights, weightsOffset, inputs).run();
}

class Walk {
  private readonly extents: number[];
  private readonly memory: TypedArray[];
  private readonly outputs: TypedArray[] = [];
  private readonly scratch: ArrayBuffer;

  constructor(
    private readonly program: WalkedProgram,
    weights: ArrayBufferLike,
    weightsOffset: number,
    inputs: readonly WalkedTensor[],
  ) {
    this.extents = program.extents.map((e) => (e.input === undefined ? 0 : inputs[e.input]!.dims[e.axis!]!));
    const plan = program.plan(this.extents);
    const arenas = plan.slots.map((bytes) => new ArrayBuffer(align(bytes)));
    this.scratch = new ArrayBuffer(program.scratchBytes);
    this.memory = program.buffers.map((b, i) => {
      const type = arrayType(b.dtype);
      const { storage } = b;
      switch (storage.kind) {
        case "input":
          return inputs[storage.index]!.data;
        case "output":
          return (this.outputs[storage.index] = new type(
            new ArrayBuffer(plan.capacities[i]! * type.BYTES_PER_ELEMENT),
            0,
            plan.capacities[i]!,
          ));
        case "constant":
          return new type(weights, weightsOffset + storage.offset, plan.capacities[i]!);
        case "arena":
          return new type(arenas[storage.slot]!, storage.offset, plan.capacities[i]!);
      }
    });
  }

  run(): WalkedTensor[] {
    this.steps(this.program.steps);
    const { shapes } = this.program.plan(this.extents);
    const dims = new Map<number, readonly number[]>();
    this.program.buffers.forEach((b, i) => {
      if (b.storage.kind === "output") dims.set(b.storage.index, shapes[i]!);
    });
    return this.outputs.map((data, i) => ({ data: data.subarray(0, product(dims.get(i)!)), dims: dims.get(i)! }));
  }

  private steps(steps: readonly ManifestStep[]): void {
    for (const s of steps) this.step(s);
  }

  private step(s: ManifestStep): void {
    switch (s.kind) {
      case "run":
        return this.program.kernels[s.kernel]!(
          s.args.map((b) => this.memory[b]!),
          s.extents.map((e) => this.extents[e]!),
          this.scratch,
        );
      case "copy":
        return this.copy(s);
      case "if":
        return this.steps(this.scalar(s.condition) !== 0 ? s.then : s.else);
      case "extent":
        this.extents[s.extent] = this.scalar(s.from);
        return;
      case "loop":
        return this.loop(s);
    }
  }

  private scalar(buffer: number): number {
    return Number(this.memory[buffer]![0]);
  }

  private copy({ from, to, iteration }: ManifestStep & { kind: "copy" }): void {
    const count = product(this.program.plan(this.extents).shapes[from]!);
    const source = this.memory[from]!.subarray(0, count);
    const target = this.memory[to]!;
    const start = iteration === undefined ? 0 : this.scalar(iteration) * count;
    if (start + count > target.length) throw new RangeError("a loop made more iterations than its results can hold");
    (target as Uint8Array).set(source as Uint8Array, start);
  }

  private loop(s: ManifestStep & { kind: "loop" }): void {
    const limit = s.limit === undefined ? Infinity : this.scalar(s.limit);
    const counter = this.memory[s.iteration] as BigInt64Array;
    let i = 0;
    for (; i < limit && (s.condition === undefined || this.scalar(s.condition) !== 0); i++) {
      counter[0] = BigInt(i);
      this.steps(s.steps);
    }
    counter[0] = BigInt(i);
  }
}
