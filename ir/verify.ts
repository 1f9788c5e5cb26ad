/**
 * The verifier: what must hold of every graph between passes. It trusts nothing: lists, uses, types, attributes and
 * scopes are all checked against each other. What it reports is a bug of ours, not of the user.
 */
import { anyOperand, type AttributeSpecs, inferTypes, type OperandSpec, type OperandSpecs } from "./define.ts";
import { byteSize, formatType, sameType, staticShape } from "./type.ts";
import type { Constant } from "./attribute.ts";
import { type Diagnostic, type DiagnosticCode, Diagnostics, OpError } from "./diagnostic.ts";
import { type Graph, Op, type Value } from "./graph.ts";
import { type Location, unknownLocation } from "./location.ts";
import { describeValue } from "./text/name.ts";

/** Everything that is wrong with the graph and its regions; nothing when it is as it should be. */
export function verifyGraph(graph: Graph): Diagnostic[] {
  const verifier = new Verifier();
  verifier.graph(graph, undefined);
  verifier.uses();
  return verifier.diagnostics.list;
}

class Verifier {
  readonly diagnostics = new Diagnostics();
  /** Values that the place being looked at may use. */
  private readonly visible = new Set<Value>();
  /** Every value of the graph and its regions that was met as an input or a result. */
  private readonly defined = new Set<Value>();
  /** The slots that hold each value. */
  private readonly slots = new Map<Value, { readonly user: Op | Graph; readonly index: number }[]>();

  private error(code: DiagnosticCode, location: Location, message: string, more: Partial<Diagnostic> = {}): void {
    this.diagnostics.error(code, location, message, more);
  }

  graph(graph: Graph, parent: Op | undefined): void {
    const location = parent?.location ?? unknownLocation;
    if (graph.parent !== parent) this.error("invalid-graph", location, `the region '${graph.name}' names another op as its parent`);
    const defined: Value[] = [];
    graph.inputs.forEach((v, i) => {
      if (v.def !== graph || v.index !== i) this.error("invalid-graph", location, `input ${i} says that it is defined elsewhere`);
      this.define(v, defined, location);
    });
    this.ops(graph, defined);
    graph.outputs.forEach((v, index) => {
      this.hold(v, graph, index, location, `output ${index}`);
    });
    for (const v of defined) this.visible.delete(v);
  }

  private define(v: Value, defined: Value[], location: Location): void {
    if (this.defined.has(v)) return this.error("invalid-graph", location, `${describeValue(v)} is defined twice`);
    this.defined.add(v);
    this.visible.add(v);
    defined.push(v);
  }

  private ops(graph: Graph, defined: Value[]): void {
    let previous: Op | undefined;
    for (const op of graph.ops()) {
      if (op.graph !== graph)
        return this.error("invalid-graph", op.location, `the op '${op.name}' stands in a list that is not its graph's`);
      if (op.previous !== previous) this.error("invalid-graph", op.location, `the op '${op.name}' names another op as the one before it`);
      // Without this order the list may be a circle.
      if (previous && !(op.order > previous.order))
        return this.error("invalid-graph", op.location, `the op '${op.name}' has an order key out of order`);
      this.op(op);
      for (const v of op.results) this.define(v, defined, op.location);
      previous = op;
    }
    const reversed = graph.opsReversed().next().value;
    if (reversed !== previous)
      this.error("invalid-graph", previous?.location ?? unknownLocation, "the list of ops has another end than the last op");
  }

  private op(op: Op): void {
    const before = this.diagnostics.errors.length;
    this.operands(op);
    this.attributes(op);
    for (const region of op.regions) this.graph(region, op);
    op.results.forEach((v, i) => {
      if (v.def !== op || v.index !== i)
        this.error("invalid-graph", op.location, `result ${i} of '${op.name}' says that it is defined elsewhere`);
    });
    if (this.diagnostics.errors.length === before) this.types(op);
  }

  private operands(op: Op): void {
    const specs = Object.values(op.definition.operands as OperandSpecs);
    const isVariadic = specs.at(-1)?.arity === "many";
    const { operands } = op;
    const fixed = isVariadic ? specs.length - 1 : specs.length;
    if (isVariadic ? operands.length < fixed : operands.length !== fixed) {
      this.error("bad-operand", op.location, `'${op.name}' has another number of operands`, {
        expected: String(fixed),
        received: String(operands.length),
      });
    }
    operands.forEach((v, i) => {
      this.operand(op, v, i, specs[Math.min(i, specs.length - 1)] ?? anyOperand);
    });
  }

  private operand(op: Op, v: Value | undefined, index: number, spec: OperandSpec): void {
    const what = `operand ${index} of '${op.name}'`;
    if (!v) {
      if (spec.arity !== "optional") this.error("bad-operand", op.location, `${what} is missing`);
      return;
    }
    if (spec.accepts === "tensor" && v.type.kind !== "tensor") {
      this.error("bad-operand", op.location, `${what} is not a tensor`, { expected: "a tensor", received: formatType(v.type) });
    }
    this.hold(v, op, index, op.location, what);
  }

  /** A slot holds the value: it must be visible there. */
  private hold(v: Value, user: Op | Graph, index: number, location: Location, what: string): void {
    const holders = this.slots.get(v);
    if (holders) holders.push({ user, index });
    else this.slots.set(v, [{ user, index }]);
    if (this.visible.has(v)) return;
    const where =
      v.def instanceof Op && !v.def.graph
        ? "by an op that was removed"
        : this.defined.has(v)
          ? "in a region that is not around it"
          : "later, or in another graph";
    this.error("invalid-graph", location, `${what} is ${describeValue(v)}, which is defined ${where}`);
  }

  private attributes(op: Op): void {
    const specs = op.definition.attributes as AttributeSpecs;
    for (const name of Object.keys(op.attributes)) {
      if (!Object.hasOwn(specs, name)) this.error("bad-attribute", op.location, `'${op.name}' has no attribute '${name}'`);
    }
    for (const [name, spec] of Object.entries(specs)) {
      const value = op.attributes[name];
      if (!spec.accepts(value))
        this.error("bad-attribute", op.location, `attribute '${name}' of '${op.name}' has the wrong value`, { expected: spec.kind });
      else if (spec.kind === "data" && value !== undefined) this.constant(op, name, value as Constant);
    }
  }

  private constant(op: Op, name: string, { type, data }: Constant): void {
    const shape = staticShape(type.shape);
    const expected = shape && type.dtype !== "string" ? shape.reduce((a, b) => a * b, byteSize(type.dtype)) : undefined;
    if (expected === data.byteLength) return;
    if (type.dtype === "string" && shape) return;
    this.error("bad-attribute", op.location, `attribute '${name}' of '${op.name}' has another size than its type`, {
      expected: expected === undefined ? "extents that are numbers" : `${expected} bytes for ${formatType(type)}`,
      received: `${data.byteLength} bytes`,
    });
  }

  private types(op: Op): void {
    try {
      const inferred = inferTypes(op);
      if (inferred.length !== op.results.length) {
        return this.error("type-mismatch", op.location, `'${op.name}' has another number of results`, {
          expected: String(inferred.length),
          received: String(op.results.length),
        });
      }
      op.results.forEach((v, i) => {
        if (!sameType(v.type, inferred[i]!)) {
          this.error("type-mismatch", op.location, `result ${i} of '${op.name}' has another type`, {
            expected: formatType(inferred[i]!),
            received: formatType(v.type),
          });
        }
      });
    } catch (e) {
      if (!(e instanceof OpError)) throw e;
      this.error(e.code, op.location, e.message, e.more);
    }
  }

  /** Every value's uses are exactly the slots that hold it. */
  uses(): void {
    for (const v of this.defined) {
      const slots = this.slots.get(v) ?? [];
      const noted = new Map<Op | Graph, Set<number>>();
      for (const { user, index } of v.uses) noted.set(user, (noted.get(user) ?? new Set()).add(index));
      const location = v.def instanceof Op ? v.def.location : unknownLocation;
      const missing = slots.find(({ user, index }) => !noted.get(user)?.has(index));
      if (missing) this.error("invalid-graph", location, `${describeValue(v)} does not know its use by ${describeUser(missing.user)}`);
      else if (v.uses.size !== slots.length)
        this.error("invalid-graph", location, `${describeValue(v)} has ${v.uses.size} uses noted, but ${slots.length} slots hold it`);
    }
  }
}

const describeUser = (user: Op | Graph): string => (user instanceof Op ? `'${user.name}'` : "a graph's outputs");
