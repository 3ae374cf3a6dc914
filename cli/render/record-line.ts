/** A record as a line of text or of JSON, wherever it comes from. */

import { type FailureEvidence, failureClassName } from '../../src/log/index.ts';

/** What a line says. */
export interface PrintedRecord {
  /** Of a v2 record. */
  readonly sequence: number | undefined;
  readonly timestampNs: bigint;
  readonly slotIndex: number;
  readonly tenantId: number;
  readonly opcode: number;
  /** Of a v2 record. */
  readonly priority: number | undefined;
  /** Four of a v1 record, twelve of a v2 record. */
  readonly args: readonly number[];
  readonly epoch: number;
  readonly failure?: FailureEvidence | undefined;
}

/** A line of `vrrl dump` and `vrrl tail`. */
export function recordText(record: PrintedRecord): string {
  const { sequence, timestampNs, slotIndex, tenantId, opcode, priority, args, epoch } = record;
  const number = sequence === undefined ? '' : `${sequence} `;
  const rank = priority === undefined ? '' : ` ${priority}`;
  return `${number}${timestampNs} ${slotIndex} ${tenantId} ${opcode}${rank} ${args.join(' ')} ${epoch}\n`;
}

/** The same with `--json`. Written out by hand: JSON.stringify of an object a record takes three times as long. */
export function recordJson(record: PrintedRecord): string {
  const { sequence, timestampNs, slotIndex, tenantId, opcode, priority, args, epoch, failure } = record;
  const number = sequence === undefined ? '' : `"sequence":${sequence},`;
  const rank = priority === undefined ? '' : `"priority":${priority},`;
  return (
    `{${number}"timestampNs":"${timestampNs}","slotIndex":${slotIndex},"tenantId":${tenantId},` +
    `"opcode":${opcode},${rank}"args":[${args.join(',')}],"epoch":${epoch}${failureMember(failure)}}\n`
  );
}

function failureMember(failure: FailureEvidence | undefined): string {
  if (failure === undefined) return '';
  const { slotStatus, failureClass, backendCode, outputDigest } = failure;
  const digest = outputDigest.toString(16).padStart(16, '0');
  const name = failureClassName(failureClass);
  return `,"failure":{"slotStatus":${slotStatus},"failureClass":"${name}","backendCode":${backendCode},"outputDigest":"${digest}"}`;
}
