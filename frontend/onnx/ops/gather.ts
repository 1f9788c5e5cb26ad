/** ONNX operators that read at indices which are data. */
import { Gather, GatherElements, GatherNd } from "../../../ir/ops/gather.ts";
import { ReverseSequence } from "../../../ir/ops/slice.ts";
import type { Lowerings } from "../node.ts";

export const gatherLowerings: Lowerings = {
  Gather: (n) => n.create(Gather, { x: n.input(0), indices: n.input(1) }, { axis: n.int("axis", 0) }),

  GatherElements: (n) => n.create(GatherElements, { x: n.input(0), indices: n.input(1) }, { axis: n.int("axis", 0) }),

  GatherND: (n) => n.create(GatherNd, { x: n.input(0), indices: n.input(1) }, { batch_dims: n.int("batch_dims", 0) }),

  ReverseSequence: (n) =>
    n.create(
      ReverseSequence,
      { x: n.input(0), lengths: n.input(1) },
      { time_axis: n.int("time_axis", 0), batch_axis: n.int("batch_axis", 1) },
    ),
};
