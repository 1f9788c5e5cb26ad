/** Builds the shared library of a C artifact with the compiler that is there. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Manifest } from "../manifest.ts";

/** The C compiler: `$CC`, or the first of gcc, clang and cc that runs; undefined when there is none. */
export function findCompiler(): string | undefined {
  const candidates = [process.env["CC"], "gcc", "clang", "cc"].filter((c) => c !== undefined && c !== "") as string[];
  return candidates.find((c) => spawnSync(c, ["--version"], { stdio: "ignore" }).status === 0);
}

export interface BuildOptions {
  /** Default: `-O3`. */
  readonly flags?: readonly string[];
  /** Default: `findCompiler()`. */
  readonly compiler?: string;
}

export const libraryName = (manifest: Manifest): string => `lib${manifest.model}.so`;

const run = promisify(execFile);

/**
 * Compiles the artifact in `dir`, files in parallel, to the shared library whose path it gives. A library that is
 * newer than the manifest is kept. Throws an `Error` with the compiler's words, or with what to install.
 */
export async function buildC(dir: string, manifest: Manifest, options: BuildOptions = {}): Promise<string> {
  const library = join(dir, libraryName(manifest));
  if (existsSync(library) && statSync(library).mtimeMs >= statSync(join(dir, "manifest.json")).mtimeMs) return library;
  const compiler = options.compiler ?? findCompiler();
  if (compiler === undefined) {
    throw new Error("no C compiler was found: install gcc or clang, or name one in the environment variable CC; the target js needs none");
  }
  const objects = mkdtempSync(join(dir, ".build-"));
  try {
    const flags = [...(options.flags ?? ["-O3"]), ...String(manifest.options["flags"] ?? "-std=c11").split(" "), "-fPIC"];
    const made = await compileAll(dir, objects, manifest, (source, object) =>
      compile(compiler, [...flags, "-c", "-o", object, source], dir),
    );
    const linked = join(objects, "library.so");
    const sanitizers = (options.flags ?? []).filter((f) => f.startsWith("-fsanitize"));
    await compile(
      compiler,
      ["-shared", ...sanitizers, "-o", linked, ...made, "-lm", ...(manifest.options["freestanding"] === true ? [] : ["-lpthread"])],
      dir,
    );
    renameSync(linked, library);
    return library;
  } finally {
    rmSync(objects, { recursive: true, force: true });
  }
}

async function compileAll(
  dir: string,
  objects: string,
  manifest: Manifest,
  make: (source: string, object: string) => Promise<void>,
): Promise<string[]> {
  const sources = manifest.files.filter((f) => f.endsWith(".c"));
  const made = sources.map((s) => join(objects, s.replace(/\.c$/, ".o")));
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < sources.length; i = next++) await make(join(dir, sources[i]!), made[i]!);
  };
  await Promise.all(Array.from({ length: Math.min(sources.length, availableParallelism()) }, worker));
  return made;
}

async function compile(compiler: string, args: readonly string[], cwd: string): Promise<void> {
  try {
    await run(compiler, args, { cwd, maxBuffer: 1 << 24 });
  } catch (e) {
    const words = e instanceof Error && "stderr" in e ? String(e.stderr).slice(0, 4000) : String(e);
    throw new Error(`'${compiler}' could not compile the model\n${words}`, { cause: e });
  }
}
