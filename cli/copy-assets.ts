/**
 * The build's last step: puts what `tsc` does not compile (schemas, the C runtime, web pages) beside the compiled
 * files, where the code looks for it by a path relative to itself, and makes the command executable.
 */
import { chmodSync, cpSync, existsSync } from "node:fs";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const build = fileURLToPath(new URL("..", import.meta.url));
const root = join(build, "..");

/** Folders of assets, from the repository's root. TypeScript in them is `tsc`'s. */
const assetFolders = ["proto", `runtime${sep}c`, `runtime${sep}web`, "frontend", "codegen"];

const isAsset = (path: string): boolean => !path.endsWith("README.md") && extname(path) !== ".ts";

for (const folder of assetFolders.filter((name) => existsSync(join(root, name)))) {
  cpSync(join(root, folder), join(build, folder), { recursive: true, filter: isAsset });
}

const command = join(build, "cli", "main.js");
if (existsSync(command)) chmodSync(command, 0o755);
