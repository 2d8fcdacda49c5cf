/** A participant that does nothing but note what it is asked for, and waits or fails where a test says so. */
import type { Participant, RoundReport, Survey } from '#src/ports/participant.js';

export const SURVEY: Survey = {
  volumes: [{ volume: 'v', driver: 'directory', base: 'base of v', pointInTime: false }],
  cgroups: ['/w'],
  exported: null,
  now: 1_700_000_000_000,
};

export const REPORT: RoundReport = {
  unbroken: true,
  reason: null,
  stallMs: 3,
  skewMs: 1,
  frozen: ['/w'],
  volumes: [{ volume: 'v', node: 'b', driver: 'directory', staged: '.staged', id: 'x', swap: null }],
};

type Method = Exclude<keyof Participant, 'node'>;

export interface FakeParticipant extends Participant {
  /** Method and arguments, oldest first. */
  readonly heard: (readonly [Method, ...unknown[]])[];
  /** The next call of this method waits for the release. */
  hold(method: Method): () => void;
  /** The next call of this method rejects. */
  fail(method: Method, error: Error): void;
}

export function fakeParticipant(node: string): FakeParticipant {
  const heard: (readonly [Method, ...unknown[]])[] = [];
  const next = new Map<Method, Promise<void>>();
  const answering =
    <T>(method: Method, answer: T) =>
    async (...given: readonly unknown[]): Promise<T> => {
      heard.push([method, ...given]);
      const before = next.get(method);
      next.delete(method);
      await before;
      return answer;
    };
  return {
    node,
    heard,
    hold(method) {
      let release = (): void => undefined;
      next.set(
        method,
        new Promise((resolve) => {
          release = resolve;
        }),
      );
      return () => {
        release();
      };
    },
    fail(method, error) {
      const failing = Promise.reject(error);
      failing.catch(() => undefined);
      next.set(method, failing);
    },
    survey: answering('survey', SURVEY),
    quiesce: answering('quiesce', undefined),
    prepare: answering('prepare', undefined),
    freeze: answering('freeze', undefined),
    stage: answering('stage', undefined),
    thaw: answering('thaw', REPORT),
    endRound: answering('endRound', undefined),
    resume: answering('resume', true),
    clone: answering('clone', [{ volume: 'v', path: '/clone' }]),
    seal: answering('seal', REPORT.volumes),
    close: answering('close', undefined),
    reopen: answering('reopen', false),
    leave: answering('leave', undefined),
    discard: answering('discard', undefined),
    publish: answering('publish', undefined),
  };
}
