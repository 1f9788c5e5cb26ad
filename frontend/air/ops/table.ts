/** Every operator that is carried, both ways; one line per family. */
import type { ExportRow } from "../export-node.ts";
import type { Lowering } from "../node.ts";
import { activation } from "./activation.ts";
import { controlImports } from "./control.ts";
import { conv_ } from "./conv.ts";
import { elementwise } from "./elementwise.ts";
import { together } from "./family.ts";
import { gathers } from "./gather.ts";
import { generate } from "./generate.ts";
import { join } from "./join.ts";
import { loss } from "./loss.ts";
import { matrix } from "./matmul.ts";
import { norm } from "./norm.ts";
import { pool } from "./pool.ts";
import { recurrent } from "./recurrent.ts";
import { reduceFamily } from "./reduce.ts";
import { resize } from "./resize.ts";
import { shape } from "./shape.ts";
import { slices } from "./slice.ts";
import { sorts } from "./sort.ts";
import { vision } from "./vision.ts";

const all = together(
  activation,
  controlImports,
  conv_,
  elementwise,
  gathers,
  generate,
  join,
  loss,
  matrix,
  norm,
  pool,
  recurrent,
  reduceFamily,
  resize,
  shape,
  slices,
  sorts,
  vision,
);

const lowerings = new Map(Object.entries(all.imports));
const rows = new Map(all.exports.map((r) => [r.definition.name, r]));

/** The lowering of an operator of GE; undefined where it is not carried. */
export const findLowering = (type: string): Lowering | undefined => lowerings.get(type);
/** How an op of ours is written; undefined where it has to be made of others first. */
export const findRow = (name: string): ExportRow | undefined => rows.get(name);
