/** Model files, written completely or not at all. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Exported, ExportedFile } from "../frontend/exported.ts";
import { makeFolders } from "./write-artifact.ts";

/**
 * Writes the files into the folder of `path`, which is the model's own. They appear when all are complete, the model last,
 * so a model may replace the one that it was read from.
 */
export function writeModel({ files }: Exported, path: string): void {
  const folder = dirname(path);
  const names = files.map((file, i) => (i === 0 ? path : join(folder, file.name)));
  for (const name of names) makeFolders(dirname(name));
  const unfinished = names.map((name) => `${name}.${process.pid}.part`);
  try {
    files.forEach((file, i) => {
      writeFile(file, unfinished[i]!);
    });
    for (let i = names.length - 1; i >= 0; i--) renameSync(unfinished[i]!, names[i]!);
  } finally {
    for (const name of unfinished) rmSync(name, { force: true });
  }
}

function writeFile({ content }: ExportedFile, path: string): void {
  const descriptor = openSync(path, "w");
  try {
    for (const piece of content) {
      for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done);
    }
  } finally {
    closeSync(descriptor);
  }
}
