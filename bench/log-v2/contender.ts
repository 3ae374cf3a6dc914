/** One way of keeping records, in one of the modes that are compared. */

/** What a mode keeps when it says that a record is there. */
export type Durability =
  /** Safe when the process is killed: the kernel has it. */
  | 'killed'
  /** Safe when the power fails: the disk has it. */
  | 'power';

/** A log that is open. What returns nothing is done when it returns, what returns a promise when that is kept. */
export interface Store {
  /** Appends `count` records from the index-th on, one by one, each of them safe before the next. */
  append(index: number, count: number): void | Promise<void>;
  /** Appends `count` records from the index-th on, safe when all of them are there. */
  appendBatch(index: number, count: number): void | Promise<void>;
  close(): void | Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** The settings, and why they keep what the durability says. */
  readonly why: string;
  /** Records that one run appends where it would take too long to append as many as the others. */
  readonly records?: number;
  /** Opens a log in an empty folder; batches will have that many records. */
  open(folder: string, batchRecords: number): Store | Promise<Store>;
}

/** A contender that cannot take part, and why. */
export interface NotMeasured {
  readonly name: string;
  readonly reason: string;
}

/** Those who take part in one comparison. */
export interface Field {
  readonly contenders: readonly Contender[];
  readonly notMeasured: readonly NotMeasured[];
}
