/**
 * Random graphs of all registered ops, for properties that every graph has. Operands and attributes are drawn blindly
 * by kind; what an op's `infer` refuses is left out.
 */
import fc from "fast-check";
import type { Attribute } from "../ir/attribute.ts";
import { memoryData } from "../ir/data.ts";
import { allOps, type AnyOpDefinition, type AttributeSpecs, Builder, type OperandSpecs } from "../ir/define.ts";
import { OpError } from "../ir/diagnostic.ts";
import * as dim from "../ir/dim.ts";
import type { Dim } from "../ir/dim.ts";
import { Graph, type Value } from "../ir/graph.ts";
import "../ir/ops/index.ts";
import { printGraph } from "../ir/text/print.ts";
import { byteSize, dtypes, tensor, type TensorType } from "../ir/type.ts";

/** A source of random choices that fast-check controls: the numbers come from one list. */
class Choices {
  private at = 0;
  constructor(private readonly numbers: readonly number[]) {}

  /** A whole number from 0 up to, but not including, `n`. */
  below(n: number): number {
    return (this.numbers[this.at++ % this.numbers.length]! + this.at) % n;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

const names = ["n", "m", "seq-len", "x.1", "min"];

function drawDim(c: Choices, depth = 2): Dim {
  if (depth === 0 || c.below(3) === 0) return c.below(2) === 0 ? c.below(6) : dim.extent(c.of(names));
  const [a, b] = [drawDim(c, depth - 1), drawDim(c, depth - 1)];
  switch (c.below(6)) {
    case 0:
      return dim.add(a, b);
    case 1:
      return dim.mul(a, b);
    case 2:
      return dim.floordiv(a, 2 + c.below(3));
    case 3:
      return dim.mod(a, 2 + c.below(5));
    case 4:
      return dim.min(a, b);
    default:
      return dim.max(dim.sub(a, b), 0);
  }
}

const choices = (): fc.Arbitrary<Choices> =>
  fc.array(fc.nat(1_000_000), { minLength: 40, maxLength: 160 }).map((numbers) => new Choices(numbers));

/** Extents that are never negative numbers: `3`, `n`, `2*n+1`, `floordiv(...)`. */
export const anyDim = (): fc.Arbitrary<Dim> =>
  choices().map((c) => {
    const d = drawDim(c, 3);
    return typeof d === "number" ? Math.abs(d) : d;
  });

const specialFloats = [0, -0, 1, -1.5, 0.1, 1e-7, 1e300, NaN, Infinity, -Infinity];
const texts = ["", "sum", 'a"b\\c\n', "größe \u2028", "linear", "constant"];

function drawType(c: Choices): TensorType {
  const d = c.below(4) === 0 ? c.of(dtypes) : c.of(["f32", "i64", "bool"] as const);
  return tensor(
    d,
    c.list(3, () => (c.below(4) === 0 ? dim.extent(c.of(names)) : c.of([1, 2, 3, 3]))),
  );
}

function drawAttribute(c: Choices, spec: Attribute<unknown>, outer: readonly Value[], depth: number): unknown {
  if ((spec.fallback !== undefined || spec.optional) && c.below(3) === 0) return undefined;
  const int = (): number => c.below(5) - 2;
  switch (spec.kind) {
    case "int":
      return int();
    case "float":
      return c.of(specialFloats);
    case "bool":
      return c.below(2) === 0;
    case "string":
      return c.of(spec.choices ?? texts);
    case "ints":
      return c.list(3, int);
    case "floats":
      return c.list(3, () => c.of(specialFloats));
    case "strings":
      return c.list(3, () => c.of(texts));
    case "dim":
      return drawDim(c);
    case "dims":
      return c.list(3, () => drawDim(c, 1));
    case "pairs":
      return c.list(3, () => [drawDim(c, 1), drawDim(c, 1)]);
    case "dtype":
      return c.of(dtypes);
    case "type":
      return drawType(c);
    case "data":
      return drawConstant(c);
    case "graph":
      return drawGraph(c, outer, depth - 1);
  }
}

function drawConstant(c: Choices): { type: TensorType; data: ReturnType<typeof memoryData> } {
  const shape = c.list(3, () => c.below(5));
  const type = tensor(c.of(dtypes.filter((d) => d !== "string")), shape);
  const size = shape.reduce((a, b) => a * b, byteSize(type.dtype));
  return { type, data: memoryData(Uint8Array.from({ length: size }, () => c.below(256))) };
}

function drawOperands(c: Choices, definition: AnyOpDefinition, values: readonly Value[]): Record<string, Value | Value[]> {
  const named: Record<string, Value | Value[]> = {};
  const last = c.of(values);
  // Operands that are alike fit each other more often than others.
  const similar = values.filter((v) => v.type === last.type || v.type.kind !== "tensor");
  const pick = (): Value => (c.below(3) === 0 ? c.of(values) : c.of(similar.length > 0 ? similar : values));
  for (const [name, { arity }] of Object.entries(definition.operands as OperandSpecs)) {
    if (arity === "many") named[name] = c.list(3, pick);
    else if (arity === "one" || c.below(2) === 0) named[name] = pick();
  }
  return named;
}

/** Tries to add an op; whether it fits is for its `infer` to say. */
function drawOp(c: Choices, definition: AnyOpDefinition, builder: Builder, values: readonly Value[], depth: number): readonly Value[] {
  const specs = Object.entries(definition.attributes as AttributeSpecs);
  if (depth === 0 && specs.some(([, s]) => s.kind === "graph")) return [];
  const drawn = specs.map(([name, spec]) => [name, drawAttribute(c, spec, values, depth)] as const);
  const attributes = Object.fromEntries(drawn.filter(([, v]) => v !== undefined));
  try {
    return builder.createAll(definition, drawOperands(c, definition, values), attributes);
  } catch (e) {
    for (const [, v] of drawn) if (v instanceof Graph) discard(v);
    if (e instanceof OpError) return [];
    throw e;
  }
}

/** Gives up the uses that a region which found no place makes of values around it. */
function discard(region: Graph): void {
  region.setOutputs([]);
  for (const op of region.opsReversed()) region.remove(op);
}

function drawGraph(c: Choices, outer: readonly Value[], depth: number): Graph {
  const graph = new Graph(c.of(["", "main", "then branch"]));
  const isRegion = outer.length > 0;
  const inputs = isRegion ? c.below(3) : 3;
  for (let i = 0; i < inputs; i++) graph.addInput(c.of(["", "x", "x", "in/put", "odd name", "7"]), drawType(c));
  const values = [...outer, ...graph.inputs];
  const builder = new Builder(graph);
  const definitions = allOps();
  for (let tries = isRegion ? 10 : 60; tries > 0; tries--) {
    const made = drawOp(c, c.of(definitions), builder, values, depth);
    for (const v of made) v.name = c.of(["", "y", "x", "a:0", "%"]);
    values.push(...made);
  }
  graph.setOutputs(c.list(3, () => c.of(values)));
  return graph;
}

/** Graphs of up to some dozens of ops, with regions, odd names and types of all kinds. */
export const anyGraph = (): fc.Arbitrary<Graph> =>
  choices().map((c) => {
    const graph = drawGraph(c, [], 2);
    // What a failed property prints.
    return Object.defineProperty(graph, fc.toStringMethod, { value: () => printGraph(graph) });
  });
