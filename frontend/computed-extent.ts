/** Extents that only running tells, computed by a format's operators from those that its values have. */
import { type Atom, atomDim, type Dim } from "../ir/dim.ts";

type ExtentOperator = "add" | "mul" | Exclude<Atom["kind"], "extent" | "loop" | "opaque">;

/** MindSpore's names, which GE has too. */
export const extentOperatorNames: Readonly<Record<ExtentOperator, string>> = {
  add: "Add",
  mul: "Mul",
  floordiv: "FloorDiv",
  mod: "FloorMod",
  min: "Minimum",
  max: "Maximum",
};

/** How a format says sizes; `T` is a vector of one element. */
export interface ExtentOperators<T> {
  number(value: number): T;
  /** What is there already, or the axis of a value that has the extent. */
  known(d: Dim): T | undefined;
  binary(operator: ExtentOperator, a: T, b: T): T;
  /** Nothing tells the size. */
  refuse(): never;
}

export function computedExtent<T>(d: Dim, by: ExtentOperators<T>): T {
  if (typeof d === "number") return by.number(d);
  const found = by.known(d);
  if (found !== undefined) return found;
  const factor = (atom: Atom): T => {
    if (atom.kind === "extent") return by.known(atomDim(atom)) ?? by.refuse();
    if (atom.kind === "loop" || atom.kind === "opaque") return by.refuse();
    return by.binary(atom.kind, computedExtent(atom.a, by), computedExtent(atom.b, by));
  };
  const terms = d.terms.map(({ coefficient, atoms }) => {
    const factors = atoms.map(factor);
    const all = coefficient === 1 && factors.length > 0 ? factors : [by.number(coefficient), ...factors];
    return all.reduce((a, b) => by.binary("mul", a, b));
  });
  return terms.reduce((a, b) => by.binary("add", a, b));
}
