/** What each primitive of MindSpore Lite stands for, by name. */
import type { Lowerings } from "../node.ts";
import { activationLowerings } from "./activation.ts";
import { convLowerings } from "./conv.ts";
import { customLowerings } from "./custom.ts";
import { elementwiseLowerings } from "./elementwise.ts";
import { matmulLowerings } from "./matmul.ts";
import { normLowerings } from "./norm.ts";
import { poolLowerings } from "./pool.ts";
import { quantizeLowerings } from "./quantize.ts";
import { recurrentLowerings } from "./recurrent.ts";
import { reduceLowerings } from "./reduce.ts";
import { resizeLowerings } from "./resize.ts";
import { scatterLowerings } from "./scatter.ts";
import { shapeLowerings } from "./shape.ts";
import { sliceLowerings } from "./slice.ts";
import { tensorListLowerings } from "./tensor-list.ts";

export const lowerings: Lowerings = {
  ...activationLowerings,
  ...convLowerings,
  ...customLowerings,
  ...elementwiseLowerings,
  ...matmulLowerings,
  ...normLowerings,
  ...poolLowerings,
  ...quantizeLowerings,
  ...recurrentLowerings,
  ...reduceLowerings,
  ...resizeLowerings,
  ...scatterLowerings,
  ...shapeLowerings,
  ...sliceLowerings,
  ...tensorListLowerings,
};
