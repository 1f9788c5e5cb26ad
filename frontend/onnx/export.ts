/** A graph of ours as an ONNX model: the counterpart of `import.ts`. */
import { CompileError } from "../../ir/diagnostic.ts";
import type { Graph } from "../../ir/graph.ts";
import { removeUnused } from "../../ir/remove-unused.ts";
import { defaultExternalAbove, type Exported, type ExportOptions } from "../exported.ts";
import { legalize } from "../legalize.ts";
import { MessageWriter } from "../protobuf-writer.ts";
import { Problems } from "../problems.ts";
import type { Body } from "./export/body.ts";
import { ExternalStore } from "./export/external.ts";
import { rowOf } from "./export/index.ts";
import { functionMessage, graphMessage, inMessage, tensorMessage } from "./export/messages.ts";
import { fixedNames, Namer, namesOf } from "./export/names.ts";
import { irVersionOf, newestOpset, oldestOpset } from "./export/operators.ts";
import { ExportSession } from "./export/session.ts";
import { functionDomain, GraphWalk } from "./export/walk.ts";

/** What readers of some years ago know. Models that need a later one get the earliest that says all they have. */
const defaultOpset = 17;

/**
 * The model's files. Throws a `CompileError` that lists every op that cannot be written at the version asked for, and
 * what would help.
 */
export function exportOnnx(graph: Graph, options: ExportOptions): Exported {
  const { opset } = options;
  if (opset !== undefined && !(Number.isInteger(opset) && opset >= oldestOpset && opset <= newestOpset)) {
    throw CompileError.of("usage", { source: options.name }, `version ${opset} of ONNX's operator set cannot be written`, {
      expected: `${oldestOpset} to ${newestOpset}`,
    });
  }
  const problems = new Problems();
  removeUnused(graph);
  legalize(graph, (op) => op.name === "constant" || rowOf(op.definition) !== undefined, problems);
  problems.throwIfErrors();
  const { session, body } = opset === undefined ? writeAtLeast(graph, defaultOpset) : write(graph, opset);
  return { files: filesOf(graph, session, body, options), diagnostics: [] };
}

interface WrittenModel {
  readonly session: ExportSession;
  readonly body: Body;
}

function write(graph: Graph, opset: number): WrittenModel {
  const { session, body, problems } = attempt(graph, opset);
  problems.throwIfErrors();
  return { session, body };
}

/** At a version, or, where that does not suffice, at the one that does. */
function writeAtLeast(graph: Graph, opset: number): WrittenModel {
  const { session, body, problems, neededOpset } = attempt(graph, opset);
  if (neededOpset > opset) return writeAtLeast(graph, neededOpset);
  problems.throwIfErrors();
  return { session, body };
}

function attempt(graph: Graph, opset: number): WrittenModel & { readonly problems: Problems; readonly neededOpset: number } {
  const [session, problems] = [new ExportSession(opset), new Problems()];
  const walk = new GraphWalk(session, namesOf(graph), problems);
  const body = walk.main(graph);
  return { session, body, problems, neededOpset: walk.neededOpset };
}

function filesOf(graph: Graph, session: ExportSession, body: Body, options: ExportOptions): Exported["files"] {
  const total = session.initializers.reduce((sum, { value }) => sum + value.data.byteLength, 0);
  const external = total > (options.externalAbove ?? defaultExternalAbove) ? new ExternalStore(`${options.name}.onnx.data`) : undefined;
  const message = modelMessage(graph, session, body, external);
  const content = { [Symbol.iterator]: () => new MessageWriter("onnx.proto", "onnx").write("ModelProto", message) };
  return [{ name: `${options.name}.onnx`, content }, ...(external?.files ?? [])];
}

function modelMessage(graph: Graph, session: ExportSession, body: Body, external: ExternalStore | undefined): object {
  const fixed = fixedNames(body);
  for (const { name } of session.initializers) if (name.text !== undefined) fixed.add(name.text);
  const namer = new Namer(fixed);
  const initializers = session.initializers.map(({ name, value }) => tensorMessage(namer.text(name), value, external?.store ?? inMessage));
  const hasFunctions = session.functions.length > 0;
  return {
    irVersion: irVersionOf(session.opset),
    producerName: "sinter",
    graph: graphMessage(body, graph.name || "main", namer, initializers),
    opsetImport: [{ domain: "", version: session.opset }, ...(hasFunctions ? [{ domain: functionDomain, version: 1 }] : [])],
    functions: session.functions.map((f) => functionMessage(f.name, functionDomain, f.body)),
  };
}
