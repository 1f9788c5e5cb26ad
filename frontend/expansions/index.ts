/** Ways to make ops of smaller ones, for formats that have not the op itself; one line per family. */
import type { Op } from "../../ir/graph.ts";
import type { Decompose } from "../../ir/replace-by.ts";
import { activationExpansions } from "./activation.ts";
import { attentionExpansions } from "./attention.ts";
import { columnExpansions } from "./columns.ts";
import { convExpansions } from "./conv.ts";
import { determinantExpansions } from "./determinant.ts";
import { elementaryExpansions } from "./elementary.ts";
import { elementwiseExpansions } from "./elementwise.ts";
import type { NamedExpansion } from "./expander.ts";
import { linearAttentionExpansions } from "./linear-attention.ts";
import { loopExpansions } from "./loops.ts";
import { lossExpansions } from "./loss.ts";
import { matmulExpansions } from "./matmul.ts";
import { movementExpansions } from "./movement.ts";
import { narrowExpansions } from "./narrow.ts";
import { normExpansions } from "./norm.ts";
import { poolExpansions } from "./pool.ts";
import { poolPlaceExpansions } from "./pool-places.ts";
import { quantizeExpansions } from "./quantize.ts";
import { randomExpansions } from "./random.ts";
import { recurrentExpansions } from "./recurrent.ts";
import { reduceExpansions } from "./reduce.ts";
import { resizeExpansions } from "./resize.ts";
import { sampleExpansions } from "./sample.ts";
import { signalExpansions } from "./signal.ts";
import { sizeExpansions } from "./sizes.ts";

const families: readonly (readonly NamedExpansion[])[] = [
  activationExpansions,
  attentionExpansions,
  columnExpansions,
  convExpansions,
  determinantExpansions,
  elementaryExpansions,
  elementwiseExpansions,
  linearAttentionExpansions,
  loopExpansions,
  lossExpansions,
  matmulExpansions,
  movementExpansions,
  narrowExpansions,
  normExpansions,
  poolExpansions,
  poolPlaceExpansions,
  quantizeExpansions,
  randomExpansions,
  recurrentExpansions,
  reduceExpansions,
  resizeExpansions,
  sampleExpansions,
  signalExpansions,
  sizeExpansions,
];

const known = new Map(families.flat().map(({ definition, expand }) => [definition, expand]));

/** How the op is made of smaller ones; undefined where there is no way but its own. */
export const expansionOf = (op: Op): Decompose | undefined => known.get(op.definition);
