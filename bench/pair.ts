/** Compiled models in turn, on one thread: how they compare on a machine that is busy with other things as well. */
import type { DType } from "../ir/type.ts";
import { Session, type Tensor } from "../runtime/node/session.ts";
import { sampleInput } from "./sample-input.ts";

const sample = (session: Session): Record<string, Tensor> =>
  Object.fromEntries(session.inputs.map(({ name, dtype, shape }) => [name, sampleInput(name, dtype as DType, shape.map(Number))]));

const processorTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};

/** Runs the artifacts in the folders one after the other, `rounds` times, and prints the processor time of each run. */
export async function benchPair(folders: readonly string[], rounds = 60): Promise<void> {
  const sessions = await Promise.all(folders.map((folder) => Session.create(folder)));
  const inputs = sessions.map(sample);
  const times = sessions.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [k, session] of sessions.entries()) {
      const start = processorTime();
      await session.run(inputs[k]!);
      times[k]!.push(processorTime() - start);
    }
  }
  times.forEach((list, k) => {
    const sorted = list.sort((a, b) => a - b);
    console.log(`${folders[k]!.padEnd(24)} best ${sorted[0]!.toFixed(1)} ms, median ${sorted[rounds >> 1]!.toFixed(1)} ms`);
  });
  await Promise.all(sessions.map((s) => s.dispose()));
}
