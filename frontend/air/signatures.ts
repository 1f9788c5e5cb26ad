/**
 * The operators of GE that are carried, both as MindSpore 1.1 writes them (names that end with D have as attributes what
 * others have as inputs) and as 2.x does. One a line: inputs, outputs, attributes.
 *
 * `?` marks an optional input, `*` any number of them, `!` an attribute that must be given. Types of attributes: i integer,
 * f float, b bool, s string, t element type, T tensor, is and fs lists, iis lists of lists.
 */
export const signatureTable = `
Data x -> y | index:i=0
Const -> y | value:T
Constant -> y | value:T
NetOutput x* -> y*
Case branch_index input* -> output*
If cond input* -> output*
While input* -> output* | parallel_iterations:i=10
PartitionedCall args* -> output* | config:s= config_proto:s= executor_type:s=
TransData src -> dst | src_format:s! dst_format:s! groups:i=1
Identity x -> y

Abs x -> y
Acos x -> y
Acosh x -> y
Asin x -> y
Asinh x -> y
Atan x -> y
Atanh x -> y
Ceil x -> y
Cos x -> y
Cosh x -> y
Erf x -> y
Erfc x -> y
Exp x -> y | base:f=-1 scale:f=1 shift:f=0
Expm1 x -> y
Floor x -> y
Invert x -> y
IsFinite x -> y
IsInf x -> y
IsNan x -> y
Log x -> y | base:f=-1 scale:f=1 shift:f=0
Log1p x -> y
LogicalNot x -> y
Neg x -> y
OnesLike x -> y
Reciprocal x -> y
Rint x -> y
Round x -> y
Rsqrt x -> y
Sign x -> y
Sin x -> y
Sinh x -> y
Sqrt x -> y
Square x -> y
Tan x -> y
Tanh x -> y
Trunc input_x -> output_y
ZerosLike x -> y
Cast x -> y | dst_type:i!
Bitcast x -> y | type:t!

Add x1 x2 -> y
AddN x* -> y | N:i!
Atan2 x1 x2 -> y
BitwiseAnd x1 x2 -> y
BitwiseOr x1 x2 -> y
BitwiseXor x1 x2 -> y
Div x1 x2 -> y
DivNoNan x1 x2 -> y
Equal x1 x2 -> y
FloorDiv x1 x2 -> y
FloorMod x1 x2 -> y
Greater x1 x2 -> y
GreaterEqual x1 x2 -> y
LeftShift x y -> z
Less x1 x2 -> y
LessEqual x1 x2 -> y
LogicalAnd x1 x2 -> y
LogicalOr x1 x2 -> y
Maximum x1 x2 -> y
Minimum x1 x2 -> y
Mod x1 x2 -> y
Mul x1 x2 -> y
MulNoNan x1 x2 -> y
NotEqual x1 x2 -> y
Pow x1 x2 -> y
RealDiv x1 x2 -> y
RightShift x y -> z
Select condition x1 x2 -> y
SelectV2 condition then else -> result
SquareSumAll x1 x2 -> y1 y2
SquaredDifference x1 x2 -> y
Sub x1 x2 -> y
TruncateDiv x1 x2 -> y
TruncateMod x1 x2 -> y
Xdivy x1 x2 -> y
Xlogy x1 x2 -> y

CeluV2 x -> y | alpha:f=1
ClipByValue x clip_value_min clip_value_max -> y
Elu x -> y | alpha:f=1
FastGelu x -> y
Gelu x -> y
GeluV2 x -> y | approximate:s=none
HardMax x -> y | axis:i=-1
HardShrink input_x -> output_y | lambd:f=0.5
HardSigmoid input_x -> output_y | alpha:f=0.16666666 beta:f=0.5
HardSwish x -> y
LeakyRelu x -> y | negative_slope:f=0
LogSigmoid x -> y
LogSoftmaxV2 logits -> logsoftmax | axes:is=-1
Mish x -> y
PRelu x weight -> y
Relu x -> y
Relu6 x -> y
Selu x -> y
Shrink input_x -> output_y | lambd:f=0.5 bias:f=0
Sigmoid x -> y
SoftmaxV2 x -> y | axes:is=-1
Softplus x -> y
SoftShrink input_x -> output_y | lambd:f=0.5
Softsign x -> y
Swish x -> y | scale:f=1
ThresholdedRelu x -> y | alpha:f=1

AdaptiveAvgPool2d x -> y | output_size:is!
AvgPool x -> y | ksize:is! strides:is! padding:s! data_format:s=NHWC
AvgPoolV2 x -> y | ksize:is! strides:is! padding_mode:s=CALCULATED pads:is=0,0,0,0 data_format:s=NCHW global_pooling:b=false ceil_mode:b=false exclusive:b=true divisor_override:i=0
AvgPool3D x -> y | ksize:is! strides:is! pads:is! ceil_mode:b=false count_include_pad:b=true divisor_override:i=0 data_format:s=NDHWC
BatchNorm x scale offset mean? variance? -> y batch_mean batch_variance reserve_space_1 reserve_space_2 | epsilon:f=0.0001 data_format:s=NHWC is_training:b=true
BNInference x mean variance momentum? scale? offset? -> y | epsilon:f=0.00001 use_global_stats:b=true mode:i=1
BiasAdd x bias -> y | data_format:s=NHWC
Conv2D x filter bias? offset_w? -> y | strides:is! pads:is! dilations:is=1,1,1,1 groups:i=1 data_format:s=NHWC offset_x:i=0
Conv2DBackpropInput input_size filter out_backprop -> y | strides:is! pads:is! dilations:is=1,1,1,1 groups:i=1 data_format:s=NHWC
Conv2DBackpropInputD filter out_backprop -> y | input_size:is! strides:is! pads:is! dilations:is=1,1,1,1 groups:i=1 data_format:s=NHWC
Conv2DTransposeD x filter bias? offset_w? -> y | input_size:is! strides:is! pads:is! dilations:is=1,1,1,1 groups:i=1 data_format:s=NHWC output_padding:is=0,0,0,0 offset_x:i=0
Conv3D x filter bias? offset_w? -> y | strides:is! pads:is! dilations:is=1,1,1,1,1 groups:i=1 data_format:s=NDHWC offset_x:i=0
Conv3DTransposeD x filter bias? offset_w? -> y | input_size:is! strides:is! pads:is! dilations:is=1,1,1,1,1 groups:i=1 data_format:s=NDHWC output_padding:is=0,0,0,0,0 offset_x:i=0
Conv3DBackpropInputD filter out_backprop -> y | input_size:is! strides:is! pads:is! dilations:is=1,1,1,1,1 groups:i=1 data_format:s=NDHWC
DepthwiseConv2D x filter bias? offset_w? -> y | strides:is! dilations:is=1,1,1,1 pads:is! data_format:s=NHWC offset_x:i=0
Dropout x -> y | dropout_ratio:f=0.5
DropOutDoMask x mask keep_prob -> y
GroupNorm x gamma beta -> y mean variance | num_groups:i! epsilon:f=0.0001 data_format:s=NHWC is_training:b=true
L2Normalize x -> y | axis:is= eps:f=0.0001
LayerNorm x gamma beta -> y mean variance | begin_norm_axis:i=0 begin_params_axis:i=0 epsilon:f=0.0000001
LRN x -> y | depth_radius:i=5 bias:f=1 alpha:f=1 beta:f=0.5 norm_region:s=ACROSS_CHANNELS data_format:s=NHWC
RmsNorm x gamma -> y rstd | epsilon:f=0.000001
MaxPool x -> y | ksize:is! strides:is! padding:s! data_format:s=NHWC
MaxPool3D x -> y | ksize:is! strides:is! padding:s! pads:is=0,0,0 dilation:is=1,1,1 ceil_mode:i=0 data_format:s=NDHWC
MaxPoolV3 x -> y | ksize:is! strides:is! padding_mode:s=CALCULATED pads:is=0,0,0,0 data_format:s=NCHW global_pooling:b=false ceil_mode:b=false
MaxPoolWithArgmax x -> y argmax | ksize:is! strides:is! padding:s! Targmax:i=7

BatchMatMul x1 x2 -> y | adj_x1:b=false adj_x2:b=false
BatchMatMulV2 x1 x2 bias? offset_w? -> y | adj_x1:b=false adj_x2:b=false offset_x:i=0
Einsum x* -> y | equation:s! N:i!
FullyConnection x w b? offset_w? -> y | num_output:i! transpose:b=false axis:i=1 offset_x:i=0
GEMM a b c alpha beta -> y | transpose_a:b=false transpose_b:b=false
MatMul x1 x2 bias? -> y | transpose_x1:b=false transpose_x2:b=false
MatMulV2 x1 x2 bias? offset_w? -> y | transpose_x1:b=false transpose_x2:b=false offset_x:i=0

ArgMaxD x -> y | dimension:i! dtype:t=9
ArgMaxV2 x dimension -> y | dtype:t=9
ArgMaxWithValue x -> indice values | dimension:i! keep_dims:b=false
ArgMinD x -> y | dimension:i! dtype:t=9
ArgMin x dimension -> y | dtype:t=9
ArgMinWithValue x -> indice values | dimension:i! keep_dims:b=false
Cumprod x axis -> y | exclusive:b=false reverse:b=false
CumprodD x -> y | axis:i! exclusive:b=false reverse:b=false
Cumsum x axis -> y | exclusive:b=false reverse:b=false
CumsumD x -> y | axis:i! exclusive:b=false reverse:b=false
L2Loss x -> y
ReduceAll x axes -> y | keep_dims:b=false
ReduceAllD x -> y | axes:is! keep_dims:b=false
ReduceAny x axes -> y | keep_dims:b=false
ReduceAnyD x -> y | axes:is! keep_dims:b=false
ReduceLogSum x axes -> y | keep_dims:b=false
ReduceLogSumExp x axes -> y | keep_dims:b=false
ReduceMax x axes -> y | keep_dims:b=false
ReduceMaxD x -> y | axes:is! keep_dims:b=false
ReduceMean x axes -> y | keep_dims:b=false
ReduceMeanD x -> y | axes:is! keep_dims:b=false
ReduceMin x axes -> y | keep_dims:b=false
ReduceMinD x -> y | axes:is! keep_dims:b=false
ReduceProd x axes -> y | keep_dims:b=false
ReduceProdD x -> y | axes:is! keep_dims:b=false
ReduceSum x axes -> y | keep_dims:b=false
ReduceSumD x -> y | axes:is! keep_dims:b=false

BatchToSpaceD x -> y | block_size:i! crops:is!
BroadcastTo x shape -> y
BroadcastToD x -> y | shape:is!
ConcatD x* -> y | concat_dim:i! N:i=1
ConcatV2D x* -> y | concat_dim:i! N:i=1
DepthToSpace x -> y | block_size:i! mode:s=DCR data_format:s=NHWC
Diag x -> y
DiagPart x -> y
ExpandDims x axis -> y
ExtractImagePatches x -> y | ksizes:is! strides:is! rates:is! padding:s! data_format:s=NHWC
Eye -> y | num_rows:i! num_columns:i=0 batch_shape:is= dtype:i=0
Fill dims value -> y
FillD value -> y | dims:is!
Flatten x -> y | axis:i=1
MirrorPad x paddings -> y | mode:s!
Pack x* -> y | axis:i=0 N:i!
Pad x paddings -> y
PadD x -> y | paddings:iis!
PadV3 x paddings constant_values? -> y | mode:s=constant paddings_contiguous:b=true
Range start limit delta -> y
RangeD x -> y | start:f! limit:f! delta:f!
Reshape x shape -> y | axis:i=0 num_axes:i=-1
ReverseSequence x seq_lengths -> y | seq_dim:i! batch_dim:i=0
ReverseV2 x axis -> y
ReverseV2D x -> y | axis:is!
Roll x -> y | shifts:is! dims:is=
Shape x -> y | dtype:i=3
Size x -> y | dtype:i=3
Slice x offsets size -> y
SliceD x -> y | offsets:is! size:is!
SpaceToBatchD x -> y | block_size:i! paddings:is!
SpaceToDepth x -> y | block_size:i! data_format:s=NHWC
Split split_dim x -> y* | num_split:i!
SplitD x -> y* | split_dim:i! num_split:i!
SplitV x size_splits split_dim -> y* | num_split:i!
SplitVD x -> y* | size_splits:is! split_dim:i! num_split:i!
Squeeze x -> y | axis:is=
StridedSlice x begin end strides -> y | begin_mask:i=0 end_mask:i=0 ellipsis_mask:i=0 new_axis_mask:i=0 shrink_axis_mask:i=0
StridedSliceD x -> y | begin:is! end:is! strides:is! begin_mask:i=0 end_mask:i=0 ellipsis_mask:i=0 new_axis_mask:i=0 shrink_axis_mask:i=0
Tile x multiples -> y
TileD x -> y | multiples:is!
TransShape x -> y | outShape:is=
Transpose x perm -> y
TransposeD x -> y | perm:is!
Tril x -> y | diagonal:i=0
Triu x -> y | diagonal:i=0
Unpack x -> y* | num:i! axis:i=0
Unsqueeze x -> y | axes:is=

GatherElements x index -> y | dim:i=0
GatherD x dim index -> y
GatherNd x indices -> y
Gather x indices -> y | validate_indices:b=true batch_dims:i=0
GatherV2 x indices axis -> y | batch_dims:i=0 negative_index_support:b=false
GatherV2D x indices -> y | axis:i!
MaskedFill x mask value -> y
OneHot x depth on_value off_value -> y | axis:i=-1
OneHotD x on_value off_value -> y | depth:i! axis:i=-1
ScatterElements data indices updates -> y | axis:i=0 reduction:s=none
ScatterMax var indices updates -> var | use_locking:b=false
ScatterNd indices x shape -> y
ScatterNdD indices x -> y | shape:is!
ScatterNdUpdate var indices updates -> var | use_locking:b=false
ScatterUpdate var indices updates -> var | use_locking:b=false
Sort x -> y1 y2 | axis:i=-1 descending:b=false
TensorScatterAdd x indices updates -> y
TensorScatterMax x indices updates -> y
TensorScatterMin x indices updates -> y
TensorScatterMul x indices updates -> y
TensorScatterUpdate x indices updates -> y
TopK x k -> values indices | sorted:b=true
TopKD x assist_seq -> values indices | k:i! sorted:b=true dim:i=-1 largest:b=true
TopKV2 x k -> values indices | sorted:b=true dim:i=-1 largest:b=true
UnsortedSegmentMin x segment_ids num_segments -> y
UnsortedSegmentMax x segment_ids num_segments -> y
UnsortedSegmentSum x segment_ids num_segments -> y
UnsortedSegmentSumD x segment_ids -> y | num_segments:i!

AscendDequant x deq_scale -> y | sqrt_mode:b=false relu_flag:b=false dtype:i=0
AscendQuant x -> y | scale:f! offset:f! sqrt_mode:b=false round_mode:s=Round
BasicLSTMCell x h c w b mask? -> ct ht it jt ft ot tanhct | keep_prob:f=1 forget_bias:f=1 state_is_tuple:b=true activation:s=tanh
BinaryCrossEntropy x y weight? -> output | reduction:s=mean
BoundingBoxDecode rois deltas -> bboxes | means:fs=0,0,0,0 stds:fs=1,1,1,1 max_shape:is! wh_ratio_clip:f=0.016
BoundingBoxEncode anchor_box ground_truth_box -> delats | means:fs=0,0,0,0 stds:fs=1,1,1,1
CheckValid bbox_tensor img_metas -> valid_tensor
CropAndResize x boxes box_index crop_size -> y | extrapolation_value:f=0 method:s=bilinear
CropAndResizeD x boxes box_index -> y | crop_size:is! extrapolation_value:f=0 method:s=bilinear
DynamicGRUV2 x weight_input weight_hidden bias_input? bias_hidden? seq_length? init_h? -> y output_h update reset new hidden_new | direction:s=UNIDIRECTIONAL cell_depth:i=1 keep_prob:f=1 cell_clip:f=-1 num_proj:i=0 time_major:b=true activation:s=tanh gate_order:s=zrh reset_after:b=true is_training:b=true
DynamicRNN x w b seq_length? init_h? init_c? wci? wcf? wco? mask? -> y output_h output_c i j f o tanhc | cell_type:s=LSTM direction:s=UNIDIRECTIONAL cell_depth:i=1 use_peephole:b=false keep_prob:f=1 cell_clip:f=-1 num_proj:i=0 time_major:b=true activation:s=tanh forget_bias:f=0 is_training:b=true
Iou bboxes gtboxes -> overlap | mode:s=iou eps:f=1
NMSWithMask box_scores -> selected_boxes selected_idx selected_mask | iou_threshold:f=0.5
Resize x roi scales sizes? -> y | coordinate_transformation_mode:s=half_pixel cubic_coeff_a:f=-0.75 exclude_outside:i=0 extrapolation_value:f=0 mode:s=nearest nearest_mode:s=round_prefer_floor
ResizeBilinearV2 x size -> y | align_corners:b=false half_pixel_centers:b=false dtype:t=0
ResizeBilinearV2D x -> y | align_corners:b=false half_pixel_centers:b=false size:is!
ResizeNearestNeighborV2 x size -> y | align_corners:b=false half_pixel_centers:b=false
ResizeNearestNeighborV2D x -> y | size:is! align_corners:b=false half_pixel_centers:b=false
ROIAlign features rois rois_n? -> y | spatial_scale:f! pooled_height:i! pooled_width:i! sample_num:i=2 roi_end_mode:i=1
Assign ref value -> ref | validate_shape:b=true use_locking:b=false
SigmoidCrossEntropyWithLogits predict target -> loss
SmoothL1Loss predict label -> loss | sigma:f=1
SoftmaxCrossEntropyWithLogits features labels -> loss backprop
`;
