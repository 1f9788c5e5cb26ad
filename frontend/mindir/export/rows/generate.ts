/** Tensors whose elements follow from their places, and sizes that are data. */
import { constantContent } from "../../../../ir/content.ts";
import type { Dim } from "../../../../ir/dim.ts";
import { Eye, Meshgrid, OneHot, Range, Trilu } from "../../../../ir/ops/generate.ts";
import { tensor } from "../../../../ir/type.ts";
import { extentsVector } from "../extents.ts";
import { literal, type Ref } from "../graph-writer.ts";
import { type NamedRow, row, type RowContext, since2 } from "../row.ts";
import { float } from "./names.ts";

/** What MindSpore takes by default as the most elements of a range. */
const mostElements = 1_000_000;

/** From numbers; the end lies half a step behind the last element, so that rounding does not matter. */
const range = row(Range, ({ start, delta }, { length }, n) => {
  const [from] = constantContent(start) ?? [];
  const [step] = constantContent(delta) ?? [];
  const { dtype } = start.tensor;
  if (from === undefined || step === undefined || length === 0) return n.cannot("that does not go between fixed numbers");
  if (dtype !== "i64" && dtype !== "f32") return n.cannot("of other types than i64 and f32");
  if (typeof length !== "number") return dtype === "i64" && from === 0 && step === 1 ? counting(n, length) : n.cannot("of open length");
  if (length > mostElements) return n.cannot("of so many elements");
  const end = dtype === "i64" ? from + length * step : from + (length - 0.5) * step;
  const bounds = [from, end, step].map((v) => literal(dtype === "i64" ? v : float(v)));
  return n.node("Range", bounds, { maxlen: mostElements });
});

/** 0, 1, 2, ... up to an extent that only running tells. */
function counting(n: RowContext, length: Dim): Ref {
  const end = n.node("TensorToScalar", [extentsVector(n, [length])], {}, tensor("i64", []));
  return n.node("Range", [literal(0), end, literal(1)], { maxlen: mostElements });
}

const triangle = row(Trilu, ({ x, offset }, { upper, k }, n) =>
  offset ? n.cannot("whose diagonal is data") : n.node(upper ? "Triu" : "Tril", [x], { diagonal: k }),
);

export const generateRows: readonly NamedRow[] = [
  row(OneHot, ({ indices, on, off }, { depth, axis, from_end }, n) => {
    if (from_end || on.tensor.dtype === "bool" || typeof depth !== "number")
      return n.cannot("of bools, of a depth that is not fixed, or counting from the end");
    const last = axis === indices.tensor.shape.length ? -1 : axis;
    return n.node("OneHot", [indices, literal(depth), on, off], {
      axis: last,
      input_names: ["indices", "depth", "on_value", "off_value"],
      output_names: ["output"],
    });
  }),
  row(Eye, (_operands, { shape, k, dtype }, n) =>
    k === 0 && shape.length === 2
      ? n.node("Eye", [...n.numbers(shape).map(literal), literal(n.writer.model.dialect.typeInput(dtype))])
      : n.cannot("of other diagonals, or in batches"),
  ),
  ...since2(triangle, range),
  row(Meshgrid, ({ xs }, { indexing }, n) => {
    const items = n.items(
      "Meshgrid",
      [n.tuple(xs)],
      // A number, which the kernel knows.
      { indexing: n.dialect === "1.1" ? indexing : indexing === "ij" ? 0 : 1 },
      n.op.results.map((r) => r.tensor),
    );
    return n.op.results.map((_, i) => n.used(i, () => items.at(i)));
  }),
];
