/** Running sums and products. */
import { flag, int } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { defineOp, type OpDefinition, operand } from "../define.ts";
import { add as addDims, asAtom, type Dim, type Loop, sub } from "../dim.ts";
import { add, type Buffer, constant, type Expr, eq, index, load, mul, select, variable } from "../expr.ts";
import { axesOf, foldAxesOf, type Stage } from "../stage.ts";
import { computeType } from "../type.ts";
import { expectElements } from "./map.ts";

const attributes = {
  axis: int(0),
  exclusive: flag(false, "an element does not count in its own result"),
  reverse: flag(false, "from the end of the axis to its start"),
};

interface Running {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
  readonly neutral: number;
  readonly combine: (a: Expr, b: Expr) => Expr;
}

function runningStage(x: Buffer, y: Buffer, { axis, exclusive, reverse, neutral, combine }: Running): Stage {
  const others = axesOf(x.shape.filter((_, d) => d !== axis));
  const [r] = foldAxesOf([x.shape[axis]!]) as [Dim];
  const place = (i: Dim): Dim[] => others.toSpliced(axis, 0, reverse ? sub(sub(x.shape[axis]!, 1), i) : i);
  const type = computeType(x.dtype);
  const start = constant(type, neutral);
  const [acc, right] = [variable("acc", type), variable("acc_right", type)];
  const term = exclusive ? select(eq(index(r), index(0)), start, load(x, place(addDims(r, -1)))) : load(x, place(r));
  return {
    axes: others.map((d) => asAtom(d) as Loop),
    fold: {
      axes: [asAtom(r) as Loop],
      state: [{ name: "acc", dtype: type, init: start }],
      step: [combine(acc, term)],
      merge: [combine(acc, right)],
      emit: "each",
    },
    results: [{ out: y, at: place(r), value: acc }],
  };
}

function cumulativeOp(
  name: string,
  summary: string,
  neutral: number,
  combine: (a: Expr, b: Expr) => Expr,
): OpDefinition<{ x: typeof operand }, typeof attributes> {
  return defineOp<{ x: typeof operand }, typeof attributes>({
    name,
    summary,
    operands: { x: operand },
    attributes,
    infer({ x }, { axis }) {
      expectElements(x, "number", name);
      normalizeAxis(axis, x.shape.length);
      return x;
    },
    compute: ({ operands: { x }, attributes: { axis, exclusive, reverse }, results: [y] }) => [
      runningStage(x, y!, { axis: normalizeAxis(axis, x.shape.length), exclusive, reverse, neutral, combine }),
    ],
  });
}

export const Cumsum = cumulativeOp("cumsum", "Sum of all elements up to this one along the axis.", 0, add);
export const Cumprod = cumulativeOp("cumprod", "Product of all elements up to this one along the axis.", 1, mul);
