/** Every operator that is carried, both ways; one line per family. */
import type { ExportRow } from "../export-node.ts";
import type { Lowering } from "../node.ts";
import { activationFamily } from "./activation.ts";
import { controlFamily } from "./control.ts";
import { convFamily } from "./conv.ts";
import { elementwiseFamily } from "./elementwise.ts";
import { together } from "./family.ts";
import { gatherFamily } from "./gather.ts";
import { generateFamily } from "./generate.ts";
import { joinFamily } from "./join.ts";
import { lossFamily } from "./loss.ts";
import { matmulFamily } from "./matmul.ts";
import { normFamily } from "./norm.ts";
import { poolFamily } from "./pool.ts";
import { recurrentFamily } from "./recurrent.ts";
import { reduceFamily } from "./reduce.ts";
import { resizeFamily } from "./resize.ts";
import { shapeFamily } from "./shape.ts";
import { sliceFamily } from "./slice.ts";
import { sortFamily } from "./sort.ts";
import { visionFamily } from "./vision.ts";

const all = together(
  activationFamily,
  controlFamily,
  convFamily,
  elementwiseFamily,
  gatherFamily,
  generateFamily,
  joinFamily,
  lossFamily,
  matmulFamily,
  normFamily,
  poolFamily,
  recurrentFamily,
  reduceFamily,
  resizeFamily,
  shapeFamily,
  sliceFamily,
  sortFamily,
  visionFamily,
);

const lowerings = new Map(Object.entries(all.imports));
const rows = new Map(all.exports.map((r) => [r.definition.name, r]));

/** The lowering of an operator of GE; undefined where it is not carried. */
export const findLowering = (type: string): Lowering | undefined => lowerings.get(type);
/** How an op of ours is written; undefined where it has to be made of others first. */
export const findRow = (name: string): ExportRow | undefined => rows.get(name);
