/** Every row of the exporter, by op; one line per family. */
import type { AnyOpDefinition } from "../../../../ir/define.ts";
import type { NamedRow, Row } from "../row.ts";
import { activationRows } from "./activation.ts";
import { compareRows } from "./compare.ts";
import { convRows } from "./conv.ts";
import { elementwiseRows } from "./elementwise.ts";
import { gatherRows } from "./gather.ts";
import { generateRows } from "./generate.ts";
import { joinRows } from "./join.ts";
import { matmulRows } from "./matmul.ts";
import { normRows } from "./norm.ts";
import { poolRows } from "./pool.ts";
import { randomRows } from "./random.ts";
import { reduceRows } from "./reduce.ts";
import { shapeRows } from "./shape.ts";
import { sortRows } from "./sort.ts";
import { visionRows } from "./vision.ts";

const families: readonly (readonly NamedRow[])[] = [
  activationRows,
  compareRows,
  convRows,
  elementwiseRows,
  gatherRows,
  generateRows,
  joinRows,
  matmulRows,
  normRows,
  poolRows,
  randomRows,
  reduceRows,
  shapeRows,
  sortRows,
  visionRows,
];

const known = new Map(families.flat().map(({ definition, write }) => [definition, write]));

/** The row of an op; undefined where no operator of MindSpore says it. */
export const rowOf = (definition: AnyOpDefinition): Row | undefined => known.get(definition);
