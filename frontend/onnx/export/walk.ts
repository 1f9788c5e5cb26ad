/** Walks a graph of ours and writes each op by its row: in place, or as a call of a function that holds its nodes. */
import type { Constant } from "../../../ir/attribute.ts";
import { constantContent } from "../../../ir/content.ts";
import { namedOperands, producedExtents } from "../../../ir/define.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Graph, Op, Value } from "../../../ir/graph.ts";
import { tensor, type TensorType, type Type } from "../../../ir/type.ts";
import type { Problems } from "../../problems.ts";
import { Body } from "./body.ts";
import { rowOf } from "./index.ts";
import { functionText } from "./messages.ts";
import type { Context, Row, Written } from "./row.ts";
import type { ExportSession } from "./session.ts";
import { type Name, NeedsOpsetError, type Operand, OutsideFunctionError, type Term } from "./term.ts";

/** The domain of the functions that stand for ops which ONNX lacks. */
export const functionDomain = "sinter";

const unknownShape = tensor("string", []);

export class GraphWalk {
  private readonly terms = new Map<Value, Operand>();
  /** The latest version that an op asked for. */
  neededOpset = 0;

  constructor(
    private readonly session: ExportSession,
    /** The names that the model's values have. */
    private readonly names: ReadonlyMap<Value, string>,
    private readonly problems: Problems,
  ) {}

  /** The main graph, its inputs and outputs under their own names. */
  main(graph: Graph): Body {
    const body = new Body(this.session, undefined);
    for (const v of graph.inputs) this.input(body, v);
    for (const v of graph.inputs) body.learnFrom(this.terms.get(v)!, v.type);
    this.fill(body, graph, true);
    return body;
  }

  private input(body: Body, v: Value, hint = "input"): void {
    this.attempt(() => this.expectType(v.type));
    const term = this.define(v, this.nameOf(v, hint));
    body.inputs.push({ name: term.name, type: v.type });
  }

  private nameOf(v: Value, hint: string): Name {
    return { text: this.names.get(v), hint };
  }

  private define(v: Value, name: Name): Operand {
    const type = v.type.kind === "tensor" ? v.type : unknownShape;
    const term = { name, dtype: type.dtype, shape: type.shape, type: v.type, content: () => constantContent(v) };
    this.terms.set(v, term);
    return term;
  }

  private expectType(t: Type): void {
    if (t.kind === "tensor") this.session.expectDType(t.dtype);
    else if (t.kind === "tuple") throw new OpError("ONNX has no tuples", "unsupported-type");
    else this.expectType(t.element);
  }

  /** The ops and outputs of a graph, at the end of `body`. */
  private fill(body: Body, graph: Graph, isMain: boolean): void {
    for (const op of graph.ops()) this.op(body, op);
    const made = new Set(body.nodes.flatMap((node) => node.outputs));
    const taken = new Set<Name>();
    body.outputs = graph.outputs.map((v) => {
      const term = this.terms.get(v)!;
      const isFree = made.has(term.name) && !taken.has(term.name);
      const name = isFree ? term.name : this.copy(body, term, isMain ? this.names.get(v) : undefined, taken);
      taken.add(name);
      return { name, type: v.type };
    });
  }

  /** Outputs must be results of nodes, each of its own; the copy has the value's name where that is free. */
  private copy(body: Body, term: Operand, wanted: string | undefined, taken: ReadonlySet<Name>): Name {
    const { name } = this.attempt(() => body.copy(term, term.type)) ?? term;
    const isFree = wanted !== undefined && term.name.text !== wanted && [...taken].every((n) => n.text !== wanted);
    if (isFree) name.text = wanted;
    return name;
  }

  private op(body: Body, op: Op): void {
    this.session.location = op.location;
    if (op.name === "constant") return this.constant(body, op);
    const row = rowOf(op.definition);
    const start = body.nodes.length;
    const written = row && this.attempt(() => this.write(body, op, row), op);
    const fresh = new Set(body.nodes.slice(start).flatMap((node) => node.outputs));
    op.results.forEach((v, i) => {
      this.bind(body, op, v, written?.[i], fresh);
    });
    this.learnProduced(body, op, written);
  }

  /** Extents that the op produces are read off its results, or are a result of their own. */
  private learnProduced(body: Body, op: Op, written: readonly (Term | undefined)[] | undefined): void {
    for (const { name, from } of producedExtents(op)) {
      const scalar = written?.[from];
      if (scalar) body.learn(name, { scalar });
    }
    if (op.definition.extents) for (const v of op.results) body.learnFrom(this.terms.get(v)!, v.type);
  }

  /** What `action` gives; where it fails the problem is noted, and the walk goes on. */
  private attempt<T>(action: () => T, op?: Op): T | undefined {
    try {
      return action();
    } catch (e) {
      if (!(e instanceof OpError)) throw e;
      if (e instanceof NeedsOpsetError) this.neededOpset = Math.max(this.neededOpset, e.opset);
      this.problems.error(e.code, this.session.location, e.message, { ...e.more, ...(op && { op: op.name }) });
      return undefined;
    }
  }

  private constant(body: Body, op: Op): void {
    const value = op.attributes["data"] as Constant;
    const v = op.result;
    this.attempt(() => {
      if (value.type.dtype === "string") throw new OpError("constants of strings are not written", "unsupported-type");
      const isNamed = this.names.has(v) && !body.isFunction;
      const name = isNamed ? this.session.add(value, this.nameOf(v, "constant")) : body.constant(value).name;
      this.define(v, name);
    }, op);
    if (!this.terms.has(v)) this.define(v, this.nameOf(v, "constant"));
  }

  /** The term becomes the value; a fresh one takes over its name. */
  private bind(body: Body, op: Op, v: Value, term: Term | undefined, fresh: ReadonlySet<Name>): void {
    const name = term?.name ?? this.nameOf(v, op.name);
    const isFresh = name.text === undefined && fresh.has(name);
    if (isFresh) name.text = this.names.get(v);
    if (isFresh) body.types.push({ name, type: v.type });
    this.define(v, name);
  }

  private operands(op: Op): Record<string, unknown> {
    return namedOperands(op, (v) => this.terms.get(v)!);
  }

  private write(body: Body, op: Op, row: Row): (Term | undefined)[] {
    for (const { type } of op.results) this.expectType(type);
    if (row.isFunction && !body.isFunction) {
      const called = this.call(body, op, row);
      if (called) return called;
    }
    return this.inPlace(body, op, row, this.operands(op));
  }

  private inPlace(body: Body, op: Op, row: Row, operands: unknown): (Term | undefined)[] {
    return asResults(body, op, row.emit(body, operands, op.attributes, this.context(body, op)));
  }

  /** The op as a call of its function; undefined where the nodes are better in place. */
  private call(body: Body, op: Op, row: Row): (Term | undefined)[] | undefined {
    const inner = new Body(this.session, undefined, true);
    const given: Term[] = [];
    const operands = namedOperands(op, (v): Operand => {
      const outer = this.terms.get(v)!;
      given.push(outer);
      const term = { ...outer, name: { text: `x${given.length - 1}`, hint: "x" } };
      inner.inputs.push({ name: term.name, type: v.type });
      inner.learnFrom(term, v.type);
      return term;
    });
    const results = withinFunction(() => this.inPlace(inner, op, row, operands));
    if (!results || inner.nodes.filter((node) => node.operator !== "Constant").length < 2) return undefined;
    const used = results.map((t, i) => ({ term: t, type: op.results[i]!.type })).filter((r) => r.term !== undefined);
    inner.outputs = used.map(({ term, type }) => ({ name: produced(inner, term!), type }));
    const { name } = this.session.functionOf(op.name, functionText(inner), inner);
    const made = body.plain(
      name,
      given,
      {},
      used.map((r) => r.term!.dtype),
      functionDomain,
    );
    return results.map((t) => (t ? made.shift() : undefined));
  }

  private context(body: Body, op: Op): Context {
    return {
      results: op.results.map((v) => v.type),
      get result(): TensorType {
        return op.result.tensor;
      },
      isUsed: (i) => op.results[i]!.uses.size > 0,
      region: (name, hint) => this.region(body, op.attributes[name] as Graph, hint),
      inlined: (name, inputs) => this.inlined(body, op.attributes[name] as Graph, inputs),
    };
  }

  private inlined(body: Body, graph: Graph, inputs: readonly Term[]): readonly Term[] {
    graph.inputs.forEach((v, i) => this.define(v, inputs[i]!.name));
    for (const op of graph.ops()) this.op(body, op);
    return graph.outputs.map((v) => this.terms.get(v)!);
  }

  private region(outer: Body, graph: Graph, hint: string): Body {
    const body = new Body(this.session, outer);
    for (const v of graph.inputs) this.input(body, v, hint);
    const { location } = this.session;
    this.fill(body, graph, false);
    this.session.location = location;
    return body;
  }
}

/** The results in their own element types. */
function asResults(body: Body, op: Op, written: Written): (Term | undefined)[] {
  const list: readonly (Term | undefined)[] = "name" in written ? [written] : written;
  return op.results.map((v, i) => {
    const term = list[i];
    return term && v.type.kind === "tensor" ? body.cast(term, v.type.dtype) : term;
  });
}

/** An output of a function must be the result of one of its nodes. */
function produced(body: Body, term: Term): Name {
  const isMade = body.nodes.some((node) => node.outputs.includes(term.name)) && !body.outputs.some((o) => o.name === term.name);
  return isMade ? term.name : body.plain("Identity", [term], {}, [term.dtype])[0]!.name;
}

function withinFunction<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (e) {
    if (e instanceof OutsideFunctionError) return undefined;
    throw e;
  }
}
