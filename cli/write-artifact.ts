/** Artifacts as folders, written completely or not at all. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Artifact } from "../codegen/target.ts";
import type { Manifest } from "../runtime/manifest.ts";
import { InputError } from "./failure.ts";

/** Makes the folder and those above it. (Node's own recursive way never ends where the system refuses with ENOENT.) */
export function makeFolders(path: string): void {
  if (existsSync(path)) return;
  makeFolders(dirname(path));
  mkdirSync(path);
}

/** Writes the artifact's files into a folder that exists. */
export function writeFiles(artifact: Artifact, dir: string): void {
  for (const [name, content] of artifact.files) {
    makeFolders(dirname(join(dir, name)));
    writeFileSync(join(dir, name), content);
  }
}

/** The manifest in a folder; undefined where there is none that is one of ours. */
export function readManifest(dir: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8")) as Partial<Manifest> | null;
    return manifest?.generator === "sinter" && manifest.format === 1 ? (manifest as Manifest) : undefined;
  } catch {
    return undefined;
  }
}

/** Throws an `InputError` unless the path is free, an empty folder or an artifact. */
export function checkReplaceable(path: string): void {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) throw new InputError(`'${path}' is a file; name a folder`);
  if (readdirSync(path).length > 0 && !readManifest(path)) {
    throw new InputError(`'${path}' holds something that is no compiled model, and is not replaced; name another folder`);
  }
}

/**
 * Writes the artifact to a folder beside `path`, lets `finish` work on it, and moves it to `path`, in place of an artifact
 * that may be there. When anything fails, what was at `path` is still there.
 */
export async function writeArtifact(
  artifact: Artifact,
  path: string,
  finish: (dir: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const target = resolve(path);
  checkReplaceable(target);
  makeFolders(dirname(target));
  const made = join(dirname(target), `.${basename(target)}-${randomUUID()}`);
  mkdirSync(made);
  try {
    writeFiles(artifact, made);
    await finish(made);
    moveOver(made, target);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function moveOver(from: string, to: string): void {
  const old = `${from}.old`;
  const isThere = existsSync(to);
  if (isThere) renameSync(to, old);
  try {
    renameSync(from, to);
  } catch (e) {
    if (isThere) renameSync(old, to);
    throw e;
  }
  rmSync(old, { recursive: true, force: true });
}
