/** C11, with vector extensions where the machine has lanes; for CPUs from microcontrollers to AVX-512. */
import { blockLayout } from "../../passes/block-layout.ts";
import type { Target, TargetOptions } from "../target.ts";
import { emitC } from "./artifact.ts";
import { machineFor } from "./machine.ts";
import { mostVectors, scheduleC } from "./schedules.ts";

const machineOf = (options: TargetOptions) => machineFor(options.mcpu ?? "native");

export const cTarget: Target = {
  name: "c",
  summary: "C11 for CPUs, as source with a build file and a shared library",
  machine: machineOf,
  passes(options) {
    const machine = machineOf(options);
    return machine.lanes > 1 ? [blockLayout({ lanes: machine.lanes, vectors: mostVectors(machine), image: machine.image })] : [];
  },
  schedule: scheduleC,
  emit: emitC,
};
