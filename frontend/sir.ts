/**
 * The text form as files: the text, and beside it one file with the constants that are too large for it. Each of them
 * starts at a multiple of 64 bytes and is named with the start of its SHA-256, which reading checks.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type ByteSource, pieces, type TensorData } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { printGraph, type WeightReference, type WeightSink } from "../ir/text/print.ts";
import type { WeightReader } from "../ir/text/values.ts";
import { ExternalFiles } from "./external-files.ts";
import type { ImportOptions } from "./options.ts";

const alignment = 64;
const hashDigits = 16;

function hashOf(data: TensorData): string {
  const hash = createHash("sha256");
  for (const piece of pieces(data)) hash.update(piece);
  return hash.digest("hex");
}

/** Gives constants their places, equal ones the same; `write` is told of each new one and where it starts. */
export class WeightPlacer implements WeightSink {
  private readonly known = new Map<string, WeightReference>();
  private end = 0;

  constructor(
    private readonly file: string,
    private readonly write: (data: TensorData, offset: number) => void,
  ) {}

  add(data: TensorData): WeightReference {
    const hash = hashOf(data);
    const key = `${hash} ${data.byteLength}`;
    const known = this.known.get(key);
    if (known) return known;
    const offset = Math.ceil(this.end / alignment) * alignment;
    this.write(data, offset);
    this.end = offset + data.byteLength;
    const reference = { file: this.file, offset, hash: hash.slice(0, hashDigits) };
    this.known.set(key, reference);
    return reference;
  }
}

/**
 * Writes the graph's text to `path`, and its large constants to `NAME.weights.bin` beside it where it has any. Both
 * appear when they are complete, so a graph may replace the files that it was read from.
 */
export function writeSir(graph: Graph, path: string): void {
  const file = `${basename(path).replace(/\.sir$/, "")}.weights.bin`;
  const unfinished = (p: string): string => `${p}.${process.pid}.part`;
  const weightPath = join(dirname(path), file);
  let descriptor: number | undefined;
  try {
    const weights = new WeightPlacer(file, (data, offset) => {
      descriptor ??= openSync(unfinished(weightPath), "w");
      let at = offset;
      for (const piece of pieces(data)) at += writeWhole(descriptor, piece, at);
    });
    writeFileSync(unfinished(path), printGraph(graph, { weights }));
    if (descriptor !== undefined) renameSync(unfinished(weightPath), weightPath);
    renameSync(unfinished(path), path);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
    for (const p of [path, weightPath]) rmSync(unfinished(p), { force: true });
  }
}

function writeWhole(descriptor: number, bytes: Uint8Array, position: number): number {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
  return bytes.length;
}

/** Longer texts are refused: no model needs them. */
const textLimit = 1 << 28;

/**
 * The graph in a text file; its constants are read, from files in the same folder only, when they are needed. Throws a
 * `CompileError` with all that is wrong with the text.
 */
export function readSir(source: ByteSource, options: ImportOptions = {}): Graph {
  const files = ExternalFiles.beside(source);
  return parseGraph(textOf(source), source.name, {
    ...(files && { readWeights: weightReader(files) }),
    ...(options.dims && { dims: options.dims }),
    ...(options.inputValues && { inputValues: options.inputValues }),
  });
}

function textOf(source: ByteSource): string {
  const where = { source: source.name };
  if (source.size > textLimit)
    throw CompileError.of("limit", where, `the text has ${source.size} bytes`, { expected: `at most ${textLimit}` });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(source.read(0, source.size));
  } catch (e) {
    if (!(e instanceof TypeError)) throw e;
    throw CompileError.of("syntax", where, "the text is not UTF-8");
  }
}

/** Finds constants in files beside the text; throws a `CompileError` where bytes are not there or not those of the text. */
function weightReader(files: ExternalFiles): WeightReader {
  const checked = new Set<string>();
  return (file, offset, length, hash) => {
    const data = files.range(file, offset, length, { source: file });
    const key = `${file} ${offset} ${length} ${hash ?? ""}`;
    if (hash !== undefined && !checked.has(key) && !isHashOf(hash, data)) {
      throw CompileError.of(
        "external-data",
        { source: file },
        `the bytes from ${offset} of '${file}' are not those that the text was printed with`,
        {
          expected: hash,
          received: hashOf(data).slice(0, hash.length),
          remedy: "print the model again, or leave the hash out of the text",
        },
      );
    }
    checked.add(key);
    return data;
  };
}

const isHashOf = (hash: string, data: TensorData): boolean => hash.length > 0 && hashOf(data).startsWith(hash.toLowerCase());
