/**
 * Where something came from, for diagnostics. Every op has a location; rewrites pass it on.
 */
export interface Location {
  /** The file as the user named it, or a name in angle brackets for text that is in no file. */
  readonly source: string;
  /** Text: 1-based line and column. */
  readonly line?: number;
  readonly column?: number;
  /** Binary formats: the path of the node inside the file (`/layer1/conv1`), or a byte offset (`byte 1234`). */
  readonly path?: string;
}

export const unknownLocation: Location = { source: "<unknown>" };

/** `file:line:column`, `file:/node/path` or `file`. */
export function formatLocation(l: Location): string {
  if (l.line !== undefined) return `${l.source}:${l.line}:${l.column ?? 1}`;
  return l.path === undefined ? l.source : `${l.source}:${l.path}`;
}
