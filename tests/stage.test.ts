/** Folds: a state of all points is the merge of the states of some of them and of the others. */
import { expect } from "chai";
import fc from "fast-check";
import { Interpreter } from "../codegen/interpret.ts";
import { add, type Dim } from "../ir/dim.ts";
import { type Buffer, type Expr, load, makeBuffer, substituteVars, variable } from "../ir/expr.ts";
import type { Scalar } from "../ir/scalar.ts";
import { argExtreme, type Folding, maximum, minimum, pointwise, productOf, reduction, sum, welford } from "../ir/stage.ts";

type Fold = (x: Expr, at: Dim) => Folding;

/** The final state of a fold over a list, one value per state variable. */
function stateOf(fold: Fold, values: readonly number[]): Scalar[] {
  const x = makeBuffer("x", "f64", [values.length]);
  const example = fold(load(x, [0]), 0);
  const outs = example.state.map((s) => makeBuffer(s.name, s.dtype, []));
  const stage = reduction(
    outs,
    [values.length],
    (_, [r]) => fold(load(x, [r!]), r!),
    () => example.state.map((s) => variable(s.name, s.dtype)),
  );
  return run([[x, values]], [stage], outs);
}

function run(
  given: readonly (readonly [Buffer, readonly Scalar[]])[],
  stages: Parameters<Interpreter["run"]>[0],
  outs: readonly Buffer[],
): Scalar[] {
  const interpreter = new Interpreter();
  for (const [b, values] of given) interpreter.memory.set(b, [...values]);
  interpreter.run(stages);
  return outs.map((b) => interpreter.memory.get(b)![0]!);
}

/** The merge of two states. */
function merged(fold: Fold, left: readonly Scalar[], right: readonly Scalar[]): Scalar[] {
  const folding = fold(load(makeBuffer("x", "f64", [1]), [0]), 0);
  const buffers = folding.state.map((s) => makeBuffer(s.name, s.dtype, [2]));
  const interpreter = new Interpreter();
  buffers.forEach((b, k) => interpreter.memory.set(b, [left[k]!, right[k]!]));
  return folding.merge.map((e, k) => {
    const out = makeBuffer("y", folding.state[k]!.dtype, []);
    interpreter.run([pointwise(out, () => bind(e, folding, buffers))]);
    return interpreter.memory.get(out)![0]!;
  });
}

/** The merge with its variables read from memory. */
function bind(e: Expr, folding: Folding, buffers: readonly Buffer[]): Expr {
  const by = new Map<string, Expr>();
  folding.state.forEach((s, k) => {
    by.set(s.name, load(buffers[k]!, [0]));
    by.set(`${s.name}_right`, load(buffers[k]!, [1]));
  });
  return substituteVars(e, by);
}

const numbers = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 9 });

function expectMergeable(fold: (start: number) => Fold, tolerance = 0): void {
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      const whole = stateOf(fold(0), [...a, ...b]).map(Number);
      const parts = merged(fold(0), stateOf(fold(0), a), stateOf(fold(a.length), b)).map(Number);
      whole.forEach((w, k) => {
        expect(Math.abs(parts[k]! - w)).to.be.at.most(tolerance * Math.max(1, Math.abs(w)));
      });
    }),
  );
}

describe("folds", () => {
  it("sum", () => {
    expectMergeable(() => sum);
  });
  it("multiply", () => {
    expectMergeable(() => productOf, 1e-12);
  });
  it("find extremes", () => {
    expectMergeable(() => maximum);
    expectMergeable(() => minimum);
  });
  it("find where extremes are, the first or the last of equals", () => {
    for (const of of ["max", "min"] as const) {
      for (const last of [false, true]) expectMergeable((start) => (x, at) => argExtreme(x, add(at, start), of, last));
    }
  });
  it("find mean and deviation", () => {
    expectMergeable(() => welford, 1e-12);
    const [count, mean, m2] = stateOf(welford, [2, 4, 4, 4, 5, 5, 7, 9]).map(Number);
    expect([count, mean, m2]).to.deep.equal([8, 5, 32]);
  });
});
