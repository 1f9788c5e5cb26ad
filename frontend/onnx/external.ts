/** ONNX's external data: a tensor's `external_data` entries as a range of a file in the model's folder. */
import type { TensorData } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import type { Location } from "../../ir/location.ts";
import type { ExternalFiles } from "../external-files.ts";
import type { OnnxTensor } from "./messages.ts";

/** Undefined for a tensor with its data in the message. Errors have the code "external-data". */
export function externalData(tensor: OnnxTensor, where: Location, files: ExternalFiles | undefined): TensorData | undefined {
  if (tensor.dataLocation === 0) return undefined;
  const refuse = (message: string): never => {
    throw CompileError.of("external-data", where, `the tensor '${tensor.name}' ${message}`);
  };
  if (tensor.dataLocation !== 1) return refuse(`has the unknown data location ${tensor.dataLocation}`);
  if (files === undefined) return refuse("is in another file, and the model was not read from a folder");
  const entry = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const path = entry.get("location");
  if (path === undefined) return refuse("does not say in which file it is");
  const [offset, length] = ["offset", "length"].map((key) => {
    const text = entry.get(key);
    return text === undefined || /^\d{1,15}$/.test(text) ? text : refuse(`has the ${key} '${text}', which is not a number of bytes`);
  });
  return files.range(path, Number(offset ?? 0), length === undefined ? undefined : Number(length), where);
}
