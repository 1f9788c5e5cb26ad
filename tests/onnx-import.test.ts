import { expect } from "chai";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { importSource } from "../frontend/import.ts";
import { importOnnx } from "../frontend/onnx/import.ts";
import { lowerings } from "../frontend/onnx/ops/index.ts";
import { readOnnx } from "../frontend/onnx/read.ts";
import type { Imported, ImportOptions } from "../frontend/options.ts";
import type { Constant } from "../ir/attribute.ts";
import { memoryData, MemorySource } from "../ir/data.ts";
import { CompileError, formatDiagnostic } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { writeElements } from "../ir/storage.ts";
import { type DType, formatType, tensor } from "../ir/type.ts";
import { verifyGraph } from "../ir/verify.ts";
import { constantOf, dataSetsOf, findTests } from "./conformance/suite.ts";
import { encodeMessage } from "./messages.ts";
import { tryMutations } from "./mutations.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { damagedModels } from "./onnx-mutations.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

type Message = Record<string, unknown>;
type Dimension = number | string | undefined;

const elementTypes: Readonly<Record<string, number>> = { f32: 1, i32: 6, i64: 7, bool: 9, c64: 14 };

const valueInfo = (name: string, dtype: string, dims?: readonly Dimension[]): Message => ({
  name,
  type: {
    tensorType: {
      elemType: elementTypes[dtype],
      ...(dims && { shape: { dim: dims.map((d) => (d === undefined ? {} : typeof d === "number" ? { dimValue: d } : { dimParam: d })) } }),
    },
  },
});

function attribute(name: string, value: unknown): Message {
  if (typeof value === "number") return { name, i: value, type: 2 };
  if (Array.isArray(value)) return { name, ints: value, type: 7 };
  return { name, ...(value as Message) };
}

const node = (
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Message = {},
  more: Message = {},
): Message => ({
  opType,
  input,
  output,
  attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  ...more,
});

const floats = (name: string, dims: readonly number[], values: readonly number[]): Message => ({
  name,
  dims,
  dataType: 1,
  floatData: values,
});
const integers = (name: string, dims: readonly number[], values: readonly number[]): Message => ({
  name,
  dims,
  dataType: 7,
  int64Data: values,
});

const x4 = valueInfo("x", "f32", [4]);
const y4 = valueInfo("y", "f32", [4]);

/** A model of these nodes from `x` to `y`, both f32[4] unless `graph` says otherwise. */
function importModelOf(nodes: readonly Message[], graph: Message = {}, model: Message = {}, options: ImportOptions = {}): Imported {
  const message = {
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
    graph: { name: "g", node: nodes, input: [x4], output: [y4], ...graph },
    ...model,
  };
  const imported = importOnnx(readOnnx(new MemorySource("m.onnx", encodeMessage("onnx.proto", "onnx.ModelProto", message))), options);
  expect(verifyGraph(imported.graph)).to.deep.equal([]);
  return imported;
}

/** The graph's shape in one line: inputs, ops but constants, outputs. */
function outline(graph: Graph): string {
  const list = (values: readonly { readonly name: string }[]): string => values.map((v) => v.name).join(",");
  const ops = [...graph.ops()].filter((op) => op.name !== "constant").map((op) => `${op.name}:${op.result.name}`);
  return `${list(graph.inputs)} > ${ops.join(" ")} > ${list(graph.outputs)}`;
}

/** "code path: message" of every error, or the warnings of a model that is accepted. */
function problems(action: () => Imported): string[] {
  const text = ({ diagnostics }: Pick<Imported, "diagnostics">): string[] =>
    diagnostics.map((d) => `${d.code} ${d.location.path ?? ""}: ${d.message}`);
  try {
    return text(action());
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    return text(e);
  }
}

const constant = (dtype: DType, shape: readonly number[], values: readonly (number | bigint)[]): Constant => ({
  type: tensor(dtype, shape),
  data: memoryData(writeElements(dtype, values)),
});

describe("the ONNX importer", () => {
  it("keeps names and locations", () => {
    const { graph } = importModelOf([node("Relu", ["x"], ["h"], {}, { name: "/act/Relu" }), node("Neg", ["h"], ["y"])]);
    expect(outline(graph)).to.equal("x > relu:h neg:y > y");
    expect([...graph.ops()].map((op) => op.location)).to.deep.equal([
      { source: "m.onnx", path: "/act/Relu" },
      { source: "m.onnx", path: "node 1" },
    ]);
  });

  it("names extents after the model's parameters, or after the input", () => {
    const { graph } = importModelOf([node("Relu", ["x"], ["y"])], {
      input: [valueInfo("x", "f32", ["n", undefined, 3])],
      output: [valueInfo("y", "f32", ["n", undefined, 3])],
    });
    expect(formatType(graph.outputs[0]!.type)).to.equal("f32[n,x_1,3]");
  });

  it("fixes extents that are asked for, and only known ones", () => {
    const input = { input: [valueInfo("x", "f32", ["n", undefined])], output: [valueInfo("y", "f32", ["n", undefined])] };
    const nodes = [node("Relu", ["x"], ["y"])];
    const { graph } = importModelOf(
      nodes,
      input,
      {},
      {
        dims: new Map([
          ["n", 2],
          ["x_1", 5],
        ]),
      },
    );
    expect(formatType(graph.outputs[0]!.type)).to.equal("f32[2,5]");
    expect(problems(() => importModelOf(nodes, input, {}, { dims: new Map([["m", 2]]) }))).to.deep.equal([
      "usage graph: the model's inputs have no extent named 'm'",
    ]);
  });

  it("takes initializers that are inputs too as constants, unless told otherwise", () => {
    const graph = { input: [x4, valueInfo("w", "f32", [4])], initializer: [floats("w", [4], [1, 2, 3, 4])] };
    const nodes = [node("Add", ["x", "w"], ["y"])];
    expect(outline(importModelOf(nodes, graph).graph)).to.equal("x > add:y > y");
    expect(outline(importModelOf(nodes, graph, {}, { keepInitializerInputs: true }).graph)).to.equal("x,w > add:y > y");
  });

  it("makes sparse initializers dense", () => {
    const sparse = { values: floats("w", [1], [7]), indices: integers("i", [1], [2]), dims: [4] };
    const { graph } = importModelOf([node("Add", ["x", "w"], ["y"])], { sparseInitializer: [sparse] });
    expect(outline(graph)).to.equal("x > add:y > y");
  });

  it("puts given values in place of inputs, with the extents that they fix", () => {
    const graph = { input: [valueInfo("x", "f32", ["n"]), valueInfo("z", "f32", ["n"])], output: [valueInfo("y", "f32", ["n"])] };
    const nodes = [node("Add", ["x", "z"], ["y"])];
    const given = (c: Constant): ImportOptions => ({ inputValues: new Map([["z", c]]) });
    const { graph: made } = importModelOf(nodes, graph, {}, given(constant("f32", [3], [1, 2, 3])));
    expect(outline(made)).to.equal("x > add:y > y");
    expect(formatType(made.inputs[0]!.type)).to.equal("f32[3]");
    expect(problems(() => importModelOf(nodes, graph, {}, given(constant("i32", [3], [1, 2, 3]))))).to.deep.equal([
      "usage z: the value given for the input 'z' does not fit it",
    ]);
    expect(problems(() => importModelOf(nodes, graph, {}, { inputValues: new Map([["q", constant("f32", [], [1])]]) }))).to.deep.equal([
      "usage graph: the model has no input named 'q'",
    ]);
  });

  it("gives each output its own name", () => {
    const outputs = { output: [y4, valueInfo("x", "f32", [4]), valueInfo("z", "f32", [4])] };
    const { graph } = importModelOf([node("Relu", ["x"], ["y"]), node("Identity", ["y"], ["z"])], outputs);
    expect(outline(graph)).to.equal("x > relu:y identity:x identity:z > y,x,z");
  });

  it("says which inputs must be known at compile time", () => {
    const graph = { input: [x4, valueInfo("s", "i64", [1])] };
    try {
      importModelOf([node("Neg", ["s"], ["axes"]), node("ReduceSum", ["x", "axes"], ["y"])], graph, {
        opsetImport: [{ domain: "", version: 18 }],
      });
      expect.fail("the model was accepted");
    } catch (e) {
      const [first] = (e as CompileError).diagnostics;
      expect(first?.inputs).to.deep.equal(["s"]);
      expect(first?.remedy).to.match(/^give --input-value s=FILE.npy/);
    }
  });
});

describe("problems of ONNX models", () => {
  it("are all reported at once, equal ones together, and what follows from them is not", () => {
    const nodes = [
      node("Foo", ["x"], ["a"]),
      node("Relu", ["a"], ["b"]),
      node("Foo", ["b"], ["c"], {}, { name: "second" }),
      node("Bar", ["c"], ["d"], {}, { domain: "acme" }),
      node("Add", ["d", "nowhere"], ["y"]),
    ];
    try {
      importModelOf(nodes);
      expect.fail("the model was accepted");
    } catch (e) {
      expect((e as CompileError).diagnostics.map((d) => formatDiagnostic(d))).to.deep.equal([
        "m.onnx:node 0: error: Foo: the operator is not supported (2 times)\nnote: also here (m.onnx:second)",
        "m.onnx:node 3: error: acme.Bar: operators of the domain 'acme' are not supported\n  help: export the model without custom operators, or with a model-local function for each",
        "m.onnx:node 4: error: Add: the input 'nowhere' is not defined",
      ]);
    }
  });

  const relu = node("Relu", ["x"], ["y"]);
  const cases: readonly (readonly [string, () => Imported, readonly string[]])[] = [
    ["an output of nothing", () => importModelOf([], {}), ["invalid-graph y: the output 'y' is not defined"]],
    ["two definitions", () => importModelOf([relu, relu]), ["invalid-graph node 1: Relu: 'y' is defined twice"]],
    [
      "a definition of an input",
      () => importModelOf([relu, node("Relu", ["y"], ["x"])]),
      ["invalid-graph node 1: Relu: 'x' is defined twice"],
    ],
    [
      "a cycle",
      () => importModelOf([node("Add", ["x", "b"], ["a"]), node("Neg", ["a"], ["b"]), relu]),
      ["invalid-graph node 0: Add: the node needs its own result"],
    ],
    [
      "nodes out of order",
      () => importModelOf([node("Neg", ["h"], ["y"]), node("Relu", ["x"], ["h"])]),
      ["invalid-graph graph: the nodes are not in the order of their needs"],
    ],
    ["two inputs of one name", () => importModelOf([relu], { input: [x4, x4] }), ["invalid-graph x: there are two inputs named 'x'"]],
    [
      "complex numbers",
      () => importModelOf([relu], { input: [valueInfo("x", "c64", [4])] }),
      ["unsupported-type x: the input 'x' cannot be carried: complex numbers are not supported"],
    ],
    [
      "an unknown number of axes",
      () => importModelOf([relu], { input: [valueInfo("x", "f32")] }),
      ["unsupported-type x: the input 'x' cannot be carried: its number of axes is not declared"],
    ],
    [
      "an output's wrong type",
      () => importModelOf([relu], { output: [valueInfo("y", "f32", [5])] }),
      ["type-mismatch y: the type of the output 'y' is not the declared one"],
    ],
    [
      "an operator set from the future",
      () => importModelOf([relu], {}, { opsetImport: [{ domain: "", version: 99 }] }),
      ["unsupported-op opset_import: the operator set 99 is newer than 26, the last one that is known"],
    ],
    [
      "a broken initializer",
      () => importModelOf([node("Add", ["x", "w"], ["y"])], { initializer: [floats("w", [4], [1])] }),
      ["truncated w: the tensor 'w' of f32[4] needs 16 bytes, its data has 4"],
    ],
    [
      "an input no memory can hold",
      () => importModelOf([relu], { input: [valueInfo("x", "f32", [2 ** 24, 2 ** 24])] }),
      [
        "limit x: the input 'x', f32[16777216,16777216], is larger than a terabyte",
        "limit node 0: Relu: a result of 'relu', f32[16777216,16777216], is larger than a terabyte",
      ],
    ],
    [
      "a tensor no memory can hold",
      () =>
        importModelOf([node("Add", ["x", "z"], ["y"])], { input: [valueInfo("x", "f32", [2 ** 24, 1]), valueInfo("z", "f32", [2 ** 24])] }),
      ["limit node 0: Add: a result of 'add', f32[16777216,16777216], is larger than a terabyte"],
    ],
  ];
  for (const [what, action, expected] of cases) it(what, () => expect(problems(action)).to.deep.equal(expected));
});

describe("functions of ONNX models", () => {
  const fn = (name: string, nodes: readonly Message[], more: Message = {}): Message => ({
    name,
    domain: "local",
    input: ["a"],
    output: ["b"],
    node: nodes,
    opsetImport: [
      { domain: "", version: 17 },
      { domain: "local", version: 1 },
    ],
    ...more,
  });
  const call = (name: string, input: string, output: string, attributes: Message = {}): Message =>
    node(name, [input], [output], attributes, { domain: "local", name: `/${name}` });
  const leaky = node("LeakyRelu", ["a"], ["b"], { alpha: { refAttrName: "slope", type: 1 } });

  it("are inlined, with the call's attributes or their defaults", () => {
    const f = fn("Leak", [leaky], { attributeProto: [{ name: "slope", f: 0.5, type: 1 }] });
    const { graph } = importModelOf(
      [call("Leak", "x", "h"), call("Leak", "h", "y", { slope: { f: 0.25, type: 1 } })],
      {},
      { functions: [f] },
    );
    expect(outline(graph)).to.equal("x > leaky_relu:h leaky_relu:y > y");
    expect([...graph.ops()].map((op) => [op.attributes["alpha"], op.location.path])).to.deep.equal([
      [0.5, "/Leak/node 0"],
      [0.25, "/Leak/node 0"],
    ]);
  });

  it("may call each other, but not themselves", () => {
    const inner = fn("Inner", [node("Relu", ["a"], ["b"])]);
    const outer = fn("Outer", [call("Inner", "a", "t"), node("Neg", ["t"], ["b"])]);
    expect(outline(importModelOf([call("Outer", "x", "y")], {}, { functions: [inner, outer] }).graph)).to.equal("x > relu:t neg:y > y");
    const loop = fn("Inner", [call("Outer", "a", "b")]);
    expect(problems(() => importModelOf([call("Outer", "x", "y")], {}, { functions: [loop, outer] }))).to.deep.equal([
      "invalid-graph /Outer/Inner/Outer: local.Outer: the function 'Outer' calls itself",
    ]);
  });

  it("must get the attributes that they name", () => {
    const f = fn("Leak", [leaky], { attribute: ["slope"] });
    expect(problems(() => importModelOf([call("Leak", "x", "y")], {}, { functions: [f] }))).to.deep.equal([
      "bad-attribute /Leak: local.Leak: the function 'Leak' needs the attribute 'slope'",
    ]);
  });

  it("see their inputs only", () => {
    const f = fn("Peek", [node("Add", ["a", "x"], ["b"])]);
    expect(problems(() => importModelOf([call("Peek", "x", "y")], {}, { functions: [f] }))).to.deep.equal([
      "invalid-graph /Peek/node 0: Add: the input 'x' is not defined",
    ]);
  });

  it("that double at each level are stopped", () => {
    const level = (i: number): Message =>
      fn(`F${i}`, i === 0 ? [node("Relu", ["a"], ["b"])] : [call(`F${i - 1}`, "a", "t"), call(`F${i - 1}`, "t", "b")]);
    const functions = Array.from({ length: 40 }, (_, i) => level(i));
    expect(problems(() => importModelOf([call("F39", "x", "y")], {}, { functions }))).to.deep.equal([
      "limit graph: the model has more than 250000 nodes once its functions are inlined",
    ]);
  });
});

describe("regions of ONNX models", () => {
  const branch = (nodes: readonly Message[], more: Message = {}): Message => ({
    type: 5,
    g: { name: "b", node: nodes, output: [valueInfo("r", "f32", [4])], ...more },
  });
  const choose = (then: Message, otherwise: Message): Message =>
    node("If", ["c"], ["y"], { then_branch: then, else_branch: otherwise }, { name: "/if" });
  const inputs = { input: [x4, valueInfo("c", "bool", [])] };
  const neg = branch([node("Neg", ["x"], ["r"])]);
  const branches = (graph: Graph): string[] => [...graph.ops()].flatMap((op) => op.regions).map(outline);

  it("use values and constants of the graphs around them, and their own", () => {
    const own = branch([node("Add", ["h", "w"], ["t"]), node("Mul", ["t", "v"], ["r"])], { initializer: [floats("v", [4], [1, 2, 3, 4])] });
    const graph = { ...inputs, initializer: [floats("w", [4], [1, 2, 3, 4])] };
    const { graph: made } = importModelOf([node("Relu", ["x"], ["h"]), choose(own, neg)], graph);
    expect(branches(made)).to.deep.equal([" > add:t mul:r > r", " > neg:r > r"]);
  });

  it("are lowered in place where the choice is known", () => {
    const { graph } = importModelOf(
      [choose(neg, branch([node("Foo", ["x"], ["r"])]))],
      inputs,
      {},
      { inputValues: new Map([["c", constant("bool", [], [1])]]) },
    );
    expect(outline(graph)).to.equal("x > neg:y > y");
  });

  it("report their problems by the path to the node", () => {
    const bad = branch([node("Foo", ["x"], ["t"]), node("Relu", ["t"], ["r"])]);
    expect(problems(() => importModelOf([choose(bad, neg)], inputs))).to.deep.equal([
      "unsupported-op /if/node 0: Foo: the operator is not supported",
    ]);
  });

  it("may be in functions, whose attributes they see", () => {
    const leaky = branch([node("LeakyRelu", ["x"], ["r"], { alpha: { refAttrName: "slope", type: 1 } })]);
    const f = {
      name: "F",
      domain: "local",
      input: ["x", "c"],
      output: ["y"],
      attribute: ["slope"],
      opsetImport: [{ domain: "", version: 17 }],
      node: [choose(leaky, neg)],
    };
    const { graph } = importModelOf([node("F", ["x", "c"], ["y"], { slope: { f: 0.5, type: 1 } }, { domain: "local" })], inputs, {
      functions: [f],
    });
    expect(branches(graph)).to.deep.equal([" > leaky_relu:r > r", " > neg:r > r"]);
  });
});

describe("damaged ONNX models", () => {
  it("give a diagnostic or a graph: bytes", async function () {
    this.timeout(300_000);
    const tests = findTests(join(await ensureOnnxData(), "node")).filter((_, i) => i % 9 === 0);
    const files = tests.map((t) => ({ name: t.name, bytes: Uint8Array.from(readFileSync(t.model)) }));
    const report = tryMutations(files, 2000, 1, (name, bytes) => void importOnnx(readOnnx(new MemorySource(name, bytes))));
    expect(report.failures).to.deep.equal([]);
    expect(report.peakBytes).to.be.lessThan(2 ** 30);
  });

  it("give a diagnostic or a graph: messages", async function () {
    this.timeout(300_000);
    const tests = findTests(join(await ensureOnnxData(), "node")).filter((_, i) => i % 3 === 0);
    const ops = Object.keys(lowerings).filter((name) => !name.includes("."));
    const failures: string[] = [];
    let accepted = 0;
    for (const test of tests) {
      const model = readOnnx(new MemorySource(test.name, readFileSync(test.model)));
      const values = new Map(
        [...(dataSetsOf(test.model, model)[0]?.inputs ?? [])].flatMap(([name, v]) =>
          constantOf(v) ? [[name, constantOf(v)!] as const] : [],
        ),
      );
      for (const damaged of damagedModels(model, values, 5, 1, ops)) {
        try {
          importOnnx(damaged.model, { inputValues: damaged.inputValues });
          accepted++;
        } catch (e) {
          if (!(e instanceof CompileError)) failures.push(`${test.name}: ${String((e as Error).cause ?? e)}`);
        }
      }
    }
    expect(failures).to.deep.equal([]);
    expect(accepted).to.be.greaterThan(tests.length / 2);
  });
});

withSharedModels("importing real ONNX models", (folder) =>
  describe("real ONNX models", () => {
    for (const path of filesIn(join(folder, "mindir"), ".onnx"))
      it(basename(path), async () => {
        const { graph } = await importSource(new MemorySource(basename(path), Uint8Array.from(readFileSync(path))));
        expect(graph.outputs.length).to.be.greaterThan(0);
        expect(verifyGraph(graph)).to.deep.equal([]);
      });
  }),
);
