/** Branches, loops and lists of tensors in MindSpore Lite files of all versions. */
import { expect } from "chai";
import type { Graph } from "../ir/graph.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { evaluateGraph, type TensorResult } from "./evaluate-graph.ts";
import { type GraphSpec, liteFile, type NodeSpec, type TensorSpec } from "./lite-files.ts";
import { graphOfLite } from "./mslite-round-trip.ts";

const given = (elements: readonly number[], shape: readonly number[] = [elements.length]): TensorResult => ({
  kind: "tensor",
  shape,
  elements,
});
const resultsOf = (graph: Graph, ...inputs: TensorResult[]): number[][] =>
  (evaluateGraph(graph, inputs) as TensorResult[]).map((r) => r.elements.map(Number));

/** The add of a version. */
const add = (version: string, a: string, b: string, y: string): NodeSpec => [version === "1.1" ? "Add" : "AddFusion", {}, [a, b], [y]];
const mul = (version: string, a: string, b: string, y: string): NodeSpec => [version === "1.1" ? "Mul" : "MulFusion", {}, [a, b], [y]];

const scalars = (...names: string[]): Record<string, TensorSpec> => Object.fromEntries(names.map((name) => [name, ["i32", []]]));
const vectors = (...names: string[]): Record<string, TensorSpec> => Object.fromEntries(names.map((name) => [name, ["f32", [2]]]));

describe("MindSpore Lite: the While primitive", () => {
  const file = (version: string, more: Partial<Record<"body", readonly string[]>> = {}): Uint8Array => {
    const [condition, body] =
      version === "1.1" ? ["condSubgraphIndex", "bodySubgraphIndex"] : ["cond_subgraph_index", "body_subgraph_index"];
    const tensors: Record<string, TensorSpec> = {
      ...scalars("n", "i_end", "n_end", "ci", "cn", "bi", "bn", "bi_next"),
      ...vectors("x", "y", "cx", "bx", "bx_next"),
      zero: ["i32", [], [0]],
      one: ["i32", [], [1]],
      two: ["f32", [], [2]],
      goes_on: ["bool", []],
    };
    const graphs: GraphSpec[] = [
      {
        inputs: ["x", "n"],
        outputs: ["y", "i_end"],
        nodes: [["While", { [condition]: 1, [body]: 2 }, ["zero", "x", "n"], ["i_end", "y", "n_end"]]],
      },
      { inputs: ["ci", "cx", "cn"], outputs: ["goes_on"], nodes: [["Less", {}, ["ci", "cn"], ["goes_on"]]] },
      {
        inputs: ["bi", "bx", "bn"],
        outputs: more.body ?? ["bi_next", "bx_next", "bn"],
        nodes: [add(version, "bi", "one", "bi_next"), mul(version, "bx", "two", "bx_next")],
      },
    ];
    return liteFile(version, tensors, graphs);
  };

  for (const version of ["1.1", "1.2"]) {
    it(`runs as often as its condition holds: ${version}`, () => {
      const graph = graphOfLite(file(version));
      expect(resultsOf(graph, given([1, -3]), given([5], []))).to.deep.equal([[32, -96], [5]]);
      expect(resultsOf(graph, given([1, -3]), given([0], []))).to.deep.equal([[1, -3], [0]]);
    });
  }

  it("carries only what changes", () => {
    const op = [...graphOfLite(file("1.2")).ops()].find((o) => o.name === "loop")!;
    expect(op.results).to.have.length(2);
  });

  it("is refused where an iteration gives other values", () => {
    expect(() => graphOfLite(file("1.2", { body: ["bi_next", "bx_next"] }))).to.throw(CompileError, /an iteration gives 2 values/);
    expect(() => graphOfLite(file("1.2", { body: ["bx_next", "bi_next", "bn"] }))).to.throw(CompileError, /changes its type/);
  });
});

describe("MindSpore Lite: Switch and Merge", () => {
  /** `if sum(x) > 0 then x * 2 else x + 10`, sides as graphs, or the false one empty. */
  const branch = (version: string, isElseEmpty: boolean): Uint8Array => {
    const [partial, key] = version === "1.1" ? ["Partial", "subGraphIndex"] : ["PartialFusion", "sub_graph_index"];
    const tensors: Record<string, TensorSpec> = {
      ...vectors("x", "y", "x_true", "x_false", "y_true", "y_false"),
      first: ["f32", [1]],
      begin: ["i32", [1], [0]],
      size: ["i32", [1], [1]],
      zero: ["f32", [], [0]],
      two: ["f32", [], [2]],
      ten: ["f32", [], [10]],
      condition: ["bool", [1]],
    };
    const slice: NodeSpec =
      version === "1.1"
        ? ["Slice", { axes: [0], begin: [0], size: [1] }, ["x"], ["first"]]
        : ["SliceFusion", { axes: [0] }, ["x", "begin", "size"], ["first"]];
    const main: NodeSpec[] = [
      slice,
      ["Greater", {}, ["first", "zero"], ["condition"]],
      ["Switch", {}, ["condition", "x"], ["x_true", "x_false"]],
      [partial, { [key]: 1 }, ["x_true"], ["y_true"]],
      ...(isElseEmpty ? [] : [[partial, { [key]: 2 }, ["x_false"], ["y_false"]] as const]),
      ["Merge", {}, ["y_true", isElseEmpty ? "x_false" : "y_false"], ["y"]],
    ];
    return liteFile(version, tensors, [
      { inputs: ["x"], outputs: ["y"], nodes: main },
      { inputs: ["x_true"], outputs: ["y_true"], nodes: [mul(version, "x_true", "two", "y_true")] },
      { inputs: ["x_false"], outputs: ["y_false"], nodes: [add(version, "x_false", "ten", "y_false")] },
    ]);
  };

  for (const version of ["1.1", "1.2"]) {
    it(`are a branch: ${version}`, () => {
      const graph = graphOfLite(branch(version, false));
      expect(resultsOf(graph, given([3, 4]))).to.deep.equal([[6, 8]]);
      expect(resultsOf(graph, given([-3, 4]))).to.deep.equal([[7, 14]]);
      expect([...graph.ops()].map((op) => op.name)).to.include("if");
    });
  }

  it("may have a side without nodes", () => {
    const graph = graphOfLite(branch("1.1", true));
    expect(resultsOf(graph, given([3, 4]))).to.deep.equal([[6, 8]]);
    expect(resultsOf(graph, given([-3, 4]))).to.deep.equal([[-3, 4]]);
  });

  /** `while i < n: x = x * factor, i = i + 1`; `n` and `factor` stay, and a branch follows. */
  const loop = (version: string): Uint8Array => {
    const [partial, key] = version === "1.1" ? ["Partial", "subGraphIndex"] : ["PartialFusion", "sub_graph_index"];
    const tensors: Record<string, TensorSpec> = {
      ...scalars("n", "mi", "mn", "ti", "tn", "fi", "fn", "i_next"),
      ...vectors("x", "factor", "mx", "tx", "fx", "x_next", "mf", "tf", "ff", "y", "y_true", "y_false", "doubled"),
      zero: ["i32", [], [0]],
      one: ["i32", [], [1]],
      two: ["f32", [], [2]],
      goes_on: ["bool", []],
      is_many: ["bool", []],
      few: ["i32", [], [2]],
    };
    const main: NodeSpec[] = [
      ["Merge", {}, ["zero", "x", "n", "factor", "i_next", "x_next", "n", "factor"], ["mi", "mx", "mn", "mf"]],
      [partial, { [key]: 1 }, ["mi", "mx", "mn", "mf"], ["goes_on"]],
      ["Switch", {}, ["goes_on", "mi", "mx", "mn", "mf"], ["ti", "tx", "tn", "tf", "fi", "fx", "fn", "ff"]],
      [partial, { [key]: 2 }, ["ti", "tx", "tn", "tf"], ["i_next", "x_next"]],
      ["Greater", {}, ["fi", "few"], ["is_many"]],
      ["Switch", {}, ["is_many", "fx"], ["y_true", "y_false"]],
      mul(version, "y_true", "two", "doubled"),
      ["Merge", {}, ["doubled", "y_false"], ["y"]],
    ];
    return liteFile(version, tensors, [
      { inputs: ["x", "n", "factor"], outputs: ["y", "fi"], nodes: main },
      { inputs: ["mi", "mx", "mn", "mf"], outputs: ["goes_on"], nodes: [["Less", {}, ["mi", "mn"], ["goes_on"]]] },
      {
        inputs: ["ti", "tx", "tn", "tf"],
        outputs: ["i_next", "x_next"],
        nodes: [add(version, "ti", "one", "i_next"), mul(version, "tx", "tf", "x_next")],
      },
    ]);
  };

  for (const version of ["1.1", "1.2"]) {
    it(`are a loop, and a branch after it: ${version}`, () => {
      const graph = graphOfLite(loop(version));
      const run = (n: number): number[][] => resultsOf(graph, given([1, -1]), given([n], []), given([3, 2]));
      expect(run(0)).to.deep.equal([[1, -1], [0]]);
      expect(run(2)).to.deep.equal([[9, -4], [2]]);
      expect(run(3)).to.deep.equal([[54, -16], [3]]);
    });

    it(`carry through a loop only what changes: ${version}`, () => {
      const op = [...graphOfLite(loop(version)).ops()].find((o) => o.name === "loop")!;
      expect(op.results).to.have.length(2);
    });
  }

  it("that do not belong together are refused by name", () => {
    const tensors = { ...vectors("x", "z", "y"), c: ["bool", []] } as Record<string, TensorSpec>;
    const lone = liteFile("1.1", tensors, [{ inputs: ["x", "z"], outputs: ["y"], nodes: [["Merge", {}, ["x", "z"], ["y"]]] }]);
    expect(() => graphOfLite(lone)).to.throw(CompileError, /a Merge that does not belong to one Switch is not supported/);
  });
});

describe("MindSpore Lite: SwitchLayer", () => {
  const file = (graphs: readonly GraphSpec[], functions: readonly string[]): Uint8Array => {
    const tensors: Record<string, TensorSpec> = {
      ...vectors("x", "y", "a", "ya", "b", "yb", "c", "yc"),
      ...scalars("k"),
      two: ["f32", [], [2]],
      picked: ["function", []],
      fa: ["function", []],
      fb: ["function", []],
      fc: ["function", []],
    };
    const nodes: NodeSpec[] = [
      ["PartialFusion", { sub_graph_index: 1 }, ["x"], ["fa"]],
      ["PartialFusion", { sub_graph_index: 2 }, ["x"], ["fb"]],
      ["PartialFusion", { sub_graph_index: 3 }, ["x"], ["fc"]],
      ["SwitchLayer", {}, ["k", ...functions], ["picked"]],
      ["Call", {}, ["picked"], ["y"]],
    ];
    return liteFile("2.2", tensors, [{ inputs: ["x", "k"], outputs: ["y"], nodes }, ...graphs]);
  };
  const graphs: readonly GraphSpec[] = [
    { inputs: ["a"], outputs: ["ya"], nodes: [mul("2.2", "a", "two", "ya")] },
    { inputs: ["b"], outputs: ["yb"], nodes: [add("2.2", "b", "two", "yb")] },
    { inputs: ["c"], outputs: ["yc"], nodes: [["Neg", {}, ["c"], ["yc"]]] },
  ];

  it("calls the graph with the number", () => {
    const graph = graphOfLite(file(graphs, ["fa", "fb", "fc"]));
    const run = (k: number): number[] => resultsOf(graph, given([1, 5]), given([k], []))[0]!;
    expect([0, 1, 2].map(run)).to.deep.equal([
      [2, 10],
      [3, 7],
      [-1, -5],
    ]);
  });

  it("of one graph calls that", () => {
    const graph = graphOfLite(file(graphs, ["fc"]));
    expect(resultsOf(graph, given([1, 5]), given([0], []))).to.deep.equal([[-1, -5]]);
  });

  it("of none is refused", () => {
    expect(() => graphOfLite(file(graphs, []))).to.throw(CompileError, /a switch picks among graphs/);
  });
});

describe("MindSpore Lite: lists of tensors", () => {
  const shape: Record<string, TensorSpec> = { element: ["i32", [1], [2]], unknown: ["i32", [1], [-1]] };

  /** Running sums of the rows of `x`, collected in a list, in a loop of 1.2. */
  const sums = (version: string, element = "element"): Uint8Array => {
    const v1 = version === "1.1";
    const dtype = v1 ? { elementDType: 43 } : { element_dtype: 43 };
    const [condition, body] = v1 ? ["condSubgraphIndex", "bodySubgraphIndex"] : ["cond_subgraph_index", "body_subgraph_index"];
    const tensors: Record<string, TensorSpec> = {
      ...shape,
      ...scalars("i_end", "ci", "bi", "bi_next"),
      ...vectors("sum_end", "cs", "bs", "row", "bs_next"),
      ...Object.fromEntries(["rows", "sums", "r_end", "s_end", "cr", "cl", "br", "bl", "bl_next"].map((name) => [name, ["list", []]])),
      x: ["f32", [3, 2]],
      y: ["f32", [3, 2]],
      zero: ["i32", [], [0]],
      one: ["i32", [], [1]],
      three: ["i32", [], [3]],
      start: ["f32", [2], [0, 0]],
      goes_on: ["bool", []],
    };
    return liteFile(version, tensors, [
      {
        inputs: ["x"],
        outputs: ["y", "sum_end"],
        nodes: [
          ["TensorListFromTensor", dtype, ["x", "element"], ["rows"]],
          ["TensorListReserve", dtype, [element, "three"], ["sums"]],
          ["While", { [condition]: 1, [body]: 2 }, ["zero", "start", "rows", "sums"], ["i_end", "sum_end", "r_end", "s_end"]],
          ["TensorListStack", { ...dtype, [v1 ? "numElements" : "num_elements"]: -1 }, ["s_end", "element"], ["y"]],
        ],
      },
      { inputs: ["ci", "cs", "cr", "cl"], outputs: ["goes_on"], nodes: [["Less", {}, ["ci", "three"], ["goes_on"]]] },
      {
        inputs: ["bi", "bs", "br", "bl"],
        outputs: ["bi_next", "bs_next", "br", "bl_next"],
        nodes: [
          ["TensorListGetItem", dtype, ["br", "bi", "element"], ["row"]],
          add(version, "bs", "row", "bs_next"),
          ["TensorListSetItem", dtype, ["bl", "bi", "bs_next"], ["bl_next"]],
          add(version, "bi", "one", "bi_next"),
        ],
      },
    ]);
  };

  for (const version of ["1.1", "1.2"]) {
    it(`are read and set in a loop: ${version}`, () => {
      const results = resultsOf(graphOfLite(sums(version)), given([1, 2, 3, 4, 5, 6], [3, 2]));
      expect(results).to.deep.equal([
        [1, 2, 4, 6, 9, 12],
        [9, 12],
      ]);
    });
  }

  it("hold zeros where nothing was set, and take one more at their end", () => {
    const tensors: Record<string, TensorSpec> = {
      ...shape,
      ...vectors("x", "y"),
      three: ["i32", [], [3]],
      one: ["i32", [], [1]],
      empty: ["list", []],
      some: ["list", []],
      more: ["list", []],
      all: ["f32", [4, 2]],
    };
    const nodes: NodeSpec[] = [
      ["TensorListReserve", { element_dtype: 43 }, ["element", "three"], ["empty"]],
      ["TensorListSetItem", { element_dtype: 43 }, ["empty", "one", "x"], ["some"]],
      ["TensorListSetItem", { element_dtype: 43 }, ["some", "three", "x"], ["more"]],
      ["TensorListStack", { num_elements: 4, element_dtype: 43 }, ["more", "element"], ["all"]],
    ];
    const graph = graphOfLite(liteFile("2.2", tensors, [{ inputs: ["x"], outputs: ["all"], nodes }]));
    expect(resultsOf(graph, given([7, 8]))).to.deep.equal([[0, 0, 7, 8, 0, 0, 7, 8]]);
  });

  it("whose elements have no known shape are refused", () => {
    expect(() => graphOfLite(sums("1.2", "unknown"))).to.throw(CompileError, /a list whose elements have no known shape is not supported/);
  });
});
