/** Expressions, stages and loop nests as text. */
import { expect } from "chai";
import * as dim from "../ir/dim.ts";
import {
  add,
  binary,
  type Buffer,
  constant,
  convert,
  div,
  f32,
  i64,
  index,
  load,
  lt,
  makeBuffer,
  max,
  mul,
  neg,
  round,
  select,
  sub,
  toDim,
  unary,
  variable,
} from "../ir/expr.ts";
import { assign, forLoop, ifThen, letVar, type LoopNest, store, whileLoop } from "../ir/loop.ts";
import { printExpr } from "../ir/text/print-expr.ts";
import { printLoopNest } from "../ir/text/print-loop.ts";
import { printStage, printStages } from "../ir/text/print-stage.ts";
import { argExtreme, at, pointwise, reduction, sum } from "../ir/stage.ts";

const n = dim.extent("n");
const x = makeBuffer("x", "f32", [n, 8]);
const [i, j] = [dim.loop("i0", n), dim.loop("i1", 8)];
const xij = load(x, [i, dim.add(j, 1)]);

describe("printed expressions", () => {
  const cases: readonly (readonly [string, Parameters<typeof printExpr>[0]])[] = [
    ["max(x[i0, i1+1], 0.0)", max(xij, f32(0))],
    ["(x[i0, i1+1] + 1.0) * 0.1", mul(add(xij, f32(1)), f32(0.1))],
    ["x[i0, i1+1] - (1.0 - x[i0, i1+1])", sub(xij, sub(f32(1), xij))],
    ["x[i0, i1+1] / 2.0 / 3.0", div(div(xij, f32(2)), f32(3))],
    ["-(x[i0, i1+1] + 1.5)", neg(add(xij, f32(1.5)))],
    ["exp(-x[i0, i1+1])", unary("exp", neg(xij))],
    ["select(i0 < 3, x[i0, i1+1], 0.0)", select(lt(index(i), i64(3)), xij, f32(0))],
    ["i32(round_f16(x[i0, i1+1] * -2.0))", convert(round(mul(xij, f32(-2)), "f16"), "i32")],
    ["pow(acc, inf)", binary("pow", variable("acc", "f32"), f32(Infinity))],
    ["(2*n+1) * i64(k)", mul(index(dim.add(dim.mul(2, n), 1)), convert(variable("k", "i32"), "i64"))],
    ["b & !(i0 < 3)", binary("and", variable("b", "bool"), unary("not", lt(index(i), i64(3))))],
  ];
  for (const [text, e] of cases) it(text, () => expect(printExpr(e)).to.equal(text));

  it("show indices that are read from memory", () => {
    const ids = makeBuffer("ids", "i64", [n]);
    const id = toDim(load(ids, [i]));
    expect(printExpr(load(x, [dim.max(0, dim.min(dim.sub(n, 1), id)), j]))).to.equal("x[max(0,min(ids[i0],n-1)), i1]");
    expect(printExpr(load(x, [dim.add(dim.mul(768, id), j), j]))).to.equal("x[768*ids[i0]+i1, i1]");
  });
});

describe("printed stages", () => {
  it("name what is used more than once", () => {
    const y = makeBuffer("y", "f32", [4]);
    const nested = [1, 2, 3].reduce((e) => mul(e, unary("tanh", e)), at(makeBuffer("x", "f32", [4]), i));
    const stage = pointwise(y, () => nested);
    expect(printStage(stage)).to.equal(
      ["stage (i0 < 4) {", "  let t0 = x[i0] * tanh(x[i0])", "  let t1 = t0 * tanh(t0)", "  y[i0] = t1 * tanh(t1)", "}"].join("\n"),
    );
  });

  it("stay small where a tree would not", () => {
    let e = add(xij, f32(1));
    for (let k = 0; k < 60; k++) e = mul(e, unary("tanh", e));
    expect(printStage(pointwise(makeBuffer("y", "f32", [n, 7]), () => e)).split("\n").length).to.equal(63);
  });

  it("show folds with their merge", () => {
    const [a, y] = [makeBuffer("a", "f32", [4, n]), makeBuffer("y", "f32", [4])];
    const stage = reduction(
      y,
      [n],
      ([p], [r]) => sum(load(a, [p!, r!])),
      (v) => div(v, convert(index(n), "f32")),
    );
    expect(printStage(stage)).to.equal(
      [
        "stage (i0 < 4) {",
        "  acc: f32 = 0.0",
        "  fold (r0 < n) {",
        "    acc = acc + a[i0, r0]",
        "  }",
        "  merge acc = acc + acc_right",
        "  y[i0] = acc / f32(n)",
        "}",
      ].join("\n"),
    );
  });

  it("assign several states at once", () => {
    const [a, y] = [makeBuffer("a", "i32", [4, 3]), makeBuffer("y", "i64", [4])];
    const lines = printStage(reduction(y, [3], ([p], [r]) => argExtreme(load(a, [p!, r!]), r!, "max"))).split("\n");
    expect(lines.slice(1, 6)).to.deep.equal([
      "  best: i32 = 0",
      "  at: i64 = -1",
      "  fold (r0 < 3) {",
      "    let t0 = at == -1 | best < a[i0, r0] | a[i0, r0] == best & r0 < at",
      "    (best, at) = (select(t0, a[i0, r0], best), select(t0, r0, at))",
    ]);
  });

  it("tell buffers of one name apart, and declare their own", () => {
    const [a, b, y] = ["x", "x", "y"].map((name) => makeBuffer(name, "f32", [4])) as [Buffer, Buffer, Buffer];
    const text = printStages([pointwise(b, (p) => neg(load(a, p))), pointwise(y, (p) => add(load(a, p), load(b, p)))], [a, y]);
    expect(text.split("\n")).to.deep.equal([
      "buffer x_1: f32[4]",
      "stage (i0 < 4) {",
      "  x_1[i0] = -x[i0]",
      "}",
      "stage (i0 < 4) {",
      "  y[i0] = x[i0] + x_1[i0]",
      "}",
    ]);
  });
});

describe("printed loops", () => {
  it("have one statement per line", () => {
    const y = makeBuffer("y", "f32", [n]);
    const scratch = makeBuffer("t", "f32", [16]);
    const loop = (name: string, extent: dim.Dim): dim.Loop => dim.asAtom(dim.loop(name, extent)) as dim.Loop;
    const k = variable("k", "i64");
    const nest: LoopNest = {
      name: "sample",
      params: [
        { buffer: x, access: "read" },
        { buffer: y, access: "readwrite" },
      ],
      extents: [dim.asAtom(n) as dim.Extent],
      body: [
        { kind: "alloc", buffer: scratch, scope: "scratch" },
        forLoop(
          loop("i0", n),
          [
            letVar("k", i64(0)),
            whileLoop(lt(k, index(n)), [assign("k", add(k, i64(1)))]),
            ifThen(lt(k, i64(3)), [store(y, [i], max(load(x, [dim.mul(8, i)]), f32(0)))], [store(y, [i], constant("f32", 1))]),
            { kind: "store", buffer: y, at: [i], value: mul(add(load(y, [i]), f32(1)), add(load(y, [i]), f32(1))), combine: "add" },
            { kind: "barrier" },
          ],
          "parallel",
        ),
      ],
    };
    expect(printLoopNest(nest)).to.equal(`kernel sample(read x: f32[n,8], readwrite y: f32[n]; n) {
  alloc t: f32[16] scratch
  for i0 < n parallel {
    let k: i64 = 0
    while k < n {
      k = k + 1
    }
    if k < 3 {
      y[i0] = max(x[8*i0], 0.0)
    } else {
      y[i0] = 1.0
    }
    let t0 = y[i0] + 1.0
    y[i0] += t0 * t0
    barrier
  }
}`);
  });
});
