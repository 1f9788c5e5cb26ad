/** Every operator that the importer lowers, by its name; one line per family. */
import type { Lowering, Lowerings } from "../node.ts";
import { activation } from "./activation.ts";
import { blocks } from "./blocks.ts";
import { comparison } from "./compare.ts";
import { compositions } from "./compositions.ts";
import { dynamicRecurrent } from "./dynamic-rnn.ts";
import { elementwise } from "./elementwise.ts";
import { gather } from "./gather.ts";
import { generate } from "./generate.ts";
import { geometry } from "./geometry.ts";
import { gradient } from "./gradient.ts";
import { join } from "./join.ts";
import { loss } from "./loss.ts";
import { matrix } from "./matmul.ts";
import { nn } from "./nn.ts";
import { norm } from "./norm.ts";
import { padding } from "./pad.ts";
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

const families: readonly Lowerings[] = [
  activation,
  blocks,
  comparison,
  compositions,
  dynamicRecurrent,
  elementwise,
  gather,
  generate,
  geometry,
  gradient,
  join,
  loss,
  matrix,
  nn,
  norm,
  padding,
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
];

const known = new Map(families.flatMap((family) => Object.entries(family)));

/** The lowering of an operator; undefined where it is not carried. */
export const findLowering = (name: string): Lowering | undefined => known.get(name);
