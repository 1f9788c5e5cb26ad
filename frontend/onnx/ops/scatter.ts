/** ONNX operators that write at indices which are data. */
import type { Value } from "../../../ir/graph.ts";
import { ScatterElements, ScatterNd, TensorScatter } from "../../../ir/ops/scatter.ts";
import type { Lowerings, NodeContext } from "../node.ts";

function oneOf<const C extends readonly string[]>(n: NodeContext, name: string, choices: C): C[number] {
  const given = n.string(name, choices[0]);
  return choices.find((c) => c === given) ?? n.unsupported(`attribute '${name}' cannot be "${given}"`, "bad-attribute");
}

const reductionOf = (n: NodeContext) => oneOf(n, "reduction", ["none", "add", "mul", "max", "min"]);

const scatterElements = (n: NodeContext): Value =>
  n.create(
    ScatterElements,
    { x: n.input(0), indices: n.input(1), updates: n.input(2) },
    { axis: n.int("axis", 0), reduction: reductionOf(n) },
  );

export const scatterLowerings: Lowerings = {
  Scatter: scatterElements,
  ScatterElements: scatterElements,

  ScatterND: (n) => n.create(ScatterNd, { x: n.input(0), indices: n.input(1), updates: n.input(2) }, { reduction: reductionOf(n) }),

  TensorScatter(n) {
    const starts = n.optional(2);
    return n.create(
      TensorScatter,
      { cache: n.input(0), update: n.input(1), ...(starts && { starts }) },
      { axis: n.int("axis", -2), mode: oneOf(n, "mode", ["linear", "circular"]) },
    );
  },
};
