/** `1 byte`, `2 bytes`: a number with what it counts, for sentences. */
export function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
