/** Runs tests in several processes at once. A process that dies or takes too long is a failure of its test and is replaced. */
import { type ChildProcess, fork } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./run.ts";
import type { TestCase } from "./suite.ts";

const workerPath = fileURLToPath(new URL("./worker.js", import.meta.url));

export interface PoolOptions {
  readonly target: string;
  readonly jobs: number;
  /** For one test. */
  readonly seconds: number;
  /** Told of every outcome as it comes. */
  readonly done: (test: TestCase, outcome: Outcome) => void;
}

/** Resolves when all tests have an outcome. */
export async function runAll(tests: readonly TestCase[], options: PoolOptions): Promise<void> {
  endTogether();
  const queue = [...tests].reverse();
  const lane = async (): Promise<void> => {
    const worker = new Worker(options);
    for (let test = queue.pop(); test; test = queue.pop()) options.done(test, await worker.run(test));
    worker.stop();
  };
  await Promise.all(Array.from({ length: Math.min(options.jobs, tests.length) }, lane));
}

const children = new Set<ChildProcess>();

/** No worker goes on when this process ends, busy ones neither. */
function endTogether(): void {
  process.once("exit", () => {
    for (const child of children) child.kill("SIGKILL");
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

class Worker {
  private child: ChildProcess | undefined;

  constructor(private readonly options: PoolOptions) {}

  run(test: TestCase): Promise<Outcome> {
    this.child ??= fork(workerPath, [this.options.target], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: ["--enable-source-maps"],
    });
    const { child } = this;
    children.add(child);
    return new Promise((resolve) => {
      let words = "";
      const finish = (outcome: Outcome, isAlive: boolean): void => {
        clearTimeout(timer);
        child.removeAllListeners();
        child.stderr?.removeAllListeners();
        if (!isAlive) this.forget(child);
        resolve(outcome);
      };
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        finish({ result: "fail", reason: `takes longer than ${this.options.seconds} s` }, false);
      }, this.options.seconds * 1000);
      child.stderr?.on("data", (text: Buffer) => (words = (words + text.toString()).slice(-2000)));
      child.once("message", (outcome: Outcome) => finish(outcome, true));
      child.once("exit", (code, signal) => {
        const last =
          words
            .trim()
            .split("\n")
            .find((line) => /Error|error/.test(line)) ?? "";
        finish({ result: "fail", reason: `crash: the process ended with ${signal ?? String(code)} ${last}`.trim() }, false);
      });
      child.send(test);
    });
  }

  private forget(child: ChildProcess): void {
    children.delete(child);
    this.child = undefined;
  }

  stop(): void {
    this.child?.disconnect();
    if (this.child) this.forget(this.child);
  }
}
