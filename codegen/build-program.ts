/**
 * Graph to program: ops become stages, routines and nested steps; stages are fused; each stage becomes a kernel; equal
 * kernels are kept once; buffers get their places.
 */
import type { Constant } from "../ir/attribute.ts";
import { namedOperands, type ProducedExtent, type Routine } from "../ir/define.ts";
import { type Atom, asAtom, atomsIn, type Dim, extent as extentDim, product, substituteDim } from "../ir/dim.ts";
import { bool, type Buffer, load, makeBuffer, toDim } from "../ir/expr.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import type { Stmt } from "../ir/loop.ts";
import { pointwise, type Stage } from "../ir/stage.ts";
import type { TensorType } from "../ir/type.ts";
import { type View, viewOf } from "../ir/view.ts";
import { flattenStmts } from "./flatten.ts";
import { fuseStages, type FusionItem } from "./fuse.ts";
import { accesses, KernelTable } from "./kernel-table.ts";
import { lowerStage } from "./lower.ts";
import { planMemory } from "./plan-memory.ts";
import type { BufferIndex, Interface, KernelIndex, Program, ProgramExtent, Step, Storage } from "./program.ts";
import type { Schedule } from "./schedule.ts";
import { simplifyStage } from "./simplify-axes.ts";

export interface BuildOptions {
  readonly name: string;
  /** How a stage is computed. */
  readonly schedule: (stage: Stage) => Schedule;
  /** Default: true. */
  readonly fuse?: boolean;
  /** Told of every step that runs a kernel: what the kernel computes, as stages where it is no routine. */
  readonly observe?: (kernel: KernelIndex, stages: readonly Stage[]) => void;
}

/** Builds the program of a graph in which every op has a compute, a routine or a structural meaning. */
export function buildProgram(graph: Graph, options: BuildOptions): Program {
  return new ProgramBuilder(graph, options).build();
}

/** What a straight line of ops becomes before kernels are made. */
type Item =
  | { readonly kind: "stage"; readonly stage: Stage; readonly ops: readonly Op[] }
  | { readonly kind: "routine"; readonly op: Op; readonly routine: Routine }
  | { readonly kind: "steps"; readonly steps: readonly Step[]; readonly reads: readonly Buffer[]; readonly writes: readonly Buffer[] };

/** The values' own names where they have one that no value before has. */
function uniqueNames(values: readonly Value[], kind: string): string[] {
  const taken = new Set<string>();
  return values.map((v, i) => {
    const own = v.name || `${kind}_${i}`;
    let name = own;
    for (let n = 1; taken.has(name); n++) name = `${own}_${n}`;
    taken.add(name);
    return name;
  });
}

class ProgramBuilder {
  private readonly bufferOf = new Map<Value, Buffer>();
  /** Buffers that are other buffers' memory, perhaps under another shape. */
  private readonly renamed = new Map<Buffer, Buffer>();
  /** The graph whose ops compute the buffer. */
  private readonly computedIn = new Map<Buffer, Graph>();
  private readonly indices = new Map<Buffer, BufferIndex>();
  private readonly buffers: { buffer: Buffer; storage: Storage | undefined }[] = [];
  private readonly kernels = new KernelTable();
  private readonly extents: ProgramExtent[] = [];
  private readonly extentIndices = new Map<string, number>();
  private readonly capacities = new Map<Atom, Dim>();
  private weightBytes = 0;

  constructor(
    private readonly graph: Graph,
    private readonly options: BuildOptions,
  ) {}

  build(): Program {
    const inputNames = uniqueNames(this.graph.inputs, "input");
    const inputs = this.graph.inputs.map((v, i): Interface => {
      this.collectExtents(v.tensor, i);
      return { name: inputNames[i]!, type: v.tensor, buffer: this.indexOf(this.newBuffer(v), { kind: "input", index: i }) };
    });
    const outputNames = uniqueNames(this.graph.outputs, "output");
    const results = this.graph.outputs.map((v, i) => makeBuffer(outputNames[i]!, v.tensor.dtype, v.tensor.shape));
    const outputs = this.graph.outputs.map((v, i): Interface => ({
      name: results[i]!.name,
      type: v.tensor,
      buffer: this.indexOf(results[i]!, { kind: "output", index: i }),
    }));
    const steps = this.block(this.graph, results);
    const planned = planMemory(
      this.buffers.map(({ buffer, storage }) => ({
        name: buffer.name,
        dtype: buffer.dtype,
        shape: buffer.shape,
        capacity: this.capacity(buffer.shape),
        ...(storage && { storage }),
      })),
      steps,
    );
    const { name } = this.options;
    return { name, inputs, outputs, extents: this.extents, kernels: this.kernels.list, steps, weightBytes: this.weightBytes, ...planned };
  }

  private collectExtents(type: TensorType, input: number): void {
    type.shape.forEach((d, axis) => {
      const atom = asAtom(d);
      if (atom?.kind === "extent" && !this.extentIndices.has(atom.name)) this.addExtent({ name: atom.name, input: { index: input, axis } });
    });
  }

  private addExtent(e: ProgramExtent): void {
    this.extentIndices.set(e.name, this.extents.length);
    this.extents.push(e);
  }

  /** Elements of a shape with produced extents at their most. */
  private capacity(shape: readonly Dim[]): Dim {
    let size = product(shape);
    while ([...atomsIn(size)].some((a) => this.capacities.has(a))) size = substituteDim(size, this.capacities);
    return size;
  }

  private newBuffer(v: Value): Buffer {
    const b = makeBuffer(v.name, v.tensor.dtype, v.tensor.shape);
    this.bufferOf.set(v, b);
    if (v.op?.graph) this.computedIn.set(b, v.op.graph);
    return b;
  }

  private bufferFor(v: Value): Buffer {
    const known = this.bufferOf.get(v);
    if (!known) throw new Error(`value '${v.name}' has no buffer`);
    return known;
  }

  private readonly rootOf = (b: Buffer): Buffer => {
    const to = this.renamed.get(b);
    return to ? this.rootOf(to) : b;
  };

  private readonly indexOf = (b: Buffer, storage?: Storage): BufferIndex => {
    const root = this.rootOf(b);
    const known = this.indices.get(root);
    if (known !== undefined) return known;
    this.indices.set(root, this.buffers.length);
    return this.buffers.push({ buffer: root, storage }) - 1;
  };

  /** The steps of a graph whose outputs end up in `results`. */
  private block(graph: Graph, results: readonly Buffer[]): Step[] {
    const items: Item[] = [];
    for (const op of graph.ops()) this.op(op, items);
    graph.outputs.forEach((v, i) => {
      this.output(v, results[i]!, graph, items);
    });
    const fused = this.options.fuse === false ? items : this.fuse(items, results);
    return fused
      .filter((item) => item.kind !== "stage" || !this.renameCopy(item.stage, graph, results))
      .flatMap((item) => this.stepsOf(item));
  }

  /**
   * A stage that would copy the whole of a tensor in its order, such as a reshape that fused with nothing, becomes another
   * name for its operand's memory, or its operand another name for the result's.
   */
  private renameCopy(stage: Stage, graph: Graph, results: readonly Buffer[]): boolean {
    const [result] = stage.results;
    if (stage.fold || stage.results.length !== 1 || result!.value.kind !== "load") return false;
    const [flat] = simplifyStage(stage, this.view).results;
    const { out: to, value, at } = flat!;
    const isWhole = product(stage.axes.map((a) => a.extent)) === product(result!.out.shape);
    if (value.kind !== "load" || value.at[0] !== at[0] || value.buffer.dtype !== to.dtype || !isWhole) return false;
    const from = value.buffer;
    if (to === from) return true;
    if (!this.indices.has(to) && !results.includes(to)) {
      this.renamed.set(to, from);
      return true;
    }
    const isFree = this.computedIn.get(from) === graph && !this.indices.has(from) && !results.includes(from);
    if (!isFree || !results.includes(to) || product(from.shape) !== product(to.shape)) return false;
    this.renamed.set(from, to);
    return true;
  }

  /** What the graph computes for one output only is computed in the result's memory; all else is copied there. */
  private output(v: Value, result: Buffer, graph: Graph, items: Item[]): void {
    const b = this.bufferFor(v);
    const root = this.rootOf(b);
    if (this.computedIn.get(root) === graph && !this.indices.has(root)) this.renamed.set(root, result);
    else items.push({ kind: "stage", ops: v.op ? [v.op] : [], stage: pointwise(result, (at) => load(b, at)) });
  }

  private op(op: Op, items: Item[]): void {
    const { definition } = op;
    const produced = this.producedExtents(op);
    for (const e of produced) {
      this.addExtent({ name: e.name, capacity: e.capacity });
      this.capacities.set(asAtom(extentDim(e.name))!, e.capacity);
    }
    if (op.name === "identity") this.renamed.set(this.newBuffer(op.result), this.bufferFor(op.operand(0)!));
    else if (definition.structural) this.structural(op, items);
    else if (definition.compute) this.compute(op, items);
    else if (definition.routine) this.routine(op, items);
    else throw new Error(`op '${op.name}' must be decomposed before programs are built`);
    for (const e of produced) {
      const from = this.bufferFor(op.results[e.from]!);
      const step: Step = { kind: "extent", extent: this.extentIndices.get(e.name)!, from: this.indexOf(from) };
      items.push({ kind: "steps", steps: [step], reads: [from], writes: [] });
    }
  }

  private producedExtents(op: Op): readonly ProducedExtent[] {
    const f = op.definition.extents as ((o: unknown, a: unknown) => readonly ProducedExtent[]) | undefined;
    return f
      ? f(
          namedOperands(op, (v) => v.type),
          op.attributes,
        )
      : [];
  }

  private context(op: Op): unknown {
    return {
      operands: namedOperands(op, (v) => this.bufferFor(v)),
      attributes: op.attributes,
      results: op.results.map((r) => this.newBuffer(r)),
    };
  }

  private compute(op: Op, items: Item[]): void {
    const stages = (op.definition.compute as (c: unknown) => readonly Stage[])(this.context(op));
    for (const stage of stages) items.push({ kind: "stage", stage, ops: [op] });
  }

  private routine(op: Op, items: Item[]): void {
    items.push({ kind: "routine", op, routine: (op.definition.routine as (c: unknown) => Routine)(this.context(op)) });
  }

  private structural(op: Op, items: Item[]): void {
    switch (op.name) {
      case "constant":
        return this.constant(op);
      case "if":
        return this.branch(op, items);
      case "loop":
        return this.loop(op, items);
      case "call":
        return this.call(op, items);
      default:
        throw new Error(`op '${op.name}' cannot be part of a program`);
    }
  }

  private constant(op: Op): void {
    const data = op.attributes["data"] as Constant;
    const offset = Math.ceil(this.weightBytes / 64) * 64;
    this.weightBytes = offset + data.data.byteLength;
    this.indexOf(this.newBuffer(op.result), { kind: "constant", data, offset });
  }

  private copy(from: Buffer, to: Buffer, iteration?: Buffer): Step {
    return { kind: "copy", from: this.indexOf(from), to: this.indexOf(to), ...(iteration && { iteration: this.indexOf(iteration) }) };
  }

  private call(op: Op, items: Item[]): void {
    const body = op.attributes["body"] as Graph;
    body.inputs.forEach((v, i) => this.bufferOf.set(v, this.bufferFor(op.operand(i)!)));
    for (const inner of body.ops()) this.op(inner, items);
    op.results.forEach((r, i) => this.bufferOf.set(r, this.bufferFor(body.outputs[i]!)));
  }

  private branch(op: Op, items: Item[]): void {
    const condition = this.bufferFor(op.operand(0)!);
    const results = op.results.map((r) => this.newBuffer(r));
    const [then, otherwise] = (["then", "else"] as const).map((name) => {
      const g = op.attributes[name] as Graph;
      const own = g.outputs.map((v, i) => makeBuffer(results[i]!.name, v.tensor.dtype, v.tensor.shape));
      return [...this.block(g, own), ...own.map((b, i) => this.copy(b, results[i]!))];
    });
    const step: Step = { kind: "if", condition: this.indexOf(condition), then: then!, else: otherwise! };
    items.push({ kind: "steps", steps: [step], reads: [condition], writes: results });
  }

  private loop(op: Op, items: Item[]): void {
    const operands = namedOperands(op, (v) => this.bufferFor(v)) as { count?: Buffer; condition?: Buffer; carried: readonly Buffer[] };
    const { count, condition, carried } = operands;
    const body = op.attributes["body"] as Graph;
    const results = op.results.map((r) => this.newBuffer(r));
    const [iteration, running, ...state] = body.inputs.map((v) => this.newBuffer(v)) as [Buffer, Buffer, ...Buffer[]];
    const next = body.outputs.map((v) => makeBuffer(v.name, v.tensor.dtype, v.tensor.shape));
    const stacked = next.slice(1 + carried.length);
    const start = condition ? pointwise(running, () => load(condition, [])) : pointwise(running, () => bool(true));
    items.push({ kind: "stage", ops: [op], stage: start });
    const inside: Step[] = [
      ...this.block(body, next),
      this.copy(next[0]!, running),
      ...state.map((b, i) => this.copy(next[1 + i]!, b)),
      ...stacked.map((b, k) => this.copy(b, results[carried.length + k]!, iteration)),
    ];
    const step: Step = {
      kind: "loop",
      iteration: this.indexOf(iteration),
      ...(count && { limit: this.indexOf(count) }),
      condition: this.indexOf(running),
      steps: inside,
    };
    const counted = results.slice(carried.length + stacked.length).map((b) => this.copy(iteration, b));
    const steps = [...carried.map((b, i) => this.copy(b, state[i]!)), step, ...state.map((b, i) => this.copy(b, results[i]!)), ...counted];
    items.push({ kind: "steps", steps, reads: [...carried, running, ...(count ? [count] : [])], writes: results });
  }

  /** Buffers that something other than stages of this line needs are not fused away: those with an index, a name, a result. */
  private fuse(items: readonly Item[], results: readonly Buffer[]): Item[] {
    const kept = new Set<Buffer>(results);
    for (const [from, to] of this.renamed) kept.add(from).add(to);
    const line = items.map((item, i): FusionItem => (item.kind === "stage" ? item : { kind: "other", index: i, ...this.accessesOf(item) }));
    return fuseStages(line, (b) => kept.has(b) || this.indices.has(b)).map((f) => (f.kind === "stage" ? f : items[f.index]!));
  }

  private accessesOf(item: Exclude<Item, { kind: "stage" }>): { reads: readonly Buffer[]; writes: readonly Buffer[] } {
    if (item.kind === "steps") return { reads: item.reads, writes: item.writes };
    const { reads, writes } = accesses(item.routine.body);
    return { reads: [...reads], writes: [...writes] };
  }

  private stepsOf(item: Item): readonly Step[] {
    if (item.kind === "steps") return item.steps;
    if (item.kind === "routine") return [this.run(flattenStmts(item.routine.body, this.routineView(item.op)), [item.op], [])];
    const stage = simplifyStage(item.stage, this.view);
    return [this.run(lowerStage(stage, this.options.schedule(stage)), item.ops, [stage])];
  }

  private readonly view = (b: Buffer): View => ({ ...viewOf(b), root: this.rootOf(b) });

  /** Inside the routine that produces an extent, the scalar it is stored to stands for it. */
  private routineView(op: Op): (b: Buffer) => View {
    const by = new Map<Atom, Dim>();
    for (const e of this.producedExtents(op)) {
      const from = this.rootOf(this.bufferFor(op.results[e.from]!));
      by.set(asAtom(extentDim(e.name))!, toDim(load(from, [0])));
    }
    return (b) => {
      const view = this.view(b);
      return { ...view, strides: view.strides.map((s) => substituteDim(s, by)) };
    };
  }

  /** The kernel of a flat body and the step that runs it. */
  private run(body: readonly Stmt[], ops: readonly Op[], stages: readonly Stage[]): Step {
    const { kernel, args, extents } = this.kernels.add(body, ops);
    this.options.observe?.(kernel, stages);
    return { kind: "run", kernel, args: args.map((b) => this.indexOf(b)), extents: extents.map((e) => this.extentIndex(e.name)) };
  }

  private extentIndex(name: string): number {
    const known = this.extentIndices.get(name);
    if (known === undefined) throw new Error(`extent '${name}' is given by no input and no op`);
    return known;
  }
}
