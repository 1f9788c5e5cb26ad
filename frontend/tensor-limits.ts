/** Tensors that no machine has memory for, which only damaged or hostile files ask for. */
import { OpError } from "../ir/diagnostic.ts";
import { byteSize, formatType, staticShape, type TensorType } from "../ir/type.ts";

const mostBytes = 2 ** 40;

/** Throws an `OpError` for a tensor of more than `mostAxes` axes or a terabyte; `what` is what has the type. */
export function checkTensorSize(type: TensorType, what: string, mostAxes: number): void {
  if (type.shape.length > mostAxes) throw new OpError(`${what} has ${type.shape.length} axes, more than ${mostAxes}`, "limit");
  const bytes = (staticShape(type.shape) ?? []).reduce((a, b) => a * b, byteSize(type.dtype));
  if (bytes > mostBytes) throw new OpError(`${what}, ${formatType(type)}, is larger than a terabyte`, "limit");
}
