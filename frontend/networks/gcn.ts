import type { Cell } from "./cell.ts";
import { cast, dense, relu } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { matmul } from "./tensors.ts";
import type { Value } from "../../ir/graph.ts";

/** Features of nodes, mixed along the edges after a product with `fc.weight[out, in]`. */
const graphConvolution = (c: Cell, adjacency: Value, x: Value, out: number): Value =>
  matmul(c, adjacency, dense(c.at("fc"), x, out, { bias: false }));

export const gcn = defineNetwork({
  name: "gcn",
  summary: "Graph convolutional network over a dense adjacency matrix (Kipf and Welling 2017), as MindSpore's model_zoo/official/gnn/gcn.",
  options: {
    nodes: count(2708, "nodes of the graph (Cora: 2708, Citeseer: 3312)"),
    features: count(1433, "features of a node (Cora: 1433, Citeseer: 3703)"),
    hidden: count(16, "features of the hidden layer"),
    classes: count(7, "classes of nodes"),
  },
  build(c, { nodes, features, hidden, classes }) {
    const adjacency = cast(c, c.input("adjacency", "f64", [nodes, nodes]), "f16");
    const x = cast(c, c.input("features", "f32", [nodes, features]), "f16");
    const y = relu(c, graphConvolution(c.at("layer0"), adjacency, x, hidden));
    return graphConvolution(c.at("layer1"), adjacency, y, classes);
  },
});
