/**
 * The layering, checked by `npm run lint`. Each row: a folder and the folders it may import besides itself.
 * Where `node` is false, the folder must also run in a browser and imports nothing of Node's.
 */
const layers = [
  { folder: "ir", imports: [], node: false },
  { folder: "passes", imports: ["ir"], node: false },
  { folder: "frontend", imports: ["ir", "proto"], node: true },
  { folder: "codegen", imports: ["ir", "passes", "runtime/(manifest|walk)[.]ts$"], node: true },
  { folder: "runtime", imports: [], node: true },
  { folder: "runtime/web", imports: ["runtime/(manifest|walk|shape)[.]ts$"], node: false },
];

const own = "^(frontend|ir|passes|codegen|runtime|proto|cli|tests|bench|docs|examples)/";

const layerRule = ({ folder, imports }) => ({
  name: `${folder.replace("/", "-")}-imports`,
  comment: `${folder} may import ${[folder, ...imports].join(", ")}`,
  severity: "error",
  from: { path: `^${folder}/` },
  to: { path: own, pathNot: [folder, ...imports].map((path) => (path.endsWith("$") ? `^${path}` : `^${path}/`)) },
});

const browserRule = ({ folder }) => ({
  name: `${folder.replace("/", "-")}-runs-in-a-browser`,
  severity: "error",
  from: { path: `^${folder}/` },
  to: { dependencyTypes: ["core"] },
});

const formats = "onnx|mindir|checkpoint|air|mslite|safetensors|npz";

export default {
  forbidden: [
    ...layers.map(layerRule),
    ...layers.filter((layer) => !layer.node).map(browserRule),
    {
      name: "formats-stand-alone",
      comment: "one format's importer does not lean on another's: what two need is a file of frontend/ itself",
      severity: "error",
      from: { path: `^frontend/(${formats})/` },
      to: { path: `^frontend/(${formats})/`, pathNot: "^frontend/$1/" },
    },
    {
      name: "top-is-not-imported",
      comment: "tests, benchmarks and examples are used by nothing else",
      severity: "error",
      from: { path: "^(frontend|ir|passes|codegen|runtime|proto|cli)/" },
      to: { path: "^(tests|bench|docs|examples)/" },
    },
    {
      name: "no-circular",
      comment:
        "types may refer to each other across files (a graph holds ops, an op's attributes hold graphs); loading may not go in a circle",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "only-declared-packages",
      severity: "error",
      from: { pathNot: "^(tests|bench)/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^build/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    // Packages that are ES modules only are found by their "exports".
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
