/**
 * Independent implementations that results are compared with (ONNX Runtime, MindSpore, numpy), in a Python environment
 * that `.ci/run` sets up outside the tree.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache.ts";

/** The environment's Python, with onnx, onnxruntime, numpy and mindspore; undefined where it was not set up. */
export function witnessPython(): string | undefined {
  const python = join(cacheFolder(), "venv", "bin", "python");
  return existsSync(python) ? python : undefined;
}
