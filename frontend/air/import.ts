/** An AIR model as a graph of ours. */
import { OpError } from "../../ir/diagnostic.ts";
import { type Dim, extent } from "../../ir/dim.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { formatType, tensor, type TensorType } from "../../ir/type.ts";
import type { Builder } from "../../ir/define.ts";
import { fitsInput, ownOutputs } from "../graph-borders.ts";
import type { Imported, ImportOptions } from "../options.ts";
import { dtypeOf } from "./constants.ts";
import { GraphImport } from "./graph-import.ts";
import { isBlocked } from "./layout.ts";
import type { GeModel, GeOp } from "./messages.ts";
import { plainInput } from "./plain-input.ts";
import { Session } from "./session.ts";

/**
 * The graph of a model. Inputs are its ops of type Data by their number; constants are parameters under their names; axes
 * of unknown extent become named extents `input_axis`. Throws a `CompileError` that lists everything that is not
 * supported or does not fit.
 */
export function importAir(model: GeModel, options: ImportOptions = {}): Imported {
  const session = new Session(model, options);
  const main = model.graph[0]!;
  const graph = new Graph(main.name || "main");
  const builder = session.builder(graph, session.locate(main.name));
  const inputs = new Inputs(session, graph, builder);
  const outputs = new GraphImport(session, main, builder, (op) => inputs.bind(op)).run();
  inputs.checkNames();
  if (outputs.length === 0) session.problems.error("invalid-graph", session.locate(main.name), "the model gives no tensor");
  if (model.weights && session.problems.errors > 0)
    session.problems.error("unsupported-op", session.locate(""), compiledForChip, { remedy });
  session.problems.throwIfErrors();
  graph.setOutputs(ownOutputs(outputs as Value[], builder));
  return { graph, diagnostics: session.problems.diagnostics };
}

const compiledForChip = "an offline model is compiled for its chip: operators that were fused are kernels there, without attributes";
const remedy = "'sinter inspect' shows what is in it; convert the model that it was made from";

class Inputs {
  private readonly names = new Set<string>();
  private readonly openExtents = new Set<string>();

  constructor(
    private readonly session: Session,
    private readonly graph: Graph,
    private readonly builder: Builder,
  ) {}

  /** The input that an op of type Data stands for, in plain layout. Throws an `OpError`. */
  bind(op: GeOp): Value {
    this.names.add(op.name);
    const desc = op.outputDesc[0] ?? op.inputDesc[0];
    const dims = desc?.shape?.dim ?? [];
    if (dims.includes(-2)) throw new OpError(`the number of axes of the input '${op.name}' is not known`, "unsupported-type");
    if (dims.some((d) => d > 2 ** 48)) throw new OpError(`the extents of the input '${op.name}' are too large`, "limit");
    const type = tensor(
      dtypeOf(desc),
      dims.map((d, axis) => (d < 0 ? this.openExtent(`${op.name}_${axis}`) : d)),
    );
    this.session.checkSize(type, `the input '${op.name}'`);
    const value = this.value(op.name, type);
    return desc && isBlocked(desc.layout) ? plainInput(this.builder, desc, value) : value;
  }

  private value(name: string, type: TensorType): Value {
    const given = this.session.options.inputValues?.get(name);
    if (!given) return this.graph.addInput(name, type);
    if (!fitsInput(given.type, type))
      throw new OpError(`the value given for the input '${name}' does not fit it`, "usage", {
        expected: formatType(type),
        received: formatType(given.type),
      });
    const value = this.builder.create(ConstantOp, {}, { data: given });
    value.name = name;
    return value;
  }

  private openExtent(hint: string): Dim {
    const name = this.session.freshExtent(hint);
    this.openExtents.add(name);
    return this.session.options.dims?.get(name) ?? extent(name);
  }

  /** Values and extents that are given for what the model does not have are mistakes. */
  checkNames(): void {
    const { options, problems } = this.session;
    const refuse = (what: string, name: string, known: ReadonlySet<string>): void => {
      const remedy = known.size > 0 ? `it has ${[...known].join(", ")}` : "it has none";
      problems.error("usage", this.session.locate(""), `the model has no ${what} '${name}'`, { remedy });
    };
    for (const name of options.inputValues?.keys() ?? []) if (!this.names.has(name)) refuse("input", name, this.names);
    for (const name of options.dims?.keys() ?? []) if (!this.openExtents.has(name)) refuse("extent", name, this.openExtents);
  }
}
