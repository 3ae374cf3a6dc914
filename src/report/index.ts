/** The report: everything that is known about a replay, as data, as one HTML file and as text. */
export { renderHtml } from './html/document.ts';
export { type Found, makeReport, type ReportInput } from './make-report.ts';
export { readReduction } from './reduction.ts';
export { renderText } from './render-text.ts';
export type {
  Command,
  EpochOverview,
  EpochStretch,
  Hints,
  LaneRow,
  LaneTable,
  MutantHint,
  Remedies,
  Report,
  ReportedBackend,
  ReportedEpoch,
  ReportedExplanation,
  ReportedKernel,
  ReportedOutcome,
  ReportedReduction,
  ReportedStage,
  ReportedToken,
  SeeAgain,
  SeenBy,
} from './report.ts';
