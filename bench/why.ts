/** Explaining, exploring and judging: what tells why runs differ. About ten seconds. */

import { explain } from '../src/explain/index.ts';
import { sample } from '../src/explore/index.ts';
import { findModel, judgeHistory, parseHistory } from '../src/histories/index.ts';
import { contendedEpoch } from '../test/explain/contended.ts';
import { simulateRegisters, textOf } from '../test/histories/simulated-register.ts';
import { contendingLanes } from './contending.ts';
import { type Contender, type Measurement, measureInTurn, thousandsPerSecond } from './measurement.ts';

const SCHEDULES = 50_000;
/** Of which each round explains one, so that the median over the rounds is the median epoch. */
const EPOCHS = 101;
const JUDGE_ROUNDS = 9;

export function measureWhy(rounds: number): Measurement[] {
  return [...measureInTurn(explorers(), rounds), ...explainers(), ...measureInTurn([judge()], JUDGE_ROUNDS)];
}

function explorers(): Contender[] {
  const scenario = contendingLanes(4, 10);
  let seed = 0;
  return (['uniform', 'pct', 'pos', 'urw'] as const).map((sampler) => ({
    name: `explore: schedules of 4 lanes with 10 accesses each, ${sampler}`,
    unit: 'k schedules/s',
    scale: (milliseconds) => thousandsPerSecond(SCHEDULES, milliseconds),
    run: () => {
      seed += 1;
      sample(scenario, { sampler, memory: 'sequential', runs: SCHEDULES, seed }, () => {});
    },
  }));
}

function explainers(): Measurement[] {
  return [
    explainEpochs('explain: an epoch of 64 contended slots over 16 words', {}),
    explainEpochs('explain: the same with 15% copies', { copies: 0.15 }),
    explainEpochs('explain: the same without copies, one word told otherwise', { isBroken: true }),
  ];
}

function explainEpochs(name: string, kind: { readonly copies?: number; readonly isBroken?: boolean }): Measurement {
  let seed = 0;
  let next = epochOf(seed);
  const verdicts = new Map<string, number>();
  const [measurement] = measureInTurn(
    [
      {
        name,
        unit: 'ms',
        scale: (milliseconds) => milliseconds,
        prepare: () => {
          seed += 1;
          next = epochOf(seed);
        },
        run: () => {
          const { verdict } = explain(next.scenario, next.outcome);
          verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
        },
      },
    ],
    EPOCHS,
  );
  const counts = [...verdicts].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
  return { ...measurement, name: `${name} (${counts})`, isVaried: true };

  function epochOf(which: number) {
    return contendedEpoch({ slots: 64, words: 16, seed: which, ...kind });
  }
}

/** As many histories as there are logs of etcd in Knossos and Porcupine, of the same length. */
function judge(): Contender {
  const model = findModel('cas-register');
  if (model === undefined) throw new Error('there is no model cas-register');
  const texts = simulateRegisters({ seed: 1, count: 102, operations: 84 }).map(textOf);
  return {
    name: 'judge: 102 histories of a compare-and-set register, parsed and judged',
    unit: 'ms',
    scale: (milliseconds) => milliseconds,
    run: () => {
      for (const text of texts) judgeHistory(parseHistory(text, model), { contradiction: false });
    },
  };
}
