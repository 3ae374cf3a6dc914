/** The commands there are, in the order of the help. Each is loaded when it is wanted: all of them are some hundred modules. */

import type { AddCommand } from '../context.ts';

type LoadCommand = () => Promise<AddCommand>;

export const COMMANDS: ReadonlyMap<string, LoadCommand> = new Map<string, LoadCommand>([
  ['demo', async () => (await import('./demo.ts')).addDemo],
  ['record', async () => (await import('./record.ts')).addRecord],
  ['info', async () => (await import('./info.ts')).addInfo],
  ['dump', async () => (await import('./dump.ts')).addDump],
  ['tail', async () => (await import('./tail.ts')).addTail],
  ['verify', async () => (await import('./verify.ts')).addVerify],
  ['recover', async () => (await import('./recover.ts')).addRecover],
  ['convert', async () => (await import('./convert.ts')).addConvert],
  ['trim', async () => (await import('./trim.ts')).addTrim],
  ['filter', async () => (await import('./filter.ts')).addFilter],
  ['merge', async () => (await import('./merge.ts')).addMerge],
  ['replay', async () => (await import('./replay.ts')).addReplay],
  ['report', async () => (await import('./report.ts')).addReport],
  ['reduce', async () => (await import('./reduce.ts')).addReduce],
  ['explain', async () => (await import('./explain.ts')).addExplain],
  ['explore', async () => (await import('./explore.ts')).addExplore],
  ['tune', async () => (await import('./tune.ts')).addTune],
  ['mutants', async () => (await import('./mutants.ts')).addMutants],
  ['diff', async () => (await import('./diff.ts')).addDiff],
  ['judge', async () => (await import('./judge.ts')).addJudge],
  ['kernel', async () => (await import('./kernel.ts')).addKernel],
  ['doctor', async () => (await import('./doctor.ts')).addDoctor],
  ['backend-check', async () => (await import('./backend-check.ts')).addBackendCheck],
]);
