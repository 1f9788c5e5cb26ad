/**
 * Weights in files beside the model. A model names them by relative path; only regular files inside the model's own
 * folder are opened, so that a model from elsewhere cannot make the compiler read anything else.
 */
import { lstatSync, realpathSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import type { ByteSource, TensorData } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { Location } from "../ir/location.ts";
import { FileSource } from "./bytes.ts";

export class ExternalFiles {
  private readonly open = new Map<string, ByteSource>();

  /** `unwrap` is applied to each file opened: decryption, for formats that have it. */
  constructor(
    private readonly folder: string,
    private readonly unwrap: (file: FileSource) => ByteSource = (file) => file,
  ) {}

  /** The files beside `model`; undefined for a model that is not a file. */
  static beside(model: ByteSource, unwrap?: (file: FileSource) => ByteSource): ExternalFiles | undefined {
    return model instanceof FileSource ? new ExternalFiles(dirname(model.path), unwrap) : undefined;
  }

  /** `length` bytes from `offset` of the file `path`, to its end without `length`. Errors have the code "external-data". */
  range(path: string, offset: number, length: number | undefined, where: Location): TensorData {
    const source = this.file(path, where);
    const byteLength = length ?? source.size - offset;
    if (byteLength < 0 || offset + byteLength > source.size)
      refuse(where, `the bytes ${offset} to ${offset + Math.max(byteLength, 0)} are outside the file '${path}', which has ${source.size}`);
    return { source, offset, byteLength };
  }

  private file(path: string, where: Location): ByteSource {
    let source = this.open.get(path);
    if (source === undefined) {
      source = this.unwrap(new FileSource(this.confine(path, where), path));
      this.open.set(path, source);
    }
    return source;
  }

  /** The path to open, when every step of `path` stays in the folder. */
  private confine(path: string, where: Location): string {
    const steps = path.split("/").filter((step) => step !== "" && step !== ".");
    const named = path.startsWith("/") || path.includes("\\") || path.includes("\0") || /^[A-Za-z]:/.test(path) || steps.includes("..");
    if (named || steps.length === 0)
      refuse(
        where,
        `the file '${printable(path)}' is not inside the model's folder`,
        "external data must be named by a path relative to the model",
      );
    const stat = this.attempt(path, where, () => this.walk(steps, path, where));
    if (!stat.isFile()) refuse(where, `'${path}' is not a file`);
    if (stat.nlink > 1) refuse(where, `'${path}' is a hard link to a file that may be elsewhere`, "copy the file");
    return join(
      this.attempt(path, where, () => realpathSync(this.folder)),
      ...steps,
    );
  }

  /** The state of the last step; a symbolic link on the way is refused. */
  private walk(steps: readonly string[], path: string, where: Location): Stats {
    let at = this.folder;
    let stat: Stats | undefined;
    for (const step of steps) {
      at = join(at, step);
      stat = lstatSync(at);
      if (stat.isSymbolicLink()) refuse(where, `'${path}' leads through a symbolic link`, "copy the file");
    }
    return stat as Stats;
  }

  private attempt<T>(path: string, where: Location, action: () => T): T {
    try {
      return action();
    } catch (e) {
      if (e instanceof CompileError) throw e;
      return refuse(where, `the file '${path}' cannot be read: ${(e as Error).message}`);
    }
  }
}

const printable = (path: string): string => path.replace(/[^\x20-\x7e]/g, "?");

function refuse(where: Location, message: string, remedy?: string): never {
  throw CompileError.of("external-data", where, message, remedy === undefined ? {} : { remedy });
}
