/**
 * Runs a compiled model in Node.js, whatever it was compiled to:
 *
 *     const session = await Session.create("out", { threads: 2 });
 *     const { logits } = await session.run({ image: new Tensor("f32", pixels, [1, 1, 8, 8]) });
 */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Manifest, TensorInfo } from "../manifest.ts";
import { type Kernel, type Plan, walk, type WalkedProgram } from "../walk.ts";
import { buildC } from "./build-c.ts";
import { type BoundInputs, bindInputs } from "./inputs.ts";
import { NativeModel } from "./native.ts";
import { Tensor } from "./tensor.ts";

export { Tensor } from "./tensor.ts";
export type { TypedArray } from "./tensor.ts";

export interface SessionOptions {
  /** Threads that work on one run; JavaScript artifacts use one. Default: 1. */
  readonly threads?: number;
}

interface Model {
  run(inputs: BoundInputs): Promise<Tensor[]>;
  dispose(): void;
}

/** A model that is ready to run. Runs of one session happen one after the other, off the main thread for C. */
export class Session {
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly manifest: Manifest,
    private readonly model: Model,
  ) {}

  /**
   * Loads the artifact in the folder `dir`. A C artifact's shared library is built there when it is missing or older
   * than the manifest. Throws an `Error` that says what is wrong with the folder or missing on the machine.
   */
  static async create(dir: string, options: SessionOptions = {}): Promise<Session> {
    const folder = resolve(dir);
    const manifest = await readManifest(folder);
    switch (manifest.target) {
      case "c":
        if (manifest.options["freestanding"] === true) {
          throw new Error(
            "a model compiled with --freestanding runs in the program that embeds it: compile it without to run it in Node.js",
          );
        }
        return new Session(manifest, new NativeModel(await buildC(folder, manifest), folder, manifest, options.threads ?? 1));
      case "js":
        return new Session(manifest, await loadJs(folder, manifest));
      default:
        throw new Error(`a model compiled for '${manifest.target}' does not run in Node.js`);
    }
  }

  get inputs(): readonly TensorInfo[] {
    return this.manifest.inputs;
  }

  get outputs(): readonly TensorInfo[] {
    return this.manifest.outputs;
  }

  /** Outputs by name. Rejects with a `TypeError` that lists every input that does not fit. */
  async run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    const bound = bindInputs(this.manifest, inputs);
    const before = this.last;
    const result = (async () => {
      await before.catch(() => undefined);
      return this.model.run(bound);
    })();
    this.last = result;
    const tensors = await result;
    return Object.fromEntries(this.outputs.map((o, i) => [o.name, tensors[i]!]));
  }

  /** Frees the model's memory once all runs have ended; the session cannot be used afterwards. */
  async dispose(): Promise<void> {
    await this.last.catch(() => undefined);
    this.model.dispose();
  }
}

async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, "manifest.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (e) {
    throw new Error(`'${folder}' holds no compiled model: ${path} cannot be read`, { cause: e });
  }
  const manifest = JSON.parse(text) as Manifest;
  if ((manifest.format as number) !== 1) throw new Error(`${path} is of format ${String(manifest.format)}, this runtime reads format 1`);
  return manifest;
}

interface KernelModule {
  readonly kernels: readonly Kernel[];
  readonly plan: (extents: readonly number[]) => Plan;
}

async function loadJs(folder: string, manifest: Manifest): Promise<Model> {
  const { buffers, steps, kernels } = manifest;
  if (!buffers || !steps || !kernels) throw new Error("the manifest has no steps");
  const module = (await import(pathToFileURL(join(folder, "kernels.js")).href)) as KernelModule;
  const weights = await readWeights(join(folder, manifest.weights.file), manifest.weights.bytes);
  const program: WalkedProgram = {
    buffers,
    steps,
    kernels: module.kernels,
    scratchBytes: Math.max(0, ...kernels.map((k) => k.scratchBytes)),
    inputs: manifest.inputs.length,
    outputs: manifest.outputs.length,
    extents: manifest.extents,
    plan: module.plan,
  };
  return {
    run: async ({ tensors }) =>
      walk(program, weights, 0, tensors).map(({ data, dims }, i) => new Tensor(manifest.outputs[i]!.dtype, data, dims)),
    dispose: () => undefined,
  };
}

/** The weights at the start of memory of their own, so that every typed array can lie over them. */
async function readWeights(path: string, bytes: number): Promise<ArrayBuffer> {
  const file = await readFile(path);
  if (file.byteLength !== bytes) throw new Error(`${path} has ${file.byteLength} bytes, the manifest says ${bytes}`);
  const memory = new ArrayBuffer(bytes);
  new Uint8Array(memory).set(file);
  return memory;
}
