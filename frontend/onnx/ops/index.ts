/** All lowerings of ONNX operators by name; those of other domains are named `domain.Operator`. */
import type { Lowerings } from "../node.ts";
import { constantLowerings } from "./constant.ts";
import { elementwiseLowerings } from "./elementwise.ts";
import { gatherLowerings } from "./gather.ts";
import { generateLowerings } from "./generate.ts";
import { normLowerings } from "./norm.ts";
import { reduceLowerings } from "./reduce.ts";
import { scatterLowerings } from "./scatter.ts";
import { shapeLowerings } from "./shape.ts";
import { sliceLowerings } from "./slice.ts";

export const lowerings: Lowerings = {
  ...constantLowerings,
  ...elementwiseLowerings,
  ...gatherLowerings,
  ...generateLowerings,
  ...normLowerings,
  ...reduceLowerings,
  ...scatterLowerings,
  ...shapeLowerings,
  ...sliceLowerings,
};
