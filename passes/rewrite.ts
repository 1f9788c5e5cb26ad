/** The rewriter: the only code that changes a graph, and the driver that applies rules until none does. */
import { type AnyOpDefinition, type AttributesFor, Builder, createOp, type OperandsFor } from "../ir/define.ts";
import { Graph, type Op, type Value } from "../ir/graph.ts";
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

/** Creates ops just before the one that is rewritten, with its location. */
export class Rewriter {
  readonly created: Op[] = [];
  readonly builder: Builder;

  constructor(
    graph: Graph,
    private readonly before: Op,
    /** Classes of rewrites that are allowed. */
    readonly numerics: ReadonlySet<NumericsClass>,
  ) {
    this.builder = new Builder(graph, before.location, before, (op) => this.created.push(op));
  }

  create<D extends AnyOpDefinition>(definition: D, operands: Partial<OperandsFor<D, Value>>, attributes: Partial<AttributesFor<D>> = {}): Value {
    return this.builder.create(definition, operands, attributes);
  }

  createAll<D extends AnyOpDefinition>(definition: D, operands: Partial<OperandsFor<D, Value>>, attributes: Partial<AttributesFor<D>> = {}): readonly Value[] {
    return this.builder.createAll(definition, operands, attributes);
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

/** An op nobody uses, which has no effect of its own. */
export const isDead = (op: Op): boolean => op.results.every((r) => r.uses.size === 0) && op.definition.impure !== true;

/** Every graph of the program, inner ones first. */
export function allGraphs(graph: Graph): Graph[] {
  const inner = [...graph.ops()].flatMap((op) => op.regions.flatMap(allGraphs));
  return [...inner, graph];
}

/** Applies the rules to every op, and again to what changed, until nothing changes. */
export function applyRules(graph: Graph, rules: readonly Rule[], context: PassContext): number {
  const allowed = rules.filter((r) => r.numerics === "exact" || context.numerics.has(r.numerics));
  return allGraphs(graph).reduce((n, g) => n + new Driver(g, allowed, context).run(), 0);
}

/** Rewrites per op and graph after which rules that undo each other are suspected. */
const mostRewrites = 64;

class Driver {
  private readonly byRoot = new Map<AnyOpDefinition | undefined, Rule[]>();
  private readonly worklist: Op[];
  private readonly queued: Set<Op>;
  private applied = 0;

  constructor(
    private readonly graph: Graph,
    rules: readonly Rule[],
    private readonly context: PassContext,
  ) {
    for (const r of rules) this.byRoot.set(r.root, [...(this.byRoot.get(r.root) ?? []), r]);
    this.worklist = [...graph.ops()].reverse();
    this.queued = new Set(this.worklist);
  }

  run(): number {
    const limit = mostRewrites * (this.worklist.length + 16);
    for (let op = this.worklist.pop(); op; op = this.worklist.pop()) {
      this.queued.delete(op);
      if (op.graph !== this.graph) continue;
      if (isDead(op)) this.erase(op);
      else if (this.rewrite(op) && ++this.applied > limit) throw new Error("rewrite rules undo each other");
    }
    return this.applied;
  }

  private rewrite(op: Op): boolean {
    for (const r of [...(this.byRoot.get(op.definition) ?? []), ...(this.byRoot.get(undefined) ?? [])]) {
      const rewriter = new Rewriter(this.graph, op, this.context.numerics);
      const made = r.apply(op, rewriter);
      if (!made) {
        for (const o of rewriter.created.reverse()) if (isDead(o)) this.graph.remove(o);
        continue;
      }
      this.context.trace?.(r.name, op);
      this.replace(op, Array.isArray(made) ? (made as readonly Value[]) : [made as Value]);
      for (const o of rewriter.created.reverse()) this.push(o);
      return true;
    }
    return false;
  }

  private replace(op: Op, values: readonly Value[]): void {
    op.results.forEach((result, i) => {
      const value = values[i];
      if (!value || value === result) return;
      for (const { user } of result.uses) if (!(user instanceof Graph)) this.push(user);
      this.graph.replaceUses(result, value);
    });
    if (isDead(op)) this.erase(op);
  }

  private erase(op: Op): void {
    const operands = op.operands.filter((v) => v !== undefined);
    this.graph.remove(op);
    for (const v of operands) {
      if (v.op) this.push(v.op);
      // The last users of a value may now match patterns that want a single one.
      if (v.uses.size > 2) continue;
      for (const { user } of v.uses) if (!(user instanceof Graph)) this.push(user);
    }
  }

  private push(op: Op): void {
    if (this.queued.has(op)) return;
    this.queued.add(op);
    this.worklist.push(op);
  }
}
