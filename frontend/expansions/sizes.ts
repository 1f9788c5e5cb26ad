/** Sizes as numbers, and put together from the sizes of axes. */
import type { Value } from "../../ir/graph.ts";
import { Extents, Shape, Size } from "../../ir/ops/shape.ts";
import { type Expander, expansion, fixed, type NamedExpansion } from "./expander.ts";

/** Extents that are known. */
const known = [
  expansion(Size, ({ x }, _a, e) =>
    fixed(x.tensor.shape)
      ? e.scalar(
          "i64",
          x.tensor.shape.reduce((a, b) => a * b, 1),
        )
      : sizeOf(e, x),
  ),
  expansion(Shape, ({ x }, { start, end }, e) => {
    const part = x.tensor.shape.slice(start, end);
    if (fixed(part)) return e.constant("i64", [part.length], part);
    const rank = x.tensor.shape.length;
    const from = start < 0 ? Math.max(0, start + rank) : start;
    return part.length === rank ? undefined : e.part(e.create(Shape, { x }), 0, from, part.length);
  }),
];

function sizeOf(e: Expander, x: Value): Value {
  const shape = e.create(Shape, { x });
  return x.tensor.shape.map((_, d) => e.reshape(e.part(shape, 0, d, 1), [])).reduce((a, b) => e.f.mul(a, b));
}

/** Sizes that are numbers after all. */
const extents = expansion(Extents, (_operands, { values }, e) =>
  values.every((v) => typeof v === "number") ? e.constant("i64", [values.length], values) : undefined,
);

export const sizeExpansions: readonly NamedExpansion[] = [...known, extents];
