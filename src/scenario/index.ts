/** One epoch by itself, to be explained, explored and reduced. */
export { type RecordedScenario, scenarioOfEpoch, slotsOfEpoch } from './from-plan.ts';
export { freshSnapshot, type Scenario, type ScenarioOutcome, scenarioOfSlots } from './scenario.ts';
