/** Convolutions as ONNX's operators. */
import { Conv, ConvInteger, QlinearConv } from "../../../ir/ops/conv.ts";
import { DeformConv } from "../../../ir/ops/conv-deform.ts";
import { Col2im, ConvTranspose, Im2col } from "../../../ir/ops/conv-transpose.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { makeWindow, windowExtents, type WindowAttributes } from "../../../ir/window.ts";
import { isByte, isFloat } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { row, functionRow, type Row } from "./row.ts";
import type { Attributes, Operand, Term } from "./term.ts";
import { padded, padsAttribute, windowAttributes, windowElements, withPads } from "./window.ts";

interface ConvAttributes extends WindowAttributes {
  readonly group: number;
}

const kernelShape = (w: Operand): Attributes => {
  const kernel = w.shape.slice(2);
  return kernel.every((k) => typeof k === "number") ? { kernel_shape: kernel } : {};
};

const convAttributes = (w: Operand, a: ConvAttributes, pads: Attributes): Attributes => ({
  ...windowAttributes(a),
  group: a.group === 1 ? undefined : a.group,
  ...kernelShape(w),
  ...pads,
});

/** Integers are convolved as ONNX does bytes, in 32 bits; others as f64, which holds their products. */
function integerConv(n: Body, x: Operand, w: Operand, b: Operand | undefined, a: ConvAttributes): Term {
  const areBytes = [x, w].every((t) => isByte(t.dtype));
  const { x: image, pads } = withPads(n, x, a);
  const attributes = convAttributes(w, a, pads);
  const sum = areBytes
    ? n.op("ConvInteger", [image, w], attributes, "i32")
    : n.cast(n.op("Conv", [n.cast(image, "f64"), n.cast(w, "f64")], attributes), "i64");
  if (!b) return sum;
  const shape = [-1, ...x.shape.slice(2).map(() => 1)];
  return n.op("Add", [sum, n.cast(n.op("Reshape", [b, n.ints(shape)]), sum.dtype)]);
}

function conv(n: Body, x: Operand, w: Operand, b: Operand | undefined, a: ConvAttributes): Term {
  if (!isFloat(x.dtype)) return integerConv(n, x, w, b, a);
  const { x: image, pads } = withPads(n, x, a);
  return n.op("Conv", [image, w, b && n.cast(b, x.dtype)], convAttributes(w, a, pads));
}

/** Without pads the output is whole; what pads take away and output padding adds is cut and added then. */
function convTranspose(
  n: Body,
  x: Operand,
  w: Operand,
  b: Operand | undefined,
  a: ConvAttributes & { readonly output_padding: readonly Dim[] },
): Term {
  const pads = padsAttribute(a.pads);
  const { output_padding: extra } = a;
  const isPlain = extra.every((p) => p === 0);
  const fits = extra.every((p, d) => typeof p === "number" && p >= 0 && p < Math.max(a.strides[d] ?? 1, a.dilations[d] ?? 1));
  if (pads && (isPlain || fits)) {
    const padding = isPlain ? {} : { output_padding: extra as readonly number[] };
    return n.op("ConvTranspose", [x, w, b], { ...convAttributes(w, a, pads), ...padding });
  }
  const whole = n.op("ConvTranspose", [x, w], convAttributes(w, a, {}));
  const ends = x.shape.slice(2).map((_, d) => {
    const [begin, end] = a.pads[d] ?? [0, 0];
    return [dim.neg(begin), dim.add(dim.neg(end), extra[d] ?? 0)] as const;
  });
  const cut = padded(n, whole, ends);
  if (!b) return cut;
  return n.op("Add", [cut, n.op("Reshape", [b, n.ints([-1, ...ends.map(() => 1)])])]);
}

/** Element `k` of all blocks, for each `k`: slices of the image, side by side behind the channels. */
function im2col(n: Body, x: Operand, a: WindowAttributes & { readonly kernel: readonly Dim[] }): Term {
  const window = makeWindow(x.shape.slice(2), a.kernel, a);
  const elements = windowElements(n, x, window).map((t) => n.op("Unsqueeze", [t, n.ints([2])]));
  const columns = elements.length === 1 ? elements[0]! : n.op("Concat", elements, { axis: 2 });
  const rows = dim.mul(x.shape[1]!, dim.product(a.kernel));
  return n.reshape(columns, [x.shape[0]!, rows, dim.product(windowExtents(x.shape.slice(2), window))]);
}

function col2im(n: Body, x: Operand, a: WindowAttributes & { readonly kernel: readonly Dim[]; readonly image: readonly Dim[] }): Term {
  const pads = padsAttribute(a.pads);
  if (!pads) throw new OpError("'col2im' with pads that are no numbers", "unsupported-attribute");
  return n.op("Col2Im", [x, n.dims(a.image), n.dims(a.kernel)], { ...windowAttributes(a), ...pads });
}

export const convRows: readonly Row[] = [
  row(Conv, (n, { x, w, b }, a) => conv(n, x, w, b, a)),
  row(ConvTranspose, (n, { x, w, b }, a) => convTranspose(n, x, w, b, a)),
  row(ConvInteger, (n, { x, w, x_zero_point, w_zero_point }, a) => {
    const zero = x_zero_point && n.reshape(x_zero_point, []);
    const { x: image, pads } = withPads(n, x, a, zero);
    return n.op("ConvInteger", [image, w, zero, w_zero_point], convAttributes(w, a, pads), "i32");
  }),
  row(QlinearConv, (n, o, a) => {
    const zero = n.reshape(o.x_zero_point, []);
    const { x, pads } = withPads(n, o.x, a, zero);
    const scalar = (p: Operand): Term => n.reshape(p, []);
    return n.op(
      "QLinearConv",
      [x, scalar(o.x_scale), zero, o.w, o.w_scale, o.w_zero_point, scalar(o.y_scale), scalar(o.y_zero_point), o.b],
      convAttributes(o.w, a, pads),
      o.y_zero_point.dtype,
    );
  }),
  row(DeformConv, (n, { x, w, offset, b, mask }, a) => {
    const pads = padsAttribute(a.pads);
    if (!pads) throw new OpError("'deform_conv' with pads that are no numbers", "unsupported-attribute");
    const bias = b && n.cast(b, x.dtype);
    return n.op("DeformConv", [x, w, offset, bias, mask], { ...convAttributes(w, a, pads), offset_group: a.offset_group });
  }),
  functionRow(Im2col, (n, { x }, a) => im2col(n, x, a)),
  row(Col2im, (n, { x }, a) => col2im(n, x, a)),
];
