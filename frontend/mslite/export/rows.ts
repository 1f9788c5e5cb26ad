/** All rows. */
import type { Op } from "../../../ir/graph.ts";
import { controlRows } from "./control.ts";
import { convRows } from "./conv.ts";
import { elementwiseRows } from "./elementwise.ts";
import { matmulRows } from "./matmul.ts";
import { normRows } from "./norm.ts";
import { quantizeRows } from "./quantize.ts";
import { recurrentRows } from "./recurrent.ts";
import { reduceRows } from "./reduce.ts";
import type { Row, Rows } from "./row.ts";
import { scatterRows } from "./scatter.ts";
import { shapeRows } from "./shape.ts";

const rows: Rows = {
  ...controlRows,
  ...convRows,
  ...elementwiseRows,
  ...matmulRows,
  ...normRows,
  ...quantizeRows,
  ...recurrentRows,
  ...reduceRows,
  ...scatterRows,
  ...shapeRows,
};

/** How an op is said; undefined where no primitive says it. */
export function rowOf(op: Op): Row | undefined {
  const row = Object.hasOwn(rows, op.name) ? rows[op.name] : undefined;
  return row && (row.accepts?.(op) ?? true) ? row : undefined;
}
