/** Ops computed at compile time, by the JavaScript target. */
import type { Constant } from "../ir/attribute.ts";
import { memoryData, readData } from "../ir/data.ts";
import { createOp, type OperandSpecs } from "../ir/define.ts";
import { Graph, type Op, type Value } from "../ir/graph.ts";
import { type TypedArray, viewBytes } from "../ir/storage.ts";
import { byteSize, formatType, staticShape, tensor } from "../ir/type.ts";
import type { PassContext } from "../passes/pass.ts";
import { decompose } from "../passes/decompose.ts";
import { buildProgram } from "./build-program.ts";
import { type Executable, loadProgram } from "./js/execute.ts";
import { scalarSchedule } from "./js/target.ts";

/** The constant that a value is the result of. */
const constantOf = (v: Value): Constant | undefined => (v.op?.name === "constant" ? (v.op.attributes["data"] as Constant) : undefined);

/** Whether an attribute's value has an extent in it that only running tells. */
const isSymbolic = (x: unknown): boolean => (Array.isArray(x) ? x.some(isSymbolic) : typeof x === "object" && x !== null && "terms" in x);

/**
 * The results of an op whose operands are all constants; undefined when it has regions, effects, or sizes in its
 * attributes or results that only running tells.
 */
export function evaluateOp(op: Op, context: PassContext): readonly Constant[] | undefined {
  const operands = op.operands.map((v) => v && constantOf(v));
  if (op.operands.some((v, i) => v && !operands[i])) return undefined;
  if (op.regions.length > 0 || op.definition.impure || (op.definition.structural && op.name !== "identity")) return undefined;
  if (op.results.some((r) => r.type.kind !== "tensor" || !staticShape(r.type.shape) || r.type.dtype === "string")) return undefined;
  if (Object.values(op.attributes).some(isSymbolic)) return undefined;
  const executable = executableOf(op, context);
  const given = operands.filter((c) => c !== undefined);
  const results = executable.run(given.map((c) => ({ data: elementsOf(c), dims: staticShape(c.type.shape)! })));
  return results.map(({ data, dims }, i) => {
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    return { type: tensor(op.results[i]!.tensor.dtype, dims), data: memoryData(bytes) };
  });
}

/** The elements where they are; a copy of those that do not begin at a multiple of their size. */
function elementsOf({ type, data }: Constant): TypedArray {
  const bytes = readData(data);
  return viewBytes(type.dtype, bytes.byteOffset % byteSize(type.dtype) === 0 ? bytes : new Uint8Array(bytes));
}

const executables = new Map<string, Executable>();
/** Ops that differ in their operands' bytes alone are compiled once. */
const mostExecutables = 512;

function executableOf(op: Op, context: PassContext): Executable {
  const key = keyOf(op);
  const known = key === undefined ? undefined : executables.get(key);
  if (known) return known;
  const graph = standalone(op);
  decompose.run(graph, context);
  const made = loadProgram(buildProgram(graph, { name: "fold", schedule: scalarSchedule }));
  if (executables.size >= mostExecutables) executables.clear();
  if (key !== undefined) executables.set(key, made);
  return made;
}

/** What the op's program depends on; undefined where an attribute is neither plain nor a list of plain values. */
function keyOf(op: Op): string | undefined {
  const isPlain = (v: unknown): boolean => (typeof v === "object" ? Array.isArray(v) && v.every(isPlain) : true);
  if (!Object.values(op.attributes).every(isPlain)) return undefined;
  const types = op.operands.map((v) => (v ? formatType(v.type) : "-"));
  return `${op.name}(${types.join()})${Object.values(op.attributes).map(attributeKey).join(";")}`;
}

const attributeKey = (v: unknown): string =>
  Array.isArray(v) ? `[${v.map(attributeKey).join()}]` : Object.is(v, -0) ? "-0" : `${typeof v} ${String(v)}`;

/** A graph that holds a copy of the op alone, its operands as inputs. */
export function standalone(op: Op): Graph {
  const graph = new Graph("fold");
  const inputs = op.operands.map((v, i) => v && graph.addInput(`x${i}`, v.type));
  const specs = Object.entries(op.definition.operands as OperandSpecs);
  const named = Object.fromEntries(specs.map(([name, spec], i) => [name, spec.arity === "many" ? inputs.slice(i) : inputs[i]]));
  const copy = createOp(op.definition, named as Record<string, Value>, op.attributes, op.location);
  graph.insert(copy);
  graph.setOutputs(copy.results);
  return graph;
}
