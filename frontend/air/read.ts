/** An AIR file's bytes, or an offline model's, as messages. */
import type { ByteSource, TensorData } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import { Schema } from "../protobuf.ts";
import type { GeModel } from "./messages.ts";
import { isOfflineModel, readOfflineModel } from "./om.ts";

const schema = new Schema("ge_ir.proto", "ge.proto", new Set(["TensorDef.data"]));

/**
 * The model in `source`. Throws a `CompileError`: "syntax" or "truncated" with the byte where the file is malformed,
 * "limit" where it nests too deep, "encrypted" for offline models that are.
 */
export function readAir(source: ByteSource): GeModel {
  if (!isOfflineModel(source)) return readModel({ source, offset: 0, byteLength: source.size });
  const { isEncrypted, partitions } = readOfflineModel(source);
  if (isEncrypted) throw CompileError.of("encrypted", { source: source.name }, "the offline model is encrypted for its chip");
  const [model, weights] = [0, 1].map((type) => partitions.find((p) => p.type === type)?.data);
  if (!model) throw CompileError.of("syntax", { source: source.name }, "the offline model has no partition with the model");
  return { ...readModel(model), weights };
}

function readModel({ source, offset, byteLength }: TensorData): GeModel {
  const model = schema.read<GeModel>("ModelDef", source, offset, byteLength);
  if (model.graph.length === 0)
    throw CompileError.of("syntax", { source: source.name, path: `byte ${offset}` }, "this is not an AIR model: it holds no graph");
  return { ...model, source };
}
