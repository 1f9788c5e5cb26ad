/** All rows, by the op that they write. */
import type { AnyOpDefinition } from "../../../ir/define.ts";
import { activationRows } from "./activation.ts";
import { attentionRows } from "./attention.ts";
import { compareRows } from "./compare.ts";
import { controlRows } from "./control.ts";
import { convRows } from "./conv.ts";
import { elementwiseRows } from "./elementwise.ts";
import { gatherRows } from "./gather.ts";
import { generateRows } from "./generate.ts";
import { layoutRows } from "./layout.ts";
import { integerLayoutRows } from "./layout-integer.ts";
import { matmulRows } from "./matmul.ts";
import { normRows } from "./norm.ts";
import { poolRows } from "./pool.ts";
import { quantizeRows } from "./quantize.ts";
import { recurrentRows } from "./recurrent.ts";
import { reduceRows } from "./reduce.ts";
import { resizeRows } from "./resize.ts";
import type { Row } from "./row.ts";
import { sequenceRows } from "./sequence.ts";
import { shapeRows } from "./shape.ts";
import { signalRows } from "./signal.ts";
import { sliceRows } from "./slice.ts";
import { sortRows } from "./sort.ts";

const families = [
  activationRows,
  attentionRows,
  compareRows,
  controlRows,
  convRows,
  elementwiseRows,
  gatherRows,
  generateRows,
  layoutRows,
  integerLayoutRows,
  matmulRows,
  normRows,
  poolRows,
  quantizeRows,
  recurrentRows,
  reduceRows,
  resizeRows,
  sequenceRows,
  shapeRows,
  signalRows,
  sliceRows,
  sortRows,
];

const rows = new Map<AnyOpDefinition, Row>(families.flat().map((r) => [r.definition, r]));

/** How the op is written; undefined where it is not. */
export const rowOf = (definition: AnyOpDefinition): Row | undefined => rows.get(definition);
