/** All rows, by the op that they write. */
import type { AnyOpDefinition } from "../../../ir/define.ts";
import { activationRows } from "./activation.ts";
import { compareRows } from "./compare.ts";
import { convRows } from "./conv.ts";
import { elementwiseRows } from "./elementwise.ts";
import { matmulRows } from "./matmul.ts";
import { poolRows } from "./pool.ts";
import { reduceRows } from "./reduce.ts";
import type { Row } from "./row.ts";
import { shapeRows } from "./shape.ts";

const rows = new Map<AnyOpDefinition, Row>(
  [activationRows, compareRows, convRows, elementwiseRows, matmulRows, poolRows, reduceRows, shapeRows]
    .flat()
    .map((r) => [r.definition, r]),
);

/** How the op is written; undefined where it is not. */
export const rowOf = (definition: AnyOpDefinition): Row | undefined => rows.get(definition);
