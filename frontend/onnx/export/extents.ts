/** Sizes as values: named extents are read off the shapes of what has them, expressions computed in i64. */
import { type Atom, atomDim, type Dim, exactDiv, isNonNegative, mul, range, sub, type Term as DimTerm } from "../../../ir/dim.ts";
import { atomsIn } from "../../../ir/dim-atoms.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Type } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { OutsideFunctionError, type Term } from "./term.ts";

/** A value that is the extent (i64[]), or an axis of one: `axis` elements are `factor * extent + offset`. */
export type ExtentSource =
  { readonly scalar: Term } | { readonly term: Term; readonly axis: number; readonly factor: number; readonly offset: number };

export class ExtentValues {
  private readonly sources = new Map<string, ExtentSource>();
  /** i64[1] by the atom it stands for. */
  private readonly known = new Map<Dim, Term>();

  constructor(
    private readonly body: Body,
    private readonly outer: ExtentValues | undefined,
  ) {}

  learn(extent: string, source: ExtentSource): void {
    if (!this.source(extent)) this.sources.set(extent, source);
  }

  learnFrom(term: Term, type: Type): void {
    if (type.kind !== "tensor") return;
    type.shape.forEach((d, axis) => {
      const [atom, ...others] = [...atomsIn(d)];
      if (atom?.kind !== "extent" || others.length > 0) return;
      const linear = linearIn(d, atom);
      if (linear) this.learn(atom.name, { term, axis, ...linear });
    });
  }

  /** The sizes one after the other, i64[n]. */
  vector(dims: readonly Dim[]): Term {
    if (dims.every((d) => typeof d === "number")) return this.body.ints(dims);
    const parts: Term[] = [];
    for (let i = 0; i < dims.length;) {
      let end = i;
      while (end < dims.length && typeof dims[end] === "number") end++;
      parts.push(end > i ? this.body.ints(dims.slice(i, end) as number[]) : this.unit(dims[i]!));
      i = Math.max(end, i + 1);
    }
    return parts.length === 1 ? parts[0]! : this.body.op("Concat", parts, { axis: 0 });
  }

  private lookup(d: Dim): Term | undefined {
    return this.known.get(d) ?? this.outer?.lookup(d);
  }

  private source(extent: string): ExtentSource | undefined {
    return this.sources.get(extent) ?? this.outer?.source(extent);
  }

  /** The size as i64[1]. */
  private unit(d: Dim): Term {
    if (typeof d === "number") return this.body.ints([d]);
    const cached = this.lookup(d);
    if (cached) return cached;
    const made = d.terms.map((t) => this.product(t)).reduce((a, b) => this.body.op("Add", [a, b]));
    this.known.set(d, made);
    return made;
  }

  private product({ coefficient, atoms }: DimTerm): Term {
    const factors = atoms.map((a) => this.atom(a));
    if (coefficient !== 1 || factors.length === 0) factors.push(this.body.ints([coefficient]));
    return factors.reduce((a, b) => this.body.op("Mul", [a, b]));
  }

  private atom(a: Atom): Term {
    const d = atomDim(a);
    const cached = this.lookup(d);
    if (cached) return cached;
    const made = a.kind === "extent" ? this.extent(a.name) : this.operation(a);
    this.known.set(d, made);
    return made;
  }

  private operation(a: Exclude<Atom, { readonly kind: "extent" }>): Term {
    if (a.kind === "loop" || a.kind === "opaque") throw new OpError("a size depends on a loop", "unsupported-type");
    const [x, y] = [this.unit(a.a), this.unit(a.b)];
    if (a.kind === "min") return this.body.op("Min", [x, y]);
    if (a.kind === "max") return this.body.op("Max", [x, y]);
    if (a.kind === "mod") return this.body.op("Mod", [x, y]);
    // ONNX's Div rounds towards zero.
    const whole = isNonNegative(a.a) && range(a.b)[0] >= 0 ? x : this.body.op("Sub", [x, this.body.op("Mod", [x, y])]);
    return this.body.op("Div", [whole, y]);
  }

  private extent(name: string): Term {
    const source = this.source(name);
    if (!source) {
      if (this.body.isFunction) throw new OutsideFunctionError(name);
      throw new OpError(`nothing in the model tells the extent '${name}'`, "unsupported-type", {
        remedy: `fix it with --dim ${name}=SIZE`,
      });
    }
    if ("scalar" in source) return this.body.op("Reshape", [source.scalar, this.body.ints([1])]);
    const { term, axis, factor, offset } = source;
    const size = this.axisSize(term, axis);
    const moved = offset === 0 ? size : this.body.op("Sub", [size, this.body.ints([offset])]);
    return factor === 1 ? moved : this.body.op("Div", [moved, this.body.ints([factor])]);
  }

  private axisSize(term: Term, axis: number): Term {
    if (this.body.opset >= 15) return this.body.op("Shape", [term], { start: axis, end: axis + 1 }, "i64");
    const shape = this.body.op("Shape", [term], {}, "i64");
    return this.body.op("Gather", [shape, this.body.ints([axis])], { axis: 0 });
  }
}

/** `d` as `factor * atom + offset`. */
function linearIn(d: Dim, atom: Atom): { readonly factor: number; readonly offset: number } | undefined {
  const at = typeof d === "number" ? undefined : d.terms.find((t) => t.atoms.length === 1 && t.atoms[0] === atom);
  if (!at || at.coefficient < 1) return undefined;
  const offset = sub(d, mul(at.coefficient, atomDim(atom)));
  return typeof offset === "number" && exactDiv(sub(d, offset), at.coefficient) !== undefined
    ? { factor: at.coefficient, offset }
    : undefined;
}
