/** Weights in a file beside a model: a head, then the elements of tensors one after the other. */
import { readData, type TensorData } from "../../ir/data.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Location } from "../../ir/location.ts";
import type { ExternalFiles } from "../external-files.ts";
import type { LiteTensor } from "./messages.ts";

/** Bytes of the head: `externalMagic`, a number that tells by the model's first byte which model it belongs to, zeros. */
export const externalHead = 4096;
/** The first four bytes, little endian. */
export const externalMagic = 0x12345678;

/** The bytes of a tensor that is in another file; an `OpError` or `CompileError` where they are not there. */
export function externalData(t: LiteTensor, files: ExternalFiles | undefined, where: Location): TensorData {
  const [place, ...more] = t.externalData;
  if (!place || more.length > 0) refuse(`the data of '${t.name}' is in ${t.externalData.length} places, where one is allowed`);
  if (!files) return refuse(`the data of '${t.name}' is in another file, which cannot be reached`);
  const { location, offset, length } = place;
  if (!(offset >= externalHead))
    refuse(`the data of '${t.name}' begins at ${offset}, before the end of the file's head at ${externalHead}`);
  if (length < -1) refuse(`the data of '${t.name}' has ${length} bytes`);
  const data = files.range(location, offset, length === -1 ? undefined : length, where);
  const head = readData(files.range(location, 0, 4, where));
  if (new DataView(head.buffer, head.byteOffset).getUint32(0, true) !== externalMagic)
    refuse(`'${location}' is no file of weights: it does not begin with 0x${externalMagic.toString(16)}`);
  return data;
}

function refuse(message: string): never {
  throw new OpError(message, "external-data");
}
