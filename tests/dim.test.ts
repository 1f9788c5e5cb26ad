/** The algebra of sizes and indices against plain integers. */
import { expect } from "chai";
import fc from "fast-check";
import * as dim from "../ir/dim.ts";
import type { Dim } from "../ir/dim.ts";
import { mapAtoms, stride } from "../ir/dim-atoms.ts";
import { formatDim } from "../ir/dim-text.ts";
import { refine } from "../ir/refine.ts";

const [n, i, j] = [dim.extent("n"), dim.loop("i", 7), dim.loop("j", 5)];
const values = fc.record({ n: fc.integer({ min: 1, max: 40 }), i: fc.integer({ min: 0, max: 6 }), j: fc.integer({ min: 0, max: 4 }) });
type Values = { readonly n: number; readonly i: number; readonly j: number };

/** A dim and what it is for given values. */
interface Case {
  readonly dim: Dim;
  readonly value: (v: Values) => number;
}

const leaf: fc.Arbitrary<Case> = fc.oneof(
  fc.integer({ min: -6, max: 9 }).map((k): Case => ({ dim: k, value: () => k })),
  fc.constantFrom<Case>({ dim: n, value: (v) => v.n }, { dim: i, value: (v) => v.i }, { dim: j, value: (v) => v.j }),
);

const floor = (a: number, b: number): number => Math.floor(a / b);
const divisor: fc.Arbitrary<Case> = fc.oneof(
  fc.integer({ min: 1, max: 24 }).map((k): Case => ({ dim: k, value: () => k })),
  fc.constant<Case>({ dim: n, value: (v) => v.n }),
);

const { any } = fc.letrec<{ any: Case }>((tie) => {
  const pair = (f: (a: Dim, b: Dim) => Dim, g: (a: number, b: number) => number, right: fc.Arbitrary<Case> = tie("any")) =>
    fc.tuple(tie("any"), right).map(([a, b]): Case => ({ dim: f(a.dim, b.dim), value: (v) => g(a.value(v), b.value(v)) }));
  return {
    any: fc.oneof(
      { maxDepth: 4 },
      leaf,
      pair(dim.add, (a, b) => a + b),
      pair(dim.sub, (a, b) => a - b),
      pair(dim.mul, (a, b) => a * b),
      pair(dim.min, Math.min),
      pair(dim.max, Math.max),
      pair(dim.floordiv, floor, divisor),
      pair(dim.mod, (a, b) => a - b * floor(a, b), divisor),
    ),
  };
});

function evaluate(d: Dim, v: Values): number {
  const result = mapAtoms(d, (a) => (a.kind === "extent" ? v.n : a.kind === "loop" ? (a.name === "i" ? v.i : v.j) : undefined));
  if (typeof result !== "number") throw new Error(`'${formatDim(result)}' is not a number`);
  return result;
}

describe("dims", () => {
  it("compute what integers do, whatever is simplified", () => {
    fc.assert(
      fc.property(any, values, (c, v) => {
        expect(evaluate(c.dim, v) + 0, formatDim(c.dim)).to.equal(c.value(v) + 0);
      }),
      { numRuns: 3000 },
    );
  });

  it("stay within their range", () => {
    fc.assert(
      fc.property(any, values, (c, v) => {
        const [low, high] = dim.range(c.dim);
        expect(c.value(v)).to.be.within(low, high);
      }),
      { numRuns: 2000 },
    );
  });

  it("change by their stride", () => {
    const loop = dim.loopAtom("i", 7);
    fc.assert(
      fc.property(any, values, (c, v) => {
        const step = stride(c.dim, loop);
        if (step !== undefined && v.i < 6) expect(c.value({ ...v, i: v.i + 1 }) - c.value(v)).to.equal(evaluate(step, v) + 0);
      }),
      { numRuns: 2000 },
    );
  });

  it("are one thing when they are equal sums", () => {
    expect(dim.add(i, j, 1)).to.equal(dim.add(1, j, i));
    expect(dim.mul(dim.add(n, 1), 2)).to.equal(dim.add(n, n, 2));
  });

  it("need no division inside a split", () => {
    expect(dim.floordiv(dim.add(dim.mul(i, 5), j), 5)).to.equal(i);
    expect(dim.mod(dim.add(dim.mul(i, 5), j), 5)).to.equal(j);
  });

  it("divide what counts in larger units by the units", () => {
    const x = dim.add(dim.mul(i, 64), dim.mul(j, 12), 3);
    expect(dim.floordiv(x, 128)).to.equal(dim.floordiv(i, 2));
    expect(dim.mod(x, 128)).to.equal(dim.add(dim.mul(dim.mod(i, 2), 64), dim.mul(j, 12), 3));
    expect(dim.floordiv(dim.add(dim.mul(n, 6), 5), 4)).to.equal(dim.floordiv(dim.add(dim.mul(n, 3), 2), 2));
    expect(dim.add(dim.mul(dim.floordiv(x, 128), 128), dim.mod(x, 128))).to.equal(x);
  });

  it("join a quotient and its rest again", () => {
    const x = dim.loop("x", dim.mul(n, 12));
    expect(dim.add(dim.mul(dim.floordiv(x, 4), 4), dim.mod(x, 4))).to.equal(x);
    expect(dim.add(dim.mul(dim.floordiv(x, n), dim.mul(n, 3)), dim.mul(dim.mod(x, n), 3))).to.equal(dim.mul(x, 3));
    const outer = dim.floordiv(x, 12);
    const inner = dim.mod(dim.floordiv(x, 4), 3);
    expect(dim.add(dim.mul(outer, 12), dim.mul(inner, 4), dim.mod(x, 4))).to.equal(x);
  });

  it("refine shapes of equal size", () => {
    const shape = fc.array(fc.constantFrom(1, 2, 3, 4, 5, 6), { maxLength: 5 });
    const regrouped = (extents: readonly number[], cuts: readonly boolean[]): number[] =>
      extents.reduce<number[]>(
        (groups, e, k) => (cuts[k] && groups.length > 0 ? [...groups.slice(0, -1), groups.at(-1)! * e] : [...groups, e]),
        [],
      );
    fc.assert(
      fc.property(
        shape,
        fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        (s, c, d) => {
          const [a, b] = [regrouped(s, c), regrouped(s, d)];
          const refined = refine(a, b);
          expect(refined).to.not.equal(undefined);
          const product = (group: readonly number[]): Dim => dim.product(group.map((g) => refined!.extents[g]!));
          expect(refined!.left.map(product)).to.deep.equal(a);
          expect(refined!.right.map(product)).to.deep.equal(b);
        },
      ),
    );
    expect(refine([4, 3], [6, 2])).to.equal(undefined);
  });
});
