/**
 * Graphs as text (`.sir`): one op per line, every result typed, attributes in declared order without those that have
 * their default. `parseGraph` of the text gives the same graph, and printing that gives the same text.
 */
import type { Attribute, AttributeKind, Constant } from "../attribute.ts";
import type { AttributeSpecs, OperandSpecs } from "../define.ts";
import { alignedBytes, type TensorData } from "../data.ts";
import type { Dim } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import type { Graph, Op, Value } from "../graph.ts";
import { byteSize, type DType, formatType, sameType, staticShape, type TensorType, type Type } from "../type.ts";
import { formatElements, formatFloat } from "./elements.ts";
import { nameValues, quoteName } from "./name.ts";

/** Where constants too large for the text went: the file's name beside the text, the first byte, the start of the SHA-256. */
export interface WeightReference {
  readonly file: string;
  readonly offset: number;
  readonly hash: string;
}

/** Takes the bytes of constants that are too large for the text; equal bytes may share a place. */
export interface WeightSink {
  add(data: TensorData): WeightReference;
}

export interface PrintOptions {
  /** Takes the large constants. Without it they print as `weight("SOURCE", OFFSET)`, for reading only. */
  readonly weights?: WeightSink;
  /** The most elements that a constant printed in place has; default 16. */
  readonly inlineLimit?: number;
}

/** The graph's text, which ends with a newline. */
export function printGraph(graph: Graph, options: PrintOptions = {}): string {
  const printer = new GraphPrinter(nameValues(graph), options);
  const results = graph.outputs.map((v) => formatType(v.type)).join(", ");
  return `graph @${quoteName(graph.name)}${printer.inputs(graph)} -> (${results}) ${printer.body(graph, "")}\n`;
}

class GraphPrinter {
  private readonly inlineLimit: number;

  constructor(
    private readonly names: ReadonlyMap<Value, string>,
    private readonly options: PrintOptions,
  ) {
    this.inlineLimit = options.inlineLimit ?? 16;
  }

  inputs(graph: Graph): string {
    return `(${graph.inputs.map((v) => `${this.name(v)}: ${formatType(v.type)}`).join(", ")})`;
  }

  /** `{`, the ops and the outputs in lines of their own, `}` at the given indentation. */
  body(graph: Graph, indent: string): string {
    const inner = `${indent}  `;
    const lines = [...graph.ops()].map((op) => inner + this.op(op, inner));
    const outputs = graph.outputs.map((v) => this.name(v)).join(", ");
    return ["{", ...lines, `${inner}return ${outputs}`.trimEnd(), `${indent}}`].join("\n");
  }

  op(op: Op, indent: string): string {
    const call = `${op.name}(${this.operands(op)})${this.attributes(op, indent)}`;
    if (op.results.length === 0) return call;
    return `${op.results.map((v) => this.name(v)).join(", ")} = ${call} : ${op.results.map((v) => formatType(v.type)).join(", ")}`;
  }

  private name(v: Value | undefined): string {
    return (v && this.names.get(v)) ?? "%<unknown>";
  }

  private operands(op: Op): string {
    const { operands } = op;
    const specs = Object.entries(op.definition.operands as OperandSpecs);
    const parts = specs.flatMap(([name, spec], i): string[] => {
      if (spec.arity === "many") return operands.slice(i).map((v) => this.name(v));
      if (spec.arity === "one") return [this.name(operands[i])];
      return operands[i] ? [`${name}=${this.name(operands[i])}`] : [];
    });
    return parts.join(", ");
  }

  private attributes(op: Op, indent: string): string {
    const parts = Object.entries(op.definition.attributes as AttributeSpecs)
      .filter(([name, spec]) => !isDefault(spec, op.attributes[name]))
      .map(([name, spec]) => `${name} = ${this.attribute(spec.kind, op.attributes[name], op, indent)}`);
    return parts.length === 0 ? "" : ` {${parts.join(", ")}}`;
  }

  private attribute(kind: AttributeKind, value: unknown, op: Op, indent: string): string {
    if (kind === "graph") return this.region(value as Graph, indent);
    return kind === "data" ? this.data(value as Constant, op) : printers[kind](value);
  }

  private region(graph: Graph, indent: string): string {
    return `graph${graph.name ? ` @${quoteName(graph.name)}` : ""}${this.inputs(graph)} ${this.body(graph, indent)}`;
  }

  private data({ type, data }: Constant, op: Op): string {
    const shown = op.results[0];
    const suffix = shown && sameType(shown.type, type) ? "" : ` as ${formatType(type)}`;
    return (this.isSmall(type) ? `dense<${formatDense(type, data)}>` : this.weight(data)) + suffix;
  }

  private isSmall(type: TensorType): boolean {
    const shape = staticShape(type.shape);
    return shape !== undefined && count(shape) <= this.inlineLimit;
  }

  private weight(data: TensorData): string {
    const reference = this.options.weights?.add(data);
    if (!reference) return `weight(${JSON.stringify(data.source.name)}, ${data.offset})`;
    return `weight(${JSON.stringify(reference.file)}, ${reference.offset}, ${JSON.stringify(reference.hash)})`;
  }
}

const list = (items: readonly string[]): string => `[${items.join(", ")}]`;
const quote = (s: unknown): string => JSON.stringify(s);
const dimList = (dims: unknown): string => list((dims as readonly Dim[]).map(formatDim));

const printers: Record<Exclude<AttributeKind, "graph" | "data">, (value: unknown) => string> = {
  int: (v) => formatFloat(v as number),
  float: (v) => formatFloat(v as number),
  bool: String,
  string: quote,
  ints: (v) => list((v as readonly number[]).map(formatFloat)),
  floats: (v) => list((v as readonly number[]).map(formatFloat)),
  strings: (v) => list((v as readonly string[]).map(quote)),
  dim: (v) => formatDim(v as Dim),
  dims: dimList,
  dtype: (v) => v as DType,
  type: (v) => formatType(v as Type),
  pairs: (v) => list((v as readonly (readonly Dim[])[]).map(dimList)),
};

/** Whether the attribute is left out: absent, or equal to its default. */
function isDefault(spec: Attribute<unknown>, value: unknown): boolean {
  return value === undefined || (spec.fallback !== undefined && sameValue(value, spec.fallback));
}

function sameValue(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => sameValue(x, b[i]));
  if (isType(a) && isType(b)) return sameType(a, b);
  return Object.is(a, b);
}

const isType = (x: unknown): x is Type => typeof x === "object" && x !== null && "kind" in x;

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Elements nested by shape, `[[1, 2], [3, 4]]`; a scalar is bare, and no elements are `[]`. */
function formatDense(type: TensorType, data: TensorData): string {
  const shape = staticShape(type.shape)!;
  const total = count(shape);
  if (total === 0) return "[]";
  if (data.byteLength !== total * byteSize(type.dtype) || type.dtype === "string")
    throw new Error(`a constant of type ${formatType(type)} has ${data.byteLength} bytes`);
  return nest(formatElements(type.dtype, alignedBytes(data)), shape);
}

function nest(items: readonly string[], shape: readonly number[]): string {
  const [first, ...rest] = shape;
  if (first === undefined) return items[0]!;
  const step = items.length / first;
  return list(Array.from({ length: first }, (_, i) => nest(items.slice(i * step, (i + 1) * step), rest)));
}
