// The cluster's story: from one machine's log to three, through the death of a leader, a return and a replacement.
import { readFileSync } from 'node:fs';
import { Lab } from './lab.mjs';
import { readCounters, Stage, VOLUMES } from './stage.mjs';
import { Teller, tellStory } from './telling.mjs';

/** Tells the story; answers the exit status. */
export async function runClusterDemo({ json }) {
  return tellStory({ json }, async (narrator, use) => {
    const stage = use(new Stage({ directory: false }));
    // A checkpoint after a few entries, so that the story meets one.
    const lab = use(new Lab(stage.directory, { checkpointSlots: 16, keepSlots: KEPT }));
    await new ClusterStory(narrator, stage, lab).tell();
  });
}

class ClusterStory {
  #tell;
  #at;
  #stage;
  #lab;
  /** Where the volumes are. */
  #home;

  constructor(narrator, stage, lab) {
    this.#tell = narrator;
    this.#at = new Teller(narrator);
    this.#stage = stage;
    this.#lab = lab;
  }

  async tell() {
    await this.#alone();
    await this.#found();
    await this.#grow();
    await this.#loseLeader();
    await this.#comeBack();
    await this.#replace();
    await this.#verify();
  }

  async #status(machine) {
    await this.#at.on(machine, ['cluster', 'status']);
    return this.#at.ask(machine, ['cluster', 'status']);
  }

  async #alone() {
    this.#tell.step(
      'One machine, two volumes, one generation',
      'An application on machine north keeps its database on one btrfs filesystem and its log on another. A writer counts\nupwards in both, for ever. So far snapcommit’s own log is north’s alone: no daemon, no network.',
    );
    const north = this.#lab.machine('north');
    this.#home = north;
    this.#stage.makeVolumes();
    await this.#stage.startWriter();
    await this.#at.on(north, ['init', '--node', 'north']);
    for (const volume of VOLUMES)
      await this.#at.on(north, ['volume', 'add', volume, '--source', this.#stage.live(volume)]);
    const volumes = VOLUMES.flatMap((volume) => ['--volume', volume]);
    await this.#at.on(north, ['group', 'create', 'app', ...volumes, '--freeze-cgroup', this.#stage.cgroup]);
    await this.#commit('alone');
  }

  async #found() {
    this.#tell.step(
      'The log becomes a cluster’s first member',
      'The machines north, east and south have network namespaces and addresses of their own here. `cluster init` makes the\ncluster’s authority and marks the log in one sync: from then on only the daemon opens it.',
    );
    const north = this.#home;
    await this.#at.on(north, ['cluster', 'init', '--address', north.address]);
    const refused = await this.#at.on(north, ['list', 'app'], { wanted: 6 });
    this.#tell.check('without the daemon nobody opens it', refused.status === 6);
    await this.#at.start(north);
    const generations = await this.#at.ask(north, ['list', 'app']);
    this.#tell.check('the generation came along', generations.length === 1, `${String(generations.length)} generation`);
    await this.#status(north);
  }

  async #grow() {
    this.#tell.step(
      'Two more members',
      'A token lets one node join, once, and for a short while. It goes through a file (or a pipe), never through an\nargument. The new member gets a certificate, copies the log as a learner, and votes when it has caught up.',
    );
    for (const name of ['east', 'south']) await this.#join(this.#lab.machine(name), this.#home);
    const { members } = await this.#status(this.#home);
    this.#tell.check('three members vote', members.filter(({ role }) => role === 'voter').length === 3);
    await this.#commit('three machines');
  }

  async #join(machine, by) {
    await this.#at.join(machine, by);
    await this.#at.on(by, ['cluster', 'add', machine.name]);
  }

  async #loseLeader() {
    const leader = await this.#leaderAwayFromHome();
    this.#tell.step(
      'The leader is killed in the middle of a commit',
      `A commit on north has staged both volumes and stops just before its decision. In that moment ${leader.name}, which leads\nthe log, is ended by SIGKILL. The commit goes on: the other two elect a leader, and it decides.`,
    );
    const commit = this.#commit('through the death of a leader', {
      SNAPCOMMIT_STOP_AT: 'commit.before',
      onStart: (child) => void this.#killAtStop(child, leader),
    });
    await commit;
    const status = await this.#status(this.#home);
    const lost = status.members.find(({ node }) => node === leader.name);
    this.#tell.check('another one leads', status.leader !== leader.name && status.leader !== null, status.leader);
    this.#tell.check('and the lost one shows', lost.unreachableSince !== null, `since ${lost.unreachableSince}`);
    this.#lost = leader;
    await this.#goOnWithTwo(leader);
  }

  #lost;

  /** Until the others have dropped what the lost one would need next: then only a checkpoint brings it back. */
  async #goOnWithTwo(lost) {
    for (let count = 1; ; count += 1) {
      await this.#commit(`with two machines, ${String(count)}`);
      const { members, checkpointSlot } = await this.#at.ask(this.#home, ['cluster', 'status']);
      if (checkpointSlot - KEPT > members.find(({ node }) => node === lost.name).lastSlot) return;
    }
  }

  /** The commit's own machine keeps its daemon here; where it leads, it hands over first. */
  async #leaderAwayFromHome() {
    for (;;) {
      const { leader } = await this.#at.ask(this.#home, ['cluster', 'status']);
      if (leader !== null && leader !== this.#home.name) return this.#lab.machines.get(leader);
      if (leader === this.#home.name) {
        await this.#home.endDaemon('SIGTERM');
        await this.#home.startDaemon();
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #killAtStop(child, leader) {
    while (!isStopped(child.pid)) await new Promise((resolve) => setTimeout(resolve, 20));
    this.#tell.note(`(the commit stands before its decision; ${leader.name}: kill -9 ${String(leader.pid)})`);
    await leader.endDaemon('SIGKILL');
    child.kill('SIGCONT');
  }

  async #comeBack() {
    const lost = this.#lost;
    this.#tell.step(
      `${lost.name} comes back, from a checkpoint`,
      'While it was away the others went on, wrote checkpoints and dropped what these cover: the entries that it lacks\nare gone. So it gets the whole state, hashed and in chunks, and goes on from there.',
    );
    const before = await this.#at.ask(this.#home, ['cluster', 'status']);
    const { lastSlot } = before.members.find(({ node }) => node === lost.name);
    this.#tell.check(
      'the next entry that it needs is gone from the others’ logs',
      before.checkpointSlot - KEPT > lastSlot,
      `it holds slot ${String(lastSlot)}; checkpoint at ${String(before.checkpointSlot)}, ${String(KEPT)} kept below it`,
    );
    await this.#at.start(lost);
    await this.#at.until(`${lost.name} has caught up`, async () => {
      const { members } = await this.#at.ask(this.#home, ['cluster', 'status']);
      return members.every(({ lagSlots, unreachableSince }) => lagSlots === 0 && unreachableSince === null);
    });
    const after = await this.#status(lost);
    this.#tell.check(
      'it has the checkpoint',
      after.checkpointSlot >= before.checkpointSlot,
      `slot ${String(after.checkpointSlot)}`,
    );
    await this.#at.on(lost, ['list', 'app']);
  }

  async #replace() {
    const leaving = this.#lost;
    this.#tell.step(
      `${leaving.name} is lost for good, and west takes its place`,
      'Its disk is gone. A new machine joins as a learner, and one entry in the log, a stop-sign, ends the old membership and\nbegins the new one.',
    );
    await leaving.endDaemon('SIGKILL');
    leaving.lose();
    const west = this.#lab.machine('west');
    await this.#at.join(west, this.#home);
    await this.#status(this.#home);
    await this.#at.on(this.#home, ['cluster', 'replace', leaving.name, 'west']);
    const { members } = await this.#status(west);
    const names = members.map(({ node }) => node);
    this.#tell.check(
      'the membership is the new one',
      !names.includes(leaving.name) && names.includes('west'),
      names.join(', '),
    );
    await this.#commit('with west');
  }

  async #verify() {
    this.#tell.step('Checking everything', 'Every generation that was ever promised, on whichever machine one asks.');
    await this.#at.on(this.#lab.machines.get('west'), ['list', 'app']);
    await this.#at.on(this.#home, ['verify']);
    const generations = await this.#at.ask(this.#home, ['list', 'app']);
    for (const { generation, consistency } of generations) await this.#checkGeneration(generation, consistency.grade);
    await this.#status(this.#home);
  }

  async #checkGeneration(generation, grade) {
    const { volumes } = await this.#at.ask(this.#home, ['open', `app@${String(generation)}`]);
    const paths = Object.fromEntries(Object.entries(volumes).map(([name, { path }]) => [name, path]));
    const { db, wal } = readCounters(paths);
    const holds = grade === 'barrier' && (db === wal || db === wal + 1);
    this.#tell.check(
      `app@${String(generation)} is one moment of both volumes`,
      holds,
      `db ${String(db)}, wal ${String(wal)}`,
    );
  }

  #commits = 0;

  async #commit(message, { onStart, ...env } = {}) {
    const args = ['commit', 'app', '--require', 'barrier', '--message', message];
    await this.#at.on(this.#home, args, onStart === undefined ? {} : { env, onStart });
    this.#commits += 1;
    const newest = (await this.#at.ask(this.#home, ['list', 'app'])).at(-1);
    this.#tell.check(
      `app@${String(this.#commits)} stands`,
      newest.generation === this.#commits && newest.message === message,
    );
  }
}

/** So many entries are kept below a checkpoint. */
const KEPT = 4;

function isStopped(pid) {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  } catch {
    return false;
  }
}
