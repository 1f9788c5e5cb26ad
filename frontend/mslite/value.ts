/**
 * What an index of a tensor stands for while a file is imported: one tensor, known in one or both orders of axes, as real
 * numbers or as the integers it is quantised to. The other forms are made when they are first asked for.
 */
import type { Builder } from "../../ir/define.ts";
import type { Value } from "../../ir/graph.ts";
import { DequantizeLinear, QuantizeLinear } from "../../ir/ops/quantize.ts";
import { Reshape, Transpose } from "../../ir/ops/shape.ts";
import type { DType } from "../../ir/type.ts";
import { type Layout, toLast, toSecond } from "./layout.ts";

/** Scale and zero point for all elements of an activation. */
export interface Quantisation {
  readonly dtype: DType;
  readonly parameters: (builder: Builder) => { readonly scale: Value; readonly zero_point: Value };
}

export class LiteValue {
  private readonly reals = new Map<Layout, Value>();
  /** The integers, where the tensor is quantised. */
  private readonly integers = new Map<Layout, Value>();

  constructor(
    private readonly builder: Builder,
    private readonly quantisation: Quantisation | undefined,
  ) {}

  /** The real numbers that a node computed: of a quantised tensor they are rounded to its integers. */
  static computed(builder: Builder, quantisation: Quantisation | undefined, layout: Layout, value: Value): LiteValue {
    const made = new LiteValue(builder, quantisation);
    if (!quantisation || value.tensor.dtype === quantisation.dtype) return made.with(layout, value);
    const { scale, zero_point } = quantisation.parameters(builder);
    return made.with(layout, builder.create(QuantizeLinear, { x: value, scale, zero_point }, { to: quantisation.dtype }));
  }

  /** Tells the tensor's elements as they are stored. */
  with(layout: Layout, stored: Value): this {
    (this.quantisation ? this.integers : this.reals).set(layout, stored);
    return this;
  }

  /** Tells its real numbers. */
  withReal(layout: Layout, value: Value): this {
    this.reals.set(layout, value);
    return this;
  }

  /** Whether the form is there without a transpose. */
  has(layout: Layout): boolean {
    return this.reals.has(layout) || this.integers.has(layout);
  }

  get rank(): number {
    const [known] = [...this.reals.values(), ...this.integers.values()];
    return known!.tensor.shape.length;
  }

  /** The real numbers. */
  get(layout: Layout): Value {
    const known = this.reals.get(layout);
    if (known) return known;
    const made = this.quantisation ? this.dequantised(this.stored(layout)) : this.moved(this.reals, layout);
    this.reals.set(layout, made);
    return made;
  }

  /** The elements as the file has them: integers of quantised tensors. */
  stored(layout: Layout): Value {
    if (!this.quantisation) return this.get(layout);
    const known = this.integers.get(layout) ?? this.moved(this.integers, layout);
    this.integers.set(layout, known);
    return known;
  }

  private dequantised(x: Value): Value {
    const { scale, zero_point } = this.quantisation!.parameters(this.builder);
    return this.builder.create(DequantizeLinear, { x, scale, zero_point });
  }

  private moved(forms: ReadonlyMap<Layout, Value>, to: Layout): Value {
    const from = forms.get(to === "last" ? "second" : "last")!;
    if (to === "last") return this.builder.create(Transpose, { x: from }, { perm: [...toLast] });
    return from.tensor.shape.length === 4 ? this.builder.create(Transpose, { x: from }, { perm: [...toSecond] }) : this.raised(from);
  }

  /** A tensor of fewer axes as it broadcasts to images with channels second. */
  protected raised(x: Value): Value {
    const { shape } = x.tensor;
    if (shape.length === 0) return x;
    const whole = [...new Array<1>(4 - shape.length).fill(1), ...shape];
    if (shape.length === 1) return this.builder.create(Reshape, { x }, { shape: [shape[0]!, 1, 1] });
    return this.builder.create(Transpose, { x: this.builder.create(Reshape, { x }, { shape: whole }) }, { perm: [...toSecond] });
  }
}
