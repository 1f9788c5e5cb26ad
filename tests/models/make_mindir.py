"""Makes the MindIR files beside this script, and what MindSpore 2.7 on a CPU computes for them.

    python make.py

Each network is a family of operators: it takes the inputs of all its cases and gives their results. `NAME.inputs` and
`NAME.outputs` hold the arrays in order, each in the form of a `.npy` file.
"""
import pathlib
import sys
import tempfile

import numpy as np
import mindspore as ms
from mindspore import mint, nn, ops, Parameter, Tensor
from mindspore.ops import operations as P

ms.set_context(mode=ms.GRAPH_MODE, device_target="CPU")
here = pathlib.Path(__file__).parent / "mindir"
rng = np.random.default_rng(7)
networks = {}


def f(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def pos(*shape):
    return (rng.random(shape) + 0.1).astype(np.float32)


def i(low, high, *shape):
    return rng.integers(low, high, shape).astype(np.int32)


def l(low, high, *shape):
    return rng.integers(low, high, shape).astype(np.int64)


def b(*shape):
    return rng.random(shape) > 0.5


def case(network, fn, *inputs):
    networks.setdefault(network, []).append((fn, inputs))


# ----------------------------------------------------------------------------------------------------
x = f(3, 4)
y = f(3, 4)
p_ = pos(3, 4)
ix = i(-20, 20, 3, 4)
iy = i(1, 7, 3, 4)
case("arithmetic", P.Abs(), x * 3)
case("arithmetic", P.Neg(), x * 3)
case("arithmetic", P.Sign(), x * 3)
case("arithmetic", P.Square(), x * 3)
case("arithmetic", P.Floor(), x * 3)
case("arithmetic", P.Ceil(), x * 3)
case("arithmetic", P.Trunc(), x * 3)
case("arithmetic", P.Rint(), x * 3)
case("arithmetic", P.Round(), x * 3)
case("arithmetic", P.Exp(), x * 3)
case("arithmetic", P.Expm1(), x * 3)
case("arithmetic", P.Sin(), x * 3)
case("arithmetic", P.Cos(), x * 3)
case("arithmetic", P.Tan(), x * 3)
case("arithmetic", P.Atan(), x * 3)
case("arithmetic", P.Sinh(), x * 3)
case("arithmetic", P.Cosh(), x * 3)
case("arithmetic", P.Tanh(), x * 3)
case("arithmetic", P.Asinh(), x * 3)
case("arithmetic", P.Erf(), x * 3)
case("arithmetic", P.Erfc(), x * 3)
case("arithmetic", P.IsNan(), x * 3)
case("arithmetic", P.IsInf(), x * 3)
case("arithmetic", P.IsFinite(), x * 3)
case("arithmetic", P.ReLU(), x * 3)
case("arithmetic", P.ReLU6(), x * 3)
case("arithmetic", P.Sigmoid(), x * 3)
case("arithmetic", P.Softplus(), x * 3)
case("arithmetic", P.Softsign(), x * 3)
case("arithmetic", P.Mish(), x * 3)
case("arithmetic", P.SeLU(), x * 3)
case("arithmetic", P.HSwish(), x * 3)
case("arithmetic", P.HSigmoid(), x * 3)
case("arithmetic", P.GeLU(), x * 3)
case("arithmetic", P.FastGeLU(), x * 3)
case("arithmetic", P.Sqrt(), p_ + 1)
case("arithmetic", P.Rsqrt(), p_ + 1)
case("arithmetic", P.Log(), p_ + 1)
case("arithmetic", P.Log1p(), p_ + 1)
case("arithmetic", P.Reciprocal(), p_ + 1)
case("arithmetic", P.Inv(), p_ + 1)
case("arithmetic", P.Acosh(), p_ + 1)
case("arithmetic", P.Asin(), p_ - 0.5)
case("arithmetic", P.ACos(), p_ - 0.5)
case("arithmetic", P.Atanh(), p_ - 0.5)
case("arithmetic", P.Add(), x, f(4))
case("arithmetic", P.Sub(), x, f(4))
case("arithmetic", P.Mul(), x, f(4))
case("arithmetic", P.RealDiv(), x, f(4))
case("arithmetic", P.Div(), x, f(4))
case("arithmetic", P.FloorDiv(), x, f(4))
case("arithmetic", P.FloorMod(), x, f(4))
case("arithmetic", P.Mod(), x, f(4))
case("arithmetic", P.Maximum(), x, f(4))
case("arithmetic", P.Minimum(), x, f(4))
case("arithmetic", P.Atan2(), x, f(4))
case("arithmetic", P.SquaredDifference(), x, f(4))
case("arithmetic", P.Equal(), x, f(4))
case("arithmetic", P.NotEqual(), x, f(4))
case("arithmetic", P.Less(), x, f(4))
case("arithmetic", P.LessEqual(), x, f(4))
case("arithmetic", P.Greater(), x, f(4))
case("arithmetic", P.GreaterEqual(), x, f(4))
case("arithmetic", P.TruncateDiv(), x, f(4))
case("arithmetic", P.DivNoNan(), x, f(4))
case("arithmetic", P.Xdivy(), x, f(4))
case("arithmetic", P.MulNoNan(), x, f(4))
case("arithmetic", P.Hypot(), x, f(4))
case("arithmetic", P.Heaviside(), x, f(4))
case("arithmetic", P.Add(), ix, iy)
case("arithmetic", P.Sub(), ix, iy)
case("arithmetic", P.Mul(), ix, iy)
case("arithmetic", P.Div(), ix, iy)
case("arithmetic", P.RealDiv(), ix, iy)
case("arithmetic", P.FloorDiv(), ix, iy)
case("arithmetic", P.FloorMod(), ix, iy)
case("arithmetic", P.Mod(), ix, iy)
case("arithmetic", P.Maximum(), ix, iy)
case("arithmetic", P.Minimum(), ix, iy)
case("arithmetic", P.TruncateDiv(), ix, iy)
case("arithmetic", P.TruncateMod(), ix, iy)
case("arithmetic", P.Equal(), ix, iy)
case("arithmetic", P.Less(), ix, iy)
case("arithmetic", P.Pow(), p_, y)
case("arithmetic", P.Pow(), i(-3, 4, 3, 4), i(0, 4, 3, 4))
case("arithmetic", P.Xlogy(), x, p_)
case("arithmetic", P.Neg(), ix)
case("arithmetic", P.Abs(), ix)
case("arithmetic", P.ReLU(), ix)
case("arithmetic", P.LogicalAnd(), b(3, 4), b(4))
case("arithmetic", P.LogicalOr(), b(3, 4), b(4))
case("arithmetic", P.LogicalXor(), b(3, 4), b(4))
case("arithmetic", P.LogicalNot(), b(3, 4))
case("arithmetic", P.BitwiseAnd(), ix, iy)
case("arithmetic", P.BitwiseOr(), ix, iy)
case("arithmetic", P.BitwiseXor(), ix, iy)
case("arithmetic", P.Invert(), i(0, 100, 5).astype(np.int16))
case("arithmetic", P.LeftShift(), iy, iy)
case("arithmetic", P.RightShift(), ix, iy)
# ----------------------------------------------------------------------------------------------------
x = f(3, 4)
y = f(3, 4)
p_ = pos(3, 4)
ix = i(-20, 20, 3, 4)
iy = i(1, 7, 3, 4)
case("mixed_types", P.Lerp(), x, y, f(3, 4))

def case_addn(a, b, c):
    return P.AddN()((a, b, c))

case("mixed_types", case_addn, x, y, f(3, 4))
case("mixed_types", P.Addcmul(), x, y, f(3, 4), np.float32(0.5).reshape(1))
case("mixed_types", P.Addcdiv(), x, y, p_, np.float32(0.5).reshape(1))
case("mixed_types", P.ApproximateEqual(0.5), x, y)

def case_isclose(a, b):
    return ops.isclose(a, b, 0.1, 0.2)

case("mixed_types", case_isclose, x, y)
case("mixed_types", P.NanToNum(1.5, 2.5, -3.5), np.array([1, np.nan, np.inf, -np.inf], np.float32))
case("mixed_types", P.Select(), b(3, 4), x, y)

def case_where(c, a):
    return ops.where(c, a, 2.0)

case("mixed_types", case_where, b(3, 4), x)

def case_masked_fill(a, m):
    return ops.masked_fill(a, m, -1000000000.0)

case("mixed_types", case_masked_fill, x, b(3, 4))

def case_clamp(a):
    return ops.clamp(a, -0.5, 0.7)

case("activations", case_clamp, x)

def case_clip_by_value(a):
    return ops.clip_by_value(a, -0.5, 0.7)

case("activations", case_clip_by_value, x)

def case_cast_float16(a):
    return P.Cast()(a, ms.float16)

case("mixed_types", case_cast_float16, np.array([0, 1.7, -2.6, 100.5, 3], np.float32))

def case_cast_float64(a):
    return P.Cast()(a, ms.float64)

case("mixed_types", case_cast_float64, np.array([0, 1.7, -2.6, 100.5, 3], np.float32))

def case_cast_int32(a):
    return P.Cast()(a, ms.int32)

case("mixed_types", case_cast_int32, np.array([0, 1.7, -2.6, 100.5, 3], np.float32))

def case_cast_int64(a):
    return P.Cast()(a, ms.int64)

case("mixed_types", case_cast_int64, np.array([0, 1.7, -2.6, 100.5, 3], np.float32))

def case_cast_int8(a):
    return P.Cast()(a, ms.int8)

case("mixed_types", case_cast_int8, np.array([0, 1.7, -2.6, 100.5, 3], np.float32))

def case_cast_uint8(a):
    return P.Cast()(a, ms.uint8)

case("mixed_types", case_cast_uint8, np.array([0, 1.7, -2.6, 100.5, 3], np.float32))

def case_cast_bool_(a):
    return P.Cast()(a, ms.bool_)

case("mixed_types", case_cast_bool_, np.array([0, 1.7, -2.6, 100.5, 3], np.float32))

def case_adds(a):
    return a + 2

case("mixed_types", case_adds, ix)

def case_adds_f(a):
    return a * 1.5 + 2

case("mixed_types", case_adds_f, ix)

def case_sub_r(a):
    return 3.0 - a

case("mixed_types", case_sub_r, x)

def case_mixed(a, b_):
    return a + b_

case("mixed_types", case_mixed, x, iy)

def case_mixed2(a, b_):
    return a * b_

case("mixed_types", case_mixed2, ix.astype(np.int64), iy)

def case_divi(a, b_):
    return a / b_

case("mixed_types", case_divi, ix, iy)

def case_pow_s(a):
    return a ** 2

case("mixed_types", case_pow_s, x)

def case_floordiv_s(a):
    return a // 3

case("mixed_types", case_floordiv_s, ix)

def case_mod_s(a):
    return a % 3

case("mixed_types", case_mod_s, ix)
case("mixed_types", P.ZerosLike(), x)
case("mixed_types", P.OnesLike(), ix)
case("mixed_types", ops.sinc, x)
case("mixed_types", ops.log2, p_)
case("mixed_types", ops.log10, p_)
case("mixed_types", ops.exp2, x)
case("mixed_types", ops.frac, x * 3)
case("mixed_types", ops.fmod, x * 5, y)
case("mixed_types", ops.remainder, x * 5, y)
case("mixed_types", ops.float_power, p_, y)
case("mixed_types", ops.logaddexp, x, y)
case("mixed_types", ops.hypot, x, y)
case("mixed_types", ops.copysign, x, y)
case("mixed_types", ops.deg2rad, x)

def case_threshold(a):
    return ops.threshold(a, 0.1, 20.0)

case("activations", case_threshold, x)
case("mixed_types", ops.isneginf, np.array([1, -np.inf, np.inf], np.float32))
case("mixed_types", ops.signbit, x)
case("mixed_types", ops.trunc, x * 4)
case("activations", P.Elu(1.0), x)
case("activations", P.CeLU(0.7), x)

def case_leaky(a):
    return ops.leaky_relu(a, 0.3)

case("activations", case_leaky, x)
case("activations", P.HShrink(0.4), x)
case("activations", P.SoftShrink(0.3), x)
case("activations", P.PReLU(), f(2, 3, 4, 5), f(3))
case("activations", P.PReLU(), f(2, 3), f(1))

def case_hardtanh(a):
    return ops.hardtanh(a, -0.5, 0.8)

case("activations", case_hardtanh, x)

def case_glu(a):
    return ops.glu(a, 1)

case("activations", case_glu, f(2, 6))

def case_gelu_none(a):
    return ops.gelu(a, 'none')

case("activations", case_gelu_none, x)

def case_gelu_tanh(a):
    return ops.gelu(a, 'tanh')

case("activations", case_gelu_tanh, x)
case("activations", P.Softmax(-1), x)
case("activations", P.Softmax(0), x)
case("activations", P.LogSoftmax(0), x)

def case_softplus2(a):
    return ops.softplus(a, 2, 15)

case("activations", case_softplus2, x * 9)
case("activations", ops.logsigmoid, x)
case("activations", ops.softmin, x)
case("activations", ops.tanhshrink, x)
case("activations", ops.hardswish, x)
case("activations", ops.hardsigmoid, x)
z = f(2, 3, 4, 5)

def case_r_ReduceSum(a):
    return P.ReduceSum()(a, (1, 3))

case("reductions", case_r_ReduceSum, z)

def case_rk_ReduceSum(a):
    return P.ReduceSum(True)(a, -2)

case("reductions", case_rk_ReduceSum, z)

def case_ra_ReduceSum(a):
    return P.ReduceSum()(a, ())

case("reductions", case_ra_ReduceSum, z)

def case_ri_ReduceSum(a):
    return P.ReduceSum()(a, 1)

case("reductions", case_ri_ReduceSum, i(-3, 4, 3, 4))

def case_r_ReduceMean(a):
    return P.ReduceMean()(a, (1, 3))

case("reductions", case_r_ReduceMean, z)

def case_rk_ReduceMean(a):
    return P.ReduceMean(True)(a, -2)

case("reductions", case_rk_ReduceMean, z)

def case_ra_ReduceMean(a):
    return P.ReduceMean()(a, ())

case("reductions", case_ra_ReduceMean, z)

def case_ri_ReduceMean(a):
    return P.ReduceMean()(a, 1)

case("reductions", case_ri_ReduceMean, i(-3, 4, 3, 4))

def case_r_ReduceMax(a):
    return P.ReduceMax()(a, (1, 3))

case("reductions", case_r_ReduceMax, z)

def case_rk_ReduceMax(a):
    return P.ReduceMax(True)(a, -2)

case("reductions", case_rk_ReduceMax, z)

def case_ra_ReduceMax(a):
    return P.ReduceMax()(a, ())

case("reductions", case_ra_ReduceMax, z)

def case_ri_ReduceMax(a):
    return P.ReduceMax()(a, 1)

case("reductions", case_ri_ReduceMax, i(-3, 4, 3, 4))

def case_r_ReduceMin(a):
    return P.ReduceMin()(a, (1, 3))

case("reductions", case_r_ReduceMin, z)

def case_rk_ReduceMin(a):
    return P.ReduceMin(True)(a, -2)

case("reductions", case_rk_ReduceMin, z)

def case_ra_ReduceMin(a):
    return P.ReduceMin()(a, ())

case("reductions", case_ra_ReduceMin, z)

def case_ri_ReduceMin(a):
    return P.ReduceMin()(a, 1)

case("reductions", case_ri_ReduceMin, i(-3, 4, 3, 4))

def case_r_ReduceProd(a):
    return P.ReduceProd()(a, (1, 3))

case("reductions", case_r_ReduceProd, z)

def case_rk_ReduceProd(a):
    return P.ReduceProd(True)(a, -2)

case("reductions", case_rk_ReduceProd, z)

def case_ra_ReduceProd(a):
    return P.ReduceProd()(a, ())

case("reductions", case_ra_ReduceProd, z)

def case_ri_ReduceProd(a):
    return P.ReduceProd()(a, 1)

case("reductions", case_ri_ReduceProd, i(-3, 4, 3, 4))

def case_r_all(a):
    return P.ReduceAll()(a, 1)

case("reductions", case_r_all, b(3, 4))

def case_r_any(a):
    return P.ReduceAny(True)(a, 0)

case("reductions", case_r_any, b(3, 4))

def case_r_skip(a):
    return P.ReduceSum(skip_mode=True)(a, ())

case("reductions", case_r_skip, x)

def case_std(a):
    return ops.std(a, 1, keepdims=True)

case("reductions", case_std, z)

def case_var(a):
    return ops.var(a, (1, 2))

case("reductions", case_var, z)

def case_var0(a):
    return ops.var(a, 1, ddof=0)

case("reductions", case_var0, z)

def case_std_mean(a):
    return ops.std_mean(a, 1)

case("reductions", case_std_mean, z)

def case_var_mean(a):
    return ops.var_mean(a, 1)

case("reductions", case_var_mean, z)
case("reductions", P.Argmax(1), z)
case("reductions", P.Argmin(-1), z)
case("reductions", P.ArgMaxWithValue(2, True), z)
case("reductions", P.ArgMinWithValue(1), z)

def case_argmax_all(a):
    return ops.argmax(a)

case("reductions", case_argmax_all, z)

def case_max_axis(a):
    return ops.max(a, axis=1)

case("reductions", case_max_axis, z)

def case_min_axis(a):
    return ops.min(a, axis=1, keepdims=True)

case("reductions", case_min_axis, z)

def case_max_all(a):
    return ops.max(a)

case("reductions", case_max_all, z)

def case_amax(a):
    return ops.amax(a, 1)

case("reductions", case_amax, z)

def case_amin(a):
    return ops.amin(a, (0, 1))

case("reductions", case_amin, z)

def case_aminmax(a):
    return ops.aminmax(a, axis=1)

case("reductions", case_aminmax, z)

def case_cumsum(a):
    return P.CumSum(True, True)(a, 1)

case("reductions", case_cumsum, z)

def case_cumsum0(a):
    return P.CumSum()(a, -1)

case("reductions", case_cumsum0, z)

def case_cumprod(a):
    return P.CumProd(True)(a, 1)

case("reductions", case_cumprod, z)

def case_cumsum_rev(a):
    return P.CumSum(False, True)(a, 0)

case("reductions", case_cumsum_rev, z)

def case_norm2(a):
    return ops.norm(a, dim=1)

case("reductions", case_norm2, z)

def case_norm1(a):
    return ops.norm(a, ord=1, dim=1, keepdim=True)

case("reductions", case_norm1, z)

def case_norminf(a):
    return ops.norm(a, ord=float('inf'), dim=1)

case("reductions", case_norminf, z)

def case_norm3(a):
    return ops.norm(a, ord=3, dim=1)

case("reductions", case_norm3, z)
case("reductions", P.LpNorm([0, 1], 3, True), x)

def case_logsumexp(a):
    return ops.logsumexp(a, 1, True)

case("reductions", case_logsumexp, z)

def case_count_nonzero(a):
    return ops.count_nonzero(a, axis=1)

case("reductions", case_count_nonzero, i(0, 2, 3, 4))
case("reductions", P.L2Loss(), x)

def case_prod(a):
    return ops.prod(a, 1)

case("reductions", case_prod, z)

def case_mean_all(a):
    return a.mean()

case("reductions", case_mean_all, z)

def case_sum_int(a):
    return a.sum(1)

case("reductions", case_sum_int, ix)

def case_cosine_similarity(a, b_):
    return ops.cosine_similarity(a, b_, 1)

case("reductions", case_cosine_similarity, x, y)
# ----------------------------------------------------------------------------------------------------
x = f(3, 4)
z = f(2, 3, 4, 5)
v = f(6)
im = f(2, 4, 7, 6)
ix = i(0, 3, 2, 3)
ones = np.ones((2, 2), np.float32)

def case_reshape(a):
    return ops.reshape(a, (2, -1, 5))

case("shapes", case_reshape, z)
case("shapes", P.Flatten(), z)

def case_flatten1(a):
    return ops.flatten(a, start_dim=1, end_dim=2)

case("shapes", case_flatten1, z)

def case_transpose(a):
    return ops.transpose(a, (0, 3, 1, 2))

case("shapes", case_transpose, z)

def case_swapaxes(a):
    return ops.swapaxes(a, 0, 2)

case("shapes", case_swapaxes, z)

def case_expand_dims(a):
    return ops.expand_dims(a, -1)

case("shapes", case_expand_dims, x)
case("shapes", P.Squeeze(), f(1, 3, 1, 2))
case("shapes", P.Squeeze(2), f(1, 3, 1, 2))

def case_concat(a, c):
    return P.Concat(-1)((a, c))

case("shapes", case_concat, x, f(3, 2))

def case_stack_(a, c):
    return P.Stack(1)((a, c))

case("shapes", case_stack_, x, f(3, 4))
case("shapes", P.Unstack(-1), x)
case("shapes", P.Split(1, 2), x)

def case_split_sections(a):
    return ops.split(a, [1, 3], axis=1)

case("shapes", case_split_sections, x)

def case_split_int(a):
    return ops.split(a, 3, axis=3)

case("shapes", case_split_int, z)

def case_chunk(a):
    return ops.chunk(a, 2, axis=3)

case("shapes", case_chunk, z)

def case_hsplit(a):
    return ops.hsplit(a, 2)

case("shapes", case_hsplit, x)

def case_tensor_split(a):
    return ops.tensor_split(a, 3, axis=3)

case("shapes", case_tensor_split, z)

def case_tile(a):
    return ops.tile(a, (2, 1, 3))

case("shapes", case_tile, x)

def case_repeat_interleave(a):
    return ops.repeat_interleave(a, 2, axis=1)

case("shapes", case_repeat_interleave, x)

def case_broadcast_to(a):
    return ops.broadcast_to(a, (2, -1, -1))

case("shapes", case_broadcast_to, x)

def case_repeat_el(a):
    return ops.repeat_elements(a, 3, 0)

case("shapes", case_repeat_el, x)

def case_ss1(a):
    return a[:, 1:3, ::2, -1]

case("shapes", case_ss1, z)

def case_ss2(a):
    return a[..., None, ::-1]

case("shapes", case_ss2, z)

def case_ss3(a):
    return a[1, None, -2:, ..., 1:4:2]

case("shapes", case_ss3, z)

def case_ss5(a):
    return P.StridedSlice()(a, (1, 0, 3), (2, 2, 0), (1, 1, -1))

case("shapes", case_ss5, z)

def case_ss6(a):
    return P.StridedSlice(shrink_axis_mask=5)(a, (-1, 0, 1), (2, 2, 2), (1, 1, 1))

case("shapes", case_ss6, z)

def case_ss7(a):
    return a[0]

case("shapes", case_ss7, z)

def case_ss8(a):
    return a[-1:0:-1]

case("shapes", case_ss8, v)

def case_slice_(a):
    return P.Slice()(a, (0, 1, 2, 0), (2, 2, -1, 3))

case("shapes", case_slice_, z)

def case_narrow(a):
    return ops.narrow(a, 2, 1, 2)

case("shapes", case_narrow, z)
case("shapes", P.Pad(((1, 2), (0, 1))), x)

def case_padv3c(a):
    return ops.pad(a, (1, 2, 0, 1), 'constant', 3.0)

case("shapes", case_padv3c, z)

def case_padv3r(a):
    return ops.pad(a, (1, 2), 'reflect')

case("shapes", case_padv3r, f(2, 3, 5))

def case_padv3e(a):
    return ops.pad(a, (1, 2, 2, 1), 'replicate')

case("shapes", case_padv3e, z)

def case_padv3w(a):
    return ops.pad(a, (1, 2, 0, 1), 'circular')

case("shapes", case_padv3w, z)

def case_padneg(a):
    return ops.pad(a, (-1, 2), 'constant', 0.5)

case("shapes", case_padneg, x)

def case_mirror(a):
    return P.MirrorPad('SYMMETRIC')(a, Tensor(np.array([[1, 1], [2, 1]])))

case("shapes", case_mirror, x)

def case_mirrorr(a):
    return P.MirrorPad('REFLECT')(a, Tensor(np.array([[1, 1], [2, 1]])))

case("shapes", case_mirrorr, x)
case("shapes", nn.Pad(((1, 0), (0, 2)), mode='SYMMETRIC'), x)
case("shapes", nn.ReflectionPad2d((1, 2, 1, 0)), im)
case("shapes", nn.ReplicationPad2d((1, 2, 1, 0)), im)
case("shapes", nn.ConstantPad1d((1, 2), 0.7), x)
case("shapes", P.ReverseV2([0, 2]), z)
case("shapes", P.ReverseSequence(1, 0), x, np.array([2, 1, 4], np.int32))

def case_flip(a):
    return ops.flip(a, (1,))

case("shapes", case_flip, x)

def case_rot90(a):
    return ops.rot90(a, 1, (0, 1))

case("shapes", case_rot90, x)
case("shapes", P.DepthToSpace(2), im)
case("shapes", P.SpaceToDepth(2), f(2, 3, 4, 6))
case("shapes", P.SpaceToBatchND([2, 3], [[0, 1], [1, 2]]), f(1, 2, 3, 3))
case("shapes", P.BatchToSpaceND([2, 2], [[0, 1], [1, 0]]), f(4, 2, 3, 3))

def case_pixel_shuffle(a):
    return ops.pixel_shuffle(a, 2)

case("shapes", case_pixel_shuffle, im)

def case_pixel_unshuffle(a):
    return ops.pixel_unshuffle(a, 2)

case("shapes", case_pixel_unshuffle, f(2, 3, 4, 6))

def case_unfold(a):
    return ops.unfold(a, (3, 2), dilation=1, padding=1, stride=2)

case("shapes", case_unfold, im)

def case_fold_(a):
    return ops.fold(a, Tensor(np.array([6, 6], np.int32)), (2, 2), 1, 0, 2)

case("shapes", case_fold_, f(2, 12, 9))

def case_shape_op(a):
    return ops.reshape(a, (ops.shape(a)[0], -1))

case("shapes", case_shape_op, z)

def case_size(a):
    return ops.size(a) * ops.reduce_sum(a)

case("shapes", case_size, x)

def case_rank(a):
    return ops.rank(a) + a

case("shapes", case_rank, x)
case("shapes", P.TensorShape(), z)

def case_gather(a, k):
    return ops.gather(a, k, 1)

case("indices", case_gather, z, ix)

def case_gather_b(a, k):
    return ops.gather(a, k, 1, 1)

case("indices", case_gather_b, f(2, 4, 3), i(0, 4, 2, 3))

def case_gather_neg(a, k):
    return ops.gather(a, k, -1)

case("indices", case_gather_neg, x, i(0, 4, 2))

def case_gather_d(a, k):
    return ops.gather_elements(a, 1, k)

case("indices", case_gather_d, x, l(0, 4, 3, 2))
case("indices", P.GatherNd(), z, i(0, 2, 5, 2))

def case_index_select(a, k):
    return ops.index_select(a, 1, k)

case("indices", case_index_select, x, i(0, 4, 3))

def case_emb_lookup(a, k):
    return P.EmbeddingLookup()(a, k, 2)

case("indices", case_emb_lookup, f(6, 3), i(0, 9, 4))

def case_tindex(a, k):
    return a[k]

case("indices", case_tindex, x, i(0, 3, 4))

def case_tindex2(a, k, j):
    return a[k, j]

case("indices", case_tindex2, z, i(0, 2, 4), i(0, 3, 4))

def case_tindex3(a, k):
    return a[:, k]

case("indices", case_tindex3, z, i(0, 3, 2))

def case_gather_negidx(a, k):
    return ops.gather(a, k, 0)

case("indices", case_gather_negidx, x, np.array([-1, 0, 2], np.int32))

def case_scatter_nd(k, u):
    return ops.scatter_nd(k, u, (5, 3))

case("indices", case_scatter_nd, np.array([[1], [3], [1]], np.int32), f(3, 3))
case("indices", P.TensorScatterUpdate(), f(5, 3), np.array([[1], [3]], np.int32), pos(2, 3))
case("indices", P.TensorScatterAdd(), f(5, 3), np.array([[1], [3]], np.int32), pos(2, 3))
case("indices", P.TensorScatterSub(), f(5, 3), np.array([[1], [3]], np.int32), pos(2, 3))
case("indices", P.TensorScatterMax(), f(5, 3), np.array([[1], [3]], np.int32), pos(2, 3))
case("indices", P.TensorScatterMin(), f(5, 3), np.array([[1], [3]], np.int32), pos(2, 3))
case("indices", P.TensorScatterMul(), f(5, 3), np.array([[1], [3]], np.int32), pos(2, 3))
case("indices", P.TensorScatterDiv(), f(5, 3), np.array([[1], [3]], np.int32), pos(2, 3))
case("indices", P.TensorScatterElements(1), x, np.array([[0, 2], [1, 3], [0, 1]], np.int32), f(3, 2))
case("indices", P.TensorScatterElements(0, 'add'), x, np.array([[0, 2, 1, 1]], np.int32), f(1, 4))

def case_scatter(a, k, u):
    return ops.scatter(a, 1, k, u)

case("indices", case_scatter, x, l(0, 4, 3, 2), f(3, 2))

def case_seg_sum(a, k):
    return ops.unsorted_segment_sum(a, k, 4)

case("indices", case_seg_sum, x, np.array([0, 3, 0], np.int32))

def case_seg_neg(a, k):
    return ops.unsorted_segment_sum(a, k, 4)

case("indices", case_seg_neg, x, np.array([0, -1, 1], np.int32))

def case_onehot(k):
    return ops.one_hot(k, 5, Tensor(2.0, ms.float32), Tensor(-1.0, ms.float32))

case("indices", case_onehot, i(-1, 6, 2, 3))

def case_onehot1(k):
    return P.OneHot(0)(k, 4, Tensor(1, ms.int32), Tensor(0, ms.int32))

case("indices", case_onehot1, i(0, 4, 3))

def case_eye(a):
    return a @ ops.eye(4, 5, ms.float32)

case("indices", case_eye, x)

def case_range_(a):
    return a + ops.range(Tensor(1, ms.float32), Tensor(9, ms.float32), Tensor(2, ms.float32))

case("indices", case_range_, f(4))

def case_arange(a):
    return a + ops.arange(0, 4, 1)

case("indices", case_arange, f(4))

def case_linspace(a):
    return a * ops.linspace(Tensor(0.5, ms.float32), Tensor(3.0, ms.float32), 5)

case("indices", case_linspace, f(5))

def case_fill(a):
    return a + ops.fill(ms.float32, (3, 4), 2.5)

case("indices", case_fill, x)

def case_full(a):
    return a + ops.full((3, 4), 1.5)

case("indices", case_full, x)

def case_full_like(a):
    return ops.full_like(a, 7)

case("indices", case_full_like, x)

def case_zeros(a):
    return a + ops.zeros((3, 4), ms.float32) + ops.ones((4,), ms.float32)

case("indices", case_zeros, x)

def case_tril(a):
    return ops.tril(a, 1)

case("indices", case_tril, x)

def case_triu(a):
    return ops.triu(a, -1)

case("indices", case_triu, x)

def case_meshgrid(a, c):
    return ops.meshgrid(a, c, indexing='xy')

case("indices", case_meshgrid, f(3), f(4))

def case_meshgrid2(a, c):
    return ops.meshgrid(a, c, indexing='ij')

case("indices", case_meshgrid2, f(3), f(4))
case("indices", ops.diag, f(3))

def case_diagonal(a):
    return ops.diagonal(a, 1, 0, 1)

case("indices", case_diagonal, x)

def case_diagonal2(a):
    return ops.diagonal(a, -1, 1, 2)

case("indices", case_diagonal2, z)
case("indices", ops.trace, f(3, 3))

def case_diagflat(a):
    return ops.diagflat(a, 1)

case("indices", case_diagflat, f(3))

def case_topk(a):
    return ops.topk(a, 3)

case("indices", case_topk, z)

def case_topk_dim(a):
    return ops.topk(a, 2, dim=1, largest=False)

case("indices", case_topk_dim, z)
case("indices", P.Sort(1, True), z)

def case_sort0(a):
    return ops.sort(a)

case("indices", case_sort0, z)

def case_argsort(a):
    return ops.argsort(a, axis=1)

case("indices", case_argsort, z)
case("matrices", P.MatMul(True, False), f(4, 3), f(4, 5))
case("matrices", P.MatMul(False, True), f(4, 3), f(5, 3))
case("matrices", P.BatchMatMul(True, True), f(2, 3, 4), f(2, 5, 3))
case("matrices", ops.matmul, f(4), f(2, 4, 3))
case("matrices", ops.matmul, f(3, 4), f(4))
case("matrices", ops.matmul, f(4), f(4))

def case_addmm(c, a, e):
    return ops.addmm(c, a, e, beta=2.0, alpha=0.5)

case("matrices", case_addmm, f(3, 5), f(3, 4), f(4, 5))
case("matrices", ops.addmv, f(3), f(3, 4), f(4))

def case_baddbmm(c, a, e):
    return ops.baddbmm(c, a, e, beta=0.5, alpha=2.0)

case("matrices", case_baddbmm, f(2, 3, 5), f(2, 3, 4), f(2, 4, 5))
case("matrices", ops.addbmm, f(3, 5), f(2, 3, 4), f(2, 4, 5))
case("matrices", ops.outer, f(3), f(4))
case("matrices", ops.inner, f(2, 3), f(4, 3))
case("matrices", ops.dot, f(3, 4), f(4, 2))

def case_tensor_dot(a, c):
    return ops.tensor_dot(a, c, ((1, 2), (0, 1)))

case("matrices", case_tensor_dot, f(2, 3, 4), f(3, 4, 5))
case("matrices", nn.Dense(4, 3), x)
case("matrices", nn.Dense(4, 3, has_bias=False, activation='relu'), z[..., :4].copy())
case("matrices", P.BiasAdd(), im, f(4))
case("matrices", ops.kron, f(2, 3), f(2, 2))
case("shapes", nn.BiDense(3, 4, 2), f(5, 3), f(5, 4))
# ----------------------------------------------------------------------------------------------------
im = f(2, 4, 9, 8)
x = f(3, 4)
case("convolutions", nn.Conv2d(4, 6, 3, stride=2, pad_mode='same', has_bias=True), im)
case("convolutions", nn.Conv2d(4, 6, (3, 2), stride=(1, 2), pad_mode='valid'), im)
case("convolutions", nn.Conv2d(4, 6, 3, stride=2, pad_mode='pad', padding=(1, 2, 0, 1), dilation=2), im)
case("convolutions", nn.Conv2d(4, 8, 3, group=2, pad_mode='pad', padding=1), im)
case("convolutions", nn.Conv2d(4, 8, 3, group=4, pad_mode='same'), im)
case("convolutions", nn.Conv1d(4, 5, 3, stride=2, pad_mode='pad', padding=1, has_bias=True), f(2, 4, 11))
case("convolutions", nn.Conv3d(2, 3, (2, 3, 3), stride=(1, 2, 1), pad_mode='same', has_bias=True), f(1, 2, 5, 6, 7))
case("convolutions", nn.Conv3d(2, 3, 3, pad_mode='pad', padding=(1, 0, 1, 1, 2, 0)), f(1, 2, 5, 6, 7))
case("convolutions", nn.Conv3d(2, 3, 3, pad_mode='valid', dilation=1, stride=2), f(1, 2, 5, 6, 7))
case("convolutions", nn.Conv2dTranspose(4, 3, 3, stride=2, pad_mode='same', has_bias=True), im)
case("convolutions", nn.Conv2dTranspose(4, 3, 4, stride=3, pad_mode='valid'), im)
case("convolutions", nn.Conv2dTranspose(4, 3, 3, stride=2, pad_mode='pad', padding=1, output_padding=1), im)
case("convolutions", nn.Conv2dTranspose(4, 3, 4, stride=2, pad_mode='pad', padding=(1, 0, 2, 1)), im)
case("convolutions", nn.Conv2dTranspose(4, 6, 3, group=2, pad_mode='pad', padding=1), im)
case("convolutions", nn.Conv2dTranspose(4, 3, 3, dilation=2, pad_mode='valid'), im)
case("convolutions", nn.Conv2dTranspose(4, 3, 1, stride=2, pad_mode='valid'), im)
case("convolutions", nn.Conv1dTranspose(4, 5, 3, stride=2, pad_mode='pad', padding=1), f(2, 4, 7))
case("convolutions", nn.Conv3dTranspose(2, 3, 3, stride=2, pad_mode='pad', padding=1, output_padding=1, has_bias=True), f(1, 2, 3, 4, 3))
case("convolutions", nn.Conv3dTranspose(2, 3, 2, stride=2, pad_mode='same'), f(1, 2, 3, 4, 3))
case("convolutions", nn.Conv3dTranspose(2, 3, 2, stride=2, pad_mode='valid'), f(1, 2, 3, 4, 3))

def case_convf(a, w, c):
    return ops.conv2d(a, w, c, stride=2, pad_mode='pad', padding=1)

case("convolutions", case_convf, im, f(5, 4, 3, 3), f(5))
case("pools", nn.MaxPool2d(3, 2, 'valid'), im)
case("pools", nn.MaxPool2d((2, 3), (3, 2), 'same'), im)
case("pools", nn.MaxPool1d(3, 2), f(2, 4, 9))
case("pools", nn.MaxPool3d(2, 2, 'same'), f(1, 2, 5, 4, 5))
case("pools", nn.MaxPool3d(3, 2, 'pad', padding=1), f(1, 2, 5, 4, 5))
case("pools", nn.MaxPool3d(2, 2, 'pad', padding=0, ceil_mode=True), f(1, 2, 5, 4, 5))
case("pools", P.MaxPoolWithArgmaxV2(3, 2, 1), im)
case("pools", nn.AvgPool2d(3, 2, 'valid'), im)
case("pools", nn.AvgPool2d((2, 3), (3, 2), 'same'), im)
case("pools", nn.AvgPool2d(3, 2, 'pad', padding=1, ceil_mode=True, count_include_pad=False), im)
case("pools", nn.AvgPool2d(3, 2, 'pad', padding=1, count_include_pad=True), im)
case("pools", nn.AvgPool2d(3, 2, 'pad', padding=1, divisor_override=5), im)
case("pools", nn.AvgPool1d(3, 2), f(2, 4, 9))
case("pools", nn.AvgPool3d(2, 2, 'same'), f(1, 2, 5, 4, 5))
case("pools", nn.AvgPool3d(3, 2, 'pad', padding=1, count_include_pad=False), f(1, 2, 5, 4, 5))
case("pools", nn.AvgPool3d(3, 2, 'pad', padding=1, divisor_override=7), f(1, 2, 5, 4, 5))
case("pools", nn.AdaptiveAvgPool2d((3, 5)), im)
case("pools", nn.AdaptiveAvgPool2d((None, 3)), im)
case("pools", nn.AdaptiveAvgPool1d(3), f(2, 4, 9))
case("pools", nn.AdaptiveAvgPool3d((2, 3, 2)), f(1, 2, 5, 6, 4))
case("pools", nn.AdaptiveMaxPool1d(3), f(2, 4, 9))
case("pools", nn.LPPool2d(2, 3, 2), pos(2, 4, 9, 8))
case("pools", nn.LPPool1d(2, 3, 2), pos(2, 4, 9))

def case_fracpool(a):
    return ops.lp_pool2d(a, 3.0, 2)

case("pools", case_fracpool, pos(2, 4, 9, 8))
bn = nn.BatchNorm2d(4)
bn.moving_mean.set_data(Tensor(f(4)))
bn.moving_variance.set_data(Tensor(pos(4)))
bn.gamma.set_data(Tensor(f(4)))
bn.beta.set_data(Tensor(f(4)))
case("normalisation", bn, im)
bn1 = nn.BatchNorm1d(4)
bn1.moving_mean.set_data(Tensor(f(4)))
case("normalisation", bn1, x)
case("normalisation", nn.BatchNorm3d(2), f(1, 2, 3, 4, 5))

def case_bn_train(a, s, o, m, v):
    return P.BatchNorm(is_training=True, epsilon=0.0001)(a, s, o, m, v)[0]

case("normalisation", case_bn_train, im, f(4), f(4), np.zeros(4, np.float32), np.ones(4, np.float32))
case("normalisation", nn.LayerNorm((8,), epsilon=1e-05), im)
case("normalisation", nn.LayerNorm((9, 8), begin_norm_axis=2, begin_params_axis=2), im)

def case_ln3(a, g, c):
    return P.LayerNorm(1, -1, 1e-05)(a, g, c)

case("normalisation", case_ln3, im, f(8), f(8))
case("normalisation", nn.GroupNorm(2, 4), im)
case("normalisation", P.L2Normalize(1, 0.001), im)
case("normalisation", nn.LRN(2, 1.5, 0.3, 0.6), im)

def case_ops_bn(a, m, v, g, c):
    return ops.batch_norm(a, m, v, g, c)

case("normalisation", case_ops_bn, im, f(4), pos(4), f(4), f(4))

def case_rb(a):
    return ops.interpolate(a, size=(5, 11), mode='bilinear', align_corners=False)

case("resizes", case_rb, im)

def case_rb_ac(a):
    return ops.interpolate(a, size=(5, 11), mode='bilinear', align_corners=True)

case("resizes", case_rb_ac, im)

def case_rn(a):
    return ops.interpolate(a, size=(5, 11), mode='nearest')

case("resizes", case_rn, im)

def case_rne(a):
    return ops.interpolate(a, size=(5, 11), mode='nearest-exact')

case("resizes", case_rne, im)

def case_rl1(a):
    return ops.interpolate(a, size=7, mode='linear', align_corners=True)

case("resizes", case_rl1, f(2, 3, 5))

def case_rl1h(a):
    return ops.interpolate(a, size=7, mode='linear')

case("resizes", case_rl1h, f(2, 3, 5))

def case_rt3(a):
    return ops.interpolate(a, size=(3, 4, 5), mode='trilinear', align_corners=False)

case("resizes", case_rt3, f(1, 2, 4, 3, 6))

def case_rarea(a):
    return ops.interpolate(a, size=(3, 4), mode='area')

case("resizes", case_rarea, im)

def case_rn3(a):
    return ops.interpolate(a, size=(3, 4, 5), mode='nearest')

case("resizes", case_rn3, f(1, 2, 4, 3, 6))

def case_rs(a):
    return ops.interpolate(a, scale_factor=2.5, mode='nearest', recompute_scale_factor=True)

case("resizes", case_rs, im)

def case_rb2_hFalse(a):
    return P.ResizeBilinearV2(False, 'False' == 'True')(a, (5, 11))

case("resizes", case_rb2_hFalse, im)

def case_rn2_acFalse(a):
    return P.ResizeNearestNeighborV2('False' == 'True', False)(a, (5, 11))

case("resizes", case_rn2_acFalse, im)

def case_rb2_hTrue(a):
    return P.ResizeBilinearV2(False, 'True' == 'True')(a, (5, 11))

case("resizes", case_rb2_hTrue, im)

def case_rn2_acTrue(a):
    return P.ResizeNearestNeighborV2('True' == 'True', False)(a, (5, 11))

case("resizes", case_rn2_acTrue, im)

def case_rn2_h(a):
    return P.ResizeNearestNeighborV2(False, True)(a, (5, 11))

case("resizes", case_rn2_h, im)
case("resizes", P.ResizeNearestNeighbor((5, 11)), im)
case("resizes", P.ResizeNearestNeighbor((5, 11), True), im)
case("resizes", nn.Upsample(size=(5, 5), mode='nearest'), im)

def case_grid(a, g):
    return ops.grid_sample(a, g, 'bilinear', 'zeros', False)

case("detection", case_grid, im, f(2, 3, 5, 2))

def case_grid_nb(a, g):
    return ops.grid_sample(a, g, 'nearest', 'border', True)

case("detection", case_grid_nb, im, f(2, 3, 5, 2))

def case_grid_r(a, g):
    return ops.grid_sample(a, g, 'bilinear', 'reflection', False)

case("detection", case_grid_r, im, f(2, 3, 5, 2))

def case_grid3(a, g):
    return ops.grid_sample(a, g)

case("detection", case_grid3, f(1, 2, 3, 4, 5), f(1, 2, 3, 4, 3))

def case_affine_grid(a):
    return ops.affine_grid(a, (2, 3, 4, 5), True)

case("detection", case_affine_grid, f(2, 2, 3))
case("detection", P.ROIAlign(3, 4, 0.5, 2, 1), im, np.array([[0, 1, 2, 9, 11], [1, 0, 0, 6.5, 7]], np.float32))
case("detection", P.ROIAlign(3, 4, 0.5, 2, 0), im, np.array([[0, 1, 2, 9, 11], [1, 0, 0, 6.5, 7]], np.float32))
case("detection", P.NMSWithMask(0.5), np.array([[10, 10, 20, 20, 0.7], [11, 11, 21, 21, 0.9], [30, 30, 40, 40, 0.5], [31, 30, 41, 40, 0.4]], np.float32))
case("detection", P.BoundingBoxDecode((100, 100), (0.0, 0.0, 0.0, 0.0), (0.1, 0.1, 0.2, 0.2), 0.016), np.array([[4, 1, 30, 22], [2, 2, 50, 60]], np.float32), f(2, 4))
case("detection", P.BoundingBoxEncode((0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0)), np.array([[4, 1, 30, 22], [2, 2, 50, 60]], np.float32), np.array([[3, 1, 31, 20], [2, 4, 40, 60]], np.float32))
case("detection", P.IOU('iou'), np.array([[1, 1, 30, 22], [2, 2, 50, 60]], np.float32), np.array([[3, 1, 31, 20], [2, 4, 40, 60], [0, 0, 5, 5]], np.float32))
case("detection", P.IOU('iof'), np.array([[1, 1, 30, 22], [2, 2, 50, 60]], np.float32), np.array([[3, 1, 31, 20], [2, 4, 40, 60], [0, 0, 5, 5]], np.float32))
case("detection", P.CheckValid(), np.array([[1, 1, 30, 22], [2, 2, 50, 60]], np.float32), np.array([40, 60, 1], np.float32))
lg = f(4, 5)
tg = np.abs(f(4, 5))
tg /= tg.sum(1, keepdims=True)
lab = i(0, 5, 4)
case("losses", P.SoftmaxCrossEntropyWithLogits(), lg, tg)
case("losses", P.SparseSoftmaxCrossEntropyWithLogits(), lg, lab)
case("losses", P.NLLLoss(), lg, lab, pos(5))
case("losses", P.NLLLoss('none'), lg, lab, pos(5))

def case_ce(a, c):
    return ops.cross_entropy(a, c)

case("losses", case_ce, lg, lab)
case("losses", nn.CrossEntropyLoss(label_smoothing=0.1), lg, lab)

def case_bce(a, c):
    return ops.binary_cross_entropy(ops.sigmoid(a), c)

case("losses", case_bce, lg, tg)
case("losses", P.BCEWithLogitsLoss('mean'), lg, tg, pos(4, 5), pos(4, 5))
case("losses", nn.MSELoss(), lg, tg)
case("losses", nn.L1Loss('sum'), lg, tg)
case("losses", nn.SmoothL1Loss(0.5, 'mean'), lg, tg)

def case_kld(a, c):
    return ops.kl_div(a, c, 'batchmean')

case("losses", case_kld, lg, tg)
case("losses", P.SigmoidCrossEntropyWithLogits(), lg, tg)
case("losses", nn.HuberLoss(delta=0.7), lg, tg)
case("recurrent", nn.LSTM(6, 5, 1, has_bias=True, batch_first=True), f(2, 7, 6))
case("recurrent", nn.GRU(6, 5, 2, has_bias=True, batch_first=True, bidirectional=True), f(2, 3, 6))
case("recurrent", nn.RNN(6, 5, 1), f(3, 2, 6))
case("recurrent", nn.Embedding(10, 4), i(0, 10, 2, 3))
# ----------------------------------------------------------------------------------------------------
x = f(3, 4)
z = f(2, 3, 4, 5)
im = f(2, 4, 9, 8)
ix = i(0, 3, 2, 3)

def functional_mt_sum(a):
    return mint.sum(a, dim=1, keepdim=True)

case("functional", functional_mt_sum, z)

def functional_mt_mean(a):
    return mint.mean(a, dim=(1, 2))

case("functional", functional_mt_mean, z)
case("functional", mint.matmul, x, f(4, 2))

def functional_mt_softmax(a):
    return mint.nn.functional.softmax(a, dim=1)

case("functional", functional_mt_softmax, z)

def functional_mt_cat(a, c):
    return mint.cat((a, c), 1)

case("functional", functional_mt_cat, x, x)

def functional_mt_where(c, a, d):
    return mint.where(c, a, d)

case("functional", functional_mt_where, b(3, 4), x, x)

def functional_mt_clamp(a):
    return mint.clamp(a, -1, 1)

case("functional", functional_mt_clamp, x)

def functional_mt_max(a):
    return mint.max(a, 1)

case("functional", functional_mt_max, x)

def functional_mt_max0(a):
    return mint.max(a)

case("functional", functional_mt_max0, x)

def functional_mt_argmax(a):
    return mint.argmax(a, 1)

case("functional", functional_mt_argmax, x)

def functional_mt_div(a, c):
    return mint.div(a, c, rounding_mode='floor')

case("functional", functional_mt_div, x, pos(3, 4))

def functional_mt_add(a, c):
    return mint.add(a, c, alpha=2)

case("functional", functional_mt_add, x, x)

def functional_mt_sub(a, c):
    return mint.sub(a, c, alpha=2)

case("functional", functional_mt_sub, x, x)

def functional_mt_linear(a, w, c):
    return mint.nn.functional.linear(a, w, c)

case("functional", functional_mt_linear, x, f(5, 4), f(5))

def functional_mt_gn(a):
    return mint.nn.functional.group_norm(a, 2)

case("functional", functional_mt_gn, im)

def functional_mt_emb(k, w):
    return mint.nn.functional.embedding(k, w)

case("functional", functional_mt_emb, ix, f(5, 4))

def functional_mt_onehot(k):
    return mint.nn.functional.one_hot(k, 4)

case("functional", functional_mt_onehot, ix.astype(np.int64))

def functional_mt_pad(a):
    return mint.nn.functional.pad(a, (1, 2), value=1.0)

case("functional", functional_mt_pad, x)

def functional_mt_gather(a, k):
    return mint.gather(a, 1, k)

case("functional", functional_mt_gather, x, l(0, 4, 3, 2))

def functional_mt_scatter(a, k, u):
    return mint.scatter(a, 1, k, u)

case("functional", functional_mt_scatter, x, l(0, 4, 3, 2), f(3, 2))

def functional_mt_flip(a):
    return mint.flip(a, (0,))

case("functional", functional_mt_flip, x)

def functional_mt_unbind(a):
    return mint.unbind(a, 1)

case("functional", functional_mt_unbind, x)

def functional_mt_permute(a):
    return mint.permute(a, (1, 0))

case("functional", functional_mt_permute, x)

def functional_mt_flatten(a):
    return mint.flatten(a, 1)

case("functional", functional_mt_flatten, z)

def functional_mt_unsq(a):
    return mint.unsqueeze(a, 1)

case("functional", functional_mt_unsq, x)

def functional_mt_meshgrid(a, c):
    return mint.meshgrid(a, c)

case("functional", functional_mt_meshgrid, f(3), f(2))

def functional_mt_einsum(a, c):
    return mint.einsum('ij,jk->ik', a, c)

case("functional", functional_mt_einsum, x, f(4, 2))
case("functional", mint.bmm, f(2, 3, 4), f(2, 4, 5))

def functional_mt_silu(a):
    return mint.nn.functional.silu(a)

case("functional", functional_mt_silu, x)

def functional_mt_hardsw(a):
    return mint.nn.functional.hardswish(a)

case("functional", functional_mt_hardsw, x)

def functional_mt_logsm(a):
    return mint.nn.functional.log_softmax(a, 1)

case("functional", functional_mt_logsm, x)

def functional_mt_prelu(a, w):
    return mint.nn.functional.prelu(a, w)

case("functional", functional_mt_prelu, im, f(4))

def functional_mt_bce(a, c):
    return mint.nn.functional.binary_cross_entropy_with_logits(a, c)

case("functional", functional_mt_bce, x, pos(3, 4))

def functional_mt_arange(a):
    return a + mint.arange(0, 4)

case("functional", functional_mt_arange, x)

def functional_mt_full(a):
    return a + mint.full((3, 4), 2.0)

case("functional", functional_mt_full, x)

def functional_mt_eye(a):
    return a @ mint.eye(4)

case("functional", functional_mt_eye, x)

def functional_mt_allclose(a, c):
    return mint.isclose(a, c)

case("functional", functional_mt_allclose, x, x)

def functional_mt_any(a):
    return mint.any(a, 1)

case("functional", functional_mt_any, b(3, 4))

def functional_mt_all(a):
    return mint.all(a)

case("functional", functional_mt_all, b(3, 4))

def functional_mt_prod(a):
    return mint.prod(a, 1)

case("functional", functional_mt_prod, x)

def functional_mt_rms(a):
    return a * mint.rsqrt(mint.mean(mint.square(a), -1, True) + 1e-06)

case("functional", functional_mt_rms, x)

def functional_mt_lerp(a, c):
    return mint.lerp(a, c, 0.3)

case("functional", functional_mt_lerp, x, x + 1)
case("functional", mint.trunc, x * 3)

def functional_mt_cross(a, c):
    return mint.cross(a, c, dim=1)

case("functional", functional_mt_cross, f(4, 3), f(4, 3))

def functional_mt_upn(a):
    return mint.nn.functional.interpolate(a, scale_factor=2.0, mode='nearest')

case("functional", functional_mt_upn, im)

def functional_mt_glu(a):
    return mint.nn.functional.glu(a)

case("functional", functional_mt_glu, x)

def functional_mt_sl1(a, c):
    return mint.nn.functional.smooth_l1_loss(a, c)

case("functional", functional_mt_sl1, x, x + 1)

def functional_mt_rep(a):
    return mint.tile(a, (2, 2))

case("functional", functional_mt_rep, x)

def functional_mt_gs(a, g):
    return mint.nn.functional.grid_sample(a, g, align_corners=False)

case("functional", functional_mt_gs, im, f(2, 3, 5, 2))

def functional_mt_pixel(a):
    return mint.nn.functional.pixel_shuffle(a, 2)

case("functional", functional_mt_pixel, im)

def functional_h_split2(a):
    return ops.vsplit(a, 3)

case("functional", functional_h_split2, x)

def functional_moveaxis(a):
    return ops.movedim(a, 0, 2)

case("functional", functional_moveaxis, z)

def functional_block_diag(a, c):
    return ops.block_diag(a, c)

case("functional", functional_block_diag, x, f(2, 2))

def functional_cumulative(a):
    return ops.logcumsumexp(a, 1)

case("functional", functional_cumulative, x)

def functional_trapz(a):
    return ops.trapz(a)

case("functional", functional_trapz, x)
case("functional", ops.heaviside, x, x)
case("functional", ops.ldexp, x, i(0, 4, 3, 4))
case("functional", ops.xlogy, x, pos(3, 4))

def functional_nansum(a):
    return ops.nansum(a, 1)

case("functional", functional_nansum, x)
case("functional", ops.std, x)

def functional_unstack2(a):
    return ops.unbind(a, 1)

case("functional", functional_unstack2, x)

def functional_swap(a):
    return ops.swapdims(a, 0, 1)

case("functional", functional_swap, x)

def functional_vander(a):
    return ops.vander(a, 3)

case("functional", functional_vander, f(4))

def functional_select_scatter(a, c):
    return ops.select_scatter(a, c, 1, 2)

case("functional", functional_select_scatter, x, f(3))

def functional_slice_scatter(a, c):
    return ops.slice_scatter(a, c, 1, 0, 2)

case("functional", functional_slice_scatter, x, f(3, 2))

def functional_tril_ind(a):
    return a + ops.tril_indices(3, 4, 0).sum()

case("functional", functional_tril_ind, x)
case("functional", ops.ger, f(3), f(4))
case("functional", ops.mv, x, f(4))

def functional_svd(a):
    return ops.matrix_band_part(a, 1, 1)

case("functional", functional_svd, x)
case("functional", ops.det, f(3, 3))

def functional_geqz(a):
    return ops.greater_equal(a, 0)

case("functional", functional_geqz, x)
x = f(3, 4)
y = f(3, 4)
p_ = pos(3, 4)
d = x.astype(np.float64)
e = y.astype(np.float64)
pd = p_.astype(np.float64)
h = x.astype(np.float16)
g = y.astype(np.float16)
ph = p_.astype(np.float16)
im = f(2, 4, 6, 5)
case("doubles", P.Abs(), d)
case("halves", P.Abs(), h)
case("doubles", P.Neg(), d)
case("halves", P.Neg(), h)
case("doubles", P.Sign(), d)
case("halves", P.Sign(), h)
case("doubles", P.Square(), d)
case("halves", P.Square(), h)
case("doubles", P.Floor(), d)
case("halves", P.Floor(), h)
case("doubles", P.Ceil(), d)
case("halves", P.Ceil(), h)
case("doubles", P.Rint(), d)
case("halves", P.Rint(), h)
case("doubles", P.Round(), d)
case("halves", P.Round(), h)
case("doubles", P.Exp(), d)
case("halves", P.Exp(), h)
case("doubles", P.Expm1(), d)
case("halves", P.Expm1(), h)
case("doubles", P.Sin(), d)
case("halves", P.Sin(), h)
case("doubles", P.Cos(), d)
case("halves", P.Cos(), h)
case("doubles", P.Tan(), d)
case("halves", P.Tan(), h)
case("doubles", P.Atan(), d)
case("halves", P.Atan(), h)
case("doubles", P.Sinh(), d)
case("halves", P.Sinh(), h)
case("doubles", P.Cosh(), d)
case("halves", P.Cosh(), h)
case("doubles", P.Tanh(), d)
case("halves", P.Tanh(), h)
case("doubles", P.Asinh(), d)
case("halves", P.Asinh(), h)
case("doubles", P.Erf(), d)
case("halves", P.Erf(), h)
case("doubles", P.Erfc(), d)
case("halves", P.Erfc(), h)
case("doubles", P.ReLU(), d)
case("halves", P.ReLU(), h)
case("halves", P.ReLU6(), h)
case("doubles", P.Sigmoid(), d)
case("halves", P.Sigmoid(), h)
case("halves", P.Softplus(), h)
case("doubles", P.Softsign(), d)
case("halves", P.Softsign(), h)
case("halves", P.Mish(), h)
case("halves", P.SeLU(), h)
case("doubles", P.HSwish(), d)
case("halves", P.HSwish(), h)
case("doubles", P.HSigmoid(), d)
case("halves", P.HSigmoid(), h)
case("doubles", P.GeLU(), d)
case("halves", P.GeLU(), h)
case("halves", P.FastGeLU(), h)
case("doubles", P.Sqrt(), pd)
case("halves", P.Sqrt(), ph)
case("doubles", P.Rsqrt(), pd)
case("halves", P.Rsqrt(), ph)
case("doubles", P.Log(), pd)
case("halves", P.Log(), ph)
case("doubles", P.Log1p(), pd)
case("halves", P.Log1p(), ph)
case("doubles", P.Reciprocal(), pd)
case("halves", P.Reciprocal(), ph)
case("halves", P.Add(), ph, g)
case("halves", P.Sub(), ph, g)
case("halves", P.Mul(), ph, g)
case("halves", P.RealDiv(), ph, g)
case("halves", P.FloorDiv(), ph, g)
case("halves", P.FloorMod(), ph, g)
case("halves", P.Mod(), ph, g)
case("halves", P.Maximum(), ph, g)
case("halves", P.Pow(), ph, g)
case("halves", P.Atan2(), ph, g)
case("halves", P.Xdivy(), ph, g)

def types_dr_ReduceSum(a):
    return P.ReduceSum()(a, 1)

case("doubles", types_dr_ReduceSum, d)

def types_hr_ReduceSum(a):
    return P.ReduceSum()(a, 1)

case("halves", types_hr_ReduceSum, h)

def types_dr_ReduceMean(a):
    return P.ReduceMean()(a, 1)

case("doubles", types_dr_ReduceMean, d)

def types_hr_ReduceMean(a):
    return P.ReduceMean()(a, 1)

case("halves", types_hr_ReduceMean, h)

def types_dr_ReduceMax(a):
    return P.ReduceMax()(a, 1)

case("doubles", types_dr_ReduceMax, d)

def types_hr_ReduceMax(a):
    return P.ReduceMax()(a, 1)

case("halves", types_hr_ReduceMax, h)

def types_dr_ReduceProd(a):
    return P.ReduceProd()(a, 1)

case("doubles", types_dr_ReduceProd, d)

def types_hr_ReduceProd(a):
    return P.ReduceProd()(a, 1)

case("halves", types_hr_ReduceProd, h)
case("doubles", P.Softmax(-1), d)
case("halves", P.Softmax(-1), h)
case("halves", P.LogSoftmax(-1), h)
case("halves", P.MatMul(), h, ph.T.copy())
case("doubles", P.MatMul(), d, pd.T.copy())

def types_h_ln(a, c, k):
    return P.LayerNorm(1, 1, 1e-05)(a, c, k)

case("halves", types_h_ln, h, f(4).astype(np.float16), f(4).astype(np.float16))

def types_h_cumsum(a):
    return P.CumSum()(a, 1)

case("halves", types_h_cumsum, h)

def types_d_cumsum(a):
    return P.CumSum()(a, 1)

case("doubles", types_d_cumsum, d)

def types_h_rb(a):
    return P.ResizeBilinearV2()(a, (3, 4))

case("halves", types_h_rb, im.astype(np.float16))

def types_d_rb(a):
    return P.ResizeBilinearV2()(a, (3, 4))

case("doubles", types_d_rb, im.astype(np.float64))

def types_h_conv(a, w):
    return ops.conv2d(a, w, pad_mode='same')

case("halves", types_h_conv, im.astype(np.float16), f(3, 4, 3, 3).astype(np.float16))
case("halves", nn.AvgPool2d(2, 2), im.astype(np.float16))
case("halves", nn.MaxPool2d(2, 2), im.astype(np.float16))
case("doubles", nn.MaxPool2d(2, 2), im.astype(np.float64))
case("halves", P.Elu(), h)
case("doubles", P.Elu(), d)

def types_d_gn(a):
    return ops.group_norm(a, 2)

case("doubles", types_d_gn, im.astype(np.float64))

def types_d_norm(a):
    return ops.norm(a, dim=1)

case("doubles", types_d_norm, d)

def types_d_lse(a):
    return ops.logsumexp(a, 1)

case("doubles", types_d_lse, d)
case("doubles", P.L2Normalize(1), d)
case("halves", P.L2Normalize(1), h)

def types_d_lrelu(a):
    return ops.leaky_relu(a, 0.3)

case("doubles", types_d_lrelu, d)

def types_d_kl(a, c):
    return ops.kl_div(a, c)

case("doubles", types_d_kl, d, pd)

def types_d_lin(a):
    return a + ops.linspace(Tensor(0.1, ms.float64), Tensor(2.0, ms.float64), 4)

case("doubles", types_d_lin, d)

def types_d_near(a):
    return ops.interpolate(a, size=(7, 8), mode='nearest')

case("doubles", types_d_near, im.astype(np.float64))
case("doubles", ops.trace, d[:, :3].copy())

def types_i_mean(a):
    return P.ReduceMean()(a, 1)

case("integers", types_i_mean, i(-9, 9, 3, 4))

def types_i64_div(a, c):
    return a // c

case("integers", types_i64_div, l(-9, 9, 5), l(1, 4, 5))

def types_i8_add(a, c):
    return a + c

case("integers", types_i8_add, i(-100, 100, 5).astype(np.int8), i(-100, 100, 5).astype(np.int8))

def types_u8_mul(a, c):
    return a * c

case("integers", types_u8_mul, i(0, 200, 5).astype(np.uint8), i(0, 200, 5).astype(np.uint8))

def types_i_sqrt(a):
    return ops.sqrt(a)

case("integers", types_i_sqrt, i(0, 9, 5))

def types_b_sum(a):
    return ops.cast(a, ms.int32).sum()

case("integers", types_b_sum, b(3, 4))

def types_b_cast(a):
    return ops.cast(a, ms.bool_)

case("integers", types_b_cast, x)

def types_i16_max(a, c):
    return ops.maximum(a, c)

case("integers", types_i16_max, i(-9, 9, 5).astype(np.int16), i(-9, 9, 5))

def types_i_pow(a):
    return a ** 3

case("integers", types_i_pow, i(-4, 4, 5))

def types_i_mm(a, c):
    return ops.matmul(a, c)

case("integers", types_i_mm, i(-4, 4, 3, 4), i(-4, 4, 4, 2))

def types_i_topk(a):
    return ops.topk(a, 2)

case("integers", types_i_topk, i(-9, 9, 3, 4))

def types_i_neg(a):
    return -a

case("integers", types_i_neg, i(-9, 9, 4).astype(np.int8))

def types_f2u8(a):
    return ops.cast(a, ms.uint8)

case("integers", types_f2u8, np.array([300.7, -2.3, 255.9], np.float32))

def types_f2i8(a):
    return ops.cast(a, ms.int8)

case("integers", types_f2i8, np.array([300.7, -200.3, 127.9], np.float32))
x = f(3, 4)
im = f(2, 4, 4, 6)

def compositions_any(a):
    return ops.any(a, 1)

case("compositions", compositions_any, b(3, 4))

def compositions_hamming(a):
    return a * ops.hamming_window(6)

case("compositions", compositions_hamming, f(6))

def compositions_blackman(a):
    return a * ops.blackman_window(Tensor(6, ms.int32))

case("compositions", compositions_blackman, f(6))

def compositions_bucketize(a):
    return ops.bucketize(a, [-1.0, 0.0, 0.5])

case("compositions", compositions_bucketize, x)

def compositions_bucketize_r(a):
    return ops.bucketize(a, [-1.0, 0.0, 0.5], right=True)

case("compositions", compositions_bucketize_r, x)
case("compositions", nn.ChannelShuffle(2), im)

def compositions_index_fill(a):
    return ops.index_fill(a, 1, Tensor([0, 2], ms.int32), Tensor(9.0, ms.float32))

case("compositions", compositions_index_fill, x)

def compositions_logit(a):
    return ops.logit(a, 0.1)

case("compositions", compositions_logit, pos(3, 4))

def compositions_logaddexp2(a, c):
    return ops.logaddexp2(a, c)

case("compositions", compositions_logaddexp2, x, x + 1)

def compositions_fill_diag(a):
    return ops.fill_diagonal(a, 5.0) if hasattr(ops, 'fill_diagonal') else P.FillDiagonal(5.0)(a)

case("compositions", compositions_fill_diag, x)

def compositions_upper(a, c):
    return P.UpperBound()(a, c)

case("compositions", compositions_upper, np.sort(f(2, 6)), f(2, 3))

def compositions_equal_all(a, c):
    return ops.equal_count(a, c) if hasattr(ops, 'equal_count') else P.EqualCount()(a, c)

case("compositions", compositions_equal_all, i(0, 2, 5), i(0, 2, 5))
case("compositions", P.SquareSumAll(), x, x)

def compositions_cdist1(a, c):
    return ops.cdist(a, c, 1.0)

case("compositions", compositions_cdist1, f(3, 4), f(5, 4))

def compositions_cross1(a, c):
    return ops.cross(a, c, dim=0)

case("compositions", compositions_cross1, f(3, 4), f(3, 4))

def compositions_ss_right(a, c):
    return ops.searchsorted(a, c, right=True)

case("compositions", compositions_ss_right, np.sort(f(2, 6)), f(2, 3))

def compositions_band(a):
    return ops.matrix_band_part(a, 0, -1)

case("compositions", compositions_band, x)

def compositions_logcum(a):
    return ops.logcumsumexp(a, 0)

case("compositions", compositions_logcum, x)

def compositions_triuind(a):
    return a + ops.triu_indices(3, 4, 1).sum()

case("compositions", compositions_triuind, x)

def compositions_unpool3(a):
    return ops.max_unpool3d(*ops.max_pool3d(a, 2, 2, return_indices=True), 2, 2)

case("compositions", compositions_unpool3, f(1, 2, 4, 4, 4))


class If1(nn.Cell):

    def construct(self, x):
        if x.sum() > 0:
            y = x * 2
        else:
            y = x - 1
        return y + 1


class If2(nn.Cell):

    def construct(self, x, n):
        y = x
        if n > 3:
            if x.sum() > 0:
                y = x * 2
            else:
                y = ops.tanh(x)
        elif n > 1:
            return x - 5
        return y * 3


class While1(nn.Cell):

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            x = x * 2 + 1
            i = i + 1
        return x


class While2(nn.Cell):

    def __init__(s):
        super().__init__()
        s.w = Parameter(Tensor(np.eye(3, dtype=np.float32) * 0.5), name='w')

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        acc = ops.zeros_like(x)
        while i < n:
            j = Tensor(0, ms.int32)
            while j < i:
                x = ops.matmul(x, self.w) + 1
                j = j + 1
            acc = acc + x
            i = i + 1
        return (acc, x, i)


class While3(nn.Cell):

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            if x.sum() > 20:
                x = x - 3
            else:
                x = x + 2
            i = i + 1
        return x * 2


class Break(nn.Cell):

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            x = x + 1
            if x.sum() > 10:
                break
            i = i + 1
        return (x, i)


class Continue(nn.Cell):

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            i = i + 1
            if i == 2:
                continue
            x = x * 2 + i
        return x


class Return(nn.Cell):

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            x = x + 1
            if x.sum() > 10:
                return x * 100
            i = i + 1
        return x


class For(nn.Cell):

    def construct(self, x, n):
        for k in range(3):
            if n > k:
                x = x * 2 + k
        return x


class Py(nn.Cell):

    def construct(self, x, n):
        k = 0
        i = Tensor(0, ms.int32)
        while i < n:
            k = k + 1
            i = i + 2
            x = x + k
        return x


class Nest(nn.Cell):

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            j = Tensor(0, ms.int32)
            while j < n:
                if j > i:
                    break
                x = x + 1
                j = j + 1
            i = i + 1
        return x


class Sub(nn.Cell):

    def __init__(s):
        super().__init__()
        s.d = nn.Dense(3, 3)

    def construct(self, x):
        if x.sum() > 0:
            return self.d(x)
        return self.d(x * 2)


class Loop2(nn.Cell):

    def __init__(s):
        super().__init__()
        s.blocks = nn.CellList([Sub() for _ in range(3)])

    def construct(self, x):
        for b in self.blocks:
            x = b(x)
        return x


class Switch(nn.Cell):

    def __init__(s):
        super().__init__()
        s.a = nn.ReLU()
        s.b = nn.Tanh()
        s.c = nn.Sigmoid()
        s.layers = (s.a, s.b, s.c)

    def construct(self, x, i):
        return self.layers[i](x)


class Assign(nn.Cell):

    def __init__(s):
        super().__init__()
        s.p = Parameter(Tensor(np.array([1, 2, 3], np.float32)), name='p')

    def construct(self, x):
        ops.assign(self.p, x * 2)
        y = self.p + 1
        ops.assign_add(self.p, x)
        return (y, self.p * 1)


class Grow(nn.Cell):

    def construct(self, x):
        if x.sum() > 0:
            return x[:2]
        return x[:1]


class TupleState(nn.Cell):

    def construct(self, x, n):
        s = (x, x * 2)
        i = Tensor(0, ms.int32)
        while i < n:
            s = (s[1], s[0] + s[1])
            i += 1
        return s


class WhileFn(nn.Cell):

    def construct(self, x, n):

        def c(v):
            return v[0] < n

        def b(v):
            return (v[0] + 1, v[1] * 2)
        return ops.while_loop(c, b, (Tensor(0, ms.int32), x))


class Nested3(nn.Cell):

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            j = Tensor(0, ms.int32)
            while j < n:
                k = Tensor(0, ms.int32)
                while k < j:
                    x = x + 0.5
                    k = k + 1
                    if x.sum() > 30:
                        break
                j = j + 1
                if x[0, 0] > 5:
                    continue
                x = x + 0.1
            i = i + 1
        return x


class ParamLoop(nn.Cell):

    def __init__(s):
        super().__init__()
        s.l = nn.CellList([nn.Dense(3, 3), nn.Dense(3, 3)])
        s.w = Parameter(Tensor(np.ones((3, 3), np.float32)), name='w')

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            for d in self.l:
                x = ops.tanh(d(x))
            if i == 1:
                x = ops.matmul(x, self.w)
            i = i + 1
        return x


class RetDeep(nn.Cell):

    def construct(self, x, n):
        i = Tensor(0, ms.int32)
        while i < n:
            j = Tensor(0, ms.int32)
            while j < n:
                x = x + 1
                if x.sum() > 20:
                    return x * 10
                j = j + 1
            i = i + 1
        return x


X = np.array([[0.5, -1, 2], [1, 0.2, -0.3]], np.float32)


def n(value):
    return np.array(value, np.int32)


control = {
    "if": (If1, X), "if_nested": (If2, X, n(5)), "if_early_return": (If2, X, n(2)), "if_else": (If2, X, n(0)),
    "while": (While1, X, n(4)), "while_never": (While1, X, n(0)), "while_nested": (While2, X, n(4)), "while_if": (While3, X, n(9)),
    "break": (Break, X, n(9)), "break_not": (Break, X, n(1)), "continue": (Continue, X, n(4)), "return_in_loop": (Return, X, n(9)),
    "return_not": (Return, X, n(1)), "for": (For, X, n(2)), "counter": (Py, X, n(5)), "break_nested": (Nest, X, n(4)),
    "blocks": (Loop2, X), "switch": (Switch, X, n(1)), "switch_from_end": (Switch, X, n(-3)), "assign": (Assign, X[0]), "branch_shapes": (Grow, X),
    "tuple": (TupleState, X, n(3)), "while_function": (WhileFn, X, n(3)), "three_loops": (Nested3, X, n(3)), "weights": (ParamLoop, X, n(3)),
    "return_from_two_loops": (RetDeep, X, n(4)),
}


def flat(result):
    return [y for x in result for y in flat(x)] if isinstance(result, (tuple, list)) else [result]


def network(cases):
    """A cell of all cases; MindSpore compiles source text, so its `construct` is written to a file first."""
    names = [[f"a{k}_{j}" for j in range(len(inputs))] for k, (_, inputs) in enumerate(cases)]
    calls = ", ".join(f"self.f{k}({', '.join(group)})" for k, group in enumerate(names))
    arguments = ", ".join(name for group in names for name in group)
    text = f"from mindspore import nn\n\nclass Net(nn.Cell):\n    def construct(self, {arguments}):\n        return ({calls},)\n"
    folder = tempfile.mkdtemp()
    module = f"net_{pathlib.Path(folder).name}"
    pathlib.Path(folder, f"{module}.py").write_text(text)
    sys.path.insert(0, folder)
    net = __import__(module).Net()
    for k, (fn, _) in enumerate(cases):
        setattr(net, f"f{k}", fn)
    return net.set_train(False)


def save(name, cell, inputs):
    tensors = [Tensor(x) for x in inputs]
    results = flat(cell(*tensors))
    outputs = [r.asnumpy() if isinstance(r, Tensor) else np.array(r) for r in results]
    ms.export(cell, *tensors, file_name=str(here / name), file_format="MINDIR")
    (here / f"{name}.mindir").chmod(0o644)
    for kind, arrays in (("inputs", inputs), ("outputs", outputs)):
        with open(here / f"{name}.{kind}", "wb") as file:
            for array in arrays:
                np.save(file, array)


if __name__ == "__main__":
    for name, cases in networks.items():
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            save(name, network(cases), [x for _, inputs in cases for x in inputs])
    for name, (cell, *inputs) in control.items():
        if len(sys.argv) < 2 or "control" in sys.argv[1:]:
            save(f"control_{name}", cell(), inputs)
