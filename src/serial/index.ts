/** The search for a serial order of operations, for whatever model says what operations do. */

export { DEFAULT_MAX_NODES, findSerialOrder } from './find-serial-order.ts';
export type { SerialModel, SerialOrder, SerialSearchOptions, SerialSearchResult } from './model.ts';
