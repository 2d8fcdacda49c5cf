/** Those who ask: appends with their retries, reads, changes of members, checkpoints. */
import { SnapcommitError } from '#src/errors.js';
import type { AppendResult } from '#src/ports/log.js';
import type { Operation } from './history.js';
import type { PlanItem } from './plan.js';
import type { Stage } from './stage.js';

export class Clients {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async command(
    item: Extract<PlanItem, { readonly kind: 'members' | 'transfer' | 'checkpoint' | 'scrub' }>,
  ): Promise<void> {
    const { host } = this.#stage.node(item.node);
    if (host === null) return;
    try {
      this.#stage.tally.count(item.kind);
      if (item.kind === 'transfer') host.transferLeadership();
      else if (item.kind === 'checkpoint') await host.checkpoint();
      else if (item.kind === 'scrub') await host.scrub();
      else await host.reconfigure(() => item);
      this.#stage.tally.count(`${item.kind} done`);
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
    }
  }

  /** What its client was told last; null: it never asked, or will ask again elsewhere. */
  async append(operation: Operation, name: string, retries: number): Promise<AppendResult | null> {
    const { host } = this.#stage.node(name);
    const running = this.#stage.node(name).process;
    if (host === null || running === null || running.paused) return null;
    operation.attempts += 1;
    const { id, what, request } = operation;
    // An entry says which operation it is by its request's id; an addVolume, by its source, too.
    const key = request || what.type !== 'addVolume' ? { id: `r${String(id)}`, digest: String(id) } : null;
    this.#stage.note(name, `append ${String(id)} ${what.type}`);
    let status: string;
    let result: AppendResult | null = null;
    try {
      const answer = await host.append(what, key);
      result = answer;
      status = answer.status;
      this.#stage.note(
        name,
        `append ${String(id)}: ${answer.status}${answer.status === 'chosen' ? ` ${String(answer.slot)}` : ''}`,
      );
      if (running.alive)
        this.#stage.judge(() => {
          this.#stage.history.answered(operation, answer);
        });
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      status = error.code;
    }
    this.#stage.tally.count(`append ${status}`);
    if (status === 'chosen' || retries === 0) return running.alive ? result : null;
    const names = [...this.#stage.nodes.keys()];
    const next = names[(names.indexOf(name) + 1) % names.length] ?? name;
    this.#stage.later(50, () => this.append(operation, next, retries - 1));
    return null;
  }

  async read(name: string): Promise<void> {
    const running = this.#stage.node(name).process;
    const host = running?.host ?? null;
    if (running === null || host === null || running.paused) return;
    const floor = this.#stage.history.beginRead();
    try {
      const state = await host.read();
      if (!running.alive) return;
      this.#stage.note(name, `read as of ${String(state.applied)}`);
      this.#stage.judge(() => {
        this.#stage.history.answeredRead(floor, state.applied, Object.keys(state.volumes).sort());
      });
      this.#stage.tally.count('read answered');
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      this.#stage.tally.count(`read ${error.code}`);
    }
  }
}
