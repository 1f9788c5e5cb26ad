/** All lowerings of ONNX operators by name; those of other domains are named `domain.Operator`. */
import type { Lowerings } from "../node.ts";
import { attentionLowerings } from "./attention.ts";
import { constantLowerings } from "./constant.ts";
import { controlLowerings } from "./control.ts";
import { convLowerings } from "./conv.ts";
import { determinantLowerings } from "./determinant.ts";
import { elementwiseLowerings } from "./elementwise.ts";
import { gatherLowerings } from "./gather.ts";
import { generateLowerings } from "./generate.ts";
import { matmulLowerings } from "./matmul.ts";
import { normLowerings } from "./norm.ts";
import { poolLowerings } from "./pool.ts";
import { quantizeLowerings } from "./quantize.ts";
import { randomLowerings } from "./random.ts";
import { recurrentLowerings } from "./recurrent.ts";
import { reduceLowerings } from "./reduce.ts";
import { resizeLowerings } from "./resize.ts";
import { scatterLowerings } from "./scatter.ts";
import { sequenceLowerings } from "./sequence.ts";
import { shapeLowerings } from "./shape.ts";
import { signalLowerings } from "./signal.ts";
import { sliceLowerings } from "./slice.ts";
import { sortLowerings } from "./sort.ts";

export const lowerings: Lowerings = {
  ...attentionLowerings,
  ...constantLowerings,
  ...controlLowerings,
  ...convLowerings,
  ...determinantLowerings,
  ...elementwiseLowerings,
  ...gatherLowerings,
  ...generateLowerings,
  ...matmulLowerings,
  ...normLowerings,
  ...poolLowerings,
  ...quantizeLowerings,
  ...randomLowerings,
  ...recurrentLowerings,
  ...reduceLowerings,
  ...resizeLowerings,
  ...scatterLowerings,
  ...sequenceLowerings,
  ...shapeLowerings,
  ...signalLowerings,
  ...sliceLowerings,
  ...sortLowerings,
};
