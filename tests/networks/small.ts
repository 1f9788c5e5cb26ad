/** Options under which each network is small enough to run on every target in seconds. */
const bert = {
  batch: 2,
  sequence: 12,
  vocabulary: 40,
  positions: 16,
  token_types: 4,
  hidden: 24,
  layers: 2,
  heads: 3,
  intermediate: 40,
  compute: "f32",
};
const decoder = {
  sequence: 6,
  vocabulary: 20,
  positions: 12,
  hidden: 16,
  layers: 1,
  heads: 2,
  intermediate: 24,
  beams: 2,
  decode_length: 3,
};

const rcnn = { classes: 3, height: 64, width: 64, proposals: 8, channels: 8 };

export const smallOptions: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
  lenet: { batch: 2 },
  alexnet: { image: 67 },
  vgg16: { image: 32 },
  resnet18: { image: 32 },
  resnet34: { image: 32 },
  resnet50: { image: 32 },
  resnet101: { image: 32 },
  resnet152: { image: 32 },
  se_resnet50: { image: 32 },
  bert_base: bert,
  bert_cls: bert,
  bert_ner: bert,
  bert_squad: bert,
  bert_pretrain: { ...bert, predictions: 3 },
  tinybert: bert,
  bgcf: { users: 8, items: 6, embedding: 8, neighbours: 4, sampled: 3 },
  gat: { nodes: 20, features: 30 },
  gcn: { nodes: 20, features: 30 },
  mass: decoder,
  transformer: decoder,
  ncf: { batch: 4, users: 50, items: 120 },
  wide_and_deep: { batch: 3, vocabulary: 50 },
  resnext50: { image: 32 },
  densenet121: { image: 64, dtype: "f32" },
  googlenet: { image: 64 },
  mobilenetv2: { image: 64 },
  squeezenet: { image: 64 },
  squeezenet_residual: { image: 64 },
  unet: { image: 188 },
  cnnctc: { width: 32 },
  inceptionv3: { image: 75 },
  ssd: { image: 300 },
  yolov3_darknet53: { image: 32 },
  yolov3_resnet18: { height: 32, width: 64 },
  yolov4: { image: 32 },
  centerface: { image: 64, faces: 10 },
  deeplabv3: { image: 65 },
  psenet: { image: 64 },
  faster_rcnn: rcnn,
  // Of eight, two boxes' scores are equal in f16 and one step apart where ONNX Runtime computes in f32: they change places.
  maskrcnn: { ...rcnn, proposals: 4 },
};

/** Inputs that are no measurements but facts on the others, each value repeated: height and width of an image, its scales. */
export const givenInputs: Readonly<Record<string, readonly number[]>> = { metas: [64, 64, 1, 1] };

/** Networks whose kernels are those of another one, only more often: the C compiler need not see them. */
export const sameKernels: ReadonlySet<string> = new Set(["resnet34", "resnet101", "resnet152", "bert_ner", "bert_squad"]);
