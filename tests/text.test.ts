/** The text form: printing and parsing are inverse, mistakes are diagnostics, size and depth are bearable. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { FileSource } from "../frontend/bytes.ts";
import { importModel } from "../frontend/import.ts";
import { readSir, writeSir } from "../frontend/sir.ts";
import type { Constant } from "../ir/attribute.ts";
import { memoryData, readData } from "../ir/data.ts";
import { Builder } from "../ir/define.ts";
import { CompileError, type Diagnostic } from "../ir/diagnostic.ts";
import * as dim from "../ir/dim.ts";
import { Graph } from "../ir/graph.ts";
import { ConstantOp, constantValue } from "../ir/ops/constant.ts";
import { Matmul } from "../ir/ops/matmul.ts";
import { parseElement, parseFloatText, formatFloat, formatElements } from "../ir/text/elements.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { printGraph } from "../ir/text/print.ts";
import { byteSize, type DType, dtypes, formatType, optional, sequence, tensor, tuple, type Type } from "../ir/type.ts";
import { anyDim, anyGraph } from "./any-graph.ts";
import { expectRoundTrip, parseFromMemory, printToMemory } from "./round-trip.ts";

function diagnosticsOf(action: () => unknown): readonly Diagnostic[] {
  try {
    action();
  } catch (e) {
    if (e instanceof CompileError) return e.diagnostics;
    throw e;
  }
  return [];
}

const identity = (inputs: readonly Type[], names: readonly string[] = []): Graph => {
  const g = new Graph("main");
  inputs.forEach((t, i) => g.addInput(names[i] ?? "", t));
  g.setOutputs(g.inputs);
  return g;
};

const plainDTypes = dtypes.filter((d) => d !== "string");

const anyType: fc.Arbitrary<Type> = fc.letrec<{ type: Type }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.tuple(fc.constantFrom(...dtypes), fc.array(anyDim(), { maxLength: 4 })).map(([d, shape]) => tensor(d, shape)),
    tie("type").map(sequence),
    tie("type").map(optional),
    fc.array(tie("type"), { maxLength: 3 }).map(tuple),
  ),
})).type;

describe("text form", () => {
  it("prints and parses random graphs of all ops", () => {
    fc.assert(
      fc.property(anyGraph(), (g) => void expectRoundTrip(g)),
      { numRuns: 150, seed: 1 },
    );
  });

  it("keeps every type", () => {
    fc.assert(
      fc.property(fc.array(anyType, { maxLength: 3 }), (types) => {
        const parsed = expectRoundTrip(identity(types));
        expect(parsed.inputs.map((v) => formatType(v.type))).to.deep.equal(types.map(formatType));
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it("keeps extents, canonical as they were", () => {
    fc.assert(
      fc.property(anyDim(), (d) => {
        const parsed = expectRoundTrip(identity([tensor("f32", [d])]));
        expect(parsed.inputs[0]!.tensor.shape[0]).to.equal(d);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  it("keeps names, whatever is in them", () => {
    const name = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.constantFrom("1", "x", "x_1", "a:0", "/a/b", "a//b", "return", "graph"),
    );
    fc.assert(
      fc.property(fc.array(name, { maxLength: 8 }), (names) => {
        const parsed = expectRoundTrip(
          identity(
            names.map(() => tensor("f32", [])),
            names,
          ),
        );
        names.forEach((n, i) => {
          if (n !== "" && names.indexOf(n) === i) expect(parsed.inputs[i]!.name).to.equal(n);
        });
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  it("keeps the bits of every element", () => {
    const constant = fc
      .constantFrom(...plainDTypes)
      .chain((d) =>
        fc
          .uint8Array({ maxLength: 16 })
          .map((bytes): readonly [DType, Uint8Array] => [d, bytes.slice(0, bytes.length - (bytes.length % byteSize(d)))]),
      );
    fc.assert(
      fc.property(constant, ([d, bytes]) => {
        const g = new Graph("main");
        const value = new Builder(g).create(
          ConstantOp,
          {},
          { data: { type: tensor(d, [bytes.length / byteSize(d)]), data: memoryData(bytes) } },
        );
        g.setOutputs([value]);
        const [op] = [...expectRoundTrip(g).ops()];
        expect([...readData((op!.attributes as { data: Constant }).data.data)]).to.deep.equal([...bytes]);
      }),
      { numRuns: 500, seed: 5 },
    );
  });

  it("keeps every half-precision value by a decimal, except NaNs with a payload", () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    for (const dtype of ["f16", "bf16"] as const) {
      const texts = formatElements(dtype, new Uint8Array(bits.buffer));
      const isNaNBits = (b: number): boolean =>
        dtype === "f16" ? (b & 0x7c00) === 0x7c00 && (b & 0x3ff) !== 0 : (b & 0x7f80) === 0x7f80 && (b & 0x7f) !== 0;
      texts.forEach((text, b) => {
        const [low, high] = parseElement(dtype, text)!;
        if (low! + 256 * high! !== b) expect.fail(`${dtype} 0x${b.toString(16)} prints as ${text}`);
        if (text.startsWith("0x") && !isNaNBits(b)) expect.fail(`${dtype} ${text} has a decimal`);
      });
    }
  });

  it("keeps floats", () => {
    fc.assert(
      fc.property(fc.double(), (x) => {
        expect(Object.is(parseFloatText(formatFloat(x)), x)).to.equal(true);
      }),
      { numRuns: 1000, seed: 6 },
    );
  });
});

describe("side file", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sinter-text-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const withWeights = (): Graph => {
    const g = new Graph("main");
    const b = new Builder(g);
    const values = Array.from({ length: 96 }, (_, i) => i / 7);
    const [a, w] = [constantValue(b, "f32", [4, 24], values), constantValue(b, "f32", [24, 4], values)];
    const small = constantValue(b, "i64", [2], [2n ** 63n - 1n, -1n]);
    g.setOutputs([b.create(Matmul, { a, b: w }), small]);
    return g;
  };

  it("holds the large constants, equal ones once, aligned", () => {
    const path = join(folder, "model.sir");
    writeSir(withWeights(), path);
    expect(readFileSync(join(folder, "model.weights.bin")).length).to.equal(96 * 4);
    const again = join(folder, "model2.sir");
    writeSir(readSir(new FileSource(path)), again);
    expect(readFileSync(again, "utf8")).to.equal(readFileSync(path, "utf8").replaceAll("model.weights", "model2.weights"));
    expect(readFileSync(again, "utf8")).to.include('weight("model2.weights.bin", 0, "');
  });

  it("is refused when its bytes are others", () => {
    const path = join(folder, "changed.sir");
    writeSir(withWeights(), path);
    writeFileSync(join(folder, "changed.weights.bin"), Buffer.alloc(96 * 4, 1));
    const [first] = diagnosticsOf(() => readSir(new FileSource(path)));
    expect(first?.code).to.equal("external-data");
    expect(first?.location.line).to.equal(2);
  });

  it("is refused when it is too short, missing or elsewhere", () => {
    const path = join(folder, "short.sir");
    const say = (file: string): string =>
      `graph @m() -> (f32[64]) {\n  %w = constant() {data = weight("${file}", 0)} : f32[64]\n  return %w\n}\n`;
    writeFileSync(join(folder, "short.bin"), Buffer.alloc(100));
    for (const file of ["short.bin", "missing.bin", "../x.bin", "/etc/passwd", ""]) {
      writeFileSync(path, say(file));
      expect(diagnosticsOf(() => readSir(new FileSource(path))).map((d) => d.code)).to.deep.equal(["external-data"]);
    }
  });

  it("is found from the text's folder when a model is imported", async () => {
    const path = join(folder, "imported.sir");
    writeSir(withWeights(), path);
    const { graph } = await importModel(path);
    expect(printToMemory(expectRoundTrip(graph))).to.deep.equal(printToMemory(withWeights()));
  });

  it("is not needed to read along", () => {
    expect(printGraph(withWeights())).to.match(/%0 = constant\(\) \{data = weight\("<memory>", 0\)\} : f32\[4,24\]/);
  });
});

/** A chain of `count` ops, each like those of a large model. */
function longText(count: number): string {
  const lines = ["graph @main(%x: f32[n,64,8]) -> (f32[n,64,8]) {", "  %w = constant() {data = dense<0.5>} : f32[8,8]"];
  for (let i = 0; i < count; i++)
    lines.push(`  %/encoder/layer_${i}/y:0 = matmul(%${i === 0 ? "x" : `/encoder/layer_${i - 1}/y:0`}, %w) : f32[n,64,8]`);
  return [...lines, `  return %/encoder/layer_${count - 1}/y:0`, "}", ""].join("\n");
}

describe("large and deep text", () => {
  it("reads and prints 45,000 ops in seconds", function () {
    this.timeout(60_000);
    const text = longText(45_000);
    const start = performance.now();
    const graph = parseGraph(text, "long.sir");
    const parsedAt = performance.now();
    const printed = printToMemory(graph).text;
    const printedAt = performance.now();
    expect(printed.split("\n").length).to.equal(text.split("\n").length);
    expect(parsedAt - start, "milliseconds to parse").to.be.below(20_000);
    expect(printedAt - parsedAt, "milliseconds to print").to.be.below(10_000);
  });

  const deep = {
    lists: (n: number) => `graph @m() { %a = constant() {data = dense<${"[".repeat(n)}1${"]".repeat(n)}>} : f32[1]\n return }`,
    types: (n: number) => `graph @m(%x: ${"sequence<".repeat(n)}f32[]${">".repeat(n)}) { return }`,
    calls: (n: number) => `graph @m(%x: f32[${"min(2,".repeat(n)}n${")".repeat(n)}]) { return }`,
    regions: (n: number) =>
      `graph @m(%c: bool[]) {\n${"%a = call() {body = graph() {\n".repeat(n)}return %c\n${"}} : bool[]\nreturn %c\n".repeat(n)}}`,
    unclosed: (n: number) => "graph @m() {\n".repeat(n),
  };
  for (const [what, text] of Object.entries(deep)) {
    it(`survives deep ${what}`, () => {
      for (const n of [100, 250, 100_000]) {
        const found = diagnosticsOf(() => parseGraph(text(n), "deep.sir"));
        if (n === 100_000 && what !== "unclosed") expect(found.map((d) => d.code)).to.deep.equal(["limit"]);
      }
    });
  }
});

describe("broken text", () => {
  const cases = [
    longText(3),
    "graph @m(%c: bool[], %x: f32[2*n+1]) -> (f32[2*n+1]) {\n  %y = if(%c) {then = graph() {\n    return %x\n  }, else = graph() {\n    return %x\n  }} : f32[2*n+1]\n  return %y\n}\n",
  ];
  const pieces = [
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "<",
    ">",
    "%",
    "@",
    '"',
    ",",
    ":",
    "=",
    "-",
    "->",
    "graph",
    "return",
    "dense<",
    "weight(",
    " as ",
    "0x",
    "1e",
    "n",
    "\n",
    "\u0000",
    "%x",
    "f32[2]",
    "//",
  ];

  it("gives diagnostics with places in the text, whatever is changed", () => {
    const edit = fc.record({ at: fc.nat(10_000), remove: fc.nat(12), insert: fc.array(fc.constantFrom(...pieces), { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.constantFrom(...cases), fc.array(edit, { minLength: 1, maxLength: 5 }), (text, edits) => {
        const changed = edits.reduce(
          (s, e) => s.slice(0, e.at % s.length) + e.insert.join("") + s.slice((e.at % s.length) + e.remove) || " ",
          text,
        );
        const lines = changed.split("\n");
        for (const d of diagnosticsOf(() => parseGraph(changed, "broken.sir"))) {
          expect(d.location.line).to.be.within(1, lines.length);
          expect(d.location.column).to.be.within(1, lines[d.location.line! - 1]!.length + 1);
        }
      }),
      { numRuns: 600, seed: 7 },
    );
  });

  it("reports every mistake once", () => {
    const lines = longText(200).split("\n");
    const broken = lines.map((line, i) => (i > 2 && i % 10 === 0 && line.includes("matmul") ? line.replace("(", "( ,") : line));
    const found = diagnosticsOf(() => parseGraph(broken.join("\n"), "broken.sir"));
    expect(found.map((d) => d.location.line)).to.deep.equal(broken.flatMap((line, i) => (line.includes("( ,") ? [i + 1] : [])));
  });

  it("stops at a hundred errors", () => {
    const found = diagnosticsOf(() => parseGraph(longText(500).replaceAll("matmul", "matmull"), "broken.sir"));
    expect(found.length).to.equal(101);
    expect(found.at(-1)?.message).to.equal("400 more errors are not shown");
  });
});

describe("options of the parser", () => {
  const text = "graph @m(%x: f32[n,3], %s: f32[3,m]) -> (f32[n,m]) {\n  %y = matmul(%x, %s) : f32[n,m]\n  return %y\n}\n";

  it("fix extents", () => {
    const graph = parseGraph(text, "m.sir", { dims: new Map([["n", 2]]) });
    expect(graph.outputs.map((v) => formatType(v.type))).to.deep.equal(["f32[2,m]"]);
    expectRoundTrip(graph);
  });

  it("fix inputs, whose types must fit", () => {
    const value = (m: number): Constant => ({ type: tensor("f32", [3, m]), data: memoryData(new Uint8Array(12 * m)) });
    const parse = (m: number): Graph => parseGraph(text, "m.sir", { dims: new Map([["m", 1]]), inputValues: new Map([["s", value(m)]]) });
    expect(parse(1).inputs.map((v) => v.name)).to.deep.equal(["x"]);
    expect([...parse(1).ops()].map((op) => op.name)).to.deep.equal(["constant", "matmul"]);
    expectRoundTrip(parse(1));
    expect(diagnosticsOf(() => parse(2)).map((d) => [d.code, d.location.column])).to.deep.equal([["type-mismatch", 24]]);
  });
});

describe("names of values", () => {
  it("stay the model's where unique, get numbers where not", () => {
    const g = new Graph("main");
    const x = g.addInput("x", tensor("f32", [2, 2]));
    const b = new Builder(g);
    const values = ["x", "", "y", "x", "12"].map((name) => {
      const v = b.create(Matmul, { a: x, b: x });
      v.name = name;
      return v;
    });
    g.setOutputs([values[3]!]);
    const text = printGraph(expectRoundTrip(g));
    expect([...text.matchAll(/^ {2}(%\S+) =/gm)].map((m) => m[1])).to.deep.equal(["%x_2", "%0", "%y", "%x_1", '%"12"']);
  });

  it("are read back as they were", () => {
    const parsed = parseFromMemory({
      text: 'graph @m(%12: f32[], %"12": f32[], %/a/b:0: f32[]) {\n  return %12, %"12", %/a/b:0\n}\n',
      weights: new Uint8Array(0),
    });
    expect(parsed.inputs.map((v) => v.name)).to.deep.equal(["", "12", "/a/b:0"]);
  });

  it("of extents that are no words are quoted", () => {
    expect(formatType(tensor("f32", [dim.add(dim.extent("a-b"), dim.extent("n"))]))).to.equal('f32["a-b"+n]');
  });
});
