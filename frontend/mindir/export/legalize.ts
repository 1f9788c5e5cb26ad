/** Before MindIR is written: every op becomes one that MindSpore has an operator for. */
import { OpError } from "../../../ir/diagnostic.ts";
import { attributesOf, isOp, namedOperands, type OperandsFor } from "../../../ir/define.ts";
import type { Graph, Op, Value } from "../../../ir/graph.ts";
import { Cast } from "../../../ir/ops/cast.ts";
import { Loop } from "../../../ir/ops/control.ts";
import { ConstantOp } from "../../../ir/ops/constant.ts";
import { formatType } from "../../../ir/type.ts";
import { removeUnused } from "../../../ir/remove-unused.ts";
import { expansionOf } from "../../expansions/index.ts";
import { isWhile } from "../../expansions/loops.ts";
import { legalize } from "../../legalize.ts";
import type { Problems } from "../../problems.ts";
import type { DialectName } from "./dialect.ts";
import { GraphWriter, type Ref } from "./graph-writer.ts";
import { dataTypeOf } from "./literals.ts";
import { ModelWriter } from "./model.ts";
import { NotCarried, RowContext } from "./row.ts";
import { rowOf } from "./rows/index.ts";

/** Ops without an operator are replaced; what is left without one is reported, as are types that MindIR has not. */
export function legalizeForMindir(graph: Graph, dialect: DialectName, problems: Problems): void {
  removeUnused(graph);
  const trial = new Trial(dialect);
  legalize(
    graph,
    (op) => trial.isCarried(op),
    problems,
    (op) => (dialect === "1.1" && op.regions.length > 0 ? undefined : expansionOf(op)),
  );
  removeUnused(graph);
  checkTypes(graph, problems);
}

/** Writes ops one by one, to see whether it can be done. */
class Trial {
  private readonly writer: GraphWriter;

  constructor(private readonly dialect: DialectName) {
    this.writer = new TrialWriter(new ModelWriter(dialect), "trial");
  }

  /** As `legalize` asks. */
  isCarried(op: Op): boolean | string {
    if (op.definition === ConstantOp) return true;
    if (isOp(op, Cast) && isOp(op.operand(0)!.op, ConstantOp) && dataTypeOf(op.operand(0)!.tensor.dtype) === undefined) return false;
    if (op.regions.length > 0) return this.dialect === "2" && isWrittenAsFunction(op);
    try {
      const write = rowOf(op.definition);
      write?.(new RowContext(op, this.writer));
      return write !== undefined;
    } catch (error) {
      if (error instanceof NotCarried || error instanceof OpError) return error.message;
      throw error;
    } finally {
      this.writer.message.node.length = 0;
    }
  }
}

const isWrittenAsFunction = (op: Op): boolean =>
  !isOp(op, Loop) ||
  isWhile(
    namedOperands(op, (v) => v) as OperandsFor<typeof Loop, Value>,
    attributesOf(op),
    op.results.map((r) => r.uses.size > 0),
  );

class TrialWriter extends GraphWriter {
  override raw(): Ref {
    return { ref: "" };
  }
}

function checkTypes(graph: Graph, problems: Problems): void {
  const check = (values: readonly { readonly type: Op["result"]["type"]; readonly name: string }[], location: Op["location"]): void => {
    for (const { type } of values) {
      if (type.kind !== "tensor" || dataTypeOf(type.dtype) === undefined)
        problems.error(
          "unsupported-type",
          location,
          `MindIR has no values of the type ${type.kind === "tensor" ? type.dtype : formatType(type)}`,
        );
    }
  };
  check(graph.inputs, { source: graph.name });
  for (const op of graph.ops()) {
    check(op.results, op.location);
    for (const region of op.regions) checkTypes(region, problems);
  }
}
