/**
 * What one node asks of another about transactions: a call for each method of `Participant`, and what recovery,
 * verification and `status` need from elsewhere. Both sides check the shape of what they get; whatever a call answers
 * fits ANSWER_BYTES_MAX, or is an error that says so.
 */
import { RECOVERY_ACTIONS, type Recovery, type RecoveryAction } from '../../coordinator/recovery.js';
import { driverShape, epochShape, manifestVolumeShape, modeShape, transactionIdShape } from '../../log/entry-shape.js';
import type { ManifestVolume, TransactionId } from '../../machine/entry.js';
import type {
  ClonedVolume,
  CutOutcome,
  RoundName,
  RoundReport,
  Survey,
  SurveyedVolume,
  SurveyRequest,
  Work,
} from '../../ports/participant.js';
import {
  list,
  literal,
  natural,
  nullable,
  object,
  oneOf,
  record,
  text,
  variants,
  yesNo,
  type Check,
} from '../../wire/shape.js';
import type { VerifyReport } from '../reports.js';

export const CALL_BYTES_MAX = 1024 * 1024;
/** A report of several thousand volumes. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export type Call =
  | { readonly type: 'survey'; readonly request: SurveyRequest }
  | { readonly [K in RoundStep]: { readonly type: K; readonly round: RoundName } }[RoundStep]
  | { readonly [K in WorkStep]: { readonly type: K; readonly work: Work } }[WorkStep]
  | { readonly type: 'resume'; readonly work: Work; readonly outcome: CutOutcome }
  | { readonly type: 'discard'; readonly work: Work; readonly voidThrough: number | null }
  | { readonly type: 'publish'; readonly group: string; readonly generation: number }
  | { readonly type: 'recover'; readonly dryRun: boolean }
  /** null: every live generation. Only what has volumes on the asked node. */
  | { readonly type: 'verify'; readonly group: string; readonly generation: number | null }
  /** Of every open transaction whose coordinator runs on the asked node. */
  | { readonly type: 'phases' };

type WorkStep = 'quiesce' | 'clone' | 'seal' | 'close' | 'reopen' | 'leave';
type RoundStep = 'prepare' | 'freeze' | 'stage' | 'thaw' | 'endRound';

/** What a coordinator tells its own node's daemon, for whoever asks `status`. */
export interface PhaseTold {
  readonly transaction: TransactionId;
  readonly phase: string;
  /** By node: in which phase it is. Of a node that is left out nothing has changed. */
  readonly hosts: Readonly<Record<string, string>>;
}

export interface PhaseReport {
  readonly transaction: TransactionId;
  readonly phase: string;
  /** ms since the epoch, by the clock of the coordinator's node. */
  readonly since: number;
  readonly hosts: readonly { readonly node: string; readonly phase: string; readonly since: number }[];
}

export type Problem = VerifyReport['problems'][number];

export interface Answers {
  readonly survey: Survey;
  readonly quiesce: null;
  readonly clone: readonly ClonedVolume[];
  readonly seal: readonly ManifestVolume[];
  readonly close: null;
  readonly reopen: boolean;
  readonly leave: null;
  readonly prepare: null;
  readonly freeze: null;
  readonly stage: null;
  readonly thaw: RoundReport;
  readonly endRound: null;
  readonly resume: boolean;
  readonly discard: null;
  readonly publish: null;
  readonly recover: Recovery;
  readonly verify: readonly Problem[];
  readonly phases: readonly PhaseReport[];
}

const work = object<Work>({ transaction: transactionIdShape, epoch: epochShape });
const round = object<RoundName>({ transaction: transactionIdShape, epoch: epochShape, round: natural });
const texts = list(text);

function roundStep<T extends RoundStep>(type: T): Check<{ readonly type: T; readonly round: RoundName }> {
  return object<{ readonly type: T; readonly round: RoundName }>({ type: literal(type), round });
}
function workStep<T extends WorkStep>(type: T): Check<{ readonly type: T; readonly work: Work }> {
  return object<{ readonly type: T; readonly work: Work }>({ type: literal(type), work });
}

export const callShape: Check<Call> = variants<Call>({
  survey: object({
    type: literal('survey'),
    request: object<SurveyRequest>({ mode: modeShape, volumes: texts, cgroups: texts, units: texts }),
  }),
  quiesce: workStep('quiesce'),
  clone: workStep('clone'),
  seal: workStep('seal'),
  close: workStep('close'),
  reopen: workStep('reopen'),
  leave: workStep('leave'),
  prepare: roundStep('prepare'),
  freeze: roundStep('freeze'),
  stage: roundStep('stage'),
  thaw: roundStep('thaw'),
  endRound: roundStep('endRound'),
  resume: object({ type: literal('resume'), work, outcome: oneOf<CutOutcome>(['staged', 'swapped', 'failed']) }),
  discard: object({ type: literal('discard'), work, voidThrough: nullable(natural) }),
  publish: object({ type: literal('publish'), group: text, generation: natural }),
  recover: object({ type: literal('recover'), dryRun: yesNo }),
  verify: object({ type: literal('verify'), group: text, generation: nullable(natural) }),
  phases: object({ type: literal('phases') }),
});

export const phaseToldShape = object<PhaseTold>({
  transaction: transactionIdShape,
  phase: text,
  hosts: record(text),
});

const nothing: Check<null> = (value, where) => {
  if (value === null) return null;
  throw new TypeError(`${where} is not null`);
};
const action = object<RecoveryAction>({
  action: oneOf(RECOVERY_ACTIONS),
  target: text,
  reason: text,
});

/** By the call's type. */
export const answerShapes: { readonly [K in keyof Answers]: Check<Answers[K]> } = {
  survey: object<Survey>({
    volumes: list(object<SurveyedVolume>({ volume: text, driver: driverShape, base: text, pointInTime: yesNo })),
    cgroups: texts,
    exported: nullable(text),
    now: natural,
  }),
  quiesce: nothing,
  clone: list(object<ClonedVolume>({ volume: text, path: text })),
  seal: list(manifestVolumeShape),
  close: nothing,
  reopen: yesNo,
  leave: nothing,
  prepare: nothing,
  freeze: nothing,
  stage: nothing,
  thaw: object<RoundReport>({
    unbroken: yesNo,
    reason: nullable(text),
    stallMs: natural,
    skewMs: natural,
    frozen: texts,
    volumes: list(manifestVolumeShape),
  }),
  endRound: nothing,
  resume: yesNo,
  discard: nothing,
  publish: nothing,
  recover: object<Recovery>({
    actions: list(action),
    failures: list(object<Recovery['failures'][number]>({ action, reason: text })),
  }),
  verify: list(object<Problem>({ group: text, generation: natural, volume: text, problem: text })),
  phases: list(
    object<PhaseReport>({
      transaction: transactionIdShape,
      phase: text,
      since: natural,
      hosts: list(object<PhaseReport['hosts'][number]>({ node: text, phase: text, since: natural })),
    }),
  ),
};
