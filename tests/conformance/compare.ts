/** Whether results are the expected ones: floats within a tolerance, everything else exactly; NaN equals NaN. */
import { isFloat } from "../../ir/type.ts";
import { elementsOf, type HostTensor, type HostValue } from "./values.ts";

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** Those of ONNX's own runner. */
export const onnxTolerance: Tolerance = { rtol: 1e-3, atol: 1e-7 };

/** What is wrong with `got`, in words; undefined when nothing is. With `onlyTypes` the elements are not looked at. */
export function differenceOf(got: HostValue | undefined, want: HostValue, tolerance: Tolerance, onlyTypes = false): string | undefined {
  if (!got) return "is missing";
  if (got.kind !== want.kind) return `is a ${got.kind}, not a ${want.kind}`;
  if (want.kind === "tensor") return tensorDifference(got as HostTensor, want, tolerance, onlyTypes);
  const [a, b] = [partsOf(got), partsOf(want)];
  if (a.length !== b.length) return `has ${a.length} elements, not ${b.length}`;
  for (const [i, part] of b.entries()) {
    const difference = differenceOf(a[i], part, tolerance, onlyTypes);
    if (difference !== undefined) return `element ${i} ${difference}`;
  }
  return undefined;
}

const partsOf = (v: Exclude<HostValue, HostTensor> | HostTensor): readonly HostValue[] =>
  v.kind === "sequence" ? v.elements : v.kind === "optional" && v.value ? [v.value] : [];

function tensorDifference(got: HostTensor, want: HostTensor, tolerance: Tolerance, onlyTypes: boolean): string | undefined {
  const [a, b] = [got, want].map(({ dtype, shape }) => `${dtype}[${shape.join(",")}]`);
  if (a !== b) return `is ${a}, not ${b}`;
  if (onlyTypes) return undefined;
  const [x, y] = [elementsOf(got), elementsOf(want)];
  const isSame = isFloat(want.dtype) ? (i: number) => isClose(Number(x[i]), Number(y[i]), tolerance) : (i: number) => x[i] === y[i];
  const bad = y.findIndex((_, i) => !isSame(i));
  return bad < 0 ? undefined : `is ${String(x[bad])} at element ${bad}, not ${String(y[bad])}`;
}

const isClose = (x: number, y: number, { rtol, atol }: Tolerance): boolean =>
  x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= atol + rtol * Math.abs(y);
