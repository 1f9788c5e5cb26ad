/** The test data of the `onnx` wheel: too large for the repository, fetched into the cache on first use. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "./cache.ts";
import { witnessPython } from "./witness.ts";

const version = "1.22.0";
const runFile = promisify(execFile);

async function fetchWheel(python: string, into: string): Promise<void> {
  await runFile(python, ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", into, `onnx==${version}`]);
  const wheel = (await readdir(into)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new Error(`pip put no wheel of onnx ${version} into '${into}'`);
  await runFile(python, ["-m", "zipfile", "-e", join(into, wheel), into]);
  await rm(join(into, wheel));
}

/** Moves a finished folder into place; of two processes that fetched at once, the first wins. */
async function settle(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    await rm(from, { recursive: true, force: true });
    if (!existsSync(to)) throw error;
  }
}

let pending: Promise<string> | undefined;

async function fetchData(): Promise<string> {
  const cache = cacheFolder();
  const home = join(cache, `onnx-${version}`);
  if (!existsSync(home)) {
    await mkdir(cache, { recursive: true });
    const fresh = await mkdtemp(join(cache, "fetch-"));
    await fetchWheel(witnessPython() ?? "python3", fresh);
    await settle(fresh, home);
  }
  return join(home, "onnx", "backend", "test", "data");
}

/**
 * The folder `onnx/backend/test/data` of the wheel, with `node`, `simple`, `pytorch-operator`, `pytorch-converted` and
 * `light` in it. Downloads the wheel by pip where it is missing; rejects with pip's words where that fails.
 */
export function ensureOnnxData(): Promise<string> {
  pending ??= fetchData();
  return pending;
}
