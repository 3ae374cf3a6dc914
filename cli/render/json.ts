/** JSON as programs get it. */

/** One object, indented, with a line for itself. Members that are undefined are left out, bigints become strings. */
export function tidyJson(value: unknown): string {
  return JSON.stringify(value, bigintsAsStrings, 2);
}

function bigintsAsStrings(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
