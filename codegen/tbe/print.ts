/**
 * A graph as operators for Ascend: ops that belong together become one Python file each, with a compute function of the
 * tensor DSL's calls, the DSL's own schedule, and the build. Nothing here sees a loop.
 */
import type { Constant } from "../../ir/attribute.ts";
import { alignedBytes } from "../../ir/data.ts";
import { namedOperands } from "../../ir/define.ts";
import { type Diagnostics, OpError } from "../../ir/diagnostic.ts";
import { type Buffer, makeBuffer } from "../../ir/expr.ts";
import type { Graph, Op, Value } from "../../ir/graph.ts";
import type { Stage } from "../../ir/stage.ts";
import { readElements } from "../../ir/storage.ts";
import { formatType, staticShape } from "../../ir/type.ts";
import { Calls, identifier, refuse, type TensorValue } from "./calls.ts";
import { type Format, isCube, printCube, shapeText } from "./cube.ts";
import { memoryType, StageCalls, type Input } from "./stages.ts";
import type { Soc, TbeType } from "./support.ts";

/** A tensor that a kernel reads or writes. */
export interface KernelTensor {
  /** The parameter of the operator function. */
  readonly name: string;
  readonly value: Value;
  readonly type: TbeType;
  readonly format: Format;
  /** As it lies in memory, in the layout of `format`. */
  readonly shape: readonly number[];
}

export interface TbeKernel {
  readonly name: string;
  readonly ops: readonly Op[];
  readonly inputs: readonly KernelTensor[];
  readonly outputs: readonly KernelTensor[];
  /** The Python file. */
  readonly text: string;
}

/** Ops of one kernel; longer chains are cut. */
const mostOps = 16;

/** Ops that only give their operand's memory another shape. */
const isRename = (op: Op): boolean => op.name === "reshape" || op.name === "identity";

/** The tensor whose memory a value is. */
function rootOf(v: Value): Value {
  return v.op && isRename(v.op) ? rootOf(v.op.operand(0)!) : v;
}

/**
 * The kernels of a graph, in the order in which they run. Producers that one op alone reads share its kernel where the DSL
 * has a form of both together. Ops that have none are reported, with the reason.
 */
export function printTbe(graph: Graph, soc: Soc, diagnostics: Diagnostics): TbeKernel[] {
  const groups: (readonly Op[])[] = [];
  for (const op of graph.ops()) {
    if (op.definition.structural || isRename(op)) continue;
    const alone = attempt([op], soc);
    if (alone instanceof OpError) {
      diagnostics.error(alone.code, op.location, `'${op.name}' has no form as a TBE operator: ${alone.message}`, {
        op: op.name,
        ...alone.more,
      });
      continue;
    }
    mergeProducers(op, groups, soc);
  }
  return groups.map((ops, i) => printKernel(ops, `k${i}_${[...new Set(ops.map((o) => o.name))].join("_").slice(0, 40)}`, soc));
}

/** The op's group takes in those of its operands that nobody else reads, one after the other. */
function mergeProducers(op: Op, groups: (readonly Op[])[], soc: Soc): void {
  let merged: readonly Op[] = [op];
  for (const v of op.operands) {
    const at = groups.findIndex((g) => v?.op !== undefined && g.at(-1) === v.op);
    const group = groups[at];
    if (!group || v!.uses.size !== 1 || group.length + merged.length > mostOps) continue;
    const together = [...group, ...merged];
    if (attempt(together, soc) instanceof OpError) continue;
    merged = together;
    groups.splice(at, 1);
  }
  groups.push(merged);
}

function attempt(ops: readonly Op[], soc: Soc): TbeKernel | OpError {
  try {
    return printKernel(ops, "k", soc);
  } catch (e) {
    if (e instanceof OpError) return e;
    throw e;
  }
}

const printKernel = (ops: readonly Op[], name: string, soc: Soc): TbeKernel => new KernelPrinter(ops, name, soc).print();

class KernelPrinter {
  private readonly calls: Calls;
  private readonly stages: StageCalls;
  private readonly buffers = new Map<Value, Buffer>();
  private readonly values = new Map<Buffer, Value>();
  private readonly inputs: KernelTensor[] = [];
  private cube: { readonly op: Op; readonly format: Format } | undefined;

  constructor(
    private readonly ops: readonly Op[],
    private readonly name: string,
    private readonly soc: Soc,
  ) {
    this.calls = new Calls(soc);
    this.stages = new StageCalls(
      this.calls,
      (b) => this.inputOf(b),
      (b, shape) => this.take(this.valueOf(b), "ND", shape),
    );
  }

  print(): TbeKernel {
    const last = this.ops.at(-1)!;
    for (const op of this.ops) this.op(op, op === last);
    const outputs = this.outputs(last);
    if (this.inputs.length === 0) throw refuse("a kernel reads at least one tensor");
    const { name, ops, inputs } = this;
    return { name, ops, inputs, outputs: outputs.map((o) => o.tensor), text: this.file(outputs) };
  }

  private op(op: Op, isLast: boolean): void {
    if (isCube(op)) return this.cubeOp(op);
    const compute = op.definition.compute as ((c: unknown) => readonly Stage[]) | undefined;
    if (!compute) throw refuse(op.definition.routine ? "it is made of loops, not of whole tensors" : "it is made of other ops");
    const operands = namedOperands(op, (v) => this.bufferOf(v));
    const stages = compute({ operands, attributes: op.attributes, results: op.results.map((r) => this.bufferOf(r)) });
    stages.forEach((s, i) => {
      this.stages.stage(s, isLast && i === stages.length - 1);
    });
  }

  private cubeOp(op: Op): void {
    if (this.cube) throw refuse("a kernel has one product");
    const { value, format } = printCube(op, this.calls, (v, f, shape) => this.take(rootOf(v), f, shape));
    this.cube = { op, format };
    this.stages.hold(this.bufferOf(op.result), value);
  }

  /** Values that share memory share a buffer only where they have one shape, too. */
  private bufferOf(v: Value): Buffer {
    const known = this.buffers.get(v);
    if (known) return known;
    const made = makeBuffer(v.name, v.tensor.dtype, v.tensor.shape);
    this.buffers.set(v, made);
    this.values.set(made, v);
    return made;
  }

  private valueOf(b: Buffer): Value {
    const v = this.values.get(b);
    if (!v) throw new Error(`'${b.name}' is read before it is written`);
    return rootOf(v);
  }

  private inputOf(b: Buffer): Input {
    const v = this.valueOf(b);
    if (v.op?.name !== "constant") return { kind: "tensor" };
    const { type, data } = v.op.attributes["data"] as Constant;
    const count = staticShape(type.shape)!.reduce((n, d) => n * d, 1);
    return count === 1 ? { kind: "scalar", value: Number(readElements(type.dtype, alignedBytes(data))[0]) } : { kind: "tensor" };
  }

  private take(value: Value, format: Format, shape: readonly number[]): string {
    const same = this.inputs.find((t) => t.value === value && t.format === format && t.shape.join() === shape.join());
    if (same) return same.name;
    if (this.ops.some((op) => op.results.includes(value))) throw refuse("a tensor changes its shape inside the kernel");
    const name = this.calls.fresh(value.name || "x");
    this.inputs.push({ name, value, type: memoryType(value.tensor.dtype), format, shape });
    return name;
  }

  private outputs(last: Op): { tensor: KernelTensor; result: TensorValue }[] {
    const used = last.results.filter((v) => v.uses.size > 0);
    return (used.length > 0 ? used : last.results).map((value) => {
      const result = this.stages.result(this.bufferOf(value));
      const format = this.cube?.format ?? "ND";
      const type = memoryType(value.tensor.dtype);
      if (last.results.length > 1 && this.cube) throw refuse("the cube unit gives one result");
      return {
        result,
        tensor: { name: this.calls.fresh(value.name ? `out_${value.name}` : "out"), value, type, format, shape: result.shape },
      };
    });
  }

  private file(outputs: readonly { readonly tensor: KernelTensor; readonly result: TensorValue }[]): string {
    const { name, inputs } = this;
    const names = inputs.map((t) => t.name);
    const results = outputs.map((o) => o.result.name);
    const placeholders = inputs.map(
      (t) => `    ${t.name} = tvm.placeholder(${shapeText(t.shape)}, name="${t.name}", dtype="${t.type}"${attrs(t)})`,
    );
    const made = results.map((_, i) => (results.length === 1 ? "result" : `result_${i}`));
    const labels = this.ops.map((o) => o.name).join(", ");
    return [
      `"""${labels}, for ${this.soc}: ${outputs.map((o) => formatType(o.tensor.value.type)).join(", ")}."""`,
      "import te.lang.cce",
      "from te import tvm",
      "from topi import generic",
      "",
      "",
      `def ${name}_compute(${names.join(", ")}):`,
      ...this.calls.text.map((l) => `    ${l}`),
      `    return ${results.join(", ")}`,
      "",
      "",
      `def ${name}(${[...names.map((n) => `${n}_desc`), ...outputs.map((o) => `${o.tensor.name}_desc`), `kernel_name="${name}"`].join(", ")}):`,
      ...placeholders,
      `    ${made.join(", ")} = ${name}_compute(${names.join(", ")})`,
      "    with tvm.target.cce():",
      `        schedule = generic.auto_schedule(${made.length === 1 ? made[0]! : `[${made.join(", ")}]`})`,
      `    config = {"name": kernel_name, "tensor_list": [${[...names, ...made].join(", ")}], "bool_storage_as_1bit": False}`,
      "    te.lang.cce.cce_build_code(schedule, config)",
      "",
    ].join("\n");
  }
}

const attrs = (t: KernelTensor): string => (t.format === "ND" ? "" : `, attrs={"format": "${t.format}"}`);

/** Names of the kernel's operator and file, by CANN's rule: `k0_softmax` is the operator `K0Softmax`. */
export const operatorName = (k: TbeKernel): string =>
  k.name
    .split("_")
    .map((w) => w.charAt(0).toUpperCase() + w.slice(1))
    .join("");

const infoTypes: Record<TbeType, string> = { float16: "float16", float32: "float", int32: "int32", bool: "bool" };

/**
 * The operator information library of the kernels: the JSON that goes to `aic-SOC-ops-info.json` of a custom operator
 * package, so that the graph engine finds file, function, types and layouts of each operator.
 */
export function operatorInfo(kernels: readonly TbeKernel[]): string {
  const tensor = (t: KernelTensor): Record<string, string> => ({
    name: t.name,
    dtype: infoTypes[t.type],
    format: t.format,
    paramType: "required",
    shape: "all",
  });
  const info = kernels.map((k) => [
    operatorName(k),
    {
      ...Object.fromEntries(k.inputs.map((t, i) => [`input${i}`, tensor(t)])),
      ...Object.fromEntries(k.outputs.map((t, i) => [`output${i}`, tensor(t)])),
      opFile: { value: identifier(k.name) },
      opInterface: { value: identifier(k.name) },
    },
  ]);
  return `${JSON.stringify(Object.fromEntries(info), null, 1)}\n`;
}
