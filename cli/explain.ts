/** `sinter explain`: what a diagnostic of some code means and what to do about it. */
import type { Argv } from "yargs";
import { type DiagnosticCode, diagnosticCodes } from "../ir/diagnostic.ts";
import { UsageError } from "./failure.ts";

const explanations: Readonly<Record<DiagnosticCode, string>> = {
  syntax:
    "The file is not written as its format demands: text that does not parse, or bytes that are no message of the format. Texts are reported with line and column; of binary files the place is named. Check that the file is what its name says and that it was copied whole.",
  truncated: "The file ends before what it announces, or a length in it is larger than what is there. Copy or download it again.",
  limit: "The file asks for more than a reader accepts: nesting, sizes or counts that no real model has, or more memory than there can be.",
  encrypted:
    "The file is encrypted and no key was given, or the key does not fit it. Give it with --key, as text of 16, 24 or 32 characters or as @FILE.",
  "unknown-op":
    "The model uses an operator that neither the format nor Sinter defines: a custom operator, a misspelt name, or a newer opset than Sinter reads.",
  "bad-operand": "An operand of an operator is missing, is not defined before it is used, or is of a kind that the operator does not take.",
  "bad-attribute": "An attribute of an operator is missing, has a value outside its range, or does not exist.",
  "type-mismatch": "Element types or shapes do not fit each other. The message says what was expected and what was received.",
  "invalid-graph":
    "The graph itself is broken: a value used before it is defined, a cycle, two definitions of one name, outputs that nothing computes.",
  "external-data":
    "Weights are in another file that cannot be read, is too short, lies outside the model's folder, or is not the one the model was written with.",
  "unsupported-op":
    "The operator is known, but Sinter does not carry it in this form. All such places of a model are reported in one run, with a remedy where there is one.",
  "unsupported-attribute": "The operator is carried, but not with this value of this attribute.",
  "unsupported-type":
    "An element type or a kind of value that Sinter does not carry, such as strings, or sequences that remain when the program is built.",
  "unsupported-by-target": "The graph is good, but the target cannot run it. Another target may (sinter list targets).",
  usage:
    "What was asked for on the command line does not fit the model: an input or extent that it does not have, a value of another type.",
  precision: "A warning: results will differ from the original's by more than rounding, for the reason that is named.",
  ignored: "A warning: something in the file has no effect on what is compiled.",
};

export const explainCommand = (y: Argv) =>
  y.command(
    "explain [code]",
    "explain a code of diagnostics, or list the codes",
    (y) => y.positional("code", { type: "string", describe: "such as unsupported-op" }),
    ({ code }) => {
      if (code === undefined) return console.log(diagnosticCodes.join("\n"));
      const text = Object.hasOwn(explanations, code) ? explanations[code as DiagnosticCode] : undefined;
      if (text === undefined) throw new UsageError(`there is no code '${code}'; there are ${diagnosticCodes.join(", ")}`);
      console.log(text);
    },
  );
