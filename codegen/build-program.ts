/**
 * Graph to program: ops become stages, routines and nested steps; stages are fused; each stage becomes a kernel; equal
 * kernels are kept once; buffers get their places.
 */
import type { Constant } from "../ir/attribute.ts";
import { namedOperands, producedExtents, type Routine } from "../ir/define.ts";
import { type Atom, asAtom, type Dim, extent as extentDim, product } from "../ir/dim.ts";
import { substituteDim } from "../ir/dim-atoms.ts";
import { bool, type Buffer, load, makeBuffer, toDim } from "../ir/expr.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import type { Stmt } from "../ir/loop.ts";
import { pointwise, type Stage } from "../ir/stage.ts";
import type { View } from "../ir/view.ts";
import { BufferTable, uniqueNames } from "./buffer-table.ts";
import { ExtentTable } from "./extent-table.ts";
import { flattenStmts } from "./flatten.ts";
import { fuseStages, type FusionItem } from "./fuse.ts";
import { accesses, KernelTable } from "./kernel-table.ts";
import { lowerStage } from "./lower.ts";
import { planMemory } from "./plan-memory.ts";
import type { Interface, KernelIndex, Program, Step } from "./program.ts";
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

class ProgramBuilder {
  private readonly buffers = new BufferTable();
  private readonly kernels = new KernelTable();
  private readonly extents = new ExtentTable();
  private weightBytes = 0;

  constructor(
    private readonly graph: Graph,
    private readonly options: BuildOptions,
  ) {}

  build(): Program {
    const inputNames = uniqueNames(this.graph.inputs, "input");
    const inputs = this.graph.inputs.map((v, i): Interface => {
      this.extents.collect(v.tensor, i);
      return { name: inputNames[i]!, type: v.tensor, buffer: this.buffers.indexOf(this.buffers.create(v), { kind: "input", index: i }) };
    });
    const outputNames = uniqueNames(this.graph.outputs, "output");
    const results = this.graph.outputs.map((v, i) => makeBuffer(outputNames[i]!, v.tensor.dtype, v.tensor.shape));
    const outputs = this.graph.outputs.map((v, i): Interface => ({
      name: results[i]!.name,
      type: v.tensor,
      buffer: this.buffers.indexOf(results[i]!, { kind: "output", index: i }),
    }));
    const steps = this.block(this.graph, results);
    const planned = planMemory(
      this.buffers.placed((shape) => this.extents.capacity(shape)),
      steps,
    );
    const { name } = this.options;
    return {
      name,
      inputs,
      outputs,
      extents: this.extents.list,
      kernels: this.kernels.list,
      steps,
      weightBytes: this.weightBytes,
      ...planned,
    };
  }

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
    if (!this.buffers.isIndexed(to) && !results.includes(to)) {
      this.buffers.rename(to, from);
      return true;
    }
    const isFree = this.buffers.isComputedIn(from, graph) && !this.buffers.isIndexed(from) && !results.includes(from);
    if (!isFree || !results.includes(to) || product(from.shape) !== product(to.shape)) return false;
    this.buffers.rename(from, to);
    return true;
  }

  /** What the graph computes for one output only is computed in the result's memory; all else is copied there. */
  private output(v: Value, result: Buffer, graph: Graph, items: Item[]): void {
    const b = this.buffers.of(v);
    const root = this.buffers.rootOf(b);
    if (this.buffers.isComputedIn(root, graph) && !this.buffers.isIndexed(root)) this.buffers.rename(root, result);
    else items.push({ kind: "stage", ops: v.op ? [v.op] : [], stage: pointwise(result, (at) => load(b, at)) });
  }

  private op(op: Op, items: Item[]): void {
    const { definition } = op;
    const produced = producedExtents(op);
    for (const e of produced) this.extents.addProduced(e);
    if (op.name === "identity") this.buffers.rename(this.buffers.create(op.result), this.buffers.of(op.operand(0)!));
    else if (definition.structural) this.structural(op, items);
    else if (definition.compute) this.compute(op, items);
    else if (definition.routine) this.routine(op, items);
    else throw new Error(`op '${op.name}' must be decomposed before programs are built`);
    for (const e of produced) {
      const from = this.buffers.of(op.results[e.from]!);
      const step: Step = { kind: "extent", extent: this.extents.indexOf(e.name), from: this.buffers.indexOf(from) };
      items.push({ kind: "steps", steps: [step], reads: [from], writes: [] });
    }
  }

  private context(op: Op): unknown {
    return {
      operands: namedOperands(op, (v) => this.buffers.of(v)),
      attributes: op.attributes,
      results: op.results.map((r) => this.buffers.create(r)),
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
    this.buffers.indexOf(this.buffers.create(op.result), { kind: "constant", data, offset });
  }

  private copy(from: Buffer, to: Buffer, iteration?: Buffer): Step {
    return {
      kind: "copy",
      from: this.buffers.indexOf(from),
      to: this.buffers.indexOf(to),
      ...(iteration && { iteration: this.buffers.indexOf(iteration) }),
    };
  }

  private call(op: Op, items: Item[]): void {
    const body = op.attributes["body"] as Graph;
    body.inputs.forEach((v, i) => this.buffers.set(v, this.buffers.of(op.operand(i)!)));
    for (const inner of body.ops()) this.op(inner, items);
    op.results.forEach((r, i) => this.buffers.set(r, this.buffers.of(body.outputs[i]!)));
  }

  private branch(op: Op, items: Item[]): void {
    const condition = this.buffers.of(op.operand(0)!);
    const results = op.results.map((r) => this.buffers.create(r));
    const [then, otherwise] = (["then", "else"] as const).map((name) => {
      const g = op.attributes[name] as Graph;
      const own = g.outputs.map((v, i) => makeBuffer(results[i]!.name, v.tensor.dtype, v.tensor.shape));
      return [...this.block(g, own), ...own.map((b, i) => this.copy(b, results[i]!))];
    });
    const step: Step = { kind: "if", condition: this.buffers.indexOf(condition), then: then!, else: otherwise! };
    items.push({ kind: "steps", steps: [step], reads: [condition], writes: results });
  }

  private loop(op: Op, items: Item[]): void {
    const operands = namedOperands(op, (v) => this.buffers.of(v)) as { count?: Buffer; condition?: Buffer; carried: readonly Buffer[] };
    const { count, condition, carried } = operands;
    const body = op.attributes["body"] as Graph;
    const results = op.results.map((r) => this.buffers.create(r));
    const [iteration, running, ...state] = body.inputs.map((v) => this.buffers.create(v)) as [Buffer, Buffer, ...Buffer[]];
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
      iteration: this.buffers.indexOf(iteration),
      ...(count && { limit: this.buffers.indexOf(count) }),
      condition: this.buffers.indexOf(running),
      steps: inside,
    };
    const counted = results.slice(carried.length + stacked.length).map((b) => this.copy(iteration, b));
    const steps = [...carried.map((b, i) => this.copy(b, state[i]!)), step, ...state.map((b, i) => this.copy(b, results[i]!)), ...counted];
    items.push({ kind: "steps", steps, reads: [...carried, running, ...(count ? [count] : [])], writes: results });
  }

  /** Buffers that something other than stages of this line needs are not fused away: those with an index, a name, a result. */
  private fuse(items: readonly Item[], results: readonly Buffer[]): Item[] {
    const kept = new Set<Buffer>(results);
    for (const [from, to] of this.buffers.renamings) kept.add(from).add(to);
    const line = items.map((item, i): FusionItem => (item.kind === "stage" ? item : { kind: "other", index: i, ...this.accessesOf(item) }));
    return fuseStages(line, (b) => kept.has(b) || this.buffers.isIndexed(b)).map((f) => (f.kind === "stage" ? f : items[f.index]!));
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

  private readonly view = (b: Buffer): View => this.buffers.view(b);

  /** Inside the routine that produces an extent, the scalar it is stored to stands for it. */
  private routineView(op: Op): (b: Buffer) => View {
    const by = new Map<Atom, Dim>();
    for (const e of producedExtents(op)) {
      const from = this.buffers.rootOf(this.buffers.of(op.results[e.from]!));
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
    return {
      kind: "run",
      kernel,
      args: args.map((b) => this.buffers.indexOf(b)),
      extents: extents.map((e) => this.extents.indexOf(e.name)),
    };
  }
}
