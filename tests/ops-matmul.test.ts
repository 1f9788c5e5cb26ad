import { expect } from "chai";
import fc from "fast-check";
import { OpError } from "../ir/diagnostic.ts";
import { Einsum, parseEquation } from "../ir/ops/einsum.ts";
import { Gemm, Matmul, MatmulInteger, QlinearMatmul } from "../ir/ops/matmul.ts";
import { runOp } from "./run-op.ts";
import { check, expectResult, extents, given, points, size, Table } from "./tables.ts";

const values = (shape: readonly number[], seed: number): Table =>
  new Table(
    shape,
    Array.from({ length: size(shape) }, (_, i) => ((i * 7 + seed) % 11) - 5),
  );
/** Indices into a batch of `shape`, an extent of one stretched. */
const stretched = (shape: readonly number[], batch: readonly number[]): number[] =>
  shape.map((n, d) => (n === 1 ? 0 : batch[batch.length - shape.length + d]!));
const swapped = (t: Table): Table => {
  const [m, n] = t.shape.slice(-2);
  return Table.of([...t.shape.slice(0, -2), n!, m!], (at) => t.at([...at.slice(0, -2), at.at(-1)!, at.at(-2)!]));
};

function multiply(a: Table, b: Table, shape: readonly number[]): Table {
  return Table.of(shape, (at) => {
    const batch = at.slice(0, -2);
    let sum = 0;
    for (let k = 0; k < a.shape.at(-1)!; k++) {
      sum +=
        a.at([...stretched(a.shape.slice(0, -2), batch), at.at(-2)!, k]) * b.at([...stretched(b.shape.slice(0, -2), batch), k, at.at(-1)!]);
    }
    return sum;
  });
}

const extent = fc.integer({ min: 1, max: 4 });
const products = fc.record({
  m: extent,
  n: extent,
  k: extent,
  batch: fc.array(extent, { maxLength: 2 }),
  stretch: fc.tuple(fc.boolean(), fc.boolean()),
  symbolic: fc.boolean(),
  flags: fc.tuple(fc.boolean(), fc.boolean()),
});

describe("matrix products", () => {
  it("broadcast over leading axes", () => {
    check(products, ({ m, n, k, batch, stretch, symbolic }) => {
      const a = values([...batch.map((e) => (stretch[0] ? 1 : e)), m, k], 1);
      const b = values([...batch.slice(1).map((e) => (stretch[1] ? 1 : e)), k, n], 2);
      const shape = batch.map((e, d) => (stretch[0] && (d === 0 || stretch[1]) ? 1 : e));
      for (const dtype of ["f32", "i32", "i64", "f64"] as const) {
        expectResult(
          runOp(Matmul, { a: given(a, symbolic, dtype), b: given(b, symbolic, dtype) }, {}, extents)[0],
          multiply(a, b, [...shape, m, n]),
        );
      }
    });
  });

  it("gemm scales, transposes and adds", () => {
    check(products, ({ m, n, k, flags, symbolic, stretch }) => {
      const [a, b] = [values([m, k], 1), values([k, n], 2)];
      const c = values([stretch[0] ? 1 : m, stretch[1] ? 1 : n], 3);
      const operands = {
        a: given(flags[0] ? swapped(a) : a, symbolic),
        b: given(flags[1] ? swapped(b) : b, symbolic),
        c: given(c, symbolic),
      };
      const product = multiply(a, b, [m, n]);
      const want = Table.of([m, n], (at) => 2 * product.at(at) - 0.5 * c.at(stretched(c.shape, at)));
      expectResult(runOp(Gemm, operands, { trans_a: flags[0], trans_b: flags[1], alpha: 2, beta: -0.5 }, extents)[0], want);
    });
  });

  it("of integers with zero points per row and column", () => {
    const [a, b] = [values([2, 3], 1), values([3, 2], 2)];
    const zero = (v: number[]) => ({ dtype: "i8" as const, shape: [v.length], values: v });
    const [y] = runOp(MatmulInteger, {
      a: given(a, false, "i8"),
      b: given(b, false, "i8"),
      a_zero_point: zero([1, -2]),
      b_zero_point: zero([3, 0]),
    });
    const want = multiply(
      Table.of([2, 3], (at) => a.at(at) - [1, -2][at[0]!]!),
      Table.of([3, 2], (at) => b.at(at) - [3, 0][at[1]!]!),
      [2, 2],
    );
    expectResult(y, want);
    expect(y!.dtype).to.equal("i32");
  });

  it("of quantised matrices", () => {
    const scalar = (dtype: "f32" | "i8", v: number) => ({ dtype, shape: [], values: [v] });
    const operands = {
      a: { dtype: "i8" as const, shape: [1, 2], values: [10, -20] },
      a_scale: scalar("f32", 0.5),
      a_zero_point: scalar("i8", 0),
      b: { dtype: "i8" as const, shape: [2, 2], values: [3, 100, 1, -100] },
      b_scale: scalar("f32", 0.5),
      b_zero_point: scalar("i8", 1),
      y_scale: scalar("f32", 1),
      y_zero_point: scalar("i8", -3),
    };
    expect(runOp(QlinearMatmul, operands)[0]!.values).to.deep.equal([2, 127]);
  });

  it("refuses what does not fit", () => {
    expect(() => runOp(Matmul, { a: given(values([2, 3], 0)), b: given(values([4, 2], 0)) })).to.throw(
      OpError,
      "cannot multiply f32[2,3] by f32[4,2]",
    );
  });
});

/** Equation over labels a to d with an ellipsis here and there, by plain loops over every label. */
function einsum(equation: string, operands: readonly Table[]): Table {
  const { operands: labels, result } = parseEquation(
    equation,
    operands.map((t) => t.shape.length),
  );
  const sizes = new Map<string, number>();
  labels.forEach((list, i) => list.forEach((l, d) => sizes.set(l, Math.max(sizes.get(l) ?? 1, operands[i]!.shape[d]!))));
  const summed = [...sizes.keys()].filter((l) => !result.includes(l));
  return Table.of(
    result.map((l) => sizes.get(l)!),
    (at) =>
      points(summed.map((l) => sizes.get(l)!)).reduce((sum, r) => {
        const index = (l: string): number => (result.includes(l) ? at[result.indexOf(l)]! : r[summed.indexOf(l)]!);
        return sum + operands.reduce((p, t, i) => p * t.at(labels[i]!.map((l, d) => (t.shape[d] === 1 ? 0 : index(l)))), 1);
      }, 0),
  );
}

describe("einsum", () => {
  const cases: readonly (readonly [string, ...number[][]])[] = [
    ["ij,jk->ik", [2, 3], [3, 4]],
    ["ii->i", [3, 3]],
    ["ii", [3, 3]],
    ["ij->ji", [2, 3]],
    ["ij->", [2, 3]],
    ["bij, bjk -> bik", [2, 2, 3], [2, 3, 2]],
    ["...ij,...jk->...ik", [2, 1, 2, 3], [4, 3, 2]],
    ["i,j", [2], [3]],
    ["b...i,b...i->b...", [2, 3, 2, 4], [2, 3, 2, 4]],
    ["ba,cb", [2, 3], [4, 2]],
    ["i,i,i->", [3], [3], [3]],
    ["ij...,jk...->ik...", [2, 3, 2], [3, 2, 2]],
    ["...->...", [2, 3]],
    ["bhqd,bhkd->bhqk", [1, 2, 3, 2], [1, 2, 4, 2]],
  ];
  for (const [equation, ...shapes] of cases) {
    it(equation, () => {
      for (const symbolic of [false, true]) {
        const xs = shapes.map((s, i) => values(s, i));
        const given_ = xs.map((x) => given(x, symbolic));
        expectResult(runOp(Einsum, { xs: given_ }, { equation }, extents)[0], einsum(equation, xs));
      }
    });
  }

  it("refuses malformed equations", () => {
    const x = given(values([2, 3], 0));
    for (const equation of ["ijk", "i", "ij->kk", "ij->k", "ij->ii", "i.j->i", "ij,jk->ik", "ij->i->j", "i...j...", "i1->i"]) {
      expect(() => runOp(Einsum, { xs: [x] }, { equation }), equation).to.throw(OpError);
    }
    expect(() => runOp(Einsum, { xs: [x, x] }, { equation: "ij,jk->ik" })).to.throw(OpError, "differ in extent");
  });
});
