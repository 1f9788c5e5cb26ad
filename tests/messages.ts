/** Writes messages of our formats for tests, by protobufjs: a second opinion on what the readers read. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import protobuf from "protobufjs";

/** The bytes of the message `type` ("onnx.TensorProto") of `proto/<file>`, from an object with the fields in camel case. */
export function encodeMessage(file: string, type: string, message: Record<string, unknown>): Uint8Array {
  const { root } = protobuf.parse(readFileSync(resolve("proto", file), "utf8"), new protobuf.Root());
  const found = root.lookupType(type);
  return Uint8Array.from(found.encode(found.fromObject(message)).finish());
}

/** The bytes of one length-delimited field. */
export const field = (number: number, content: ArrayLike<number>): number[] => [
  ...varint(number * 8 + 2),
  ...varint(content.length),
  ...Array.from(content),
];

export function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
}

export const ascii = (text: string): number[] => Array.from(text, (c) => c.charCodeAt(0));
