/** Calls the shared library of a C artifact through koffi, off the main thread. */
import { join } from "node:path";
import { promisify } from "node:util";
import koffi from "koffi";
import type { Manifest } from "../manifest.ts";
import { arrayType } from "../walk.ts";
import type { BoundInputs } from "./inputs.ts";
import { Tensor } from "./tensor.ts";

const statusText: Readonly<Record<number, string>> = {
  1: "an argument is out of range",
  2: "not enough memory",
  3: "the weights file cannot be read or has another size",
  4: "a loop made more iterations than its results can hold",
};

function check(status: number, what: string): void {
  if (status !== 0) throw new Error(`${what}: ${statusText[status] ?? `error ${status}`}`);
}

type AsyncCall = (...args: unknown[]) => Promise<number>;

/** One loaded model; `run` may be called again only after the previous run ended. */
export class NativeModel {
  private readonly context: unknown;
  private held: readonly unknown[] = [];
  private readonly runAsync: AsyncCall;
  private readonly outputBytes: (index: number, extents: BigInt64Array) => number | bigint;
  private readonly outputShape: (context: unknown, index: number, shape: BigInt64Array) => number;
  private readonly free: (context: unknown) => void;

  constructor(
    library: string,
    dir: string,
    private readonly manifest: Manifest,
    threads: number,
  ) {
    const lib = koffi.load(library);
    const name = manifest.model;
    const options = koffi.struct({
      weights: "void *",
      weights_path: "const char *",
      arena: "void *",
      arena_bytes: "size_t",
      threads: "int",
      parallel_for: "void *",
      user: "void *",
    });
    const create = lib.func(`${name}_create`, "int", [koffi.out(koffi.pointer("void *")), koffi.pointer(options)]);
    this.runAsync = promisify(lib.func(`int ${name}_run(void *context, void *extents, void *inputs, void *outputs)`).async) as AsyncCall;
    this.outputBytes = lib.func(`int64_t ${name}_output_bytes(int index, void *extents)`) as typeof this.outputBytes;
    this.outputShape = lib.func(`int ${name}_output_shape(void *context, int index, void *shape)`) as typeof this.outputShape;
    this.free = lib.func(`void ${name}_destroy(void *context)`) as typeof this.free;
    const made: unknown[] = [null];
    const given = {
      weights: null,
      weights_path: join(dir, manifest.weights.file),
      arena: null,
      arena_bytes: 0,
      threads,
      parallel_for: null,
      user: null,
    };
    check(create(made, given) as number, "the model cannot be loaded");
    this.context = made[0];
  }

  async run({ tensors, extents }: BoundInputs): Promise<Tensor[]> {
    const given = BigInt64Array.from(this.manifest.extents.flatMap((e, i) => (e.input === undefined ? [] : [BigInt(extents[i]!)])));
    const sizes = given.length > 0 ? given : new BigInt64Array(1);
    const outputs = this.manifest.outputs.map((_, i) => new ArrayBuffer(Math.max(8, Number(this.outputBytes(i, sizes)))));
    const [from, to] = [addresses(tensors.map((t) => t.data)), addresses(outputs.map((o) => new Uint8Array(o)))];
    // C holds bare addresses: what they point at must stay reachable until it returns.
    this.held = [tensors, outputs, sizes, from, to];
    const status = await this.runAsync(this.context, sizes, from, to);
    this.held = [];
    check(status, "the model failed");
    return outputs.map((memory, i) => this.output(i, memory));
  }

  private output(index: number, memory: ArrayBuffer): Tensor {
    const { dtype, shape } = this.manifest.outputs[index]!;
    const dims = new BigInt64Array(Math.max(1, shape.length));
    check(this.outputShape(this.context, index, dims), "an output has no shape");
    const numbers = [...dims.subarray(0, shape.length)].map(Number);
    const count = numbers.reduce((a, b) => a * b, 1);
    return new Tensor(dtype, new (arrayType(dtype))(memory, 0, count), numbers);
  }

  dispose(): void {
    this.free(this.context);
  }
}

/** Stands for tensors without elements, whose memory has no address. */
const nothing = new Uint8Array(64);

/** The address of each array's first byte. */
function addresses(arrays: readonly ArrayBufferView[]): BigUint64Array {
  return BigUint64Array.from([...arrays.map((a) => koffi.address(a.byteLength === 0 ? nothing : a)), 0n]);
}
