/** What keeps the promises of a v2 log, each with the change that takes it out and the promise that is broken then. */

import type { PromiseName } from '../crash/broken-promise.ts';
import type { Change } from './variant.ts';

export interface Safeguard extends Change {
  /** What it does. */
  readonly name: string;
  /** `crashes` show that it is gone, or one of `DIRECTED_CHECKS` does. */
  readonly seenBy: string;
  /** Of the crashes that show it soonest; any, if it is left out. */
  readonly history?: number;
  /** Whichever of them is noticed first. */
  readonly breaks: readonly PromiseName[];
}

const POSITION = 'src/log-v2/position.ts';
const SUPERBLOCK = 'src/log-v2/superblock.ts';
const RECOVERY = 'src/log-v2/recovery.ts';
const STORE = 'src/log-v2/record-store.ts';
const RING = 'src/log-v2/journal-ring.ts';
const WRITER = 'src/log-v2/flight-log.ts';
const WALK = 'src/log-v2/slot-walk.ts';
const WINDOW = 'src/log-v2/window.ts';

const SUMS: readonly Safeguard[] = [
  {
    name: 'the sum of a record',
    file: POSITION,
    from: 'if (commit !== 0 && sum === commit) {',
    to: 'if (commit !== 0) {',
    seenBy: 'crashes',
    breaks: ['neverWrong', 'noFork'],
  },
  {
    name: 'the sum of a record that continues the one before it',
    file: WALK,
    from: 'rows[start + RecordWord.COMMIT] === sum &&',
    to: 'sum !== 0 &&',
    seenBy: 'crashes',
    breaks: ['countedOnce', 'neverWrong', 'noFork'],
  },
  {
    name: 'the sum of a frame',
    file: 'src/log-v2/journal-scan.ts',
    from: 'if (this.#reader.isIntact(frame)) return frame;',
    to: 'if (this.#failedBytes >= 0) return frame;',
    seenBy: 'crashes',
    breaks: ['frameNeverWrong'],
  },
  {
    name: 'the sum of a superblock, in a crash',
    file: SUPERBLOCK,
    from: 'const isWhole = words[wordOf(SUPERBLOCK_LAYOUT.sum)] === crc32c(bytes, 0, SUPERBLOCK_LAYOUT.sum.offset);',
    to: 'const isWhole = true;',
    seenBy: 'crashes',
    breaks: ['markNeverLeads', 'markTrailsByOne', 'countedOnce', 'neverWrong', 'numbersOnce', 'keptAfterSync', 'opens'],
  },
  {
    name: 'the sum of a superblock, on a failing disk',
    file: SUPERBLOCK,
    from: 'const isWhole = words[wordOf(SUPERBLOCK_LAYOUT.sum)] === crc32c(bytes, 0, SUPERBLOCK_LAYOUT.sum.offset);',
    to: 'const isWhole = true;',
    seenBy: 'superblockHasASecondCopy',
    breaks: ['secondCopy'],
  },
  {
    name: 'the sum of the metadata',
    file: 'src/log-v2/metadata.ts',
    from: ' || sumOf(bytes) !== head[SUM]) return undefined;',
    to: ') return undefined;',
    seenBy: 'metadataHasASecondCopy',
    breaks: ['secondCopy'],
  },
];

const TIES: readonly Safeguard[] = [
  {
    name: 'the chain: the commit of the record before',
    file: WALK,
    from: 'if (previousCommit === this.#previousCommit && incarnation >= this.#previousIncarnation) return;',
    to: 'if (incarnation >= this.#previousIncarnation) return;',
    seenBy: 'twoWritersBreakTheChain',
    breaks: ['forkReported'],
  },
  {
    name: 'the chain, where a record continues the one before it',
    file: WALK,
    from: 'rows[start + RecordWord.PREVIOUS_COMMIT] === rows[before + RecordWord.COMMIT] &&',
    to: '',
    seenBy: 'oneWriterBreaksTheChain',
    breaks: ['forkReported'],
  },
  {
    name: 'the chain as it is written',
    file: STORE,
    from: 'this.previousCommit = commit;',
    to: 'this.previousCommit = 0;',
    seenBy: 'crashes',
    breaks: ['noFork'],
  },
  {
    name: 'incarnations that never fall',
    file: WALK,
    from: 'if (previousCommit === this.#previousCommit && incarnation >= this.#previousIncarnation) return;',
    to: 'if (previousCommit === this.#previousCommit) return;',
    seenBy: 'incarnationsNeverFall',
    breaks: ['forkReported'],
  },
  {
    name: 'an incarnation for each writer',
    file: RECOVERY,
    from: 'const incarnation = superblock.incarnation + 1;',
    to: 'const incarnation = superblock.incarnation;',
    seenBy: 'writersHaveIncarnations',
    breaks: ['forkReported'],
  },
  {
    name: 'the bound of incarnations',
    file: POSITION,
    from: 'incarnation <= rules.incarnation &&',
    to: '',
    seenBy: 'recordsOfLaterWriters',
    breaks: ['foreignRefused'],
  },
  {
    name: 'the incarnation in both superblocks',
    file: RECOVERY,
    from: 'for (let copy = 0; copy < 2; copy += 1) {',
    to: 'for (let copy = 0; copy < 1; copy += 1) {',
    seenBy: 'incarnationIsInBothCopies',
    breaks: ['secondCopy'],
  },
  {
    name: 'the salt of records',
    file: POSITION,
    from: 'words[start + RecordWord.SALT] >>> 0 === rules.salt &&',
    to: '',
    seenBy: 'recordsOfOtherFiles',
    breaks: ['foreignRefused'],
  },
  {
    name: 'the salt of frames',
    file: 'src/log-v2/journal-scan.ts',
    from: '({ salt }) => salt[0] === fileId[0] && salt[1] === fileId[1]',
    to: '() => fileId.length > 0',
    seenBy: 'framesOfOtherFiles',
    breaks: ['foreignRefused'],
  },
  {
    name: 'the salt of records, where one continues the one before it',
    file: WALK,
    from: 'rows[start + RecordWord.SALT] === rows[before + RecordWord.SALT] &&',
    to: '',
    seenBy: 'recordsOfOtherFilesThatFollow',
    breaks: ['foreignRefused'],
  },
  {
    name: 'the position, which is that of the number',
    file: POSITION,
    from: 'return isPlaced(words, start, position, rules) ? PositionFinding.VALID : PositionFinding.MISPLACED;',
    to: 'return PositionFinding.VALID;',
    seenBy: 'recordsInOtherPlaces',
    breaks: ['misplacedRefused'],
  },
  {
    name: 'the place of a superblock',
    file: SUPERBLOCK,
    from: 'return isOurs && isWhole && words[wordOf(SUPERBLOCK_LAYOUT.copyIndex)] === index ? words : undefined;',
    to: 'return isOurs && isWhole ? words : undefined;',
    seenBy: 'superblockInTheOtherPlace',
    breaks: ['secondCopy'],
  },
];

const ORDER: readonly Safeguard[] = [
  {
    name: 'the commit is cleared first, in a crash',
    file: STORE,
    from: `    words[base + COMMIT] = 0;
    onStored((base + COMMIT) * WORD_BYTES, WORD_BYTES);
`,
    to: '',
    seenBy: 'crashes',
    breaks: ['killIsNoRot'],
  },
  {
    name: 'the commit is cleared first, for those who look on',
    file: STORE,
    from: `    words[base + COMMIT] = 0;
    words.set(uncommitted, base);
    Atomics`,
    to: `    words.set(uncommitted, base);
    Atomics`,
    seenBy: 'commitIsClearedFirstAndSetLast',
    breaks: ['commitOrder'],
  },
  {
    name: 'the commit comes last, in a crash',
    file: STORE,
    from: `    words.set(uncommitted, base);
    onStored(base * WORD_BYTES, FLIGHT_RECORD_BYTES - WORD_BYTES);
    Atomics.store(words, base + COMMIT, record[COMMIT]);
    onStored((base + COMMIT) * WORD_BYTES, WORD_BYTES);
`,
    to: `    Atomics.store(words, base + COMMIT, record[COMMIT]);
    onStored((base + COMMIT) * WORD_BYTES, WORD_BYTES);
    words.set(uncommitted, base);
    onStored(base * WORD_BYTES, FLIGHT_RECORD_BYTES - WORD_BYTES);
`,
    seenBy: 'crashes',
    breaks: ['killIsNoRot'],
  },
  {
    name: 'the commit comes last, for those who look on',
    file: STORE,
    from: `    words.set(uncommitted, base);
    Atomics.store(words, base + COMMIT, record[COMMIT]);
  }`,
    to: `    Atomics.store(words, base + COMMIT, record[COMMIT]);
    words.set(uncommitted, base);
  }`,
    seenBy: 'commitIsClearedFirstAndSetLast',
    breaks: ['commitOrder'],
  },
  {
    name: 'the sum of the header of a frame is cleared first',
    file: RING,
    from: `    Atomics.store(mapping.words, crcAt / WORD_BYTES, 0);
    mapping.onStored?.(crcAt, WORD_BYTES);
    this.#medium`,
    to: '    this.#medium',
    seenBy: 'frameIsClearedFirstAndCountsLast',
    breaks: ['commitOrder'],
  },
  {
    name: 'the frames that another destroys are taken first',
    file: RING,
    from: '    this.#disownDoomed(doomed);\n',
    to: '',
    seenBy: 'framesAreTakenOldestFirst',
    breaks: ['killIsNoRot'],
  },
  {
    name: 'the sum of the header of a frame comes last',
    file: RING,
    from: `    this.#medium.writeAt(this.#headerBytes.subarray(0, HEADER_CRC_OFFSET), this.#offset + start);
    this.#clear(end, clearEnd);
    Atomics.store(mapping.words, crcAt / WORD_BYTES, this.#header[FrameWord.HEADER_CRC]);
    mapping.onStored?.(crcAt, WORD_BYTES);
`,
    to: `    Atomics.store(mapping.words, crcAt / WORD_BYTES, this.#header[FrameWord.HEADER_CRC]);
    mapping.onStored?.(crcAt, WORD_BYTES);
    this.#medium.writeAt(this.#headerBytes.subarray(0, HEADER_CRC_OFFSET), this.#offset + start);
    this.#clear(end, clearEnd);
`,
    seenBy: 'frameIsClearedFirstAndCountsLast',
    breaks: ['commitOrder'],
  },
  {
    name: 'what is left of the last frame destroyed is zeroed',
    file: RING,
    from: '    this.#clear(end, clearEnd);\n',
    to: '',
    seenBy: 'crashes',
    breaks: ['goesOn', 'killIsNoRot', 'countedOnce'],
  },
  {
    name: 'what is left at the end of the journal is zeroed',
    file: RING,
    from: '      this.#clear(this.#position, this.#size);\n',
    to: '',
    seenBy: 'crashes',
    history: 13,
    breaks: ['killIsNoRot', 'goesOn'],
  },
  {
    name: 'the data before the mark of a sync',
    file: WRITER,
    from: `      this.#medium.sync();
      this.#superblocks.write(marks);`,
    to: `      this.#superblocks.write(marks);
      this.#medium.sync();`,
    seenBy: 'crashes',
    breaks: ['markNeverLeads', 'keptAfterSync'],
  },
  {
    name: 'a sync before the newest synced state is destroyed',
    file: RING,
    from: 'if (this.#newestSyncedBase >= 0 && this.#newestSyncedBase < firstKept) this.#sync();',
    to: '',
    seenBy: 'newestSyncedStateIsKept',
    breaks: ['baseIsThere'],
  },
  {
    name: 'superblocks in turn',
    file: SUPERBLOCK,
    from: 'const copyIndex = 1 - this.#copyIndex;',
    to: 'const copyIndex = this.#copyIndex;',
    seenBy: 'crashes',
    breaks: ['opens', 'markTrailsByOne', 'neverWrong', 'keptAfterKill', 'keptAfterSync'],
  },
];

const RECOVERING: readonly Safeguard[] = [
  {
    name: 'islands are zeroed',
    file: RECOVERY,
    from: 'for (const scrub of scrubs) clear(medium, scrub);',
    to: 'if (scrubs.length < 0) clear(medium, scrubs[0]);',
    seenBy: 'crashes',
    breaks: ['recoveryKeeps', 'countedOnce'],
  },
  {
    name: 'what is zeroed is handed over before',
    file: RECOVERY,
    from: 'for (const scrub of scrubs) handOver(medium, scrub, options.onScrub);',
    to: 'if (scrubs.length < 0) handOver(medium, scrubs[0], options.onScrub);',
    seenBy: 'crashes',
    breaks: ['handedOver'],
  },
  {
    name: 'a sync before recovery writes a superblock',
    file: RECOVERY,
    from: `written over.
  medium.sync();
`,
    to: 'written over.\n',
    seenBy: 'crashes',
    breaks: ['markNeverLeads'],
  },
  {
    name: 'the state that says that losses are counted',
    file: RECOVERY,
    from: 'superblocks.write({ ...counted, state: LogState.RECOVERING });',
    to: 'superblocks.write({ ...counted, state: LogState.OPEN });',
    seenBy: 'crashes',
    breaks: ['countedOnce'],
  },
  {
    name: 'a sync before islands are zeroed',
    file: RECOVERY,
    from: `    medium.sync();
    for (const scrub of scrubs)`,
    to: '    for (const scrub of scrubs)',
    seenBy: 'crashes',
    breaks: ['countedOnce'],
  },
  {
    name: 'a sync after islands are zeroed',
    file: RECOVERY,
    from: `clear(medium, scrub);
    medium.sync();
`,
    to: 'clear(medium, scrub);\n',
    seenBy: 'crashes',
    breaks: ['countedOnce'],
  },
  {
    name: 'numbers up to which losses are counted',
    file: WINDOW,
    from: 'const wasCounted = isWhole ? expected <= countedSequence : state === LogState.RECOVERING;',
    to: 'const wasCounted = isWhole ? countedSequence < 0 : state === LogState.RECOVERING;',
    seenBy: 'crashes',
    breaks: ['countedOnce'],
  },
  {
    name: 'numbers that only the journal knows',
    file: WINDOW,
    from: 'const newest = Math.max(table.highest, syncedSequence, newestRecord, firstSequence - 1);',
    to: 'const newest = Math.max(table.highest, syncedSequence, Math.min(0, newestRecord), firstSequence - 1);',
    seenBy: 'crashes',
    breaks: ['numbersOnce', 'markNeverLeads'],
  },
  {
    name: 'numbers that only the mark knows',
    file: WINDOW,
    from: 'const newest = Math.max(table.highest, syncedSequence, newestRecord, firstSequence - 1);',
    to: 'const newest = Math.max(table.highest, Math.min(0, syncedSequence), newestRecord, firstSequence - 1);',
    seenBy: 'crashes',
    breaks: ['numbersOnce', 'markNeverLeads'],
  },
];

const CALLS: readonly Safeguard[] = [
  {
    name: 'an error of a sync that stays',
    file: WRITER,
    from: `      this.#superblocks.write(marks);
    } catch (error) {
      this.#end = error;`,
    to: `      this.#superblocks.write(marks);
    } catch (error) {`,
    seenBy: 'syncThatFailedIsFinal',
    breaks: ['syncIsFinal'],
  },
  {
    name: 'the commits of a failed write are zeroed',
    file: WRITER,
    from: '        this.#eraseCommits(run);\n',
    to: '',
    seenBy: 'writeThatFailedDoesNotCount',
    breaks: ['failedWrite'],
  },
  {
    name: 'the lock of the kernel',
    file: 'node/file-lock.ts',
    from: "if (file.lock()) return 'flock';",
    to: "if (file.calls.withoutNative === undefined) return 'flock';",
    seenBy: 'secondWriterIsRefusedByTheKernel',
    breaks: ['lockRefuses'],
  },
  {
    name: 'the note of a writer, where there is no such lock',
    file: 'node/file-lock.ts',
    from: 'if (!isStale(holder, this.#kind, livenessOf)) throw this.#refusal(holder);',
    to: '',
    seenBy: 'secondWriterIsRefusedByTheNote',
    breaks: ['lockRefuses'],
  },
];

/** All of them. */
export const SAFEGUARDS: readonly Safeguard[] = [...SUMS, ...TIES, ...ORDER, ...RECOVERING, ...CALLS];
