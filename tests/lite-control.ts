/** MindSpore Lite files with control flow, for tests: versions are "1.1", "1.2", and later ones. */
import { type GraphSpec, liteFile, type NodeSpec, type TensorSpec } from "./lite-files.ts";

/** The add of a version. */
export const add = (version: string, a: string, b: string, y: string): NodeSpec => [
  version === "1.1" ? "Add" : "AddFusion",
  {},
  [a, b],
  [y],
];
export const mul = (version: string, a: string, b: string, y: string): NodeSpec => [
  version === "1.1" ? "Mul" : "MulFusion",
  {},
  [a, b],
  [y],
];

export const scalars = (...names: string[]): Record<string, TensorSpec> => Object.fromEntries(names.map((name) => [name, ["i32", []]]));
export const vectors = (...names: string[]): Record<string, TensorSpec> => Object.fromEntries(names.map((name) => [name, ["f32", [2]]]));

/** `while i < n: x = 2 x, i = i + 1` as a While node. */
export function whileFile(version: string, bodyOutputs: readonly string[] = ["bi_next", "bx_next", "bn"]): Uint8Array {
  const [condition, body] = version === "1.1" ? ["condSubgraphIndex", "bodySubgraphIndex"] : ["cond_subgraph_index", "body_subgraph_index"];
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
      outputs: bodyOutputs,
      nodes: [add(version, "bi", "one", "bi_next"), mul(version, "bx", "two", "bx_next")],
    },
  ];
  return liteFile(version, tensors, graphs);
}

/** `if sum(x) > 0 then x * 2 else x + 10`, sides as graphs, or the false one empty. */
export function branchFile(version: string, isElseEmpty: boolean): Uint8Array {
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
}

/** `while i < n: x = x * factor, i = i + 1`; `n` and `factor` stay, and a branch follows. */
export function mergedLoopFile(version: string): Uint8Array {
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
}

/** Shapes of a list's elements. */
export const elementShapes: Record<string, TensorSpec> = { element: ["i32", [1], [2]], unknown: ["i32", [1], [-1]] };

/** Running sums of the rows of `x`, collected in a list, in a loop of 1.2. */
export function listFile(version: string, element = "element"): Uint8Array {
  const v1 = version === "1.1";
  const dtype = v1 ? { elementDType: 43 } : { element_dtype: 43 };
  const [condition, body] = v1 ? ["condSubgraphIndex", "bodySubgraphIndex"] : ["cond_subgraph_index", "body_subgraph_index"];
  const tensors: Record<string, TensorSpec> = {
    ...elementShapes,
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
}
