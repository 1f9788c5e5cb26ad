/** Constants and inputs: tensors that descriptors describe. */
import type { TensorData } from "../../ir/data.ts";
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Value } from "../../ir/graph.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { byteSize, type DType, tensor } from "../../ir/type.ts";
import { dtypeOfFile } from "./data-types.ts";
import { isBlocked, plainData } from "./layout.ts";
import type { GeOp, GeTensor, GeTensorDescriptor } from "./messages.ts";
import { mostAxes, type Session } from "./session.ts";

/** MindSpore calls the constant of the parameter `name` so. */
const parameterSuffix = "_const";
/** What tuples of numbers are called. */
const unnamed = /(^|\/)const\/inputs\/\d+$/;

/** The name of the parameter that a constant's op stands for; "" for one that is none. */
export const parameterName = (opName: string): string =>
  opName.endsWith(parameterSuffix) ? opName.slice(0, -parameterSuffix.length) : unnamed.test(opName) ? "" : opName;

/** Whether an op's name says where it stands, and is none that its result should have. */
export const isPlaceName = (opName: string): boolean => /-op[\d_]*$/.test(opName);

export const parameterOpName = (name: string): string => `${name}${parameterSuffix}`;
export const unnamedOpName = (number: number): string => `Default/const/inputs/${number}`;

/** The element type of a descriptor. Throws an `OpError` for those that are not carried. */
export function dtypeOf(desc: GeTensorDescriptor | undefined): DType {
  const dtype = dtypeOfFile(desc?.dtype ?? 0);
  if (!dtype) throw new OpError(`the element type ${desc?.dtype ?? 0} is not carried`, "unsupported-type");
  return dtype;
}

/** The value of an op of type Const. Throws an `OpError` where its bytes do not fit it. */
export function constantOf(session: Session, builder: Builder, op: GeOp): Value {
  const message = op.attr.find((a) => a.key === "value")?.value?.t;
  if (!message) throw new OpError("the constant has no value", "bad-attribute");
  const dtype = dtypeOf(message.desc);
  const data = bytesOf(session, message);
  const shape = message.desc?.shape?.dim ?? [];
  if (shape.length > mostAxes) throw new OpError(`the constant has ${shape.length} axes, more than ${mostAxes}`, "limit");
  const isPlain = !isBlocked(message.desc?.layout ?? "");
  const constant = isPlain ? { shape, data } : plainConstant(message.desc!, data, dtype);
  const type = tensor(dtype, constant.shape);
  const needed = constant.shape.reduce((a, b) => a * b, byteSize(dtype));
  if (constant.shape.some((d) => d < 0) || needed !== constant.data.byteLength)
    throw new OpError(`the constant of [${constant.shape.join(",")}] has ${constant.data.byteLength} bytes, not ${needed}`, "truncated");
  const value = builder.create(ConstantOp, {}, { data: { type, data: constant.data } });
  value.name = parameterName(op.name);
  return value;
}

function plainConstant(desc: GeTensorDescriptor, data: TensorData, dtype: DType): { shape: readonly number[]; data: TensorData } {
  const { plain, data: bytes } = plainData(desc, data, byteSize(dtype));
  return { shape: plain.shape, data: bytes };
}

/** The tensor's own bytes, or where it has none and is of a container, those it points to. */
function bytesOf(session: Session, { desc, data }: GeTensor): TensorData {
  const size = desc?.weightSize ?? 0;
  const { weights } = session.model;
  const isElsewhere = size > 0 && (data?.byteLength ?? 0) === 0;
  if (isElsewhere && !weights)
    throw new OpError("its bytes are in another partition of the offline model that this file was cut from", "external-data");
  if (!isElsewhere || !weights) return data ?? { source: session.model.source, offset: 0, byteLength: 0 };
  const offset = desc?.dataOffset ?? 0;
  if (offset < 0 || size < 0 || offset + size > weights.byteLength)
    throw new OpError("the constant's bytes are outside the weights", "truncated");
  return { source: weights.source, offset: weights.offset + offset, byteLength: size };
}
