/** ONNX's checker and ONNX Runtime in one Python process that is asked again and again. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { DType } from "../ir/type.ts";
import type { HostValue } from "./conformance/values.ts";
import { witnessPython } from "./witness.ts";

/** What the two say of a model. */
export interface Testimony {
  /** What the checker refuses. */
  readonly check: string | null;
  /** Why the model did not run. */
  readonly run: string | null;
  readonly outputs: readonly (HostValue | undefined)[];
}

interface Encoded {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: string;
  readonly parts?: readonly (Encoded | null)[];
}

export class OnnxWitness {
  private readonly child: ChildProcess;
  private readonly lines: Interface;
  private readonly waiting: ((line: string) => void)[] = [];

  private constructor(python: string) {
    this.child = spawn(python, [join(process.cwd(), "tests", "witness", "serve_onnx.py")], { stdio: ["pipe", "pipe", "ignore"] });
    this.lines = createInterface({ input: this.child.stdout! });
    this.lines.on("line", (line) => this.waiting.shift()?.(line));
    // The process ends with this one.
    this.child.unref();
    for (const stream of [this.child.stdin, this.child.stdout]) (stream as unknown as { unref(): void }).unref();
    this.child.on("exit", () => {
      for (const answer of this.waiting.splice(0)) answer(JSON.stringify({ check: null, run: "the process ended", outputs: [] }));
    });
  }

  /** Undefined where there is no Python with ONNX. */
  static start(): OnnxWitness | undefined {
    const python = witnessPython();
    return python === undefined ? undefined : new OnnxWitness(python);
  }

  /** The model of that path checked and, with inputs by name, run. */
  async ask(model: string, inputs?: Readonly<Record<string, HostValue>>): Promise<Testimony> {
    const encoded = inputs && Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, encode(value)]));
    this.child.stdin!.write(`${JSON.stringify({ model, inputs: encoded ?? null })}\n`);
    const line = await new Promise<string>((resolve) => this.waiting.push(resolve));
    const { check, run, outputs } = JSON.parse(line) as { check: string | null; run: string | null; outputs: (Encoded | null)[] };
    return { check, run, outputs: outputs.map(decode) };
  }

  stop(): void {
    this.lines.close();
    this.child.kill();
  }
}

function encode(v: HostValue | undefined): object | null {
  if (!v) return null;
  if (v.kind === "sequence") return { parts: v.elements.map(encode) };
  if (v.kind === "optional") return encode(v.value);
  return { dtype: v.dtype, shape: v.shape, data: Buffer.from(v.bytes).toString("base64") };
}

function decode(e: Encoded | null): HostValue | undefined {
  if (!e) return undefined;
  if (e.parts) return { kind: "sequence", elements: e.parts.map((p) => decode(p)!) };
  return { kind: "tensor", dtype: e.dtype, shape: e.shape, bytes: new Uint8Array(Buffer.from(e.data, "base64")) };
}
