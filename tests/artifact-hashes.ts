/** Fingerprints of artifacts, for runs in processes of their own: what a compilation wrote, and what it took. */
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { compileGraph } from "../codegen/compile.ts";
import { findTarget } from "../codegen/targets.ts";
import { importModel } from "../frontend/import.ts";
import { Diagnostics } from "../ir/diagnostic.ts";

export interface Compilation {
  /** SHA-256 of each file's bytes, by its name. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Of this process so far: processor time, and the most memory that was resident. */
  readonly seconds: number;
  readonly peakBytes: number;
}

export async function compileAndHash(model: string, target: string): Promise<Compilation> {
  const diagnostics = new Diagnostics();
  const { graph } = await importModel(model);
  const { artifact } = compileGraph(graph, findTarget(target)!, { name: "model" }, diagnostics);
  diagnostics.throwIfErrors();
  const hashes = [...artifact.files].map(([name, content]): [string, string] => [name, createHash("sha256").update(content).digest("hex")]);
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return { hashes: Object.fromEntries(hashes), seconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 };
}

/** As `compileAndHash`, in a fresh process. */
export function compileElsewhere(model: string, target: string): Compilation {
  const call = `compileAndHash(${JSON.stringify(model)}, ${JSON.stringify(target)})`;
  const script = `import { compileAndHash } from ${JSON.stringify(import.meta.url)}; console.log(JSON.stringify(await ${call}));`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })) as Compilation;
}
