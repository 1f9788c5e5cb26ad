/** Sizes as integer tensors: constants, or computed from the shapes of the graph's inputs. */
import { OpError } from "../../../ir/diagnostic.ts";
import { asAtom, type Atom, type Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { tensor } from "../../../ir/type.ts";
import type { Emitter } from "./emitter.ts";

export class Sizes {
  private readonly extents = new Map<string, { readonly value: Value; readonly axis: number }>();
  private readonly known = new Map<string, number>();
  private readonly shapes = new Map<Value, number>();

  constructor(
    private readonly e: Emitter,
    values: readonly Value[],
  ) {
    for (const value of values) {
      if (value.type.kind !== "tensor") continue;
      value.type.shape.forEach((d, axis) => {
        const atom = asAtom(d);
        if (atom?.kind === "extent" && !this.extents.has(atom.name)) this.extents.set(atom.name, { value, axis });
      });
    }
  }

  /** An i32 vector. */
  vector(dims: readonly Dim[]): number {
    if (dims.every((d) => typeof d === "number")) return this.e.ints(dims);
    const parts = dims.map((d) => this.element(d));
    return parts.length === 1 ? parts[0]! : this.node("Concat", { axis: 0 }, parts, dims.length);
  }

  /** The shape that a reshape of `from` asks for: 0 keeps an extent, -1 is what is left. */
  reshape(from: readonly Dim[], to: readonly Dim[]): number {
    const asked = to.map((d, axis) => (typeof d !== "number" && d === from[axis] ? 0 : d));
    const open = asked.filter((d) => typeof d !== "number");
    const hasZero = asked.some((d, axis) => d === 0 && to[axis] === 0);
    if (open.length > 1 || hasZero) return this.vector(to);
    return this.e.ints(asked.map((d) => (typeof d === "number" ? d : -1)));
  }

  /** A vector of one element. */
  private element(d: Dim): number {
    if (typeof d === "number") return this.e.ints([d]);
    const known = this.known.get(d.key);
    if (known !== undefined) return known;
    const terms = d.terms.map((t) => {
      const factors = t.atoms.map((a) => this.atom(a));
      const whole = t.coefficient === 1 && factors.length > 0 ? factors : [...factors, this.e.ints([t.coefficient])];
      return whole.reduce((a, b) => this.node("MulFusion", {}, [a, b]));
    });
    const made = terms.reduce((a, b) => this.node("AddFusion", {}, [a, b]));
    this.known.set(d.key, made);
    return made;
  }

  private atom(a: Atom): number {
    switch (a.kind) {
      case "extent":
        return this.extentOf(a.name);
      case "floordiv":
        return this.node("FloorDiv", {}, [this.element(a.a), this.element(a.b)]);
      case "mod":
        return this.node("FloorMod", {}, [this.element(a.a), this.element(a.b)]);
      case "min":
        return this.node("Minimum", {}, [this.element(a.a), this.element(a.b)]);
      case "max":
        return this.node("Maximum", {}, [this.element(a.a), this.element(a.b)]);
      default:
        throw new OpError("a size that depends on data cannot be said in this format", "unsupported-type");
    }
  }

  private extentOf(name: string): number {
    const place = this.extents.get(name);
    if (!place) throw new OpError(`the extent '${name}' is that of no input here`, "unsupported-type");
    const { value, axis } = place;
    const shape = this.shapes.get(value) ?? this.node("Shape", {}, [this.e.get(value)], value.tensor.shape.length);
    this.shapes.set(value, shape);
    return this.node("SliceFusion", { axes: [0] }, [shape, this.e.ints([axis]), this.e.ints([1])]);
  }

  private node(type: string, fields: Record<string, unknown>, inputs: readonly number[], length = 1): number {
    const y = this.e.addTensor("", tensor("i32", [length]), "NCHW");
    this.e.addNode(type, fields, inputs, [y], "QUANT_NONE");
    return y;
  }
}
