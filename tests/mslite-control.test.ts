/** Branches, loops and lists of tensors in MindSpore Lite files of all versions. */
import { expect } from "chai";
import type { Graph } from "../ir/graph.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { evaluateGraph, type TensorResult } from "./evaluate-graph.ts";
import { add, branchFile, elementShapes, listFile, mergedLoopFile, mul, scalars, vectors, whileFile } from "./lite-control.ts";
import { type GraphSpec, liteFile, type NodeSpec, type TensorSpec } from "./lite-files.ts";
import { graphOfLite } from "./mslite-round-trip.ts";

const given = (elements: readonly number[], shape: readonly number[] = [elements.length]): TensorResult => ({
  kind: "tensor",
  shape,
  elements,
});
const resultsOf = (graph: Graph, ...inputs: TensorResult[]): number[][] =>
  (evaluateGraph(graph, inputs) as TensorResult[]).map((r) => r.elements.map(Number));

describe("MindSpore Lite: the While primitive", () => {
  for (const version of ["1.1", "1.2"]) {
    it(`runs as often as its condition holds: ${version}`, () => {
      const graph = graphOfLite(whileFile(version));
      expect(resultsOf(graph, given([1, -3]), given([5], []))).to.deep.equal([[32, -96], [5]]);
      expect(resultsOf(graph, given([1, -3]), given([0], []))).to.deep.equal([[1, -3], [0]]);
    });
  }

  it("carries only what changes", () => {
    const op = [...graphOfLite(whileFile("1.2")).ops()].find((o) => o.name === "loop")!;
    expect(op.results).to.have.length(2);
  });

  it("is refused where an iteration gives other values", () => {
    expect(() => graphOfLite(whileFile("1.2", ["bi_next", "bx_next"]))).to.throw(CompileError, /an iteration gives 2 values/);
    expect(() => graphOfLite(whileFile("1.2", ["bx_next", "bi_next", "bn"]))).to.throw(CompileError, /changes its type/);
  });
});

describe("MindSpore Lite: Switch and Merge", () => {
  for (const version of ["1.1", "1.2"]) {
    it(`are a branch: ${version}`, () => {
      const graph = graphOfLite(branchFile(version, false));
      expect(resultsOf(graph, given([3, 4]))).to.deep.equal([[6, 8]]);
      expect(resultsOf(graph, given([-3, 4]))).to.deep.equal([[7, 14]]);
      expect([...graph.ops()].map((op) => op.name)).to.include("if");
    });
  }

  it("may have a side without nodes", () => {
    const graph = graphOfLite(branchFile("1.1", true));
    expect(resultsOf(graph, given([3, 4]))).to.deep.equal([[6, 8]]);
    expect(resultsOf(graph, given([-3, 4]))).to.deep.equal([[-3, 4]]);
  });

  for (const version of ["1.1", "1.2"]) {
    it(`are a loop, and a branch after it: ${version}`, () => {
      const graph = graphOfLite(mergedLoopFile(version));
      const run = (n: number): number[][] => resultsOf(graph, given([1, -1]), given([n], []), given([3, 2]));
      expect(run(0)).to.deep.equal([[1, -1], [0]]);
      expect(run(2)).to.deep.equal([[9, -4], [2]]);
      expect(run(3)).to.deep.equal([[54, -16], [3]]);
    });

    it(`carry through a loop only what changes: ${version}`, () => {
      const op = [...graphOfLite(mergedLoopFile(version)).ops()].find((o) => o.name === "loop")!;
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

  it("of more than anyone writes is refused", () => {
    const many = new Array<string>(20_000).fill("fc");
    expect(() => graphOfLite(file(graphs, many))).to.throw(CompileError, /picks among 20000 graphs, more than 256/);
  });
});

describe("MindSpore Lite: lists of tensors", () => {
  for (const version of ["1.1", "1.2"]) {
    it(`are read and set in a loop: ${version}`, () => {
      const results = resultsOf(graphOfLite(listFile(version)), given([1, 2, 3, 4, 5, 6], [3, 2]));
      expect(results).to.deep.equal([
        [1, 2, 4, 6, 9, 12],
        [9, 12],
      ]);
    });
  }

  it("hold zeros where nothing was set, and take one more at their end", () => {
    const tensors: Record<string, TensorSpec> = {
      ...elementShapes,
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

  it("leave the model's outputs their names", () => {
    expect(graphOfLite(listFile("1.2")).outputs.map((v) => v.name)).to.deep.equal(["y", "sum_end"]);
    const nodes: NodeSpec[] = [["Neg", {}, ["x"], ["y"]]];
    const twice = liteFile("2.2", vectors("x", "y"), [{ inputs: ["x"], outputs: ["y", "x", "y"], nodes }]);
    expect(graphOfLite(twice).outputs.map((v) => v.name)).to.deep.equal(["y", "output_1", "output_2"]);
  });

  it("whose elements have no known shape are refused", () => {
    expect(() => graphOfLite(listFile("1.2", "unknown"))).to.throw(
      CompileError,
      /a list whose elements have no known shape is not supported/,
    );
  });
});
