import { expect } from "chai";
import * as dim from "../ir/dim.ts";
import { asAtom, type Dim, extent, type Extent, loop, type Loop } from "../ir/dim.ts";
import * as x from "../ir/expr.ts";
import { assign, forLoop, ifThen, letVar, type LoopNest, type Stmt, store } from "../ir/loop.ts";
import { binaryOps, isComparison, type Scalar, unaryOps } from "../ir/scalar.ts";
import { type ComputeType, computeType, type DType, dtypes } from "../ir/type.ts";
import { compilers, interpret, isInstalled, type KernelRun, runKernels, ulps } from "./c-runner.ts";

const asLoop = (d: Dim): Loop => asAtom(d) as Loop;

/** A kernel over its parameters: those that are stored to are written, the others read. */
function nestOf(
  buffers: readonly x.Buffer[],
  written: readonly x.Buffer[],
  body: readonly Stmt[],
  extents: readonly Extent[] = [],
): LoopNest {
  return { name: "k", params: buffers.map((buffer) => ({ buffer, access: written.includes(buffer) ? "write" : "read" })), extents, body };
}

const floats = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3,
  7.25,
  -1e-3,
  1e-30,
  1e-40,
  -1e-45,
  1e10,
  -3e9,
  2 ** 31,
  -(2 ** 31),
  1e20,
  3e38,
  -3e38,
  16777217,
  0.49999997,
  8388609.5,
  Infinity,
  -Infinity,
  NaN,
];
const ints = [0, 1, -1, 2, -2, 3, 7, 31, 32, 33, 63, 64, -64, 1000, -1000, 2 ** 31 - 1, -(2 ** 31), 65535, 46341];
const longs = [...ints.map(BigInt), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n + 3n, 3037000500n, 2n ** 53n + 1n, 64n, 63n];
const edges: Record<ComputeType, readonly Scalar[]> = {
  f32: floats.map(Math.fround),
  f64: floats,
  i32: ints,
  i64: longs,
  u64: longs.map((v) => BigInt.asUintN(64, v)),
  bool: [0, 1],
};

const isFloat = (d: ComputeType): boolean => d === "f32" || d === "f64";
const floatOnly = new Set([
  "floor",
  "ceil",
  "rint",
  "trunc",
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "isnan",
]);
const types: readonly ComputeType[] = ["f32", "f64", "i32", "i64", "u64", "bool"];
const bitwise = new Set(["and", "or", "xor", "shl", "shr"]);

/** Elements padded to a multiple of 16 by repetition. */
const padded = (list: readonly Scalar[]): Scalar[] =>
  Array.from({ length: Math.ceil(list.length / 16) * 16 }, (_, i) => list[i % list.length]!);

/** `out[i] = f(operands[i])`, in lanes. */
function elementwise(inputs: readonly x.Buffer[], out: x.Buffer, f: (at: Dim) => x.Expr, lanes: number): LoopNest {
  const count = out.shape[0] as number;
  const outer = loop("o", count / Math.max(lanes, 1));
  const inner = loop("l", lanes);
  const at = lanes === 1 ? outer : x.toDim(x.add(x.mul(x.index(outer), x.i64(lanes)), x.index(inner)));
  const body = [store(out, [at], f(at))];
  return nestOf([...inputs, out], [out], [forLoop(asLoop(outer), lanes === 1 ? body : [forLoop(asLoop(inner), body, "vector")])]);
}

/** One run that applies `f` to all operands, given element by element. */
function sweep(
  dtypesIn: readonly DType[],
  dtypeOut: DType,
  operands: readonly (readonly Scalar[])[],
  f: (...e: x.Expr[]) => x.Expr,
  lanes: number,
): KernelRun {
  const lists = operands.map(padded);
  const count = lists[0]!.length;
  const inputs = dtypesIn.map((d, i) => x.makeBuffer(`x${i}`, d, [count]));
  const out = x.makeBuffer("y", dtypeOut, [count]);
  const nest = elementwise(inputs, out, (at) => f(...inputs.map((b) => x.load(b, [at]))), lanes);
  return {
    nest,
    roots: [...lists, new Array<Scalar>(count).fill(computeType(dtypeOut) === "i64" || computeType(dtypeOut) === "u64" ? 0n : 0)],
  };
}

/** All pairs of edge values. */
function pairs(list: readonly Scalar[]): [Scalar[], Scalar[]] {
  const all = list.flatMap((a) => list.map((b) => [a, b] as const));
  return [all.map((p) => p[0]), all.map((p) => p[1])];
}

interface Case {
  readonly name: string;
  readonly run: KernelRun;
  /** Units in the last place of f32 that results may be apart. */
  readonly ulp: number;
}

function expectSame(cases: readonly Case[], results: readonly Scalar[][][]): void {
  const wrong: string[] = [];
  cases.forEach(({ name, run, ulp }, i) => {
    const expected = interpret(run);
    run.nest.params.forEach(({ buffer }, k) => {
      results[i]![k]!.forEach((got, j) => {
        const want = expected[k]![j]!;
        const dtype = computeType(buffer.dtype);
        const far = isFloat(dtype) ? floatDistance(dtype, Number(got), Number(want)) : got === want ? 0 : Infinity;
        if (far > ulp)
          wrong.push(`${name}[${j}](${run.nest.params.map((_, q) => String(run.roots[q]![j])).join()}) = ${got}, not ${want} (${far})`);
      });
    });
  });
  expect(wrong.slice(0, 20)).deep.equal([]);
}

/** In units of f32; for f64 in units of 2^-50 of the value. */
function floatDistance(dtype: ComputeType, a: number, b: number): number {
  if (dtype === "f32") return ulps(a, b);
  if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  return Math.abs(a - b) <= 2 ** -50 * Math.max(Math.abs(a), Math.abs(b), 2 ** -1000) ? 1 : Infinity;
}

const exact = new Set([
  "neg",
  "abs",
  "floor",
  "ceil",
  "rint",
  "trunc",
  "sqrt",
  "not",
  "isnan",
  "add",
  "sub",
  "mul",
  "div",
  "rem",
  "max",
  "min",
  "maxnum",
  "minnum",
]);
/** The greatest error in units of the last place, as `codegen/c/math.ts` promises it, and one for the C library's. */
const promised: Record<string, number> = {
  tanh: 2,
  erf: 2,
  tan: 2,
  sinh: 2,
  cosh: 2,
  asinh: 2,
  acosh: 2,
  atanh: 2,
  asin: 2,
  acos: 2,
  atan: 2,
  atan2: 2,
};
const ulpOf = (op: string): number => (exact.has(op) ? 0 : (promised[op] ?? 1));

function semantics(lanes: number): Case[] {
  const unary = unaryOps.flatMap((op) =>
    types
      .filter((d) => isFloat(d) || (!floatOnly.has(op) && (d !== "bool" || op === "not")))
      .map((d): Case => ({
        name: `${op} ${d}`,
        ulp: ulpOf(op),
        run: sweep([d], op === "isnan" ? "bool" : d, [edges[d]], (a) => x.unary(op, a), lanes),
      })),
  );
  const binary = binaryOps.flatMap((op) =>
    types
      .filter((d) => (isFloat(d) ? !bitwise.has(op) : op !== "atan2"))
      .filter((d) => d !== "bool" || isComparison(op) || ["and", "or", "xor"].includes(op))
      .map((d): Case => ({
        name: `${op} ${d}`,
        ulp: ulpOf(op),
        run: sweep([d, d], isComparison(op) ? "bool" : d, pairs(edges[d]), (a, b) => x.binary(op, a, b), lanes),
      })),
  );
  const converts = types.flatMap((from) =>
    types.map((to): Case => ({ name: `${from} to ${to}`, ulp: 0, run: sweep([from], to, [edges[from]], (a) => x.convert(a, to), lanes) })),
  );
  return [...unary, ...binary, ...converts];
}

const halves = [
  ...floats,
  65504,
  65519,
  65520,
  65536,
  6e-8,
  2.9e-8,
  2.98e-8,
  6.1e-5,
  6.09e-5,
  1.0009765,
  1.0004883,
  1.0014648,
  448,
  464,
  465,
  480,
  57344,
  61440,
  0.001953125,
  0.0009765625,
  6,
  5,
  0.25,
  0.75,
  1.75,
  2 ** -127,
  2 ** -128,
  1.41,
  1.42,
].map(Math.fround);
const storages = dtypes.filter((d): d is Exclude<DType, "string"> => d !== "string");

function storageCases(lanes: number): Case[] {
  return storages.flatMap((d): Case[] => {
    const compute = computeType(d);
    const values = compute === "f32" ? halves : edges[compute];
    return [
      { name: `store ${d}`, ulp: 0, run: sweep([compute], d, [values], (a) => a, lanes) },
      { name: `load ${d}`, ulp: 0, run: sweep([d], compute, [values], (a) => a, lanes) },
      { name: `round ${d}`, ulp: 0, run: sweep([compute], compute, [values], (a) => x.round(a, d), lanes) },
    ];
  });
}

describe("c: scalar semantics", () => {
  for (const lanes of [1, 8]) {
    it(`every operation on edge values, ${lanes} lanes`, () => {
      const cases = semantics(lanes);
      expectSame(
        cases,
        runKernels(
          cases.map((c) => c.run),
          { vectors: lanes > 1 },
        ),
      );
    });
    it(`every storage type, ${lanes} lanes`, () => {
      const cases = storageCases(lanes);
      expectSame(
        cases,
        runKernels(
          cases.map((c) => c.run),
          { vectors: lanes > 1 },
        ),
      );
    });
  }
});

// Shapes of loops.

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Small whole numbers, so that sums of products are exact in any order. */
const small = (b: x.Buffer, seed: number): Scalar[] =>
  Array.from({ length: size(b.shape as number[]) }, (_, i) => ((i * 7 + seed * 13) % 11) - 5);
const zeros = (b: x.Buffer): Scalar[] => new Array<Scalar>(size(b.shape as number[])).fill(computeType(b.dtype) === "i64" ? 0n : 0);

/** A case whose read buffers hold small whole numbers. */
function shapeCase(
  name: string,
  inputs: readonly x.Buffer[],
  outputs: readonly x.Buffer[],
  body: readonly Stmt[],
  more: Partial<KernelRun> = {},
): Case {
  const nest = nestOf([...inputs, ...outputs], outputs, body, more.nest?.extents ?? []);
  return { name, ulp: 0, run: { ...more, nest, roots: [...inputs.map(small), ...outputs.map(zeros)] } };
}

const buffer = (name: string, shape: readonly number[], dtype: DType = "f32"): x.Buffer => x.makeBuffer(name, dtype, shape);
const each = (d: Dim, mode: "serial" | "unroll" | "vector" | "parallel", body: readonly Stmt[]): Stmt => forLoop(asLoop(d), body, mode);
const alloc = (b: x.Buffer, scope: "register" | "scratch" = "register"): Stmt => ({ kind: "alloc", buffer: b, scope });

/** Rows by columns, a tile of registers 3 by 2 vectors. */
function product(lanes: number): Case {
  const [m, n, k] = [6, 4 * lanes, 5];
  const [a, b, y] = [buffer("a", [m, k]), buffer("b", [k, n]), buffer("y", [m, n])];
  const acc = buffer("acc", [3, 2 * lanes]);
  const [mo, mi, no, nu, l, r] = [loop("mo", 2), loop("mi", 3), loop("no", 2), loop("nu", 2), loop("l", lanes), loop("r", k)];
  const [row, column, here] = [
    dim.add(dim.mul(mo, 3), mi),
    dim.add(dim.mul(no, 2 * lanes), dim.mul(nu, lanes), l),
    dim.add(dim.mul(mi, 2 * lanes), dim.mul(nu, lanes), l),
  ];
  const tile = (body: Stmt): Stmt => each(mi, "unroll", [each(nu, "unroll", [each(l, "vector", [body])])]);
  const at = (i: Dim, j: Dim, width: number): Dim => dim.add(dim.mul(i, width), j);
  const body = each(mo, "parallel", [
    each(no, "serial", [
      alloc(acc),
      tile(store(acc, [here], x.f32(0))),
      each(r, "serial", [
        tile(store(acc, [here], x.add(x.load(acc, [here]), x.mul(x.load(a, [at(row, r, k)]), x.load(b, [at(r, column, n)]))))),
      ]),
      tile(store(y, [at(row, column, n)], x.max(x.load(acc, [here]), x.f32(0)))),
    ]),
  ]);
  return { ...shapeCase(`product, ${lanes} lanes`, [a, b], [y], [body]), name: `product, ${lanes} lanes` };
}

/** Lanes along the folded axis, merged at the end; and a tail with a guard, which has no vector form. */
function foldedLanes(lanes: number): Case {
  const n = 3 * lanes - 1;
  const [a, y] = [buffer("a", [4, n]), buffer("y", [4])];
  const state = buffer("state", [lanes]);
  const [i, o, l, other] = [loop("i", 4), loop("o", 3), loop("l", lanes), loop("other", lanes - 1)];
  const column = dim.add(dim.mul(o, lanes), l);
  const step = store(state, [l], x.add(x.load(state, [l]), x.load(a, [dim.add(dim.mul(i, n), column)])));
  const body = each(i, "serial", [
    alloc(state),
    each(l, "vector", [store(state, [l], x.f32(0))]),
    each(o, "serial", [each(l, "vector", [ifThen(x.lt(x.index(column), x.i64(n)), [step])])]),
    each(other, "unroll", [
      letVar("next", x.add(x.load(state, [0]), x.load(state, [dim.add(other, 1)]))),
      store(state, [0], x.variable("next", "f32")),
    ]),
    store(y, [i], x.load(state, [0])),
  ]);
  return shapeCase(`folded lanes, ${lanes}`, [a], [y], [body]);
}

/** Every lane has a state of its own in registers and in scalars; loads are strided, gathered, reversed and one for all. */
function privateLanes(lanes: number): Case {
  const n = 2 * lanes;
  const [a, ids, y, z] = [buffer("a", [3, n, 2]), buffer("ids", [n], "i32"), buffer("y", [n]), buffer("z", [2, n], "i32")];
  const acc = buffer("acc", [2]);
  const [o, l, r] = [loop("o", 2), loop("l", lanes), loop("r", 3)];
  const c = dim.add(dim.mul(o, lanes), l);
  const strided = x.load(a, [dim.add(dim.mul(r, 2 * n), dim.mul(c, 2))]);
  const id = x.toDim(x.max(x.i64(0), x.min(x.i64(n - 1), x.convert(x.load(ids, [c]), "i64"))));
  const total = x.variable("total", "f32");
  const body = each(o, "serial", [
    each(l, "vector", [
      alloc(acc),
      store(acc, [0], x.load(a, [0])),
      store(acc, [1], x.f32(1)),
      letVar("total", x.f32(0)),
      each(r, "serial", [
        store(acc, [1], x.add(x.load(acc, [1]), strided)),
        assign("total", x.add(total, x.load(a, [dim.add(dim.mul(r, 2), id)]))),
      ]),
      store(y, [dim.sub(n - 1, c)], x.add(x.add(x.load(acc, [0]), x.load(acc, [1])), total)),
      store(z, [dim.add(n, c)], x.convert(x.select(x.lt(total, x.f32(0)), x.mul(total, x.f32(2)), total), "i32")),
    ]),
  ]);
  return shapeCase(`private lanes, ${lanes}`, [a, ids], [y, z], [body]);
}

/** Padding: the side not taken would load outside. */
function padding(lanes: number): Case {
  const n = 2 * lanes;
  const [a, y] = [buffer("a", [n]), buffer("y", [3, n])];
  const [i, o, l] = [loop("i", 3), loop("o", 2), loop("l", lanes)];
  const c = dim.add(dim.mul(o, lanes), l);
  const source = dim.add(c, i, -1);
  const inside = x.and(x.le(x.i64(0), x.index(source)), x.lt(x.index(source), x.i64(n)));
  const twice = x.load(a, [source]);
  const value = x.select(inside, x.mul(twice, x.add(twice, x.f32(1))), x.f32(-1));
  const uniform = x.select(x.eq(x.index(i), x.i64(1)), x.load(a, [c]), value);
  return shapeCase(
    `padding, ${lanes} lanes`,
    [a],
    [y],
    [each(i, "serial", [each(o, "serial", [each(l, "vector", [store(y, [dim.add(dim.mul(i, n), c)], uniform)])])])],
  );
}

/** Temporaries in scratch memory, a while loop, bound variables, several parallel loops, a combining store. */
function routine(): Case {
  const [a, y, z] = [buffer("a", [4, 6]), buffer("y", [4, 6]), buffer("z", [6])];
  const row = buffer("row", [6], "f16");
  const [i, j, f, b0, b1] = [loop("i", 4), loop("j", 6), loop("f", 24), loop("b0", 4), loop("b1", 6)];
  const count = x.variable("count", "i64");
  const body = [
    each(i, "parallel", [
      alloc(row, "scratch"),
      each(j, "serial", [store(row, [j], x.load(a, [dim.add(dim.mul(i, 6), j)]))]),
      letVar("count", x.i64(0)),
      {
        kind: "while",
        cond: x.and(x.lt(count, x.i64(6)), x.le(x.load(row, [x.toDim(x.min(count, x.i64(5)))]), x.f32(3))),
        body: [assign("count", x.add(count, x.i64(1)))],
      },
      each(j, "serial", [store(y, [dim.add(dim.mul(i, 6), j)], x.add(x.load(row, [dim.sub(5, j)]), x.convert(count, "f32")))]),
    ]),
    each(f, "parallel", [
      { kind: "bind", loop: asLoop(b0), value: dim.floordiv(f, 6) },
      { kind: "bind", loop: asLoop(b1), value: dim.mod(f, 6) },
      { kind: "store", buffer: z, at: [b1], value: x.mul(x.load(a, [f]), x.convert(x.index(b0), "f32")), combine: "add" },
    ]),
  ];
  return shapeCase("routine", [a], [y, z], body);
}

/** Extents at run time, in pieces of the parallel loop. */
function dynamic(lanes: number): Case {
  const [n, m] = [extent("n"), extent("m")];
  const [a, y] = [x.makeBuffer("a", "f32", [n, m]), x.makeBuffer("y", "f32", [m, n])];
  const [i, o, l] = [loop("i", n), loop("o", dim.floordiv(m, lanes)), loop("l", lanes)];
  const j = dim.min(dim.add(dim.mul(o, lanes), l), dim.sub(m, 1));
  const body = [
    each(i, "parallel", [
      each(o, "serial", [each(l, "vector", [store(y, [dim.add(dim.mul(j, n), i)], x.load(a, [dim.add(dim.mul(i, m), j)]))])]),
    ]),
  ];
  const extents = { n: 5, m: 2 * lanes };
  const roots = [Array.from({ length: 10 * lanes }, (_, k) => k), new Array<Scalar>(10 * lanes).fill(0)];
  const nest = nestOf([a, y], [y], body, [asAtom(n), asAtom(m)] as Extent[]);
  return {
    name: `dynamic, ${lanes} lanes`,
    ulp: 0,
    run: {
      nest,
      roots,
      extents,
      pieces: [
        [3, 5],
        [0, 1],
        [1, 3],
      ],
    },
  };
}

/** Loops, scalars and buffers named like what the printer makes up, and like each other. */
function namesThatClash(): Case {
  const [a, y] = [buffer("in0", [3, 4]), buffer("t0", [3, 4])];
  const acc = buffer("acc", [4]);
  const [i, k] = [loop("t0", 3), loop("acc", 4)];
  const [value, next] = [x.variable("t1", "f32"), x.variable("acc_2", "f32")];
  const element = x.load(a, [dim.add(dim.mul(i, 4), k)]);
  const body = each(i, "serial", [
    alloc(acc),
    letVar("acc_2", x.f32(1)),
    each(k, "unroll", [
      letVar("t1", x.mul(element, element)),
      store(acc, [k], x.add(x.mul(x.add(value, element), x.add(value, element)), next)),
      assign("acc_2", x.add(next, value)),
    ]),
    each(k, "unroll", [store(y, [dim.add(dim.mul(i, 4), k)], x.add(x.load(acc, [k]), next))]),
    letVar("acc_2", x.f32(2)),
  ]);
  return shapeCase("names", [a], [y], [body]);
}

const shapes = (): Case[] => [
  ...[4, 8, 16].flatMap((lanes) => [product(lanes), foldedLanes(lanes), privateLanes(lanes), padding(lanes), dynamic(lanes)]),
  routine(),
  namesThatClash(),
];

/** What machines have instructions for: rounding, and the greater or less of something and a number. */
const instructionCases = (lanes: number): Case[] =>
  [
    ...(["rint", "floor", "ceil", "trunc"] as const).map((op) => [op, (a: x.Expr) => x.unary(op, a)] as const),
    ...[-2, 0, 3].flatMap((bound) => [
      [`max ${bound}`, (a: x.Expr) => x.max(a, x.f32(bound))] as const,
      [`min ${bound}`, (a: x.Expr) => x.min(x.f32(bound), a)] as const,
    ]),
    ["clamp to i8", (a: x.Expr) => x.cast(x.max(x.f32(-128), x.min(x.f32(127), a)), "i8")] as const,
    ["clamp to odd bounds", (a: x.Expr) => x.cast(x.min(x.f32(2.5), x.max(x.f32(-1.5), a)), "u8")] as const,
  ].map(([name, f]) => ({
    name: `${name}, ${lanes} lanes`,
    ulp: 0,
    run: sweep(["f32"], f(x.f32(1)).dtype === "i32" ? "i16" : "f32", [floats.map(Math.fround)], f, lanes),
  }));

describe("c: loops", () => {
  for (const compiler of compilers) {
    for (const vectors of [true, false]) {
      it(`registers, lanes, scratch, dynamic extents: ${compiler}, ${vectors ? "vectors" : "plain C11"}`, () => {
        const cases = shapes();
        expectSame(
          cases,
          runKernels(
            cases.map((c) => c.run),
            { compiler, vectors },
          ),
        );
      });
    }
  }

  it("optimised for AVX-512 and AVX2, where the machine has them", () => {
    const cases = [
      ...shapes(),
      ...semantics(16),
      ...storageCases(1),
      ...[4, 8, 16].flatMap((lanes) => [...storageCases(lanes), ...instructionCases(lanes)]),
    ];
    for (const flags of [["-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno"]])
      expectSame(
        cases,
        runKernels(
          cases.map((c) => c.run),
          { flags },
        ),
      );
  });
});

describe("c: armv8", () => {
  it("kernels and semantics under qemu", () => {
    const [compiler, emulator] = ["aarch64-linux-gnu-gcc", "qemu-aarch64"];
    if (!isInstalled(compiler) || !isInstalled(emulator)) {
      console.log(`      left out: ${compiler} and ${emulator} are not installed`);
      return;
    }
    const cases = [...shapes(), ...semantics(4), ...storageCases(1), ...storageCases(4), ...instructionCases(4)];
    expectSame(
      cases,
      runKernels(
        cases.map((c) => c.run),
        { compiler, emulator, flags: ["-O2", "-march=armv8-a", "-ffp-contract=fast", "-static"] },
      ),
    );
  });
});

describe("c: functions of f32", () => {
  const ends: Partial<Record<string, readonly [number, number]>> = {
    exp: [-110, 90],
    tanh: [-12, 12],
    erf: [-5, 5],
    expm1: [-25, 92],
    sin: [-1e5, 1e5],
    cos: [-1e5, 1e5],
  };

  /** Many floats of all magnitudes and, where the function has a range of interest, many in it. */
  function sample(op: string): number[] {
    const bits = new Int32Array(4096);
    for (let i = 0; i < bits.length; i++) bits[i] = Math.imul(i * 2 + 1, 1048573 * 521) ^ (i << 20);
    const all = [...new Float32Array(bits.buffer)];
    const [low, high] = ends[op] ?? [0, 100];
    return [...all, ...Array.from({ length: 12288 }, (_, i) => Math.fround(low + ((high - low) * i) / 12288))];
  }

  it("errors are as promised", () => {
    const cases = (["exp", "log", "tanh", "erf", "expm1", "log1p", "sin", "cos"] as const).map((op): Case => ({
      name: op,
      ulp: ulpOf(op),
      run: sweep(["f32"], "f32", [sample(op)], (a) => x.unary(op, a), 16),
    }));
    const [bases, exponents] = [sample("pow"), sample("pow").map((v, i) => (i < 4096 ? v : Math.fround(((i * 37) % 401) / 16 - 12.5)))];
    cases.push({ name: "pow", ulp: 1, run: sweep(["f32", "f32"], "f32", [bases, exponents], (a, b) => x.binary("pow", a, b), 8) });
    expectSame(
      cases,
      runKernels(
        cases.map((c) => c.run),
        { flags: ["-O2"] },
      ),
    );
  });
});
