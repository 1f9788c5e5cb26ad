/** Sizes that are known only when the model runs, as tensors: taken from the shapes of what has them, and computed. */
import { asAtom, type Atom, type Dim } from "../../../ir/dim.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { tensor } from "../../../ir/type.ts";
import { type GraphWriter, literal, type Ref } from "./graph-writer.ts";
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

/** Vectors of one element, by what they are. */
class Sizes {
  private readonly made = new Map<string, Ref>();

  constructor(private readonly n: RowContext) {}

  private get writer(): GraphWriter {
    return this.n.writer;
  }

  dim(d: Dim): Ref {
    if (typeof d === "number") return this.writer.tensorConstant("i64", [1], [d]);
    let ref = this.made.get(d.key);
    if (!ref) this.made.set(d.key, (ref = this.sum(d.terms)));
    return ref;
  }

  private sum(terms: readonly { readonly coefficient: number; readonly atoms: readonly Atom[] }[]): Ref {
    return terms
      .map(({ coefficient, atoms }) => {
        const factors = atoms.map((a) => this.atom(a));
        return [...factors, ...(coefficient === 1 && factors.length > 0 ? [] : [this.dim(coefficient)])].reduce((a, b) =>
          this.binary("Mul", a, b),
        );
      })
      .reduce((a, b) => this.binary("Add", a, b));
  }

  private binary(operator: string, a: Ref, b: Ref): Ref {
    return this.n.node(operator, [a, b], {}, one);
  }

  private atom(atom: Atom): Ref {
    if (atom.kind === "extent") return this.extent(atom.name);
    if (atom.kind === "loop" || atom.kind === "opaque") return this.n.cannot("of extents that are not known");
    const operators = { floordiv: "FloorDiv", mod: "FloorMod", min: "Minimum", max: "Maximum" } as const;
    return this.binary(operators[atom.kind], this.dim(atom.a), this.dim(atom.b));
  }

  private extent(name: string): Ref {
    const source = sourceOf(this.n.op, name);
    if (!source) return this.n.cannot("of extents that are not known");
    const { shape } = source.value.tensor;
    const all = this.n.node("TensorShape", [source.value], {}, tensor("i64", [shape.length]));
    return this.n.node("Slice", [all, literal([source.axis]), literal([1])], {}, one);
  }
}

/** The extents as an i64 vector. */
export function extentsVector(n: RowContext, dims: readonly Dim[]): Ref {
  if (n.dialect === "1.1") return n.cannot("of extents that are not fixed");
  if (dims.every((d) => typeof d === "number")) return n.writer.tensorConstant("i64", [dims.length], dims);
  const sizes = new Sizes(n);
  const parts = dims.map((d) => sizes.dim(d));
  if (parts.length === 1) return parts[0]!;
  const tuple = n.writer.tuple(
    parts,
    parts.map(() => one),
  );
  return n.node("Concat", [tuple], { axis: 0, inputNums: parts.length }, tensor("i64", [dims.length]));
}
