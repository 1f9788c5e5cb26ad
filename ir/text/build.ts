/**
 * From syntax to a graph: names become values, ops are created and every written type is held against the inferred one.
 * A mistake is reported and what depends on it goes on with the types as written, so that one run finds them all.
 */
import type { IToken } from "chevrotain";
import type { Constant } from "../attribute.ts";
import { allOps, type AnyOpDefinition, type AttributeSpecs, Builder, createOp, findOp } from "../define.ts";
import { CompileError, type Diagnostic, type DiagnosticCode, type Diagnostics, OpError } from "../diagnostic.ts";
import { Graph, type Op, Value } from "../graph.ts";
import type { Location } from "../location.ts";
import { ConstantOp } from "../ops/constant.ts";
import { formatType, sameType, tensor, type Type } from "../type.ts";
import { readName } from "./name.ts";
import { keyOf, Scope } from "./scope.ts";
import { Slots } from "./slots.ts";
import { didYouMean } from "./suggest.ts";
import type { GraphSyntax, OpSyntax, ReturnSyntax, StatementSyntax, Syntax } from "./syntax.ts";
import { Mistake, toAttribute, toType, type WeightReader } from "./values.ts";

/** Something depends on what is wrong and was reported already. */
class Broken extends Error {}

export interface BuildOptions {
  readonly source: string;
  readonly readWeights?: WeightReader;
  readonly dims?: ReadonlyMap<string, number>;
  readonly inputValues?: ReadonlyMap<string, Constant>;
  /** Some statements could not be read: names that are not there are no mistake then. */
  readonly isPartial: boolean;
}

export class GraphBuilder {
  private readonly defined = new Map<string, IToken>();
  private readonly dims: ReadonlyMap<string, number>;

  constructor(
    readonly diagnostics: Diagnostics,
    private readonly options: BuildOptions,
  ) {
    this.dims = options.dims ?? new Map();
  }

  build(syntax: GraphSyntax): Graph {
    this.collectNames(syntax);
    const graph = this.graph(syntax, undefined).graph;
    this.checkResults(syntax, graph);
    return graph;
  }

  locate(at: IToken): Location {
    return { source: this.options.source, line: at.startLine!, column: at.startColumn! };
  }

  private error(code: DiagnosticCode, at: IToken, message: string, more: Partial<Diagnostic> = {}): void {
    this.diagnostics.error(code, this.locate(at), message, more);
  }

  /** Does something that may find a mistake; `at` is where errors that have no token of their own are reported. */
  private attempt<T>(at: IToken, action: () => T): T | undefined {
    try {
      return action();
    } catch (e) {
      if (e instanceof Mistake) this.error(e.code, e.at, e.message, e.more);
      else if (e instanceof OpError) this.error(e.code, at, e.message, e.more);
      else if (e instanceof CompileError) e.diagnostics.forEach((d) => this.diagnostics.report({ ...d, location: this.locate(at) }));
      else if (!(e instanceof Broken)) throw e;
      return undefined;
    }
  }

  private collectNames(graph: GraphSyntax): void {
    const note = (at: IToken): void => {
      const key = this.attempt(at, () => keyOf(at));
      if (key !== undefined && !this.defined.has(key)) this.defined.set(key, at);
    };
    graph.inputs.forEach(({ name }) => {
      note(name);
    });
    for (const s of graph.statements) {
      if (s.kind === "return") continue;
      s.results.forEach(note);
      for (const { value } of s.attributes) if (value.kind === "graph") this.collectNames(value);
    }
  }

  private graph(syntax: GraphSyntax, outer: Scope | undefined): { readonly graph: Graph; readonly isComplete: boolean } {
    const scope = new Scope(outer);
    const graph = new Graph((syntax.name && this.attempt(syntax.name, () => readName(syntax.name!.image))) ?? "");
    for (const input of syntax.inputs) {
      const type = this.attempt(input.name, () => toType(input.type, this.dims));
      const fixed = outer ? undefined : this.fixedInput(input.name, type, graph);
      this.define(scope, input.name, fixed ?? graph.addInput("", type ?? tensor("f32", [])));
    }
    return { graph, isComplete: this.statements(syntax, graph, scope) };
  }

  /** A constant in the place of an input whose value the options give. */
  private fixedInput(at: IToken, type: Type | undefined, graph: Graph): Value | undefined {
    const data = this.options.inputValues?.get(readName(at.image) ?? "");
    if (!data || !type) return undefined;
    if (sameType(data.type, type)) return new Builder(graph, this.locate(at)).create(ConstantOp, {}, { data });
    this.mismatch(at, `the value given for the input '${at.image}' has another type`, type, data.type);
    return undefined;
  }

  /** Builds the ops; says whether the graph has got its outputs. */
  private statements({ statements, end }: GraphSyntax, graph: Graph, scope: Scope): boolean {
    for (const [i, s] of statements.entries()) {
      if (s.kind === "op") {
        this.op(s, graph, scope);
        continue;
      }
      const next = statements[i + 1];
      if (next) this.error("syntax", startOf(next), "nothing can follow 'return'");
      return this.setOutputs(s, graph, scope);
    }
    if (!this.options.isPartial) this.error("syntax", end, "the graph does not end with 'return'");
    return false;
  }

  private setOutputs({ values }: ReturnSyntax, graph: Graph, scope: Scope): boolean {
    const outputs = values.map((at) => this.attempt(at, () => this.lookUp(at, scope)));
    const isComplete = outputs.every((v) => v !== undefined);
    if (isComplete) graph.setOutputs(outputs);
    return isComplete;
  }

  private region(syntax: GraphSyntax, outer: Scope): Graph {
    const { graph, isComplete } = this.graph(syntax, outer);
    if (!isComplete) throw new Broken();
    return graph;
  }

  private define(scope: Scope, at: IToken, value: Value | undefined): void {
    const key = this.attempt(at, () => keyOf(at));
    if (key === undefined) return;
    const known = scope.find(key);
    if (known)
      return this.error("invalid-graph", at, `'${key}' is defined twice`, {
        notes: [{ location: this.locate(known.at), message: "it is first defined here" }],
      });
    if (value) value.name = readName(at.image) ?? "";
    scope.add(key, value, at);
  }

  private lookUp(at: IToken, scope: Scope): Value {
    const key = keyOf(at);
    const found = scope.find(key);
    if (found?.value) return found.value;
    if (found || this.options.isPartial) throw new Broken();
    const later = this.defined.get(key);
    if (!later) throw new Mistake(at, "invalid-graph", `'${key}' is not defined`, didYouMean(key, scope.keys()));
    const location = this.locate(later);
    const isAfter = later.startOffset > at.startOffset;
    throw new Mistake(
      at,
      "invalid-graph",
      isAfter ? `'${key}' is used before it is defined` : `'${key}' is defined in a graph that is not around this op`,
      {
        notes: [{ location, message: "it is defined here" }],
      },
    );
  }

  private op(syntax: OpSyntax, graph: Graph, scope: Scope): void {
    const made = this.attempt(syntax.name, () => this.create(syntax, scope));
    const written = syntax.types.map((type) => this.attempt(type.at, () => toType(type, this.dims)));
    if (made) this.checkTypes(syntax, made, written);
    if (made) graph.insert(made);
    syntax.results.forEach((at, i) => {
      const type = written[i];
      this.define(scope, at, made?.results[i] ?? (type && new Value(type, graph, -1, "")));
    });
  }

  private create(syntax: OpSyntax, scope: Scope): Op {
    const name = syntax.name.image;
    const definition = findOp(name);
    // The parts are looked at even when one of them is wrong, so that every mistake is found.
    const operands = definition && this.operands(syntax, definition, scope);
    const attributes = definition && this.attributes(syntax, definition, scope);
    if (!definition) {
      throw new Mistake(
        syntax.name,
        "unknown-op",
        `there is no op '${name}'`,
        didYouMean(
          name,
          allOps().map((d) => d.name),
        ),
      );
    }
    if (!operands || !attributes) throw new Broken();
    return createOp(definition, operands, attributes, this.locate(syntax.name));
  }

  /** Operands by name, undefined when one is wrong. */
  private operands(syntax: OpSyntax, definition: AnyOpDefinition, scope: Scope): Record<string, Value | Value[]> | undefined {
    const named: Record<string, Value | Value[]> = {};
    const slots = new Slots(definition, syntax.name);
    let isComplete = true;
    for (const { label, value: at } of syntax.operands) {
      const slot = this.attempt(label ?? at, () => slots.next(label, at));
      const value = this.attempt(at, () => this.lookUp(at, scope));
      if (!slot || !value) isComplete = false;
      else if (slot.spec.arity === "many") ((named[slot.name] ??= []) as Value[]).push(value);
      else named[slot.name] = value;
    }
    return isComplete && this.attempt(syntax.name, () => (slots.finish(), true)) ? named : undefined;
  }

  /** Attributes by name as far as they are written, undefined when one is wrong. */
  private attributes(syntax: OpSyntax, definition: AnyOpDefinition, scope: Scope): Record<string, unknown> | undefined {
    const specs = definition.attributes as AttributeSpecs;
    const given: Record<string, unknown> = {};
    const context = {
      readWeights: this.options.readWeights,
      region: (g: GraphSyntax) => this.region(g, scope),
      resultType: () => syntax.types[0] && toType(syntax.types[0], this.dims),
      dims: this.dims,
    };
    for (const { name: at, value: s } of syntax.attributes) {
      const name = at.image;
      const value = this.attempt(at, () => {
        const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
        if (!spec)
          throw new Mistake(at, "bad-attribute", `'${definition.name}' has no attribute '${name}'`, didYouMean(name, Object.keys(specs)));
        if (Object.hasOwn(given, name)) throw new Mistake(at, "bad-attribute", `attribute '${name}' is given twice`);
        return this.accepted(toAttribute(spec, s, context), spec.choices, s);
      });
      given[name] = value;
    }
    return syntax.attributes.every(({ name }) => given[name.image] !== undefined) ? given : undefined;
  }

  private accepted(value: unknown, choices: readonly string[] | undefined, s: Syntax): unknown {
    if (!choices || choices.includes(value as string)) return value;
    const expected = choices.map((c) => JSON.stringify(c)).join(" or ");
    throw new Mistake(s.at, "bad-attribute", "the attribute cannot have this value", {
      expected,
      received: JSON.stringify(value),
      ...didYouMean(value as string, choices),
    });
  }

  private checkTypes({ name, results, types }: OpSyntax, op: Op, written: readonly (Type | undefined)[]): void {
    for (const [what, n] of [
      ["results", results.length],
      ["types", types.length],
    ] as const) {
      if (n !== op.results.length)
        return this.error("type-mismatch", name, `'${op.name}' has another number of ${what}`, {
          expected: String(op.results.length),
          received: String(n),
        });
    }
    op.results.forEach((value, i) => {
      const type = written[i];
      if (type && !sameType(type, value.type))
        this.mismatch(types[i]!.at, `'${op.name}' gives '${results[i]!.image}' another type`, value.type, type);
    });
  }

  private mismatch(at: IToken, message: string, expected: Type, received: Type): void {
    this.error("type-mismatch", at, message, { expected: formatType(expected), received: formatType(received) });
  }

  /** The result types that a graph's header gives. */
  private checkResults({ results, at }: GraphSyntax, graph: Graph): void {
    if (!results || this.diagnostics.errors.length > 0) return;
    if (results.length !== graph.outputs.length) {
      return this.error("type-mismatch", at, "the graph returns another number of values", {
        expected: String(results.length),
        received: String(graph.outputs.length),
      });
    }
    results.forEach((s, i) => {
      const type = this.attempt(s.at, () => toType(s, this.dims));
      const value = graph.outputs[i]!;
      if (type && !sameType(type, value.type)) this.mismatch(s.at, `output ${i} has another type`, value.type, type);
    });
  }
}

const startOf = (s: StatementSyntax): IToken => (s.kind === "return" ? s.at : (s.results[0] ?? s.name));
