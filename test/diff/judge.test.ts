import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Judgement, judge, type Verdict } from '../../src/diff/index.ts';
import type { ObservationLayout } from '../../src/observe/index.ts';
import { type EpochReplay, planReplay, type ReplayMode, type ReplayPlan, replayOn } from '../../src/replay/index.ts';
import {
  logOnly,
  namedEpochs,
  recordingOf,
  recordRun,
  replayOnAll,
  ScriptedBackend,
  type Show,
} from '../replay/recordings.ts';

const RECORDS_START = 3;
const RECORD_COUNT = 4;
const CURSOR = 2;

/** Two exact words, a cursor, and four records of a word. */
function layoutWith(cursorIsIgnored: boolean): ObservationLayout {
  const cursor = { name: 'cursor', area: 'words', start: CURSOR, count: 1, equivalence: 'ignored' } as const;
  return {
    areas: [{ name: 'words', words: RECORDS_START + RECORD_COUNT }],
    regions: [
      ...(cursorIsIgnored ? [cursor] : []),
      {
        name: 'records',
        area: 'words',
        start: RECORDS_START,
        count: RECORD_COUNT,
        equivalence: 'multiset',
        usedWordsAt: CURSOR,
      },
    ],
  };
}

const FAULT = { slotIndex: 0, opcode: 1, reason: 'RAISED', message: 'on purpose', words: [3, 1] } as const;

/** What happened, and what a test told it to be. */
interface Scenario {
  readonly cursorIsIgnored: boolean;
  readonly mode: ReplayMode;
  /** Undefined if there is only the log. */
  readonly recorded: readonly Show[] | undefined;
  readonly epochs: number;
  readonly replicas: number;
  /** For each backend, replica and epoch what it shows. */
  readonly backends: readonly (readonly (readonly Show[])[])[];
}

type Relation = 'same' | 'different' | 'unknown';

/** How two shows relate, told from their words one by one. */
function relationOf(left: Show, right: Show, cursorIsIgnored: boolean): Relation {
  const exactWords = cursorIsIgnored ? [0, 1] : [0, 1, CURSOR];
  const isOff =
    exactWords.some((word) => left.words[word] !== right.words[word]) ||
    left.faults?.length !== right.faults?.length ||
    left.pending?.length !== right.pending?.length;
  if (isOff) return 'different';
  const recordsOf = ({ words }: Show) =>
    words
      .slice(RECORDS_START, RECORDS_START + Math.min(words[CURSOR], RECORD_COUNT))
      .sort()
      .join();
  if (recordsOf(left) === recordsOf(right)) return 'same';
  const isOverflowed = [left, right].some(({ words }) => words[CURSOR] > RECORD_COUNT);
  return isOverflowed ? 'unknown' : 'different';
}

/** What one backend did, as the model has it. */
interface ModelReplay {
  readonly outcomes: Show[][];
  readonly reasons: boolean[];
  diverged: number;
  compared: number;
  run: number;
  fault: boolean;
}

/** What replicas are compared with, epoch by epoch: as recorded, or found by the replicas before. */
type ModelBaseline = (Show | undefined)[];

function modelReplays(scenario: Scenario): ModelReplay[] {
  const baseline: ModelBaseline = [...(scenario.recorded ?? [])];
  return scenario.backends.map((shows) => modelReplay(scenario, shows, baseline));
}

function modelReplay(scenario: Scenario, shows: readonly (readonly Show[])[], baseline: ModelBaseline): ModelReplay {
  const { recorded, epochs, mode, cursorIsIgnored } = scenario;
  const indices = [...new Array(epochs).keys()];
  const model: ModelReplay = {
    outcomes: indices.map(() => []),
    reasons: indices.map((epoch) => (recorded?.[epoch].faults?.length ?? 0) > 0),
    diverged: 0,
    compared: 0,
    run: 0,
    fault: false,
  };
  const planReasons = [...model.reasons];
  for (const replica of shows) {
    let isKnown = true;
    let diverged = false;
    let compared = false;
    for (const [epoch, show] of replica.entries()) {
      const isCarried = mode === 'chained' && isKnown;
      const canRestore = recorded !== undefined && (recorded[epoch - 1]?.pending?.length ?? 0) === 0;
      if (!isCarried && epoch > 0 && !canRestore) {
        model.reasons[epoch] = true;
        isKnown = false;
        continue;
      }
      if (show.error !== undefined) {
        model.fault = true;
        return model;
      }
      model.outcomes[epoch].push(show);
      const faulted = (show.faults?.length ?? 0) > 0;
      // Without a recording a fault is a reason not to judge, so it is neither compared nor compared with.
      const isComparable = recorded !== undefined || !faulted;
      const expected = isComparable ? baseline[epoch] : undefined;
      const differs = expected !== undefined && relationOf(expected, show, cursorIsIgnored) === 'different';
      if (expected !== undefined) compared = true;
      if (isComparable) baseline[epoch] ??= show;
      if (differs && !planReasons[epoch]) {
        diverged = true;
        if (mode === 'chained') break;
      }
      if (recorded === undefined && faulted) model.reasons[epoch] = true;
      isKnown = !differs && !faulted;
    }
    model.run += 1;
    if (compared) model.compared += 1;
    if (diverged) model.diverged += 1;
  }
  return model;
}

/** Every pair of outcomes of an epoch, the recorded one among them. */
function relationsIn(scenario: Scenario, epoch: number, replays: readonly ModelReplay[]): Set<Relation> {
  const { recorded, cursorIsIgnored } = scenario;
  const shows = [
    ...(recorded === undefined ? [] : [recorded[epoch]]),
    ...replays.flatMap((each) => each.outcomes[epoch]),
  ];
  return new Set(shows.flatMap((left) => shows.map((right) => relationOf(left, right, cursorIsIgnored))));
}

function modelVerdict(scenario: Scenario, epoch: number, replays: readonly ModelReplay[]): Verdict {
  const clear = replays.filter(({ reasons }) => !reasons[epoch]);
  const relations = relationsIn(scenario, epoch, clear);
  if (relations.has('different')) return 'diverge';
  if (clear.length < replays.length) return 'unknown';
  if (relations.has('unknown')) return 'unknown';
  // One outcome that nothing is compared with agrees with nothing.
  if (scenario.recorded === undefined && replays.flatMap((each) => each.outcomes[epoch]).length === 1) return 'unknown';
  return replays.every(({ outcomes }) => outcomes[epoch].length > 0) ? 'agree' : 'unknown';
}

/** The one of at least three steady sources that the others, all alike, disagree with. */
function modelOddOneOut(scenario: Scenario, epoch: number, replays: readonly ModelReplay[]): string | undefined {
  const { recorded, cursorIsIgnored } = scenario;
  const isSame = (left: Show, right: Show) => relationOf(left, right, cursorIsIgnored) === 'same';
  const sources = [
    ...(recorded === undefined ? [] : [{ name: 'recording', shows: [recorded[epoch]] }]),
    ...replays.map(({ outcomes }, index) => ({ name: `backend${index}`, shows: outcomes[epoch] })),
  ].filter(({ shows }) => shows.length > 0);
  const isSteady = sources.every(({ shows }) => shows.every((show) => isSame(show, shows[0])));
  if (sources.length < 3 || !isSteady) return undefined;
  const odd = sources.filter((candidate) => {
    const others = sources.filter((each) => each !== candidate);
    const areAlike = others.every(({ shows }) => isSame(shows[0], others[0].shows[0]));
    return areAlike && relationOf(candidate.shows[0], others[0].shows[0], cursorIsIgnored) === 'different';
  });
  return odd.at(0)?.name;
}

async function planOf({ recorded, epochs, cursorIsIgnored }: Scenario): Promise<ReplayPlan> {
  const blank: Show = { words: new Array(RECORDS_START + RECORD_COUNT).fill(0) };
  const layout = layoutWith(cursorIsIgnored);
  const recorder = new ScriptedBackend('recorder', layout, (_replica, epoch) => recorded?.[epoch] ?? blank);
  const run = await recordRun(namedEpochs(epochs), recorder);
  return planReplay(recorded === undefined ? logOnly(run) : recordingOf(run));
}

async function judgeScenario(scenario: Scenario): Promise<Judgement> {
  const plan = await planOf(scenario);
  const layout = layoutWith(scenario.cursorIsIgnored);
  const backends = scenario.backends.map(
    (shows, index) => new ScriptedBackend(`backend${index}`, layout, (replica, epoch) => shows[replica][epoch]),
  );
  const { mode, replicas } = scenario;
  return judge(plan, await replayOnAll(plan, backends, { mode, replicas }));
}

const anyWords = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 1),
    fc.constantFrom(0, 0, 2, 5, 6),
    fc.array(fc.nat(1), { minLength: 4, maxLength: 4 }),
  )
  .map(([word, cursor, records]) => [word, 7, cursor, ...records]);
const anyShow: fc.Arbitrary<Show> = fc.oneof(
  { weight: 12, arbitrary: anyWords.map((words) => ({ words, faults: [], pending: [] })) },
  { weight: 1, arbitrary: anyWords.map((words) => ({ words, faults: [FAULT], pending: [] })) },
  { weight: 1, arbitrary: anyWords.map((words) => ({ words, faults: [], pending: [0] })) },
);
const failing: Show = { words: [], error: new Error('on purpose') };

/** Mostly the same show of an epoch everywhere, or no agreement would ever come about. */
const anyScenario: fc.Arbitrary<Scenario> = fc
  .record({
    epochs: fc.integer({ min: 1, max: 4 }),
    replicas: fc.integer({ min: 1, max: 3 }),
    backends: fc.integer({ min: 1, max: 4 }),
  })
  .chain(({ epochs, replicas, backends }) =>
    fc
      .record({
        cursorIsIgnored: fc.boolean(),
        isIsolated: fc.boolean(),
        isRecorded: fc.boolean(),
        usual: fc.array(anyShow, { minLength: epochs, maxLength: epochs }),
        others: fc.array(
          fc.record({
            backend: fc.nat(backends),
            replica: fc.option(fc.nat(replicas - 1)),
            epoch: fc.nat(epochs - 1),
            show: fc.oneof({ weight: 8, arbitrary: anyShow }, { weight: 1, arbitrary: fc.constant(failing) }),
          }),
          { maxLength: 4 },
        ),
      })
      .map(({ cursorIsIgnored, isIsolated, isRecorded, usual, others }): Scenario => {
        // The last "backend" is the recording, which cannot fail.
        const shownBy = (backend: number, replica: number, epoch: number) =>
          others.find(
            (other) =>
              other.backend === backend &&
              other.epoch === epoch &&
              (other.replica === null || other.replica === replica) &&
              (backend < backends || other.show !== failing),
          )?.show ?? usual[epoch];
        const rows = (backend: number, count: number) =>
          Array.from({ length: count }, (_row, replica) =>
            usual.map((_show, epoch) => shownBy(backend, replica, epoch)),
          );
        return {
          cursorIsIgnored,
          mode: isIsolated && isRecorded ? 'isolated' : 'chained',
          recorded: isRecorded ? rows(backends, 1)[0] : undefined,
          epochs,
          replicas,
          backends: Array.from({ length: backends }, (_, backend) => rows(backend, replicas)),
        };
      }),
  );

/** The others differ from the first outcome of a backend on which something faulted later: whose fault it is, nobody knows. */
const faultBesideTheFirstOutcome: Scenario = {
  ...ofWords(undefined, [[0], [0]], [[1], [1]], [[1], [1]]),
  backends: [
    [0, 0],
    [1, 1],
    [1, 1],
  ].map((words, backend) =>
    words.map((word, replica) => {
      return [{ words: [word, 7, 0, 0, 0, 0, 0], faults: backend === 0 && replica === 1 ? [FAULT] : [], pending: [] }];
    }),
  ),
};

describe('the judgement of any recording and any replays', () => {
  it('agrees, diverges or cannot tell exactly where a comparison of everything with everything does', async () => {
    const verdictsSeen = new Set<string>();
    const property = fc.asyncProperty(anyScenario, async (scenario) => {
      const judgement = await judgeScenario(scenario);
      const replays = modelReplays(scenario);
      const verdicts = [...new Array(scenario.epochs).keys()].map((epoch) => modelVerdict(scenario, epoch, replays));
      const hasFault = replays.some(({ fault }) => fault);
      const count = (verdict: Verdict) => verdicts.filter((each) => each === verdict).length;
      const first = verdicts.indexOf('diverge');
      const isUnknown = verdicts.includes('unknown') || hasFault;
      expect(judgement.verdict).toBe(first >= 0 ? 'diverge' : isUnknown ? 'unknown' : 'agree');
      expect(judgement.epochs).toMatchObject({
        total: scenario.epochs,
        agreeing: count('agree'),
        diverging: count('diverge'),
        unknown: count('unknown'),
      });
      expect(judgement.firstDivergence?.epoch).toBe(first < 0 ? undefined : first);
      expect(judgement.oddOneOut?.source).toBe(first < 0 ? undefined : modelOddOneOut(scenario, first, replays));
      for (const [index, replay] of replays.entries()) {
        const seen = judgement.backends[index];
        expect(seen).toMatchObject({ replicas: scenario.replicas, replicasRun: replay.run });
        expect(seen.fault !== undefined).toBe(replay.fault);
        expect(seen.divergedReplicas).toMatchObject({ count: replay.diverged, total: replay.compared });
        const isUnsteady = replay.outcomes.some(
          (shows, epoch) => !replay.reasons[epoch] && hasDifferent(shows, scenario.cursorIsIgnored),
        );
        expect(seen.differsFromItself).toBe(isUnsteady);
      }
      verdictsSeen.add(`${judgement.verdict} ${judgement.oddOneOut?.source}`);
    });
    await fc.assert(property, { numRuns: 1_500, examples: [[faultBesideTheFirstOutcome]] });
    // Otherwise the scenarios prove nothing.
    expect(verdictsSeen).toContain('agree undefined');
    expect(verdictsSeen).toContain('unknown undefined');
    expect(verdictsSeen).toContain('diverge undefined');
    expect(verdictsSeen).toContain('diverge recording');
    expect(verdictsSeen).toContain('diverge backend0');
  });
});

function hasDifferent(shows: readonly Show[], cursorIsIgnored: boolean): boolean {
  return shows.some((left) => shows.some((right) => relationOf(left, right, cursorIsIgnored) === 'different'));
}

/** A scenario of one word, isolated, from what each source shows in its replicas of each epoch. */
function ofWords(
  recorded: readonly number[] | undefined,
  ...backends: readonly (readonly (readonly number[])[])[]
): Scenario {
  const show = (word: number): Show => ({ words: [word, 7, 0, 0, 0, 0, 0] });
  return {
    cursorIsIgnored: false,
    mode: recorded === undefined ? 'chained' : 'isolated',
    recorded: recorded?.map(show),
    epochs: backends[0][0].length,
    replicas: backends[0].length,
    backends: backends.map((replicas) => replicas.map((words) => words.map(show))),
  };
}

describe('the odd one out', () => {
  it.each([
    ['a backend against the recording and another', ofWords([1], [[2]], [[1]]), 'backend0'],
    ['the recording against two backends', ofWords([1], [[2]], [[2]]), 'recording'],
    ['a backend against two others, without a recording', ofWords(undefined, [[1]], [[1]], [[2]]), 'backend2'],
    ['one of four', ofWords([1], [[1]], [[3]], [[1]]), 'backend1'],
    ['nobody of two', ofWords([1], [[2]]), undefined],
    ['nobody if all differ', ofWords([1], [[2]], [[3]]), undefined],
    ['nobody if two differ', ofWords([1], [[1]], [[2]], [[2]]), undefined],
    ['nobody if the one that differs also differs from itself', ofWords([1], [[1], [1]], [[1], [2]]), undefined],
    ['nobody if a witness differs from itself', ofWords([1], [[2], [2]], [[1], [2]], [[1], [1]]), undefined],
    ['told by the first epoch that diverges', ofWords([1, 1, 1], [[1, 2, 1]], [[1, 1, 3]]), 'backend0'],
  ])('is %s', async (_case, scenario, expected) => {
    expect((await judgeScenario(scenario)).oddOneOut?.source).toBe(expected);
  });

  it('is told with the others, and the epoch', async () => {
    const judgement = await judgeScenario(ofWords([1, 1], [[1, 2]], [[1, 1]]));
    expect(judgement.oddOneOut).toEqual({ source: 'backend0', epoch: 1, others: ['recording', 'backend1'] });
  });

  it('is what was seen, and the others are what was expected, even if it ran first', async () => {
    const { firstDivergence } = await judgeScenario(ofWords(undefined, [[2]], [[1]], [[1]]));
    expect(firstDivergence).toMatchObject({ comparedWith: 'backend1', expected: '1', backend: 'backend0', seen: '2' });
  });

  it('is told among backends of one name', async () => {
    const scenario = ofWords([1], [[1]], [[2]]);
    const plan = await planOf(scenario);
    const backends = [1, 2].map(
      (word) => new ScriptedBackend('mine', layoutWith(false), () => ({ words: [word, 7, 0, 0, 0, 0, 0] })),
    );
    const judgement = judge(plan, await replayOnAll(plan, backends));
    expect(judgement.oddOneOut).toEqual({ source: 'mine', epoch: 0, others: ['recording', 'mine'] });
  });
});

describe('a backend that differs from itself', () => {
  it('is told apart from one that differs from the recording', async () => {
    const { backends } = await judgeScenario(ofWords([1], [[2], [2]], [[1], [2]], [[1], [1]]));
    expect(backends.map(({ differsFromItself, verdict }) => [differsFromItself, verdict])).toEqual([
      [false, 'diverge'],
      [true, 'diverge'],
      [false, 'agree'],
    ]);
    expect(backends.map(({ mostOutcomes }) => mostOutcomes)).toEqual([1, 2, 1]);
    expect(backends.map(({ divergedReplicas }) => divergedReplicas?.count)).toEqual([2, 1, 0]);
  });

  it('is told apart from one that differs from another one where nothing was recorded, which blames nobody', async () => {
    const judgement = await judgeScenario(ofWords(undefined, [[1], [1]], [[2], [2]]));
    expect(judgement.verdict).toBe('diverge');
    expect(judgement.backends.map(({ differsFromItself, verdict }) => [differsFromItself, verdict])).toEqual([
      [false, 'agree'],
      [false, 'agree'],
    ]);
  });

  it('is told without a recording too, where replicas are compared with the first one', async () => {
    const judgement = await judgeScenario(ofWords(undefined, [[1], [2]], [[1], [1]]));
    expect(judgement).toMatchObject({ verdict: 'diverge', comparedWith: 'replays' });
    expect(judgement.backends.map((each) => [each.differsFromItself, each.verdict, each.divergedReplicas])).toEqual([
      [true, 'diverge', expect.objectContaining({ count: 1, total: 1 })],
      [false, 'agree', expect.objectContaining({ count: 0, total: 2 })],
    ]);
    expect(judgement.firstDivergence).toMatchObject({ comparedWith: 'backend0', backend: 'backend0', replica: 1 });
  });
});

describe('replicas that a backend counted, and of which it handed nothing back,', () => {
  const changed = ({ epoch, expected, outcomes }: EpochReplay, change: Partial<EpochReplay>): EpochReplay => ({
    epoch,
    expected,
    outcomes,
    unlistedCount: 0,
    replicas: 1,
    replicasDiffering: 0,
    unknownReasons: [],
    contradictedEpochWord: undefined,
    ...change,
  });

  it.each<[string, number[] | undefined, { against: string[]; replicas: number; listed: boolean }, Verdict]>([
    ['diverge from the recording', [1], { against: [], replicas: 1, listed: false }, 'diverge'],
    ['whatever stands against another backend', [1], { against: ['x'], replicas: 1, listed: false }, 'diverge'],
    ['or from what an earlier backend showed', undefined, { against: [], replicas: 1, listed: false }, 'diverge'],
    ['unless that cannot be judged', undefined, { against: ['x'], replicas: 1, listed: false }, 'unknown'],
    ['or if others of them do not', undefined, { against: ['x'], replicas: 2, listed: true }, 'diverge'],
  ])('%s', async (_case, recorded, { against, replicas, listed }, verdict) => {
    const plan = await planOf(ofWords(recorded, [[1]]));
    const backends = [0, 1].map(
      (index) => new ScriptedBackend(`b${index}`, layoutWith(false), () => ({ words: [1, 7, 0, 0, 0, 0, 0] })),
    );
    const [first, second] = await replayOnAll(plan, backends);
    const outcomes = listed ? second.epochs[0].outcomes : [];
    const judgement = judge(plan, [
      { ...first, epochs: [changed(first.epochs[0], { unknownReasons: against })] },
      {
        ...second,
        epochs: [changed(second.epochs[0], { outcomes, replicas, replicasDiffering: 1, unlistedCount: 1 })],
      },
    ]);
    expect(judgement.verdict).toBe(verdict);
  });
});

describe('epochs that cannot be judged', () => {
  it('are listed up to a limit and all counted', async () => {
    const show = { words: [1, 7, 0, 0, 0, 0, 0], faults: [FAULT], pending: [] };
    const epochs = 40;
    const layout = layoutWith(false);
    const backend = () => new ScriptedBackend('faulty', layout, () => show);
    const plan = planReplay(recordingOf(await recordRun(namedEpochs(epochs), backend())));
    const judgement = judge(plan, [await replayOn(plan, backend())]);
    expect(judgement.epochs).toMatchObject({ total: epochs, unknown: epochs, notReached: 0 });
    expect(judgement.unknownEpochs.map(({ epoch }) => epoch)).toEqual([...new Array(16).keys()]);
  });

  it('are not the ones that nobody reached, which are counted apart', async () => {
    const scenario: Scenario = { ...ofWords([1, 1, 1, 1], [[1, 2, 1, 1]]), mode: 'chained' };
    const judgement = await judgeScenario(scenario);
    expect(judgement.epochs).toEqual({ total: 4, agreeing: 1, diverging: 1, unknown: 2, notReached: 2 });
    expect(judgement.unknownEpochs).toEqual([]);
  });
});
