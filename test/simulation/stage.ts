/** What all parts of a world share: time, what happened, who judges it, and the nodes. */
import type { MemoryDisk } from '../support/memory-replica-store.js';
import { History, Violation } from './history.js';
import type { Plan } from './plan.js';
import { Scheduler } from './scheduler.js';
import type { SimNode } from './sim-node.js';
import { Tally } from './tally.js';
import { Trace } from './trace.js';

export class Stage {
  readonly plan: Plan;
  readonly scheduler = new Scheduler();
  readonly tally = new Tally();
  readonly trace: Trace;
  readonly history = new History();
  readonly nodes = new Map<string, SimNode>();
  /** Machines that run a clone of a node's store under its name. */
  readonly clones = new Map<string, SimNode>();
  /** Copies of disks, for a `rollBack` or a `clone`. */
  readonly kept = new Map<string, MemoryDisk>();
  violation: { readonly law: string; readonly message: string } | null = null;
  /** The safety phase is over: no fault happens any more. */
  healed = false;

  constructor(plan: Plan, traced: boolean) {
    this.plan = plan;
    this.trace = new Trace(traced);
  }

  find(name: string): SimNode | undefined {
    return this.nodes.get(name) ?? this.clones.get(name);
  }

  node(name: string): SimNode {
    const node = this.find(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  note(node: string, what: string): void {
    this.trace.add(this.scheduler.now, [node, what], () => `${node}: ${what}`);
  }

  judge(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof Violation) this.fail(error.law, error.message);
      else throw error;
    }
  }

  fail(law: string, message: string): void {
    this.violation ??= { law, message };
    this.note('!', message);
  }

  do(work: () => Promise<unknown>): void {
    work().catch((error: unknown) => {
      if (error instanceof Violation) this.fail(error.law, error.message);
      else this.fail('error', error instanceof Error ? (error.stack ?? error.message) : String(error));
    });
  }

  /** Not once everything works again. */
  later(ms: number, work: () => Promise<unknown>): void {
    this.scheduler.after(ms, () => {
      if (!this.healed) this.do(work);
    });
  }
}
