/** Sizes that are known only when the model runs, as tensors: taken from the shapes of what has them, and computed. */
import { asAtom, type Dim } from "../../../ir/dim.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { tensor } from "../../../ir/type.ts";
import { computedExtent, extentOperatorNames, type ExtentOperators } from "../../computed-extent.ts";
import { literal, type Ref } from "./graph-writer.ts";
import type { RowContext } from "./row.ts";

const one = tensor("i64", [1]);

/** A value of the op's own graph, from before it, with an axis of the extent. */
function sourceOf(op: Op, name: string): { readonly value: Value; readonly axis: number } | undefined {
  const axisOf = (v: Value): number =>
    v.type.kind === "tensor"
      ? v.type.shape.findIndex((d) => {
          const atom = asAtom(d);
          return atom?.kind === "extent" && atom.name === name;
        })
      : -1;
  const candidates = function* (): Generator<Value> {
    yield* op.graph?.inputs ?? [];
    for (let before = op.previous; before; before = before.previous) yield* before.results;
  };
  for (const value of candidates()) {
    const axis = axisOf(value);
    if (axis >= 0) return { value, axis };
  }
  return undefined;
}

/** Vectors of one element; the axis of a value is read once. */
function extentOperators(n: RowContext): ExtentOperators<Ref> {
  const axes = new Map<string, Ref>();
  return {
    number: (value) => n.writer.tensorConstant("i64", [1], [value]),
    known(d) {
      const atom = asAtom(d);
      if (atom?.kind !== "extent") return undefined;
      const made = axes.get(atom.name) ?? axisRef(n, atom.name);
      if (made) axes.set(atom.name, made);
      return made;
    },
    binary: (operator, a, b) => n.node(extentOperatorNames[operator], [a, b], {}, one),
    refuse: () => n.cannot("of extents that are not known"),
  };
}

function axisRef(n: RowContext, extent: string): Ref | undefined {
  const source = sourceOf(n.op, extent);
  if (!source) return undefined;
  const all = n.node("TensorShape", [source.value], {}, tensor("i64", [source.value.tensor.shape.length]));
  return n.node("Slice", [all, literal([source.axis]), literal([1])], {}, one);
}

/** The extents as an i64 vector. */
export function extentsVector(n: RowContext, dims: readonly Dim[]): Ref {
  if (n.dialect === "1.1") return n.cannot("of extents that are not fixed");
  if (dims.every((d) => typeof d === "number")) return n.writer.tensorConstant("i64", [dims.length], dims);
  const by = extentOperators(n);
  const parts = dims.map((d) => computedExtent(d, by));
  if (parts.length === 1) return parts[0]!;
  const tuple = n.writer.tuple(
    parts,
    parts.map(() => one),
  );
  return n.node("Concat", [tuple], { axis: 0, inputNums: parts.length }, tensor("i64", [dims.length]));
}
