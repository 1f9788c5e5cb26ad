/** Sizes as integer tensors: constants, or computed from the shapes of values. */
import { OpError } from "../../../ir/diagnostic.ts";
import { asAtom, type Dim, dimKey } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { tensor } from "../../../ir/type.ts";
import { computedExtent, type ExtentOperators } from "../../computed-extent.ts";
import type { Emitter } from "./emitter.ts";

type Operator = Parameters<ExtentOperators<number>["binary"]>[0];

const primitives: Readonly<Record<Operator, string>> = {
  add: "AddFusion",
  mul: "MulFusion",
  floordiv: "FloorDiv",
  mod: "FloorMod",
  min: "Minimum",
  max: "Maximum",
};

export class Sizes {
  private readonly extents = new Map<string, { readonly value: Value; readonly axis: number }>();
  /** Vectors of one element, by what they hold. */
  private readonly made = new Map<string, number>();
  private readonly shapes = new Map<Value, number>();
  private readonly operators: ExtentOperators<number> = {
    number: (value) => this.e.ints([value]),
    known: (d) => this.made.get(dimKey(d)) ?? this.axisOf(d),
    binary: (operator, a, b) => this.node(primitives[operator], {}, [a, b]),
    refuse: () => {
      throw new OpError("a size that depends on data cannot be said in this format", "unsupported-type");
    },
  };

  constructor(private readonly e: Emitter) {}

  /** Tells that the file has a value, whose shape then tells the extents that it has. */
  tell(value: Value): void {
    if (value.type.kind !== "tensor") return;
    value.type.shape.forEach((d, axis) => {
      const atom = asAtom(d);
      if (atom?.kind === "extent" && !this.extents.has(atom.name)) this.extents.set(atom.name, { value, axis });
    });
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

  private element(d: Dim): number {
    const made = computedExtent(d, this.operators);
    if (typeof d !== "number") this.made.set(dimKey(d), made);
    return made;
  }

  /** The axis of a value that has the extent. */
  private axisOf(d: Dim): number | undefined {
    const atom = asAtom(d);
    const place = atom?.kind === "extent" ? this.extents.get(atom.name) : undefined;
    if (!place) return undefined;
    const { value, axis } = place;
    const shape = this.shapes.get(value) ?? this.node("Shape", {}, [this.e.get(value)], value.tensor.shape.length);
    this.shapes.set(value, shape);
    const made = this.node("SliceFusion", { axes: [0] }, [shape, this.e.ints([axis]), this.e.ints([1])]);
    this.made.set(dimKey(d), made);
    return made;
  }

  private node(type: string, fields: Record<string, unknown>, inputs: readonly number[], length = 1): number {
    const y = this.e.addTensor("", tensor("i32", [length]), "NCHW");
    this.e.addNode(type, fields, inputs, [y], "QUANT_NONE");
    return y;
  }
}
