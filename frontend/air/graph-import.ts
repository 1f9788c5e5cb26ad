/** One graph of an AIR model, lowered into a graph of ours op after op in the order of their needs. */
import type { Builder } from "../../ir/define.ts";
import { CompileError, OpError } from "../../ir/diagnostic.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import type { Location } from "../../ir/location.ts";
import { constantOf, isPlaceName } from "./constants.ts";
import { dataInputs, type Reference, referenceOf, sortOps } from "./order.ts";
import { numbersOf, textsOf } from "./attributes.ts";
import type { GeGraph, GeOp } from "./messages.ts";
import { NodeContext, type NodeScope } from "./node.ts";
import { findLowering } from "./ops/table.ts";
import type { Session } from "./session.ts";
import { type Signature, signatureOf } from "./signature.ts";

/** Stands for the results of an op that failed; what needs it fails in silence. */
class FollowUpError extends Error {}

/** What an op's results are; undefined for one that failed. */
type Results = readonly (Value | undefined)[] | undefined;

export class GraphImport {
  private readonly ops = new Map<string, GeOp>();
  private readonly results = new Map<string, Results>();

  /** `inputs` by the `index` of ops of type Data. */
  constructor(
    private readonly session: Session,
    private readonly ge: GeGraph,
    private readonly builder: Builder,
    private readonly inputs: (op: GeOp, index: number) => Value | undefined,
  ) {
    for (const op of ge.op) {
      if (this.ops.has(op.name)) this.error(op, `there are two ops named '${op.name}'`);
      this.ops.set(op.name, op);
    }
  }

  /** The graph's outputs in order; undefined for those that could not be made. */
  run(): (Value | undefined)[] {
    this.bindInputs();
    const outputs = this.outputs();
    const { sorted, cyclic } = sortOps(
      this.ops,
      outputs.map((r) => r.name),
    );
    for (const op of cyclic) this.error(op, `the op '${op.name}' needs its own result`);
    for (const op of sorted) if (!this.results.has(op.name)) this.results.set(op.name, this.lower(op));
    return outputs.map((r) => this.quietly(() => this.resolve(r)));
  }

  /** The inputs in the order of their numbers, used or not. */
  private bindInputs(): void {
    const numbered = this.ge.op.filter((op) => op.type === "Data").map((op, i) => ({ op, index: indexOf(op) ?? i }));
    for (const { op, index } of numbered.sort((a, b) => a.index - b.index)) {
      this.results.set(
        op.name,
        this.attempt(op, () => {
          const value = this.inputs(op, index);
          if (!value) throw new OpError(`the graph is not given its input ${index}`, "invalid-graph");
          return [value];
        }),
      );
    }
  }

  /** The references that the graph lists, or those that its op NetOutput takes, or results that nobody takes. */
  private outputs(): Reference[] {
    const listed = this.ge.output.map((text) => referenceOf(text) ?? { name: text, index: 0 });
    const net = this.ge.op.find((op) => op.type === "NetOutput");
    const given = net ? dataInputs(net).flatMap((r) => r ?? []) : listed;
    for (const r of given) {
      if (!this.ops.has(r.name))
        this.session.problems.error("invalid-graph", this.session.locate(this.ge.name), `there is no op '${r.name}'`);
    }
    return given.length > 0 ? given : this.unused();
  }

  private unused(): Reference[] {
    const used = new Set(this.ge.op.flatMap((op) => dataInputs(op).map((r) => r?.name)));
    const isIdle = (op: GeOp): boolean => !used.has(op.name) && !["Data", "Const", "Constant", "NetOutput"].includes(op.type);
    return this.ge.op.filter(isIdle).flatMap((op) => op.outputDesc.map((_, index) => ({ name: op.name, index })));
  }

  private error(op: GeOp, message: string): void {
    this.session.problems.error("invalid-graph", this.locate(op), message);
  }

  private locate = (op: GeOp): Location => this.session.locate(op.name);

  private lower(op: GeOp): Results {
    return this.attempt(op, () => {
      if (op.type === "Const" || op.type === "Constant") return [constantOf(this.session, this.builder, op)];
      const made = this.lowered(op);
      const values = Array.isArray(made) ? (made as readonly (Value | undefined)[]) : [made as Value];
      const [first] = values;
      if (first?.op && first.name === "" && !isPlaceName(op.name)) first.name = op.name;
      return values;
    });
  }

  private lowered(op: GeOp): ReturnType<NonNullable<ReturnType<typeof findLowering>>> {
    const signature = signatureOf(op.type);
    const lowering = findLowering(op.type);
    if (!signature || !lowering) throw new OpError("this operator is not supported", "unsupported-op");
    this.session.count();
    const names = slotNames(op, signature);
    const slots = new Map<string, Value>();
    dataInputs(op).forEach((r, i) => {
      const name = names[i];
      if (r && name !== undefined) slots.set(name, this.resolve(r));
    });
    return lowering(new NodeContext(op, signature, slots, new Map(names.map((name, i) => [name, i])), this.scope(op)));
  }

  /** What an action gives; a failure is reported at the op. */
  private attempt(op: GeOp, action: () => Results): Results {
    const around = this.builder.location;
    this.builder.location = this.locate(op);
    try {
      return action();
    } catch (e) {
      this.report(op, e);
      return undefined;
    } finally {
      this.builder.location = around;
    }
  }

  private report(op: GeOp, e: unknown): void {
    if (e instanceof FollowUpError) return;
    if (e instanceof OpError)
      this.session.problems.error(e.code, this.locate(op), `'${op.type}': ${e.message}`, { op: op.type, ...e.more });
    else if (e instanceof CompileError && !e.diagnostics.some((d) => d.code === "limit")) this.session.problems.take(e, { op: op.type });
    // Lowerings rely on the ranks that their operators have in any valid file.
    else if (e instanceof TypeError || e instanceof RangeError)
      this.session.problems.error("bad-operand", this.locate(op), `'${op.type}': the operands do not fit the operator`, { op: op.type });
    else throw e;
  }

  private resolve({ name, index }: Reference): Value {
    if (!this.ops.has(name)) throw new OpError(`there is no op '${name}' for an input`, "invalid-graph");
    const results = this.results.get(name);
    if (!results) throw new FollowUpError();
    const value = results[index];
    if (!value) throw new OpError(`the result ${index} of '${name}' is not carried`, "unsupported-attribute");
    return value;
  }

  private quietly(action: () => Value): Value | undefined {
    try {
      return action();
    } catch (e) {
      if (e instanceof OpError) this.session.problems.error(e.code, this.session.locate(this.ge.name), e.message);
      else if (!(e instanceof FollowUpError)) throw e;
      return undefined;
    }
  }

  private scope(op: GeOp): NodeScope {
    return {
      builder: this.builder,
      freshExtent: (hint) => this.session.freshExtent(hint),
      warn: (code, message) => {
        this.session.problems.warn(code, this.locate(op), `'${op.type}': ${message}`, { op: op.type });
      },
      builderOf: (graph: Graph) => this.session.builder(graph, this.locate(op)),
      subgraph: (i, inputs, builder = this.builder) => this.subgraph(op, i, inputs, builder),
    };
  }

  private subgraph(op: GeOp, i: number, inputs: readonly Value[], builder: Builder): readonly Value[] {
    const name = op.subgraphName[i];
    const ge = this.session.graphs.get(name ?? "");
    if (!ge) throw new OpError(name === undefined ? `it has no graph ${i}` : `there is no graph '${name}'`, "invalid-graph");
    const made = this.session.nested(() => new GraphImport(this.session, ge, builder, (_, index) => inputs[index]).run());
    if (made.some((v) => v === undefined)) throw new FollowUpError();
    return made as Value[];
  }
}

const indexOf = (op: GeOp): number | undefined => {
  const value = op.attr.find((a) => a.key === "index")?.value;
  return value && numbersOf(value)?.[0];
};

/** The names of an op's slots by place: as the op says, where it names what its signature does, else in declared order. */
function slotNames(op: GeOp, signature: Signature): readonly string[] {
  const said = namesSaid(op);
  const needed = signature.inputs.filter((s) => s.arity === "one");
  if (said.length > 0 && needed.every((s) => said.includes(s.name))) return said;
  const count = dataInputs(op).length;
  const many = Math.max(0, count - (signature.inputs.length - 1));
  return signature.inputs.flatMap((s) => (s.arity === "many" ? Array.from({ length: many }, (_, k) => `${s.name}${k}`) : [s.name]));
}

function namesSaid(op: GeOp): readonly string[] {
  const find = (key: string) => op.attr.find((a) => a.key === key)?.value;
  const names = textsOf(find("_input_name_key"));
  const places = find("_input_name_value");
  const numbers = (places && numbersOf(places)) ?? [];
  const found: string[] = [];
  const isPlain = names.length === numbers.length && numbers.every((p) => Number.isInteger(p) && p >= 0 && p < names.length);
  if (isPlain) names.forEach((name, i) => (found[numbers[i]!] = name));
  return isPlain && found.length === names.length ? found : [];
}
