/** What sizes and indices are: `dim.ts` makes them, and keeps them canonical. */

export type Dim = number | Poly;

/** A run-time integer that the algebra does not look into; `ir/expr.ts` makes them from loads and scalars. */
export interface Opaque {
  readonly kind: "opaque";
  readonly key: string;
  /** Every loop variable that stands inside. */
  readonly loops: ReadonlySet<Loop>;
  readonly low: number;
  readonly high: number;
  /** The same value with `f` applied to the dims inside it. */
  map(f: (d: Dim) => Dim): Dim;
}
/** A named extent of the model (`n`), zero or more, known at the latest when the model runs. */
export interface Extent {
  readonly kind: "extent";
  readonly key: string;
  readonly name: string;
}
/** A loop variable: from 0 up to, but not including, `extent`. */
export interface Loop {
  readonly kind: "loop";
  readonly key: string;
  readonly name: string;
  readonly extent: Dim;
}
export interface Operation {
  readonly kind: "floordiv" | "mod" | "min" | "max";
  readonly key: string;
  readonly a: Dim;
  readonly b: Dim;
}
export type Atom = Extent | Loop | Operation | Opaque;

/** `coefficient` times the product of `atoms`, which are sorted by key; a power repeats its atom. */
export interface Term {
  readonly coefficient: number;
  readonly atoms: readonly Atom[];
  readonly key: string;
}
export interface Poly {
  readonly terms: readonly Term[];
  readonly key: string;
}
