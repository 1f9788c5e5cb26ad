/** Progress of a long command on a terminal: how many of its phases are done, and which one runs. Silent in a pipe. */
import { SingleBar } from "cli-progress";

export class Progress {
  private readonly bar: SingleBar | undefined;
  private done = 0;

  /** `phases`: how many there will be. */
  constructor(phases: number, shown: boolean = process.stderr.isTTY) {
    if (!shown) return;
    const format = "{bar} {value}/{total} {phase}";
    this.bar = new SingleBar({ format, barsize: 24, clearOnComplete: true, hideCursor: true, stopOnComplete: false, linewrap: false });
    this.bar.start(phases, 0, { phase: "" });
  }

  /** The phase that starts now. */
  phase(name: string): void {
    this.bar?.update(this.done++, { phase: name });
  }

  /** Clears the line; nothing is shown any more. */
  stop(): void {
    this.bar?.stop();
  }
}

/** Runs `work` with a bar that is gone when it ends, however it ends. */
export async function withProgress<T>(phases: number, work: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = new Progress(phases);
  try {
    return await work(progress);
  } finally {
    progress.stop();
  }
}
