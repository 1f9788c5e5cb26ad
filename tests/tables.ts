/** Small arrays that tests compute with plain loops, and their forms as operands and results of ops. */
import { expect } from "chai";
import fc from "fast-check";
import { type Dim, extent } from "../ir/dim.ts";
import type { DType } from "../ir/type.ts";
import type { Given, Ran } from "./run-op.ts";

export const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Every index of a shape in row-major order. */
export function points(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>((all, n) => all.flatMap((p) => Array.from({ length: n }, (_, i) => [...p, i])), [[]]);
}

export const flat = (shape: readonly number[], at: readonly number[]): number => at.reduce((sum, i, d) => sum * shape[d]! + i, 0);

/** An array that is read by indices. */
export class Table {
  constructor(
    readonly shape: readonly number[],
    readonly values: readonly number[],
  ) {}
  static counting(shape: readonly number[], from = 1): Table {
    return new Table(
      shape,
      Array.from({ length: size(shape) }, (_, i) => from + i),
    );
  }
  static of(shape: readonly number[], f: (at: readonly number[]) => number): Table {
    return new Table(shape, points(shape).map(f));
  }
  at(at: readonly number[]): number {
    return this.values[flat(this.shape, at)]!;
  }
}

/** Extents as numbers, or named `e3` for 3, so that one expectation serves both. */
export const extents = new Map(Array.from({ length: 40 }, (_, n) => [`e${n}`, n] as const));
export const given = (t: Table, symbolic = false, dtype: DType = "f32"): Given => ({
  dtype,
  shape: t.shape.map((n): Dim => (symbolic && n !== 1 ? extent(`e${n}`) : n)),
  values: t.values,
});
export const indicesOf = (t: Table): Given => given(t, false, "i64");
export const dimsOf = (shape: readonly number[], symbolic: boolean): Dim[] => [...given(new Table(shape, []), symbolic).shape];

export function expectResult(ran: Ran | undefined, table: Table): void {
  expect(ran?.shape).to.deep.equal(table.shape);
  expect(ran?.values).to.deep.equal(table.values);
}

export const shapes = (least = 0, rank = 4): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: least, max: 4 }), { minLength: 1, maxLength: rank });
export const check = <T>(arbitrary: fc.Arbitrary<T>, f: (value: T) => void): void => {
  fc.assert(fc.property(arbitrary, f), { numRuns: 60, seed: 20 });
};
export const clamp = (i: number, n: number): number => Math.min(Math.max(i < 0 ? i + n : i, 0), n - 1);
export const anyIndices = (count: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: -9, max: 9 }), { minLength: count, maxLength: count });
