/**
 * The graph: inputs, a linked list of ops in SSA form, outputs. Also the only kind of region: `if`, `loop` and `scan`
 * hold graphs as attributes, whose ops may use values of the graphs around them.
 *
 * Invariant: `value.uses` names every operand slot and graph output that holds the value, in inner graphs too. The
 * mutating methods keep it; only builders (`ir/define.ts`) and rewriters (`passes/rewrite.ts`) call them.
 */
import type { AnyOpDefinition } from "./define.ts";
import { OpError } from "./diagnostic.ts";
import type { Location } from "./location.ts";
import type { TensorType, Type } from "./type.ts";

/** One place that holds a value: an operand slot of an op or an output slot of a graph. */
export interface Use {
  readonly user: Op | Graph;
  readonly index: number;
}

export class Value {
  /** Slots that hold this value; a user that holds it twice stands here twice. */
  readonly uses = new Set<Use>();
  constructor(
    public type: Type,
    /** The op it is a result of, or the graph it is an input of. */
    readonly def: Op | Graph,
    /** Which result or input. */
    readonly index: number,
    /** The model's name for it, or "". */
    public name: string,
  ) {}

  /** The op that computes the value, unless it is an input. */
  get op(): Op | undefined {
    return this.def instanceof Op ? this.def : undefined;
  }

  /** The type as a tensor's; an `OpError` where it is none. */
  get tensor(): TensorType {
    if (this.type.kind !== "tensor") throw new OpError(`'${this.name}' is a ${this.type.kind}, and a tensor is needed`, "bad-operand");
    return this.type;
  }
}

export class Op {
  readonly results: Value[] = [];
  graph: Graph | undefined;
  previous: Op | undefined;
  next: Op | undefined;
  /** Grows along the graph's list; compare only within one graph. */
  order = 0;
  private readonly slots: ({ value: Value; use: Use } | undefined)[];

  constructor(
    readonly definition: AnyOpDefinition,
    operands: readonly (Value | undefined)[],
    /** Replaced as a whole only where extents get their values (`passes/bind-extents.ts`). */
    public attributes: Readonly<Record<string, unknown>>,
    readonly location: Location,
  ) {
    this.slots = operands.map((v, i) => this.hold(v, i));
  }

  get name(): string {
    return this.definition.name;
  }

  /** In the order of the definition; variadic ones last; undefined where an optional one is absent. */
  get operands(): readonly (Value | undefined)[] {
    return this.slots.map((s) => s?.value);
  }

  /** Operand slots in order. */
  operand(index: number): Value | undefined {
    return this.slots[index]?.value;
  }

  /** The only or first result. */
  get result(): Value {
    return this.results[0]!;
  }

  setOperand(index: number, value: Value | undefined): void {
    const slot = this.slots[index];
    slot?.value.uses.delete(slot.use);
    this.slots[index] = this.hold(value, index);
  }

  /** The op's graph attributes: bodies of loops, branches. */
  get regions(): Graph[] {
    return Object.values(this.attributes).filter((a): a is Graph => a instanceof Graph);
  }

  private hold(value: Value | undefined, index: number): { value: Value; use: Use } | undefined {
    if (!value) return undefined;
    const use: Use = { user: this, index };
    value.uses.add(use);
    return { value, use };
  }
}

const orderGap = 1024;

export class Graph {
  readonly inputs: Value[] = [];
  private first: Op | undefined;
  private last: Op | undefined;
  private slots: { value: Value; use: Use }[] = [];
  /** The op whose attribute this graph is, when it is a region. */
  parent: Op | undefined;

  constructor(public name: string) {}

  get outputs(): readonly Value[] {
    return this.slots.map((s) => s.value);
  }

  setOutputs(values: readonly Value[]): void {
    for (const s of this.slots) s.value.uses.delete(s.use);
    this.slots = values.map((value, index) => {
      const use: Use = { user: this, index };
      value.uses.add(use);
      return { value, use };
    });
  }

  setOutput(index: number, value: Value): void {
    const slot = this.slots[index]!;
    slot.value.uses.delete(slot.use);
    this.slots[index] = { value, use: slot.use };
    value.uses.add(slot.use);
  }

  addInput(name: string, type: Type): Value {
    const v = new Value(type, this, this.inputs.length, name);
    this.inputs.push(v);
    return v;
  }

  /** The ops in order; the current one may be removed and new ones inserted while iterating. */
  *ops(): Generator<Op, void, undefined> {
    for (let op = this.first; op;) {
      const { next } = op;
      yield op;
      op = op.graph === this ? op.next : next;
    }
  }

  *opsReversed(): Generator<Op, void, undefined> {
    for (let op = this.last; op;) {
      const { previous } = op;
      yield op;
      op = op.graph === this ? op.previous : previous;
    }
  }

  /** Inserts before `at`, or at the end. */
  insert(op: Op, at?: Op): void {
    const before = at ? at.previous : this.last;
    op.graph = this;
    op.previous = before;
    op.next = at;
    if (before) before.next = op;
    else this.first = op;
    if (at) at.previous = op;
    else this.last = op;
    for (const region of op.regions) region.parent = op;
    op.order = this.orderBetween(before, at);
    if (op.order === before?.order || op.order === at?.order) this.renumber();
  }

  /** Close behind `before`, so that many ops in a row fit before one that stands already. */
  private orderBetween(before: Op | undefined, at: Op | undefined): number {
    if (!at) return (before?.order ?? 0) + orderGap;
    return before ? before.order + Math.min(1, (at.order - before.order) / 2) : at.order - orderGap;
  }

  /** Takes an op, with its operands and uses, out of its graph and inserts it here, before `at` or at the end. */
  adopt(op: Op, at?: Op): void {
    op.graph?.unlink(op);
    this.insert(op, at);
  }

  /** Takes the op out; none of its results may have a use. */
  remove(op: Op): void {
    if (op.results.some((r) => r.uses.size > 0)) throw new Error(`op '${op.name}' is removed while its result is used`);
    for (const region of op.regions) region.dispose();
    op.operands.forEach((_, i) => {
      op.setOperand(i, undefined);
    });
    this.unlink(op);
  }

  private unlink(op: Op): void {
    if (op.previous) op.previous.next = op.next;
    else this.first = op.next;
    if (op.next) op.next.previous = op.previous;
    else this.last = op.previous;
    op.graph = op.previous = op.next = undefined;
  }

  /** Every use of `from` becomes a use of `to`; `to` takes over the name where it has none. */
  replaceUses(from: Value, to: Value): void {
    to.name ||= from.name;
    for (const { user, index } of [...from.uses]) {
      if (user instanceof Op) user.setOperand(index, to);
      else user.setOutput(index, to);
    }
  }

  /** Takes out all ops and outputs, and with them every use of values of other graphs. */
  dispose(): void {
    this.setOutputs([]);
    for (const op of this.opsReversed()) this.remove(op);
  }

  private renumber(): void {
    let order = 0;
    for (const op of this.ops()) op.order = order += orderGap;
  }
}

/** The graph an op or an input belongs to. */
export const graphOf = (v: Value): Graph | undefined => (v.def instanceof Op ? v.def.graph : v.def);
