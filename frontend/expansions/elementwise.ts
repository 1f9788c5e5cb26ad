/** Arithmetic element by element as other such. */
import { BitCast, Cast } from "../../ir/ops/cast.ts";
import { LogicalXor, NotEqual } from "../../ir/ops/compare.ts";
import { Ceil, Floor, MulNoNan, Pow, Trunc } from "../../ir/ops/elementwise.ts";
import { expansion, type NamedExpansion } from "./expander.ts";

/** Operands of two types by way of f64, which holds either. */
const power = expansion(Pow, ({ a, b }, _attributes, e) => {
  if (a.tensor.dtype === b.tensor.dtype) return undefined;
  return e.cast(e.f.pow(e.cast(a, "f64"), e.cast(b, "f64")), a.tensor.dtype);
});

const mulNoNan = expansion(MulNoNan, ({ a, b }, _attributes, { f }) => f.where(f.equal(b, 0), 0, f.mul(a, b)));

const trunc = expansion(Trunc, ({ x }, _attributes, e) => e.f.where(e.f.less(x, 0), e.create(Ceil, { x }), e.create(Floor, { x })));

/** Between integers of one size the same bits are the same number, wrapped. */
const bitCast = expansion(BitCast, ({ x }, { to }, e) => e.create(Cast, { x }, { to }));

const logicalXor = expansion(LogicalXor, ({ a, b }, _attributes, e) => e.create(NotEqual, { a, b }));

export const elementwiseExpansions: readonly NamedExpansion[] = [power, mulNoNan, trunc, bitCast, logicalXor];
