/** The built `sinter` command as a user runs it. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../cli/main.js", import.meta.url));

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in `folder`. */
export function runSinter(folder: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (d: Buffer) => out.push(d));
  child.stderr.on("data", (d: Buffer) => err.push(d));
  const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString();
  return new Promise((done) => child.on("close", (code) => done({ code: code ?? -1, stdout: text(out), stderr: text(err) })));
}
