/** Where the sections of a log are. */

import { InputError } from '../base/errors.ts';
import { checkCapacity, MAX_CAPACITY } from '../log/index.ts';
import {
  FLIGHT_RECORD_BYTES,
  HINTS_OFFSET,
  MAX_SECTIONS,
  METADATA_OFFSET,
  PAGE_BYTES,
  SectionKind,
  wholePages,
} from './layout.ts';

/** The most bytes that a journal may have. */
export const MAX_JOURNAL_BYTES = 0x10_0000_0000;
/** The most that a file may have: opening extends one that is too short, and nobody's disk is to be filled by a number. */
const MAX_FILE_BYTES: number = 2 * MAX_JOURNAL_BYTES;

export interface FlightGeometry {
  /** Records that the log has room for. */
  readonly capacity: number;
  readonly hintsOffset: number;
  readonly metadataOffset: number;
  readonly metadataBytes: number;
  readonly slotsOffset: number;
  readonly journalOffset: number;
  /** 0: the log keeps no observations. */
  readonly journalBytes: number;
  readonly metadataCopyOffset: number;
  /** The length of the file. */
  readonly fileBytes: number;
}

/** An entry of the superblock's table. */
export interface Section {
  readonly kind: number;
  readonly unitBytes: number;
  readonly offset: number;
  readonly unitCount: number;
}

/**
 * Lays a new log out.
 *
 * @throws ZeroCapacityError, CapacityOverflowError, InputError if a size is impossible.
 */
export function planGeometry(capacity: number, journalBytes: number, metadataBytes: number): FlightGeometry {
  checkCapacity(capacity);
  if (!Number.isInteger(journalBytes) || journalBytes < 0 || journalBytes > MAX_JOURNAL_BYTES) {
    throw new InputError(
      `the journal asked for has ${journalBytes} bytes, expected 0 to ${MAX_JOURNAL_BYTES}`,
      'pass a whole number of bytes.',
    );
  }
  const metadataRoom = wholePages(metadataBytes);
  const journalRoom = wholePages(journalBytes);
  const slotsOffset = METADATA_OFFSET + metadataRoom;
  const journalOffset = slotsOffset + wholePages(capacity * FLIGHT_RECORD_BYTES);
  const metadataCopyOffset = journalOffset + journalRoom;
  return {
    capacity,
    hintsOffset: HINTS_OFFSET,
    metadataOffset: METADATA_OFFSET,
    metadataBytes: metadataRoom,
    slotsOffset,
    journalOffset,
    journalBytes: journalRoom,
    metadataCopyOffset,
    fileBytes: metadataCopyOffset + metadataRoom,
  };
}

/** The table that says so. */
export function sectionsOf(geometry: FlightGeometry): Section[] {
  const pages = (bytes: number): number => bytes / PAGE_BYTES;
  const { metadataBytes, journalBytes, capacity } = geometry;
  const paged = (kind: number, offset: number, bytes: number): Section => ({
    kind,
    unitBytes: PAGE_BYTES,
    offset,
    unitCount: pages(bytes),
  });
  return [
    paged(SectionKind.HINTS, geometry.hintsOffset, PAGE_BYTES),
    paged(SectionKind.METADATA, geometry.metadataOffset, metadataBytes),
    { kind: SectionKind.SLOTS, unitBytes: FLIGHT_RECORD_BYTES, offset: geometry.slotsOffset, unitCount: capacity },
    ...(journalBytes === 0 ? [] : [paged(SectionKind.JOURNAL, geometry.journalOffset, journalBytes)]),
    paged(SectionKind.METADATA_COPY, geometry.metadataCopyOffset, metadataBytes),
  ];
}

/** Reads a table; a sentence if it makes no sense. */
export function geometryOf(sections: readonly Section[]): FlightGeometry | string {
  const problem = sectionsProblem(sections);
  if (problem !== undefined) return problem;
  const hints = findSection(sections, SectionKind.HINTS);
  const metadata = findSection(sections, SectionKind.METADATA);
  const metadataCopy = findSection(sections, SectionKind.METADATA_COPY);
  const slots = findSection(sections, SectionKind.SLOTS);
  const journal = findSection(sections, SectionKind.JOURNAL);
  if (hints === undefined || metadata === undefined || metadataCopy === undefined || slots === undefined) {
    return 'has a table that lacks a section';
  }
  if (slots.unitBytes !== FLIGHT_RECORD_BYTES || slots.unitCount < 1 || slots.unitCount > MAX_CAPACITY) {
    return `has slots of ${slots.unitCount} times ${slots.unitBytes} bytes`;
  }
  const journalBytes = journal === undefined ? 0 : sizeOf(journal);
  if (sizeOf(metadata) !== sizeOf(metadataCopy) || sizeOf(metadata) < PAGE_BYTES || sizeOf(hints) < PAGE_BYTES) {
    return 'has a section of an impossible size';
  }
  if (journalBytes > MAX_JOURNAL_BYTES) return `has a journal of ${journalBytes} bytes`;
  return {
    capacity: slots.unitCount,
    hintsOffset: hints.offset,
    metadataOffset: metadata.offset,
    metadataBytes: sizeOf(metadata),
    slotsOffset: slots.offset,
    journalOffset: journal?.offset ?? metadataCopy.offset,
    journalBytes,
    metadataCopyOffset: metadataCopy.offset,
    fileBytes: Math.max(...sections.map((section) => section.offset + wholePages(sizeOf(section)))),
  };
}

function findSection(sections: readonly Section[], kind: number): Section | undefined {
  return sections.find((section) => section.kind === kind);
}

function sizeOf({ unitBytes, unitCount }: Section): number {
  return unitBytes * unitCount;
}

function sectionsProblem(sections: readonly Section[]): string | undefined {
  if (sections.length > MAX_SECTIONS) return `has a table of ${sections.length} sections`;
  const kinds = new Set(sections.map(({ kind }) => kind));
  if (kinds.size !== sections.length) return 'has a table that names a section twice';
  const sorted = [...sections].sort((left, right) => left.offset - right.offset);
  let free = HINTS_OFFSET;
  for (const section of sorted) {
    const end = section.offset + sizeOf(section);
    if (!(end <= MAX_FILE_BYTES) || section.offset % PAGE_BYTES !== 0) return 'has a section where none can be';
    if (section.offset < free) return 'has sections that overlap';
    free = end;
  }
  return undefined;
}
