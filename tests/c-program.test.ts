import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { emitC } from "../codegen/c/artifact.ts";
import { jsTarget } from "../codegen/js/target.ts";
import type { Program, ProgramBuffer, ProgramKernel, Step, Storage } from "../codegen/program.ts";
import type { Artifact, TargetOptions } from "../codegen/target.ts";
import { memoryData } from "../ir/data.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { add, asAtom, type Dim, extent, type Extent, loop, type Loop, mul, product } from "../ir/dim.ts";
import * as x from "../ir/expr.ts";
import { assign, forLoop, ifThen, letVar, type Param, type Stmt, store } from "../ir/loop.ts";
import { writeElements } from "../ir/storage.ts";
import { type DType, tensor, type TensorType } from "../ir/type.ts";
import { Session, Tensor } from "../runtime/node/session.ts";
import { buildC } from "../runtime/node/build-c.ts";
import { compilers, isInstalled } from "./c-runner.ts";

const asLoop = (d: Dim): Loop => asAtom(d) as Loop;
const asExtent = (d: Dim): Extent => asAtom(d) as Extent;

const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sinter-program-"));
  folders.push(made);
  return made;
}

function write(artifact: Artifact, dir: string): string {
  for (const [name, content] of artifact.files) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
  return dir;
}

function emit(program: Program, options: Partial<TargetOptions> = {}): string {
  return write(emitC(program, { name: program.name, mcpu: "x86-64-v2", ...options }, new Diagnostics()), folder());
}

const buffer = (name: string, dtype: DType, shape: readonly Dim[], storage: Storage): ProgramBuffer => ({
  name,
  dtype,
  shape,
  capacity: product(shape),
  storage,
});
const kernel = (name: string, params: readonly Param[], body: readonly Stmt[], extents: readonly Extent[] = []): ProgramKernel => ({
  nest: { name, params, extents, body },
  count: 1,
  scratchBytes: 0,
  locations: [],
  label: name,
});
const read = (b: x.Buffer): Param => ({ buffer: b, access: "read" });
const written = (b: x.Buffer): Param => ({ buffer: b, access: "write" });

const [n, m] = [extent("n"), extent("m")];

/** y[n,4] = (x[n,4] + w[4]) * 2, by two kernels with a temporary between. */
function dynamicProgram(): Program {
  const [px, pw, pt] = [x.makeBuffer("x", "f32", []), x.makeBuffer("w", "f32", []), x.makeBuffer("t", "f32", [])];
  const [row, lane] = [loop("row", n), loop("lane", 4)];
  const at = add(mul(row, 4), lane);
  const rows = (body: Stmt): Stmt[] => [forLoop(asLoop(row), [forLoop(asLoop(lane), [body], "vector")], "parallel")];
  const kernels = [
    kernel("add", [read(px), read(pw), written(pt)], rows(store(pt, [at], x.add(x.load(px, [at]), x.load(pw, [lane])))), [asExtent(n)]),
    kernel("double", [read(px), written(pt)], rows(store(pt, [at], x.mul(x.load(px, [at]), x.f32(2)))), [asExtent(n)]),
  ];
  const w = { type: tensor("f32", [4]), data: memoryData(writeElements("f32", [10, 20, 30, 40])) };
  const type = tensor("f32", [n, 4]);
  return {
    name: "dynamic",
    inputs: [{ name: "x", type, buffer: 0 }],
    outputs: [{ name: "y", type, buffer: 3 }],
    extents: [{ name: "n", input: { index: 0, axis: 0 } }],
    buffers: [
      buffer("x", "f32", [n, 4], { kind: "input", index: 0 }),
      buffer("w", "f32", [4], { kind: "constant", data: w, offset: 0 }),
      buffer("t", "f32", [n, 4], { kind: "arena", slot: 1, offset: 0 }),
      buffer("y", "f32", [n, 4], { kind: "output", index: 0 }),
    ],
    kernels,
    steps: [
      { kind: "run", kernel: 0, args: [0, 1, 2], extents: [0] },
      { kind: "run", kernel: 1, args: [2, 3], extents: [0] },
    ],
    slots: [64, mul(n, 16)],
    weightBytes: 16,
  };
}

/** y[8] = x[8] + x[8] in types that are not computed in as they are stored, by lanes and one by one. */
function narrowProgram(): Program {
  const dtypes = ["f16", "bf16", "f8e4m3fn", "i8", "u16", "bool"] as const;
  const kernels = dtypes.flatMap((dtype) =>
    (["vector", "serial"] as const).map((mode) => {
      const [px, py, lane] = [x.makeBuffer("x", dtype, []), x.makeBuffer("y", dtype, []), loop("lane", 8)];
      const doubled = x.round(x.add(x.load(px, [lane]), x.load(px, [lane])), dtype);
      return kernel(`${mode}_${dtype}`, [read(px), written(py)], [forLoop(asLoop(lane), [store(py, [lane], doubled)], mode)]);
    }),
  );
  const value = (name: string, i: number): { name: string; type: TensorType; buffer: number } => ({
    name: `${name}${i}`,
    type: tensor(dtypes[i >> 1]!, [8]),
    buffer: 2 * i + (name === "y" ? 1 : 0),
  });
  return {
    name: "narrow",
    inputs: kernels.map((_, i) => value("x", i)),
    outputs: kernels.map((_, i) => value("y", i)),
    extents: [],
    buffers: kernels.flatMap((_, i) => [
      buffer(`x${i}`, dtypes[i >> 1]!, [8], { kind: "input", index: i }),
      buffer(`y${i}`, dtypes[i >> 1]!, [8], { kind: "output", index: i }),
    ]),
    kernels,
    steps: kernels.map((_, i) => ({ kind: "run", kernel: i, args: [2 * i, 2 * i + 1], extents: [] })),
    slots: [],
    weightBytes: 0,
  };
}

/** Doubles `x` until it exceeds 100 or `limit` rounds are over, stacks each round's value, then keeps the even ones. */
function controlProgram(): Program {
  const scalar = (name: string, dtype: DType): x.Buffer => x.makeBuffer(name, dtype, []);
  const [value, running, stacked, count, kept] = [
    scalar("value", "i64"),
    scalar("running", "bool"),
    scalar("stacked", "i64"),
    scalar("count", "i64"),
    scalar("kept", "i64"),
  ];
  const i = loop("i", 8);
  const at0 = (b: x.Buffer): x.Expr => x.load(b, [0]);
  const total = x.variable("total", "i64");
  const kernels = [
    kernel("below", [read(value), written(running)], [store(running, [0], x.lt(at0(value), x.i64(100)))]),
    kernel("double", [read(value), written(kept)], [store(kept, [0], x.mul(at0(value), x.i64(2)))]),
    kernel("negate", [read(value), written(kept)], [store(kept, [0], x.unary("neg", at0(value)))]),
    kernel(
      "filter",
      [read(stacked), read(count), written(kept), { buffer: value, access: "write" }],
      [
        letVar("total", x.i64(0)),
        forLoop(asLoop(i), [
          ifThen(x.and(x.lt(x.index(i), at0(count)), x.eq(x.binary("rem", x.load(stacked, [i]), x.i64(4)), x.i64(0))), [
            store(kept, [x.toDim(total)], x.load(stacked, [i])),
            assign("total", x.add(total, x.i64(1))),
          ]),
        ]),
        store(value, [0], total),
      ],
    ),
  ];
  const arena = (name: string, dtype: DType, shape: readonly Dim[], offset: number): ProgramBuffer =>
    buffer(name, dtype, shape, { kind: "arena", slot: 0, offset });
  const loopSteps: Step[] = [
    { kind: "run", kernel: 1, args: [2, 3], extents: [] },
    { kind: "copy", from: 3, to: 2 },
    { kind: "copy", from: 3, to: 6, iteration: 5 },
    { kind: "run", kernel: 0, args: [2, 4], extents: [] },
  ];
  return {
    name: "control",
    inputs: [
      { name: "x", type: tensor("i64", []), buffer: 0 },
      { name: "limit", type: tensor("i64", []), buffer: 1 },
    ],
    outputs: [
      { name: "rounds", type: tensor("i64", []), buffer: 5 },
      { name: "last", type: tensor("i64", []), buffer: 7 },
      { name: "even", type: tensor("i64", [m]), buffer: 8 },
    ],
    extents: [{ name: "m", capacity: 8 }],
    buffers: [
      buffer("x", "i64", [], { kind: "input", index: 0 }),
      buffer("limit", "i64", [], { kind: "input", index: 1 }),
      arena("value", "i64", [], 0),
      arena("next", "i64", [], 64),
      arena("running", "bool", [], 128),
      buffer("rounds", "i64", [], { kind: "output", index: 0 }),
      arena("stacked", "i64", [8], 192),
      buffer("last", "i64", [], { kind: "output", index: 1 }),
      { ...buffer("even", "i64", [m], { kind: "output", index: 2 }), capacity: 8 },
      arena("kept", "i64", [], 256),
    ],
    kernels,
    steps: [
      { kind: "copy", from: 0, to: 2 },
      { kind: "run", kernel: 0, args: [2, 4], extents: [] },
      { kind: "loop", iteration: 5, limit: 1, condition: 4, steps: loopSteps },
      {
        kind: "if",
        condition: 4,
        then: [{ kind: "run", kernel: 2, args: [2, 7], extents: [] }],
        else: [{ kind: "copy", from: 2, to: 7 }],
      },
      { kind: "run", kernel: 3, args: [6, 5, 8, 9], extents: [] },
      { kind: "extent", extent: 0, from: 9 },
    ],
    slots: [320],
    weightBytes: 0,
  };
}

const sanitizing = ["-O1", "-g", "-fsanitize=undefined", "-fno-sanitize-recover=all"];

describe("c: programs", () => {
  after(() => {
    for (const f of folders) rmSync(f, { recursive: true, force: true });
  });

  const ways: readonly (readonly [string, (p: Program) => Promise<Session>])[] = [
    [
      "c",
      async (p) => {
        const dir = emit(p);
        await buildC(dir, emitC(p, { name: p.name, mcpu: "x86-64-v2" }, new Diagnostics()).manifest, { flags: sanitizing });
        return Session.create(dir);
      },
    ],
    ["js", async (p) => Session.create(write(jsTarget.emit(p, { name: p.name }, new Diagnostics()), folder()))],
  ];

  for (const [target, open] of ways) {
    it(`sizes that inputs decide, on ${target}`, async () => {
      const session = await open(dynamicProgram());
      for (const rows of [3, 1, 100, 0]) {
        const data = Float32Array.from({ length: rows * 4 }, (_, i) => i);
        const { y } = await session.run({ x: new Tensor("f32", data, [rows, 4]) });
        expect(y!.dims).deep.equal([rows, 4]);
        expect([...y!.data]).deep.equal(Array.from(data, (v, i) => (v + [10, 20, 30, 40][i % 4]!) * 2));
      }
      await session.dispose();
    });

    it(`loops, branches and extents that data decide, on ${target}`, async () => {
      const session = await open(controlProgram());
      const scalar = (v: bigint): Tensor => new Tensor("i64", BigInt64Array.of(v), []);
      const long = await session.run({ x: scalar(7n), limit: scalar(8n) });
      expect([long["rounds"]!.data[0], long["last"]!.data[0], [...long["even"]!.data]]).deep.equal([4n, 112n, [28n, 56n, 112n]]);
      const short = await session.run({ x: scalar(7n), limit: scalar(2n) });
      expect([short["rounds"]!.data[0], short["last"]!.data[0], [...short["even"]!.data]]).deep.equal([2n, -28n, [28n]]);
      expect(short["even"]!.dims).deep.equal([1]);
      await session.dispose();
    });
  }

  it("lists all that is wrong with inputs", async () => {
    const session = await Session.create(write(jsTarget.emit(controlProgram(), { name: "control" }, new Diagnostics()), folder()));
    const error = await session
      .run({ x: new Tensor("f32", new Float32Array(1), []), y: new Tensor("f32", new Float32Array(1)) })
      .catch((e: unknown) => e);
    expect(error).instanceOf(TypeError);
    expect((error as Error).message.split("\n")).deep.equal([
      "the inputs do not fit the model",
      "  'y': no such input; the model has 'x', 'limit'",
      "  'x' is f32, expected i64",
      "  'limit' is missing: i64[]",
    ]);
  });

  for (const compiler of compilers) {
    it(`no warnings from ${compiler}`, () => {
      for (const options of [
        {},
        { shardSize: 1 },
        { freestanding: true },
        { constants: "c" },
        { constants: "incbin" },
        { mcpu: "generic" },
        { mcpu: "x86-64-v4" },
      ] as const) {
        for (const program of [dynamicProgram(), controlProgram(), narrowProgram()]) {
          const artifact = emitC(program, { name: program.name, mcpu: "x86-64-v3", ...options }, new Diagnostics());
          const dir = write(artifact, folder());
          const flags = String(artifact.manifest.options["flags"]).split(" ");
          for (const f of artifact.files.keys()) {
            if (f.endsWith(".c"))
              execFileSync(
                compiler,
                ["-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wno-overlength-strings", "-Werror", ...flags, "-c", "-o", join(dir, "x.o"), f],
                { cwd: dir, stdio: "pipe" },
              );
          }
        }
      }
    });
  }

  it("says what to do where there is no compiler, and what the compiler said", async () => {
    const program = dynamicProgram();
    const dir = emit(program);
    const { manifest } = emitC(program, { name: program.name, mcpu: "generic" }, new Diagnostics());
    const failing = await buildC(dir, manifest, { compiler: "gcc", flags: ["-Dfor=nonsense"] }).catch((e: unknown) => String(e));
    expect(failing).match(/'gcc' could not compile the model\n.*error/s);
    const { CC, PATH } = process.env;
    try {
      process.env["CC"] = "";
      process.env["PATH"] = "/nowhere";
      expect(await buildC(dir, manifest).catch((e: unknown) => String(e))).match(/no C compiler was found: install gcc or clang/);
    } finally {
      process.env["PATH"] = PATH;
      if (CC === undefined) delete process.env["CC"];
      else process.env["CC"] = CC;
    }
  });

  it("does not run freestanding models by itself", async () => {
    const error = await Session.create(emit(dynamicProgram(), { freestanding: true })).catch((e: unknown) => String(e));
    expect(error).match(/compiled with --freestanding/);
  });

  it("refuses an unknown machine", () => {
    const diagnostics = new Diagnostics();
    emitC(dynamicProgram(), { name: "m", mcpu: "z80" }, diagnostics);
    expect(diagnostics.errors.map((d) => d.message)).deep.equal([
      "'z80' is none of generic, x86-64-v2, x86-64-v3, x86-64-v3-vnni, x86-64-v4, x86-64-v4-vnni, armv8, armv8-dot, native",
    ]);
  });

  it("a header that C++ takes", () => {
    if (!isInstalled("g++")) {
      console.log("      left out: g++ is not installed");
      return;
    }
    const dir = emit(dynamicProgram());
    writeFileSync(join(dir, "use.cpp"), '#include "dynamic.h"\n#include "dynamic.h"\nint main() { return DYNAMIC_INPUTS - 1; }\n');
    execFileSync("g++", ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "use.cpp"], { cwd: dir, stdio: "pipe" });
  });

  it("both libraries, built by CMake", () => {
    if (!isInstalled("cmake")) {
      console.log("      left out: cmake is not installed");
      return;
    }
    const dir = emit(dynamicProgram(), { shardSize: 1 });
    execFileSync("cmake", ["-S", ".", "-B", "build"], { cwd: dir, stdio: "pipe" });
    execFileSync("cmake", ["--build", "build"], { cwd: dir, stdio: "pipe" });
    for (const library of ["libdynamic.a", "libdynamic.so"]) expect(existsSync(join(dir, "build", library)), library).equal(true);
  });

  it("two models in one program, with threads, without and from the embedder, built by make, clean under sanitizers", () => {
    const dir = emit(dynamicProgram(), { constants: "incbin" });
    const other = emit({ ...dynamicProgram(), name: "second" }, { freestanding: true, constants: "c", shardSize: 1 });
    const flags = "-O1 -g -fsanitize=address,undefined";
    for (const d of [dir, other]) execFileSync("make", ["-s", "static", `CFLAGS=${flags}`], { cwd: d, stdio: "pipe" });
    writeFileSync(join(dir, "main.c"), mainText);
    const undefinedNames = execFileSync("nm", ["-u", "libsecond.a"], { cwd: other, encoding: "utf8" })
      .match(/U \w+/g)!
      .map((l) => l.slice(2));
    expect(undefinedNames.filter((name) => /alloc|free|open|read|thread|print/.test(name) && !/asan|ubsan|second/.test(name))).deep.equal(
      [],
    );
    const link = [
      "-std=c11",
      ...flags.split(" "),
      `-I${other}`,
      "-o",
      "main",
      "main.c",
      "libdynamic.a",
      join(other, "libsecond.a"),
      "-lm",
      "-lpthread",
    ];
    execFileSync("gcc", link, { cwd: dir, stdio: "pipe" });
    expect(execFileSync(join(dir, "main"), { cwd: dir, encoding: "utf8" })).equal("20 42 80012 80078\n".repeat(3));
  });
});

const mainText = `
#include <stdio.h>
#include <stdlib.h>
#include "dynamic.h"
#include "second.h"
static void halves(void *user, int64_t count, void (*body)(void *, int64_t, int64_t, int), void *data) {
  (void)user;
  body(data, 0, count / 2, 0);
  body(data, count / 2, count, 1);
}
static void print(const float *y, int64_t n) { printf("%g %g %g %g\\n", (double)y[0], (double)y[1], (double)y[4 * n - 4], (double)y[4 * n - 1]); }
int main(void) {
  int64_t n = 10000;
  float *x = malloc(4 * 4 * (size_t)n), *y = malloc((size_t)dynamic_output_bytes(0, &n));
  const void *inputs[1] = {x};
  void *outputs[1] = {y};
  for (int64_t i = 0; i < 4 * n; i++) x[i] = (float)i;
  for (int threads = 1; threads <= 3; threads += 2) {
    dynamic_options options = {0};
    dynamic_context *context;
    options.threads = threads;
    if (dynamic_create(&context, &options) || dynamic_run(context, &n, inputs, outputs)) return 1;
    print(y, n);
    dynamic_destroy(context);
  }
  second_options options = {0};
  second_context *context;
  options.threads = 2;
  options.parallel_for = halves;
  options.arena_bytes = second_arena_bytes(&n, 2);
  options.arena = aligned_alloc(64, options.arena_bytes);
  void *memory = malloc(second_context_bytes());
  if (second_init(memory, second_context_bytes(), &options, &context) || second_run(context, &n, inputs, outputs)) return 2;
  print(y, n);
  free(options.arena);
  free(memory);
  free(x);
  free(y);
  return 0;
}
`;
