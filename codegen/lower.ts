/** Stage and schedule to loops. */
import type { Stmt } from "../ir/loop.ts";
import type { Stage } from "../ir/stage.ts";
import { LoopSpace } from "./loop-space.ts";
import { FoldLowering, guarded, storeResults } from "./lower-fold.ts";
import type { Schedule } from "./schedule.ts";

/** The stage as loops; loads and stores still have one index per dimension. */
export function lowerStage(stage: Stage, schedule: Schedule): Stmt[] {
  const space = new LoopSpace(stage, schedule);
  const missing = [...space.loops.keys()].filter((name) => !schedule.order.includes(name));
  if (missing.length > 0) throw new Error(`schedule of '${stage.results[0]!.out.name}' leaves out ${missing.join(", ")}`);
  if (stage.fold) return new FoldLowering(stage, stage.fold, schedule, space).lower();
  return space.nest(
    schedule.order,
    schedule.modes ?? {},
    guarded(
      space.inside,
      storeResults(stage, space, (e) => e),
    ),
  );
}
