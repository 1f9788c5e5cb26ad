/** Ops that GE has no operator for, as ops that it has: beside the ways that all formats share. */
import * as dim from "../../ir/dim.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Meshgrid } from "../../ir/ops/generate.ts";
import { AdaptiveMaxPool, MaxPool } from "../../ir/ops/pool.ts";
import { expansion, type NamedExpansion } from "../expansions/expander.ts";
import { expansionOf } from "../expansions/index.ts";
import type { Decompose } from "../../ir/replace-by.ts";

const own: readonly NamedExpansion[] = [
  expansion(Meshgrid, ({ xs }, { indexing }, e) => {
    const places = xs.map((_, i) => (indexing === "xy" && xs.length > 1 && i < 2 ? 1 - i : i));
    const extentOf = (x: Value) => x.tensor.shape[0] ?? 1;
    const shape = xs.map((_, d) => extentOf(xs[places.indexOf(d)]!));
    return xs.map((x, i) => {
      const column = shape.map((_, d) => (d === places[i] ? extentOf(x) : 1));
      return e.expand(e.reshape(x, column), shape);
    });
  }),
  expansion(AdaptiveMaxPool, ({ x }, { output }, e) => {
    const kernel = x.tensor.shape.slice(2).map((d, i) => dim.exactDiv(d, output[i]!));
    if (!kernel.every((k) => typeof k === "number")) return undefined;
    return e.create(MaxPool, { x }, { kernel, strides: kernel });
  }),
];

const known = new Map(own.map(({ definition, expand }) => [definition, expand]));

/** How the op is made of smaller ones; undefined where there is no way but its own. */
export const waysOf = (op: Op): Decompose | undefined => known.get(op.definition) ?? expansionOf(op);
