/** The bytes of a MindSpore Lite file as messages, whichever of its schemas it has. */
import type { ByteSource } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import { FlatReader } from "../flatbuffers-reader.ts";
import { FlatSchema } from "../flatbuffers-schema.ts";
import type { LiteMetaGraph, LiteModel } from "./messages.ts";

const schemas = new Map<string, FlatSchema>();

/** The schema of the file's generation, parsed once. */
export function liteSchema(schema: 1 | 2): FlatSchema {
  const file = schema === 2 ? "ms_lite.fbs" : "ms_lite_1.fbs";
  const known = schemas.get(file) ?? FlatSchema.load(file);
  schemas.set(file, known);
  return known;
}

/** Members of the union that had other meanings up to a release, and which. */
const renamed: ReadonlyMap<number, readonly (readonly [before: number, name: string])[]> = new Map([
  [32, [[105, "ControlDepend"]]],
  [94, [[106, "Merge"]]],
  [167, [[105, "While"]]],
  [171, [[105, "If"]]],
  [201, [[105, "Attention"]]],
]);

/**
 * The messages of the file. Throws a `CompileError` where it is malformed, encrypted, or of the schema of early 2020 that
 * had graphs of another kind.
 */
export function readLite(source: ByteSource): LiteModel {
  const where = { source: source.name };
  if (source.size < 8) throw CompileError.of("truncated", where, "the file is too short for a model of MindSpore Lite");
  const identifier = String.fromCharCode(...source.read(4, 4));
  const schema = identifier === "MSL2" ? 2 : 1;
  let graph = rootOf(source, schema, 0);
  const release = releaseOf(graph.version);
  if (schema === 2 && release > 0 && release < 106) graph = rootOf(source, schema, release);
  if (graph.nodes.length === 0 && graph.allTensors.length === 0) refuseEmpty(source, identifier);
  return { source, schema, graph, release };
}

function rootOf(source: ByteSource, schema: 1 | 2, release: number): LiteMetaGraph {
  const rename = (member: number): string | undefined => renamed.get(member)?.find(([before]) => release > 0 && release < before)?.[1];
  const graph = new FlatReader(liteSchema(schema), source, schema === 2 ? rename : undefined).root() as LiteMetaGraph;
  return schema === 2 ? graph : { ...graph, allTensors: graph.allTensors.map((t) => ({ ...laterFields, ...t })) };
}

/** What the older schema has no fields for. */
const laterFields = { externalData: [], enableHuffmanCode: false, weightQuantCompressType: "NONE" };

function releaseOf(version: string): number {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? [];
  return major === undefined ? 0 : Number(major) * 100 + Number(minor);
}

function refuseEmpty(source: ByteSource, identifier: string): never {
  const where = { source: source.name };
  if (/^MSL\d$/.test(identifier)) throw CompileError.of("invalid-graph", where, "the model has neither nodes nor tensors");
  throw CompileError.of("unsupported-type", where, "the file has the schema of early 2020, before MindSpore Lite 0.7 had meta graphs", {
    remedy: "convert the original model again with MindSpore Lite 0.7 or later",
  });
}
