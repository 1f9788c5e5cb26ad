/** Real model files that are too many for the repository: the folder `shared/models` beside it, where there is one. */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const folder = resolve(process.cwd(), "..", "shared", "models");

/** Runs `body` with the folder; where it is not there, prints one line that says what is left out. */
export function withSharedModels(what: string, body: (folder: string) => void): void {
  if (existsSync(folder)) body(folder);
  else console.log(`left out: ${what} ('${folder}' is not there)`);
}

/** The paths of the files in `folder` that end with `extension`, in order. */
export const filesIn = (folder: string, extension: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(folder, name));
