/** The bytes of a MindIR model, and the files of its weights. */
import { pieces } from "../../../ir/data.ts";
import { CompileError } from "../../../ir/diagnostic.ts";
import { defaultExternalAbove, type ExportedFile, type ExportOptions } from "../../exported.ts";
import { MessageWriter } from "../../protobuf-writer.ts";
import type { TensorMessage } from "./literals.ts";
import type { ModelWriter } from "./model.ts";

/** Messages of Protocol Buffers are shorter than this. */
const mostBytes = 2 ** 31;
/** Weight files start with a header of so many bytes, and every tensor in them at a multiple of it. */
const alignment = 64;

/** The model first, then its weights. */
export function modelFiles(model: ModelWriter, options: ExportOptions): ExportedFile[] {
  const size = model.parameters.reduce((sum, p) => sum + (p.rawData?.byteLength ?? 0), 0);
  const hasExternal = size > (options.externalAbove ?? defaultExternalAbove) && model.dialect.name !== "1.1";
  if (!hasExternal && size >= mostBytes) {
    throw CompileError.of("limit", { source: options.name }, "the weights are more than a MindIR file of 1.1 holds, which is 2 GiB", {
      remedy: "write the dialect 2, which keeps weights beside the model",
    });
  }
  const location = `${options.name}_variables/data_0`;
  const parameters = hasExternal ? placed(model.parameters, location) : model.parameters;
  const file = { name: `${options.name}.mindir`, content: contentOf(model, parameters) };
  return hasExternal ? [file, { name: location, content: { [Symbol.iterator]: () => weights(model.parameters) } }] : [file];
}

const padded = (length: number): number => Math.ceil(length / alignment) * alignment;

/** The parameters with their places in the file of weights. */
function placed(parameters: readonly TensorMessage[], location: string): TensorMessage[] {
  let offset = alignment;
  return parameters.map(({ rawData, ...rest }) => {
    const length = rawData?.byteLength ?? 0;
    const entry = { ...rest, externalData: { location, offset, length } };
    offset += padded(length);
    return entry;
  });
}

function* weights(parameters: readonly TensorMessage[]): Generator<Uint8Array, void, undefined> {
  const header = new Uint8Array(alignment);
  // Little-endian.
  header[0] = 1;
  yield header;
  for (const { rawData } of parameters) {
    if (!rawData) continue;
    yield* pieces(rawData);
    yield new Uint8Array(padded(rawData.byteLength) - rawData.byteLength);
  }
}

function contentOf(model: ModelWriter, parameter: readonly TensorMessage[]): Iterable<Uint8Array> {
  const [main, ...functions] = model.graphs;
  const isOld = model.dialect.name === "1.1";
  const message = {
    irVersion: isOld ? "0.1.0" : "0.1.1",
    producerName: "MindSpore",
    modelVersion: isOld ? "1.1.0" : "2.0.0",
    graph: { ...main, parameter },
    ...(!isOld && { functions, littleEndian: true, primitives: model.primitives, mindIrVersion: 1 }),
  };
  const writer = new MessageWriter("mind_ir.proto", "mind_ir");
  return { [Symbol.iterator]: () => writer.write("ModelProto", message) };
}
