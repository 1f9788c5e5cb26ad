/** The rewriter: the only code that changes a graph, and the driver that applies rules until none does. */
import { type AnyOpDefinition, Builder, createOp, OpCreator, type OperandsFor, producedExtents } from "../ir/define.ts";
import { OpError } from "../ir/diagnostic.ts";
import { Graph, Op, type Value } from "../ir/graph.ts";
import { IdentityOp } from "../ir/ops/identity.ts";
import { sameShape, sameType, type Type } from "../ir/type.ts";
import type { NumericsClass, PassContext } from "./pass.ts";
import type { Pattern } from "./pattern.ts";

export interface Rule {
  /** kebab-case; shown in traces. */
  readonly name: string;
  /** The op the rule starts from; undefined: any. */
  readonly root: AnyOpDefinition | undefined;
  readonly numerics: NumericsClass;
  /** What takes the place of the op's results (one value per result), or undefined when the rule does not apply. */
  apply(op: Op, rewriter: Rewriter): Value | readonly Value[] | undefined;
}

/** A rule from a pattern; its doc comment states the algebra. */
export function rule<C>(
  name: string,
  numerics: NumericsClass,
  pattern: Pattern<C>,
  rewrite: (captures: C, rewriter: Rewriter, op: Op) => Value | readonly Value[] | undefined,
): Rule {
  return {
    name,
    root: pattern.root,
    numerics,
    apply(op, rewriter) {
      const captures = pattern.match(op);
      return captures && rewrite(captures, rewriter, op);
    },
  };
}

/** A rule that looks at the op itself. */
export function opRule(
  name: string,
  numerics: NumericsClass,
  root: AnyOpDefinition | undefined,
  apply: (op: Op, rewriter: Rewriter) => Value | readonly Value[] | undefined,
): Rule {
  return { name, root, numerics, apply };
}

/** The name of an op's definition as part of a rule's name. */
export const kebab = (definition: AnyOpDefinition): string => definition.name.replaceAll("_", "-");

/** Creates ops just before the one that is rewritten, with its location. */
export class Rewriter extends OpCreator {
  readonly created: Op[] = [];
  readonly builder: Builder;

  constructor(
    graph: Graph,
    private readonly before: Op,
    /** Classes of rewrites that are allowed. */
    readonly numerics: ReadonlySet<NumericsClass>,
  ) {
    super();
    this.builder = new Builder(graph, before.location, before, (op) => this.created.push(op));
  }

  /** The op's definition, attributes and location with other operands, given in slot order. */
  withOperands(op: Op, operands: readonly (Value | undefined)[]): Value {
    const names = Object.keys(op.definition.operands as Record<string, unknown>);
    const specs = op.definition.operands as Record<string, { arity: string }>;
    const named = Object.fromEntries(names.map((n, i) => [n, specs[n]!.arity === "many" ? operands.slice(i) : operands[i]]));
    const copy = createOp(op.definition, named as Partial<OperandsFor<AnyOpDefinition, Value>>, op.attributes, op.location);
    this.builder.graph.insert(copy, this.before);
    this.created.push(copy);
    return copy.result;
  }
}

/** An op nobody uses, which has no effect of its own and names no extent. */
export const isDead = (op: Op): boolean =>
  op.results.every((r) => r.uses.size === 0) && op.definition.impure !== true && producedExtents(op).length === 0;

/** Every graph of the program, inner ones first. */
export function allGraphs(graph: Graph): Graph[] {
  const inner = [...graph.ops()].flatMap((op) => op.regions.flatMap(allGraphs));
  return [...inner, graph];
}

/** Equal types; extents are hash-consed, so this is quick. */
const isSameType = (a: Type, b: Type): boolean =>
  a === b || (a.kind === "tensor" && b.kind === "tensor" ? a.dtype === b.dtype && sameShape(a.shape, b.shape) : sameType(a, b));

/** The use as an output of the whole model, whose name callers know. */
const modelOutput = (v: Value): Graph | undefined => {
  for (const { user } of v.uses) if (user instanceof Graph && !user.parent) return user;
  return undefined;
};

/** Whether the value's name is seen from outside: an input or an output of the whole model. */
export const hasPublicName = (v: Value): boolean =>
  v.name !== "" && ((v.def instanceof Graph && !v.def.parent) || modelOutput(v) !== undefined);

/**
 * Every use of `from` becomes a use of `to`, which has the same type. An output of the model keeps its name: `to` takes
 * it over or, where it has one that is seen from outside itself, gets a named copy.
 */
export function replaceValue(from: Value, to: Value): void {
  const model = modelOutput(from);
  if (model && from.name !== "" && from.name !== to.name) {
    if (!hasPublicName(to)) to.name = from.name;
    else if (to.type.kind === "tensor") giveCopy(model, from, to);
  }
  (from.def instanceof Op ? from.def.graph! : from.def).replaceUses(from, to);
}

function giveCopy(model: Graph, from: Value, to: Value): void {
  const copy = new Builder(model, from.op?.location).create(IdentityOp, { x: to });
  copy.name = from.name;
  for (const { user, index } of [...from.uses]) if (user === model) model.setOutput(index, copy);
}

/** Applies the rules to every op, and again to what changed, until nothing changes. The number of rewrites. */
export function applyRules(graph: Graph, rules: readonly Rule[], context: PassContext): number {
  const allowed = rules.filter((r) => r.numerics === "exact" || context.numerics.has(r.numerics));
  return new Driver(graph, allowed, context).run();
}

/** Rewrites per op after which rules that undo each other are suspected. */
const mostRewrites = 64;

class Driver {
  private readonly byRoot = new Map<AnyOpDefinition | undefined, Rule[]>();
  /** The rules of a definition, those for any op last. */
  private readonly rulesOf = new Map<AnyOpDefinition, readonly Rule[]>();
  private readonly worklist: Op[];
  private readonly queued: Set<Op>;
  private applied = 0;

  constructor(
    graph: Graph,
    rules: readonly Rule[],
    private readonly context: PassContext,
  ) {
    for (const r of rules) {
      const list = this.byRoot.get(r.root);
      if (list) list.push(r);
      else this.byRoot.set(r.root, [r]);
    }
    this.worklist = allGraphs(graph)
      .flatMap((g) => [...g.ops()])
      .reverse();
    this.queued = new Set(this.worklist);
  }

  run(): number {
    const limit = mostRewrites * (this.worklist.length + 16);
    for (let op = this.worklist.pop(); op; op = this.worklist.pop()) {
      this.queued.delete(op);
      if (!op.graph) continue;
      if (isDead(op)) this.erase(op);
      else if (this.rewrite(op) && ++this.applied > limit) throw new Error("rewrite rules undo each other");
    }
    return this.applied;
  }

  private rules(definition: AnyOpDefinition): readonly Rule[] {
    const known = this.rulesOf.get(definition);
    if (known) return known;
    const made = [...(this.byRoot.get(definition) ?? []), ...(this.byRoot.get(undefined) ?? [])];
    this.rulesOf.set(definition, made);
    return made;
  }

  private rewrite(op: Op): boolean {
    const rules = this.rules(op.definition);
    if (rules.length === 0) return false;
    const rewriter = new Rewriter(op.graph!, op, this.context.numerics);
    for (const r of rules) {
      const made = this.attempt(r, op, rewriter);
      if (made) {
        this.context.trace?.(r.name, op);
        this.replace(op, made);
        for (const o of rewriter.created.reverse()) this.push(o);
        return true;
      }
      for (const o of rewriter.created.reverse()) if (isDead(o)) o.graph!.remove(o);
      rewriter.created.length = 0;
    }
    return false;
  }

  /**
   * What the rule puts in place of the results. A rule whose ops do not fit, or whose results have other types than the
   * op's (an extent may be known by several names), does not apply.
   */
  private attempt(r: Rule, op: Op, rewriter: Rewriter): readonly Value[] | undefined {
    try {
      const made = r.apply(op, rewriter);
      if (!made) return undefined;
      const values = Array.isArray(made) ? (made as readonly Value[]) : [made as Value];
      return op.results.every((v, i) => !values[i] || isSameType(v.type, values[i].type)) ? values : undefined;
    } catch (e) {
      if (e instanceof OpError) return undefined;
      throw e;
    }
  }

  private replace(op: Op, values: readonly Value[]): void {
    op.results.forEach((result, i) => {
      const value = values[i];
      if (!value || value === result) return;
      for (const { user } of result.uses) if (user instanceof Op) this.push(user);
      replaceValue(result, value);
    });
    if (isDead(op)) this.erase(op);
  }

  private erase(op: Op): void {
    const operands = op.operands.filter((v) => v !== undefined);
    op.graph!.remove(op);
    for (const v of operands) {
      if (v.op) this.push(v.op);
      // The last users of a value may now match patterns that want a single one.
      if (v.uses.size > 2) continue;
      for (const { user } of v.uses) if (user instanceof Op) this.push(user);
    }
  }

  private push(op: Op): void {
    if (this.queued.has(op)) return;
    this.queued.add(op);
    this.worklist.push(op);
  }
}
