/** Real model files and recordings that are too many for the repository: folders in `shared` beside it, where they are. */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const shared = resolve(process.cwd(), "..", "shared");

/** Runs `body` with the folder of models; where it is not there, prints one line that says what is left out. */
export const withSharedModels = (what: string, body: (folder: string) => void): void => {
  withShared(join(shared, "models"), what, body);
};

/** Runs `body` with the folder of what MindSpore recorded of its networks (`networks/recorded.ts`). */
export const withRecordings = (what: string, body: (folder: string) => void): void => {
  withShared(join(shared, "formats", "networks"), what, body);
};

function withShared(folder: string, what: string, body: (folder: string) => void): void {
  if (existsSync(folder)) body(folder);
  else console.log(`left out: ${what} ('${folder}' is not there)`);
}

/** The paths of the files in `folder` that end with `extension`, in order. */
export const filesIn = (folder: string, extension: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(folder, name));
