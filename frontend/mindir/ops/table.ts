/** Every operator that the importer lowers, by its name; one line per family. */
import type { Lowerings } from "../node.ts";
import { activation } from "./activation.ts";
import { elementwise } from "./elementwise.ts";
import { geometry } from "./geometry.ts";
import { gather } from "./gather.ts";
import { generate } from "./generate.ts";
import { gradient } from "./gradient.ts";
import { loss } from "./loss.ts";
import { matrix } from "./matmul.ts";
import { nn } from "./nn.ts";
import { norm } from "./norm.ts";
import { pool } from "./pool.ts";
import { recurrent } from "./recurrent.ts";
import { reduce } from "./reduce.ts";
import { resize } from "./resize.ts";
import { scalar } from "./scalar.ts";
import { scatters } from "./scatter.ts";
import { shape } from "./shape.ts";
import { slices } from "./slice.ts";
import { sort } from "./sort.ts";
import { vision } from "./vision.ts";

/** A null-prototype table, so that no operator is called `constructor`. */
export const lowerings: Lowerings = Object.assign(
  Object.create(null) as Lowerings,
  activation,
  elementwise,
  gather,
  generate,
  geometry,
  gradient,
  loss,
  matrix,
  nn,
  norm,
  pool,
  recurrent,
  reduce,
  resize,
  scalar,
  scatters,
  shape,
  slices,
  sort,
  vision,
);
