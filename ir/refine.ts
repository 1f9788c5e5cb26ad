/** Shapes of as many elements that split each other: what a reshape does to axes. */
import { type Dim, exactDiv } from "./dim.ts";

/** How two shapes of equal size split each other: `a[i]` is the product of the extents that `left[i]` numbers. */
export interface Refinement {
  readonly extents: readonly Dim[];
  readonly left: readonly (readonly number[])[];
  readonly right: readonly (readonly number[])[];
}

/**
 * The common refinement of two shapes with the same number of elements, or undefined where their prefix products form
 * no chain of divisors. Extents of one fall into no group.
 */
export function refine(a: readonly Dim[], b: readonly Dim[]): Refinement | undefined {
  const extents: Dim[] = [];
  const left: number[][] = a.map(() => []);
  const right: number[][] = b.map(() => []);
  let i = 0;
  let j = 0;
  let x: Dim = 1;
  let y: Dim = 1;
  for (;;) {
    while (x === 1 && i < a.length) x = a[i++]!;
    while (y === 1 && j < b.length) y = b[j++]!;
    if (x === 1 && y === 1) return { extents, left, right };
    const rest: Dim | undefined = exactDiv(x, y);
    const other: Dim | undefined = rest === undefined ? exactDiv(y, x) : undefined;
    const common: Dim | undefined = rest !== undefined ? y : other !== undefined ? x : undefined;
    if (common === undefined || common === 0 || common === 1) return undefined;
    left[i - 1]!.push(extents.length);
    right[j - 1]!.push(extents.length);
    extents.push(common);
    [x, y] = rest !== undefined ? [rest, 1] : [1, other!];
  }
}
