/** A schedule run once more, with every access written down. */

import type { StepProgram } from '../kernel/index.ts';
import { READ_MODIFY_WRITES, StepCode } from '../kernel/index.ts';
import type { Scenario } from '../scenario/index.ts';
import { nameFlatWord } from './flat-memory.ts';
import type { TracedAccess } from './run.ts';
import { ScheduledRun, ScheduleFollower } from './schedule.ts';
import { StepMachine } from './step-machine.ts';
import type { TokenContent } from './token.ts';

export function traceSchedule(scenario: Scenario, program: StepProgram, content: TokenContent): TracedAccess[] {
  const accesses: TracedAccess[] = [];
  const machine = new StepMachine(scenario, program, {
    memory: content.memory,
    maxSteps: content.maxSteps,
    listener: (...access) => accesses.push(describe(...access)),
  });
  new ScheduledRun().take(machine, new ScheduleFollower(content.schedule));
  return accesses;
}

function describe(machine: StepMachine, lane: number, found: number, left: number, isContended: boolean): TracedAccess {
  const { lanes, program, flat } = machine;
  const { code, access, routine, isTurn, usesOldValue } = program.sites[lanes.site[lane]];
  const stores = code !== StepCode.LOAD && (code !== StepCode.COMPARE_EXCHANGE || found === lanes.value[lane]);
  return {
    record: lane,
    ...nameFlatWord(flat, lanes.address[lane]),
    kind: kindOf(code),
    access,
    routine,
    isTurn,
    found: code === StepCode.STORE ? undefined : found,
    usesFound: code === StepCode.LOAD || code === StepCode.COMPARE_EXCHANGE || usesOldValue,
    stored: stores ? left : undefined,
    isContended,
  };
}

function kindOf(code: number): TracedAccess['kind'] {
  if (code === StepCode.LOAD) return 'load';
  if (code === StepCode.STORE) return 'store';
  if (code === StepCode.COMPARE_EXCHANGE) return 'compareExchange';
  return READ_MODIFY_WRITES[code - StepCode.FIRST_READ_MODIFY_WRITE];
}
