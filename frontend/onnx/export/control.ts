/** Control flow as ONNX's If and Loop; calls are written in place. */
import { Call, If, Loop } from "../../../ir/ops/control.ts";
import { tensor, type Type } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { type Context, row, type Row } from "./row.ts";
import type { Operand, Term } from "./term.ts";

const dtypeOf = (t: Type): Term["dtype"] => (t.kind === "tensor" ? t.dtype : "string");

/** The body with a carried value more, which counts the iterations. */
function counting(body: Body): void {
  const type = tensor("i64", []);
  const before = body.input("count", type);
  body.output(body.op("Add", [before, body.size(1)]), type);
}

function loop(
  n: Body,
  count: Operand | undefined,
  condition: Operand | undefined,
  carried: readonly Operand[],
  context: Context,
  extent: string | undefined,
): readonly (Term | undefined)[] {
  const { results, isUsed } = context;
  const body = context.region("body", "step");
  const stacked = body.outputs.length - 1 - carried.length;
  const counts = extent !== undefined && stacked === 0;
  if (counts) counting(body);
  const operands = [count, condition, ...carried, ...(counts ? [n.size(0)] : [])];
  const made = n.plain("Loop", operands, { body: { graph: body } }, results.slice(0, operands.length - 2 + stacked).map(dtypeOf));
  if (extent === undefined || counts) return made;
  const needed = isUsed(made.length);
  return [...made, needed ? n.op("Gather", [n.op("Shape", [made.at(-1)], {}, "i64"), n.size(0)], { axis: 0 }) : undefined];
}

export const controlRows: readonly Row[] = [
  row(If, (n, { condition }, _attributes, { results, region }) => {
    const branches = { then_branch: { graph: region("then", "then") }, else_branch: { graph: region("else", "else") } };
    return n.plain("If", [condition], branches, results.map(dtypeOf));
  }),
  row(Loop, (n, { count, condition, carried }, { extent }, context) => loop(n, count, condition, carried, context, extent)),
  row(Call, (_n, { operands }, _attributes, { inlined }) => inlined("body", operands)),
];
