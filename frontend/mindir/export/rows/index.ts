/** Every row of the exporter, by op; one line per family. */
import type { AnyOpDefinition } from "../../../../ir/define.ts";
import type { NamedRow, Row } from "../row.ts";
import { activationRows } from "./activation.ts";
import { convRows } from "./conv.ts";
import { elementwiseRows } from "./elementwise.ts";
import { matmulRows } from "./matmul.ts";
import { poolRows } from "./pool.ts";
import { shapeRows } from "./shape.ts";

const families: readonly (readonly NamedRow[])[] = [activationRows, convRows, elementwiseRows, matmulRows, poolRows, shapeRows];

const known = new Map(families.flat().map(({ definition, write }) => [definition, write]));

/** The row of an op; undefined where no operator of MindSpore says it. */
export const rowOf = (definition: AnyOpDefinition): Row | undefined => known.get(definition);
