/**
 * A whole graph computed the slow way, op after op, with the reference interpreters: control flow, sequences, optionals
 * and results whose size only data tells included. What tests hold every target against.
 */
import { Interpreter } from "../codegen/interpret.ts";
import { runLoops } from "../codegen/interpret-loops.ts";
import type { Constant } from "../ir/attribute.ts";
import { alignedBytes } from "../ir/data.ts";
import { Builder, namedOperands, producedExtents, type Routine } from "../ir/define.ts";
import { asAtom, type Dim } from "../ir/dim.ts";
import { makeBuffer } from "../ir/expr.ts";
import { Graph, type Op, type Value } from "../ir/graph.ts";
import type { Scalar } from "../ir/scalar.ts";
import type { Stage } from "../ir/stage.ts";
import { readElements } from "../ir/storage.ts";
import type { TensorType } from "../ir/type.ts";

/** Elements in row-major order, in the compute type. */
export interface TensorResult {
  readonly kind: "tensor";
  readonly shape: readonly number[];
  readonly elements: readonly Scalar[];
}
export interface SequenceResult {
  readonly kind: "sequence";
  readonly elements: readonly Evaluated[];
}
export interface OptionalResult {
  readonly kind: "optional";
  readonly value: Evaluated | undefined;
}
export type Evaluated = TensorResult | SequenceResult | OptionalResult;

export const tensorResult = (shape: readonly number[], elements: readonly Scalar[]): TensorResult => ({ kind: "tensor", shape, elements });

/** The graph's outputs for the inputs; named extents take their values from the inputs' shapes. */
export function evaluateGraph(graph: Graph, inputs: readonly Evaluated[]): Evaluated[] {
  const evaluation = new Evaluation();
  graph.inputs.forEach((v, i) => evaluation.bind(v, inputs[i]!));
  return evaluation.run(graph);
}

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const scalar = (e: Evaluated): Scalar => asTensor(e).elements[0]!;

function asTensor(e: Evaluated): TensorResult {
  if (e.kind !== "tensor") throw new Error(`a ${e.kind} stands where a tensor should`);
  return e;
}

function asSequence(e: Evaluated): readonly Evaluated[] {
  if (e.kind !== "sequence") throw new Error(`a ${e.kind} stands where a sequence should`);
  return e.elements;
}

class Evaluation {
  private readonly values = new Map<Value, Evaluated>();
  private readonly extents = new Map<string, number>();

  bind(v: Value, value: Evaluated): void {
    this.values.set(v, value);
    if (v.type.kind !== "tensor" || value.kind !== "tensor") return;
    v.type.shape.forEach((d, axis) => {
      const atom = asAtom(d);
      if (atom?.kind === "extent") this.extents.set(atom.name, value.shape[axis]!);
    });
  }

  run(graph: Graph): Evaluated[] {
    for (const op of graph.ops()) this.op(op);
    return graph.outputs.map((v) => this.get(v));
  }

  private get(v: Value): Evaluated {
    const value = this.values.get(v);
    if (!value) throw new Error(`value '${v.name}' has not been computed`);
    return value;
  }

  private op(op: Op): void {
    const { compute, routine, decompose } = op.definition;
    const results = compute || routine ? this.kernel(op) : decompose ? this.decomposed(op) : this.structural(op);
    op.results.forEach((r, i) => this.values.set(r, results[i]!));
  }

  private dim(d: Dim): number {
    return new Interpreter(this.extents).dim(d);
  }

  private shape(t: TensorType): number[] {
    return t.shape.map((d) => this.dim(d));
  }

  private kernel(op: Op): Evaluated[] {
    const { compute, routine } = op.definition;
    const interpreter = new Interpreter(this.extents);
    const operands = namedOperands(op, (v, i) => {
      const b = makeBuffer(`x${i}`, v.tensor.dtype, v.tensor.shape);
      interpreter.memory.set(b, [...asTensor(this.get(v)).elements]);
      return b;
    });
    const produced = producedExtents(op);
    for (const e of produced) this.extents.set(e.name, this.dim(e.capacity));
    const results = op.results.map((r, i) => makeBuffer(`y${i}`, r.tensor.dtype, r.tensor.shape));
    const context = { operands, attributes: op.attributes, results };
    for (const r of results) interpreter.elements(r);
    if (compute) interpreter.run((compute as (c: unknown) => readonly Stage[])(context));
    else runLoops(interpreter, (routine as (c: unknown) => Routine)(context).body);
    for (const e of produced) this.extents.set(e.name, Number(interpreter.elements(results[e.from]!)[0]));
    return results.map((b, i) => this.dense(op.results[i]!.tensor, interpreter.elements(b)));
  }

  private dense(type: TensorType, elements: readonly Scalar[]): TensorResult {
    const shape = this.shape(type);
    return tensorResult(shape, elements.slice(0, count(shape)));
  }

  private decomposed(op: Op): Evaluated[] {
    const inner = new Graph("decomposed");
    const operands = namedOperands(op, (v, i) => {
      const input = inner.addInput(`x${i}`, v.type);
      this.values.set(input, this.get(v));
      return input;
    });
    const made = (op.definition.decompose as (o: unknown, a: unknown, b: Builder) => readonly Value[] | Value)(
      operands,
      op.attributes,
      new Builder(inner),
    );
    inner.setOutputs("type" in made ? [made] : made);
    return this.run(inner);
  }

  private structural(op: Op): Evaluated[] {
    switch (op.name) {
      case "constant":
        return [this.constant(op.attributes["data"] as Constant)];
      case "if":
        return this.produceAfter(op, this.run(op.attributes[scalar(this.get(op.operand(0)!)) ? "then" : "else"] as Graph));
      case "loop":
        return this.produceAfter(op, this.loop(op));
      case "call":
        return this.region(
          op.attributes["body"] as Graph,
          op.operands.map((v) => this.get(v!)),
        );
      default:
        return [this.container(op)];
    }
  }

  private constant({ type, data }: Constant): Evaluated {
    return tensorResult(this.shape(type), readElements(type.dtype, alignedBytes(data)));
  }

  /** Sets the extents that the op produces from its results. */
  private produceAfter(op: Op, results: Evaluated[]): Evaluated[] {
    for (const { name, from, capacity } of producedExtents(op)) {
      const value = Number(scalar(results[from]!));
      if (op.name === "loop" && value > this.dim(capacity)) throw new Error(`extent '${name}' is ${value}, more than its capacity`);
      this.extents.set(name, value);
    }
    return results;
  }

  private region(graph: Graph, inputs: readonly Evaluated[]): Evaluated[] {
    graph.inputs.forEach((v, i) => this.bind(v, inputs[i]!));
    return this.run(graph);
  }

  private loop(op: Op): Evaluated[] {
    const [limit, start, ...initial] = op.operands;
    const body = op.attributes["body"] as Graph;
    const most = limit ? Number(scalar(this.get(limit))) : Infinity;
    let condition: Evaluated = start ? this.get(start) : tensorResult([], [1]);
    let carried = initial.map((v) => this.get(v!));
    const stacked: TensorResult[][] = body.outputs.slice(1 + carried.length).map(() => []);
    let i = 0;
    for (; i < most && scalar(condition); i++) {
      const [next, ...rest] = this.region(body, [tensorResult([], [BigInt(i)]), condition, ...carried]);
      condition = next!;
      carried = rest.slice(0, carried.length);
      stacked.forEach((list, k) => list.push(asTensor(rest[carried.length + k]!)));
    }
    const stacks = stacked.map((list, k) => this.stack(list, op.results[carried.length + k]!.tensor));
    return [...carried, ...stacks, ...(op.attributes["extent"] === undefined ? [] : [tensorResult([], [BigInt(i)])])];
  }

  private stack(list: readonly TensorResult[], type: TensorType): TensorResult {
    const each = list[0]?.shape ?? type.shape.slice(1).map((d) => (typeof d === "number" ? d : 0));
    return tensorResult(
      [list.length, ...each],
      list.flatMap((t) => t.elements),
    );
  }

  private container(op: Op): Evaluated {
    const operands = op.operands.map((v) => v && this.get(v));
    const [first, second, third] = operands;
    const position = (p: Evaluated | undefined, fallback: number): number => {
      const i = p ? Number(scalar(p)) : fallback;
      return i < 0 ? i + asSequence(first!).length : i;
    };
    switch (op.name) {
      case "sequence_construct":
        return { kind: "sequence", elements: operands as Evaluated[] };
      case "sequence_at":
        return asSequence(first!)[position(second, 0)]!;
      case "sequence_insert":
        return { kind: "sequence", elements: asSequence(first!).toSpliced(position(third, asSequence(first!).length), 0, second!) };
      case "sequence_erase":
        return { kind: "sequence", elements: asSequence(first!).toSpliced(position(second, -1), 1) };
      case "sequence_length":
        return tensorResult([], [BigInt(asSequence(first!).length)]);
      default:
        return this.optional(op.name, first);
    }
  }

  private optional(name: string, value: Evaluated | undefined): Evaluated {
    if (name === "optional" || name === "optional_none") return { kind: "optional", value };
    if (value?.kind !== "optional") throw new Error(`there is no reference for '${name}'`);
    if (name === "optional_has_element") return tensorResult([], [value.value ? 1 : 0]);
    if (name === "optional_get_element" && value.value) return value.value;
    throw new Error(`'${name}' of nothing`);
  }
}
