import js from "@eslint/js";
import { globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const style = {
  "no-restricted-syntax": ["error", { selector: "ExportDefaultDeclaration", message: "Export by name." }],
  eqeqeq: "error",
  "prefer-const": "error",
  "object-shorthand": "error",
  "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
  "@typescript-eslint/no-import-type-side-effects": "error",
  "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true }],

  // Numbers read well in messages, and generated code is made of them.
  "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
  "@typescript-eslint/restrict-plus-operands": ["error", { allowNumberAndString: true }],
  // noUncheckedIndexedAccess makes every a[i] possibly undefined: where the index is in range by construction, `!` says so.
  "@typescript-eslint/no-non-null-assertion": "off",
  "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: "always" }],
  // A type parameter used once still names what a typed builder infers.
  "@typescript-eslint/no-unnecessary-type-parameters": "off",
  // An async method of an interface need not await.
  "@typescript-eslint/require-await": "off",
  // `return report(...)` ends a branch early.
  "@typescript-eslint/no-confusing-void-expression": "off",
};

export default tseslint.config(
  globalIgnores(["build/", "docs/api/", "docs/ops/", "node_modules/"]),
  {
    files: ["**/*.ts"],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: style,
  },
  {
    files: ["tests/**/*.ts"],
    // chai's assertions are property reads.
    rules: { "@typescript-eslint/no-unused-expressions": "off" },
  },
);
